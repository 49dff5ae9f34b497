"""Losses: Keras's, by its names, with its arguments and defaults; and `auto`, which follows from task and model."""

from typing import Any, ClassVar, Literal

from compiler.runtime.training.named import Named
from compiler.settings import Bool, Fraction, MaybeInt, NonNegativeNumber, PositiveNumber, non_defaults

Task = Literal["multiclass", "binary", "multilabel", "regression"]
Labels = Literal["numbers", "one-hot", "binary", "values"]


class Loss(Named, family="loss"):
    """Abstract: a class of `keras.losses`.

    Keras's `axis`, `reduction`, `name` and `dtype` are left out: rows are averaged, and the dtype follows the
    precision.

    Class attributes:
        labels: what it compares with: class numbers, one-hot rows, 0 or 1, or values.
    """

    left_out: ClassVar[tuple[str, ...]] = ("axis", "reduction", "name", "dtype")
    labels: ClassVar[Labels] = "values"

    @property
    def logits(self) -> bool | None:
        """Whether it takes logits; None where there is no such choice."""
        return getattr(self, "from_logits", None)

    def arguments(self) -> dict[str, Any]:
        """What Keras's constructor takes, defaults left out."""
        return non_defaults(self)


class Auto(Loss):
    """The usual loss of the task: cross-entropy, from logits where the model gives them, or mean squared error."""

    label_smoothing: Fraction = 0.0


class SparseCategoricalCrossentropy(Loss):
    """-log of the probability of the right class, given by number."""

    labels: ClassVar[Labels] = "numbers"

    from_logits: Bool = False
    ignore_class: MaybeInt = None


class CategoricalCrossentropy(Loss):
    """-log of the probability of the right class, given by a one-hot row."""

    labels: ClassVar[Labels] = "one-hot"

    from_logits: Bool = False
    label_smoothing: Fraction = 0.0


class CategoricalFocalCrossentropy(Loss):
    """Cross-entropy that heeds hard rows more. Lin et al. 2017, arXiv 1708.02002."""

    labels: ClassVar[Labels] = "one-hot"

    alpha: NonNegativeNumber = 0.25
    gamma: NonNegativeNumber = 2.0
    from_logits: Bool = False
    label_smoothing: Fraction = 0.0


class BinaryCrossentropy(Loss, aliases=("bce",)):
    """-log of the probability of the right one of two classes; of several labels, the mean of theirs."""

    labels: ClassVar[Labels] = "binary"

    from_logits: Bool = False
    label_smoothing: Fraction = 0.0


class BinaryFocalCrossentropy(Loss):
    """Binary cross-entropy that heeds hard rows more. Lin et al. 2017, arXiv 1708.02002."""

    labels: ClassVar[Labels] = "binary"

    apply_class_balancing: Bool = False
    alpha: Fraction = 0.25
    gamma: NonNegativeNumber = 2.0
    from_logits: Bool = False
    label_smoothing: Fraction = 0.0


class MeanSquaredError(Loss, aliases=("mse", "MSE")):
    """Mean of the squared differences."""


class MeanAbsoluteError(Loss, aliases=("mae", "MAE")):
    """Mean of the absolute differences."""


class MeanAbsolutePercentageError(Loss, aliases=("mape", "MAPE")):
    """Mean of the absolute differences, in percent of the label."""


class MeanSquaredLogarithmicError(Loss, aliases=("msle", "MSLE")):
    """Mean of the squared differences of log(1 + value)."""


class Huber(Loss):
    """Squared below `delta`, linear above. Huber 1964."""

    delta: PositiveNumber = 1.0


class LogCosh(Loss):
    """log(cosh(difference)), a smooth absolute error."""


class Poisson(Loss):
    """Negative log-likelihood of counts, up to a constant."""
