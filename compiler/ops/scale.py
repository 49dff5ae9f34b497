"""Scales that Keras has no public layer for; their Keras classes stand in `compiler/targets/layers/`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from compiler.ir import Shape, TensorType, Weight
from compiler.ops.base import MergeOp, Mismatch, Signature, dims, elements, known
from compiler.ops.core import FloatOp, require_float
from compiler.ops.merging import Incompatible, equal, exactly_two
from compiler.settings import Number


class LayerScale(FloatOp):
    """x * gamma, one learned number for each entry of the last axis, `init_values` at first.

    At the end of a residual's main path it makes a deep network begin near the identity.
    Touvron et al. 2021, arXiv 2103.17239.
    """

    keras: ClassVar[str] = "compiler.targets.layers.layer_scale.LayerScale"

    init_values: Number = 1e-6

    def infer(self, x: Shape) -> Shape:
        if not x:
            raise Mismatch("E403", "needs an input with at least one dimension besides the batch (got a scalar)")
        return x

    def weights(self, x: Shape) -> Iterable[Weight]:
        yield Weight("gamma", (known(x[-1], "the size of the last axis"),))


class ScaledAdd(MergeOp):
    """x1 + scale * x2: a residual that is made small before it is added. The first input is what it is added to.

    Szegedy et al. 2016, arXiv 1602.07261.
    """

    keras: ClassVar[str] = "compiler.targets.layers.scaled_add.ScaledAdd"
    aliases: ClassVar[tuple[str, ...]] = ("CustomScaleLayer",)
    keeps_integers: ClassVar[bool] = False

    scale: Number

    def infer(self, xs: tuple[Shape, ...]) -> Shape:
        x, y = exactly_two(xs)
        if not equal(x, y):
            raise Incompatible("E401", f"needs inputs of one shape (got {dims(x)} and {dims(y)})", (0, 1))
        return tuple(b if a is None else a for a, b in zip(x, y, strict=True))

    def flops(self, xs: tuple[Shape, ...], y: Shape) -> int:
        """A multiply-add for each element."""
        return 2 * elements(y)

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        for x in inputs.values():
            require_float(x)
        return super().signature(inputs, precision)
