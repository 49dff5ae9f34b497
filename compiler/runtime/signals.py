"""Signals that ask a run to stop: at once where nothing is lost by it, else when the steps at work are done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

from compiler.errors import ConfigError, Fault

CODE = "E807"

NOTHING = ("nothing was trained yet", None)

_ASKING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
"""SIGUSR1 is what SLURM is told to send some time before the end (`--signal=USR1@120`)."""


class Interrupted(ConfigError):
    """E807: a signal stopped the run.

    Attributes:
        by_user: whether it was Ctrl-C.
    """

    def __init__(self, number: int, fault: Fault) -> None:
        super().__init__([fault])
        self.by_user = number == signal.SIGINT


class _AtOnce(BaseException):
    """Raised by the handler, past whatever is at work; no `except Exception` of a library keeps it."""


class Signals:
    """While it is entered, the signals that ask to stop raise `Interrupted` where it ends.

    Where they came within `held()` they are kept in `received` only, and who holds them looks there. A second
    Ctrl-C is Python's own again. A signal for which the program has a handler already (submitit's, say) is left to it,
    and so are all of them outside of the main thread. It may be entered again within itself: a process that trains
    several runs has one for all of them.

    Attributes:
        received: the number of the signal that came; None while none did.
        kept: what the message says of the work so far, and its hint; whoever keeps something says so here.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.kept: tuple[str, str | None] = NOTHING
        self._held = False
        self._broke_in = False
        self._entered = 0
        self._before: dict[int, Any] = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no signal break in meanwhile."""
        before, self._held = self._held, True
        try:
            yield
        finally:
            self._held = before

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Within `held()`: let a signal break in, as `Interrupted`.

        Raises:
            Interrupted: one came, meanwhile or before.
        """
        if self.received is not None:
            raise self.interrupted()
        before, self._held = self._held, False
        try:
            yield
        except _AtOnce:
            raise self.interrupted() from None
        except RuntimeError:
            if not self._broke_in:
                raise
            raise self.interrupted() from None  # pybind11 puts one in the place of what breaks into its work
        finally:
            self._held, self._broke_in = before, False

    @contextmanager
    def let_in(self) -> Iterator[None]:
        """Within `held()`: let a signal break this off, and go on behind it. What it breaks off must change nothing."""
        self._held = self.received is not None  # one that came before is looked at behind it
        try:
            yield
        except _AtOnce:
            self._broke_in = False
        finally:
            self._held = True

    def interrupted(self) -> Interrupted:
        """The error of a run that the received signal stopped."""
        assert self.received is not None
        what, hint = self.kept
        return Interrupted(self.received, Fault(CODE, f"stopped by {_name(self.received)}: {what}", hint=hint))

    def __enter__(self) -> Self:
        self._entered += 1
        if self._entered == 1 and threading.current_thread() is threading.main_thread():
            for number in _ASKING:
                handler = signal.getsignal(number)
                if handler in (signal.SIG_DFL, signal.default_int_handler):
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._entered -= 1
        if not self._entered:
            for number, handler in self._before.items():
                signal.signal(number, handler)
            self._before.clear()
        if isinstance(error, _AtOnce):
            raise self.interrupted() from None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again = self.received == number
        self.received = number
        if again and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self._held and not again:  # the same one again must not break into the work of stopping
            self._broke_in = True
            raise _AtOnce


def _name(number: int) -> str:
    return "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
