"""Learned scales that Keras has no public layer for; their Keras classes stand in `compiler/targets/layers/`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from compiler.ir import Shape, Weight
from compiler.ops.base import Mismatch, known
from compiler.ops.core import FloatOp
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
