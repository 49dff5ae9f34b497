"""The forms in which `export` writes a model: what is known of them before Keras is imported."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from compiler.errors import ConfigError, Fault, did_you_mean
from compiler.runtime.extras import require
from compiler.runtime.run.files import TEMPORARY, reported


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

OF_ENSEMBLES: Mapping[str, Form] = {"bundle": Form(), "student": Form()}
"""What only an ensemble can be made, a run directory each; `bundle.py` and `student.py` write them."""


def form_of(name: str) -> Form:
    """The form `name`, ready to be written.

    Raises:
        ConfigError: E117, there is no such form; E808, it needs a package that is not installed.
    """
    known = {**FORMS, **OF_ENSEMBLES}
    if name not in known:
        hint = did_you_mean(name, known) or f"one of {', '.join(known)}"
        raise ConfigError([Fault("E117", f"unknown form {name!r}", hint=hint)])
    form = known[name]
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


@contextmanager
def placed(path: Path) -> Iterator[Path]:
    """Gives where to make a file or folder aside, and renames it to `path` when all went well.

    Raises:
        ConfigError: E006 or E805, the file system refuses.
    """
    aside: Path | None = None
    try:
        with reported(f"write '{path}'", "E006"):
            aside = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=path.parent))
            made = aside / path.name
            yield made
            made.replace(path)
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
