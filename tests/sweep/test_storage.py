"""Where a study is kept: the journal under kills at every byte, SQLite, the proxy; what they promise alike."""

import itertools
import json
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._storage import JournalOperation
from optuna.trial import TrialState

from compiler.errors import ConfigError
from compiler.runtime.sweep import snapshot
from compiler.runtime.sweep.claims import Taken
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.journal import Journal
from compiler.runtime.sweep.locks import FileLock
from compiler.runtime.sweep.owners import Owner
from compiler.runtime.sweep.storage import connect
from compiler.runtime.sweep.study import Study
from tests.sweep.studies import new_study

ME = Owner.here("me")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def finish(study: Study, count: int) -> None:
    for i in range(count):
        claim = study.claim(ME)
        assert claim
        claim.report(1, 1.0 / (i + 1))
        claim.complete([1.0 / (i + 1)], {"metrics": {"val": {"loss": 1.0 / (i + 1)}}})


@pytest.fixture(params=["journal", "sqlite", "grpc"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | None]:
    if request.param == "journal":
        yield None
    elif request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/study.db"
    else:
        port = free_port()
        command = [sys.executable, "-m", "compiler.runtime.sweep.proxy", str(tmp_path / "served.journal")]
        with subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout and "is served at" in server.stdout.readline()
            yield f"grpc://localhost:{port}"
            server.kill()


def test_every_storage_keeps_the_promises(tmp_path: Path, url: str | None) -> None:
    root = tmp_path / "sweep"
    study, other = new_study(root, 3, storage=url), Study.open(new_study(root, storage=url).folder)
    first, second = study.claim(ME), other.claim(ME)
    assert first and second and (first.number, second.number) == (0, 1)
    running = TrialState.RUNNING
    assert not other.storage.set_trial_state_values(other.trial_id(0), running), "who runs is not claimed again"
    first.report(1, 0.5)
    first.give_back("stopped")
    again = other.claim(ME)
    assert again and (again.number, again.values, again.attempts) == (0, first.values, 2)
    assert not study.storage.set_trial_state_values(study.trial_id(0), running), "nor by who once had it"
    with pytest.raises(Taken):
        first.complete([1.0])
    again.complete([0.25], {"key": "abc"})
    with pytest.raises(Taken):
        again.report(2, 1.0)
    second.infeasible([])
    assert study.claim(ME, number=1) is None
    states = [(trial.state, trial.values) for trial in Study.open(study.folder).trials()]
    assert states == [("complete", (0.25,)), ("infeasible", None), ("waiting", None), ("waiting", None)]
    found = study.finished_equal("abc")
    assert found and found.number == 0 and found.steps == {1: 0.5}


# --- the journal -----------------------------------------------------------------------------


def test_a_journal_torn_at_any_byte_goes_on(tmp_path: Path) -> None:
    study = new_study(tmp_path / "a", 3)
    finish(study, 1)
    whole = study.folder.journal.read_bytes()
    start = whole.rfind(b"\n", 0, whole.rfind(b'"state":1') - 1)  # before the records of the end
    path = tmp_path / "torn" / "study.journal"
    path.parent.mkdir()
    for cut in range(start, len(whole)):
        path.write_bytes(whole[:cut])
        storage = Journal(path)
        before = storage.get_all_trials(0)
        assert len(before) == 3 and before[0].state in (TrialState.RUNNING, TrialState.COMPLETE)
        storage.set_trial_user_attr(1, "goes", "on")
        read = JournalStorage(JournalFileBackend(str(path)))  # Optuna's own reader takes no torn line in the middle
        assert read.get_trial(1).user_attrs["goes"] == "on" and len(read.get_all_trials(0)) == 3
        assert [t.state for t in storage.get_all_trials(0)] == [t.state for t in before]


def test_a_record_behind_a_torn_one_is_kept(tmp_path: Path) -> None:
    """As a program leaves it that appends without a look at the last line: Optuna's own, a dashboard."""
    study = new_study(tmp_path, 2)
    with study.folder.journal.open("ab") as file:
        file.write(b'{"op_code":8,"worker_id":"x","trial_id":0,"user_at')
    JournalFileBackend(str(study.folder.journal)).append_logs(
        [{"op_code": 8, "worker_id": "y", "trial_id": 1, "user_attr": {"a": 1}}]
    )
    opened = Study.open(study.folder)
    assert opened.storage.get_trial(1).user_attrs["a"] == 1
    finish(opened, 2)
    assert study.counts().complete == 2


def test_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    study = new_study(tmp_path, 2)
    lines = study.folder.journal.read_bytes().split(b"\n")
    lines[2] = b"\0" * 40
    study.folder.journal.write_bytes(b"\n".join(lines))
    with pytest.raises(ConfigError, match=r"E803.*damaged at byte"):
        Study.open(study.folder)


def test_a_snapshot_is_the_journal(tmp_path: Path) -> None:
    study = new_study(tmp_path, 6, retries=1)
    finish(study, 2)
    assert isinstance(study.storage, Journal)
    pruned, failed, back = (study.claim(ME) for _ in range(3))
    assert pruned and failed and back
    pruned.pruned()
    failed.infeasible([])
    back.give_back("stopped")
    assert not study.storage.compact(), "a short journal needs none"
    assert study.storage.compact(often=0)
    finish(study, 1)
    size = (tmp_path / "study.snapshot").stat().st_size
    assert size < study.folder.journal.stat().st_size
    opened = Study.open(study.folder)
    plain = JournalStorage(JournalFileBackend(str(study.folder.journal)))
    assert opened.storage.get_all_trials(0) == plain.get_all_trials(0) and opened.trials() == study.trials()
    finish(opened, 1)
    assert study.trials() == opened.trials() == Study.open(study.folder).trials()


@pytest.mark.parametrize("damage", ["cut", "text", "another"])
def test_a_damaged_snapshot_is_passed_over(tmp_path: Path, damage: str) -> None:
    study = new_study(tmp_path / "a", 3)
    finish(study, 1)
    assert isinstance(study.storage, Journal) and study.storage.compact(often=0)
    path = tmp_path / "a" / "study.snapshot"
    if damage == "another":
        other = new_study(tmp_path / "b", 9)
        assert isinstance(other.storage, Journal) and other.storage.compact(often=0)
        path.write_bytes((tmp_path / "b" / "study.snapshot").read_bytes())
    else:
        path.write_bytes(path.read_bytes()[:-20] if damage == "cut" else b"no snapshot\n")
    assert Study.open(study.folder).trials() == study.trials()


def test_operations_are_optunas() -> None:
    names = ("CREATE_STUDY", "SET_STUDY_USER_ATTR", "CREATE_TRIAL")
    assert [getattr(snapshot, name) for name in names] == [JournalOperation[name] for name in names]


def test_optuna_alone_would_give_a_trial_to_two(tmp_path: Path) -> None:
    """Why `Journal` holds the lock while it claims: the worker that had the trial before believes it has it again."""

    def race(make: type, path: Path) -> list[bool]:
        storages: list[BaseStorage] = [make(path), make(path)]
        study_id = storages[0].create_new_study([optuna.study.StudyDirection.MINIMIZE], "s")
        trial = storages[0].create_new_trial(study_id)
        storages[0].set_trial_state_values(trial, TrialState.WAITING)
        storages[1].get_all_trials(study_id)
        won = [False, False]
        sync = storages[0]._sync_with_backend  # pyright: ignore[reportAttributeAccessIssue]  # between its look and its record
        calls = itertools.count()

        def between() -> None:
            sync()
            if next(calls) == 0 and not isinstance(storages[0], Journal):
                won[1] = storages[1].set_trial_state_values(trial, TrialState.RUNNING)

        storages[0]._sync_with_backend = between  # pyright: ignore[reportAttributeAccessIssue]  # the same
        won[0] = storages[0].set_trial_state_values(trial, TrialState.RUNNING)
        if isinstance(storages[0], Journal):
            won[1] = storages[1].set_trial_state_values(trial, TrialState.RUNNING)
        return won

    assert race(lambda path: JournalStorage(JournalFileBackend(str(path))), tmp_path / "a") == [True, True]  # pyright: ignore[reportArgumentType]  # as good as a class
    assert race(Journal, tmp_path / "b") == [True, False]


# --- the lock --------------------------------------------------------------------------------


def _hold(path: Path) -> None:
    with FileLock(path).held():
        path.with_suffix(".held").touch()
        time.sleep(60)


def test_the_lock_of_a_killed_process_is_broken_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x"
    process = multiprocessing.get_context("fork").Process(target=_hold, args=(path,))
    process.start()
    while not path.with_suffix(".held").exists():
        time.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert (tmp_path / "x.lock").is_symlink()
    with FileLock(path).held():
        pass  # Optuna's own lock would wait for 30 s here
    assert not (tmp_path / "x.lock").is_symlink()


def test_the_lock_of_a_process_elsewhere_stands_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compiler.runtime.sweep.locks.GRACE", 0.3)
    far = Owner("lock", "another-machine", 1, 1.0)
    (tmp_path / "x.lock").symlink_to(json.dumps([far.as_json(), "token"]))
    begun = time.monotonic()
    with FileLock(tmp_path / "x").held():
        assert time.monotonic() - begun >= 0.3


def test_whoever_lost_the_lock_writes_nothing(tmp_path: Path) -> None:
    """As a process that was stopped for minutes while it had it."""
    study, other = new_study(tmp_path, 2), Study.open(SweepFolder(tmp_path))
    with pytest.raises(ConfigError, match=r"E806.*stood still"), study.together():
        study.storage.set_trial_user_attr(0, "a", 1)
        (tmp_path / "study.journal.lock").unlink()
        other.storage.set_trial_user_attr(0, "b", 2)
    assert Study.open(study.folder).storage.get_trial(0).user_attrs.keys() == {"origin", "b"}
    with pytest.raises(ConfigError, match="E806"):
        study.claim(ME)


def _append(path: Path, name: str) -> None:
    storage = Journal(path)
    for i in range(25):
        storage.set_study_user_attr(0, f"{name}-{i}", i)


def test_optunas_own_writers_and_ours_keep_each_other_out(tmp_path: Path) -> None:
    path = tmp_path / "study.journal"
    Journal(path).create_new_study([optuna.study.StudyDirection.MINIMIZE], "s")
    processes = [multiprocessing.get_context("fork").Process(target=_append, args=(path, str(i))) for i in range(2)]
    for process in processes:
        process.start()
    plain = JournalStorage(JournalFileBackend(str(path)))
    for i in range(25):
        plain.set_study_user_attr(0, f"optuna-{i}", i)
    for process in processes:
        process.join()
    assert len(Journal(path).get_study_user_attrs(0)) == len(plain.get_study_user_attrs(0)) == 75


# --- many at once ----------------------------------------------------------------------------


def _work(root: Path, held: Path) -> None:
    """Claim and finish trials; a file tells that a trial is held, and by whom."""
    study = Study.open(SweepFolder(root))
    owner = Owner.here()
    while (claim := study.claim(owner)) is not None:
        mark = held / f"{claim.number}"
        before = mark.read_text() if mark.exists() else ""
        if before and os.path.exists(f"/proc/{before}") and int(before) != os.getpid():  # noqa: PTH110  # a pid
            (held / f"twice-{claim.number}").touch()
        mark.write_text(str(os.getpid()))
        claim.report(1, 1.0)
        time.sleep(0.08)  # all 200 take 4 s on the fastest machine: time for the kills
        mark.unlink()
        claim.complete([1.0])
        with (held / "finished").open("a") as file:
            file.write(f"{claim.number}\n")


def test_four_processes_and_random_kills(tmp_path: Path) -> None:
    study = new_study(tmp_path / "sweep", 200, retries=1000)
    held = tmp_path / "held"
    held.mkdir()
    context, chance = multiprocessing.get_context("fork"), random.Random(0)

    def start():
        process = context.Process(target=_work, args=(study.folder.root, held))
        process.start()
        return process

    workers = [start() for _ in range(4)]
    kills = 0
    deadline = time.monotonic() + 120
    while study.counts().finished < 200 and time.monotonic() < deadline:
        time.sleep(chance.uniform(0.02, 0.1))
        if kills < 30:
            victim = chance.randrange(4)
            os.kill(workers[victim].pid or 0, signal.SIGKILL)
            workers[victim].join()
            kills += 1
            workers[victim] = start()
        study.recover()
        workers = [worker if worker.is_alive() else start() for worker in workers]
    for worker in workers:
        worker.join()
    counts = study.counts()
    assert (counts.complete, counts.slots) == (200, 200) and kills >= 10
    assert not list(held.glob("twice-*"))
    finished = [int(line) for line in (held / "finished").read_text().split()]
    assert len(set(finished)) == len(finished), "no trial was told twice"


# --- databases -------------------------------------------------------------------------------


def test_a_server_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compiler.runtime.sweep.storage._MOMENT", 0.2)
    for url in (f"postgresql+psycopg://u@127.0.0.1:{free_port()}/x", f"grpc://127.0.0.1:{free_port()}"):
        with pytest.raises(ConfigError, match=r"E803.*cannot be reached"):
            new_study(tmp_path, 1, storage=url)


@pytest.mark.parametrize(
    ("url", "text"),
    [("nonsense", "is no storage"), ("oracle+nodriver://h/x", "is no storage"), ("mysql+pymysql://h/x", "E808")],
)
def test_what_is_no_storage(tmp_path: Path, url: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        connect(url, tmp_path, 1.0)
