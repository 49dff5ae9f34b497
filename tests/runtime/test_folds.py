"""Cross-validation: the folds, and predictions out of them, against scikit-learn's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import model_selection
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB

from compiler.errors import ConfigError, render
from compiler.runtime.data import Dataset
from compiler.runtime.data.divide import divide
from compiler.runtime.data.npz import Npz
from compiler.runtime.data.source import Blame, ValTestSplit
from compiler.runtime.run import Run, RunWriter, read_run
from compiler.runtime.run.out_of_fold import out_of_fold
from compiler.spec.located import plain
from tests.runtime.data_files import NPZ, X, Y, loaded, save, section, text_of

SK: Any = model_selection
FOLDED = {**NPZ, "split": "{test: 0.2, seed: 3}", "folds": "5"}
pytestmark = pytest.mark.usefixtures("own_folder")


def folds_of(keys: dict[str, str], count: int = 5) -> list[Dataset]:
    return [loaded({**keys, "fold": str(fold)}) for fold in range(count)]


def test_the_folds_are_scikit_learns_and_test_stays() -> None:
    save()()
    whole, folds = loaded({**NPZ, "split": "{val: 0.2, test: 0.2, seed: 3}"}), folds_of(FOLDED)
    pool = np.setdiff1d(np.arange(60), whole.test.ids)
    for data, (train, val) in zip(
        folds, SK.StratifiedKFold(5, shuffle=True, random_state=3).split(pool, Y[pool]), strict=True
    ):
        assert np.array_equal(data.train.ids, pool[train]) and np.array_equal(data.val.ids, pool[val])
        assert np.array_equal(data.test.ids, whole.test.ids)
    assert len({data.fingerprints["rows"]["folds"] for data in folds}) == 1
    assert len({data.fingerprints["labels"]["folds"] for data in folds}) == 1
    assert len({data.fingerprints["rows"]["val"] for data in folds}) == 5
    assert "folds" not in whole.fingerprints["rows"]


def test_folds_of_given_train_rows_and_of_values() -> None:
    targets = np.linspace(0, 1, 60)
    save(x=None, y=None, x_train=X, y_train=targets, x_test=X[:6], y_test=targets[:6])()
    folds = folds_of({**FOLDED, "task": "regression", "classes": "1", "split": "{seed: 1}"})
    for data, (train, val) in zip(folds, SK.KFold(5, shuffle=True, random_state=1).split(X), strict=True):
        assert np.array_equal(data.train.ids, train) and np.array_equal(data.val.ids, val)
        assert list(data.test.ids) == list(range(60, 66))


@pytest.mark.parametrize("names", [("a", "b", "c"), ()])
def test_groups_stay_together(names: tuple[str, ...]) -> None:
    groups = np.arange(60) // 4
    blame = Blame(section(NPZ), None)  # pyright: ignore[reportArgumentType]  # nothing is reported
    seen = list[int]()
    for fold in range(3):
        values = {"source": "npz", "path": "mine.npz", "input_shape": (4,), "classes": 3, "folds": 3, "fold": fold}
        settings = Npz(**values, split=ValTestSplit(test=0.2, seed=2))
        chosen = divide(Y, frozenset(), settings, blame, names, groups)
        assert chosen is not None
        of = {part: set(groups[rows]) for part, rows in chosen.items()}
        assert not of["train"] & of["val"] | of["train"] & of["test"] | of["val"] & of["test"]
        assert sorted(np.concatenate(list(chosen.values()))) == list(range(60))
        assert len(of["test"]) == 3
        seen += chosen["val"].tolist()
    assert len(seen) == len(set(seen)) == 60 - len(chosen["test"])
    split = Npz(source="npz", path="", input_shape=(4,), classes=3, split=ValTestSplit(val=0.25, test=0.2))
    chosen = divide(Y, frozenset(), split, blame, (), groups)
    assert chosen is not None and [len(set(groups[chosen[part]])) for part in ("train", "val", "test")] == [8, 4, 3]


FAULTS: dict[str, tuple[dict[str, str], Callable[[], object]]] = {
    "folds_settings": ({**NPZ, "folds": "1", "fold": "-1"}, save()),
    "fold_too_large": ({**FOLDED, "fold": "5"}, save()),
    "fold_missing": (FOLDED, save()),
    "fold_alone": ({**NPZ, "fold": "2"}, save()),
    "folds_given_val": ({**FOLDED, "fold": "0"}, save(x=None, y=None, x_train=X, y_train=Y, x_val=X, y_val=Y)),
    "folds_many": ({**FOLDED, "fold": "0", "folds": "50"}, save()),
    "folds_scarce": ({**FOLDED, "fold": "0"}, save(y=np.repeat([0, 1, 2], [30, 26, 4]))),
}


@pytest.mark.parametrize("case", FAULTS)
def test_the_text_of_a_fault(case: str, golden: Callable[[str, str], None]) -> None:
    keys, write = FAULTS[case]
    write()
    golden(f"data/{case}.txt", text_of(keys))


def data_seed(keys: dict[str, str]) -> int:
    return 4 if "seed: 4" in keys["split"] else 3


def write_run(root: Path, keys: dict[str, str], **changed: Any) -> Run:
    """A run of naive Bayes."""
    data = loaded(keys)
    model = GaussianNB().fit(data.train.x, data.train.y)
    with RunWriter(root, {"kind": "nb", "name": root.name}) as writer:
        for name, split in (("val", data.val), ("test", data.test)):
            probabilities = model.predict_proba(np.asarray(split.x))
            writer.save_predictions(name, probabilities, split.ids, changed.get("labels", split.y))
        writer.complete(
            {
                "data": {"fingerprints": data.fingerprints},
                "config": {"data": plain(section(keys))},
                "seeds": {"split": data_seed(keys)},
            }
        )
    return read_run(root)


IRIS = {**FOLDED, "folds": "4"}


def iris_runs(count: int = 4, **keys: str) -> list[Run]:
    x, y = load_iris(return_X_y=True)
    np.savez("mine.npz", x=np.asarray(x, np.float32), y=y)
    return [write_run(Path(f"fold{fold}"), {**IRIS, **keys, "fold": str(fold)}) for fold in range(count)]


def test_predictions_out_of_fold_are_scikit_learns() -> None:
    runs = iris_runs()
    found = out_of_fold([runs[i] for i in (2, 0, 3, 1)])
    x, y = load_iris(return_X_y=True)
    x = np.asarray(x, np.float32)
    test = runs[0].predictions("test").rows
    pool = np.setdiff1d(np.arange(150), test)
    cv = SK.StratifiedKFold(4, shuffle=True, random_state=3)
    expected = SK.cross_val_predict(GaussianNB(), x[pool], y[pool], cv=cv, method="predict_proba")
    assert np.array_equal(found.rows, pool) and np.array_equal(found.labels, y[pool])
    assert np.array_equal(found.predictions, expected.astype(np.float32))


def test_runs_that_do_not_belong_together_are_refused(golden: Callable[[str, str], None]) -> None:
    runs = iris_runs()
    last = {**IRIS, "fold": "3"}
    others = {
        "none": [],
        "missing": runs[:2],
        "twice": [*runs[:3], runs[1]],
        "no_folds": [*runs[:3], write_run(Path("whole"), {**NPZ, "split": "{val: 0.2, test: 0.2}"})],
        "other_count": [*runs[:3], write_run(Path("of5"), {**last, "folds": "5"})],
        "other_seed": [*runs[:3], write_run(Path("seed"), {**last, "split": "{test: 0.2, seed: 4}"})],
        "labels": [*runs[:3], write_run(Path("labels"), last, labels=np.zeros(30, int))],
    }
    x, y = load_iris(return_X_y=True)
    np.savez("mine.npz", x=np.asarray(x, np.float32) + 1, y=y)
    others["other_rows"] = [*runs[:3], write_run(Path("rows"), last)]
    texts = list[str]()
    for name, group in others.items():
        with pytest.raises(ConfigError) as error:
            out_of_fold(group)
        texts.append(f"--- {name}\n{render(error.value.faults)}")
    golden("run/out_of_fold.txt", "\n".join(texts))
