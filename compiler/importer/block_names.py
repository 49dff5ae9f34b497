"""What a block is called: a word of its layers' names, or what its layers are."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

from compiler.importer import titles
from compiler.importer.tree import Call, Item, Items, Leaf, Loop, Split
from compiler.spec.layers import STRUCTURAL

_SHORT = {
    "Conv": "conv", "SeparableConv": "separable", "DepthwiseConv": "depthwise", "Dense": "dense", "Activation": "act",
    "ReLU": "act", "BatchNormalization": "norm", "LayerNormalization": "norm", "GroupNormalization": "norm",
    "Dropout": "drop", "ZeroPadding": "pad", "MaxPooling": "pool", "AveragePooling": "pool",
    "GlobalAveragePooling": "pool", "Add": "residual_block", "add": "residual_block", "ScaledAdd": "residual_block",
    "Multiply": "gate", "Concatenate": "concat",
}  # fmt: skip


def block_name(body: Items, found: Sequence[Sequence[str | None]], taken: Container[str]) -> str:
    """A name for a block that is not `taken`.

    Args:
        found: the names of its items in each place where it stands.
    """
    base = _word(found) if len(body) > 3 or any(isinstance(item, (Split, Loop)) for item in body) else ""
    base = base or _of_layers(body)
    name, number = base, 2
    while name in taken or name in STRUCTURAL:
        name, number = f"{base}_{number}", number + 1
    return name


def _word(found: Sequence[Sequence[str | None]]) -> str:
    """The last words, numbers apart, that the names begin with in all places where they begin with any."""
    prefixes = [prefix for names in found if (prefix := titles.common(names))]
    stems = [[re.sub(r"\d+[a-z]?$", "", word) for word in prefix] for prefix in prefixes]
    if 2 * len(stems) < len(found) or not stems:
        return ""
    words = [word for word in stems[0] if len(word) > 2 and all(word in other for other in stems)]
    name = "_".join(words[-2:]).lower()
    return name if name.isidentifier() else ""


def _of_layers(body: Items) -> str:
    words = [word for word in map(_short, body) if word]
    words = [word for at, word in enumerate(words) if word not in words[:at]]
    if len(words) > 3:
        words = [word for word in words if word not in ("norm", "act", "pad", "drop")] or words
    return "_".join(words[:3]) or "block"


def _short(item: Item) -> str:
    match item:
        case Leaf() | Split():
            op = re.sub(r"\dD(Transpose)?$", "", item.op.rpartition(".")[2])
            return _SHORT.get(op, op.lower() if isinstance(item, Leaf) else "split")
        case Call():
            return item.block.partition("_")[0]
        case Loop():
            return _short(item.body[0])
        case _:
            raise TypeError(item)
