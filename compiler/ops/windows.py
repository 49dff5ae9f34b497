"""Windows that slide over spatial axes: the arithmetic that convolutions and poolings share."""

from collections.abc import Iterable

from compiler.ir import Shape


def slid(spatial: Shape, extents: Iterable[int], strides: Iterable[int], padding: str) -> Shape:
    """How many places a window takes along each axis; 0 or less where it is larger than the axis.

    Args:
        spatial: the axes' sizes; None stays None.
        extents: the window's, dilation included.
        strides: its steps.
        padding: `valid` for windows inside the input only; otherwise one at each step of the input.
    """
    return tuple(
        None if n is None else ((n - extent) // stride + 1 if padding == "valid" else -(-n // stride))
        for n, extent, stride in zip(spatial, extents, strides, strict=True)
    )


def larger(extents: Iterable[int], spatial: Shape) -> bool:
    """Whether a window is larger than what it slides over, along an axis of known size."""
    return any(n is not None and extent > n for n, extent in zip(spatial, extents, strict=True))
