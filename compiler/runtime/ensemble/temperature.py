"""How sure a blend is, fitted after its weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from compiler.runtime.ensemble.blends import Weighted
from compiler.runtime.ensemble.objectives import Brier, LogLoss
from compiler.runtime.ensemble.problem import Problem

RANGE = 0.05, 20.0
"""Between which temperatures the best one is looked for."""


def tempered(problem: Problem, blend: Weighted) -> tuple[Weighted, float]:
    """The blend at its best temperature, and its cost then: Guo et al. 2017, On calibration of modern networks, ICML.

    It is fitted to the objective where that is a proper score of probabilities, and to the log-loss where it is not:
    the class that is likeliest stays the same at every temperature.

    Args:
        blend: of the problem's members.
    """
    from scipy.optimize import minimize_scalar

    pool = problem.pool
    fitted = problem.objective if isinstance(problem.objective, (LogLoss, Brier)) else LogLoss()
    used = blend.used or (0,)
    logits = blend.only(used).logits(pool.member(m) for m in used)

    def cost(logarithm: float) -> float:
        said = blend.normalised(logits / np.exp(logarithm))
        return fitted.cost(said, pool.labels, pool.task)

    found: Any = minimize_scalar(cost, bounds=np.log(RANGE), method="bounded", options={"xatol": 1e-5})
    better = found.fun < cost(0.0)
    warm = replace(blend, temperature=float(np.exp(found.x))) if better else blend
    return warm, problem.cost_of(warm)
