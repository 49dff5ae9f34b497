"""What is found before anything is queued: faults that do not depend on what is drawn, and a grid looked at whole."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.errors import ConfigError, Fault
from compiler.runtime.plan import plan
from compiler.runtime.sweep.composer import Composer
from compiler.runtime.sweep.definition import Definition
from compiler.runtime.sweep.points import at_random, completed, extremes
from compiler.runtime.sweep.probe import check_grid, probe
from compiler.spec.compose import compose, make_loader
from tests.sweep.spaces import read, section
from tests.sweep.test_space import by_brute_force, conditions

SPACE_FILE = {
    "conv.yaml": """
input: [8, 8, 1]
vars: {kernel: 3, units: 10, depth: 1}
layers:
  - {op: Conv2D, filters: 4, kernel_size: $kernel, repeat: $depth, name: conv}
  - Flatten
  - {op: Dense, units: $units, activation: softmax}
"""
}


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conf")
    (folder / "model").mkdir()
    for name, text in SPACE_FILE.items():
        (folder / "model" / name).write_text(text, "utf-8")
    return folder


def sweep(conf: Path, *arguments: str, **search: Any) -> tuple[Definition, Composer]:
    fixed, space = read(*arguments, "data=digits_8x8", **search)
    definition = Definition.make(fixed, space, section({"method": "tpe", **search}))
    return definition, Composer(make_loader(conf), definition.config_name, fixed)


def told(faults: list[Fault]) -> list[tuple[str, str]]:
    return [(fault.code, fault.message) for fault in faults]


def test_a_sweep_without_faults_has_none(conf: Path) -> None:
    arguments = ["model=conv", "model.vars.kernel=1,3,5", "train.optimizer.learning_rate=tag(log,interval(1e-4,1))"]
    assert probe(*sweep(conf, *arguments, "train.batch_size=range(8,64,8)")) == []
    assert probe(*sweep(conf, "model=conv")) == []


def test_a_key_that_does_not_exist_is_found_once_with_its_hint(conf: Path) -> None:
    (fault,) = probe(*sweep(conf, "model=conv", "train.optimizer.lerning_rate=interval(0.1,1)", "train.epochs=1,2"))
    assert fault.code == "E007" and fault.hint == "did you mean 'learning_rate'?"


def test_values_that_are_wrong_by_themselves_are_found_one_at_a_time(conf: Path) -> None:
    arguments = [
        "model=conv,cnov", "train.epochs=1,two", "train.batch_size=int(interval(0,64))", "model.vars.units=10,many",
        "train.optimizer.op=Adam,Adan",
    ]  # fmt: skip
    found = probe(*sweep(conf, *arguments))
    assert [(fault.code, fault.place and fault.place.source.text) for fault in found] == [
        ("E006", "model=cnov"), ("E106", "train.epochs=two"), ("E107", "train.batch_size=0"),
        ("E106", "model.vars.units=many"), ("E117", "train.optimizer.op=Adan"),
    ]  # fmt: skip


def test_a_bad_combination_is_no_error(conf: Path) -> None:
    assert probe(*sweep(conf, "model=conv", "model.vars.kernel=3,5", "model.vars.depth=1,3")) == []
    (fault,) = probe(*sweep(conf, "model=conv,mlp", "model.vars.depth=1,2"))
    assert fault.code == "W656"
    assert fault.message.startswith(
        "model=mlp is at fault beside the other values: E007: cannot override 'model.vars.dep"
    )
    rules = {"model.vars.depth": {"model": "conv"}}
    assert probe(*sweep(conf, "model=conv,mlp", "model.vars.depth=1,2", conditions=rules)) == []


def test_what_all_points_have_is_reported_and_nothing_else(conf: Path) -> None:
    found = probe(*sweep(conf, "model=conv", "limits.params=5", "model.vars.kernel=3,5", "train.epochs=1,2"))
    assert [fault.code for fault in found] == ["E501"]


def test_each_point_with_another_fault_is_e655(conf: Path) -> None:
    (fault,) = probe(*sweep(conf, "model=conv", "train.epochs=0,two"))
    assert fault.code == "E655" and "E107" in fault.message and "E106" in fault.message


def test_enqueued_points_are_read(conf: Path) -> None:
    points = [{"train.epochs": 1}, {"train.epochs": 9}, {"train.epoch": 1}]
    found = probe(*sweep(conf, "model=conv", "train.epochs=1,2", enqueue=points))
    assert told(found) == [
        ("E653", "'train.epochs' cannot be 9, an int here"),
        ("E653", "'train.epoch' is no parameter of the sweep"),
    ]


def test_a_file_that_has_a_parameter_is_named(conf: Path) -> None:
    (fault,) = probe(*sweep(conf, "model=conv", space={"train.epochs": "choice(1, two)"}))
    assert fault.code == "E106" and [note.place.source.name for note in fault.notes] == ["search.yaml"]


def test_a_grid_is_looked_at_whole(conf: Path) -> None:
    """Against composing and checking every point by itself."""
    definition, composer = sweep(conf, "model=conv,mlp", "model.vars.kernel=3,5,9", "train.epochs=1,0")
    grid = check_grid(definition.space, composer)
    assert len(grid.points) == 12
    faulty: dict[int, list[str]] = {}
    for i, (model, kernel, epochs) in enumerate(itertools.product(("conv", "mlp"), (3, 5, 9), (1, 0))):
        overrides = [f"model={model}", f"model.vars.kernel={kernel}", f"train.epochs={epochs}", "data=digits_8x8"]
        try:
            plan(compose(overrides, conf))
        except ConfigError as error:
            faulty[i] = [fault.code for fault in error.faults]
    assert {number: [fault.code for fault in faults] for number, faults in grid.faults.items()} == faulty
    assert grid.feasible == 2
    report = grid.report(definition.space)
    assert {fault.code for fault in report} == {"W656"} and len(report) == 5
    assert any("in 6 of 12 points: train.epochs=0" in fault.message for fault in report)
    assert any("in 2 of 12 points: model=conv model.vars.kernel=9" in fault.message for fault in report)


def test_a_grid_of_faults_alone_is_one_of_errors(conf: Path) -> None:
    definition, composer = sweep(conf, "model=conv", "train.epochs=0,-1", "train.batch_size=8,16")
    grid = check_grid(definition.space, composer)
    report = grid.report(definition.space)
    assert grid.feasible == 0 and [fault.code for fault in report] == ["E107", "E107"]
    assert report[0].message.endswith("(in 2 of 4 points: train.epochs=0)")


def test_a_grid_of_many_points_is_looked_at_as_far_as_it_is_run(conf: Path) -> None:
    definition, composer = sweep(conf, "model=conv", "train.seed=range(100000)")
    assert len(check_grid(definition.space, composer, most=3).points) == 3


@given(conditions(), st.integers(0, 5))
def test_points_without_a_method_exist(drawn: tuple[list[str], dict[str, dict[str, list[str]]]], seed: int) -> None:
    arguments, rules = drawn
    _, space = read(*arguments, conditions=rules)
    possible = by_brute_force(arguments, rules)
    base = at_random(space, seed)
    assert frozenset(base.items()) in possible and frozenset(completed(space, {}, {}).items()) in possible
    reachable = {key for point in possible for key, _ in point}
    for parameter in space:
        for value in extremes(parameter):
            point = completed(space, {parameter.key: value}, base)
            assert frozenset(point.items()) in possible
            assert point.get(parameter.key) == value or parameter.key not in reachable or parameter.only
