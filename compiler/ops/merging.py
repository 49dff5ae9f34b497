"""Merges: several tensors in, one out.

Keras broadcasts in elementwise merges without a word, so that a forgotten global pooling trains on; here shapes
must be equal unless `broadcast: true` stands in the file.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Annotated, ClassVar

from compiler.ir import Shape
from compiler.ops.axes import axis_index
from compiler.ops.base import MergeOp, Mismatch, dims, elements
from compiler.settings import Bool, Int, is_int, is_list_of, rule


class Incompatible(Mismatch):
    """Two of the inputs do not go together.

    Attributes:
        operands: the positions of the two, counted from 0.
    """

    def __init__(self, code: str, message: str, operands: tuple[int, int], *, hint: str | None = None) -> None:
        super().__init__(code, message, hint=hint)
        self.operands = operands


# --- elementwise -----------------------------------------------------------------------------


class Elementwise(MergeOp, abstract=True):
    """Abstract: one operation on elements that stand at the same place.

    Its output is the wider of the inputs where `broadcast` is true: axes are counted from the last one, and a
    missing axis or one of size 1 is repeated.
    """

    keeps_integers: ClassVar[bool] = False
    extras: ClassVar[tuple[str, ...]] = ("broadcast",)

    broadcast: Bool = False

    def infer(self, xs: tuple[Shape, ...]) -> Shape:
        for (i, x), (j, y) in _pairs(xs):
            if not (_broadcastable(x, y) if self.broadcast else equal(x, y)):
                raise _unequal(x, y, (i, j), broadcast=self.broadcast)
        rank = max(len(x) for x in xs)
        padded = [(1,) * (rank - len(x)) + x for x in xs]
        return tuple(_merged(sizes) for sizes in zip(*padded, strict=True))


def _pairs(xs: tuple[Shape, ...]) -> Iterator[tuple[tuple[int, Shape], tuple[int, Shape]]]:
    """Every two different shapes, each with its first position: pairs of all inputs are too many to look at."""
    first = {x: i for i, x in reversed(list(enumerate(xs)))}
    return combinations(sorted(((i, x) for x, i in first.items()), key=lambda pair: pair[0]), 2)


def equal(x: Shape, y: Shape) -> bool:
    """Whether two shapes are the same, as far as they are known."""
    return len(x) == len(y) and all(a == b or None in (a, b) for a, b in zip(x, y, strict=True))


def _broadcastable(x: Shape, y: Shape) -> bool:
    pairs = zip(reversed(x), reversed(y), strict=False)
    return all(a == b or None in (a, b) or 1 in (a, b) for a, b in pairs)


def _merged(sizes: tuple[int | None, ...]) -> int | None:
    """One axis of the output, as Keras has it: unknown as soon as one is."""
    return None if None in sizes else max(size for size in sizes if size is not None)


def _unequal(x: Shape, y: Shape, operands: tuple[int, int], *, broadcast: bool) -> Incompatible:
    got = f"(got {dims(x)} and {dims(y)})"
    if broadcast:
        return Incompatible("E401", f"needs inputs whose shapes broadcast {got}", operands)
    hint = "set broadcast: true if you mean it" if _broadcastable(x, y) else None
    return Incompatible("E401", f"needs inputs of one shape {got}", operands, hint=hint)


def exactly_two(xs: tuple[Shape, ...]) -> tuple[Shape, Shape]:
    """The two shapes; raises E306 where there are more or fewer."""
    if len(xs) != 2:
        raise Mismatch("E306", f"needs exactly 2 inputs (got {len(xs)})")
    return xs[0], xs[1]


class Add(Elementwise):
    """x1 + x2 + ..."""


class Subtract(Elementwise):
    """x1 - x2."""

    def infer(self, xs: tuple[Shape, ...]) -> Shape:
        return super().infer(exactly_two(xs))


class Multiply(Elementwise):
    """x1 * x2 * ...; with `broadcast`, a gate of one number a channel (squeeze and excitation)."""


class Average(Elementwise):
    """(x1 + x2 + ...) / n."""

    def flops(self, xs: tuple[Shape, ...], y: Shape) -> int:
        return elements(y) * len(xs)


class Maximum(Elementwise):
    """The largest of the elements at each place."""


class Minimum(Elementwise):
    """The smallest of the elements at each place."""


# --- along an axis ---------------------------------------------------------------------------


class Concatenate(MergeOp):
    """Inputs joined along `axis`, which counts the batch as 0; their other axes are equal."""

    keeps_integers: ClassVar[bool] = False

    axis: Int = -1

    def infer(self, xs: tuple[Shape, ...]) -> Shape:
        for (i, x), (j, y) in _pairs(xs):
            if len(x) != len(y) or not equal(*(self._others(shape) for shape in (x, y))):
                message = f"needs inputs that are equal except along axis {self.axis} (got {dims(x)} and {dims(y)})"
                raise Incompatible("E401", message, (i, j))
        at = axis_index(self.axis, xs[0])
        joined = [x[at] for x in xs]
        total = None if None in joined else sum(size for size in joined if size is not None)
        return (*xs[0][:at], total, *xs[0][at + 1 :])

    def _others(self, x: Shape) -> Shape:
        at = axis_index(self.axis, x)
        return x[:at] + x[at + 1 :]

    def flops(self, xs: tuple[Shape, ...], y: Shape) -> int:
        return 0


Axes = Annotated[
    int | tuple[int, int],
    rule(
        "an integer or a list of 2 integers",
        lambda value: is_int(value) or is_list_of(is_int, 2)(value),
        schema={
            "anyOf": [
                {"type": "integer"},
                {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
            ]
        },
        convert=lambda value: value if is_int(value) else tuple(value),
    ),
]


class Dot(MergeOp):
    """Products summed over one axis of each of two inputs; `axes` counts the batch as 0.

    Where nothing is left beside the batch the output has one element.
    """

    keeps_integers: ClassVar[bool] = False

    axes: Axes
    normalize: Bool = False

    def _places(self, x: Shape, y: Shape) -> tuple[int, int]:
        first, second = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        return axis_index(first, x, "axes"), axis_index(second, y, "axes")

    def infer(self, xs: tuple[Shape, ...]) -> Shape:
        x, y = exactly_two(xs)
        i, j = self._places(x, y)
        if x[i] != y[j]:
            message = f"sums over axes of one size (got {_size(x[i])} in {dims(x)} and {_size(y[j])} in {dims(y)})"
            raise Incompatible("E401", message, (0, 1))
        return (*x[:i], *x[i + 1 :], *y[:j], *y[j + 1 :]) or (1,)

    def flops(self, xs: tuple[Shape, ...], y: Shape) -> int:
        """A multiply-add for each product; with `normalize`, three for each element of the inputs."""
        i, _ = self._places(*exactly_two(xs))
        summed = xs[0][i]
        assert summed is not None, "asked only where every dimension is known"
        return 2 * elements(y) * summed + self.normalize * 3 * sum(map(elements, xs))


def _size(dim: int | None) -> str:
    return "?" if dim is None else str(dim)
