"""Tasks of the sandbox: whether a library can read a model file, and whether all that is in it holds together.

A tree is walked from its root to every leaf. So a file that passes cannot lead rows out of the library's arrays, which
it does not check itself, nor around in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from compiler.importer.refused import Refused

Tree = Mapping[str, Any]


def lightgbm(asked: Mapping[str, Any]) -> bool:
    """Read a LightGBM text file.

    Raises:
        Refused: E901.
    """
    import lightgbm
    import numpy as np

    booster = lightgbm.Booster(model_file=str(asked["path"]))
    model = booster.dump_model()
    features = int(asked["features"])
    if booster.num_feature() != features:
        raise _refused(f"is a model of {booster.num_feature()} features, but the run's rows have {features}")
    for tree in model["tree_info"]:
        nodes = list(_lightgbm_nodes(tree["tree_structure"]))
        leaves = sorted(int(node.get("leaf_index", 0)) for node in nodes if "split_index" not in node)
        inner = sorted(int(node["split_index"]) for node in nodes if "split_index" in node)
        count = int(tree["num_leaves"])
        if leaves != list(range(count)) or inner != list(range(count - 1)):
            raise _refused(f"has a tree {tree['tree_index']} that does not hold together")
        if any(not 0 <= int(node["split_feature"]) < features for node in nodes if "split_index" in node):
            raise _refused(f"has a tree {tree['tree_index']} that asks for a feature that there is not")
    booster.predict(np.array([[0.0] * features, [np.nan] * features]))
    return True


def _lightgbm_nodes(root: Tree) -> Iterator[Tree]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        if "split_index" in node:
            waiting += [cast(Tree, node["left_child"]), cast(Tree, node["right_child"])]


def xgboost(asked: Mapping[str, Any]) -> bool:
    """Read an XGBoost JSON file.

    Raises:
        Refused: E901.
    """
    import json

    import numpy as np
    import xgboost

    path, features = Path(asked["path"]), int(asked["features"])
    learner = json.loads(path.read_bytes())["learner"]
    booster = learner["gradient_booster"]
    for tree in booster.get("gbtree", booster)["model"]["trees"]:
        _require_tree(tree, features)
    model = xgboost.Booster(model_file=str(path))
    if model.num_features() != features:
        raise _refused(f"is a model of {model.num_features()} features, but the run's rows have {features}")
    model.predict(xgboost.DMatrix(np.array([[0.0] * features, [np.nan] * features])))
    return True


def _require_tree(tree: Tree, features: int) -> None:
    """Every node is reached once from the root, and asks for a feature that there is."""
    left, right = tree["left_children"], tree["right_children"]
    asks = tree["split_indices"]
    seen, waiting = set[int](), [0]
    while waiting:
        node = waiting.pop()
        if node in seen or not 0 <= node < len(left) or not (left[node] == -1) == (right[node] == -1):
            raise _refused(f"has a tree {tree['id']} that does not hold together")
        seen.add(node)
        if left[node] != -1:
            waiting += [left[node], right[node]]
            if not 0 <= asks[node] < features:
                raise _refused(f"has a tree {tree['id']} that asks for a feature that there is not")
    if len(seen) != int(tree["tree_param"]["num_nodes"]):
        raise _refused(f"has a tree {tree['id']} that does not hold together")


def _refused(message: str) -> Refused:
    return Refused("E901", message)
