"""Faults: data first (`fault`), their codes (`codes`), their printing (`text`)."""

from compiler.errors.codes import CODES
from compiler.errors.fault import (
    ConfigError,
    Diagnostics,
    Fault,
    Note,
    Place,
    Source,
    Use,
    closest,
    did_you_mean,
    moved,
    shown,
)
from compiler.errors.text import as_json, render, render_fault

__all__ = [
    "CODES",
    "ConfigError",
    "Diagnostics",
    "Fault",
    "Note",
    "Place",
    "Source",
    "Use",
    "as_json",
    "closest",
    "did_you_mean",
    "moved",
    "render",
    "render_fault",
    "shown",
]
