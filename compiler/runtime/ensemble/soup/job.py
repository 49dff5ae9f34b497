"""One soup: from saved runs to the run of a network."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from compiler.errors import ConfigError, Diagnostics, Fault, did_you_mean, render
from compiler.runtime.checks import measured
from compiler.runtime.ensemble.agreement import check_members
from compiler.runtime.ensemble.lock import LOCK, Locked, lock_text, locked_run
from compiler.runtime.ensemble.members import Member, open_members
from compiler.runtime.ensemble.plan import SoupPlan
from compiler.runtime.ensemble.soup.settings import SoupSettings
from compiler.runtime.ensemble.soup.start import check_one_start
from compiler.runtime.fitting.clock import Clock
from compiler.runtime.memory import enough_memory
from compiler.runtime.quiet import quiet
from compiler.runtime.run import Run, RunWriter, environment
from compiler.runtime.serving.preprocessing import preprocessing_of
from compiler.runtime.serving.trained import settings_of
from compiler.runtime.signals import NOTHING, Signals
from compiler.spec.located import Map, at

if TYPE_CHECKING:
    from rich.console import Console

    from compiler.runtime.data import Dataset

_COPIED = ("model.yaml", "preprocessing.json", "rows.csv")


@dataclass(frozen=True, slots=True)
class Souped:
    """What a soup came to.

    Attributes:
        metrics: of `val` and, where it was scored, `test`.
        monitor: the metric of `val` by which it was judged.
        members: what that is of each member, by name.
        taken: those whose weights are in it.
        best: whether it is better than every member, as far as `val` says.
    """

    metrics: Mapping[str, Mapping[str, float]]
    monitor: str
    members: Mapping[str, float]
    taken: tuple[str, ...]
    best: bool

    @property
    def score(self) -> float:
        """What a sweep optimises."""
        return self.metrics["val"][self.monitor]


def run_soup(job: SoupPlan, folder: Path, console: Console, overrides: Sequence[str] = ()) -> Souped:
    """Average the members' weights, leave a complete run of the kind `keras` in `folder`, and say what came of it.

    Args:
        overrides: the command line, for the record.

    Raises:
        ConfigError: E851 and E857, the weights have no common mean; E601, `monitor` was not measured; as
            `run_ensemble` raises; or faults of the data that the members were trained on.
    """
    diagnostics = Diagnostics()
    selectors = job.section.entries["members"]
    with Signals() as signals, enough_memory():
        signals.kept = NOTHING
        members = open_members(selectors, diagnostics)
        diagnostics.raise_errors()
        check_members(members, folder, job.settings.recipe == "greedy", selectors.place, diagnostics)
        diagnostics.raise_errors()
        check_one_start(members, diagnostics)
        diagnostics.raise_errors()
        if diagnostics.faults:
            console.print(render(diagnostics.faults), markup=False, highlight=False, soft_wrap=True)
        soup = _cooked(job.settings, members, job.section, folder, overrides)
    console.print(told(soup, folder), markup=False, highlight=False, soft_wrap=True)
    return soup


def _cooked(
    settings: SoupSettings, members: Sequence[Member], section: Map, folder: Path, overrides: Sequence[str]
) -> Souped:
    clock = Clock()
    runs = [member.runs[0] for member in members]
    monitor, sign = _monitor(settings, runs, section)
    values = [run.metrics["val"][monitor] for run in runs]
    dataset = preprocessing_of(runs[0]).own_data(at(section, ("members",))[0])
    _require_same(dataset, members[0])
    clock.lap("data")
    with quiet():
        from compiler.runtime.ensemble.soup.network import Pot, greedy, uniform
    clock.lap("import")
    names = [member.name for member in members]
    with RunWriter(folder, {**_facts(runs[0]), "overrides": list(overrides)}) as writer:
        locked = [Locked(one.name, one.form, "keras", (locked_run(one.runs[0].root, folder, {}),)) for one in members]
        writer.save_text(LOCK, lock_text(locked))
        for name in _COPIED:
            if name in runs[0].artefacts:
                source = runs[0].file(name)
                writer.save(name, lambda path, source=source: shutil.copyfile(source, path))
        clock.lap("save")
        pot = Pot(runs[0], dataset)
        clock.lap("build")
        taken, tried = list(range(len(runs))), dict[int, float]()
        if settings.recipe == "greedy":
            weights, taken, tried = greedy(pot, runs, values, monitor, sign)
        else:
            weights = uniform(pot, runs)
        pot.model.set_weights(weights)
        clock.lap("fit")
        metrics: dict[str, Mapping[str, float]] = {}
        for name, split in (("val", dataset.val), ("test", dataset.test)):
            if name == "val" or settings.test:
                metrics[name], said = pot.evaluate(split)
                clock.lap("evaluate")
                writer.save_predictions(name, said, split.ids, split.y)
        writer.save("model.keras", lambda path: pot.model.save(path))
        clock.lap("save")
        said_of = dict(zip(names, values, strict=True))
        soup = {
            "recipe": settings.recipe,
            "monitor": f"val.{monitor}",
            "members": said_of,
            "taken": [names[m] for m in taken],
            "tried": {names[m]: value for m, value in tried.items()},
            "statistics": "training rows" if pot.normalised and len(taken) > 1 else None,
        }
        best = sign * metrics["val"][monitor] > max(sign * value for value in values)
        writer.complete({"metrics": metrics, "soup": soup, "timings": clock.rounded()})
    return Souped(metrics, monitor, said_of, tuple(names[m] for m in taken), best)


def told(soup: Souped, folder: Path) -> str:
    """What is in the soup, how good it is, and where it stands."""
    lines = [
        f"{'+' if name in soup.taken else ' '} val.{soup.monitor} {value:.4f}  {name}"
        for name, value in soup.members.items()
    ]
    if not soup.best:
        lines.append(f"by val.{soup.monitor} the soup is no better than its best member alone")
    scores = (f"{split}.{name} {value:.4f}" for split, found in soup.metrics.items() for name, value in found.items())
    return "\n".join([*lines, "  ".join(scores), str(folder)])


def _facts(run: Run) -> dict[str, object]:
    """What `run.json` says from the start: what the members have in common, as the first one has it."""
    shared = ("kind", "name", "task", "spec_hash", "model", "data", "config", "seeds", "initial")
    return {**{key: run.record[key] for key in shared if key in run.record}, "environment": environment()}


def _monitor(settings: SoupSettings, runs: Sequence[Run], section: Map) -> tuple[str, int]:
    """The metric of `val` by which the soup is judged, and 1 where larger is better, else -1."""
    train, task = settings_of(runs[0]), cast(Any, runs[0].record["task"])
    modes = {"loss": "min", **{metric.key: metric.best for metric in measured(train, task)}}
    own = train.best.monitor
    wanted = settings.monitor or (own if own.startswith("val.") else "val.loss")
    split, _, metric = wanted.partition(".")
    if split != "val" or metric not in modes or any(metric not in run.metrics.get("val", {}) for run in runs):
        known = [f"val.{key}" for key in modes]
        hint = did_you_mean(wanted, known) or f"one of {', '.join(known)}"
        message = f"'monitor' is {wanted!r}, which was not measured of every member"
        raise ConfigError([Fault("E601", message, at(section, ("monitor",))[0], hint=hint)])
    return metric, 1 if modes[metric] == "max" else -1


def _require_same(dataset: Dataset, member: Member) -> None:
    """Raise E851 unless the data are what the members were trained on."""
    now = dataset.fingerprints
    others = [
        f"{what} of {split}"
        for what in ("rows", "labels")
        for split in ("train", "val", "test")
        if member.fingerprint(what, split) != now[what][split]
    ]
    if others:
        message = f"the data are not those that '{member.name}' was trained on: {', '.join(others)} changed since"
        raise ConfigError([Fault("E851", message, member.place, hint="give them back their data")])
