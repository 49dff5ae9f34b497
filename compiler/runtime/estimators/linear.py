"""Linear models as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.estimators.links import LINKS, linked
from compiler.runtime.estimators.problem import Table, Values


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """`x @ coefficients + intercept`, and what that goes through.

    Attributes:
        coefficients: (F, V); intercept: (V,).
    """

    form: ClassVar[str] = "linear"

    link: str
    coefficients: NDArray[np.float64]
    intercept: NDArray[np.float64]

    def predict(self, x: Table) -> Values:
        """Probabilities or values, (N, ...)."""
        return linked(self.link, x.astype(np.float64) @ self.coefficients + self.intercept)

    def parts(self) -> tuple[dict[str, object], dict[str, NDArray[Any]]]:
        """Plain values and arrays, for `from_parts`."""
        return {"link": self.link}, {"coefficients": self.coefficients, "intercept": self.intercept}

    @classmethod
    def from_parts(cls, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Linear:
        """The model that `parts` was made of.

        Raises:
            ValueError: it is none.
        """
        coefficients, intercept = arrays["coefficients"], arrays["intercept"]
        floats = coefficients.dtype == intercept.dtype == np.float64
        if not floats or coefficients.ndim != 2 or intercept.shape != coefficients.shape[1:]:
            raise ValueError(f"coefficients of {coefficients.shape} and an intercept of {intercept.shape}")
        if values["link"] not in LINKS:
            raise ValueError(f"an unknown link {values['link']!r}")
        return cls(values["link"], coefficients, intercept)
