"""Tables: what is fitted and encoded, against scikit-learn's transformers; splits, ids, groups, tasks and new files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import model_selection
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, make_multilabel_classification
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler

from compiler.errors import Diagnostics
from compiler.runtime.data.rows import LazyRows
from compiler.runtime.data.source import Blame
from tests.runtime.tables import CSV, lines, loaded, section_of, wine, write

SK: Any = model_selection
pytestmark = pytest.mark.usefixtures("own_folder")

HUE = {"hue": {"type": "categorical", "min_count": 1}}
SCALERS: dict[str, Any] = {
    "standard": StandardScaler(),
    "minmax": MinMaxScaler(),
    "robust": RobustScaler(),
    "none": "passthrough",
}


@pytest.mark.parametrize(
    ("scale", "impute"), [("standard", "median"), ("minmax", "mean"), ("robust", "constant"), ("none", "median")]
)
def test_features_are_scikit_learns(scale: str, impute: str) -> None:
    frame = wine()
    write(frame)
    data, settings = loaded(
        {**CSV, "scale": scale, "impute": impute, "fill": -1.5, "indicator": True, "min_count": 8, "columns": HUE}
    )
    assert (
        data.task == "multiclass" and data.class_names == ("Barbera", "Barolo", "Grignolino") and settings.classes == 3
    )
    features = frame.drop(columns="y")
    features["region"] = features["region"].astype(object).where(features["region"].notna(), "zz")  # its own, last
    numbers = [name for name in features if name not in ("hue", "region")]
    imputer = SimpleImputer(strategy=impute, fill_value=-1.5)
    onehot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=8, sparse_output=False)
    theirs = ColumnTransformer(
        [
            ("n", make_pipeline(imputer, SCALERS[scale]), numbers),
            ("h", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["hue"]),
            ("r", onehot, ["region"]),
        ]
    ).fit(features.iloc[data.train.ids])
    assert settings.shapes == {"": (len(numbers) + 1 + 4 + 4,)}
    # ours: each column in its place, holes behind ash, and the pooled ones before those that are missing
    named = data.fitted["columns"]
    assert named["hue"]["other"] is False and named["region"]["categories"] == ["north", "south"]
    assert named["region"]["other"] and named["region"]["missing"] and named["ash"]["indicator"]
    for split in (data.train, data.val, data.test):
        x = theirs.transform(features.iloc[split.ids])
        ours: Any = split.x
        at = list(features).index("ash") + 1
        hole = frame["ash"].isna().to_numpy()[split.ids]
        assert np.array_equal(ours[:, at], hole)
        rest = np.delete(ours, at, axis=1)
        hue = list(features).index("hue")
        order = [
            *range(hue),
            *range(hue + 4, len(numbers) + 4),
            *range(hue, hue + 4),
            *range(len(numbers) + 4, rest.shape[1]),
        ]
        rest = rest[:, order]
        np.testing.assert_allclose(rest[:, : len(numbers) + 4], x[:, : len(numbers) + 4], atol=1e-5, rtol=1e-6)
        north, south, other, missing = x[:, -4], x[:, -3], x[:, -1], x[:, -2]  # theirs: zz, then the infrequent
        np.testing.assert_array_equal(rest[:, -4:], np.stack([north, south, other, missing], axis=1))


def test_what_is_fitted_comes_from_the_training_rows_alone() -> None:
    frame = wine()
    write(frame)
    before, _ = loaded(CSV)
    changed = frame.copy()
    others = np.concatenate([before.val.ids, before.test.ids])
    changed.loc[others, "alcohol"] = 1e6
    changed.loc[others, "ash"] = np.nan
    changed.loc[others[:5], "region"] = "atlantis"
    changed.loc[others[5:9], "hue"] = None
    write(changed)
    after, _ = loaded(CSV)
    assert np.array_equal(before.train.ids, after.train.ids)
    assert json.dumps(before.fitted) == json.dumps(after.fitted)
    assert np.array_equal(np.asarray(before.train.x), np.asarray(after.train.x))
    assert not np.array_equal(np.asarray(before.val.x), np.asarray(after.val.x))
    changed.loc[before.train.ids[0], "alcohol"] = 1e6
    write(changed)
    assert json.dumps(loaded(CSV)[0].fitted) != json.dumps(before.fitted)


def test_new_rows_are_prepared_to_the_bit_as_in_the_training() -> None:
    frame = wine()
    write(frame)
    data, settings = loaded({**CSV, "indicator": True})
    fitted = json.loads(json.dumps(data.fitted))  # as a run keeps it
    order = list(frame)[::-1]
    write(frame.iloc[data.test.ids][order].drop(columns="y").assign(remark="new"), "new.csv")
    blame = Blame(section_of(CSV)[0], Diagnostics())
    rows = settings.new_rows(Path("new.csv"), fitted, blame, labels=False)
    assert rows is not None and rows.y is None and list(rows.ids) == list(range(len(data.test)))
    assert np.asarray(rows.x).tobytes() == np.asarray(data.test.x).tobytes()
    whole = settings.new_rows(Path("mine.csv"), fitted, blame, labels=True)
    assert whole is not None and np.array_equal(np.asarray(whole.y)[data.val.ids], data.val.y)
    strange = frame.head(3).assign(region="atlantis", ash=np.nan, y="Merlot")
    write(strange, "new.csv")
    unseen = settings.new_rows(Path("new.csv"), fitted, blame, labels=False)
    assert unseen is not None and np.isfinite(np.asarray(unseen.x)).all()
    assert np.all(np.asarray(unseen.x)[:, -4:] == 0)  # three regions and holes: a new one is none of them
    assert not blame.diagnostics.faults
    assert settings.new_rows(Path("new.csv"), fitted, blame, labels=True) is None
    assert [fault.code for fault in blame.diagnostics.faults] == ["E705"]


def test_lazy_rows_are_the_loaded_ones() -> None:
    write(wine())
    (eager, _), (lazy, _) = loaded({**CSV, "memory": "load"}), loaded({**CSV, "memory": "map"})
    x: Any = lazy.train.x
    assert isinstance(x, LazyRows) and x.shape == np.asarray(eager.train.x).shape
    some = np.array([5, 0, 5, 17])
    assert np.array_equal(x[some], np.asarray(eager.train.x)[some]) and np.array_equal(
        x[2:9], np.asarray(eager.train.x)[2:9]
    )


def test_parquet_has_the_features_of_the_same_csv() -> None:
    frame = wine().assign(fortified=np.arange(178) % 5 == 0, vintage=2000 + np.arange(178) % 7)
    write(frame)
    write(frame.replace({"fortified": {True: "true", False: "false"}}), "mine.csv")
    write(frame, "mine.parquet")
    keys = {"columns": {"vintage": "categorical"}}
    (text, _), (binary, _) = (
        loaded({**CSV, **keys}),
        loaded({**CSV, **keys, "source": "parquet", "path": "mine.parquet"}),
    )
    assert (
        np.array_equal(np.asarray(text.train.x), np.asarray(binary.train.x)) and text.class_names == binary.class_names
    )
    assert text.fitted == binary.fitted
    assert binary.fitted["columns"]["vintage"]["categories"][0] == "2000"


def test_codes_for_an_embedding_and_several_inputs() -> None:
    write(wine())
    keys = {
        **CSV,
        "columns": {"region": {"type": "categorical", "encode": "codes", "min_count": 8}},
        "inputs": {"numbers": ["alcohol", "ash"], "region": ["region"]},
    }
    data, settings = loaded(keys)
    assert settings.shapes == {"numbers": (2,), "region": (1,)} and settings.sizes == {"region": 4}  # pyright: ignore[reportAttributeAccessIssue]  # a table's
    x: Any = data.train.x
    raw = wine()["region"].iloc[data.train.ids]
    expected = raw.map({"north": 1, "south": 2, "far isles": 0}).fillna(3)
    assert np.array_equal(x["region"][:, 0], expected) and x["numbers"].shape == (len(raw), 2)
    assert list(data.fitted["columns"]) == ["alcohol", "ash", "region"]


def test_given_files_ids_and_groups() -> None:
    frame = wine().assign(
        number=lambda frame: 5000 - np.arange(len(frame)) * 3, cellar=lambda frame: np.arange(len(frame)) // 6
    )
    write(frame.iloc[:120], "train.csv")
    write(frame.iloc[120:], "test.csv")
    keys = {
        **CSV,
        "path": None,
        "train_path": "train.csv",
        "test_path": "test.csv",
        "split": {"val": 0.2},
        "id": "number",
    }
    data, _ = loaded({**keys, "columns": {"cellar": "drop"}})
    assert sorted(data.test.ids) == list(data.test.ids) and set(data.test.ids) == set(frame["number"].iloc[120:])
    by_id = frame.set_index("number")
    assert list(by_id.loc[data.val.ids, "y"]) == [data.class_names[y] for y in data.val.y]
    assert "number" not in data.fitted["columns"]
    write(frame)
    data, _ = loaded({**CSV, "group": "cellar", "columns": {"number": "drop"}})
    cellars = [set(frame["cellar"].iloc[split.ids]) for split in (data.train, data.val, data.test)]
    assert not cellars[0] & cellars[1] | cellars[0] & cellars[2] | cellars[1] & cellars[2]
    folds = [
        loaded({**CSV, "group": "cellar", "columns": {"number": "drop"}, "folds": 3, "fold": k})[0] for k in range(3)
    ]
    pool = np.setdiff1d(np.arange(len(frame)), folds[0].test.ids)
    codes, cellar = pd.factorize(frame["y"], sort=True)[0][pool], frame["cellar"].to_numpy()[pool]
    oracle = SK.StratifiedGroupKFold(3, shuffle=True, random_state=0).split(pool, codes, cellar)
    for fold, (train, val) in zip(folds, oracle, strict=True):
        assert np.array_equal(fold.val.ids, pool[val]) and np.array_equal(fold.train.ids, pool[train])


def test_tasks_that_follow_from_the_target() -> None:
    bunch: Any = load_diabetes(as_frame=True)
    frame = bunch.frame.iloc[:120].rename(columns={"target": "y"})
    labels: Any = make_multilabel_classification(120, 4, n_classes=3, random_state=0)
    marks = pd.DataFrame(labels[1], columns=["a", "b", "c"])
    both = pd.concat([frame.assign(y2=lambda frame: -frame["y"]), marks], axis=1)
    both["tags"] = [";".join(marks.columns[row == 1]) for row in marks.to_numpy()]
    both["sick"] = np.where(both["y"] > 150, "yes", "no")
    write(both)
    dropped = dict.fromkeys(("y", "y2", "a", "b", "c", "tags", "sick"), "drop")

    def asked(target: Any, **keys: Any) -> Any:
        kept = {
            name: kind
            for name, kind in dropped.items()
            if name not in ([target] if isinstance(target, str) else target)
        }
        return loaded({**CSV, "target": target, "columns": kept, **keys})

    data, settings = asked("y")
    assert (data.task, settings.classes, data.class_names) == ("regression", 1, ())
    assert data.train.y.dtype == np.float32 and np.array_equal(
        data.train.y, both["y"].iloc[data.train.ids].astype(np.float32)
    )
    data, settings = asked(["y", "y2"])
    assert (data.task, settings.classes, data.test.y.shape[1]) == ("regression", 2, 2)
    data, settings = asked("sick")
    assert (data.task, settings.classes, data.class_names) == ("binary", 2, ("no", "yes"))
    columns, _ = asked(["a", "b", "c"])
    listed, settings = asked("tags", label_separator=";")
    assert columns.task == listed.task == "multilabel" and columns.class_names == listed.class_names == ("a", "b", "c")
    assert np.array_equal(columns.train.y, listed.train.y) and settings.classes == 3
    assert np.array_equal(columns.train.y, marks.to_numpy()[columns.train.ids])


def test_forms_of_text() -> None:
    rows = "".join(f"{i / 4:.2f};Zürich ;{'ja' if i % 3 else 'nein'}\n".replace(".", ",") for i in range(60))
    lines("x; Ort ;y\n" + rows, encoding="cp1252")
    keys = {**CSV, "separator": ";", "decimal": ",", "encoding": "cp1252", "scale": "none", "columns": {"Ort": "drop"}}
    data, _ = loaded(keys)
    assert np.array_equal(np.asarray(data.train.x)[:, 0], data.train.ids / 4) and data.class_names == ("ja", "nein")
    lines("\ufeffx,note,y\n" + "".join(f'{i},"{"a, B" if i % 2 else "A,  b"}\n",{i % 2}\n\n' for i in range(60)))
    data, _ = loaded({**CSV, "columns": {"note": "text"}})
    assert data.fitted["columns"]["note"]["categories"] == ["a, b"] and len(data.train) == 36


def test_ten_comes_after_nine_and_one_is_one() -> None:
    lines("x,y\n" + "".join(f"{i % 7},{i % 11}{'.0' if i % 2 else ''}\n" for i in range(300)))
    data, _ = loaded({**CSV, "columns": {"x": "numeric"}})
    assert data.class_names == tuple(str(number) for number in range(11))
    assert np.array_equal(data.train.y, data.train.ids % 11)


def test_the_front_end_does_not_read_or_import_anything_for_other_sources() -> None:
    code = (
        "import sys; from compiler.commands import main; main(['check', 'model=mlp', 'data=digits']);"
        "found = {'numpy', 'pandas', 'sklearn', 'tensorflow'} & set(sys.modules); assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
