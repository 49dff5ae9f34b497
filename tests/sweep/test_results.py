"""What a sweep comes to: which trial is best, what files and the summary say, the command that trains it again."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.importance import get_param_importances
from optuna.trial import create_trial

from compiler import commands
from compiler.errors import ConfigError
from compiler.runtime.sweep.closing import final_text, summary
from compiler.runtime.sweep.importances import LEAST, importances
from compiler.runtime.sweep.objectives import Objective
from compiler.runtime.sweep.owners import Owner
from compiler.runtime.sweep.results import RECORD, TABLE, record_final, recorded, write_results
from compiler.runtime.sweep.standing import Standing, standing_of
from compiler.runtime.sweep.study import Study
from compiler.runtime.sweep.trials import TrialState
from compiler.spec.compose import compose
from compiler.spec.located import plain
from compiler.spec.overrides import for_hydra
from tests.pages import ROOT
from tests.sweep.studies import new_study
from tests.sweep.sweeps import ACCURACY, LOSS, PARAMS, RATE, drawn, study, tell, trial
from tests.sweep.test_board import some_trials

Golden = Callable[[str, str], None]


def finished(root: Path, *, two: bool = False) -> Study:
    """A study whose trials are all finished."""
    to = study(root, objectives=(ACCURACY, PARAMS) if two else (ACCURACY,), search={"test": False})
    if two:
        values = [(0.9, 2000.0), (0.95, 9000.0), (0.8, 1000.0), (0.85, 8000.0)]
        trials = [
            trial(number, "complete", *each, params={"model": "mlp", RATE: 0.01 / (number + 1)})
            for number, each in enumerate(values)
        ]
        tell(to, *trials)
    else:
        tell(to, *some_trials()[:6])
    return to


# --- which is best -------------------------------------------------------------------------------

POINTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=25)


@given(POINTS, st.tuples(*[st.sampled_from(["minimize", "maximize"])] * 3))
def test_front_and_best_are_optunas(points: list[tuple[int, int, int]], directions: tuple[Any, Any, Any]) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    theirs = optuna.create_study(directions=directions)
    theirs.add_trials([create_trial(values=point) for point in points])
    objectives = tuple(Objective(f"val.{i}", direction) for i, direction in enumerate(directions))
    trials = tuple(trial(number, "complete", *map(float, point)) for number, point in enumerate(points))
    front = Standing(objectives, trials).front
    assert sorted(each.number for each in front) == sorted(each.number for each in theirs.best_trials)
    single = optuna.create_study(direction=directions[0])
    single.add_trials([create_trial(value=point[0]) for point in points])
    best = Standing(objectives[:1], tuple(trial(n, "complete", float(point[0])) for n, point in enumerate(points))).best
    assert best is not None and best.values == (single.best_value,)


# --- the files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("two", [False, True], ids=["one", "two"])
def test_sweep_json_and_trials_csv(tmp_path: Path, golden: Golden, two: bool) -> None:
    to = finished(tmp_path, two=two)
    given_back = write_results(to)
    record = json.loads((tmp_path / RECORD).read_text("utf-8"))
    assert json.loads(json.dumps(given_back)) == record
    assert record.pop("versions")["optuna"] == optuna.__version__
    assert record.pop("hash") == to.definition.hash
    name = "two" if two else "one"
    golden(f"sweep/sweep_{name}.json", json.dumps(record, indent=2) + "\n")
    golden(f"sweep/trials_{name}.csv", (tmp_path / TABLE).read_text("utf-8"))
    assert not list(tmp_path.glob(".tmp-*"))


def test_the_table_has_every_trial_as_pandas_reads_it(tmp_path: Path) -> None:
    arguments, trials = drawn(60)
    awkward = trial(60, "failed", params={"model": 'a "b",\nc'}, reason="first\nsecond")
    to = study(tmp_path, arguments, search={"test": False})
    tell(to, *trials, awkward)
    write_results(to)
    table = pd.read_csv(tmp_path / TABLE, keep_default_na=False)
    assert table["number"].tolist() == list(range(61))
    assert table["state"].tolist() == [each.state for each in [*trials, awkward]]
    assert table["model"].iloc[-1] == 'a "b",\nc' and table["reason"].iloc[-1] == "first"
    rates = pd.to_numeric(table[RATE][:60])
    np.testing.assert_array_equal(rates, [each.params[RATE] for each in trials])
    values = np.asarray(pd.to_numeric(table["val.accuracy"]))
    expected = [each.values[0] if each.values else np.nan for each in [*trials, awkward]]
    np.testing.assert_array_equal(values, expected)


def test_an_unfinished_sweep_says_so_and_a_finished_one_waits_for_its_test(tmp_path: Path) -> None:
    to = study(tmp_path)
    tell(to, *some_trials())
    assert write_results(to)["status"] == "unfinished"
    tell(to, *some_trials()[:6])
    assert write_results(to)["status"] == "unfinished", "the winner's test split is still to be scored"
    record_final(tmp_path, {"trial": 3, "metrics": {"loss": 0.5}})
    again = write_results(to)
    assert again["status"] == "complete" and again["final"] == {"trial": 3, "metrics": {"loss": 0.5}}
    tell(to, *some_trials()[1:3])
    assert write_results(to)["best"] is None


def test_a_damaged_record_is_never_written_over(tmp_path: Path) -> None:
    """It may say that the test split was scored."""
    to = finished(tmp_path)
    for text in ("{", "[]", '{"schema": "1"}', '{"schema": 99}'):
        (tmp_path / RECORD).write_text(text, "utf-8")
        with pytest.raises(ConfigError, match=r"sweep\.json") as error:
            write_results(to)
        assert error.value.faults[0].code == "E803"
        assert (tmp_path / RECORD).read_text("utf-8") == text


def test_of_an_equal_trial_the_folder_is_that_of_the_run(tmp_path: Path) -> None:
    to = study(tmp_path, search={"test": False})
    tell(to, trial(0, "failed", reason="killed"), trial(1, "complete", 0.5, facts={"reused_from": 7}))
    assert write_results(to)["best"]["folder"] == "trials/00007"


# --- the summary ---------------------------------------------------------------------------------


def test_the_summary(tmp_path: Path, golden: Golden) -> None:
    (tmp_path / "two").mkdir()
    texts: list[str] = []
    to = finished(tmp_path)
    texts.append(summary(write_results(to), "outputs/sweeps/a"))
    final = {"trial": 3, "metrics": {"loss": 0.21, "accuracy": 0.9333}, "rows": 270, "runs": [{}]}
    texts.append(summary({**write_results(to), "final": final}, "outputs/sweeps/a"))
    texts.append(summary(write_results(finished(tmp_path / "two", two=True)), "outputs/sweeps/b"))
    tell(to, *some_trials())
    texts.append(summary(write_results(to), "outputs/sweeps/a"))
    tell(to, *[trial(number, "failed", reason="killed") for number in range(12)])
    texts.append(summary(write_results(to), "outputs/sweeps/a"))
    golden("sweep/summary.txt", "\n----\n".join(texts) + "\n")


def test_the_test_of_a_winner_that_is_none_any_more_is_said_to_be_so() -> None:
    final = {"trial": 3, "metrics": {"loss": 0.21}, "runs": [{}, {}], "deviation": {"loss": 0.02}}
    assert final_text(final, 3) == "test.loss 0.2100 ± 0.0200 (mean of 2 folds), scored once"
    assert final_text({**final, "deviation": None}, 9) == (
        "test.loss 0.2100: of trial 3, which was the best when the test split was scored; it is not scored again"
    )
    assert final_text({"trial": 3, "metrics": {}, "reason": "no predictions"}, 3).endswith("not scored: no predictions")


COMMANDS = [
    (["model=mlp,convnet", f"{RATE}=tag(log, interval(1e-4, 1e-1))"], {"model": "mlp", RATE: 0.00123456789012345}),
    (["model=mlp", "train.optimizer={op: SGD, momentum: 0.9},{op: Adam}"], {}),
    (["model=mlp", '+model.patch={"hidden.*": {units: 5}},{"hidden.*": {units: 6}}'], {}),
    (["model=mlp", "data=digits", "model.vars.units=[32],[64,32]", "train.batch_size=range(16,129,16)"], {}),
    (["model=mlp", "data=npz", "+data.path='a b.npz','it\\'s $HOME `x`.npz'", "data.input_shape=[4]", "search=tpe",
      "data.classes=3"], {}),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "params"), COMMANDS, ids=["numbers", "mapping", "patch", "list", "quotes"])
def test_the_command_composes_what_the_trial_had(tmp_path: Path, arguments: list[str], params: dict[str, Any]) -> None:
    """Through a real shell, and Hydra's own composition of the overrides as a list."""
    to = study(tmp_path, for_hydra(arguments), search={"test": False})
    space = to.definition.space
    params = params or {each.key: each.texts[-1] for each in space}
    params = {key: int(value) if key.endswith("batch_size") else value for key, value in params.items()}
    tell(to, trial(0, "complete", 0.5, params=params))
    best = write_results(to)["best"]
    words = _in_a_shell(best["command"])
    assert words[:2] == ["python", "train.py"] and shlex.split(best["command"]) == words
    again = compose(for_hydra(words[2:]))
    meant = compose(for_hydra([*to.definition.fixed, *space.overrides(params)]))
    same = ("model", "train", "data")
    assert not again.faults
    assert [plain(again.section(name)) for name in same] == [plain(meant.section(name)) for name in same]
    assert plain(again.section("search")) == plain(compose([]).section("search")), "the search itself is left out"


def _in_a_shell(command: str) -> list[str]:
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]


# --- importances ---------------------------------------------------------------------------------


def _weights(root: Path, trials: list[TrialState], arguments: list[str], objectives: Any = (ACCURACY,)) -> Any:
    to = study(root, arguments, objectives)
    tell(to, *trials)
    return importances(standing_of(to), to.definition.space.distributions())


def test_importances_are_optunas_of_the_same_study(tmp_path: Path) -> None:
    """A study of Optuna's storage, with trials of every kind in it."""
    to = new_study(tmp_path, 60)
    for number in range(60):
        claim = to.claim(Owner.here())
        assert claim is not None
        if number % 6:
            claim.complete([abs(np.log10(claim.values[RATE]) + 2)])
        else:
            claim.failed(None, "so")
    ours = importances(standing_of(to), to.definition.space.distributions())
    theirs = get_param_importances(to.as_optuna())
    assert ours.by_objective["val.loss"] == pytest.approx(theirs)
    assert next(iter(theirs)) == RATE


def test_importances_need_no_scikit_learn_and_leave_it_usable() -> None:
    """Its import would take the greater part of a sweep's end."""
    program = """
import sys
from compiler.runtime.sweep.importances import importances
from compiler.runtime.sweep.standing import Standing
from tests.sweep.sweeps import ACCURACY, defined, drawn
arguments, trials = drawn(40)
shares = importances(Standing((ACCURACY,), tuple(trials)), defined(arguments, {}).space.distributions())
assert shares.by_objective["val.accuracy"] and not {"sklearn", "pandas"} & set(sys.modules)
import sklearn.ensemble
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_parameters_that_exist_under_a_condition_have_their_importance(tmp_path: Path) -> None:
    arguments, trials = drawn(200)
    found = _weights(tmp_path, trials, arguments).by_objective["val.accuracy"]
    assert set(found) == {key for each in trials for key in each.params} and sum(found.values()) == pytest.approx(1)
    assert next(iter(found)) == RATE
    two = _weights(tmp_path, drawn(200, two=True)[1], arguments, (ACCURACY, PARAMS)).by_objective
    assert [next(iter(shares)) for shares in two.values()] == [RATE, "model.vars.width"]


@pytest.mark.parametrize("count", range(12))
def test_few_trials_are_no_error(tmp_path: Path, count: int) -> None:
    arguments, trials = drawn(40)
    scored = [each for each in trials if each.state == "complete"][:count]
    found = _weights(tmp_path, scored, arguments)
    assert bool(found.by_objective) == (count >= LEAST) and bool(found.reason) == (count < LEAST)


def test_equal_values_and_no_parameters_tell_nothing(tmp_path: Path) -> None:
    same = [trial(number, "complete", 0.5, params={"model": "mlp"}) for number in range(20)]
    assert "same value" in _weights(tmp_path, same, ["model=mlp,convnet"]).reason
    none = [trial(number, "complete", number / 20) for number in range(20)]
    assert "no parameter" in _weights(tmp_path, none, ["model=mlp"]).reason
    one = [trial(number, "complete", number / 20, params={"model": "mlp"}) for number in range(20)]
    assert set(_weights(tmp_path, one, ["model=mlp,convnet"]).by_objective["val.accuracy"]) <= {"model"}


# --- the command ---------------------------------------------------------------------------------


def test_the_command_makes_results_again_from_the_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to = new_study(tmp_path, 2, (LOSS,), test=False)
    for value in (0.5, 0.25):
        claim = to.claim(Owner.here())
        assert claim is not None
        claim.complete([value])
    commands.main(["report", f"sweep={tmp_path}"])
    assert "best: trial 1  val.loss 0.2500" in capsys.readouterr().out
    assert recorded(tmp_path)["status"] == "complete"
    assert {"sweep.json", "trials.csv", "report.html"} <= {path.name for path in tmp_path.iterdir()}
    commands.main(["report", f"sweep={tmp_path}", "--json"])
    assert json.loads(capsys.readouterr().out)["counts"] == {"complete": 2}


def test_a_folder_that_is_no_sweep_is_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        commands.main(["report", f"sweep={tmp_path}"])
    assert stop.value.code == 2 and "error[E803]" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        commands.main(["report", "run=DIR"])
    assert stop.value.code == 2 and "report takes sweep=DIR (got 'run=DIR')" in capsys.readouterr().err
