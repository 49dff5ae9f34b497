"""What `sweeps.py` compares with: the same networks searched with KerasTuner, or with Optuna in a plain script.

    python benchmarks/_sweep_by_hand.py keras_tuner|optuna mlp|convnet FILE FOLDER

FILE has `{"epochs": ..., "points": [{"learning_rate": ..., "dropout": ..., "size": ...}, ...]}`, FOLDER the rows as
`rows.npz`. One serial process that has both cores, as its users run it; every trial selects on `val_loss`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

BATCH_SIZE = 64
Point = Mapping[str, Any]


def mlp(size: int, dropout: float) -> list[Any]:
    return [layers.Flatten(), *dense(2 * size, dropout), *dense(size, dropout), layers.Dense(10, "softmax")]


def dense(units: int, dropout: float) -> list[Any]:
    normalized = [layers.Dense(units, use_bias=False), layers.BatchNormalization(momentum=0.9)]
    return [*normalized, layers.Activation("relu"), layers.Dropout(dropout)]


def convnet(size: int, dropout: float) -> list[Any]:
    made: list[Any] = []
    for filters in (size, 2 * size):
        for _ in range(2):
            made += [layers.Conv2D(filters, 3, padding="same", use_bias=False), layers.BatchNormalization(momentum=0.9)]
            made += [layers.Activation("relu")]
        made += [layers.MaxPooling2D()]
    return [*made, layers.GlobalAveragePooling2D(), layers.Dropout(dropout), layers.Dense(10, "softmax")]


def network(name: str, point: Point) -> Any:
    found = (mlp if name == "mlp" else convnet)(point["size"], point["dropout"])
    model: Any = keras.Sequential([keras.Input((28, 28, 1)), *found])
    optimizer = keras.optimizers.Adam(point["learning_rate"])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def with_keras_tuner(name: str, epochs: int, points: list[Point], rows: Mapping[str, Any]) -> list[float]:
    import keras_tuner

    class Given(keras_tuner.oracles.RandomSearchOracle):
        """The points that are given, in the place of random ones."""

        def populate_space(self, trial_id: str) -> dict[str, Any]:
            return {"status": "RUNNING", "values": dict(points[int(trial_id)])}

    def build(hp: Any) -> Any:
        for key in points[0]:
            hp.Choice(key, sorted({point[key] for point in points}))
        return network(name, hp.values)

    oracle = Given(objective=keras_tuner.Objective("val_loss", "min"), max_trials=len(points))
    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.Tuner(oracle, build, directory=folder, project_name="sweep")
        validation = rows["x_val"], rows["y_val"]
        tuner.search(rows["x"], rows["y"], epochs=epochs, batch_size=BATCH_SIZE, validation_data=validation, verbose=0)
    return [trial.score for _, trial in sorted(oracle.trials.items())]


def with_optuna(name: str, epochs: int, points: list[Point], rows: Mapping[str, Any]) -> list[float]:
    import optuna

    def objective(trial: optuna.Trial) -> float:
        keras.backend.clear_session()
        point = {key: trial.suggest_categorical(key, sorted({p[key] for p in points})) for key in points[0]}
        validation = rows["x_val"], rows["y_val"]
        history = network(name, point).fit(
            rows["x"], rows["y"], BATCH_SIZE, epochs, validation_data=validation, verbose=0
        )
        return min(history.history["val_loss"])

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    for point in points:
        study.enqueue_trial(dict(point))
    study.optimize(objective, n_trials=len(points))
    return [float(trial.value or 0.0) for trial in study.trials]


def main(with_what: str, name: str, file: str, folder: str) -> None:
    given = json.loads(Path(file).read_text("utf-8"))
    with np.load(Path(folder) / "rows.npz") as arrays:
        rows = {key: arrays[key] for key in arrays.files}
    search = with_keras_tuner if with_what == "keras_tuner" else with_optuna
    print(json.dumps({"losses": search(name, given["epochs"], given["points"], rows)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
