"""`where` and `best`: SQLite as the oracle of what is not known, and each fault with its place."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.runtime.ensemble.objectives import Objective
from compiler.runtime.runs.best import LARGER, SMALLER, Best, mode_of
from compiler.runtime.runs.entry import PARTS, Entry
from compiler.runtime.runs.measures import MEASURES
from compiler.runtime.runs.where import FieldError, Where
from compiler.runtime.training.metrics import Metric
from compiler.spec.expression import ExpressionError


def run(path: str = "a", /, config: Mapping[str, Any] | None = None, overrides: object = (), **head: Any) -> Entry:
    """A run with some fields; `val_loss` stands for `val.loss`."""
    parts: list[Mapping[str, Any]] = [{} for _ in PARTS]
    parts[PARTS.index("config.train")] = config or {}
    parts[-1] = {"overrides": list(cast("list[str]", overrides))}
    fields = {name.replace("_", ".", 1): value for name, value in head.items()}
    return Entry(path, "complete", fields, parts.__getitem__)


RUNS = (
    run("a", {"epochs": 3, "optimizer": {"op": "Adam"}}, ["model=mlp", "+x.y=2"], name="mlp", val_loss=0.5),
    run("b", {"epochs": 9, "optimizer": "SGD"}, ["model=cnn", "model.vars.width=64"], name="cnn", val_loss=0.25),
    run("c", None, (), name="tree", val_auc=0.75),
)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("$val.loss < 0.3", "b"),
        ("val.loss < 0.3", "b"),
        ("$ not val.loss < 0.3", "a"),
        ("$val.loss < 0.3 or val.auc > 0.5", "bc"),
        ("$val.auc > 0.5 or val.loss < 0.3", "bc"),
        ("$model.name in ['mlp', 'tree']", "ac"),
        ("$name == 'mlp' or kind == 'x' or path == 'b'", "ab"),
        ("$config.train.optimizer.op == 'Adam'", "a"),
        ("$config.train.optimizer == 'SGD'", "b"),
        ("$overrides.model.vars.width * 2 == 128", "b"),
        ("$overrides.x.y == 2 and 'model=mlp' in overrides", "a"),
        ("$len(overrides) == 0", "c"),
        ("$status == 'complete' and val.loss != null", "ab"),
        ("$0.2 < val.loss < 0.3", "b"),
        ("true", "abc"),
    ],
)
def test_which_runs_match(text: str, paths: str) -> None:
    some = (*RUNS, run("z", kind="keras"))  # `kind` is a field of some run
    found = Where.of(text).matches(some)
    assert "".join(each.path for each in found if each.path != "z") == paths


ATOMS = st.sampled_from(["a > 1", "b > 1", "a < b", "c == 'x'", "c != 'y'", "a + b > 2"])
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda each: f"({' '.join(each)})"),
        inner.map(lambda each: f"(not {each})"),
    ),
    max_leaves=8,
)
VALUES = st.fixed_dictionaries(
    {}, optional={"a": st.integers(0, 3), "b": st.integers(0, 3), "c": st.sampled_from(["x", "y"])}
)


@given(CONDITIONS, st.lists(VALUES, max_size=6))
def test_what_is_not_known_is_as_in_sql(text: str, rows: list[dict[str, Any]]) -> None:
    """A missing field is NULL; the run that has all fields keeps every name known."""
    rows = [{"a": 2, "b": 1, "c": "x"}, *rows]
    found = Where.of(text).matches([run(str(i), **row) for i, row in enumerate(rows)])
    with sqlite3.connect(":memory:") as base:
        base.execute("create table runs (i, a, b, c)")
        values = [(i, row.get("a"), row.get("b"), row.get("c")) for i, row in enumerate(rows)]
        base.executemany("insert into runs values (?, ?, ?, ?)", values)
        expected = base.execute(f"select i from runs where {text.replace('==', '=')} order by i").fetchall()
    assert [int(each.path) for each in found] == [i for (i,) in expected]


@pytest.mark.parametrize(
    ("text", "code", "blamed"),
    [
        ("$val.loss < 0.3 and val.acuracy > 1", "E202", "val.acuracy"),
        ("val.acuracy > 1", "E202", "val.acuracy"),
        ("$test.loss < 1", "E850", "test.loss"),
        ("name == 'a' and test.loss < 1", "E850", "test.loss"),
        ("$val.loss < 'x'", "E203", "val.loss < 'x'"),
        ("name > 3 or val.loss > 'x'", "E203", "name > 3"),
        ("$val.loss", "E203", "val.loss"),
        ("$val.loss <", "E201", "<"),
        ("$name[0].x == 3", "E201", "name[0].x == 3"),
        ("$name.lower() == 3", "E201", "name.lower() == 3"),
        ("$open('x')", "E201", "open('x')"),
    ],
)
def test_faults_say_what_is_to_blame(text: str, code: str, blamed: str) -> None:
    with pytest.raises((FieldError, ExpressionError)) as caught:
        Where.of(text).matches(RUNS)
    error: Any = caught.value
    assert (error.code, text[error.offset :][: error.width]) == (code, blamed)


def test_a_misspelt_field_gets_a_hint() -> None:
    with pytest.raises(FieldError) as caught:
        Where.of("$config.train.epoch > 3").matches(RUNS)
    assert caught.value.hint == "did you mean 'config.train.epochs'?"


def test_what_can_be_computed_of_some_runs_is_no_fault() -> None:
    odd = run("d", {"epochs": "many"})
    assert [each.path for each in Where.of("$config.train.epochs > 3").matches((*RUNS, odd))] == ["b"]


def test_no_runs_have_no_unknown_fields() -> None:
    assert Where.of("$val.anything > 3").matches(()) == ()


@given(
    st.lists(st.tuples(st.sampled_from("xyz"), st.one_of(st.none(), st.integers(0, 5))), max_size=12),
    st.one_of(st.none(), st.integers(1, 4)),
    st.booleans(),
    st.sampled_from(["min", "max"]),
)
def test_the_best_of_each_group(rows: list[tuple[str, int | None]], k: int | None, grouped: bool, mode: str) -> None:
    runs = [
        run(str(i), name=group) if value is None else run(str(i), name=group, val_loss=value)
        for i, (group, value) in enumerate(rows)
    ]
    best = Best("val.loss", k, ("name",) if grouped else (), "min" if mode == "min" else "max")
    found = [int(each.path) for each in best.of(runs)]
    sign = 1 if mode == "min" else -1
    ranked = sorted((sign * value, i) for i, (_, value) in enumerate(rows) if value is not None)
    expected: list[int] = []
    for _, i in ranked:
        of_group = [j for j in expected if not grouped or rows[j][0] == rows[i][0]]
        if k is None or len(of_group) < k:
            expected.append(i)
    assert found == expected


def test_directions_are_those_of_trainings_and_ensembles() -> None:
    for name, objective in cast("dict[str, Any]", Objective.known).items():
        assert not name.islower() or mode_of(f"val.{name}") == objective.best, name
    for metric in Metric.choices():
        assert mode_of(f"val.{metric().key}") == mode_of(f"train.{metric().key}") == metric.best
    known = cast("dict[str, Any]", Objective.known)
    assert {known[name.removeprefix("val.")] for name in MEASURES} == set(Objective.choices())
    assert all(mode_of(name) for name in MEASURES)
    assert not LARGER & SMALLER
    assert mode_of("val.f1_macro") == mode_of("val.top_3_accuracy") == "max"
    assert mode_of("val.loss") == mode_of("timings.fit") == mode_of("model.params") == "min"
    assert mode_of("val.own") is None and mode_of("best_epoch") is None
