"""Cells: one step of a recurrent layer, for the `cell` of an RNN.

A cell takes a step's input and a state and gives an output and the next state, so it is no layer of a model by itself.
FLOPs: a multiply-add for each number of the kernels, an addition for each of the bias.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar

from compiler.errors import did_you_mean, shown
from compiler.ir import Shape, TensorType, Weight
from compiler.ops.base import Arity, Mismatch, Op, Signature, inner_op, known, require_activation, require_rank
from compiler.ops.nesting import about, at_index, inside
from compiler.ops.objects import Activation, Initializer, MaybeConstraint, MaybeRegularizer, Orthogonal
from compiler.ops.registry import FAMILIES
from compiler.settings import (
    Annotation,
    Bool,
    MaybeInt,
    PositiveInt,
    Rate,
    field_error,
)


def require_drawable(op: Op, precision: str) -> None:
    """Raise E107 where `op` would begin with an orthogonal matrix in bfloat16."""
    if (op.dtype or precision) != "bfloat16":
        return
    for name in ("kernel_initializer", "recurrent_initializer", "bias_initializer"):
        if getattr(op, name) == "orthogonal" or isinstance(getattr(op, name), Orthogonal):
            message = f"cannot draw an orthogonal matrix in bfloat16 ({name!r}): TensorFlow has no QR there"
            hint = "recurrent_initializer: glorot_uniform, or dtype: mixed_bfloat16"
            raise Mismatch("E107", message, hint=hint, argument=name)


class Gated(Op, abstract=True):
    """Abstract: a state of `units` numbers, and matrices that take input and state to it.

    Class attributes:
        gates: how many matrices of `units` columns stand side by side in each of its weights.
    """

    gates: ClassVar[int]

    units: PositiveInt
    activation: Activation = "tanh"
    use_bias: Bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    recurrent_initializer: Initializer = "orthogonal"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: MaybeRegularizer = None
    recurrent_regularizer: MaybeRegularizer = None
    bias_regularizer: MaybeRegularizer = None
    kernel_constraint: MaybeConstraint = None
    recurrent_constraint: MaybeConstraint = None
    bias_constraint: MaybeConstraint = None
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    seed: MaybeInt = None

    def weights(self, x: Shape) -> Iterable[Weight]:
        features = known(x[-1], "the size of the last axis")
        yield Weight("kernel", (features, self.gates * self.units), trainable=self.trainable)
        yield Weight("recurrent_kernel", (self.units, self.gates * self.units), trainable=self.trainable)
        if self.use_bias:
            yield Weight("bias", self.bias_shape(), trainable=self.trainable)

    def bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def step(self, x: Shape) -> int:
        """FLOPs of one step."""
        return sum((1 if weight.name == "bias" else 2) * weight.size for weight in self.weights(x))


class SimpleGate(Gated, abstract=True):
    """Abstract: h = activation(x @ kernel + h @ recurrent_kernel + bias). Elman 1990."""

    gates: ClassVar[int] = 1


class LSTMGates(Gated, abstract=True):
    """Abstract: gates i, f, c, o in this order. Hochreiter & Schmidhuber 1997."""

    gates: ClassVar[int] = 4

    recurrent_activation: Activation = "sigmoid"
    unit_forget_bias: Bool = True


class GRUGates(Gated, abstract=True):
    """Abstract: gates z, r, h in this order. Cho et al. 2014, arXiv 1406.1078.

    With `reset_after` the reset gate works on h @ recurrent_kernel, as in cuDNN, and input and state have a bias each.
    """

    gates: ClassVar[int] = 3

    recurrent_activation: Activation = "sigmoid"
    reset_after: Bool = True

    def bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)


# --- the cells -------------------------------------------------------------------------------


class Cell(Op, abstract=True):
    """Abstract: (features,) of one step in, (units,) out."""

    arity: ClassVar[Arity] = "cell"

    @abstractmethod
    def units_out(self) -> int:
        """The size of its output."""


class GatedCell(Cell, Gated, abstract=True):
    """Abstract: a cell with weights of its own."""

    def units_out(self) -> int:
        return self.units

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        require_drawable(self, precision)
        (x,) = inputs.values()
        require_rank(x.shape, 1)
        require_activation(self, (self.units,), precision)
        output = TensorType((self.units,), self.output_dtype([x.dtype], precision))
        return Signature(output, tuple(self.weights(x.shape)), self.step(x.shape))


class SimpleRNNCell(GatedCell, SimpleGate):
    """The step of SimpleRNN: h = activation(x @ kernel + h @ recurrent_kernel + bias). Elman 1990."""


class LSTMCell(GatedCell, LSTMGates):
    """The step of LSTM. Hochreiter & Schmidhuber 1997."""


class GRUCell(GatedCell, GRUGates):
    """The step of GRU. Cho et al. 2014, arXiv 1406.1078."""


def _check_cell(value: object, name: str) -> object:
    if isinstance(value, (list, tuple)):
        items: list[object] = list(value)  # pyright: ignore[reportUnknownArgumentType]  # any list
        return StackedRNNCells(cells=_check_cells(items, name))
    op = inner_op(value, name, "a cell")
    if isinstance(op, Cell):
        return op
    cells = FAMILIES["cells"].split()
    message = f"{name!r} must be a cell: {', '.join(cells)} (got {type(op).__name__!r})"
    raise field_error("E107", message, did_you_mean(f"{type(op).__name__}Cell", cells))


def _check_cells(value: object, name: str) -> tuple["GatedCell", ...]:
    """A list of cells that are not stacks themselves."""
    if not isinstance(value, (list, tuple)) or not value:
        raise field_error("E106", f"{name!r} must be a list of cells (got {shown(value)})")  # pyright: ignore[reportUnknownArgumentType]  # any value
    items: list[object] = list(value)  # pyright: ignore[reportUnknownArgumentType]  # any list
    return tuple(at_index(i, lambda item=item: _gated(item, name)) for i, item in enumerate(items))


def _gated(value: object, name: str) -> "GatedCell":
    cell = _check_cell(value, name)
    if not isinstance(cell, GatedCell):
        raise field_error("E107", f"{name!r} must not have a stack of cells in it")
    return cell


def _cells_schema() -> dict[str, object]:
    return {"type": "array", "items": {"$ref": "#/$defs/cell"}, "minItems": 1}


NestedCell = Annotated[
    Cell,
    Annotation(
        _check_cell,
        lambda: {"anyOf": [{"$ref": "#/$defs/cell"}, _cells_schema()]},
        "a cell, as {op: LSTMCell, ...}, or a list of cells",
    ),
]
"""A field that takes a cell, or a list of them as a stack."""

NestedCells = Annotated[tuple[GatedCell, ...], Annotation(_check_cells, _cells_schema, "a list of cells")]


class StackedRNNCells(Cell):
    """Cells one on another: the output of each is the input of the next, in every step."""

    cells: NestedCells

    def units_out(self) -> int:
        return self.cells[-1].units

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        (x,) = inputs.values()
        require_rank(x.shape, 1)
        entering = TensorType(x.shape, self.output_dtype([x.dtype], precision))
        weights: list[Weight] = []
        flops = 0
        warnings: list[Mismatch] = []
        if not self.trainable and any(cell.trainable for cell in self.cells):
            hint = "set it in the cells"
            warnings.append(Mismatch("W607", "does not freeze its cells", hint=hint, argument="trainable"))
        for cell in self.cells:
            inner = inside(cell, entering, precision, "cells")
            assert inner.output is not None, "a cell knows its output"
            weights += inner.weights
            flops += inner.flops or 0
            warnings += inner.warnings
            entering = inner.output
        return Signature(entering, tuple(weights), flops, tuple(warnings))

    def check(self) -> Iterable[Mismatch]:
        for cell in self.cells:
            for fault in cell.check():
                yield about(cell, fault, "cells")
