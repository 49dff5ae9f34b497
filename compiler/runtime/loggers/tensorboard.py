"""Event files for TensorBoard, one folder a split, by TensorFlow's own writer.

A run that goes on writes its epochs anew: what was logged after its last checkpoint would stand there twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compiler.errors import Fault, render
from compiler.runtime.fitting.progress import Row
from compiler.runtime.loggers.base import About, Ended, Logger
from compiler.runtime.training.loggers import TensorBoard

_SPLITS = ("train", "val", "test")


class TensorBoardLogger(Logger):
    """Scalars by split and epoch; under `train` also the model's text, its hyperparameters, and warnings."""

    def __init__(self, settings: TensorBoard, about: About) -> None:
        self.about = about
        self.root = Path(settings.folder) / about.folder.name if settings.folder else about.folder / "tensorboard"
        self._writers: dict[str, Any] = {}
        self._last = 0

    def begin(self, history: Sequence[Row]) -> None:
        import tensorflow as tf
        from tensorboard.plugins.hparams import api

        self.root.mkdir(parents=True, exist_ok=True)
        for split in _SPLITS:
            for file in (self.root / split).glob("events.out.tfevents.*"):
                file.unlink()
        self._writers = {split: tf.summary.create_file_writer(str(self.root / split)) for split in ("train", "val")}
        with self._writers["train"].as_default():
            api.hparams(self.about.parameters(), trial_id=self.about.folder.name)
            tf.summary.text("model", f"```yaml\n{self.about.model_yaml}```", step=0)
        for row in history:
            self.epoch(row)

    def epoch(self, row: Row) -> None:
        import tensorflow as tf

        self._last = int(row["epoch"])
        for split, writer in self._writers.items():
            with writer.as_default(step=self._last):
                for key, value in row.items():
                    of, _, metric = key.rpartition(".")
                    if of == split or (not of and key == "learning_rate" and split == "train"):
                        tf.summary.scalar(metric, value)
            writer.flush()

    def note(self, faults: Sequence[Fault]) -> None:
        import tensorflow as tf

        if self._writers:
            with self._writers["train"].as_default(step=self._last):
                tf.summary.text("warnings", f"```\n{render(faults)}\n```")

    def end(self, how: Ended, record: Mapping[str, Any], reason: str) -> None:
        if not self._writers:  # it never began, or is no training in epochs
            return
        import tensorflow as tf

        if how == "complete" and record["metrics"].get("test"):
            with tf.summary.create_file_writer(str(self.root / "test")).as_default(step=record["best_epoch"]) as writer:
                for metric, value in record["metrics"]["test"].items():
                    tf.summary.scalar(metric, value)
                writer.close()
        for writer in self._writers.values():
            writer.close()
