"""TensorBoard and MLflow: what they wrote is read back with their own readers."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from compiler.errors import ConfigError, render
from compiler.runtime.job import run
from compiler.runtime.loggers import About, Loggers
from compiler.runtime.plan import plan
from compiler.runtime.training import loggers as named
from compiler.spec.compose import compose

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
ROWS = [
    {"epoch": i, "learning_rate": 0.1, "train.loss": 1.0 / i, "val.loss": 2.0 / i, "seconds": 1.0} for i in range(1, 6)
]
BOTH = [named.TensorBoard(), named.MLflow()]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def about(folder: str) -> About:
    Path(folder).mkdir(parents=True, exist_ok=True)
    Path(folder, "model.yaml").write_text("layers: []\n")
    config = {"train": {"epochs": 5, "optimizer": {"op": "Adam", "learning_rate": 1e-3}, "early_stopping": None}}
    return About("mlp", Path(folder), "layers: []\n", "abc", config)


def scalars(folder: Path, tag: str) -> dict[int, float]:
    """Every value of `tag`, by step; a step twice is a failure."""
    events = EventAccumulator(str(folder)).Reload()
    found = [(event.step, float(make_ndarray(event.tensor_proto))) for event in events.Tensors(tag)]
    assert len(dict(found)) == len(found)
    return dict(found)


def mlflow_runs(experiment: str = "lamina") -> tuple[Any, list[Any]]:
    from mlflow.tracking import MlflowClient

    client: Any = MlflowClient(tracking_uri=Path("outputs/mlflow").absolute().as_uri())
    return client, client.search_runs([client.get_experiment_by_name(experiment).experiment_id])


def steps(client: Any, run_id: str, metric: str) -> list[tuple[int, float]]:
    return sorted((found.step, found.value) for found in client.get_metric_history(run_id, metric))


def test_a_training_is_read_back_from_both(tmp_path: Path) -> None:
    folder = tmp_path / "outputs/first"
    job = plan(
        compose(
            ["model=mlp", "train.epochs=2", "data.limit=200", "train.loggers=[tensorboard,{op: MLflow, experiment: a}]"]
        )
    )
    run(job, folder, Console(quiet=True))
    with (folder / "history.csv").open() as file:
        history = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    for split in ("train", "val"):
        for metric in ("loss", "accuracy"):
            expected = {int(row["epoch"]): row[f"{split}.{metric}"] for row in history}
            assert scalars(folder / "tensorboard" / split, metric) == pytest.approx(expected)
    events = EventAccumulator(str(folder / "tensorboard/train")).Reload()
    assert "op: Dense" in str(make_ndarray(events.Tensors("model")[0].tensor_proto))
    assert "_hparams_/session_start_info" in events.summary_metadata
    assert b"learning_rate" in events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert list(scalars(folder / "tensorboard/test", "loss"))

    client, (made,) = mlflow_runs("a")
    assert made.info.status == "FINISHED" and made.data.params["train.optimizer.op"] == "Adam"
    assert made.data.tags["lamina.spec_hash"] == job.graph.hash and made.data.tags["lamina.run"] == str(folder)
    expected = [(int(row["epoch"]), row["val.loss"]) for row in history]
    assert steps(client, made.info.run_id, "val.loss") == expected
    assert {file.path for file in client.list_artifacts(made.info.run_id)} == {"model.yaml", "run.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"outputs"}, "nothing is written elsewhere"


def test_a_run_that_goes_on_has_no_epoch_twice(tmp_path: Path) -> None:
    told: list[str] = []
    say = lambda faults: told.append(render(faults))  # noqa: E731  # short
    with pytest.raises(KeyboardInterrupt), Loggers(BOTH, about("outputs/r"), say) as loggers:
        loggers.begin(5, 10)
        for row in ROWS[:3]:
            loggers.epoch(row)
        raise KeyboardInterrupt
    _, (interrupted,) = mlflow_runs()
    assert interrupted.info.status == "KILLED"

    with Loggers(BOTH, about("outputs/r"), say) as loggers:  # the last checkpoint was made after epoch 2
        loggers.begin(5, 10, ROWS[:2])
        for row in ROWS[2:]:
            loggers.epoch(row)
        loggers.complete({"best_epoch": 5, "metrics": {"test": {"loss": 0.5}}})
    client, (made,) = mlflow_runs()
    assert made.info.run_id == interrupted.info.run_id and made.info.status == "FINISHED"
    expected = [(int(row["epoch"]), row["val.loss"]) for row in ROWS]
    assert steps(client, made.info.run_id, "val.loss") == expected
    assert scalars(Path("outputs/r/tensorboard/val"), "loss") == pytest.approx(dict(expected))
    assert scalars(Path("outputs/r/tensorboard/test"), "loss") == {5: 0.5}
    assert told == [] and loggers.warnings == []


def test_a_run_that_fails_says_so_and_why() -> None:
    with pytest.raises(ValueError, match="no"), Loggers([named.MLflow(name="mine")], about("outputs/f")) as loggers:
        loggers.begin(5, 10)
        raise ValueError("no such luck")
    _, (made,) = mlflow_runs()
    assert made.info.status == "FAILED" and made.data.tags["lamina.reason"] == "no such luck"
    assert made.info.run_name == "mine"


@pytest.mark.parametrize("broken", [named.TensorBoard(folder="taken"), named.MLflow(tracking="taken/below")], ids=str)
def test_a_logger_that_fails_is_warned_of_once_and_harms_nothing(broken: named.Logger) -> None:
    Path("taken").write_text("")
    told: list[str] = []
    other = named.MLflow() if isinstance(broken, named.TensorBoard) else named.TensorBoard()
    with Loggers([broken, other], about("outputs/g"), lambda faults: told.append(faults[0].code)) as loggers:
        loggers.begin(5, 10)
        for row in ROWS:
            loggers.epoch(row)
        loggers.complete({"best_epoch": 5, "metrics": {"test": {}}})
    assert told == ["W824"] == [warning["code"] for warning in loggers.warnings]
    if isinstance(other, named.MLflow):
        assert mlflow_runs()[1][0].info.status == "FINISHED"
    else:
        assert len(scalars(Path("outputs/g/tensorboard/val"), "loss")) == 5


def test_a_missing_package_is_a_located_fault_before_the_data_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    job = plan(compose(["model=mlp", "data=npz", "data.path=none.npz", "data.input_shape=[4]", "data.classes=3",
                        "train.loggers=[tensorboard, mlflow]"]))  # fmt: skip
    monkeypatch.setattr("compiler.runtime.extras.find_spec", lambda name: None if name == "mlflow" else object())
    with pytest.raises(ConfigError) as refused:
        run(job, Path("outputs/x"), Console(quiet=True))
    (fault,) = refused.value.faults
    assert fault.code == "E808" and "pip install 'lamina[mlflow]'" in str(fault.hint) and fault.place
    assert "mlflow" in fault.place.source.text
