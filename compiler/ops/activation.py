"""Activations as layers of their own.

FLOPs for one element, an exponential counted as one: 1; LeakyReLU and PReLU 2 (with the slope), ELU 3,
softmax 5 (maximum, difference, exponential, sum, division).
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar

from compiler.ir import Shape, TensorType, Weight
from compiler.ops.axes import Axes, MaybeAxes, axis_indices
from compiler.ops.base import Mismatch, Signature, UnaryOp, dims, elements, known
from compiler.ops.core import FloatOp, require_float
from compiler.ops.objects import Activation as ActivationName
from compiler.ops.objects import Initializer, MaybeConstraint, MaybeRegularizer
from compiler.settings import NonNegativeNumber, Number, is_number, rule

_TAKE_INTEGERS = (None, "exponential", "leaky_relu", "linear", "relu", "relu6", "tanh")
"""The activations that TensorFlow computes for integers too."""

_MaybeNonNegative = Annotated[
    float | None,
    rule(
        "a finite number >= 0",
        is_number,
        lambda value: 0 <= value < float("inf"),
        {"type": "number", "minimum": 0},
        none=True,
    ),
]


class Activation(UnaryOp):
    """An activation by name."""

    activation: ActivationName

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        if self.activation not in _TAKE_INTEGERS:
            for x in inputs.values():
                require_float(x)
        return super().signature(inputs, precision)

    def infer(self, x: Shape) -> Shape:
        return x

    def flops(self, x: Shape, y: Shape) -> int:
        return (5 if self.activation in ("softmax", "log_softmax") else 1) * elements(x)


class ReLU(UnaryOp):
    """max(x, 0), if so wanted with a slope below `threshold` and cut off at `max_value`."""

    max_value: _MaybeNonNegative = None
    negative_slope: NonNegativeNumber = 0.0
    threshold: NonNegativeNumber = 0.0

    def infer(self, x: Shape) -> Shape:
        return x


class LeakyReLU(UnaryOp):
    """x, or `negative_slope` * x where x is negative. Maas et al. 2013, "Rectifier nonlinearities"."""

    negative_slope: NonNegativeNumber = 0.3

    def infer(self, x: Shape) -> Shape:
        return x

    def flops(self, x: Shape, y: Shape) -> int:
        return 2 * elements(x)


class PReLU(FloatOp):
    """LeakyReLU with a learned slope for each position, or one for all along `shared_axes`.

    He et al. 2015, arXiv 1502.01852.
    """

    alpha_initializer: Initializer = "zeros"
    alpha_regularizer: MaybeRegularizer = None
    alpha_constraint: MaybeConstraint = None
    shared_axes: MaybeAxes = None

    def infer(self, x: Shape) -> Shape:
        for axis in self._shared:
            if not 1 <= axis <= len(x):
                message = f"has no axis {axis} to share in an input of shape {dims(x)}"
                hint = "axes are counted from 1, the first after the batch; negative ones are not taken here"
                raise Mismatch("E408", message, hint=hint, argument="shared_axes")
        return x

    def weights(self, x: Shape) -> Iterable[Weight]:
        hint = "share it: put it in 'shared_axes'"
        sizes = [1 if i in self._shared else known(dim, f"the size of axis {i}", hint) for i, dim in enumerate(x, 1)]
        yield Weight("alpha", tuple(sizes))

    def flops(self, x: Shape, y: Shape) -> int:
        return 2 * elements(x)

    @property
    def _shared(self) -> tuple[int, ...]:
        return (self.shared_axes,) if isinstance(self.shared_axes, int) else self.shared_axes or ()


class ELU(FloatOp):
    """x, or `alpha` * (exp(x) - 1) where x is negative. Clevert et al. 2016, arXiv 1511.07289."""

    activity_regularizer: ClassVar[None] = None  # pyright: ignore[reportIncompatibleVariableOverride]  # Keras cannot save it with one

    alpha: Number = 1.0

    def infer(self, x: Shape) -> Shape:
        return x

    def flops(self, x: Shape, y: Shape) -> int:
        return 3 * elements(x)


class Softmax(FloatOp):
    """exp(x) divided by its sum over `axis`, which counts the batch as 0."""

    axis: Axes = -1

    def infer(self, x: Shape) -> Shape:
        axis_indices(self.axis, x)
        return x

    def flops(self, x: Shape, y: Shape) -> int:
        return 5 * elements(x)
