"""How long the phases of a training take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter


@dataclass(slots=True)
class Clock:
    """Seconds by phase.

    Attributes:
        alone: whether the training is the first of its process, whose age then says something.
    """

    alone: bool = True
    timings: dict[str, float] = field(default_factory=dict[str, float])
    _last: float = field(default_factory=perf_counter)

    def lap(self, phase: str) -> float:
        """Add the time since the last lap to `phase`, and give it."""
        now = perf_counter()
        seconds, self._last = now - self._last, now
        self.timings[phase] = self.timings.get(phase, 0.0) + seconds
        return seconds

    def add(self, earlier: Mapping[str, float]) -> None:
        """Count what an earlier process took, too."""
        for phase, seconds in earlier.items():
            self.timings[phase] = self.timings.get(phase, 0.0) + seconds

    def rounded(self) -> dict[str, float]:
        """The seconds by phase, to milliseconds."""
        return {phase: round(seconds, 3) for phase, seconds in self.timings.items()}
