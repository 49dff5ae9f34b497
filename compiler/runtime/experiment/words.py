"""The steps of an experiment as commands of `train.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from compiler.runtime.experiment.settings import Step

_PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
_READ_OTHERWISE = {"true", "false", "null", "nan", "inf"}


def words_of(step: Step, folder: Path, further: Sequence[str]) -> list[str]:
    """The command line of a step, in its folder; `further` overrides lie over its own.

    >>> step = Step(run={"ensemble": "greedy", "ensemble.members": [{"glob": "a/*", "best": {"k": 2}}]})
    >>> words_of(step, Path("out"), ["train.epochs=1"])
    ['ensemble=greedy', "ensemble.members=[{glob: 'a/*', best: {k: 2}}]", 'train.epochs=1', 'hydra.run.dir=out']
    """
    own = [f"{key}={_value(value)}" for key, value in step.overrides.items()]
    if step.sweep is not None:
        return ["-m", *own, *further, f"hydra.sweep.dir={_text(str(folder))}"]
    return [*own, *further, f"hydra.run.dir={_text(str(folder))}"]


def _value(value: object) -> str:
    """A value in Hydra's grammar; a text stands as it is, for it may be a sweep: `choice(1, 2)`."""
    return value if isinstance(value, str) else _nested(value)


def _nested(value: object) -> str:
    if isinstance(value, Mapping):
        pairs = cast("Mapping[Any, Any]", value).items()
        return "{" + ", ".join(f"{key}: {_nested(item)}" for key, item in pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_nested(item) for item in cast("list[Any]", value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value) if isinstance(value, (int, float)) else _text(str(value))


def _text(text: str) -> str:
    """A text in Hydra's grammar, quoted where it would be read otherwise."""
    if _PLAIN.fullmatch(text) and text.lower() not in _READ_OTHERWISE:
        return text
    escaped = re.sub(r"(\\+)(?='|$)", r"\1\1", text).replace("'", r"\'")  # backslashes count before a quote only
    return f"'{escaped}'"
