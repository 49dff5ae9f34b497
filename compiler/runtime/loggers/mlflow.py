"""A run of MLflow, by its client. A run that goes on is found again by the tag `lamina.run`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compiler.runtime.fitting.progress import Row
from compiler.runtime.loggers.base import About, Ended, Logger
from compiler.runtime.training.loggers import MLflow

_TAG = "lamina.run"
_STATUS: dict[Ended, str] = {
    "complete": "FINISHED",
    "pruned": "KILLED",  # MLflow has no word of its own for it
    "failed": "FAILED",
    "interrupted": "KILLED",
}
_AT_ONCE = 100  # parameters that MLflow takes in one call
_LONGEST = 6000  # of a parameter


class MLflowLogger(Logger):
    """Parameters, metrics by epoch, tags and artefacts of one run."""

    def __init__(self, settings: MLflow, about: About) -> None:
        self.settings, self.about = settings, about
        self._client: Any = None
        self._run = ""
        self._logged = 0  # epochs that the store has

    def begin(self, history: Sequence[Row]) -> None:
        self._start()
        for row in history:
            self.epoch(row)

    def epoch(self, row: Row) -> None:
        from mlflow.entities import Metric

        epoch = int(row["epoch"])
        if epoch <= self._logged:  # before the run was interrupted, with the same values
            return
        now = int(1000 * time.time())
        metrics = [Metric(key, float(value), now, epoch) for key, value in row.items() if key != "epoch"]
        self._client.log_batch(self._run, metrics=metrics)
        self._logged = epoch

    def end(self, how: Ended, record: Mapping[str, Any], reason: str) -> None:
        self._start()
        if how == "complete":
            step = int(record.get("best_epoch") or 0)
            for metric, value in record["metrics"].get("test", {}).items():
                self._client.log_metric(self._run, f"test.{metric}", float(value), step=step)
        elif reason:
            self._client.set_tag(self._run, "lamina.reason", reason[:_LONGEST])
        for name in ("model.yaml", "run.json"):
            if (self.about.folder / name).is_file() and (how == "complete" or name != "run.json"):
                self._client.log_artifact(self._run, str(self.about.folder / name))
        self._client.set_terminated(self._run, _STATUS[how])

    def _start(self) -> None:
        """Make the run in the store, or find it there."""
        if self._client is not None:
            return
        uri = store(self.settings.tracking)
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        if uri.startswith("file:"):  # the only store of mlflow-skinny that needs no server; it asks to be asked for
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow.tracking import MlflowClient

        client: Any = MlflowClient(tracking_uri=uri)
        found = client.get_experiment_by_name(self.settings.experiment)
        experiment = found.experiment_id if found else client.create_experiment(self.settings.experiment)
        here = str(self.about.folder.absolute())
        begun = [run for run in client.search_runs([experiment], f"tags.`{_TAG}` = '{_quoted(here)}'")
                 if run.info.status != "FINISHED"]  # fmt: skip
        if begun:
            self._run = begun[0].info.run_id
            client.update_run(self._run, status="RUNNING")
            history = client.get_metric_history(self._run, "learning_rate")
            self._logged = max((metric.step for metric in history), default=0)
        else:
            tags = {_TAG: here, "lamina.model": self.about.name, "lamina.spec_hash": self.about.spec_hash}
            name = self.settings.name or self.about.folder.name
            self._run = client.create_run(experiment, tags=tags, run_name=name).info.run_id
            self._log_parameters(client)
        self._client = client

    def _log_parameters(self, client: Any) -> None:
        from mlflow.entities import Param

        parameters = [Param(key, str(value)[:_LONGEST]) for key, value in self.about.parameters().items()]
        for first in range(0, len(parameters), _AT_ONCE):
            client.log_batch(self._run, params=parameters[first : first + _AT_ONCE])


def store(tracking: str | None) -> str:
    """The URI of a store: a URI as it is, a folder by its absolute path.

    >>> store("http://localhost:5000"), store("sqlite:///mlflow.db")
    ('http://localhost:5000', 'sqlite:///mlflow.db')
    """
    text = tracking or "outputs/mlflow"
    return text if ":" in text else Path(text).absolute().as_uri().replace("file://", "file:")


def _quoted(text: str) -> str:
    return text.replace("'", "\\'")
