"""Keep further epochs of a training than the best, as runs of their own. TensorFlow is imported too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.errors import Fault
from compiler.runtime.data import Dataset
from compiler.runtime.fitting.clock import Clock
from compiler.runtime.fitting.history import write_csv
from compiler.runtime.fitting.steps import Steps
from compiler.runtime.run import Checkpoint, SnapshotFolder
from compiler.runtime.training import TrainSettings

Row = Mapping[str, float]

_VAL = "val"


@dataclass(frozen=True, slots=True)
class Keeper:
    """Keeps the epochs that `train.snapshots` asks for; without it, nothing.

    Attributes:
        folder: where they are kept.
    """

    train: TrainSettings
    folder: SnapshotFolder | None

    def resumed(self, epochs: int) -> None:
        """The training begins after so many epochs: what a killed process kept of later ones is made again."""
        if self.folder and self.train.snapshots:
            self.folder.keep(self.train.snapshots.kept(epochs, self.train.schedule))

    def epoch(self, epoch: int, model: Any, on_val: NDArray[np.float32]) -> None:
        """Look at `epoch`, from 1, which is over.

        Args:
            on_val: what the model says about `val`.
        """
        if not self.folder or not self.train.snapshots:
            return
        kept = self.train.snapshots.kept(epoch, self.train.schedule)
        if epoch in kept and not self._outlived(epoch):
            weights = {f"{i:04d}": np.asarray(array) for i, array in enumerate(model.get_weights())}
            self.folder.save(epoch, Checkpoint({**weights, _VAL: on_val}, {"epoch": epoch}))
            self.folder.keep(kept)

    def _outlived(self, epoch: int) -> bool:
        """Whether it is known already that later ones will take the place of `epoch`."""
        train = self.train
        if train.early_stopping or train.callbacks or train.snapshots is None:
            return False
        return epoch not in train.snapshots.kept(train.epochs, train.schedule)

    def finish(
        self, history: Sequence[Row], steps: Steps, data: Dataset, record: Mapping[str, object], clock: Clock
    ) -> tuple[list[int], list[Fault]]:
        """Make a run of each epoch that is kept: with it the test split is predicted, as `train.test` has it.

        Args:
            record: further fields of `run.json` of each.

        Returns:
            the epochs, and what was gone or damaged.
        """
        if not self.folder or not self.train.snapshots:
            return [], []
        self.folder.clear()
        made: list[int] = []
        faults: list[Fault] = []
        for epoch in self.train.snapshots.kept(len(history), self.train.schedule):
            kept = self.folder.read(epoch)
            if isinstance(kept, Fault):
                faults.append(kept)
                continue
            self._run(epoch, kept, history[:epoch], steps, data, record)
            made.append(epoch)
        clock.lap("snapshots")
        return made, faults

    def _run(
        self,
        epoch: int,
        kept: Checkpoint,
        history: Sequence[Row],
        steps: Steps,
        data: Dataset,
        record: Mapping[str, object],
    ) -> None:
        arrays = dict(kept.arrays)
        on_val = arrays.pop(_VAL)
        steps.model.set_weights([arrays[name] for name in sorted(arrays)])
        row = history[-1]
        metrics = {
            split: {key.removeprefix(f"{split}."): value for key, value in row.items() if key.startswith(f"{split}.")}
            for split in ("train", "val")
        }
        assert self.folder is not None, "it has kept the epoch"
        with self.folder.run(epoch) as writer:
            writer.save("model.keras", lambda path: steps.model.save(path))
            writer.save("history.csv", lambda path: write_csv(Path(path), history))
            writer.save_predictions("val", on_val, data.val.ids, data.val.y)
            if self.train.test != "skip":
                scores, predictions = steps.evaluate(data.test.x, data.test.y)
                writer.save_predictions("test", predictions, data.test.ids, data.test.y)
                if self.train.test == "score":
                    metrics["test"] = scores
            told = {"metrics": metrics, "best_epoch": epoch, "epochs_run": epoch, "stopped": "snapshot"}
            writer.complete({**told, **record})
