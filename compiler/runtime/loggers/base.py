"""What a logger is told."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from compiler.errors import Fault
from compiler.runtime.fitting.progress import Row

Ended = Literal["complete", "pruned", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class About:
    """A run, as it is known before it begins.

    Attributes:
        name: the model's.
        folder: the run directory.
        model_yaml: the model's frozen spec; empty where there is none.
        spec_hash: of the network; empty where there is none.
        config: the resolved sections `train` and `data`.
    """

    name: str
    folder: Path
    model_yaml: str
    spec_hash: str
    config: Mapping[str, object]

    def parameters(self) -> dict[str, bool | int | float | str]:
        """The leaves of the configuration by dotted names; null is the word."""
        return dict(_leaves(self.config, ()))


class Logger(ABC):
    """Abstract: told of a training until it ends. It may raise what it likes."""

    @abstractmethod
    def begin(self, history: Sequence[Row]) -> None:
        """The training begins, or goes on after the epochs of `history`, which may have been logged before or not."""

    @abstractmethod
    def epoch(self, row: Row) -> None:
        """An epoch is over."""

    @abstractmethod
    def end(self, how: Ended, record: Mapping[str, Any], reason: str) -> None:
        """The run is over.

        Args:
            record: the fields of `run.json` that the training came to; empty unless `how` is `complete`.
            reason: why it failed.
        """

    def note(self, faults: Sequence[Fault]) -> None:
        """Something was noticed."""
        return


def _leaves(value: object, path: tuple[str, ...]) -> Iterator[tuple[str, bool | int | float | str]]:
    if isinstance(value, Mapping) and value:
        for key, item in cast("Mapping[object, object]", value).items():
            yield from _leaves(item, (*path, str(key)))
    elif isinstance(value, (bool, int, float, str)):
        yield ".".join(path), value
    else:
        yield ".".join(path), "null" if value is None else str(value)
