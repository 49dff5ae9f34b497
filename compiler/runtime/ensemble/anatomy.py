"""What an ensemble is made of: its members' weights, how unlike they are, and what each is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from compiler.runtime.ensemble.blends import Values, Weighted
from compiler.runtime.ensemble.diversity import Ambiguity, Pairs, ambiguity, pairs
from compiler.runtime.ensemble.objectives import Objective
from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.problem import Problem
from compiler.runtime.ensemble.settings import EnsembleSettings
from compiler.runtime.ensemble.weighting import CrossValidated, Weighed
from compiler.runtime.ensemble.worth import Sizes, by_size, order, worths

SHOWN = 64
"""Members of which pairs are looked at: more cannot be told apart in a picture."""


@dataclass(frozen=True, eq=False)
class Anatomy:
    """The members of an ensemble, on the validation rows.

    Attributes:
        names: of the M members.
        weights: (M,); None where the blend has no weight for each.
        by_fold: the same of each fold of the cross-validation, where they have weights.
        singles: the objective of each alone, as it is, (M,).
        ranked: their positions, the largest weight first.
        pairs: of the first SHOWN of `ranked`.
        split: None where weights are below zero or there are none.
        worths: by how much the cost rises without a member, by its position; of those that were tried.
        sizes: ensembles of the first k.
    """

    names: tuple[str, ...]
    objective: Objective
    weights: Values | None
    by_fold: tuple[Values, ...]
    singles: Values
    ranked: tuple[int, ...]
    pairs: Pairs
    split: Ambiguity | None
    worths: Mapping[int, float]
    sizes: Sizes

    def as_json(self) -> dict[str, object]:
        """For `run.json`: the split, and the means over pairs of what `Pairs` measures, where they exist."""
        above = np.triu_indices(len(self.pairs.members), 1)
        means: dict[str, float] = {}
        for name, matrix in self.pairs.matrices().items():
            known = matrix[above][np.isfinite(matrix[above])]
            if len(known):
                means[name] = float(known.mean())
        return {"split": None if self.split is None else self.split.as_json(), "pairs": means}


def anatomy(
    pool: Pool, settings: EnsembleSettings, weighed: Weighed, crossed: CrossValidated, seconds: float = 5.0
) -> Anatomy:
    """Look into an ensemble.

    Args:
        pool: of the validation rows.
        weighed: the ensemble, and `crossed` the cross-validation of its weights.
        seconds: how long weights are found anew at most, for the worths and again for the sizes.
    """
    objective = settings.objective_of(pool.task)
    problem = Problem(pool, objective, weighed.pooling, settings.seed, settings.diversity)
    solution = weighed.solution
    ranked = order(problem, solution)
    kept = list(weighed.kept)
    known = [each.solution for each in (weighed, *crossed.weighed)]
    among = worths(problem.only(kept), settings.method, seconds=seconds)
    blend, singles = solution.blend, problem.singles
    split = ambiguity(problem, blend) if isinstance(blend, Weighted) and blend.weights.min() >= 0 else None
    return Anatomy(
        names=pool.names,
        objective=objective,
        weights=solution.weights,
        by_fold=tuple(one.solution.weights for one in crossed.weighed if one.solution.weights is not None),
        singles=-singles if objective.best == "max" else np.array([objective.of_mean(one) for one in singles]),
        ranked=tuple(ranked),
        pairs=pairs(pool, ranked[:SHOWN]),
        split=split,
        worths={kept[m]: worth for m, worth in among.items()},
        sizes=by_size(problem, settings.method, crossed.fold, seconds=seconds, known=known),
    )
