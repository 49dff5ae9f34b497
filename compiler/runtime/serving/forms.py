"""The forms in which `export` writes a model: what is known of them before Keras is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler.errors import ConfigError, Fault, did_you_mean
from compiler.runtime.extras import require


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a deployed model.

    Attributes:
        ending: of its file's name; a folder's has none.
        extra: of this package, that brings `packages`.
        packages: what writing and reading it needs besides TensorFlow.
    """

    ending: str = ""
    extra: str = ""
    packages: tuple[str, ...] = ()


FORMS: Mapping[str, Form] = {
    "keras": Form(".keras"),
    "saved_model": Form(),
    "onnx": Form(".onnx", "onnx", ("tf2onnx", "onnx", "onnxruntime")),
    "tflite": Form(".tflite", "tflite", ("ai_edge_litert",)),
}
"""By name; `export.py` says how each is written and read."""


def form_of(name: str) -> Form:
    """The form `name`, ready to be written.

    Raises:
        ConfigError: E117, there is no such form; E808, it needs a package that is not installed.
    """
    if name not in FORMS:
        hint = did_you_mean(name, FORMS) or f"one of {', '.join(FORMS)}"
        raise ConfigError([Fault("E117", f"unknown form {name!r}", hint=hint)])
    form = FORMS[name]
    require(form.packages, form.extra, f"to={name}")
    return form


def target(form: Form, model: str, path: Path | None) -> Path:
    """Where to write a model: `path`, or a file here that is called as the model is.

    Raises:
        ConfigError: E006, `path` is not one that the form can be written to.
    """
    path = path or Path(model + form.ending)
    reason = None
    if not path.parent.is_dir():
        reason = f"there is no folder '{path.parent}'"
    elif path.suffix != form.ending and form.ending:
        reason = f"the name of this form ends with {form.ending}"
    elif path.is_dir() or (path.exists() and not form.ending):
        reason = "it exists already"
    if reason:
        raise ConfigError([Fault("E006", f"cannot write '{path}': {reason}")])
    return path
