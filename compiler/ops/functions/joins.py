"""Functions of several tensors besides those of elements: joining, and products summed over axes."""

import re
from collections.abc import Iterable, Mapping
from math import prod
from typing import ClassVar

from compiler.ir import Shape, TensorType
from compiler.ops.axes import axis_index
from compiler.ops.base import Mismatch, Signature, dims, elements
from compiler.ops.functions.base import NUMBERS, ONLY_FLOATS, Dtypes, Listed, Tensors
from compiler.ops.functions.pairs import broadcast
from compiler.ops.functions.promotion import promoted
from compiler.ops.merging import Incompatible, equal
from compiler.settings import Int, Str

_BATCH = "axis 0 is the batch, and the default: say axis: 1, or -1 for the last one"


class Concatenate(Listed, calls="concatenate"):
    """Tensors joined along `axis`; their other axes are equal."""

    axis: Int = 0

    def infer(self, xs: tuple[Shape, ...]) -> Shape:
        first, *others = xs
        at = _place(self.axis, first)
        for number, x in enumerate(others, start=1):
            if len(x) != len(first) or not equal(x[:at] + x[at + 1 :], first[:at] + first[at + 1 :]):
                message = f"needs inputs that are equal except along axis {self.axis} (got {dims(first)} and {dims(x)})"
                raise Incompatible("E401", message, (0, number))
        joined = [x[at] for x in xs]
        total = None if None in joined else sum(size for size in joined if size is not None)
        return (*first[:at], total, *first[at + 1 :])


class Stack(Listed, calls="stack"):
    """Tensors of one shape side by side along a new axis, whose place in the output is `axis`."""

    axis: Int = 0

    def infer(self, xs: tuple[Shape, ...]) -> Shape:
        first, *others = xs
        for number, x in enumerate(others, start=1):
            if not equal(first, x):
                message = f"needs inputs of one shape (got {dims(first)} and {dims(x)})"
                raise Incompatible("E401", message, (0, number))
        at = _place(self.axis, (*first, len(xs)))
        return (*first[:at], len(xs), *first[at:])


def _place(axis: int, x: Shape) -> int:
    try:
        return axis_index(axis, x)
    except Mismatch as fault:
        raise Mismatch(fault.code, fault.message, hint=fault.hint if axis else _BATCH, argument="axis") from None


# --- products --------------------------------------------------------------------------------


class Matmul(Tensors, calls="matmul"):
    """Products of matrices in the last two axes; the axes before them broadcast, the batch among them."""

    operands: ClassVar[tuple[str, ...]] = ("x1", "x2")

    def infer(self, xs: Mapping[str, Shape]) -> Shape:
        x, y = xs["x1"], xs["x2"]
        if len(x) < 2 or len(x) != len(y):
            message = f"needs matrices, and as many axes in both inputs (got {dims(x)} and {dims(y)})"
            raise Incompatible("E401", message, (0, 1))
        if None not in (x[-1], y[-2]) and x[-1] != y[-2]:
            message = (
                f"sums over the last axis of x1 and the last but one of x2, which differ (got {dims(x)} and {dims(y)})"
            )
            raise Incompatible("E401", message, (0, 1))
        leading = broadcast(x[:-2], y[:-2])
        if leading is None:
            message = f"needs inputs whose axes before the last two broadcast (got {dims(x)} and {dims(y)})"
            raise Incompatible("E401", message, (0, 1))
        return (*leading, x[-2], y[-1])

    def flops(self, xs: Mapping[str, Shape], y: Shape) -> int:
        """A multiply-add for each product."""
        return 2 * elements(y) * elements(xs["x1"][-1:])

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        dtypes = [x.dtype for x in inputs.values()]
        dtype = "int32" if set(dtypes) == {"int8"} else NUMBERS.of(promoted(*dtypes))
        xs = {name: x.shape for name, x in inputs.items()}
        y = self.infer(xs)
        known = all(None not in shape for shape in (*xs.values(), y))
        return Signature(TensorType(y, dtype), flops=self.flops(xs, y) if known else None)


_SUBSCRIPTS = re.compile(r"([a-z]+(?:,[a-z]+)*)->([a-z]+)")


class Einsum(Listed, calls="einsum"):
    """A sum of products: `subscripts` has a letter for each axis, `bij,bjk->bik`; the first is the batch everywhere."""

    least: ClassVar[int] = 1
    starred: ClassVar[bool] = True
    dtypes: ClassVar[Dtypes] = ONLY_FLOATS

    subscripts: Str

    def _letters(self) -> tuple[list[str], str]:
        """The letters of the inputs and of the output."""
        for fault in self.check():
            raise fault
        entering, _, out = self.subscripts.partition("->")
        return entering.split(","), out

    def check(self) -> Iterable[Mismatch]:
        found = _SUBSCRIPTS.fullmatch(self.subscripts)
        if found is None:
            message = f"'subscripts' must be small letters, one an axis, as in 'bij,bjk->bik' (got {self.subscripts!r})"
            yield Mismatch("E107", message, argument="subscripts")
            return
        parts = [*found[1].split(","), found[2]]
        if any(part[0] != found[2][0] for part in parts):
            message = f"all parts of 'subscripts' must begin with the same letter, the batch (got {self.subscripts!r})"
            yield Mismatch("E107", message, argument="subscripts")
        elif any(len(set(part)) < len(part) for part in parts):
            message = f"a part of 'subscripts' must have a letter once only (got {self.subscripts!r})"
            yield Mismatch("E107", message, argument="subscripts")
        elif not set(found[2]) <= set(found[1]):
            message = f"letters after the arrow must stand before it too (got {self.subscripts!r})"
            yield Mismatch("E107", message, argument="subscripts")

    def _sizes(self, xs: tuple[Shape, ...]) -> dict[str, int | None]:
        parts, _ = self._letters()
        if len(parts) != len(xs):
            message = f"'subscripts' are for {len(parts)} inputs (got {len(xs)})"
            raise Mismatch("E306", message, argument="subscripts")
        found: dict[str, int | None] = {}
        for part, x in zip(parts, xs, strict=True):
            if len(part) != len(x) + 1:
                message = f"{part!r} is for {len(part) - 1} axes besides the batch (got {dims(x)})"
                raise Mismatch("E403", message, argument="subscripts")
            for letter, size in zip(part[1:], x, strict=True):
                before = found.setdefault(letter, size)
                if None not in (before, size) and before != size:
                    raise Mismatch("E410", f"{letter!r} is {before} and {size}", argument="subscripts")
                found[letter] = size if before is None else before
        return found

    def infer(self, xs: tuple[Shape, ...]) -> Shape:
        found = self._sizes(xs)
        return tuple(found[letter] for letter in self._letters()[1][1:])

    def flops(self, xs: tuple[Shape, ...], y: Shape) -> int:
        """A multiply-add for each product of an element from each input."""
        return (2 if len(xs) > 1 else 1) * prod(size for size in self._sizes(xs).values() if size is not None)
