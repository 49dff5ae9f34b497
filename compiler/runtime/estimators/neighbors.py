"""The nearest training rows: the rows themselves, searched by scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from compiler.estimators import KINDS
from compiler.runtime.estimators.problem import Table, Values, usable_cpus
from compiler.runtime.training import Task
from compiler.settings import InvalidSettings, validate


@dataclass(frozen=True, slots=True, eq=False)
class Neighbors:
    """Training rows and their labels.

    Attributes:
        params: scikit-learn's, as the model file has them.
        x: (N, F); y: (N,) or (N, K).
    """

    form: ClassVar[str] = "neighbors"

    task: Task
    params: Mapping[str, Any]
    x: Table
    y: NDArray[Any]
    _search: list[Any] = field(default_factory=list[Any])

    def predict(self, x: Table) -> Values:
        """Probabilities (N, C) or (N, K), or values (N, K)."""
        if not self._search:
            self._search.append(self._fitted())
        search = self._search[0]
        if self.task == "regression":
            return np.asarray(search.predict(x), np.float64).reshape(len(x), -1)
        given = search.predict_proba(x)
        if self.task == "multilabel":
            return np.stack([_of_one(p, known) for p, known in zip(given, search.classes_, strict=True)], axis=1)
        return given

    def _fitted(self) -> Any:
        from sklearn import neighbors

        cls = neighbors.KNeighborsRegressor if self.task == "regression" else neighbors.KNeighborsClassifier
        return cls(**self.params, n_jobs=usable_cpus()).fit(self.x, self.y)

    def parts(self) -> tuple[dict[str, object], dict[str, NDArray[Any]]]:
        """Plain values and arrays, for `from_parts`."""
        return {"task": self.task, "params": dict(self.params)}, {"x": self.x, "y": self.y}

    @classmethod
    def from_parts(cls, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Neighbors:
        """The rows that `parts` was made of.

        Raises:
            ValueError: they are none.
        """
        task, x, y = values["task"], arrays["x"], arrays["y"]
        try:
            params = validate(KINDS["knn"].params(task), values["params"]).arguments()
        except InvalidSettings as error:
            raise ValueError(str(error)) from None
        if x.dtype != np.float32 or x.ndim != 2 or len(x) != len(y) or len(x) < params["n_neighbors"]:
            raise ValueError(f"rows of {x.dtype} {x.shape}, and labels of {y.shape}")
        if y.dtype != (np.float32 if task == "regression" else np.int64) or y.ndim not in (1, 2):
            raise ValueError(f"labels of {y.dtype} {y.shape}")
        return cls(task, params, x, y)


def _of_one(probabilities: NDArray[Any], known: NDArray[Any]) -> Values:
    """The probability of 1, where only some of 0 and 1 are known."""
    return probabilities[:, list(known).index(1)] if 1 in known else np.zeros(len(probabilities))
