"""Recurrent layers: a cell run over time.

Time is the first axis after the batch. A layer has one output here, so Keras's `return_state` is refused; so is
`stateful`, which needs a fixed batch size.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated

from compiler.ir import Shape, TensorType, Weight
from compiler.ops.base import Mismatch, Signature, UnaryOp, known, require_rank
from compiler.ops.cells import Gated, GRUGates, LSTMGates, NestedCell, SimpleGate, require_drawable
from compiler.ops.fields import only_false
from compiler.ops.nesting import about, inside
from compiler.settings import Bool, is_bool, rule

NoState = Annotated[
    bool, only_false("a layer has one output here: the last step, or all of them with return_sequences: true")
]
Stateless = Annotated[bool, only_false("it needs a fixed batch size, which a model file does not have")]
CuDNN = Annotated[
    bool | str,
    rule(
        "'auto', true or false", lambda value: value == "auto" or is_bool(value), schema={"enum": ["auto", True, False]}
    ),
]


class OverTime(UnaryOp, abstract=True):
    """Abstract: one step after another; (time, ...) in, the last output or (time, ...) out."""

    return_sequences: Bool = False
    return_state: NoState = False
    go_backwards: Bool = False
    stateful: Stateless = False

    def activated(self, y: Shape) -> Shape:
        """One step."""
        return y[1:] if self.return_sequences else y


def _require_steps(x: Shape, unroll: bool) -> None:
    """Raise unless `x` is (time, features), of known time where it is unrolled."""
    require_rank(x, 2)
    if unroll and x[0] is None:
        message = "needs to know the number of steps, which is undefined (None) in its input, to unroll them"
        raise Mismatch("E411", message, argument="unroll")


class Recurrent(OverTime, Gated, abstract=True):
    """Abstract: (time, features) in, (units,) or (time, units) out."""

    unroll: Bool = False

    def infer(self, x: Shape) -> Shape:
        _require_steps(x, self.unroll)
        return (x[0], self.units) if self.return_sequences else (self.units,)

    def weights(self, x: Shape) -> Iterable[Weight]:
        return Gated.weights(self, x)

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        require_drawable(self, precision)
        return super().signature(inputs, precision)

    def flops(self, x: Shape, y: Shape) -> int:
        return known(x[0], "the number of steps") * self.step(x)


class SimpleRNN(Recurrent, SimpleGate):
    """h = activation(x @ kernel + h @ recurrent_kernel + bias). Elman 1990."""


class LSTM(Recurrent, LSTMGates):
    """Gates i, f, c, o in this order. Hochreiter & Schmidhuber 1997."""

    use_cudnn: CuDNN = "auto"


class GRU(Recurrent, GRUGates):
    """Gates z, r, h in this order. Cho et al. 2014, arXiv 1406.1078.

    With `reset_after` the reset gate works on h @ recurrent_kernel, as in cuDNN, and input and state have a bias each.
    """

    use_cudnn: CuDNN = "auto"


class RNN(OverTime):
    """Any `cell` run over time: (time, features) in, (units,) or (time, units) out. A list of cells is a stack."""

    cell: NestedCell
    unroll: Bool = False
    zero_output_for_mask: Bool = False

    def check(self) -> Iterable[Mismatch]:
        for fault in self.cell.check():
            yield about(self.cell, fault, "cell")

    def infer(self, x: Shape) -> Shape:
        _require_steps(x, self.unroll)
        units = self.cell.units_out()
        return (x[0], units) if self.return_sequences else (units,)

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        (x,) = inputs.values()
        output = TensorType(self.infer(x.shape), self.output_dtype([x.dtype], precision))
        inner = inside(self.cell, TensorType(x.shape[1:], output.dtype), precision, "cell")
        flops = None if x.shape[0] is None or inner.flops is None else x.shape[0] * inner.flops
        warnings = inner.warnings
        if not self.trainable and self.cell.trainable:
            hint = "set it in the cell"
            warnings = (Mismatch("W607", "does not freeze its cell", hint=hint, argument="trainable"), *warnings)
        return Signature(output, inner.weights, flops, warnings)
