"""Dense and its like: layers over the last axis, embeddings, and what passes tensors on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar

from compiler.ir import Shape, Weight
from compiler.ops.base import Mismatch, UnaryOp, elements, known
from compiler.ops.objects import Activation, Initializer, MaybeConstraint, MaybeRegularizer
from compiler.settings import Bool, MaybePositiveInt, PositiveInt


class Dense(UnaryOp):
    """activation(x @ kernel + bias) over the last axis."""

    units: PositiveInt
    activation: Activation = None
    use_bias: Bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: MaybeRegularizer = None
    bias_regularizer: MaybeRegularizer = None
    kernel_constraint: MaybeConstraint = None
    bias_constraint: MaybeConstraint = None
    lora_rank: MaybePositiveInt = None
    lora_alpha: MaybePositiveInt = None

    def infer(self, x: Shape) -> Shape:
        if not x:
            raise Mismatch("E403", "needs an input with at least one dimension besides the batch (got a scalar)")
        return (*x[:-1], self.units)

    def weights(self, x: Shape) -> Iterable[Weight]:
        features = known(x[-1], "the size of the last axis", "put a global pooling layer or a Flatten of a fixed shape before it")
        yield Weight("kernel", (features, self.units))
        if self.use_bias:
            yield Weight("bias", (self.units,))

    def flops(self, x: Shape, y: Shape) -> int:
        return 2 * elements(x) * self.units + self.use_bias * elements(y)
