"""The weights that a training begins with: `train.initial`."""

from typing import Annotated

from compiler.settings import MaybeStr, Settings, choice, is_list_of, is_str, rule

Globs = Annotated[
    tuple[str, ...],
    rule("a list of globs", is_list_of(is_str), schema={"type": "array", "items": {"type": "string"}}, convert=tuple),
]


class Initial(Settings):
    """Weights from a file, in the place of random ones.

    Fields:
        weights: a `.keras` file, a `.weights.h5` file, a legacy `.h5` file, or the folder of a run; null for none.
        skip: globs over the names of layers that keep their random weights.
        pair: how layers find theirs in the file: by their `names`, by their `order`, or by names and else by order.
    """

    weights: MaybeStr = None
    skip: Globs = ()
    pair: Annotated[str, choice("auto", "names", "order")] = "auto"
