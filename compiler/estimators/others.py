"""Random forests, linear models and nearest neighbours: scikit-learn's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from pydantic import model_validator

from compiler.estimators.base import COMMON, MaxDepth, MaxLeaves, Params, count_or_share
from compiler.settings import (
    Bool,
    Fraction,
    MaybePositiveInt,
    NonNegativeNumber,
    PositiveInt,
    PositiveNumber,
    choice,
    field_error,
    is_int,
    is_number,
    rule,
)

_MaxFeatures = Annotated[
    int | float | str | None,
    rule(
        "sqrt, log2, an integer >= 1, or a fraction in (0, 1]",
        lambda v: v in ("sqrt", "log2") or is_number(v),
        lambda v: isinstance(v, str) or (v >= 1 if is_int(v) else 0 < v <= 1),
        {"anyOf": [{"enum": ["sqrt", "log2"]}, {"type": "number", "exclusiveMinimum": 0}]},
        none=True,
    ),
]


class RandomForestClassifier(Params):
    """Trees on random draws of the rows, which vote. Breiman 2001, doi 10.1023/A:1010933404324."""

    of: ClassVar[str] = "sklearn.ensemble:RandomForestClassifier"
    left_out: ClassVar[Mapping[str, str]] = COMMON | {
        "oob_score": "the run's own val split",
        "monotonic_cst": "columns have no names here",
    }

    n_estimators: PositiveInt = 100
    criterion: Annotated[str, choice("gini", "entropy", "log_loss")] = "gini"
    max_depth: MaxDepth = None
    min_samples_split: Annotated[int | float, count_or_share(2)] = 2
    min_samples_leaf: Annotated[int | float, count_or_share(1, one=False)] = 1
    min_weight_fraction_leaf: Annotated[
        float, rule("a number in [0, 0.5]", is_number, lambda v: 0 <= v <= 0.5, {"type": "number", "minimum": 0})
    ] = 0.0
    max_features: _MaxFeatures = "sqrt"
    max_leaf_nodes: MaxLeaves = None
    min_impurity_decrease: NonNegativeNumber = 0.0
    bootstrap: Bool = True
    ccp_alpha: NonNegativeNumber = 0.0
    max_samples: Annotated[int | float | None, count_or_share(1, none=True)] = None

    @model_validator(mode="after")
    def _draws(self) -> Self:
        if self.max_samples is not None and not self.bootstrap:
            raise field_error("E107", "'max_samples' needs 'bootstrap: true': without it no rows are drawn")
        return self


class RandomForestRegressor(RandomForestClassifier):
    """Trees on random draws of the rows, whose mean it is. Breiman 2001, doi 10.1023/A:1010933404324."""

    of: ClassVar[str] = "sklearn.ensemble:RandomForestRegressor"

    criterion: Annotated[str, choice("squared_error", "absolute_error", "poisson")] = "squared_error"
    max_features: _MaxFeatures = 1.0


class LogisticRegression(Params):
    """A linear model of the log-odds; `C` is the inverse of the penalty's strength, `l1_ratio` the L1 part of it."""

    of: ClassVar[str] = "sklearn.linear_model:LogisticRegression"
    left_out: ClassVar[Mapping[str, str]] = COMMON | {"penalty": "l1_ratio: 0 is l2, 1 is l1"}

    C: PositiveNumber = 1.0
    l1_ratio: Fraction = 0.0
    dual: Bool = False
    tol: NonNegativeNumber = 1e-4
    fit_intercept: Bool = True
    intercept_scaling: PositiveNumber = 1
    solver: Annotated[str, choice("lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga")] = "lbfgs"
    max_iter: PositiveInt = 100

    @model_validator(mode="after")
    def _solver_suits(self) -> Self:
        can = {"saga"} if 0 < self.l1_ratio < 1 else {"saga", "liblinear"} if self.l1_ratio == 1 else {self.solver}
        if self.solver not in can:
            solvers = " or ".join(sorted(can))
            raise field_error("E107", f"'l1_ratio: {self.l1_ratio:g}' needs 'solver: {solvers}' (got {self.solver!r})")
        if self.dual and (self.solver != "liblinear" or self.l1_ratio):
            raise field_error("E107", "'dual: true' needs 'solver: liblinear' and 'l1_ratio: 0'")
        return self


class Ridge(Params):
    """Least squares with a penalty of `alpha` on the squared coefficients; 0 is ordinary least squares."""

    of: ClassVar[str] = "sklearn.linear_model:Ridge"
    left_out: ClassVar[Mapping[str, str]] = COMMON | {"copy_X": "always"}

    alpha: NonNegativeNumber = 1.0
    fit_intercept: Bool = True
    max_iter: MaybePositiveInt = None
    tol: NonNegativeNumber = 1e-4
    solver: Annotated[str, choice("auto", "svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga", "lbfgs")] = "auto"
    positive: Bool = False

    @model_validator(mode="after")
    def _solver_suits(self) -> Self:
        if self.positive and self.solver not in ("auto", "lbfgs"):
            raise field_error("E107", f"'positive: true' needs 'solver: lbfgs' or auto (got {self.solver!r})")
        if self.solver == "lbfgs" and not self.positive:
            raise field_error("E107", "'solver: lbfgs' needs 'positive: true'")
        return self


class KNeighborsClassifier(Params):
    """The classes of the nearest training rows, counted, or weighed by `1/distance` where `weights` says so."""

    of: ClassVar[str] = "sklearn.neighbors:KNeighborsClassifier"
    left_out: ClassVar[Mapping[str, str]] = COMMON | {"metric_params": "the metrics here need none"}

    n_neighbors: PositiveInt = 5
    weights: Annotated[str, choice("uniform", "distance")] = "uniform"
    algorithm: Annotated[str, choice("auto", "ball_tree", "kd_tree", "brute")] = "auto"
    leaf_size: PositiveInt = 30
    p: PositiveNumber = 2
    metric: Annotated[str, choice("minkowski", "euclidean", "manhattan", "chebyshev", "cosine")] = "minkowski"

    @model_validator(mode="after")
    def _metric_suits(self) -> Self:
        if self.metric == "cosine" and self.algorithm not in ("auto", "brute"):
            raise field_error("E107", f"'metric: cosine' needs 'algorithm: brute' or auto (got {self.algorithm!r})")
        return self


class KNeighborsRegressor(KNeighborsClassifier):
    """The values of the nearest training rows, their mean, or weighed by `1/distance` where `weights` says so."""

    of: ClassVar[str] = "sklearn.neighbors:KNeighborsRegressor"
