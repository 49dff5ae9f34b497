"""The steps of an experiment as commands of `train.py`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from compiler.runtime.experiment.settings import Step
from compiler.spec.overrides import in_grammar


def words_of(step: Step, folder: Path, further: Sequence[str]) -> list[str]:
    """The command line of a step, in its folder; `further` overrides lie over its own.

    >>> step = Step(run={"ensemble": "greedy", "ensemble.members": [{"glob": "a/*", "best": {"k": 2}}]})
    >>> words_of(step, Path("out"), ["train.epochs=1"])
    ['ensemble=greedy', "ensemble.members=[{glob: 'a/*', best: {k: 2}}]", 'train.epochs=1', 'hydra.run.dir=out']
    """
    own = [f"{key}={_value(value)}" for key, value in step.overrides.items()]
    if step.sweep is not None:
        return ["-m", *own, *further, f"hydra.sweep.dir={in_grammar(str(folder))}"]
    return [*own, *further, f"hydra.run.dir={in_grammar(str(folder))}"]


def _value(value: object) -> str:
    """A value in Hydra's grammar; a text stands as it is, for it may be a sweep: `choice(1, 2)`."""
    return value if isinstance(value, str) else in_grammar(value, spaced=True)
