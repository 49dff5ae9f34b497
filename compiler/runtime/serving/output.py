"""Where predictions are written: what is known of the file before anything is read. NumPy is not imported."""

from __future__ import annotations

import os
from pathlib import Path

from compiler.errors import ConfigError, Fault, Place
from compiler.runtime.data.paths import user_path
from compiler.runtime.extras import require
from compiler.runtime.run import Run
from compiler.runtime.run.files import RECORD

ENDINGS = (".csv", ".npz", ".parquet")
"""Of what can be written; `table.py` has a writer for each."""


def output_file(text: str, inputs: str, place: Place) -> Path:
    """The file that `text` names, if predictions can be written there.

    Args:
        inputs: where the rows come from; it is not overwritten.

    Raises:
        ConfigError: E006, it cannot be written; E808, that needs a package that is not installed.
    """
    path = user_path(text)
    reason = None
    if path.suffix not in ENDINGS:
        reason = f"its name must end with {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
    elif path.is_dir():
        reason = "it is a folder"
    elif not path.parent.is_dir():
        reason = f"there is no folder '{path.parent}'"
    elif not os.access(path.parent, os.W_OK):
        reason = "its folder is not writable"
    elif path.exists() and path.resolve() == user_path(inputs).resolve():
        reason = "the rows are read from it"
    if reason:
        raise ConfigError([Fault("E006", f"cannot write '{path}': {reason}", place)])
    if path.suffix == ".parquet":
        require(["pyarrow"], "parquet", "a .parquet file", place)
    return path


def not_of_the_run(path: Path, run: Run, place: Place) -> None:
    """Raise E006 where `path` is one of the run's own files."""
    own = {run.root.resolve() / name for name in (*run.artefacts, RECORD)}
    if path.resolve() in own:
        raise ConfigError([Fault("E006", f"cannot write '{path}': it belongs to the run '{run.root}'", place)])
