"""scikit-learn's estimators: fitted by it, kept as plain arrays."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.estimators import EstimatorSpec, Params
from compiler.runtime.estimators import measures
from compiler.runtime.estimators.linear import Linear
from compiler.runtime.estimators.neighbors import Neighbors
from compiler.runtime.estimators.plain import FILE, Plain, write
from compiler.runtime.estimators.problem import Losses, Problem, Table, Values
from compiler.runtime.estimators.trees import joined
from compiler.runtime.run import RunWriter

_SURE = 40.0  # log-odds of a label that all training rows have, or none: 1 within float64


@dataclass(frozen=True, slots=True, eq=False)
class PlainFit:
    """A fitted estimator in its plain form."""

    plain: Plain
    predict_rows: Callable[[Table], Values]
    history: tuple[Losses, ...] = ()
    best: int = 1
    early: bool = False
    remarks: tuple[str, ...] = ()

    def predict(self, x: Table) -> Values:
        return self.predict_rows(x)

    def save(self, out: RunWriter) -> None:
        out.save(FILE, lambda path: write(path, self.plain))


def fit(spec: EstimatorSpec, problem: Problem) -> PlainFit:
    """Fit what `spec` describes."""
    with _remarks() as remarks:
        found = {"gbdt": _boosting, "random_forest": _forest, "linear": _linear, "knn": _neighbors}[spec.name](
            spec.params, problem
        )
    return PlainFit(
        found.plain, found.predict_rows, found.history, found.best, found.early, tuple(dict.fromkeys(remarks))
    )


@contextmanager
def _remarks() -> Iterator[list[str]]:
    """What scikit-learn warns of meanwhile, a line each."""
    found: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield found
    found += [str(warning.message).strip().splitlines()[0] for warning in caught if _matters(warning.category)]


def _matters(category: type[Warning]) -> bool:
    return not issubclass(category, (FutureWarning, DeprecationWarning))


def _made(params: Params, **more: Any) -> Any:
    module, _, name = params.of.partition(":")
    return getattr(import_module(module), name)(**params.arguments(), **more)


# --- boosting --------------------------------------------------------------------------------------------------------


def _boosting(params: Params, problem: Problem) -> PlainFit:
    fits = [_boosted(params, one) for one in problem.columns()]
    several = problem.task in ("multilabel", "regression")
    link = "sigmoid" if problem.task == "multilabel" else fits[0].link
    width = len(fits[0].base)
    trees = [{**tree, "column": tree["column"] + i * width} for i, fit in enumerate(fits) for tree in fit.trees]
    base = np.concatenate([fit.base for fit in fits])
    plain = joined(trees or [_STUMP], link=link, features=problem.x.shape[1], base=base)
    history = mean_history([fit.history for fit in fits])

    def predict(x: Table) -> Values:
        given = [fit.predict(x) for fit in fits]
        return np.stack([values[:, -1] for values in given], axis=1) if several else given[0]

    return PlainFit(plain, predict, history, max(fit.best for fit in fits), any(fit.early for fit in fits))


_STUMP: dict[str, Any] = {
    "feature": np.array([-1]), "threshold": np.zeros(1), "left": np.zeros(1), "right": np.zeros(1),
    "missing_left": np.zeros(1, bool), "value": np.zeros((1, 1)), "column": 0,
}  # fmt: skip
"""A tree that adds nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class _Boosted:
    """One boosted model: for classes, or for one value."""

    link: str
    base: NDArray[np.float64]
    trees: list[dict[str, Any]]
    predict: Callable[[Table], Values]
    history: tuple[Losses, ...]
    best: int
    early: bool


def _boosted(params: Params, problem: Problem) -> _Boosted:
    regression = problem.task == "regression"
    if not regression and len(np.unique(problem.y)) == 1:
        return _constant(int(problem.y[0]))
    stopping: dict[str, Any] = {"early_stopping": False}
    validation: dict[str, Any] = {}
    if problem.patience is not None:
        stopping = {"early_stopping": True, "n_iter_no_change": problem.patience, "tol": problem.min_delta}
        validation = {"X_val": problem.x_val, "y_val": problem.y_val}
    model = _made(params, random_state=problem.seed, categorical_features=None, **stopping)
    model.fit(problem.x, problem.y, sample_weight=problem.weights, **validation)
    history = _staged(model, problem)
    ran = len(history)
    best = int(np.argmin([val for _, val in history])) + 1 if problem.patience is not None else ran
    model._predictors = model._predictors[:best]  # what early stopping went on with is not kept, as in other libraries
    link = "two" if problem.task == "binary" else "softmax" if problem.task == "multiclass" else "identity"
    if regression and params.arguments()["loss"] in ("poisson", "gamma"):
        link = "exp"
    trees = [_nodes(tree, k) for stage in model._predictors for k, tree in enumerate(stage)]
    base = np.asarray(model._baseline_prediction, np.float64).ravel()
    predict = _predictor(model, regression)
    return _Boosted(link, base, trees, predict, history, best, ran < model.max_iter)


def _predictor(model: Any, regression: bool) -> Callable[[Table], Values]:
    return (lambda x: model.predict(x)[:, np.newaxis]) if regression else model.predict_proba


def _constant(label: int) -> _Boosted:
    """For a label that all rows have, or none."""
    base = np.array([_SURE if label else -_SURE])
    return _Boosted("two", base, [], lambda x: np.eye(2)[np.full(len(x), label)], ((0.0, 0.0),), 1, False)


def _staged(model: Any, problem: Problem) -> tuple[Losses, ...]:
    """The losses after each iteration."""
    regression = problem.task == "regression"
    stages = model.staged_predict if regression else model.staged_predict_proba
    splits = ((problem.x, problem.y), (problem.x_val, problem.y_val))
    losses = [
        [measures.loss(np.asarray(given).reshape(len(x), -1), y, problem.task) for given in stages(x)]
        for x, y in splits
    ]
    return tuple(zip(*losses, strict=True))


def _nodes(tree: Any, column: int) -> dict[str, Any]:
    """A tree of scikit-learn's boosting by node."""
    nodes = tree.nodes
    leaf = nodes["is_leaf"].astype(bool)
    return {
        "feature": np.where(leaf, -1, nodes["feature_idx"]),
        "threshold": nodes["num_threshold"],
        "left": nodes["left"].astype(np.int64),
        "right": nodes["right"].astype(np.int64),
        "missing_left": nodes["missing_go_to_left"].astype(bool),
        "value": np.where(leaf, nodes["value"], 0.0)[:, np.newaxis],
        "column": column,
    }


def mean_history(histories: Sequence[tuple[Losses, ...]]) -> tuple[Losses, ...]:
    """The mean over the columns, each of which stays where it ended."""
    length = max(len(history) for history in histories)
    rows = [[history[min(i, len(history) - 1)] for history in histories] for i in range(length)]
    return tuple((float(np.mean([row[0] for row in at])), float(np.mean([row[1] for row in at]))) for at in rows)


# --- forests ---------------------------------------------------------------------------------------------------------


def _forest(params: Params, problem: Problem) -> PlainFit:
    model = _made(params, random_state=problem.seed, n_jobs=problem.threads)
    model.fit(problem.x, problem.y, sample_weight=problem.weights)
    trees = [{**_grown(tree.tree_, model, problem), "column": 0} for tree in model.estimators_]
    width = trees[0]["value"].shape[1]
    plain = joined(trees, link="mean", features=problem.x.shape[1], base=np.zeros(width))

    def predict(x: Table) -> Values:
        if problem.task == "regression":
            return model.predict(x).reshape(len(x), -1)
        given = model.predict_proba(x)
        if problem.task == "multilabel":
            return np.stack([_ones(p, known) for p, known in zip(given, model.classes_, strict=True)], axis=1)
        return given

    return PlainFit(plain, predict)


def _ones(probabilities: NDArray[Any], known: NDArray[Any]) -> Values:
    """The column of 1, where there is one."""
    return probabilities[:, list(known).index(1)] if 1 in known else np.zeros(len(probabilities))


def _grown(tree: Any, model: Any, problem: Problem) -> dict[str, Any]:
    """A tree of a forest by node; its leaves have shares of classes, or values."""
    leaf = tree.children_left < 0
    if problem.task == "multilabel":
        value = np.stack([_ones(tree.value[:, k], known) for k, known in enumerate(model.classes_)], axis=1)
    else:
        value = tree.value[:, :, 0] if problem.task == "regression" else tree.value[:, 0]
    return {
        "feature": np.where(leaf, -1, tree.feature),
        "threshold": tree.threshold,
        "left": tree.children_left,
        "right": tree.children_right,
        "missing_left": tree.missing_go_to_left.astype(bool),
        "value": value,
    }


# --- linear models and neighbours ------------------------------------------------------------------------------------


def _linear(params: Params, problem: Problem) -> PlainFit:
    x = problem.x.astype(np.float64)
    if problem.task == "regression":
        model = _made(params, random_state=problem.seed).fit(x, problem.y.reshape(len(x), -1).astype(np.float64))
        coefficients = np.atleast_2d(model.coef_)
        return _lines("identity", coefficients, np.broadcast_to(model.intercept_, len(coefficients)))
    found = [_logistic(params, x, one) for one in problem.columns()]
    coefficients = np.concatenate([coefficients for coefficients, _ in found])
    intercept = np.concatenate([intercept for _, intercept in found])
    link = {"multilabel": "sigmoid", "binary": "two"}.get(problem.task, "softmax")
    return _lines(link, coefficients, intercept)


def _logistic(params: Params, x: Values, problem: Problem) -> tuple[NDArray[Any], NDArray[Any]]:
    """Coefficients (V, F) and intercept (V,); for two classes those of the second."""
    if len(np.unique(problem.y)) == 1:
        return np.zeros((1, x.shape[1])), np.array([_SURE if problem.y[0] else -_SURE])
    model = _made(params, random_state=problem.seed).fit(x, problem.y, sample_weight=problem.weights)
    return model.coef_, np.broadcast_to(model.intercept_, len(model.coef_))


def _lines(link: str, coefficients: NDArray[Any], intercept: NDArray[Any]) -> PlainFit:
    plain = Linear(link, np.ascontiguousarray(coefficients.T, np.float64), np.ascontiguousarray(intercept, np.float64))
    return PlainFit(plain, plain.predict)


def _neighbors(params: Params, problem: Problem) -> PlainFit:
    y = problem.y.astype(np.float32 if problem.task == "regression" else np.int64)
    plain = Neighbors(problem.task, params.arguments(), np.ascontiguousarray(problem.x), y)
    return PlainFit(plain, plain.predict)
