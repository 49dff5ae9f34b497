"""What a sweep begins with, how it goes on with more trials, and what it optimises."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from compiler.errors import Diagnostics, Fault, Place, Source
from compiler.runtime.sweep.objectives import Objective, settle_objectives
from compiler.runtime.sweep.owners import Owner
from compiler.runtime.sweep.settings import read_search
from compiler.runtime.sweep.starting import Start, read_start
from compiler.runtime.sweep.study import Study
from compiler.runtime.training.settings import TrainSettings
from compiler.settings import validate
from compiler.spec.located import Map, located
from tests.sweep.spaces import section, space
from tests.sweep.studies import LOSS, PARAMETERS, RATE, new_study

ME = Owner.here("me")


def start(
    *texts: str, objectives: Sequence[Objective] = LOSS, conditions: Any = None, **search: Any
) -> tuple[Start, list[Fault]]:
    diagnostics = Diagnostics()
    values = {"method": "random", "conditions": conditions or {}, **search}
    settings = read_search(section(values), diagnostics)
    assert settings, [fault.message for fault in diagnostics.faults]
    made = space(*(texts or PARAMETERS), conditions=conditions or {})
    return read_start(settings, made, objectives, section(values), diagnostics), diagnostics.faults


def run(study: Study, count: int) -> None:
    for _ in range(count):
        claim = study.claim(ME)
        assert claim
        claim.report(1, claim.values[RATE])
        claim.complete([claim.values[RATE]])


def test_points_that_are_tried_first(tmp_path: Path) -> None:
    made, faults = start(enqueue=[{RATE: "1e-2", "model": "mlp"}, {"model": "sepconv_small"}], n_trials=4)
    assert not faults and len(made.slots) == 4
    study = new_study(tmp_path)
    assert study.fill(made) == 4 and study.fill(made) == 0
    first, second, third = (study.claim(ME) for _ in range(3))
    assert first and second and third
    assert (first.values[RATE], first.values["model"], second.values["model"]) == (0.01, "mlp", "sepconv_small")
    assert RATE in second.values and [trial.origin for trial in study.trials()][:3] == ["enqueued", "enqueued", "drawn"]


def test_points_outside_of_the_space_are_located() -> None:
    _, faults = start(enqueue=[{"model": "mlp"}, {"model": "resnet", "width": 3}], n_trials=4)
    assert [fault.code for fault in faults] == ["E653", "E653"]
    assert all(fault.place and fault.place.source.name == "search.yaml" for fault in faults)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"n_trials": None}, "how many trials there are is said by search.n_trials"),
        ({"n_trials": 1, "enqueue": [{"model": "mlp"}] * 2}, "search.enqueue has 2 points"),
        ({"warm_start": ["nowhere"]}, "nowhere"),
    ],
)
def test_faults_of_a_start(search: dict[str, Any], message: str) -> None:
    _, faults = start(**search)
    assert len(faults) == 1 and message in faults[0].message and faults[0].is_error


def test_a_grid_is_its_points(tmp_path: Path) -> None:
    texts = ("model=mlp,sepconv_small", "model.vars.width=8,16,32")
    made, faults = start(*texts, method="grid", n_trials=None)
    assert not faults and len(made.slots) == 6
    study = new_study(tmp_path, texts=texts, method="grid", n_trials=None)
    study.fill(made)
    claims = [study.claim(ME) for _ in range(6)]
    points = [tuple(claim.values.values()) for claim in claims if claim]
    assert len(set(points)) == 6 and points[0] == ("mlp", "8") and points[-1] == ("sepconv_small", "32")
    assert claims[0]
    claims[0].infeasible([Fault("E107", "no")])
    assert len(study.trials()) == 6, "a grid has no further points"
    assert start(method="grid", n_trials=None)[1][0].code == "E654"


def test_more_trials_later(tmp_path: Path) -> None:
    study = new_study(tmp_path)
    study.fill(start(n_trials=2)[0])
    claim = study.claim(ME)
    assert claim
    claim.infeasible([Fault("E107", "no")])
    run(study, 2)
    assert study.claim(ME) is None and study.counts().finished == 2
    assert study.fill(start(n_trials=5)[0]) == 3
    run(Study.open(study.folder), 3)
    assert study.counts().finished == 5 and [trial.number for trial in study.trials()] == list(range(6))


def test_the_method_knows_earlier_sweeps(tmp_path: Path) -> None:
    wider = new_study(tmp_path / "wider", 6, texts=(f"{RATE}=tag(log, interval(1e-6, 1e-1))", *PARAMETERS[1:]), seed=1)
    run(wider, 5)
    other = new_study(tmp_path / "other", 2, texts=(PARAMETERS[0],))
    run(other, 2)
    folders = [str(wider.folder.root), str(other.folder.root)]
    made, faults = start(n_trials=12, warm_start=folders)
    fitting = [trial for trial in wider.trials() if trial.values and 1e-4 <= trial.values[0] <= 1e-1]
    assert not faults and 0 < len(fitting) < 5
    assert [earlier.trial.values for earlier in made.earlier] == [trial.values for trial in fitting]
    study = new_study(tmp_path / "new", method={"op": "tpe", "n_startup_trials": 2}, warm_start=folders)
    assert study.fill(made) == 12 and study.fill(made) == 0
    assert study.counts().slots == 12 and study.trials()[0].number == len(fitting)
    seen = study.as_optuna().get_trials(states=None)
    assert [trial.value for trial in seen[: len(fitting)]] == [trial.value for trial in seen if trial.values]
    run(study, 12)
    assert study.counts().finished == 12 and study.claim(ME) is None


def test_earlier_sweeps_with_other_objectives(tmp_path: Path) -> None:
    new_study(tmp_path, 1)
    _, faults = start(warm_start=[str(tmp_path)], objectives=[Objective("val.accuracy", "maximize")])
    assert len(faults) == 1 and "val.loss (minimize)" in faults[0].message


def test_earlier_points_under_conditions(tmp_path: Path) -> None:
    texts = ("train.optimizer=adam,sgd", "train.optimizer.momentum=interval(0.1, 0.9)")
    old = new_study(tmp_path, 8, texts=texts, n_trials=8)  # without the condition, momentum is always there
    for _ in range(8):
        claim = old.claim(ME)
        assert claim
        claim.complete([1.0])
    conditions = {"train.optimizer.momentum": {"train.optimizer": "sgd"}}
    made, _ = start(*texts, conditions=conditions, warm_start=[str(tmp_path)])
    assert {earlier.point["train.optimizer"] for earlier in made.earlier} == {"sgd"}
    assert len(made.earlier) == sum(trial.params["train.optimizer"] == "sgd" for trial in old.trials())


# --- objectives ------------------------------------------------------------------------------


def settled(given: object, **train: Any) -> tuple[list[tuple[str, str]], list[Fault]]:
    diagnostics = Diagnostics()
    tree = located({"objectives": given}, Place(Source("search.yaml", ""), 1, 1))
    assert isinstance(tree, Map)
    search = read_search(tree, diagnostics)
    assert search
    found = settle_objectives(search, tree, validate(TrainSettings, train), diagnostics)
    return [(objective.name, objective.direction) for objective in found], diagnostics.faults


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, [("val.loss", "minimize")]),
        ("val.accuracy", [("val.accuracy", "maximize")]),
        (["val.mae", "val.r2"], [("val.mae", "minimize"), ("val.r2", "maximize")]),
        (["val.top_3_accuracy", "val.f1_macro"], [("val.top_3_accuracy", "maximize"), ("val.f1_macro", "maximize")]),
        ({"val.auc": None, "model.params": "minimize"}, [("val.auc", "maximize"), ("model.params", "minimize")]),
        (["val.loss", "model.flops", "timings.fit"],
         [("val.loss", "minimize"), ("model.flops", "minimize"), ("timings.fit", "minimize")]),
        ({"val.my_metric": "maximize"}, [("val.my_metric", "maximize")]),
    ],
)  # fmt: skip
def test_directions_lie_in_the_nature_of_metrics(given: object, found: list[tuple[str, str]]) -> None:
    assert settled(given) == (found, [])


def test_the_monitor_stands_in() -> None:
    assert settled(None, best={"monitor": "val.accuracy"})[0] == [("val.accuracy", "maximize")]


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ("val.my_metric", "is not known", "search.objectives={val.my_metric: minimize}"),
        ("val.acuracy", "is not known", "did you mean 'val.accuracy'?"),
        ({"model.size": "minimize"}, "a trial has no 'model.size'", "did you mean"),
        ({"loss": "minimize"}, "a trial has no 'loss'", "did you mean 'val.loss'?"),
    ],
)
def test_objectives_that_are_not_there(given: object, message: str, hint: str) -> None:
    _, faults = settled(given)
    assert [fault.code for fault in faults] == ["E601"]
    assert message in faults[0].message and hint in (faults[0].hint or "")


def test_a_password_is_not_written_down() -> None:
    diagnostics = Diagnostics()
    assert read_search(section({"storage": "postgresql+psycopg://me:secret@host/x"}), diagnostics) is None
    (fault,) = diagnostics.faults
    assert "has a password" in fault.message and "secret" not in fault.message
    assert "LAMINA_STORAGE_PASSWORD" in (fault.hint or "")
