"""Passes over a checked graph and its weights: each is one function in one file, registered here.

    graph, weights = run_passes(chosen("inference"), graph, weights)

They leave what the model computes at inference as it is. Weights may be absent; then a pass changes the graph alone.
NumPy is imported only where there are weights.
"""

from __future__ import annotations

from collections.abc import Mapping

from compiler.passes.fold_batch_norm import fold_batch_norm
from compiler.passes.fuse_activations import fuse_activations
from compiler.passes.remove_dropout import remove_dropout
from compiler.passes.remove_identities import remove_identities
from compiler.passes.runner import BrokenPass, Pass, run_passes

__all__ = ["ALL", "PASSES", "BrokenPass", "Pass", "chosen", "run_passes"]

PASSES: Mapping[str, Pass] = {
    "remove_dropout": remove_dropout,
    "remove_identities": remove_identities,
    "fold_batch_norm": fold_batch_norm,
    "fuse_activations": fuse_activations,
}
"""Every pass by name, in the order in which `inference` runs them."""

ALL = "inference"
"""The name of all of them."""


def chosen(text: str) -> Mapping[str, Pass]:
    """The passes that a list with commas names, in its order; `inference` is all of them, `none` none.

    >>> list(chosen("fold_batch_norm,fuse_activations"))
    ['fold_batch_norm', 'fuse_activations']

    Raises:
        ValueError: a name is not known.
    """
    if text == "none":
        return {}
    names = [name for part in text.split(",") for name in (PASSES if part.strip() == ALL else [part.strip()])]
    for name in names:
        if name not in PASSES:
            raise ValueError(f"no pass {name!r}: one of {', '.join(PASSES)}, {ALL} (all of them) or none")
    return {name: PASSES[name] for name in names}
