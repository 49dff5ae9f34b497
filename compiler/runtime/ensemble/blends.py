"""What becomes of the members' predictions: the model that an ensemble is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.training.losses import Task

Pooling = Literal["probability", "logit"]
Values = NDArray[np.float64]

LEAST = 1e-7
"""What a probability counts for at least where its logarithm is taken: a member that is sure and wrong says -16."""


class Blend(ABC):
    """Abstract: from what M members say about N rows, (N, C) each, to what the ensemble says, float64 (N, C)."""

    @abstractmethod
    def __call__(self, said: Iterable[NDArray[Any]]) -> Values:
        """Blend the members' predictions, which are taken one after the other, in their order."""

    @property
    @abstractmethod
    def used(self) -> tuple[int, ...]:
        """The positions of the members that make a difference."""

    @abstractmethod
    def only(self, members: Sequence[int]) -> Blend:
        """The same blend, to which these members alone are given: `used` ones must be among them."""

    @abstractmethod
    def among(self, size: int, members: Sequence[int]) -> Blend:
        """The same blend, which is given `size` members, its own at these positions: what `only` undoes."""

    @abstractmethod
    def as_json(self) -> dict[str, object]:
        """All that it takes to blend again, for the run directory."""


@dataclass(frozen=True, eq=False)
class Weighted(Blend):
    """One weight for each member.

    With `probability` the blend is sum_m w_m p_m (the same for values). With `logit` it is softmax(sum_m w_m log p_m)
    for classes, and the sigmoid of the weighted sum of log-odds for each label: logarithmic pooling (Genest and Zidek
    1986, Statistical Science 1(1), page 114).

    Attributes:
        weights: float64 (M,).
        temperature: the blend's logarithms are divided by it before they are normalised again; 1 leaves them alone.
    """

    task: Task
    weights: Values
    pooling: Pooling = "probability"
    temperature: float = 1.0

    def __call__(self, said: Iterable[NDArray[Any]]) -> Values:
        total: Any = None
        for weight, one in zip(self.weights, said, strict=True):
            if weight or total is None:  # the first one tells the shape, where no logarithm has a weight
                part = weight * (one.astype(np.float64) if self.pooling == "probability" else self.log(one))
                total = part if total is None else total + part
        if self.pooling == "logit":
            return self.normalised(total / self.temperature)
        return total if self.temperature == 1.0 else self.normalised(self.log(total) / self.temperature)

    @property
    def used(self) -> tuple[int, ...]:
        return tuple(int(m) for m in np.flatnonzero(self.weights))

    def only(self, members: Sequence[int]) -> Weighted:
        return replace(self, weights=self.weights[list(members)])

    def among(self, size: int, members: Sequence[int]) -> Weighted:
        weights = np.zeros(size)
        weights[list(members)] = self.weights
        return replace(self, weights=weights)

    def log(self, p: NDArray[Any]) -> Values:
        """Logarithms of probabilities, (N, C), or the log-odds of labels; of at least LEAST."""
        clipped = np.clip(p.astype(np.float64), LEAST, 1 - LEAST)
        return np.log(clipped) - np.log1p(-clipped) if self.task == "multilabel" else np.log(clipped)

    def normalised(self, logits: Values) -> Values:
        """The probabilities that logits come to, (N, C)."""
        if self.task == "multilabel":
            return 1 / (1 + np.exp(-logits))
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)

    def as_json(self) -> dict[str, object]:
        return {
            "form": "weighted",
            "task": self.task,
            "pooling": self.pooling,
            "temperature": self.temperature,
            "weights": [float(weight) for weight in self.weights],
        }


def _weighted(value: Mapping[str, Any]) -> Weighted:
    weights = np.asarray(value["weights"], dtype=np.float64)
    if weights.ndim != 1 or not np.isfinite(weights).all():
        raise ValueError("weights that are no numbers")
    if value["task"] not in ("multiclass", "binary", "multilabel", "regression"):
        raise ValueError(f"the task {value['task']!r}")
    if value["pooling"] not in ("probability", "logit"):
        raise ValueError(f"the pooling {value['pooling']!r}")
    return Weighted(value["task"], weights, value["pooling"], float(value["temperature"]))


FORMS: Mapping[str, Callable[[Mapping[str, Any]], Blend]] = {"weighted": _weighted}
"""By the `form` of a blend's JSON, what reads it."""


def blend_of(value: Mapping[str, Any]) -> Blend:
    """The blend that `Blend.as_json` gave.

    Raises:
        KeyError, TypeError, ValueError: it did not give that.
    """
    if value["form"] not in FORMS:
        raise ValueError(f"a blend of the form {value['form']!r}")
    return FORMS[value["form"]](value)
