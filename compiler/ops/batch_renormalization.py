"""Batch renormalisation with the schedules that Keras lacks; its Keras class stands in `compiler/targets/layers/`."""

from collections.abc import Iterable
from typing import Annotated, ClassVar

from compiler.ir import Shape, Weight
from compiler.ops.base import Mismatch, elements
from compiler.ops.normalization import Affine, axis_sizes, beside_channels
from compiler.ops.objects import Initializer
from compiler.settings import Int, NonNegativeInt, NonNegativeNumber, PositiveNumber, Rate, is_number, rule

_AT_LEAST_1 = rule(
    "a finite number >= 1", is_number, lambda value: 1 <= value < float("inf"), {"type": "number", "minimum": 1}
)


class BatchRenormalization(Affine):
    """Batch normalisation that in training too leans on the moving averages, so that small batches do as well.

    Batch statistics are corrected by r = s_batch / s within [1 / r_max, r_max] and d = (m_batch - m) / s within
    [-d_max, d_max], and no gradient flows through either: y = gamma * ((x - m_batch) / s_batch * r + d) + beta. It is
    batch normalisation for `warmup_steps` steps; then the bounds grow evenly, to `r_max` at `r_max_steps` and to
    `d_max` at `d_max_steps`. With r_max: 1 and d_max: 0 it is batch normalisation always. A training shorter than the
    paper's, whose steps are the defaults, needs smaller ones. Ioffe 2017, arXiv 1702.03275.
    """

    keras: ClassVar[str] = "compiler.targets.layers.batch_renormalization.BatchRenormalization"

    axis: Int = -1
    momentum: Rate = 0.99
    epsilon: PositiveNumber = 1e-3
    r_max: Annotated[float, _AT_LEAST_1] = 3.0
    d_max: NonNegativeNumber = 5.0
    warmup_steps: NonNegativeInt = 5_000
    r_max_steps: NonNegativeInt = 40_000
    d_max_steps: NonNegativeInt = 25_000
    moving_mean_initializer: Initializer = "zeros"
    moving_variance_initializer: Initializer = "ones"

    def check(self) -> Iterable[Mismatch]:
        for argument in ("r_max_steps", "d_max_steps"):
            steps: int = getattr(self, argument)
            if steps < self.warmup_steps:
                message = f"{argument!r} must be at least 'warmup_steps', {self.warmup_steps} (got {steps})"
                hint = "both count from the first step of the training"
                yield Mismatch("E107", message, hint=hint, argument=argument)

    def weights(self, x: Shape) -> Iterable[Weight]:
        shape = axis_sizes(self.axis, x)
        yield from self.affine(shape)
        yield Weight("moving_mean", shape, trainable=False)
        yield Weight("moving_variance", shape, trainable=False)
        yield Weight("steps", (), trainable=False)

    def flops(self, x: Shape, y: Shape) -> int:
        return 2 * elements(x)

    def warnings(self, x: Shape) -> Iterable[Mismatch]:
        return beside_channels(self.axis, x)
