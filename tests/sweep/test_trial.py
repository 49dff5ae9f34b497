"""One trial, carried out in this process: what is told of it, whatever becomes of it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import statistics
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from compiler.runtime.plan import plan
from compiler.runtime.run import read_record, read_run
from compiler.runtime.signals import Interrupted, Signals
from compiler.runtime.sweep import trial as module
from compiler.runtime.sweep.composer import Composer
from compiler.runtime.sweep.objectives import Objective
from compiler.runtime.sweep.owners import Owner
from compiler.runtime.sweep.same import key_of
from compiler.runtime.sweep.study import Study
from compiler.runtime.sweep.trial import Bench, carry_out
from compiler.runtime.sweep.trials import TrialState
from compiler.runtime.warm import Warm
from compiler.spec.compose import compose
from tests.sweep.begun import KNN, begun

NEIGHBORS = "model.params.n_neighbors"
BOOSTED = ("model=lightgbm", "data=digits", "model.params.n_estimators=6", "data.limit=300", "train.threads.intra=1")


def bench(study: Study, signals: Signals | None = None) -> Bench:
    composer = Composer.for_folder(study.folder)
    return Bench(study, composer, Console(file=StringIO()), Warm(), signals or Signals())


def carried(study: Study) -> list[TrialState]:
    """The trials, once one after another was carried out."""
    mine, owner = bench(study), Owner.here()
    while (claim := study.claim(owner)) is not None:
        carry_out(claim, mine)
    return study.trials()


def test_a_faulty_point_is_told_with_its_faults_and_another_takes_its_place(tmp_path: Path) -> None:
    study = begun(tmp_path, KNN, [f"{NEIGHBORS}=0,3"], [{NEIGHBORS: "0"}, {NEIGHBORS: "3"}])
    first, second, *others = carried(study)
    assert (first.state, first.code) == ("infeasible", "E107") and not study.folder.trial(0).exists()
    assert first.faults[0]["code"] == "E107" and "n_neighbors" in str(first.faults[0]["message"])
    assert second.state == others[-1].state == "complete" and study.counts().finished == 2


def test_an_equal_trial_takes_over_the_result(tmp_path: Path) -> None:
    points = [{NEIGHBORS: text} for text in ("3", "3", "5")]
    first, second, third = carried(begun(tmp_path / "a", KNN, [f"{NEIGHBORS}=3,5"], points))
    assert (second.state, second.values, second.reused_from) == ("complete", first.values, 0)
    assert third.reused_from is None and third.values != first.values
    assert not (tmp_path / "a/trials/00001").exists()
    again = carried(begun(tmp_path / "b", KNN, [f"{NEIGHBORS}=3,5"], points, reuse=False))
    assert [trial.reused_from for trial in again] == [None] * 3 and (tmp_path / "b/trials/00001/run.json").exists()


@pytest.mark.parametrize(
    ("override", "same"),
    [
        ("train.test=skip", True), ("train.threads.intra=1", True), ("data.memory=map", True),
        ("limits.params=9", True),
        ("train.seed=1", False), ("train.epochs=3", False), ("data.limit=100", False), (f"{NEIGHBORS}=2", False),
    ],
)  # fmt: skip
def test_what_makes_two_trials_the_same(override: str, same: bool) -> None:
    key = key_of(plan(compose(list(KNN))))
    assert (key_of(plan(compose([*KNN, override]))) == key) is same
    assert key_of(plan(compose(list(KNN))), folds=3) != key


def test_folds_are_runs_and_the_value_is_their_mean(tmp_path: Path) -> None:
    study = begun(tmp_path, KNN, [f"{NEIGHBORS}=3,5"], folds=3)
    for trial in carried(study):
        runs = [read_run(study.folder.fold(trial.number, i)) for i in range(3)]
        losses = [run.metrics["val"]["loss"] for run in runs]
        assert trial.values == (pytest.approx(statistics.fmean(losses)),)
        assert trial.facts["std"]["val.loss"] == pytest.approx(statistics.stdev(losses))
        means = [statistics.fmean(losses[: i + 1]) for i in range(3)]
        assert dict(trial.steps) == {i + 1: pytest.approx(mean) for i, mean in enumerate(means)}
        assert [run.record["config"]["data"]["fold"] for run in runs] == [0, 1, 2]


def test_a_trial_whose_worker_died_before_it_told_is_told_and_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = begun(tmp_path, KNN, [f"{NEIGHBORS}=choice(3)"])
    claim = study.claim(Owner.here())
    assert claim
    monkeypatch.setattr(claim, "complete", lambda *_: os.close(-1))  # the worker ends here
    with pytest.raises(OSError):
        carry_out(claim, bench(study))
    claim.give_back("its worker died")
    record = study.folder.trial(0) / "run.json"
    before = record.stat().st_ino
    (trial,) = carried(study)
    assert trial.state == "complete" and trial.attempts == 2 and record.stat().st_ino == before


def test_a_folder_with_another_finished_run_is_refused(tmp_path: Path) -> None:
    study = begun(tmp_path, KNN, [f"{NEIGHBORS}=3,5"])
    carried(study)
    other = begun(tmp_path / "other", KNN, [f"{NEIGHBORS}=choice(5)"])
    study.folder.trial(0).rename(other.folder.root / "kept")
    other.folder.trials.mkdir()
    (other.folder.root / "kept").rename(other.folder.trial(0))
    (trial,) = carried(other)
    assert (trial.state, trial.code) == ("failed", "E810")


def test_boosted_trees_are_pruned_while_they_learn(tmp_path: Path) -> None:
    study = begun(tmp_path, BOOSTED, ["train.seed=range(0,2)"], pruner={"op": "threshold", "upper": 1.0})
    assert [trial.state for trial in carried(study)] == ["pruned"] * 2
    for trial in study.trials():
        record = read_record(study.folder.trial(trial.number))
        assert record["status"] == "pruned" and record["epochs_run"] == len(trial.steps) < 6
        assert trial.facts["val"] == record["metrics"]["val"] and trial.steps[1] > 1.0


@pytest.mark.parametrize(("warmup", "state"), [(4, "pruned"), (5, "complete")])
def test_a_trial_is_complete_once_its_last_epoch_is_done(warmup: int, state: str, tmp_path: Path) -> None:
    pruner = {"op": "threshold", "upper": 0.0, "n_warmup_steps": warmup}
    (trial,) = carried(begun(tmp_path, BOOSTED, ["train.seed=range(0,1)"], pruner=pruner))
    assert (trial.state, len(trial.steps)) == (state, warmup + 1)


def test_what_was_reported_is_not_reported_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = begun(tmp_path, BOOSTED, ["train.seed=range(0,1)"])
    claim = study.claim(Owner.here())
    assert claim
    for epoch in (1, 2, 3):
        claim.report(epoch, 9.0)
    claim.give_back("stopped")
    (trial,) = carried(study)
    assert [trial.steps[epoch] for epoch in (1, 2, 3)] == [9.0] * 3 and set(trial.steps) == {1, 2, 3, 4, 5, 6}
    assert trial.steps[6] == pytest.approx(read_run(study.folder.trial(0)).metrics["val"]["loss"], rel=1e-4)


def test_several_objectives_and_one_that_the_run_does_not_have(tmp_path: Path) -> None:
    wanted = (Objective("val.accuracy", "maximize"), Objective("timings.fit", "minimize"))
    (trial,) = carried(begun(tmp_path / "a", KNN, [f"{NEIGHBORS}=choice(3)"], objectives=wanted))
    run = read_run(tmp_path / "a/trials/00000")
    assert trial.values == (run.metrics["val"]["accuracy"], run.record["timings"]["fit"])
    wanted = (Objective("val.f1", "maximize"),)
    (trial,) = carried(begun(tmp_path / "b", KNN, [f"{NEIGHBORS}=choice(3)"], objectives=wanted))
    assert (trial.state, trial.code) == ("failed", "E601") and "val.f1" in str(trial.reason)


def test_no_score_of_test_reaches_the_study(tmp_path: Path) -> None:
    fixed = [*KNN, "train.test=score"]
    (trial,) = carried(begun(tmp_path, fixed, [f"{NEIGHBORS}=choice(3)"]))
    assert "test" in read_run(tmp_path / "trials/00000").metrics and '"test"' not in json.dumps(dict(trial.facts))


def test_a_folder_in_use_gives_the_trial_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IN_USE_SECONDS", 0.0)
    study = begun(tmp_path, KNN, [f"{NEIGHBORS}=choice(3)"])
    claim = study.claim(Owner.here())
    assert claim
    claim.folder.mkdir(parents=True)
    held = os.open(claim.folder, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert carry_out(claim, bench(study))
    (trial,) = study.trials()
    assert (trial.state, trial.code, trial.deaths) == ("waiting", "E806", 0)
    os.close(held)
    assert carried(study)[0].state == "complete"


@pytest.mark.parametrize("raised", [MemoryError("no room"), ValueError("said\nmore"), SystemExit(3)])
def test_what_it_raises_is_its_reason_and_the_process_is_not_fit_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: BaseException
) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise raised

    monkeypatch.setattr(module, "run", run)
    study = begun(tmp_path, KNN, [f"{NEIGHBORS}=choice(3)"])
    claim = study.claim(Owner.here())
    assert claim and not carry_out(claim, bench(study))
    (trial,) = study.trials()
    assert trial.state == "failed" and (trial.code, trial.reason) in {
        ("E804", "memory ran out (no room)"),
        ("exception", "ValueError: said"),
        ("exit", "sys.exit(3) was called"),
    }


def test_a_signal_gives_the_trial_back(tmp_path: Path) -> None:
    study = begun(tmp_path, KNN, [f"{NEIGHBORS}=choice(3)"])
    with Signals() as signals, signals.held():
        claim = study.claim(Owner.here())
        signals.received = 15
        assert claim
        with pytest.raises(Interrupted):
            carry_out(claim, bench(study, signals))
    (trial,) = study.trials()
    assert (trial.state, trial.code, trial.deaths) == ("waiting", "E807", 0)


def test_a_signal_in_whose_place_a_library_raises_gives_the_trial_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: Any, **__: Any) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        except BaseException:  # as pybind11 does
            raise RuntimeError("pybind11::error_already_set: MISMATCH") from None

    monkeypatch.setattr(module, "run", run)
    study = begun(tmp_path, KNN, [f"{NEIGHBORS}=choice(3)"])
    with Signals() as signals, signals.held():
        claim = study.claim(Owner.here())
        assert claim
        with pytest.raises(Interrupted):
            carry_out(claim, bench(study, signals))
    (trial,) = study.trials()
    assert (trial.state, trial.code, trial.deaths) == ("waiting", "E807", 0)


def test_a_trial_that_was_taken_away_is_dropped(tmp_path: Path) -> None:
    study = begun(tmp_path, KNN, [f"{NEIGHBORS}=choice(3)"])
    owner = Owner.here()
    claim = study.claim(owner)
    assert claim
    study.lost(owner.name, None, "it was silent for long")
    assert carry_out(claim, bench(study))
    assert study.trials()[0].state == "waiting"
