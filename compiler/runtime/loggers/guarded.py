"""All loggers of a run as one observer: one that fails is warned of once and left out from then on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from compiler.errors import Fault, Place, as_json
from compiler.runtime.extras import require
from compiler.runtime.fitting.progress import Pruned, Row
from compiler.runtime.loggers.base import About, Ended, Logger
from compiler.runtime.training import loggers as named
from compiler.spec.located import Map, at


def require_packages(settings: Sequence[named.Logger], section: Map) -> None:
    """Refuse loggers whose packages are missing.

    Args:
        section: `train`, for the places.

    Raises:
        ConfigError: E808.
    """
    for i, wanted in enumerate(settings):
        place: Place = at(section, ("loggers", i))[0]
        require(wanted.packages, wanted.extra, f"the logger {type(wanted).__name__!r}", place)


class Loggers:
    """The loggers of a run, from its beginning to its end. As a context manager it ends them as the block ends.

    Args:
        say: shows warnings.

    Attributes:
        warnings: what went wrong, as `errors.as_json` has it.
    """

    def __init__(
        self, settings: Sequence[named.Logger], about: About, say: Callable[[Sequence[Fault]], None] = lambda _: None
    ) -> None:
        self.warnings: list[Mapping[str, object]] = []
        self._say, self._record = say, None
        self._loggers: dict[str, Logger] = {}
        for wanted in settings:
            name = type(wanted).__name__
            self._guard(name, lambda wanted=wanted, name=name: self._loggers.update({name: _made(wanted, about)}))

    def begin(self, epochs: int, steps: int, history: Sequence[Row] = ()) -> None:
        self._each(lambda logger: logger.begin(history))

    def step(self, epoch: int, done: int) -> None:
        """Nothing: they are told of epochs."""

    def epoch(self, row: Row) -> None:
        self._each(lambda logger: logger.epoch(row))

    def note(self, faults: Sequence[Fault]) -> None:
        self._each(lambda logger: logger.note(faults))

    def close(self) -> None:
        """Nothing: evaluation is still to come."""

    def complete(self, record: Mapping[str, Any]) -> None:
        """The run is complete, and `run.json` is written with `record`."""
        self._end("complete", record, "")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from compiler.runtime.signals import Interrupted

        interrupted = isinstance(error, (Interrupted, KeyboardInterrupt))
        how = "pruned" if isinstance(error, Pruned) else "interrupted" if interrupted else "failed"
        self._end(how, {}, str(error) or type(error).__name__)

    def _end(self, how: Ended, record: Mapping[str, Any], reason: str) -> None:
        self._each(lambda logger: logger.end(how, record, reason))
        self._loggers.clear()

    def _each(self, tell: Callable[[Logger], None]) -> None:
        for name, logger in tuple(self._loggers.items()):
            self._guard(name, lambda logger=logger: tell(logger))

    def _guard(self, name: str, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # a full disk, a server that is gone: whatever it is, the training goes on
            self._loggers.pop(name, None)
            said = str(error).strip().splitlines()
            reason = f"{type(error).__name__}: {said[0][:200]}" if said else type(error).__name__
            fault = Fault("W824", f"the logger {name!r} failed, and is told nothing more ({reason})")
            self.warnings.append(as_json(fault))
            self._say([fault])


def _made(settings: named.Logger, about: About) -> Logger:
    if isinstance(settings, named.TensorBoard):
        from compiler.runtime.loggers.tensorboard import TensorBoardLogger

        return TensorBoardLogger(settings, about)
    assert isinstance(settings, named.MLflow), "every logger that has a name is made here"
    from compiler.runtime.loggers.mlflow import MLflowLogger

    return MLflowLogger(settings, about)
