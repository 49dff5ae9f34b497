"""A worker's file: what it is doing, and by its time of change that it lives."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Self

from compiler.runtime.run.files import place
from compiler.runtime.sweep.owners import Owner

SECONDS = 1.0
"""From one sign of life to the next."""

_TRAINING = "compiler.runtime.fitting.fit"


@dataclass(frozen=True, slots=True)
class Beat:
    """What a worker is doing.

    Attributes:
        trial: which it has in hand.
        since: when it began with it, in seconds since the epoch; where it imported Keras first, from then on.
        importing: whether it imports Keras now.
        done: how many trials it has had before.
    """

    trial: int | None = None
    since: float | None = None
    importing: bool = False
    done: int = 0

    @classmethod
    def read(cls, path: Path) -> Self:
        """What the file of a worker says; that of one that has said nothing yet where there is none."""
        try:
            record: dict[str, Any] = json.loads(path.read_text("utf-8"))
            return cls(**{key: record[key] for key in cls.__slots__ if key in record})
        except (OSError, ValueError, TypeError):
            return cls()


class Heartbeat:
    """Writes the file as long as it is entered.

    Args:
        path: of the file.
        owner: the process.
    """

    def __init__(self, path: Path, owner: Owner) -> None:
        self._path, self._owner = path, owner
        self._beat = Beat()
        self._lock, self._over = Lock(), Event()
        self._thread = Thread(target=self._go_on, name="heartbeat", daemon=True)

    def begins(self, trial: int) -> None:
        """A trial is in hand."""
        self._now(lambda beat: replace(beat, trial=trial, since=time.time()))

    def ends(self) -> None:
        """It is out of hand."""
        self._now(lambda beat: replace(beat, trial=None, since=None, done=beat.done + 1))

    def __enter__(self) -> Self:
        self._now(lambda beat: beat)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _now(self, change: Callable[[Beat], Beat]) -> None:
        with self._lock:
            self._beat = change(self._beat)
            text = json.dumps({**self._owner.as_json(), **asdict(self._beat)})
            with suppress(OSError):  # a full disk shows elsewhere, and a trial does not need the file
                place(self._path.parent, self._path.name, lambda path: path.write_text(text, "utf-8"))

    def _go_on(self) -> None:
        while not self._over.wait(SECONDS):
            importing = _importing()
            if importing != self._beat.importing:
                self._now(lambda beat, importing=importing: _imported(beat, importing))
            with suppress(OSError):
                os.utime(self._path)


def _imported(beat: Beat, importing: bool) -> Beat:
    since = beat.since if importing or beat.since is None else time.time()
    return replace(beat, importing=importing, since=since)


def _importing() -> bool:
    return "keras" in sys.modules and not hasattr(sys.modules.get(_TRAINING), "fit")
