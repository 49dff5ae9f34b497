"""LightGBM's and XGBoost's boosted trees, and their own files: text and JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compiler.estimators import EstimatorSpec
from compiler.runtime.estimators.problem import Losses, Problem, Table, Values
from compiler.runtime.estimators.scikit import mean_history
from compiler.runtime.run import RunWriter
from compiler.runtime.training import Task

ENDINGS: Mapping[str, str] = {"lightgbm": ".txt", "xgboost": ".json"}
"""How the files of a library end."""


@dataclass(frozen=True, slots=True, eq=False)
class Boosters:
    """Models of one library: one for all outputs, or one for each where the library gives a single one.

    Attributes:
        models: `lightgbm.Booster`s or `xgboost.Booster`s.
        columnwise: whether each gives one output.
    """

    library: str
    task: Task
    models: tuple[Any, ...]
    columnwise: bool
    history: tuple[Losses, ...] = ()
    best: int = 1
    early: bool = False
    remarks: tuple[str, ...] = ()

    def predict(self, x: Table) -> Values:
        """Probabilities (N, C) or (N, K), or values (N, K)."""
        given = [_RAW[self.library](model, x) for model in self.models]
        values = np.stack(given, axis=1) if self.columnwise else given[0].reshape(len(x), -1)
        return np.hstack([1 - values, values]) if self.task == "binary" else values

    def save(self, out: RunWriter) -> None:
        names = file_names(self.library, len(self.models) if self.columnwise else None)
        for name, model in zip(names, self.models, strict=True):
            out.save(name, lambda path, model=model: model.save_model(str(path)))


def file_names(library: str, columns: int | None) -> list[str]:
    """What the artefacts are called: one for all outputs, or one for each of so many columns."""
    ending = ENDINGS[library]
    return [f"model{ending}"] if columns is None else [f"model.{i}{ending}" for i in range(columns)]


def opened(library: str, task: Task, paths: Sequence[Path]) -> Boosters:
    """The models of files that can be trusted: LightGBM ends the process over a malformed one.

    Raises:
        ValueError: the library refuses a file.
    """
    columnwise = len(paths) > 1 or paths[0].name != f"model{ENDINGS[library]}"
    try:
        return Boosters(library, task, tuple(_OPEN[library](path) for path in paths), columnwise)
    except Exception as error:  # each library has an exception of its own, and only a file is handled here
        raise ValueError(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__) from None


def fit(spec: EstimatorSpec, problem: Problem) -> Boosters:
    """Fit what `spec` describes."""
    return _FIT[spec.kind.library](spec, problem)


# --- LightGBM --------------------------------------------------------------------------------------------------------


def _fit_lightgbm(spec: EstimatorSpec, problem: Problem) -> Boosters:
    columnwise = problem.task in ("multilabel", "regression")
    found = [_lightgbm(spec, one) for one in problem.columns()]
    models, histories, bests, early = zip(*found, strict=True)
    return Boosters("lightgbm", problem.task, models, columnwise, mean_history(histories), max(bests), any(early))


def _lightgbm(spec: EstimatorSpec, problem: Problem) -> tuple[Any, tuple[Losses, ...], int, bool]:
    import lightgbm

    regression = problem.task == "regression"
    metric = "l2" if regression else "binary_logloss" if problem.task == "binary" else "multi_logloss"
    losses: dict[str, dict[str, list[float]]] = {}
    callbacks: list[Callable[..., object]] = [lightgbm.record_evaluation(losses)]
    if problem.told is not None:
        told = problem.told

        def tell(_: object) -> None:
            told((losses["train"][metric][-1], losses["val"][metric][-1]))

        tell.order = 25  # LightGBM's way to say when: after what records, which is 20
        callbacks.append(tell)
    if problem.patience is not None:
        callbacks.append(lightgbm.early_stopping(problem.patience, verbose=False, min_delta=problem.min_delta))
    model: Any = (lightgbm.LGBMRegressor if regression else lightgbm.LGBMClassifier)(
        **spec.params.arguments(),
        random_state=problem.seed,
        n_jobs=problem.threads,
        verbosity=-1,
        deterministic=True,
        force_row_wise=True,  # else it tries both ways and takes the faster one, and sums differ from run to run
    )
    model.fit(
        problem.x,
        problem.y,
        sample_weight=problem.weights,
        eval_X=(problem.x, problem.x_val),
        eval_y=(problem.y, problem.y_val),
        eval_names=["train", "val"],
        eval_metric=metric,
        callbacks=callbacks,
    )
    history = tuple(zip(losses["train"][metric], losses["val"][metric], strict=True))
    best = model.best_iteration_ or len(history)
    booster = model.booster_
    kept = lightgbm.Booster(model_str=booster.model_to_string(num_iteration=best))
    return kept, history, best, len(history) < int(spec.params.arguments()["n_estimators"])


def _open_lightgbm(path: Path) -> Any:
    import lightgbm

    return lightgbm.Booster(model_file=str(path))


# --- XGBoost ---------------------------------------------------------------------------------------------------------


def _fit_xgboost(spec: EstimatorSpec, problem: Problem) -> Boosters:
    import xgboost
    from xgboost.callback import EarlyStopping, TrainingCallback

    regression = problem.task == "regression"
    metric = "rmse" if regression else "mlogloss" if problem.task == "multiclass" else "logloss"
    callbacks: list[Any] = []
    if problem.told is not None:
        told = problem.told

        class Tell(TrainingCallback):
            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
                train, val = (evals_log[f"validation_{i}"][metric][-1] for i in range(2))
                told((train**2, val**2) if regression else (train, val))
                return False

        callbacks.append(Tell())
    if problem.patience is not None:
        watch = EarlyStopping(
            rounds=problem.patience, metric_name=metric, data_name="validation_1", min_delta=problem.min_delta
        )
        callbacks.append(watch)
    arguments = {name: value for name, value in spec.params.arguments().items() if value is not None}
    model = (xgboost.XGBRegressor if regression else xgboost.XGBClassifier)(
        **arguments,
        random_state=problem.seed,
        n_jobs=problem.threads,
        verbosity=0,
        eval_metric=metric,
        callbacks=callbacks or None,
    )
    splits = [(problem.x, problem.y), (problem.x_val, problem.y_val)]
    model.fit(problem.x, problem.y, sample_weight=problem.weights, eval_set=splits, verbose=False)
    losses = [np.asarray(model.evals_result()[f"validation_{i}"][metric]) for i in range(2)]
    train, val = (np.square(values) if regression else values for values in losses)
    history = tuple((float(a), float(b)) for a, b in zip(train, val, strict=True))
    booster = model.get_booster()
    best = booster.best_iteration + 1 if problem.patience is not None else len(history)
    early = len(history) < (model.n_estimators or 100)
    return Boosters("xgboost", problem.task, (booster[:best],), False, history, best, early)


def _raw_lightgbm(model: Any, x: Table) -> Values:
    return model.predict(x)


def _open_xgboost(path: Path) -> Any:
    import xgboost

    return xgboost.Booster(model_file=str(path))


def _raw_xgboost(model: Any, x: Table) -> Values:
    import xgboost

    return model.predict(xgboost.DMatrix(x))


_FIT: Mapping[str, Callable[[EstimatorSpec, Problem], Boosters]] = {"lightgbm": _fit_lightgbm, "xgboost": _fit_xgboost}
_OPEN: Mapping[str, Callable[[Path], Any]] = {"lightgbm": _open_lightgbm, "xgboost": _open_xgboost}
_RAW: Mapping[str, Callable[[Any, Table], Values]] = {"lightgbm": _raw_lightgbm, "xgboost": _raw_xgboost}
