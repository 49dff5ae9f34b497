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

    @property
    @abstractmethod
    def sway(self) -> Values:
        """How much each member counts, (M,): the size of its weight or of its coefficients."""

    @abstractmethod
    def mean(self, blends: Sequence[Any]) -> Blend:
        """The blend, of this form, of the mean of the coefficients of several of this form."""

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
        if self.pooling == "probability" and self.temperature == 1.0:
            return self._sum(said)
        return self.normalised(self.logits(said) / self.temperature)

    def logits(self, said: Iterable[NDArray[Any]]) -> Values:
        """What the temperature divides, (N, C): the sum of logarithms, or the logarithms of the sum."""
        return self._sum(said) if self.pooling == "logit" else self.log(self._sum(said))

    def _sum(self, said: Iterable[NDArray[Any]]) -> Values:
        total: Any = None
        for weight, one in zip(self.weights, said, strict=True):
            if weight or total is None:  # the first one tells the shape, where no logarithm has a weight
                part = weight * (one.astype(np.float64) if self.pooling == "probability" else self.log(one))
                total = part if total is None else total + part
        return total

    @property
    def sway(self) -> Values:
        return np.abs(self.weights)

    def mean(self, blends: Sequence[Weighted]) -> Weighted:
        return replace(self, weights=np.mean([one.weights for one in blends], axis=0))

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


@dataclass(frozen=True, eq=False)
class Stacked(Blend):
    """Coefficients of any sign: Wolpert 1992, Stacked generalization, Neural Networks 5(2), page 241.

    For classes the blend is softmax(b + sum_m log(p_m) A_m); for each label the sigmoid of b + sum_m a_m logodds(p_m);
    for each target b + sum_m a_m v_m.

    Attributes:
        coefficients: float64 (M, C, C) for classes; (M, K) for labels and targets.
        intercept: float64 (C,) or (K,).
    """

    task: Task
    coefficients: Values
    intercept: Values

    def __call__(self, said: Iterable[NDArray[Any]]) -> Values:
        total: Any = self.intercept
        for coefficients, one in zip(self.coefficients, said, strict=True):
            term = self.term(one)
            total = total + (term @ coefficients if self.coefficients.ndim == 3 else term * coefficients)
        return total if self.task == "regression" else self._plain.normalised(total)

    def term(self, one: NDArray[Any]) -> Values:
        """What the coefficients of a member multiply, (N, C): logarithms, log-odds, or the values."""
        return one.astype(np.float64) if self.task == "regression" else self._plain.log(one)

    @property
    def _plain(self) -> Weighted:
        return Weighted(self.task, np.ones(1), "logit")

    @property
    def sway(self) -> Values:
        return np.sqrt(np.square(self.coefficients).reshape(len(self.coefficients), -1).sum(axis=1))

    @property
    def used(self) -> tuple[int, ...]:
        return tuple(int(m) for m in np.flatnonzero(self.sway))

    def mean(self, blends: Sequence[Stacked]) -> Stacked:
        coefficients = np.mean([one.coefficients for one in blends], axis=0)
        return replace(self, coefficients=coefficients, intercept=np.mean([one.intercept for one in blends], axis=0))

    def only(self, members: Sequence[int]) -> Stacked:
        return replace(self, coefficients=self.coefficients[list(members)])

    def among(self, size: int, members: Sequence[int]) -> Stacked:
        coefficients = np.zeros((size, *self.coefficients.shape[1:]))
        coefficients[list(members)] = self.coefficients
        return replace(self, coefficients=coefficients)

    def as_json(self) -> dict[str, object]:
        return {
            "form": "stacked",
            "task": self.task,
            "coefficients": self.coefficients.tolist(),
            "intercept": self.intercept.tolist(),
        }


def _weighted(value: Mapping[str, Any]) -> Weighted:
    weights = np.asarray(value["weights"], dtype=np.float64)
    if weights.ndim != 1 or not np.isfinite(weights).all():
        raise ValueError("weights that are no numbers")
    _known_task(value["task"])
    if value["pooling"] not in ("probability", "logit"):
        raise ValueError(f"the pooling {value['pooling']!r}")
    return Weighted(value["task"], weights, value["pooling"], float(value["temperature"]))


def _stacked(value: Mapping[str, Any]) -> Stacked:
    coefficients = np.asarray(value["coefficients"], dtype=np.float64)
    intercept = np.asarray(value["intercept"], dtype=np.float64)
    _known_task(value["task"])
    width = (len(intercept),) * (2 if value["task"] in ("multiclass", "binary") else 1)
    if intercept.ndim != 1 or coefficients.ndim < 2 or coefficients.shape[1:] != width:
        raise ValueError("coefficients that do not fit the intercept")
    if not np.isfinite(coefficients).all() or not np.isfinite(intercept).all():
        raise ValueError("coefficients that are no numbers")
    return Stacked(value["task"], coefficients, intercept)


def _known_task(task: object) -> None:
    if task not in ("multiclass", "binary", "multilabel", "regression"):
        raise ValueError(f"the task {task!r}")


FORMS: Mapping[str, Callable[[Mapping[str, Any]], Blend]] = {"weighted": _weighted, "stacked": _stacked}
"""By the `form` of a blend's JSON, what reads it."""


def blend_of(value: Mapping[str, Any]) -> Blend:
    """The blend that `Blend.as_json` gave.

    Raises:
        KeyError, TypeError, ValueError: it did not give that.
    """
    if value["form"] not in FORMS:
        raise ValueError(f"a blend of the form {value['form']!r}")
    return FORMS[value["form"]](value)
