"""Two devices against one: two virtual CPUs in a process of its own, and two processes on loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.pages import ROOT

pytestmark = pytest.mark.tf

MIRRORED = """
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from compiler.runtime.fitting.fit import fit
from tests.runtime.test_fit import MLP, THREE, Folder, graph, loaded, settings

PLAIN = MLP.replace("  - BatchNormalization\\n", "")
root = Path(sys.argv[1])
two = {"op": "mirrored", "devices": ["CPU:0", "CPU:1"]}
found, rows = [], []
for name, strategy in (("one", "none"), ("two", two)):
    for weight, optimizer in (("a", {"op": "SGD", "learning_rate": 0.2, "clipnorm": 0.1}), ("b", "Adam")):
        # 100 rows in batches of 11: the last one has a single row, and one replica none
        train = settings(epochs=2, batch_size=11, optimizer=optimizer, strategy=strategy, class_weight={"0": 2.0})
        outcome = fit(graph(PLAIN), train, THREE, Folder(root / name / weight))
        found.append(loaded(root / name / weight / "model.keras").get_weights())
        rows.append([row for row in outcome.history])
for a, b in ((0, 2), (1, 3)):
    for ours, theirs in zip(found[a], found[b], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    for one, other in zip(rows[a], rows[b], strict=True):
        for key in ("train.loss", "train.accuracy", "val.loss"):
            np.testing.assert_allclose(one[key], other[key], rtol=1e-4)

from compiler.runtime.fitting.replicas import Replicas
from compiler.runtime.training.strategies import Mirrored
from compiler.targets.keras import build

replicas = Replicas(Mirrored(devices=("CPU:0", "CPU:1")))
with replicas.scope():
    model = build(graph("input: [1000]\\nlayers: [{op: Dropout, rate: 0.5}]\\n"))
replicas.differ([seed for layer in model._flatten_layers() for seed in layer._seed_generators])
drawn = replicas.strategy.run(lambda: model(tf.ones((1, 1000)), training=True)).values
assert (drawn[0].numpy() != drawn[1].numpy()).any(), "both replicas drop the same"
fit(graph(MLP), settings(epochs=1, strategy=two), THREE, Folder(root / "norm"))
print("equal")
"""


def test_two_devices_train_as_one_does(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MIRRORED, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.splitlines()[-1] == "equal"


def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    """`train.py` three times: alone, and as two workers on loopback, of which the first one writes the run."""
    with socket.socket() as first, socket.socket() as second:
        for free in (first, second):
            free.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{free.getsockname()[1]}" for free in (first, second)]
    (tmp_path / "model.yaml").write_text(
        "input: ${data.input_shape}\nlayers: [Flatten, {op: Dense, units: 10, activation: softmax}]\n", "utf-8"
    )
    overrides = [f"model_file={tmp_path / 'model.yaml'}", "train.epochs=1", "train.batch_size=100", "data.limit=250"]
    running: list[subprocess.Popen[str]] = []
    for name, index in (("alone", None), ("chief", 0), ("other", 1)):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = os.environ if index is None else {**os.environ, "TF_CONFIG": json.dumps(task)}
        chosen = [*overrides, f"hydra.run.dir={tmp_path / name}"]
        chosen += [] if index is None else ["train.strategy=multi_worker"]
        command = [sys.executable, "train.py", *chosen]
        running.append(
            subprocess.Popen(
                command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        )
    said = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert not (tmp_path / "other" / "run.json").exists()
    alone, chief = (json.loads((tmp_path / name / "run.json").read_text("utf-8")) for name in ("alone", "chief"))
    for split in ("train", "val", "test"):
        for key, value in alone["metrics"][split].items():
            assert chief["metrics"][split][key] == pytest.approx(value, rel=1e-4), (split, key)
    with np.load(tmp_path / "alone/predictions/test.npz") as a, np.load(tmp_path / "chief/predictions/test.npz") as b:
        np.testing.assert_allclose(a["predictions"], b["predictions"], rtol=1e-4, atol=1e-5)
