"""Checkpoints as files, and what may go on from them: without TensorFlow."""

from __future__ import annotations

import json
import math
import random
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from compiler.errors import ConfigError
from compiler.runtime.fitting.state import State
from compiler.runtime.plan import plan
from compiler.runtime.resume import Unfinished, elsewhere, plan_again
from compiler.runtime.run import Checkpoint, Checkpoints, RunWriter, checkpoints, read_record
from compiler.runtime.training import TrainSettings
from compiler.runtime.training.metrics import Accuracy
from compiler.settings import validate
from compiler.spec.compose import compose
from compiler.spec.located import plain

RNG = np.random.default_rng(0)
ARRAYS = {
    "a.kernel": RNG.normal(size=(3, 4)).astype(np.float32),
    "b.half": RNG.normal(size=(2, 2)).astype(ml_dtypes.bfloat16),
    "c.count": np.array(7, np.int64),
    "d.scalar": np.array(1.5, ml_dtypes.bfloat16),
    "e.mask": np.array([True, False]),
    "f.none": np.zeros((0, 3), np.float16),
    "g.turned": np.asfortranarray(RNG.normal(size=(3, 2))),
}
STATE = {"training": {"history": [{"loss": math.nan, "x": 0.1 + 0.2}], "step": 3}}


def number(made: Checkpoint) -> int:
    return int(made.arrays["n"])


def saved(root: Path, *numbers: int) -> Checkpoints:
    made = Checkpoints(root)
    for n in numbers:
        made.save(Checkpoint({"n": np.array(n)}, STATE))
    return made


# --- files -----------------------------------------------------------------------------------------


def test_what_is_written_is_read_to_the_bit(tmp_path: Path) -> None:
    checkpoints.write(tmp_path / "1.npz", Checkpoint(ARRAYS, STATE))
    read = checkpoints.read(tmp_path / "1.npz")
    assert list(read.arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        found = read.arrays[name]
        assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes()), name
    (row,) = read.state["training"]["history"]
    assert math.isnan(row["loss"]) and row["x"] == 0.1 + 0.2
    with np.load(tmp_path / "1.npz", allow_pickle=False) as theirs:  # NumPy reads it too
        assert np.array_equal(theirs["a.kernel"], ARRAYS["a.kernel"])


def test_no_byte_can_change_unnoticed(tmp_path: Path) -> None:
    """Whatever single byte is changed: the file is refused, or says the same (a time, an attribute of a file)."""
    made = Checkpoints(tmp_path)
    made.save(Checkpoint(ARRAYS, STATE))
    path = tmp_path / "checkpoints/000001.npz"
    content, draw, refused = path.read_bytes(), random.Random(0), 0
    for at in draw.sample(range(len(content)), 400):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :])
        read, warnings = made.newest()
        if read is None:
            refused += 1
            assert warnings[0].code == "W811"
            continue
        assert all(read.arrays[name].tobytes() == array.tobytes() for name, array in ARRAYS.items()), at
        assert read.state["training"]["step"] == 3
    assert refused > 250


def test_two_are_kept_and_a_damaged_one_falls_back(tmp_path: Path) -> None:
    made = saved(tmp_path, 1, 2, 3)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["000002.npz", "000003.npz"]
    newest, warnings = made.newest()
    assert newest and number(newest) == 3 and not warnings
    path = tmp_path / "checkpoints/000003.npz"
    path.write_bytes(path.read_bytes()[:-30])
    newest, (warning,) = made.newest()
    assert newest and number(newest) == 2
    assert warning.code == "W811" and "000003.npz' is damaged" in warning.message
    (tmp_path / "checkpoints/000002.npz").write_bytes(b"")
    nothing, warnings = made.newest()
    assert nothing is None and "there is no other" in warnings[1].message
    assert number(saved(tmp_path, 9).newest()[0] or pytest.fail("none")) == 9  # damaged ones are in nobody's way
    made.remove()
    assert not (tmp_path / "checkpoints").exists() and not made.exist()
    made.remove()


def test_pickles_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints/000001.npz"
    path.parent.mkdir()
    np.savez(path, a=np.array([{}], object), allow_pickle=True)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("state.json", json.dumps({"form": 1, "dtypes": {"a": "object"}, "state": {}}))
    nothing, (warning,) = Checkpoints(tmp_path).newest()
    assert nothing is None and "allow_pickle=False" in warning.message


def test_a_writer_removes_them_when_the_run_is_complete_and_says_interrupted_else(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), RunWriter(tmp_path):
        saved(tmp_path, 1)
        _ = 1 / 0
    assert read_record(tmp_path)["status"] == "interrupted"
    with RunWriter(tmp_path) as run:
        assert (tmp_path / "checkpoints").exists()
        run.complete({})
    assert not (tmp_path / "checkpoints").exists()


def test_they_take_no_more_than_their_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(checkpoints, "perf_counter", lambda: now)
    made = Checkpoints(tmp_path, seconds=30, share=0.02)
    assert not made.due()
    now += 31
    assert made.due()
    made.save(Checkpoint({"n": np.array(1)}, STATE))
    monkeypatch.setattr(made, "_cost", 2.0)  # as if writing had taken so long: 100 s must pass then
    now += 99
    assert not made.due()
    now += 2
    assert made.due()


# --- the state of a training -----------------------------------------------------------------------


def test_a_state_is_read_back_whole_at_every_epoch() -> None:
    """Judged on, the state that was read goes the way of the one that was not."""
    train = validate(
        TrainSettings,
        {
            "epochs": 30,
            "schedule": "constant",
            "early_stopping": {"monitor": "val.loss", "patience": 4, "start_from_epoch": 2},
            "reduce_on_plateau": {"monitor": "val.accuracy", "patience": 2, "cooldown": 1},
            "best": {"monitor": "val.accuracy"},
        },
    )
    first = State.first(train, [Accuracy()])
    straight = through = first
    losses = [2.0, math.nan, *RNG.uniform(0.5, 1.0, 28)]
    for epoch, loss in enumerate(losses, 1):
        row = {"epoch": epoch, "val.loss": float(loss), "val.accuracy": float(RNG.uniform())}
        straight = straight.recorded(row).judged(train)
        through = first.from_json(json.loads(json.dumps(through.as_json())), train).recorded(row).judged(train)
        assert repr(through) == repr(straight)  # NaN is not equal to itself
        if straight.stopped:
            break
    assert straight.stopped == "early_stopping" and straight.plateau and straight.plateau.learning_rate < 1e-3


# --- what may go on --------------------------------------------------------------------------------

PRINTS = {"rows": {"train": "a", "all": "b"}, "labels": {"train": "c"}, "classes": {"all": "d"}}
ABOUT = ("kind", "name", "spec_hash", "data", "config", "environment", "overrides")
SPEC = ["model=mlp", "train.schedule=constant", "train.epochs=8"]


@pytest.fixture
def interrupted(own_folder: Path) -> Path:
    """A run that its process left with two checkpoints."""
    return unfinished(Path("outputs/first"), SPEC)


def unfinished(root: Path, overrides: list[str]) -> Path:
    job = plan(compose(overrides))
    about = {
        "kind": "keras",
        "name": job.name,
        "spec_hash": job.graph.hash,
        "data": {"fingerprints": PRINTS},
        "config": {"train": plain(job.train_section), "data": plain(job.data_section), **job.others},
        "environment": {"python": "3.0", "threads": {"intra": 2}},
        "overrides": overrides,
    }
    run = RunWriter(root, about)
    run.save_text("model.yaml", job.model_yaml)
    saved(root, 1, 2)
    run.fail("stopped")
    return root


def faults(refusal: pytest.ExceptionInfo[ConfigError]) -> list[str]:
    return [f"{fault.code}: {fault.message}" for fault in refusal.value.faults]


def test_the_plan_is_what_the_run_recorded(interrupted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, again = plan(compose(SPEC)), plan_again(interrupted, ["resume=outputs/first"])
    assert (again.name, again.train, again.data, again.others) == (job.name, job.train, job.data, job.others)
    assert again.graph.hash == job.graph.hash and again.model_yaml == job.model_yaml
    longer = plan_again(interrupted, ["resume=outputs/first", "train.epochs=12", "train.checkpoint.seconds=1"])
    assert longer.train.epochs == 12


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.batch_size=32", "the unfinished run has train.batch_size=64, not 32"),
        ("train.optimizer.learning_rate=0.01", "the unfinished run has train.optimizer.learning_rate=0.001, not 0.01"),
        ("train.seed=1", "the unfinished run has train.seed=0, not 1"),
        ("data.divide_by=1", "the unfinished run has data.divide_by=16, not 1"),
        ("train.epochs=4", "the unfinished run has train.epochs=8, and 4 are fewer"),
        ("model=convnet", "a run that goes on keeps what it began with, and 'model=convnet' was not among it"),
        ("data=cifar10", "a run that goes on keeps what it began with, and 'data=cifar10' was not among it"),
    ],
)
def test_what_would_be_another_run_is_refused_where_it_was_said(interrupted: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        plan_again(interrupted, ["resume=outputs/first", override])
    assert faults(refusal) == [f"E810: {message}"]
    place = refusal.value.faults[0].place
    assert place and place.source.text == override and read_record(interrupted)["status"] == "interrupted"


def test_more_epochs_are_refused_where_they_change_the_rates(own_folder: Path) -> None:
    root = unfinished(Path("cosine"), ["model=mlp", "train.epochs=8"])
    with pytest.raises(ConfigError) as refusal:
        plan_again(root, ["resume=cosine", "train.epochs=9"])
    assert faults(refusal) == [
        "E810: train.epochs=9 would change the learning rates of the first 8 epochs: 'schedule' is cosine"
    ]


@pytest.mark.parametrize(
    ("status", "message"),
    [("complete", "is complete: there is nothing left to do"), ("failed", "failed, and no checkpoint is left: NaN")],
)
def test_a_run_that_has_ended_says_so(own_folder: Path, status: str, message: str) -> None:
    run = RunWriter(Path("ended"), {})
    run.complete({}) if status == "complete" else run.fail("NaN")
    with pytest.raises(ConfigError) as refusal:
        plan_again(Path("ended"), ["resume=ended"])
    assert faults(refusal) == [f"E810: the run 'ended' {message}"]


def test_the_same_command_goes_on_and_another_changes_nothing(interrupted: Path) -> None:
    same = Unfinished(plan(compose(SPEC)), interrupted, PRINTS)
    about = {key: value for key, value in read_record(interrupted).items() if key in ABOUT}
    record = RunWriter(interrupted, about, same.accept)
    assert same.checkpoint and number(same.checkpoint) == 2
    assert "resumed" in read_record(interrupted)
    record.fail("again")
    before = (interrupted / "run.json").read_bytes()
    other = Unfinished(plan(compose([*SPEC, "train.batch_size=32"])), interrupted, PRINTS)
    with pytest.raises(ConfigError, match=r"train.batch_size=64, not 32"):
        RunWriter(interrupted, {}, other.accept)
    data = Unfinished(plan(compose(SPEC)), interrupted, {**PRINTS, "labels": {"train": "x"}})
    with pytest.raises(ConfigError, match="not those that the unfinished run saw: labels of train changed since"):
        RunWriter(interrupted, {}, data.accept)
    assert (interrupted / "run.json").read_bytes() == before


def test_other_versions_and_threads_are_warned_of() -> None:
    now = {"python": "3.1", "threads": {"intra": 2}}
    (warning,) = elsewhere({"environment": {"python": "3.0", "threads": {"intra": 2}}}, now)
    assert warning.code == "W811" and "python was 3.0 and is 3.1" in warning.message
    assert elsewhere({"environment": now}, now) == []
