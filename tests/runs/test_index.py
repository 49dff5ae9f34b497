"""The index against the records themselves: whatever happens to it, what is read is what stands in the folders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.runtime.runs import index as module
from compiler.runtime.runs.entry import MISSING
from compiler.runtime.runs.index import INDEX, Runs
from tests.records import write_record
from tests.runs.saved import fail, save


@pytest.fixture(autouse=True)
def always_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WORTH", 1)


def seen(root: Path, depth: int | None = None) -> dict[str, tuple[str, object]]:
    """Status and loss of the runs, as the index and the folders have them; it is kept for the next time."""
    runs = Runs(root, depth)
    found = {runs.inside(run): (run.status, run.get("val.loss")) for run in runs.entries}
    runs.keep()
    return found


def reads(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders whose records are read."""
    read: list[str] = []
    whole = module.read_parts

    def counted(folder: Path) -> object:
        read.append(folder.relative_to(root).as_posix())
        return whole(folder)

    with monkeypatch.context() as patch:
        patch.setattr(module, "read_parts", counted)
        seen(root)
    return read


def test_a_record_is_read_once_until_it_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        save(tmp_path / name)
    assert sorted(reads(tmp_path, monkeypatch)) == ["a", "b", "c"]
    assert reads(tmp_path, monkeypatch) == []
    record = (tmp_path / "b/run.json").read_text("utf-8")
    write_record(tmp_path / "b/new", json.loads(record.replace('"loss": 0.5', '"loss": 0.1')))
    (tmp_path / "b/new").replace(tmp_path / "b/run.json")
    os.utime(tmp_path / "b/run.json", ns=(0, (tmp_path / "a/run.json").stat().st_mtime_ns))
    (tmp_path / "c/run.json").unlink()
    save(tmp_path / "deep/d")
    assert sorted(reads(tmp_path, monkeypatch)) == ["b", "deep/d"]
    assert {path: loss for path, (_, loss) in seen(tmp_path).items()} == {"a": 0.5, "b": 0.1, "deep/d": 0.5}


def test_a_search_that_goes_less_deep_forgets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "x/b", "x/y/c"):
        save(tmp_path / name)
    assert len(seen(tmp_path)) == 3
    save(tmp_path / "d")
    assert list(seen(tmp_path, 1)) == ["a", "d"]
    assert reads(tmp_path, monkeypatch) == []


@pytest.mark.parametrize("kind", ["cut", "flipped", "empty", "text", "newer", "folder"])
def test_a_damaged_index_is_none(kind: str, tmp_path: Path) -> None:
    save(tmp_path / "a")
    expected = seen(tmp_path)
    path = tmp_path / INDEX
    whole = path.read_bytes()
    at = whole.index(b"0.5")
    damaged = {
        "cut": whole[:-5],
        "flipped": whole[:at] + b"0.6" + whole[at + 3 :],
        "empty": b"",
        "text": b"[1, 2]\n3\n",
        "newer": whole.replace(b'"version":1', b'"version":2'),
    }
    if kind == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(damaged[kind])
    assert seen(tmp_path) == expected == {"a": ("complete", 0.5)}


@given(st.binary(max_size=200))
def test_no_bytes_in_its_place_do_harm(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    root = tmp_path_factory.mktemp("runs")
    (root / "a").mkdir()
    (root / "a/run.json").write_text(json.dumps({"schema": 1, "status": "failed", "artefacts": {}}), "utf-8")
    (root / INDEX).write_bytes(content)
    assert Runs(root).entries[0].status == "failed"


def test_a_folder_that_cannot_be_written_is_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Read-only file system")

    monkeypatch.setattr("tempfile.mkstemp", denied)  # root may write where modes forbid it
    assert seen(tmp_path) == {"a": ("complete", 0.5)} and not (tmp_path / INDEX).exists()


def test_a_disk_that_is_full_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert seen(tmp_path) == {"a": ("complete", 0.5)}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_writers_at_once_leave_a_whole_index(tmp_path: Path) -> None:
    """Processes and threads that read, while runs come and go."""
    for number in range(20):
        save(tmp_path / f"{number:02d}")
    script = (
        "import sys; from pathlib import Path; from compiler.runtime.runs import index; index._WORTH = 1\n"
        "for i in range(20):\n"
        "    runs = index.Runs(Path(sys.argv[1])); runs._changes += 1; runs.keep()\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(2)]
    for number in range(20, 40):
        save(tmp_path / f"{number:02d}")
        assert len(seen(tmp_path)) == number + 1
    assert [process.wait() for process in processes] == [0, 0]
    assert len(seen(tmp_path)) == 40
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".tmp-")]


@pytest.mark.parametrize(
    ("record", "status"),
    [
        ("{", "damaged"),
        ("[]", "damaged"),
        ('{"schema": 99}', "damaged"),
        ('{"schema": 1, "status": "complete", "artefacts": {}, "metrics": {"val": {"loss": NaN}}}', "damaged"),
        ('{"schema": 1, "status": "complete", "artefacts": {}, "seeds": {"\\ud800": 1}}', "damaged"),
        ('{"schema": 1, "status": "complete", "artefacts": {}, "seeds": ' + '{"a":' * 900 + "1" + "}" * 901, "damaged"),
        ('{"schema": 1, "status": "failed", "artefacts": {}, "reason": "E802"}', "failed"),
        ('{"schema": 1, "status": "complete", "artefacts": {}, "config": 3, "process": [], "data": null}', "complete"),
    ],
)
def test_what_is_no_record_is_shown_as_damaged(record: str, status: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/run.json").write_text(record, "utf-8")
    save(tmp_path / "b")
    for _ in range(2):  # from the folders, then from the index
        runs = Runs(tmp_path)
        assert [run.status for run in runs.entries] == [status, "complete"]
        assert all(run.get(name) is not MISSING for run in runs.entries for name in run.names())
        runs.keep()


def test_a_run_whose_process_is_no_more_was_killed(tmp_path: Path) -> None:
    import socket

    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    for name, pid in (("dead", process.pid), ("alive", os.getpid())):
        save(tmp_path / name)
        path = tmp_path / name / "run.json"
        record = json.loads(path.read_text("utf-8"))
        record |= {"status": "running", "process": {"pid": pid, "host": socket.gethostname()}}
        write_record(path, record)
    record["process"]["host"] = "elsewhere"
    (tmp_path / "far").mkdir()
    write_record(tmp_path / "far/run.json", record)
    assert {path: status for path, (status, _) in seen(tmp_path).items()} == {
        "alive": "running",
        "dead": "killed",
        "far": "running",
    }


def test_where_runs_are_looked_for(tmp_path: Path) -> None:
    for name in ("a", "a/snapshots/epoch-3", "a/predictions/no", ".hidden/no", "b/c"):
        save(tmp_path / name)
    fail(tmp_path / "failed")
    (tmp_path / "b/up").symlink_to(tmp_path)
    (tmp_path / "b/gone").symlink_to(tmp_path / "nowhere")
    save(tmp_path.parent / "elsewhere")
    (tmp_path / "link").symlink_to(tmp_path.parent / "elsewhere")
    assert list(seen(tmp_path)) == ["a", "a/snapshots/epoch-3", "b/c", "failed", "link"]
    assert list(seen(tmp_path / "a")) == ["", "snapshots/epoch-3"]
