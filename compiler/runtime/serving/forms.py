"""The forms in which `export` writes a model: what is known of them before Keras is imported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from compiler.errors import ConfigError, Fault, did_you_mean

FORMS: Mapping[str, str] = {"keras": ".keras", "saved_model": ""}
"""By form, how its file's name ends; a folder's has no ending. `export.py` has a writer for each."""


def target(form: str, name: str, path: Path | None) -> Path:
    """Where to write a model that is called `name`: `path`, or a file of that name here.

    Raises:
        ConfigError: E117, there is no such form; E006, `path` is not one that it can be written to.
    """
    if form not in FORMS:
        hint = did_you_mean(form, FORMS) or f"one of {', '.join(FORMS)}"
        raise ConfigError([Fault("E117", f"unknown form {form!r}", hint=hint)])
    ending = FORMS[form]
    path = path or Path(name + ending)
    reason = None
    if not path.parent.is_dir():
        reason = f"there is no folder '{path.parent}'"
    elif path.suffix != ending and ending:
        reason = f"the name of this form ends with {ending}"
    elif path.is_dir() or (path.exists() and not ending):
        reason = "it exists already"
    if reason:
        raise ConfigError([Fault("E006", f"cannot write '{path}': {reason}")])
    return path
