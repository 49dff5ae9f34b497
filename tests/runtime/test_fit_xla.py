"""train.xla: what XLA compiles is the same training, and the trial that decides leaves no trace of itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from compiler.runtime.fitting import xla
from compiler.runtime.fitting.fit import fit
from compiler.runtime.fitting.state import State
from tests.runtime.test_fit import MLP, THREE, Folder, graph, loaded, settings

NET = MLP.replace("- BatchNormalization", "- BatchNormalization\n  - {op: Dropout, rate: 0.3}")
CONV = """
input: [6]
layers:
  - {op: Reshape, target_shape: [6, 1]}
  - {op: Conv1D, filters: 2, kernel_size: 3}
  - Flatten
  - {op: Dense, units: 3, activation: softmax}
"""


def trained(root: Path, net: str = NET, **values: object) -> tuple[Mapping[str, object], list[np.ndarray]]:
    """What was chosen, and the weights; the last batch of an epoch is a smaller one."""
    assert len(THREE.train) % 15, "the last batch is to be a smaller one"
    outcome = fit(graph(net), settings(epochs=2, batch_size=15, **values), THREE, Folder(root))
    assert outcome.xla is not None
    return outcome.xla, loaded(root / "model.keras").get_weights()


def test_what_xla_compiles_is_the_same_training(tmp_path: Path) -> None:
    net = NET.replace("rate: 0.3", "rate: 0.0")  # what is drawn is not the same under XLA
    plain, ours = trained(tmp_path / "plain", net), trained(tmp_path / "xla", net, xla=True)
    assert (plain[0]["used"], ours[0]["used"]) == (False, True)
    for a, b in zip(plain[1], ours[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("clearly", "taken"), [(0.0, False), (math.inf, True)])
def test_a_trial_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clearly: float, taken: bool) -> None:
    monkeypatch.setattr(xla, "WORTH", 0.0)
    monkeypatch.setattr(xla, "CLEARLY", clearly)
    monkeypatch.setattr(xla, "_TRIAL", 0.02)
    choice, weights = trained(tmp_path / "auto", xla="auto")
    assert choice["used"] == taken and choice["why"] == "a trial"
    _, expected = trained(tmp_path / "set", xla=taken)
    assert all((a == b).all() for a, b in zip(weights, expected, strict=True))


def test_no_trial_where_its_end_is_known(tmp_path: Path) -> None:
    short, conv = trained(tmp_path / "0", xla="auto")[0], trained(tmp_path / "1", CONV, xla="auto")[0]
    stream = trained(tmp_path / "2", xla=True, feed="stream")[0]
    assert [choice["used"] for choice in (short, conv, stream)] == [False] * 3
    assert "too few" in str(short["why"]) and "convolutions" in str(conv["why"]) and "streamed" in str(stream["why"])


def test_a_training_that_goes_on_keeps_the_choice() -> None:
    train = settings(xla="auto")
    first = State.first(train, ())
    value = {**first.as_json(), "xla": {"used": True, "why": "a trial"}}
    assert first.from_json(value, train).xla == {"used": True, "why": "a trial"}
