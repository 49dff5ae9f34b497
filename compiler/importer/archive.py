"""Keras configs from elsewhere: `.keras` archives and the JSON of `model.to_json()`.

Keras deserialises nothing here: what comes back is plain values, which `keras_config.py` translates by class.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from compiler.errors import Place
from compiler.importer.sandbox import Limits, run

MOST_BYTES, MOST_NODES, MOST_DEPTH = 16 << 20, 1_000_000, 128
"""Caps of a config: bytes of JSON, values in it, and how deeply they are nested."""


def read_config(path: Path, place: Place | None = None) -> dict[str, object]:
    """The config in a `.keras` archive or a JSON file: a mapping with `class_name` and `config`.

    The file is read in a process of its own, under limits (see `sandbox`). Members of an archive that are none of a
    model's, names that lead out of it, links, and bombs are refused; checksums are compared.

    Args:
        path: the file.
        place: where the user names it, for faults; the file itself by default.

    Raises:
        ConfigError: E006, no such file; E901, not of this kind, or damaged; E902, it has what is refused; E903, it is
            over the limits of size, memory or time.
    """
    request = {"bytes": MOST_BYTES, "nodes": MOST_NODES, "depth": MOST_DEPTH}
    return cast(dict[str, object], run("compiler.importer.members:config", path, request, Limits(), place))
