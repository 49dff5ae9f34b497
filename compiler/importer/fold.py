"""A tree of items -> the same with what repeats written once: loops for copies in a row, blocks for copies elsewhere.

Copies in a row are looked for first, short ones before long ones, so that a stage of equal residuals is one item
when stages are compared. Then the list of items that saves the most text as a block becomes one, and so on, until
nothing saves any more. What there is to save is counted by `tree.weight`.
"""

from __future__ import annotations

from compiler.importer.blocks import with_block
from compiler.importer.loops import with_loops
from compiler.importer.tree import Folded, Items, Shapes, everywhere


def folded(items: Items, outputs: tuple[str, ...]) -> Folded:
    """Fold a model's items; `outputs` are the results that it gives."""
    model, shapes = Folded(items, outputs=outputs), Shapes()
    while True:
        model = everywhere(model, lambda found, blocks=model.blocks: with_loops(found, shapes, blocks))
        smaller = with_block(model, shapes)
        if smaller is None:
            return model
        model = smaller
