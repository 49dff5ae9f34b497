"""Optimizers: Keras's, by its names, with its arguments and defaults."""

import math
from typing import Annotated, Any, ClassVar, Self

from pydantic import model_validator

from compiler.errors import shown
from compiler.runtime.training.named import Named
from compiler.settings import (
    Annotation,
    Bool,
    Fraction,
    MaybePositiveNumber,
    NonNegativeNumber,
    Number,
    PositiveNumber,
    Rate,
    field_error,
    is_int,
    is_number,
    non_defaults,
    rule,
)


def _check_rate(value: object, name: str) -> float:
    words = f"{name!r} must be a finite number > 0 (got {shown(value)})"
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            raise field_error("E106", words) from None
        raise field_error("E106", words, f"write it without quotes: {value}")
    if not is_number(value):
        raise field_error("E106", words)
    rate = float(value)  # pyright: ignore[reportArgumentType]  # is_number says int or float
    if not 0 < rate < math.inf:
        raise field_error("E107", words)
    return rate


LearningRate = Annotated[float, Annotation(_check_rate, lambda: {"type": "number", "exclusiveMinimum": 0})]
_MaybeNonNegative = Annotated[
    float | None, rule("a finite number >= 0", is_number, lambda v: 0 <= v < math.inf, {"type": "number"}, none=True)
]
_MaybeSteps = Annotated[
    int | None, rule("an integer >= 2", is_int, lambda v: v >= 2, {"type": "integer", "minimum": 2}, none=True)
]


class Optimizer(Named, family="optimizer"):
    """Abstract: a class of `keras.optimizers`.

    Keras's `name` is left out, and its moving average of weights (`use_ema`, `ema_momentum`,
    `ema_overwrite_frequency`): the weights that are validated and kept would not be the averaged ones.
    """

    left_out: ClassVar[tuple[str, ...]] = ("name", "use_ema", "ema_momentum", "ema_overwrite_frequency")

    learning_rate: LearningRate = 0.001
    weight_decay: _MaybeNonNegative = None
    clipnorm: MaybePositiveNumber = None
    clipvalue: MaybePositiveNumber = None
    global_clipnorm: MaybePositiveNumber = None
    loss_scale_factor: MaybePositiveNumber = None
    gradient_accumulation_steps: _MaybeSteps = None

    @model_validator(mode="after")
    def _one_clip(self) -> Self:
        given = [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(self, name) is not None]
        if len(given) > 1:
            raise field_error("E107", f"only one of {', '.join(map(repr, given))} can be set")
        return self

    def arguments(self) -> dict[str, Any]:
        """What Keras's constructor takes, defaults left out."""
        return {**non_defaults(self), "learning_rate": self.learning_rate}


class SGD(Optimizer):
    """Gradient descent, with momentum where it is > 0."""

    learning_rate: LearningRate = 0.01
    momentum: Fraction = 0.0
    nesterov: Bool = False


class RMSprop(Optimizer):
    """Divides by a moving root mean square of the gradients. Hinton 2012."""

    rho: Rate = 0.9
    momentum: Fraction = 0.0
    epsilon: PositiveNumber = 1e-7
    centered: Bool = False


class Adam(Optimizer):
    """Moving averages of gradients and of their squares. Kingma & Ba 2014, arXiv 1412.6980."""

    beta_1: Rate = 0.9
    beta_2: Rate = 0.999
    epsilon: PositiveNumber = 1e-7
    amsgrad: Bool = False


class AdamW(Optimizer):
    """Adam with decoupled weight decay. Loshchilov & Hutter 2017, arXiv 1711.05101."""

    weight_decay: _MaybeNonNegative = 0.004
    beta_1: Rate = 0.9
    beta_2: Rate = 0.999
    epsilon: PositiveNumber = 1e-7
    amsgrad: Bool = False


class Nadam(Optimizer):
    """Adam with Nesterov's momentum. Dozat 2016."""

    beta_1: Rate = 0.9
    beta_2: Rate = 0.999
    epsilon: PositiveNumber = 1e-7


class Adamax(Optimizer):
    """Adam with the infinity norm. Kingma & Ba 2014, arXiv 1412.6980."""

    beta_1: Rate = 0.9
    beta_2: Rate = 0.999
    epsilon: PositiveNumber = 1e-7


class Adagrad(Optimizer):
    """Divides by the root of all squared gradients so far. Duchi et al. 2011."""

    initial_accumulator_value: NonNegativeNumber = 0.1
    epsilon: PositiveNumber = 1e-7


class Adadelta(Optimizer):
    """Adagrad over a moving window. Zeiler 2012, arXiv 1212.5701."""

    rho: Rate = 0.95
    epsilon: PositiveNumber = 1e-7


class Adafactor(Optimizer):
    """Factored second moments, for large embeddings. Shazeer & Stern 2018, arXiv 1804.04235."""

    beta_2_decay: Number = -0.8
    epsilon_1: PositiveNumber = 1e-30
    epsilon_2: PositiveNumber = 1e-3
    clip_threshold: PositiveNumber = 1.0
    relative_step: Bool = True


class Ftrl(Optimizer):
    """Follow the regularised leader, for sparse linear models. McMahan et al. 2013."""

    learning_rate_power: Annotated[
        float, rule("a finite number <= 0", is_number, lambda v: -math.inf < v <= 0, {"type": "number", "maximum": 0})
    ] = -0.5
    initial_accumulator_value: NonNegativeNumber = 0.1
    l1_regularization_strength: NonNegativeNumber = 0.0
    l2_regularization_strength: NonNegativeNumber = 0.0
    l2_shrinkage_regularization_strength: NonNegativeNumber = 0.0
    beta: NonNegativeNumber = 0.0


class Lamb(Optimizer):
    """Adam with a trust ratio per layer, for large batches. You et al. 2019, arXiv 1904.00962."""

    beta_1: Rate = 0.9
    beta_2: Rate = 0.999
    epsilon: PositiveNumber = 1e-7


class Lion(Optimizer):
    """The sign of an interpolated momentum. Chen et al. 2023, arXiv 2302.06675."""

    beta_1: Rate = 0.9
    beta_2: Rate = 0.99
