"""A warm process trains to the same bits as a fresh one, whatever it did before."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from compiler.runtime.checks import measured
from compiler.runtime.plan import plan
from compiler.runtime.training import Optimizer, head_of, objective
from compiler.spec.compose import compose
from tests.pages import ROOT

if TYPE_CHECKING:
    from compiler.runtime.fitting.variables import Arrays

pytestmark = pytest.mark.tf

SCRIPT = [sys.executable, "-m", "tests.sweep.warm_trials"]
SAME = (
    "mlp",
    "mlp-again",
    "conv-again",
    "rmsprop",
    "decayed-more",
    "conv-streamed",
    "resumed",
    "mlp-after-all",
    "exact-again",
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    threads = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
    done = subprocess.run(
        [*SCRIPT, str(folder)], cwd=ROOT, env={**os.environ, **threads}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", SAME)
def test_weights_predictions_and_history_are_those_of_a_fresh_process(runs: Path, name: str) -> None:
    assert digests(runs / "warm" / name) == digests(runs / "fresh" / name)


def test_other_seeds_train_other_networks(runs: Path) -> None:
    first, second = digests(runs / "warm" / "mlp"), digests(runs / "warm" / "mlp-after-all")
    assert first["history"] != second["history"]


def test_a_training_diverges_with_the_same_words(runs: Path) -> None:
    texts = [(runs / where / "diverged.txt").read_text("utf-8") for where in ("warm", "fresh")]
    assert texts[0] == texts[1]
    assert "E802" in texts[0]


def test_traced_steps_are_reused_where_they_would_be_the_same(runs: Path) -> None:
    reused: list[str] = json.loads((runs / "warm" / "reused-mlp-after-all.json").read_text("utf-8"))
    assert reused == [
        "mlp-again", "conv-again", "diverged", "pruned", "decayed-more", "raised", "resumed", "resumed",
        "mlp-after-all",
    ]  # fmt: skip


def test_the_record_says_threads_and_where_all_the_time_went(runs: Path) -> None:
    record = json.loads((runs / "warm" / "conv-again" / "run.json").read_text("utf-8"))
    assert record["environment"]["threads"]["tensorflow_intra_op"] == 1
    started, finished = (datetime.fromisoformat(text) for text in (record["process"]["started"], record["finished"]))
    behind = sum(seconds for phase, seconds in record["timings"].items() if phase not in ("plan", "data", "import"))
    assert set(record["timings"]) >= {"build", "trace", "fit", "validate", "report", "health", "evaluate", "save"}
    assert behind == pytest.approx((finished - started).total_seconds(), rel=0.1, abs=0.2)


def test_what_holds_for_a_process_needs_another_one(runs: Path) -> None:
    for name in ("other", "threads"):
        assert (runs / "warm" / f"{name}.txt").read_text("utf-8").startswith("OtherProcess: train.threads")
        assert not (runs / "warm" / name).exists()


def digests(run: Path) -> dict[str, object]:
    """Sha256 of what a training left, but for its seconds."""
    import h5py
    import numpy as np

    found: dict[str, object] = {}
    with zipfile.ZipFile(run / "model.keras") as archive:
        found["config"] = digest(re.sub(rb'"shared_object_id": \d+', b"", archive.read("config.json")))  # addresses
        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
            file.visititems(
                lambda name, item: found.update({name: digest(item[()].tobytes())} if hasattr(item, "dtype") else {})
            )
    for split in ("val", "test"):
        with np.load(run / f"predictions/{split}.npz") as arrays:
            found |= {f"{split}.{name}": digest(arrays[name].tobytes()) for name in arrays.files}
    rows = [line.rpartition(",")[0] for line in (run / "history.csv").read_text("utf-8").splitlines()]
    assert (run / "history.csv").read_text("utf-8").splitlines()[0].endswith(",seconds")
    return {**found, "history": rows, "metrics": json.loads((run / "run.json").read_text("utf-8"))["metrics"]}


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


PRECISE = ("train.precision=mixed_float16", "train.accumulate_steps=2")


@pytest.mark.parametrize(
    "overrides",
    [*((f"train.optimizer={cls}",) for cls in sorted({cls.__name__ for cls in Optimizer.known.values()})), PRECISE],
)
def test_begun_anew_all_variables_are_those_of_new_steps(overrides: tuple[str, ...]) -> None:
    import keras
    import tensorflow as tf

    from compiler.runtime.fitting import variables
    from compiler.runtime.fitting.kept import Kept
    from compiler.runtime.fitting.steps import Steps
    from compiler.targets.keras import build

    job = plan(compose(["model=mlp", "model.vars.units=[4]", "data=digits_8x8", *overrides]))

    def model() -> keras.Model:
        keras.utils.set_random_seed(3)
        made = build(job.graph)
        variables.with_global_seed()
        return made

    goal, metrics = objective(head_of(job.graph), job.train.loss, "multiclass"), measured(job.train, "multiclass")
    steps = Steps(model(), goal, metrics, job.train.updating, job.graph.precision, 8)
    kept, before = Kept(steps), variables.read(steps.variables())
    for _ in range(2):
        steps.optimizer.apply([tf.ones_like(variable) for variable in steps.model.trainable_variables])
    differ = changed(before, variables.read(steps.variables()))
    assert {name.partition(".")[0] for name in differ} == {"model", "optimizer"}
    kept.begin(model(), job.train.optimizer)
    assert not changed(before, variables.read(steps.variables()))


def changed(before: Arrays, now: Arrays) -> set[str]:
    return {name for name in {**before, **now} if before[name].tobytes() != now[name].tobytes()}
