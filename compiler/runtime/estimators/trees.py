"""Trees as plain arrays: what scikit-learn's boosting and forests come to, and how rows go through them.

The arrays hold for every version of scikit-learn, and reading them runs nothing. Rows go the way that scikit-learn
sends them, and leaves are added in its order, so predictions are the same to the bit (for a forest, to the order in
which its threads add).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.estimators.links import LINKS, linked
from compiler.runtime.estimators.problem import Table, Values

Array = NDArray[Any]

_ROWS = 4096  # that go through a tree at a time: their nodes stay in the cache


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """An ensemble of M nodes in T trees, whose leaves have W values each, for V columns of output.

    Attributes:
        link: what the sums go through.
        features: columns of a table that it takes.
        base: (V,), where sums begin.
        roots: (T,), the first node of each tree.
        columns: (T,), the first output column that its leaves are added to.
        feature: (M,), the column that a node asks for; -1 at a leaf.
        threshold: (M,); a value up to it goes left.
        left, right: (M,), where rows go; always further down.
        missing_left: (M,), whether NaN goes left.
        value: (M, W), of the leaves.
    """

    form: ClassVar[str] = "trees"

    link: str
    features: int
    base: Array
    roots: Array
    columns: Array
    feature: Array
    threshold: Array
    left: Array
    right: Array
    missing_left: Array
    value: Array

    def predict(self, x: Table) -> Values:
        """Probabilities or values, (N, ...)."""
        raw = np.zeros((len(x), len(self.base))) + self.base
        for first in range(0, len(x), _ROWS):
            part = slice(first, first + _ROWS)
            rows = x[part].astype(np.float64)
            for root, column in zip(self.roots.tolist(), self.columns.tolist(), strict=True):
                raw[part, column : column + self.value.shape[1]] += self.value[self._leaves(rows, root)]
        return linked(self.link, raw, len(self.roots))

    def _leaves(self, x: Values, root: int) -> Array:
        """The leaf of each row in the tree at `root`."""
        nodes = np.full(len(x), root, dtype=np.int64)
        moving = np.arange(len(x))
        while len(moving):
            here = nodes[moving]
            feature = self.feature[here]
            inner = feature >= 0
            if not inner.all():
                moving, here, feature = moving[inner], here[inner], feature[inner]
            values = x[moving, feature]
            left = np.where(np.isnan(values), self.missing_left[here], values <= self.threshold[here])
            nodes[moving] = np.where(left, self.left[here], self.right[here])
        return nodes

    def parts(self) -> tuple[dict[str, object], dict[str, Array]]:
        """Plain values and arrays, for `from_parts`."""
        return {"link": self.link, "features": self.features}, {name: getattr(self, name) for name in _DTYPES}

    @classmethod
    def from_parts(cls, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> Trees:
        """The trees that `parts` was made of.

        Raises:
            ValueError: they are none: rows could leave the arrays, or never end.
        """
        for name, (kind, dimensions) in _DTYPES.items():
            if arrays[name].dtype != np.dtype(kind) or arrays[name].ndim != dimensions:
                raise ValueError(f"{name!r} has dtype {arrays[name].dtype} and {arrays[name].ndim} dimensions")
        made = cls(str(values["link"]), int(values["features"]), **{name: arrays[name] for name in _DTYPES})
        made._require_whole()
        return made

    def _require_whole(self) -> None:
        nodes, width, count = len(self.feature), self.value.shape[1], np.arange(len(self.feature))
        inner = self.feature >= 0
        whole = {
            "link": self.link in LINKS,
            "roots": _within(self.roots, nodes) and len(self.columns) == len(self.roots) > 0,
            "columns": width > 0 and _within(self.columns, len(self.base) - width + 1),
            "nodes": all(len(getattr(self, name)) == nodes for name in _BY_NODE),
        }
        if all(whole.values()):
            after = [
                (side[inner] > count[inner]).all() and _within(side[inner], nodes) for side in (self.left, self.right)
            ]
            whole["children"] = all(after)
            whole["features"] = bool((self.feature < self.features).all())
        wrong = [name for name, right in whole.items() if not right]
        if wrong:
            raise ValueError(f"the trees' {wrong[0]} do not fit together")


_BY_NODE = ("feature", "threshold", "left", "right", "missing_left", "value")
_DTYPES = {
    "base": ("float64", 1),
    "roots": ("int64", 1),
    "columns": ("int64", 1),
    "feature": ("int32", 1),
    "threshold": ("float64", 1),
    "left": ("int64", 1),
    "right": ("int64", 1),
    "missing_left": ("bool", 1),
    "value": ("float64", 2),
}
"""The arrays, each with its dtype and number of dimensions."""


def _within(indices: Array, count: int) -> bool:
    return bool(((indices >= 0) & (indices < count)).all())


def joined(trees: list[dict[str, Array]], **fixed: Any) -> Trees:
    """One ensemble of trees whose nodes count from 0 each.

    Args:
        trees: for each the arrays by node, and `column`, its first output column.
        fixed: `link`, `features` and `base`.
    """
    sizes = [len(tree["feature"]) for tree in trees]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    arrays = {name: np.concatenate([tree[name] for tree in trees]) for name in _BY_NODE}
    shift = np.repeat(starts, sizes)
    inner = arrays["feature"] >= 0
    for side in ("left", "right"):
        arrays[side] = np.where(inner, arrays[side] + shift, 0)
    columns = np.array([int(tree["column"]) for tree in trees])
    whole = {**fixed, "roots": starts, "columns": columns, **arrays}
    typed = {name: np.ascontiguousarray(whole[name], dtype=kind) for name, (kind, _) in _DTYPES.items()}
    return Trees(link=fixed["link"], features=int(fixed["features"]), **typed)
