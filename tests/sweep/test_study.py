"""Slots, claims and what is told of them; Optuna itself reads what we wrote."""

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from compiler.errors import Fault
from compiler.runtime.sweep.claims import Taken
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.objectives import Objective
from compiler.runtime.sweep.owners import Owner
from compiler.runtime.sweep.study import Study
from tests.sweep.studies import RATE, new_study

ME = Owner.here("me")


def as_optuna(root: Path) -> optuna.Study:
    """The study as a program that only knows Optuna sees it."""
    storage = JournalStorage(JournalFileBackend(str(root / "study.journal")))
    return optuna.load_study(study_name="sweep", storage=storage)


def test_a_slot_is_claimed_drawn_and_told(tmp_path: Path) -> None:
    study = new_study(tmp_path, 2)
    claim = study.claim(ME)
    assert claim is not None and claim.number == 0 and claim.attempts == 1
    assert set(claim.values) >= {RATE, "model"} and f"model={claim.values['model']}" in claim.overrides
    assert claim.folder == tmp_path / "trials" / "00000"
    assert [trial.state for trial in study.trials()] == ["running", "waiting"]
    assert claim.report(1, 0.5) is False
    claim.complete([0.25], {"metrics": {"val": {"loss": 0.25}}, "key": "abc"})
    (told, _), (frozen, _) = study.trials(), as_optuna(tmp_path).trials
    assert (told.state, told.values, told.steps, told.owner) == ("complete", (0.25,), {1: 0.5}, ME)
    assert (frozen.state.name, frozen.value, frozen.intermediate_values) == ("COMPLETE", 0.25, {1: 0.5})
    assert frozen.params == told.params and told.seconds is not None and told.seconds >= 0
    assert study.finished_equal("abc") == told and study.finished_equal("other") is None


def test_each_end_has_its_state_and_reason(tmp_path: Path) -> None:
    study = new_study(tmp_path, 4)
    pruned, failed, diverged, faulty = (study.claim(ME) for _ in range(4))
    assert pruned and failed and diverged and faulty and study.claim(ME) is None
    pruned.report(1, 2.0)
    pruned.pruned({"epochs_run": 1})
    failed.failed("E804", "out of memory")
    diverged.complete([float("nan")])
    faulty.infeasible([Fault("E107", "'filters' must be positive"), Fault("W607", "no effect")])
    states = study.trials()
    assert [trial.state for trial in states] == ["pruned", "failed", "failed", "infeasible", "waiting"]
    assert [trial.code for trial in states] == [None, "E804", "E802", "E107", None]
    assert all(trial.reason for trial in states[:4])
    assert [fault["code"] for fault in states[3].faults] == ["E107", "W607"]
    assert study.counts().slots == 4 and study.counts().finished == 3
    frozen = as_optuna(tmp_path).trials[3]
    assert frozen.state.name == "PRUNED" and frozen.values is None and max(frozen.constraints.values()) > 0


def test_an_infeasible_point_is_replaced_once(tmp_path: Path) -> None:
    study = new_study(tmp_path, 1)
    claim = study.claim(ME)
    assert claim
    study.replace(claim.number)  # as a worker that was killed before it could tell
    claim.infeasible([Fault("E107", "no")])
    assert study.counts().slots == 1 and len(study.trials()) == 2


def test_given_back_it_keeps_number_and_point(tmp_path: Path) -> None:
    study = new_study(tmp_path, 2)
    first = study.claim(ME)
    assert first
    first.report(1, 0.7)
    first.give_back("stopped by SIGTERM", "E807")
    assert (study.trials()[0].state, study.trials()[0].code) == ("waiting", "E807")
    again = Study.open(study.folder).claim(ME)
    assert again and (again.number, again.values, again.attempts) == (first.number, first.values, 2)
    with pytest.raises(Taken):
        first.complete([0.1])
    with pytest.raises(Taken):
        first.report(2, 0.1)
    again.report(1, 0.6)
    again.complete([0.5])
    assert study.trials()[0].steps == {1: 0.6} and study.trials()[0].deaths == 0
    with pytest.raises(Taken):
        again.complete([0.4])


def test_a_claim_given_back_is_never_had_by_two(tmp_path: Path) -> None:
    """Optuna's journal alone tells a process that had a trial before that it has it again, whoever was faster."""
    study, other = new_study(tmp_path, 1), Study.open(new_study(tmp_path / "b", 0).folder)
    del other
    for _ in range(5):
        claims = [Study.open(study.folder).claim(ME) for _ in range(2)]
        assert [claim is None for claim in claims] == [False, True]
        assert claims[0] is not None
        claims[0].give_back("again")


def test_a_point_in_advance(tmp_path: Path) -> None:
    study = new_study(tmp_path)
    study.add_slots([{"model": "sepconv_small", RATE: 0.03}])
    claim = study.claim(ME)
    assert claim and claim.values["model"] == "sepconv_small" and claim.values[RATE] == 0.03
    assert "model.vars.width" in claim.values and study.trials()[0].origin == "enqueued"


def test_a_certain_trial(tmp_path: Path) -> None:
    study = new_study(tmp_path, 3)
    claim = study.claim(ME, number=2)
    assert claim and claim.number == 2 and study.claim(ME, number=2) is None


def test_draws_differ_and_come_again(tmp_path: Path) -> None:
    points = []
    for root in (tmp_path / "a", tmp_path / "b"):
        study = new_study(root, 4)
        claims = [Study.open(study.folder).claim(ME) for _ in range(4)]
        points.append([claim.values[RATE] for claim in claims if claim])
    assert len(set(points[0])) == 4 and points[0] == points[1]


def test_several_objectives(tmp_path: Path) -> None:
    study = new_study(tmp_path, 1, [Objective("val.accuracy", "maximize"), Objective("model.params", "minimize")])
    claim = study.claim(ME)
    assert claim and claim.report(1, 0.5) is False
    facts = {"val": {"accuracy": 0.9}, "model": {"params": 1000}}
    claim.complete([objective.of(facts) for objective in study.objectives])
    assert as_optuna(tmp_path).best_trials[0].values == [0.9, 1000.0]


def test_the_pruner_sees_all_trials(tmp_path: Path) -> None:
    study = new_study(tmp_path, 6, pruner={"op": "median", "n_startup_trials": 3})
    for loss in (0.1, 0.2, 0.3):
        claim = study.claim(ME)
        assert claim
        claim.report(1, loss)
        claim.complete([loss])
    good, bad = study.claim(ME), study.claim(ME)
    assert good and bad and not good.report(1, 0.05) and bad.report(1, 0.9)


@pytest.mark.parametrize("retries", [0, 2])
def test_failures_end_a_sweep(tmp_path: Path, retries: int) -> None:
    study = new_study(tmp_path, 5, max_failures=2, retries=retries)
    for _ in range(2):
        claim = study.claim(ME)
        assert claim and study.ended() is None
        claim.failed(None, "ValueError: no")
    assert study.claim(ME) is None and "max_failures=2" in (study.ended() or "")


def test_infeasible_points_in_a_row_end_a_sweep(tmp_path: Path) -> None:
    study = new_study(tmp_path, 3, max_infeasible=3)
    for feasible in (False, False, True, False, False):
        claim = study.claim(ME)
        assert claim
        _ = claim.complete([1.0]) if feasible else claim.infeasible([Fault("E107", "no")])
    claim = study.claim(ME)
    assert claim and study.ended() is None
    claim.infeasible([Fault("E107", "no")])
    assert study.claim(ME) is None and "max_infeasible" in (study.ended() or "")


def test_what_another_worker_completes_afterwards_does_not_begin_an_ended_sweep_again(tmp_path: Path) -> None:
    study = new_study(tmp_path, 9, max_infeasible=2)
    late, *faulty = (study.claim(ME) for _ in range(3))
    for claim in faulty:
        assert claim
        claim.infeasible([Fault("E107", "no")])
    assert late and "max_infeasible" in (study.ended() or "")
    late.complete([1.0])
    assert study.claim(ME) is None and "max_infeasible" in (study.ended() or "")


# --- orphans --------------------------------------------------------------------------------


def _claim_and_wait(root: Path) -> None:
    study = Study.open(SweepFolder(root))
    claim = study.claim(Owner.here())
    assert claim
    (root / f"claimed-{os.getpid()}").touch()
    time.sleep(60)


def killed_claim(root: Path) -> None:
    """Let a real process claim a trial, and kill it."""
    process = multiprocessing.get_context("fork").Process(target=_claim_and_wait, args=(root,))
    process.start()
    deadline = time.monotonic() + 30
    while not (root / f"claimed-{process.pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.pid
    study = Study.open(SweepFolder(root))
    assert study.recover() == [], "a live worker never counts as dead"
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def test_a_killed_worker_costs_one_retry(tmp_path: Path) -> None:
    study = new_study(tmp_path, 1)
    killed_claim(tmp_path)
    (waiting,) = study.recover()
    assert (waiting.state, waiting.deaths) == ("waiting", 1) and "died" in (waiting.reason or "")
    killed_claim(tmp_path)
    (failed,) = study.recover()
    assert (failed.state, failed.deaths, failed.attempts) == ("failed", 2, 2) and "died" in (failed.reason or "")
    assert study.recover() == []


def test_who_saw_it_die_knows_why(tmp_path: Path) -> None:
    study = new_study(tmp_path, 2)
    claims = study.claim(ME), study.claim(Owner.here("other"))
    assert all(claims)
    (hung,) = study.lost("me", None, "no end within 60 s (search.trial_timeout)", retry=False)
    assert (hung.number, hung.state) == (0, "failed") and "trial_timeout" in (hung.reason or "")
    assert [trial.state for trial in study.trials()] == ["failed", "running"]


def test_owners_elsewhere(tmp_path: Path) -> None:
    study = new_study(tmp_path, 3, orphan_after=50)
    far = [Owner(name, "another-machine", 1, 1.0, job=f"slurm:{name}") for name in ("a", "b", "c")]
    for owner in far:
        assert study.claim(owner)
        heartbeat = study.folder.worker(owner.name)
        heartbeat.parent.mkdir(exist_ok=True)
        heartbeat.touch()
    old = time.time() - 100
    for name in ("a", "b"):
        os.utime(study.folder.worker(name), (old, old))
    scheduler = {"slurm:a": True, "slurm:b": None, "slurm:c": None}
    found = study.recover(lambda owner: scheduler[owner.job or ""])
    assert [trial.number for trial in found] == [1], "a lives, so says its scheduler; c was heard of just now"
    assert study.recover(lambda owner: owner.job != "slurm:c")[0].number == 2, "the scheduler knows that c is gone"


def test_a_pid_that_was_given_again(tmp_path: Path) -> None:
    study = new_study(tmp_path, 1)
    assert study.claim(Owner("x", ME.host, ME.pid, ME.started - 1000, ME.space))
    assert [trial.state for trial in study.recover()] == ["waiting"]


def test_a_supervisor_that_lives_is_left_to_tell_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The board of a cluster's sweep sees a worker on its own machine dead as soon as the pool beside it does."""
    study = new_study(tmp_path, 2)
    for name, supervisor in (("a", (ME.pid, ME.started)), ("b", (ME.pid, ME.started - 1000))):
        assert study.claim(Owner(name, ME.host, ME.pid, ME.started - 1000, ME.space, "slurm:1", supervisor))
    assert [trial.number for trial in study.recover()] == [1], "nobody looks after b"
    (told,) = study.lost("a", "killed", "its process was killed by SIGKILL")
    assert (told.number, told.code) == (0, "killed")
    assert study.claim(Owner("c", ME.host, ME.pid, ME.started - 1000, ME.space, "slurm:1", (ME.pid, ME.started)))
    assert study.recover() == []
    monkeypatch.setattr("compiler.runtime.sweep.orphans.SUPERVISED", 0.0)
    assert [trial.number for trial in study.recover()] == [0], "it has had time enough"


def test_taken_and_never_signed_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = new_study(tmp_path, 1)
    study.storage.set_trial_state_values(study.trial_id(0), optuna.trial.TrialState.RUNNING)
    assert study.recover() == []
    monkeypatch.setattr("compiler.runtime.sweep.orphans.OWNERLESS", 0.0)
    assert [trial.state for trial in study.recover()] == ["waiting"]


def test_died_while_it_was_told_infeasible(tmp_path: Path) -> None:
    study = new_study(tmp_path, 1, retries=0)
    assert study.claim(ME)
    study.replace(0)
    (trial,) = study.lost("me", None, "SIGKILL")
    assert trial.state == "infeasible" and study.counts().slots == 1


def test_threads_of_one_process(tmp_path: Path) -> None:
    """A board reads, and one thread writes, while another claims: no one waits for the other for ever."""
    study = new_study(tmp_path, 30)
    numbers: list[int] = []

    def work() -> None:
        while (claim := study.claim(ME)) is not None:
            claim.report(1, 1.0)
            claim.complete([1.0])
            numbers.append(claim.number)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert study.counts().slots == 30
    assert sorted(numbers) == list(range(30))
