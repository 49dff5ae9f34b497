"""Who is told how a training goes on, and how it is shown: a live bar on a terminal, one line an epoch everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from compiler.errors import Fault, render

if TYPE_CHECKING:
    from rich.console import Console

Row = Mapping[str, float]
"""One row of the history: `epoch`, `learning_rate`, `train.loss`, ..., `seconds`."""


class Pruned(Exception):
    """A training that is not worth going on with; whoever is told of its epochs may raise it in `epoch`."""


class Progress(Protocol):
    """Told by a training how far it is: the console, every logger, and a sweep."""

    def begin(self, epochs: int, steps: int, history: Sequence[Row] = ()) -> None:
        """A training of at most `epochs` epochs of `steps` steps begins, or goes on after those of `history`."""

    def step(self, epoch: int, done: int) -> None:
        """`done` steps of `epoch` (from 1) are done."""

    def epoch(self, row: Row) -> None:
        """An epoch is over.

        Raises:
            Pruned: the training is to end here.
        """

    def note(self, faults: Sequence[Fault]) -> None:
        """Something was noticed while it runs; these are warnings."""

    def close(self) -> None:
        """The training is over, however it ended."""


class Lines:
    """One plain line an epoch.

    Args:
        console: where they go.
    """

    def __init__(self, console: Console) -> None:
        self.console, self.epochs = console, 0

    def begin(self, epochs: int, steps: int, history: Sequence[Row] = ()) -> None:
        self.epochs = epochs

    def step(self, epoch: int, done: int) -> None:
        """Nothing: a log file needs no steps."""

    def epoch(self, row: Row) -> None:
        # no markup and no wrapping: the line is text that other programs may read
        self.console.print(line(row, self.epochs), markup=False, highlight=False, soft_wrap=True)

    def note(self, faults: Sequence[Fault]) -> None:
        self.console.print(render(faults), markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Nothing is open."""


class Notes(Lines):
    """What there is to warn of, and no epochs: for what is over in seconds."""

    def epoch(self, row: Row) -> None:
        """Nothing: hundreds of iterations would pass at once."""


class Bar(Lines):
    """A live bar of the epoch's steps below the lines."""

    def begin(self, epochs: int, steps: int, history: Sequence[Row] = ()) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Live

        super().begin(epochs, steps, history)
        text = TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}")
        self._steps = steps
        self._live = Live(
            text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=self.console, transient=True
        )
        done = len(history)
        epoch = min(done + 1, epochs)
        self._task = self._live.add_task("", total=steps * epochs, completed=steps * done, epoch=epoch, epochs=epochs)
        self._live.start()

    def step(self, epoch: int, done: int) -> None:
        self._live.update(self._task, completed=(epoch - 1) * self._steps + done, epoch=epoch)

    def close(self) -> None:
        if hasattr(self, "_live"):
            self._live.stop()


class Silent:
    """Nothing is shown."""

    def begin(self, epochs: int, steps: int, history: Sequence[Row] = ()) -> None: ...
    def step(self, epoch: int, done: int) -> None: ...
    def epoch(self, row: Row) -> None: ...
    def note(self, faults: Sequence[Fault]) -> None: ...
    def close(self) -> None: ...


class Rows(Silent):
    """Keeps the history, for what is not told of it otherwise.

    Attributes:
        rows: one an epoch, those before a resumption too.
    """

    def __init__(self) -> None:
        self.rows: tuple[Row, ...] = ()

    def begin(self, epochs: int, steps: int, history: Sequence[Row] = ()) -> None:
        self.rows = tuple(history)

    def epoch(self, row: Row) -> None:
        self.rows = (*self.rows, row)


class Together:
    """Several that are told the same, in order."""

    def __init__(self, observers: Iterable[Progress]) -> None:
        self.observers = tuple(observers)

    def begin(self, epochs: int, steps: int, history: Sequence[Row] = ()) -> None:
        for observer in self.observers:
            observer.begin(epochs, steps, history)

    def step(self, epoch: int, done: int) -> None:
        for observer in self.observers:
            observer.step(epoch, done)

    def epoch(self, row: Row) -> None:
        for observer in self.observers:
            observer.epoch(row)

    def note(self, faults: Sequence[Fault]) -> None:
        for observer in self.observers:
            observer.note(faults)

    def close(self) -> None:
        for observer in self.observers:
            observer.close()


def progress_on(console: Console) -> Progress:
    """What suits `console`: a bar on a terminal, else lines."""
    return Bar(console) if console.is_terminal else Lines(console)


def line(row: Row, epochs: int) -> str:
    """An epoch as one line.

    >>> line({"epoch": 3, "learning_rate": 1e-3, "train.loss": 0.5, "val.loss": 0.25, "seconds": 2.06}, 40)
    'epoch  3/40  train.loss 0.5000  val.loss 0.2500  lr 0.001  2.1 s'
    """
    width = len(str(epochs))
    values = [f"{key} {value:.4f}" for key, value in row.items() if "." in key]
    head = f"epoch {int(row['epoch']):>{width}}/{epochs}"
    return "  ".join([head, *values, f"lr {row['learning_rate']:.3g}", f"{row['seconds']:.1f} s"])
