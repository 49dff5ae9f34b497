"""The equation of an `EinsumDense`: which axes enter, which the kernel has, which come out.

One letter is one axis: `abc,cd->abd` maps axis c to d and keeps a, the batch, and b. Three dots stand for any
axes that are kept, before all letters (`...c,cd->...d`, the batch among them) or after them (`ab...,bc->ac...`).
"""

import math
import re
from dataclasses import dataclass
from string import ascii_letters
from typing import Literal

from compiler.ir import Shape
from compiler.ops.base import Mismatch, dims

Dots = Literal["none", "before", "after"]

_FORMS: dict[Dots, str] = {
    "none": "([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)",
    "before": r"\.\.\.([a-zA-Z]+),([a-zA-Z]+)->\.\.\.([a-zA-Z]+)",
    "after": r"([a-zA-Z]{2,})\.\.\.,([a-zA-Z]+)->([a-zA-Z]+)\.\.\.",
}


@dataclass(frozen=True, slots=True)
class Equation:
    """Letters of the input, the kernel and the output, and where the dots stand."""

    x: str
    kernel: str
    y: str
    dots: Dots


@dataclass(frozen=True, slots=True)
class Shapes:
    """What an equation makes of an input.

    Attributes:
        output: as Keras has it, so unknown where `output_shape` says null.
        kernel, bias: shapes of the weights; None for no bias.
        macs: multiply-adds for one sample; None where a dimension of the input is unknown.
    """

    output: Shape
    kernel: tuple[int, ...]
    bias: tuple[int, ...] | None
    macs: int | None


def parse(equation: str) -> Equation:
    """Read an equation.

    Raises:
        Mismatch: E107, it has another form, or its letters do not make a dense layer.
    """
    read = None
    for dots, form in _FORMS.items():
        if found := re.fullmatch(form, equation):
            read = Equation(found[1], found[2], found[3], dots)
    if read is None:
        forms = "'ab,bc->ac', '...b,bc->...c' or 'ab...,bc->ac...'"
        hint = "leave out the spaces" if " " in equation else None
        raise _bad(f"must have a form like {forms} (got {equation!r})", hint)
    for letter in read.y:
        if letter not in read.x + read.kernel:
            raise _bad(f"gives an axis {letter!r} that neither the input nor the kernel has (got {equation!r})")
        if read.y.count(letter) > 1:
            raise _bad(f"gives the axis {letter!r} twice (got {equation!r})")
    for letter in read.kernel:
        if letter not in read.x + read.y:
            raise _bad(f"has an axis {letter!r} in the kernel alone (got {equation!r})")
    if read.dots != "before":
        _check_batch(read)
    return read


def _check_batch(equation: Equation) -> None:
    if equation.x[0] != equation.y[0] or equation.x[0] in equation.kernel:
        text = f"{equation.x},{equation.kernel}->{equation.y}"
        hint = "give them one letter, which the kernel does not have, or write '...' for it"
        raise _bad(f"must begin with the batch in the input and in the output (got {text!r})", hint)


def check_bias(equation: Equation, bias_axes: str) -> None:
    """Raise E107 unless `bias_axes` names axes of the output."""
    wrong = [letter for letter in bias_axes if letter not in equation.y]
    if wrong or not bias_axes:
        message = f"'bias_axes' must be letters of the output {equation.y!r} (got {bias_axes!r})"
        raise Mismatch("E107", message, hint=None if wrong else "for no bias, null", argument="bias_axes")


def solve(equation: Equation, bias_axes: str | None, output_shape: Shape, x: Shape) -> Shapes:
    """The shapes for an input of shape `x`.

    Args:
        equation: from `parse`.
        bias_axes: letters of the output that have a bias, or None.
        output_shape: sizes of the output's letters, the batch left out; null takes the input's size.
        x: the input's shape without the batch.

    Raises:
        Mismatch: E403, E410 or E411, the equation does not suit the input or the sizes.
    """
    whole: Shape = (None, *x)
    hidden = len(whole) - len(equation.x)
    if hidden < 0 or (hidden > 0 and equation.dots == "none"):
        least = "at least " if equation.dots != "none" else ""
        wanted = f"{least}{len(equation.x) - 1} dimension{'' if len(equation.x) == 2 else 's'}"
        raise Mismatch("E403", f"needs an input with {wanted} besides the batch (got {dims(x)})")
    offset = hidden if equation.dots == "before" else 0
    between = whole[1:offset]
    if between != between[::-1]:
        # Keras 3.15 gives them in reverse order in its symbolic shape, by which the layers behind are built.
        message = f"stands with '...' for {dims(between)} besides the batch, which Keras mixes up: use letters"
        hint = f"write '{_letters(equation, offset)}' for the dots, and null for each but the batch in 'output_shape'"
        raise Mismatch("E403", f"'equation' {message}", hint=hint, argument="equation")
    if not offset:
        _check_batch(equation)
    named = len(equation.y) - (0 if offset else 1)
    if len(output_shape) != named:
        letters = equation.y if offset else equation.y[1:]
        message = f"'output_shape' must have one size for each letter of {letters!r} (got {dims(output_shape)})"
        raise Mismatch("E410", message, argument="output_shape")
    after = whole[len(equation.x) :] if equation.dots == "after" else ()
    output: Shape = (*whole[:offset], *output_shape, *after) if offset else (None, *output_shape, *after)
    entering = {letter: whole[i + offset] for i, letter in enumerate(equation.x)}
    leaving = {letter: output[i + offset] for i, letter in enumerate(equation.y)}
    for letter, given in leaving.items():
        if letter in entering and given is not None and given != entering[letter]:
            _refuse_size(letter, given, entering[letter])

    kernel = tuple(_size(letter, leaving, entering) for letter in equation.kernel)
    bias = None if bias_axes is None else _bias(equation, bias_axes, leaving, entering, 0 if offset else hidden)
    free = [size for letter, size in zip(equation.kernel, kernel, strict=True) if letter not in entering]
    macs = None if None in x else math.prod([*(dim for dim in x if dim is not None), *free])
    return Shapes(output[1:], kernel, bias, macs)


def _letters(equation: Equation, count: int) -> str:
    """As many letters that the equation leaves free."""
    free = [letter for letter in ascii_letters if letter not in equation.x + equation.kernel + equation.y]
    return "".join(free[:count])


def _bias(
    equation: Equation, axes: str, leaving: dict[str, int | None], entering: dict[str, int | None], after: int
) -> tuple[int, ...]:
    first = min(equation.y.index(letter) for letter in axes)
    letters = equation.y[first:]
    return (*(_size(letter, leaving, entering) if letter in axes else 1 for letter in letters), *(1,) * after)


def _size(letter: str, leaving: dict[str, int | None], entering: dict[str, int | None]) -> int:
    size = leaving[letter] if letter in leaving else entering[letter]
    if size is not None:
        return size
    if letter in leaving:
        known = entering.get(letter)
        hint = f"write {known} for it" if known is not None else None
        message = f"needs the size of axis {letter!r} in 'output_shape' (got null)"
        raise Mismatch("E411", message, hint=hint, argument="output_shape")
    raise Mismatch("E411", f"needs to know the size of axis {letter!r}, which is undefined (None) in its input")


def _refuse_size(letter: str, given: int, entering: int | None) -> None:
    has = "an undefined size" if entering is None else f"size {entering}"
    raise Mismatch(
        "E410",
        f"'output_shape' says {given} for axis {letter!r}, which has {has} in the input",
        hint="write null for an axis that is kept" if entering is None else f"write {entering} or null for it",
        argument="output_shape",
    )


def _bad(message: str, hint: str | None = None) -> Mismatch:
    return Mismatch("E107", f"'equation' {message}", hint=hint, argument="equation")
