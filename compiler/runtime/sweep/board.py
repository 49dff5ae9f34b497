"""The board of a sweep: a live table on a terminal, plain lines elsewhere, read off the study as it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from compiler.runtime.sweep.objectives import Objective
from compiler.runtime.sweep.results import PartialResults
from compiler.runtime.sweep.standing import Standing, is_scored, seconds, standing_of, values_of, why
from compiler.runtime.sweep.trials import FINISHED, TrialState
from compiler.runtime.sweep.wording import counted, duration, number

if TYPE_CHECKING:
    from rich.console import Console, Group

    from compiler.runtime.sweep.study import Study

Overrides = Callable[[Mapping[str, Any]], list[str]]
"""Gives the overrides that drawn parameters come to."""

_SHARE = 0.03
"""Of the time, at most, is spent on reading the study."""

_LEAST = 0.5
"""Seconds between two looks at the study, at least."""

_RECENT = 5
"""Finished trials that the live table shows."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a sweep is.

    Attributes:
        an_hour: finished trials an hour, since the board was opened; None while there is none.
        left: seconds until all are finished; None while nothing tells.
    """

    an_hour: float | None
    left: float | None


class Board:
    """Shows how a sweep goes on.

    `update` may be called as often as one likes: the study is read twice a second at most, and less often where that
    takes long.

    Args:
        console: a terminal gets a live table, anything else one line for each trial that finishes.
        study: what is shown.
        workers: how many trials can run at once; None: as many as were seen at once.
        clock: seconds, for tests.
    """

    def __init__(
        self, console: Console, study: Study, workers: int | None = None, clock: Callable[[], float] = monotonic
    ) -> None:
        self._console, self._study, self._clock = console, study, clock
        self._overrides: Overrides = study.definition.space.overrides
        self._partial = PartialResults(study, clock)
        self._workers, self._most = workers, 1
        self._begun = clock()
        self._next = self._begun
        self._standing = standing_of(study)
        self._told = {trial.number for trial in self._standing.trials if trial.done}
        self._before = len(self._told)
        self._best = self._standing.best
        self._live = _live(console) if console.is_terminal else None
        if self._before and not self._live:
            self._print(_goes_on(self._standing))
        self._show(self._standing)

    def update(self) -> None:
        """Look at the study, where it is time to, and show what is new."""
        start = self._clock()
        if start >= self._next:
            self._look()
            self._next = start + max(_LEAST, (self._clock() - start) / _SHARE)

    def close(self) -> None:
        """Show the last state, and let go of the terminal."""
        self._look()
        if self._live:
            self._live.stop()

    def _look(self) -> None:
        self._standing = standing_of(self._study)
        running = sum(trial.state == "running" for trial in self._standing.trials)
        self._most = max(self._most, running)
        self._show(self._standing)
        self._partial.update(self._standing)

    def _show(self, standing: Standing) -> None:
        if self._live:
            elapsed = self._clock() - self._begun
            pace = pace_of(standing, self._before, elapsed, self._workers or self._most)
            self._live.update(table(standing, pace, self._overrides, self._console.height), refresh=True)
            return
        new = [trial for trial in standing.trials if trial.done and trial.number not in self._told]
        for trial in sorted(new, key=_when):
            self._told.add(trial.number)
            self._best = Standing(standing.objectives, tuple(t for t in (self._best, trial) if t)).best
            self._print(line(trial, standing.objectives, self._best, self._overrides(trial.params)))

    def _print(self, text: str) -> None:
        # no markup and no wrapping: the line is text that other programs may read
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def line(trial: TrialState, objectives: Sequence[Objective], best: TrialState | None, overrides: Iterable[str]) -> str:
    """A finished trial as one line: its number and state, value, the best so far, what was changed for it."""
    words = [f"trial {trial.number:>3} {trial.state}"]
    if is_scored(trial):
        words += [f"{each.name} {number(value)}" for each, value in zip(objectives, values_of(trial), strict=True)]
    elif trial.steps:
        last = max(trial.steps)
        words.append(f"{objectives[0].name} {number(trial.steps[last])} at epoch {last}")
    if trial.reused_from is not None:
        words.append(f"as trial {trial.reused_from}")
    if trial.state != "complete" and (reason := why(trial)):
        words.append(f"({reason})")
    if best is not None:
        words.append(f"best {number(values_of(best)[0])} (trial {best.number})")
    return "  ".join([*words, " ".join(overrides)]).rstrip()


def pace_of(standing: Standing, before: int, elapsed: float, workers: int) -> Pace:
    """How fast a sweep is, from the trials that are finished.

    Args:
        before: finished ones when `elapsed` began.
        elapsed: seconds.
        workers: how many trials run at once.
    """
    counts = standing.counts()
    done = sum(counts.get(state, 0) for state in FINISHED) - before
    an_hour = 3600 * done / elapsed if done > 0 and elapsed > 0 else None
    took = [found for trial in standing.trials if trial.done and (found := seconds(trial)) is not None]
    if not took:
        return Pace(an_hour, None)
    mean = sum(took) / len(took)
    # a trial at work has half of its time before it, as far as one knows
    ahead = counts.get("waiting", 0) + 0.5 * counts.get("running", 0)
    return Pace(an_hour, mean * ahead / max(workers, 1))


def table(standing: Standing, pace: Pace, overrides: Overrides, height: int = 40) -> Group:
    """What the live table shows: counts and pace, trials at work and those that finished last, the best one.

    Args:
        overrides: of what was drawn for a trial.
        height: lines of the terminal.
    """
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rows = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    rows.add_column("trial", justify="right", no_wrap=True)
    rows.add_column("state", no_wrap=True)
    rows.add_column("epoch", justify="right", no_wrap=True)
    rows.add_column(standing.objectives[0].name, justify="right", no_wrap=True)
    rows.add_column("overrides", no_wrap=True, overflow="ellipsis", ratio=1)
    best = standing.best
    running = [trial for trial in standing.trials if trial.state == "running"]
    finished = sorted((trial for trial in standing.trials if trial.done), key=_when, reverse=True)
    for trial in [*running[: max(height - _RECENT - 6, 1)], *finished[:_RECENT]]:
        marked = trial is best
        style = "bold green" if marked else _STYLES[trial.state]
        rows.add_row(
            f"{'* ' if marked else ''}{trial.number}",
            trial.state,
            str(max(trial.steps)) if trial.steps else "",
            number(found) if (found := _latest(trial)) is not None else "",
            Text(why(trial) if trial.state in ("failed", "infeasible") else " ".join(overrides(trial.params))),
            style=style,
        )
    head = counted(standing.counts())
    if pace.an_hour is not None:
        head += f"; {pace.an_hour:.0f} trials an hour"
    if pace.left is not None and standing.unfinished:
        head += f"; about {duration(pace.left)} left"
    foot = Text("no trial is complete yet", style="dim")
    if best is not None:
        values = zip(standing.objectives, values_of(best), strict=True)
        scores = "  ".join(f"{objective.name} {number(value)}" for objective, value in values)
        foot = Text(f"best: trial {best.number}  {scores}", style="bold")
        if changed := overrides(best.params):
            foot += Text("\n" + " ".join(changed))
        if len(standing.objectives) > 1:
            foot += Text(f"\n{len(standing.front)} trials on the Pareto front", style="dim")
    return Group(Text(head, style="bold"), rows, foot)


_STYLES = {
    "running": "cyan",
    "waiting": "dim",
    "complete": "",
    "pruned": "dim",
    "infeasible": "yellow",
    "failed": "red",
}


def _latest(trial: TrialState) -> float | None:
    if is_scored(trial):
        return values_of(trial)[0]
    return trial.steps[max(trial.steps)] if trial.steps else None


def _when(trial: TrialState) -> tuple[float, int]:
    return (trial.finished.timestamp() if trial.finished else 0.0, trial.number)


def _goes_on(standing: Standing) -> str:
    text = f"goes on: {counted(standing.counts())}"
    best = standing.best
    return f"{text}  best {number(values_of(best)[0])} (trial {best.number})" if best else text


def _live(console: Console):
    from rich.live import Live

    live = Live(console=console, auto_refresh=False, transient=True)
    live.start()
    return live
