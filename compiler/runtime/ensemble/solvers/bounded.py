"""What a solver finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-8
"""The gap at which a solver may stop."""


@dataclass(frozen=True, eq=False)
class Bounded:
    """Weights, and how good any could be.

    Attributes:
        weights: float64 (M,).
        bound: what was minimised is not below this anywhere on the weights that were allowed.
        iterations: of the solver.
    """

    weights: NDArray[np.float64]
    bound: float
    iterations: int
