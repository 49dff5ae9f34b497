"""A sweep's study in a real PostgreSQL: two workers, and a server that crashes in the middle."""

import multiprocessing
import os
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from compiler.errors import ConfigError
from compiler.runtime.sweep.claims import Taken
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.owners import Owner
from compiler.runtime.sweep.storage import PASSWORD
from compiler.runtime.sweep.study import Study
from tests.sweep import postgres
from tests.sweep.postgres import Postgres
from tests.sweep.studies import new_study


@pytest.fixture(scope="module")
def running() -> Iterator[Postgres]:
    with TemporaryDirectory() as folder:
        made = Postgres(Path(folder))
        made.start()
        yield made
        made.stop()


@pytest.fixture
def server(running: Postgres, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    monkeypatch.setenv(PASSWORD, postgres.PASSWORD)
    return running


def _work(root: Path, told: Path) -> None:
    study, owner = Study.open(SweepFolder(root)), Owner.here()
    while study.counts().finished < 20:
        claim = study.claim(owner)
        if claim is None:
            time.sleep(0.1)
            continue
        try:
            for epoch in range(2):
                claim.report(epoch + 1, 1.0 / (epoch + 1))
            claim.complete([float(claim.number)], {"worker": os.getpid()})
        except Taken:
            continue
        with told.open("a") as file:
            file.write(f"{claim.number}\n")


def test_a_server_that_crashes_loses_nothing(tmp_path: Path, server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compiler.runtime.sweep.orphans.OWNERLESS", 1.0)
    study = new_study(tmp_path / "sweep", 20, storage=server.url, retries=3)
    told = tmp_path / "told"
    told.touch()
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_work, args=(study.folder.root, told)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for finished in (8,):
        while len(told.read_text().split()) < finished and any(worker.is_alive() for worker in workers):
            time.sleep(0.02)
        server.stop()
        time.sleep(0.5)
        server.start()
    deadline = time.monotonic() + 120
    while any(worker.is_alive() for worker in workers) and time.monotonic() < deadline:
        study.recover()
        time.sleep(0.2)
    assert [worker.exitcode for worker in workers] == [0, 0]
    trials = study.trials()
    assert [trial.number for trial in trials] == list(range(20))
    assert all(trial.values == (float(trial.number),) and trial.steps.keys() == {1, 2} for trial in trials)
    assert len({trial.facts["worker"] for trial in trials}) == 2
    numbers = told.read_text().split()
    assert len(numbers) == len(set(numbers)), "no trial was told twice"
    assert Study.open(study.folder).trials() == trials


def test_the_password_is_nowhere(tmp_path: Path, server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    study = new_study(tmp_path / "sweep", 1, storage=server.url)
    assert study.claim(Owner.here())
    texts = [path.read_bytes() for path in (tmp_path / "sweep").rglob("*") if path.is_file()]
    assert texts and not any(postgres.PASSWORD.encode() in text for text in texts)
    monkeypatch.setenv(PASSWORD, "wrong")
    monkeypatch.setattr("compiler.runtime.sweep.storage._MOMENT", 0.1)
    with pytest.raises(ConfigError, match=r"E803.*password authentication failed") as raised:
        new_study(tmp_path / "other", 1, storage=server.url)
    assert "wrong" not in str(raised.value)
