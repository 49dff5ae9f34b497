"""A run's record, changed as a program would that knows the form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compiler.runtime.run.seal import sealed


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write `run.json` with the seal that fits."""
    path.write_text(sealed(json.dumps({key: value for key, value in record.items() if key != "seal"})), "utf-8")
