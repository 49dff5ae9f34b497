"""Snapshots of a training. Kills in its middle are in `test_fit_resume.py`; here every epoch has an oracle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compiler.errors import ConfigError
from compiler.runtime.fitting.fit import Outcome, fit
from compiler.runtime.fitting.progress import Pruned, Silent
from compiler.runtime.run import RunWriter, SnapshotFolder, read_run
from compiler.runtime.warm import Warm
from tests.runtime.test_fit import MLP, THREE, Folder, Recorded, graph, loaded, settings

NET = MLP.replace("  - BatchNormalization\n", "  - BatchNormalization\n  - {op: Dropout, rate: 0.2}\n")
WARM = Warm()
"""Nearly all trainings here have the same steps."""


def trained(
    root: Path, snapshots: object = None, progress: Any = None, warm: Warm | None = WARM, **values: object
) -> Outcome:
    """A training with the snapshots that are wanted below `root`."""
    train = settings(snapshots=snapshots, best={"monitor": "train.accuracy"}, metrics=["accuracy"], **values)
    folder = SnapshotFolder(root, {"kind": "keras", "name": "net"})
    return fit(graph(NET), train, THREE, Folder(root), progress, warm=warm, snapshots=folder)


def last(keep: int, every: int = 1) -> dict[str, object]:
    return {"op": "last", "keep": keep, "every": every}


def weights(path: Path) -> list[np.ndarray]:
    return loaded(path).get_weights()


def same(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> bool:
    return all((x == y).all() for x, y in zip(a, b, strict=True))


class Watching(Silent):
    """What lies aside after each epoch."""

    def __init__(self, root: Path, last: int = 99) -> None:
        self.root, self.last, self.seen = root, last, list[list[str]]()

    def epoch(self, row: Mapping[str, float]) -> None:
        self.seen.append(sorted(path.stem[-1] for path in self.root.glob("checkpoints/*")))
        if row["epoch"] == self.last:
            raise Pruned("enough")


def test_a_snapshot_is_the_training_as_it_stood(tmp_path: Path) -> None:
    """The oracle of an epoch is a training that has no more of them, and of its predictions, Keras."""
    plain, whole = trained(tmp_path / "plain", warm=None, epochs=4), trained(tmp_path / "whole", last(2, 2), epochs=4)
    assert (plain.metrics, plain.best_epoch, plain.snapshots) == (whole.metrics, whole.best_epoch, ())
    assert same(weights(tmp_path / "plain/model.keras"), weights(tmp_path / "whole/model.keras"))
    assert not (tmp_path / "plain/checkpoints").exists() and not (tmp_path / "plain/snapshots").exists()
    trained(tmp_path / "shorter", last(1), epochs=2)  # after which the steps, which are warm, are as new
    assert whole.snapshots == (2, 4)
    for epoch in whole.snapshots:
        run = read_run(tmp_path / f"whole/snapshots/epoch-00{epoch}")
        row = whole.history[epoch - 1]
        assert {f"val.{key}": value for key, value in run.metrics["val"].items()}.items() <= row.items()
        assert run.record["snapshot"] == {"epoch": epoch, "run": "whole"} and run.record["stopped"] == "snapshot"
        model = loaded(run.file("model.keras"))
        for name, split in (("val", THREE.val), ("test", THREE.test)):
            said = run.predictions(name)
            np.testing.assert_allclose(said.predictions, model.predict(split.x, verbose=0), atol=1e-6)
            assert (said.rows == split.ids).all() and (said.labels == split.y).all()
            right = float((said.predictions.argmax(axis=1) == split.y).mean())
            assert run.metrics[name]["accuracy"] == pytest.approx(right)
    own = [weights(tmp_path / f"{name}/snapshots/epoch-002/model.keras") for name in ("shorter", "whole")]
    assert same(*own) and not same(own[1], weights(tmp_path / "whole/snapshots/epoch-004/model.keras"))
    assert read_run(tmp_path / "whole/snapshots/epoch-002").record["epochs_run"] == 2


def test_only_what_may_stand_is_written(tmp_path: Path) -> None:
    sure, unsure = Watching(tmp_path / "a"), Watching(tmp_path / "b")
    trained(tmp_path / "a", last(2), sure, epochs=4, test="skip")
    assert sure.seen == [[], [], ["3"], ["3", "4"]]
    run = read_run(tmp_path / "a/snapshots/epoch-003")
    assert "test" not in run.metrics and "predictions/test.npz" not in run.artefacts
    stops = {"patience": 1, "min_delta": 100, "start_from_epoch": 2}
    outcome = trained(tmp_path / "b", last(2), unsure, epochs=9, early_stopping=stops)
    assert unsure.seen == [["1"], ["1", "2"], ["2", "3"], ["3", "4"]]
    assert (outcome.snapshots, outcome.stopped) == ((3, 4), "early_stopping")


def test_cycles(tmp_path: Path) -> None:
    schedule = {"op": "cosine_restarts", "cycle_epochs": 2}
    outcome = trained(tmp_path, "cycles", epochs=5, schedule=schedule)
    assert outcome.snapshots == (2, 4)
    rates = [row["learning_rate"] for row in outcome.history]
    assert max(rates[1], rates[3]) < min(rates[0], rates[2], rates[4])


def test_what_a_process_before_left_does_not_stay(tmp_path: Path) -> None:
    with pytest.raises(Pruned):
        trained(tmp_path, last(9), Watching(tmp_path, last=2), epochs=9)
    with RunWriter(tmp_path / "snapshots/epoch-007") as old:
        old.complete({})
    again = Watching(tmp_path)
    assert trained(tmp_path, last(1), again, epochs=3).snapshots == (3,)
    assert again.seen == [[], [], ["3"]]
    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == ["epoch-003"]


def test_a_damaged_one_is_left_out_with_a_warning(tmp_path: Path) -> None:
    class Damaging(Recorded):
        def epoch(self, row: Mapping[str, float]) -> None:
            if row["epoch"] == 3:
                path = tmp_path / "checkpoints/epoch-002.npz"
                path.write_bytes(path.read_bytes()[:1000])
                (tmp_path / "checkpoints/epoch-001.npz").unlink()

    progress = Damaging()
    outcome = trained(tmp_path, last(3), progress, epochs=3)
    assert outcome.snapshots == (3,) and ("note", "W811", "W811") in progress.told
    assert [warning["code"] for warning in outcome.warnings] == ["W811", "W811"]
    with pytest.raises(ConfigError, match="no run"):
        read_run(tmp_path / "snapshots/epoch-002")
