"""The mean absolute error: a linear program."""

from __future__ import annotations

import numpy as np

from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.solvers.bounded import Bounded
from compiler.runtime.ensemble.solvers.errors import errors
from compiler.runtime.ensemble.solvers.simplex import Values

_DIGITS = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


def least_absolute(wrong: Values, linear: Values | None = None, scale: float = 1.0) -> Bounded:
    """Minimise F(w) = scale mean(abs(w @ wrong)) + linear @ w over the simplex, by HiGHS.

    What is solved is the dual: the signs d in [-1, 1], one for each value, that maximise
    min_m(scale mean(d wrong_m) + linear_m), which has a row for each member and not for each value. The weights are its
    multipliers. The proof: for whatever d in [-1, 1], that minimum is below every F(v).

    Args:
        wrong: (M, R), what each member is wrong by.
        linear: (M,); None for zeros.
    """
    from scipy.optimize import linprog

    size, count = wrong.shape
    cost = np.zeros(size) if linear is None else linear
    unit = float(np.abs(wrong).mean(axis=1).min()) * scale or 1.0  # of the values: HiGHS's tolerances are absolute
    rows = np.hstack([wrong * (-scale / (unit * np.sqrt(count))), np.ones((size, 1))])
    limits = [(-1.0, 1.0)] * count + [(None, None)]
    goal = np.append(np.zeros(count), -1.0)
    found = linprog(
        goal, A_ub=rows, b_ub=cost / unit * np.sqrt(count), bounds=limits, method="highs-ds", options=_DIGITS
    )
    if found.x is None:
        return Bounded(np.full(size, 1 / size), -np.inf, 0)
    weights = np.clip(-found.ineqlin.marginals, 0, None)
    signs = np.clip(found.x[:-1], -1, 1)
    slack = 64 * np.finfo(np.float64).eps * (scale * np.abs(wrong).mean(axis=1) + np.abs(cost))
    bound = float((scale * (wrong @ signs) / count + cost - slack).min())
    return Bounded(weights / weights.sum(), bound, int(found.nit))


def wrong_by(pool: Pool) -> Values:
    """What each member is wrong by, (M, N K)."""
    return np.concatenate(list(errors(pool)), axis=1)
