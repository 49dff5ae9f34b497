"""Stochastic depth, which Keras has no layer for; its Keras class stands in `compiler/targets/layers/`."""

from typing import ClassVar

from compiler.ir import Shape
from compiler.ops.core import FloatOp
from compiler.settings import MaybeInt, Rate


class StochasticDepth(FloatOp):
    """In training, 0 in the place of a whole sample with the probability `rate`, and the others times 1 / (1 - rate).

    At the end of a residual's layers it leaves only the shortcut for such a sample, so that the network is shallower.
    The paper lets `rate` grow evenly with depth: `rate: $rate * (i + 1) / depth` in a `repeat: $depth`. No
    operations, which are counted at inference. Huang et al. 2016, arXiv 1603.09382.
    """

    keras: ClassVar[str] = "compiler.targets.layers.stochastic_depth.StochasticDepth"

    rate: Rate
    seed: MaybeInt = None

    def infer(self, x: Shape) -> Shape:
        return x

    def flops(self, x: Shape, y: Shape) -> int:
        return 0
