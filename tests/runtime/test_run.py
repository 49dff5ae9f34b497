"""The run directory: what is written, what is refused, and what a kill leaves. The oracles are a real kill,
`hashlib`, `zipfile` and `json` themselves."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compiler.errors import ConfigError
from compiler.runtime.run import SCHEMA, TEMPORARY, RunWriter, environment, read_record, read_run
from tests.campaigns import kill
from tests.records import write_record

METRICS = {"val": {"loss": 0.25, "accuracy": 0.5}}


def write_run(root: Path) -> Path:
    """A complete run with three artefacts."""
    with RunWriter(root, {"kind": "keras", "name": "mlp"}) as run:
        run.save_text("model.yaml", "layers: []\n")
        run.save("model.keras", lambda path: path.write_bytes(b"weights"))
        rows = np.array([3, 1, 2])
        run.save_predictions("val", np.eye(3), rows, rows % 2)
        return run.complete({"metrics": METRICS, "seeds": {"model": 0}})


def message(refusal: pytest.ExceptionInfo[ConfigError]) -> str:
    (fault,) = refusal.value.faults
    return f"{fault.code}: {fault.message}"


# --- writing and reading -----------------------------------------------------------------------


def test_what_is_written_is_read(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "runs" / "a"))
    assert run.metrics == METRICS
    assert run.record["status"] == "complete" and run.record["schema"] == SCHEMA
    assert (run.record["kind"], run.record["name"], run.record["seeds"]) == ("keras", "mlp", {"model": 0})
    assert run.file("model.keras").read_bytes() == b"weights"
    for name, artefact in run.artefacts.items():
        content = (run.root / name).read_bytes()
        assert (artefact.sha256, artefact.bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    said = run.predictions("val")
    assert said.predictions.dtype == np.float32 and np.array_equal(said.predictions, np.eye(3))
    assert said.rows.tolist() == [3, 1, 2] and said.labels.tolist() == [1, 1, 0]
    assert sorted(path.name for path in run.root.rglob("*") if path.is_file()) == [
        "model.keras", "model.yaml", "run.json", "val.npz",
    ]  # fmt: skip
    assert not list(run.root.glob(f"{TEMPORARY}*"))


def test_the_record_has_the_documented_fields_and_no_others(tmp_path: Path) -> None:
    import compiler.runtime.run

    documented = {
        name for line in re.findall(r"^    ([a-z_, ]+?)   ?", compiler.runtime.run.__doc__ or "", re.M)
        for name in line.split(", ")
    }  # fmt: skip
    assert {*read_run(write_run(tmp_path / "a")).record} <= documented
    with pytest.raises(KeyError), RunWriter(tmp_path / "b") as run:
        run.save_text("a.txt", {}["missing"])
    assert {*read_record(tmp_path / "b")} <= documented


def test_a_write_gets_the_suffix_and_replaces_the_artefact_before_it(tmp_path: Path) -> None:
    seen: list[Path] = []

    def write(path: Path) -> None:
        seen.append(path)
        path.write_text(f"{len(seen)}")

    run = RunWriter(tmp_path)
    assert run.save("deep/er/net.weights.h5", write) == tmp_path / "deep/er/net.weights.h5"
    run.save("deep/er/net.weights.h5", write)
    assert [path.name for path in seen] == ["net.weights.h5"] * 2
    assert tmp_path / "deep/er" not in seen[0].parents, "it is written aside"
    run.complete({})
    assert read_run(tmp_path).file("deep/er/net.weights.h5").read_text() == "2"


def test_a_removed_artefact_is_gone(tmp_path: Path) -> None:
    run = RunWriter(tmp_path)
    run.save_text("checkpoint.txt", "x")
    run.remove("checkpoint.txt")
    run.remove("never.txt")
    run.complete({})
    assert not read_run(tmp_path).artefacts and not (tmp_path / "checkpoint.txt").exists()


def test_a_write_that_raises_leaves_the_artefact_before_it(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        path.write_text("half")
        raise KeyError("interrupted")

    run = RunWriter(tmp_path)
    run.save_text("history.csv", "a\n1\n")
    with pytest.raises(KeyError):
        run.save("history.csv", write)
    run.complete({})
    assert read_run(tmp_path).file("history.csv").read_text() == "a\n1\n"
    assert not list(tmp_path.glob(f"{TEMPORARY}*"))


@pytest.mark.parametrize("name", ["../a", "/a", "", ".", "a/../b", "./a", "a//b", "a\\b", "run.json", f"{TEMPORARY}a"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not the name of an artefact"):
        RunWriter(tmp_path / "run").save_text(name, "x")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_the_writers_own_fields_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="status"):
        RunWriter(tmp_path).complete({"status": "complete"})
    assert read_record(tmp_path)["status"] == "running"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32("-inf")])
def test_metrics_are_finite(tmp_path: Path, value: float) -> None:
    run = RunWriter(tmp_path)
    with pytest.raises(ConfigError) as refusal:
        run.complete({"metrics": {"val": {"loss": value}}})
    assert message(refusal) == f"E802: 'metrics.val.loss' must be a finite number (got {float(value)})"
    assert read_record(tmp_path)["status"] == "running"
    run.fail("it diverged")
    assert read_record(tmp_path)["reason"] == "it diverged"


def test_numpy_scalars_become_numbers(tmp_path: Path) -> None:
    RunWriter(tmp_path).complete({"metrics": {"val": {"loss": np.float32(0.5), "rows": np.int64(3)}}})
    assert json.loads((tmp_path / "run.json").read_text())["metrics"] == {"val": {"loss": 0.5, "rows": 3}}


def test_predictions_of_unequal_lengths_are_refused(tmp_path: Path) -> None:
    run = RunWriter(tmp_path)
    with pytest.raises(ValueError, match=r"\(3, 3\), \(2,\), \(3,\)"):
        run.save_predictions("val", np.eye(3), np.arange(2), np.arange(3))
    with pytest.raises(ValueError, match="needed"):
        run.save_predictions("val", np.arange(3), np.arange(3), np.arange(3))


# --- opening -----------------------------------------------------------------------------------


def test_a_complete_run_is_not_written_over(tmp_path: Path) -> None:
    write_run(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError) as refusal:
        RunWriter(tmp_path)
    assert message(refusal) == f"E803: '{tmp_path}' already has a complete run"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_folder_with_somebody_elses_run_json_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"mine": true}')
    with pytest.raises(ConfigError) as refusal:
        RunWriter(tmp_path)
    assert message(refusal) == f"E803: '{tmp_path / 'run.json'}' is not the record of a run"
    assert (tmp_path / "run.json").read_text() == '{"mine": true}'


def test_two_writers_of_one_directory_are_told_apart(tmp_path: Path) -> None:
    first = RunWriter(tmp_path)
    with pytest.raises(ConfigError) as refusal:
        RunWriter(tmp_path)
    assert message(refusal).startswith(f"E806: '{tmp_path}' is being written by another process ({os.getpid()} on ")
    first.fail("enough")
    RunWriter(tmp_path).complete({})
    assert read_run(tmp_path).metrics == {}


def test_a_file_in_the_place_of_the_directory_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(ConfigError) as refusal:
        RunWriter(tmp_path / "run")
    assert message(refusal).startswith(f"E803: cannot write a run to '{tmp_path / 'run'}': ")


def test_a_full_disk_is_a_fault(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        with Path("/dev/full").open("wb", buffering=0) as file:
            file.write(b"x")

    run = RunWriter(tmp_path)
    with pytest.raises(ConfigError) as refusal:
        run.save("model.keras", write)
    assert message(refusal) == f"E805: cannot write 'model.keras' to '{tmp_path}': No space left on device"


def test_a_run_that_raises_is_failed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), RunWriter(tmp_path, {"name": "mlp"}) as run:
        run.save_text("model.yaml", "x\n")
        raise ZeroDivisionError("why")
    record = read_record(tmp_path)
    assert (record["status"], record["reason"], record["name"]) == ("failed", "ZeroDivisionError: why", "mlp")
    assert [*record["artefacts"]] == ["model.yaml"]
    with RunWriter(tmp_path):
        pass
    assert read_record(tmp_path)["reason"] == "it ended before it was complete"


def test_a_finished_run_takes_no_more(tmp_path: Path) -> None:
    run = RunWriter(tmp_path)
    run.complete({})
    for more in (lambda: run.save_text("a.txt", "x"), lambda: run.complete({}), lambda: run.fail("no")):
        with pytest.raises(RuntimeError, match="finished"):
            more()
    assert read_run(tmp_path).record["status"] == "complete"


# --- refusing ----------------------------------------------------------------------------------


def spoil(root: Path, **fields: object) -> None:
    path = root / "run.json"
    write_record(path, json.loads(path.read_text()) | fields)


def test_only_complete_runs_are_read(tmp_path: Path) -> None:
    run = RunWriter(tmp_path)
    with pytest.raises(ConfigError) as refusal:
        read_run(tmp_path)
    assert message(refusal) == f"E803: the run '{tmp_path}' is not complete: its status is 'running'"
    assert refusal.value.faults[0].hint == "it is still at work, or was killed"
    run.fail("out of memory")
    with pytest.raises(ConfigError, match="its status is 'failed': out of memory"):
        read_run(tmp_path)
    with pytest.raises(ConfigError, match=r"is not a run: it has no run\.json"):
        read_run(tmp_path / "nowhere")


@pytest.mark.parametrize("verify", [True, False])
def test_a_changed_artefact_is_refused_by_name(tmp_path: Path, verify: bool) -> None:
    root = write_run(tmp_path)
    (root / "model.keras").write_bytes(b"WEIGHTS")
    with pytest.raises(ConfigError, match=r"'model\.keras' of the run .* is not what the run saved"):
        read_run(root, verify=verify).file("model.keras")
    (root / "model.keras").write_bytes(b"longer than before")
    with pytest.raises(ConfigError, match=r"'model\.keras' of the run .* is not what the run saved"):
        read_run(root, verify=verify)
    (root / "model.keras").unlink()
    with pytest.raises(ConfigError, match=r"lacks its file 'model\.keras'"):
        read_run(root, verify=verify)


def test_a_newer_schema_is_refused_whatever_its_form(tmp_path: Path) -> None:
    spoil(write_run(tmp_path), schema=SCHEMA + 1, artefacts=["another", "form"])
    with pytest.raises(ConfigError, match=f"is of version {SCHEMA + 1}, and this program reads up to {SCHEMA}"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "", "null", "[]", "{", '{"schema": 1}', "[" * 100_000, '{"schema": 1, "status": "complete", "artefacts": []}',
        '{"schema": 1, "status": "done", "artefacts": {}}', '{"schema": true, "status": "complete", "artefacts": {}}',
        '{"schema": 1, "status": "complete", "artefacts": {}, "metrics": {"val": 1}}',
        '{"schema": 1, "status": "complete", "artefacts": {}, "metrics": {"val": {"loss": NaN}}}',
        '{"schema": 1, "status": "complete", "artefacts": {"../../a": {"sha256": "", "bytes": 0}}}',
        '{"schema": 1, "status": "complete", "artefacts": {"a": {"sha256": "", "bytes": "0"}}}',
    ],
)  # fmt: skip
def test_what_is_no_record_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(ConfigError) as refusal:
        read_run(tmp_path)
    assert message(refusal) == f"E803: '{tmp_path / 'run.json'}' is not the record of a run"


def test_an_artefact_that_was_not_saved_is_refused(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path))
    (tmp_path / "extra.txt").write_text("not the run's")
    with pytest.raises(ConfigError, match=r"has no 'extra\.txt'"):
        run.file("extra.txt")
    with pytest.raises(ConfigError, match=r"has no 'predictions/test\.npz'"):
        run.predictions("test")


def test_predictions_with_pickles_are_refused(tmp_path: Path) -> None:
    run = RunWriter(tmp_path)
    arrays = {"predictions": np.array([{}], dtype=object), "rows": np.arange(1), "labels": np.arange(1)}
    run.save("predictions/val.npz", lambda path: np.savez(path, **arrays))
    run.complete({})
    with pytest.raises(ConfigError, match=r"'predictions/val\.npz' of the run .* cannot be read"):
        read_run(tmp_path).predictions("val")


# --- the environment -----------------------------------------------------------------------------


def test_the_environment_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    found: Any = environment()
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["cpus"] == os.cpu_count()
    assert found["packages"]["numpy"] == np.__version__ and "keras" in found["packages"]
    assert found["threads"]["OMP_NUM_THREADS"] == "2"
    json.dumps(found, allow_nan=False)


def test_runs_are_read_without_tensorflow_or_numpy(tmp_path: Path) -> None:
    write_run(tmp_path)
    code = f"""
        import sys
        from pathlib import Path
        from compiler.runtime.run import read_run, environment
        environment(), read_run(Path({str(tmp_path)!r})).metrics
        assert not {{"tensorflow", "keras", "numpy"}} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


# --- kills ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("amid", ["model.keras", "run.json"])
def test_a_kill_amid_a_write_leaves_what_was_there(tmp_path: Path, amid: str) -> None:
    code = f"""
        import os, signal
        from pathlib import Path
        from compiler.runtime.run import RunWriter, files, writer

        def half(path, *_):
            path.write_text("ha")
            os.kill(os.getpid(), signal.SIGKILL)

        run = RunWriter(Path({str(tmp_path)!r}))
        run.save_text("model.keras", "whole")
        run.save_text("history.csv", "a")
        if {amid!r} == "run.json":
            writer._write = half
            run.complete({{}})
        run.save("model.keras", half)
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert (tmp_path / "model.keras").read_text() == "whole"
    assert len(list(tmp_path.glob(f"{TEMPORARY}*"))) == 1
    assert read_record(tmp_path)["status"] == "running"
    with RunWriter(tmp_path) as run:
        assert not list(tmp_path.glob(f"{TEMPORARY}*"))
        assert (tmp_path / "history.csv").read_text() == "a", "what was saved is there to resume from"
        run.complete({})
    assert not read_run(tmp_path).artefacts, "what this run did not save is not its own"


def test_a_slice_of_the_kill_campaign(tmp_path: Path) -> None:
    whole, kills = kill.campaign(kill.STAND_IN, kills=5, seed=3, folder=tmp_path)
    assert whole.names >= {"run.json", "model.keras", "predictions/test.npz"}
    assert len(kills) == 5 and not [found for each in kills for found in each.violations]


def test_the_campaign_sees_what_it_looks_for(tmp_path: Path) -> None:
    """Without this the campaign could pass by seeing nothing."""
    root = write_run(tmp_path)
    (root / "model.keras").unlink()
    np.savez(root / "arrays.npz", a=np.arange(1000))
    assert kill.half_written(root / "arrays.npz") is None
    (root / "arrays.npz").write_bytes((root / "arrays.npz").read_bytes()[:-40])
    (root / "history.csv").write_text("epoch,loss\n0,1.0\n1,")
    (root / "model.yaml").write_text("layers: [")
    (root / "empty.json").write_text("")
    found = "\n".join(kill.violations(root, frozenset({"history.csv"})))
    for expected in ("arrays.npz: BadZipFile", "history.csv: its last", "model.yaml: its last", "empty.json: empty"):
        assert expected in found
    assert "complete, but E803: 'model.yaml' of the run" in found
    assert kill.taken_over(root) == []
    spoil(root, artefacts={})
    assert "complete without model.keras" in kill.violations(root, frozenset({"model.keras"}))
