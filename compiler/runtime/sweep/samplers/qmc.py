"""A quasi-random sequence, whose point N is trial N's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compiler.runtime.sweep.methods.base import Draw
from compiler.runtime.sweep.samplers.cube import from_unit
from compiler.runtime.sweep.samplers.whole import Whole

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class Sequence(Whole):
    """Point N of SciPy's scrambled Sobol' or Halton sequence for trial N; parameters that a condition leaves out have
    a coordinate too, which is not used.

    Optuna's QMCSampler counts its points in the study without a lock, so that two processes can draw the same one,
    and takes the first trial's parameters for the whole space.
    """

    def __init__(self, draw: Draw, sequence: str) -> None:
        super().__init__(draw)
        self._sequence = sequence

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        from scipy.stats import qmc  # slow to import

        if not search_space:
            return {}
        engine = {"sobol": qmc.Sobol, "halton": qmc.Halton}[self._sequence](
            len(search_space), scramble=True, rng=self._draw.search_seed
        )
        if trial.number:
            engine.fast_forward(trial.number)
        point = engine.random(1)[0]
        return {key: from_unit(search_space[key], float(u)) for key, u in zip(search_space, point, strict=True)}
