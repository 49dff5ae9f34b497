"""A training that is broken off anywhere and goes on comes to the bits of one that was left alone.

The oracles are real kills, signals and file-size limits of real processes, and the uninterrupted run.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compiler.runtime.cli import INTERRUPTED, STATUSES
from compiler.runtime.fitting.fit import fit
from compiler.runtime.run import Checkpoint, Checkpoints, read_record
from tests.campaigns import resume
from tests.campaigns.forks import Forked, Forks
from tests.pages import ROOT, consoles
from tests.runtime.test_fit import Folder, dataset, graph, loaded, settings

# --- whole processes -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as made:
        yield made


Tried = tuple[Path, resume.Result, list[resume.Tried]]


@pytest.fixture(scope="module")
def tried(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Tried:
    """Two runs that are left alone, and three that are killed."""
    folder = tmp_path_factory.mktemp("killed")
    expected, _, tried = resume.run(folder, 3, 3, forks.start)
    return folder, expected, tried


def test_a_run_that_is_killed_comes_to_the_same_bits(tried: Tried) -> None:
    assert [one.faults for one in tried[2]] == [[], [], []]
    kills = [kill for one in tried[2] for kill in one.kills]
    assert any("had ended" not in kill for kill in kills), kills  # how many hit depends on how fast the machine is


def test_signals_and_a_full_disk_keep_a_checkpoint(forks: Forks, tried: Tried, own_folder: Path) -> None:
    folder, expected, _ = tried
    root, log = Path("outputs/first"), own_folder / "log"
    begin = resume.Campaign(folder, forks.start, 0).begin(root, 1000)

    def started(arguments: list[str], **limits: Any) -> Forked:
        log.write_text("")
        return forks.start(arguments, log, folder=own_folder, **limits)

    process = started(begin)
    _wait_for(lambda: (root / "history.csv").exists(), process)
    os.kill(process.pid, signal.SIGSTOP)
    second = forks.start(begin, own_folder / "second", folder=own_folder)
    assert second.wait() == STATUSES["E806"], (own_folder / "second").read_text()
    os.kill(process.pid, signal.SIGTERM)
    os.kill(process.pid, signal.SIGCONT)
    assert process.wait() == STATUSES["E807"], log.read_text()
    assert _numbers_aside(_example("E807")) in _numbers_aside(log.read_text())
    record = read_record(root)
    assert record["status"] == "interrupted" and record["reason"].startswith("Interrupted: E807: stopped by SIGTERM")
    kept = sorted((root / "checkpoints").glob("0*.npz"))
    assert len(kept) == 1

    full = started(["resume=outputs/first", "train.checkpoint.seconds=0"], file_size=8192)
    assert full.wait() == STATUSES["E805"], log.read_text()
    assert "error[E805]: cannot write" in log.read_text() and sorted((root / "checkpoints").glob("0*.npz")) == kept

    process = started(begin)
    _wait_for(lambda: "goes on after epoch" in log.read_text(), process)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait() == INTERRUPTED and "error[E807]: stopped by Ctrl-C: " in log.read_text()

    newest = sorted((root / "checkpoints").glob("0*.npz"))[-1]
    before = newest.with_name("000002.npz")
    before.write_bytes(newest.read_bytes()[:1000])  # a second one, cut short, as the newest
    assert started(["resume=outputs/first"]).wait() == 0, log.read_text()
    assert _example("W811") in log.read_text()
    found = resume.result(root)
    assert found == expected
    record = read_record(root)
    assert [set(earlier) >= {"pid", "epochs", "steps"} for earlier in record["resumed"]] == [True] * 3
    overrides = [text.lstrip("+") for text in record["overrides"]]
    assert overrides[-1] == "train.checkpoint.seconds=0" and set(resume.SETTINGS) < set(overrides)


def _wait_for(done: Callable[[], bool], process: Forked) -> None:
    while not done():
        assert process.poll() is None, "it ended before"
        time.sleep(0.002)


def _example(code: str) -> str:
    """What the page on errors shows of a fault."""
    (body,) = (one.body for one in consoles(ROOT / "docs/errors.md") if one.title.startswith(code))
    return re.split(r"^\$.*\n", body, flags=re.MULTILINE)[-1].strip()


def _numbers_aside(text: str) -> str:
    return re.sub(r"(the end of epoch \d+|epoch \d+, step \d+ of \d+)", "N", text)


def test_op_determinism_trains_and_the_record_says_what_bits_depend_on(
    forks: Forks, tried: Tried, own_folder: Path
) -> None:
    begin = resume.Campaign(tried[0], forks.start, 0).begin(Path("a"))
    process = forks.start([*begin, "train.deterministic=true", "train.epochs=1"], own_folder / "log", folder=own_folder)
    assert process.wait() == 0, (own_folder / "log").read_text()
    record = read_record(Path("a"))
    depends = record["environment"]
    assert record["config"]["train"]["deterministic"] is True
    assert depends["threads"]["tensorflow_intra_op"] == len(os.sched_getaffinity(0))
    assert depends["cpu"]["instructions"] and depends["onednn"] is (os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0")


# --- in this process: every kind of state ----------------------------------------------------------

RNG = np.random.default_rng(1)
IMAGES = RNG.normal(size=(150, 8, 8, 3)).astype(np.float32)
WAVES = RNG.normal(size=(150, 6, 4)).astype(np.float32)
CLASSES = RNG.integers(0, 3, 150)
NETS = {
    "images": """
input: [8, 8, 3]
layers:
  - op: Pipeline
    layers: [{op: RandomFlip}, {op: RandomRotation, factor: 0.1}]
  - {op: RandomContrast, factor: 0.2}
  - {op: SeparableConv2D, filters: 6, kernel_size: 3, use_bias: false}
  - BatchRenormalization
  - {op: SpatialDropout2D, rate: 0.2}
  - GlobalAveragePooling2D
  - {op: Dense, units: 3, activation: softmax}
""",
    "waves": """
input: [6, 4]
layers:
  - {op: GaussianNoise, stddev: 0.1}
  - {op: Bidirectional, layer: {op: LSTM, units: 3, dropout: 0.2, recurrent_dropout: 0.2}}
  - {op: AlphaDropout, rate: 0.2}
  - {op: Dense, units: 3}
""",
}
CASES = {
    "float16": ("images", "mixed_float16", {"op": "Adam", "learning_rate": 0.01}),
    "bfloat16": ("waves", "mixed_bfloat16", {"op": "SGD", "momentum": 0.9, "gradient_accumulation_steps": 3}),
    "float64": ("waves", "float64", {"op": "Nadam"}),
}


class Kept(Checkpoints):
    """Checkpoints in memory, one at every look at the training; each has passed through a file."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.all: list[Checkpoint] = []

    def due(self) -> bool:
        return True

    def save(self, checkpoint: Checkpoint) -> None:
        super().save(checkpoint)
        self.all.append(self.newest()[0] or pytest.fail("it cannot be read"))


@pytest.mark.parametrize("case", CASES)
def test_a_training_goes_on_from_any_checkpoint(case: str, tmp_path: Path) -> None:
    net, precision, optimizer = CASES[case]
    train = settings(
        epochs=3, batch_size=5, optimizer=optimizer, precision=precision, metrics=["accuracy", "f1_score"],
        schedule={"op": "cosine", "warmup_epochs": 1}, best={"monitor": "val.accuracy"},
    )  # fmt: skip
    data = dataset("multiclass", CLASSES, IMAGES if net == "images" else WAVES, 3)
    kept = Kept(tmp_path)
    whole = fit(graph(NETS[net], precision), train, data, Folder(tmp_path / "whole"), checkpoints=kept)
    middle = [made for made in kept.all if made.state["training"]["step"] not in (0, 20)]
    chosen = middle[len(middle) // 2] if middle else kept.all[len(kept.all) // 2]
    assert 0 < len(chosen.state["training"]["history"]) * 20 + chosen.state["training"]["step"] < 60
    again = fit(graph(NETS[net], precision), train, data, Folder(tmp_path / "again"), checkpoint=chosen)
    aside = [{key: value for key, value in row.items() if key != "seconds"} for row in again.history]
    assert aside == [{key: value for key, value in row.items() if key != "seconds"} for row in whole.history]
    assert (again.metrics, again.best_epoch) == (whole.metrics, whole.best_epoch)
    for split in ("val", "test"):
        assert (tmp_path / f"whole/{split}.npz").read_bytes() == (tmp_path / f"again/{split}.npz").read_bytes()
    weights = [loaded(tmp_path / name / "model.keras").get_weights() for name in ("whole", "again")]
    assert all((a == b).all() for a, b in zip(*weights, strict=True))
    assert any("seed_generator_state" in name for name in chosen.arrays)


def test_a_fault_of_another_training_is_no_silent_mixture(tmp_path: Path) -> None:
    """`variables.write` is the last to notice, should a check before it fail."""
    kept = Kept(tmp_path)
    data = dataset("multiclass", CLASSES, WAVES, 3)
    fit(graph(NETS["waves"]), settings(epochs=1), data, Folder(tmp_path / "a"), checkpoints=kept)
    with pytest.raises(ValueError, match=r"these do not match|is float32"):
        other = NETS["waves"].replace("units: 3, dropout", "units: 2, dropout")
        fit(graph(other), settings(epochs=1), data, Folder(tmp_path / "b"), checkpoint=kept.all[-1])
