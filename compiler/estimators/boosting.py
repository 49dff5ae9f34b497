"""Gradient-boosted trees: scikit-learn's, LightGBM's and XGBoost's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from compiler.estimators.base import (
    COMMON,
    MaxDepth,
    MaxLeaves,
    MaybeShare,
    Params,
    Share,
    at_least,
    int_within,
    number_from,
)
from compiler.settings import Bool, MaybePositiveNumber, NonNegativeNumber, PositiveInt, PositiveNumber, choice

_STOPPING = "train.early_stopping, on the run's own val split"
_ROWS = "categories come as columns of their own, one for each"


class HistGradientBoostingClassifier(Params):
    """Trees over binned values, each on the gradients that those before it left. `max_iter` is how many there are
    for each class, and `learning_rate` how much each counts."""

    of: ClassVar[str] = "sklearn.ensemble:HistGradientBoostingClassifier"
    left_out: ClassVar[Mapping[str, str]] = COMMON | {
        "loss": "the task",
        "categorical_features": _ROWS,
        "monotonic_cst": "columns have no names here",
        "interaction_cst": "columns have no names here",
        **dict.fromkeys(("early_stopping", "scoring", "validation_fraction", "n_iter_no_change", "tol"), _STOPPING),
    }

    learning_rate: PositiveNumber = 0.1
    max_iter: PositiveInt = 100
    max_leaf_nodes: MaxLeaves = 31
    max_depth: MaxDepth = None
    min_samples_leaf: PositiveInt = 20
    l2_regularization: NonNegativeNumber = 0.0
    max_features: Share = 1.0
    max_bins: Annotated[int, int_within(2, 255)] = 255


class HistGradientBoostingRegressor(HistGradientBoostingClassifier):
    """Trees over binned values, each on the gradients that those before it left. `quantile` is for `loss: quantile`."""

    of: ClassVar[str] = "sklearn.ensemble:HistGradientBoostingRegressor"
    left_out: ClassVar[Mapping[str, str]] = {
        name: why for name, why in HistGradientBoostingClassifier.left_out.items() if name != "loss"
    }

    loss: Annotated[str, choice("squared_error", "absolute_error", "gamma", "poisson", "quantile")] = "squared_error"
    quantile: Annotated[float | None, number_from(0, none=True)] = None


class LGBMClassifier(Params):
    """LightGBM's boosted trees, grown leaf by leaf up to `num_leaves`; -1 as `max_depth` is no limit."""

    of: ClassVar[str] = "lightgbm:LGBMClassifier"
    left_out: ClassVar[Mapping[str, str]] = COMMON | {"objective": "the task", "importance_type": "nothing asks for it"}
    extra: ClassVar[tuple[str, ...]] = ("max_bin", "min_data_in_bin", "extra_trees", "path_smooth")

    boosting_type: Annotated[str, choice("gbdt", "dart", "rf")] = "gbdt"
    num_leaves: Annotated[int, int_within(2, 131072)] = 31
    max_depth: Annotated[int, at_least(-1)] = -1
    learning_rate: PositiveNumber = 0.1
    n_estimators: PositiveInt = 100
    subsample_for_bin: PositiveInt = 200000
    min_split_gain: NonNegativeNumber = 0.0
    min_child_weight: NonNegativeNumber = 0.001
    min_child_samples: Annotated[int, at_least(0)] = 20
    subsample: Share = 1.0
    subsample_freq: Annotated[int, at_least(0)] = 0
    colsample_bytree: Share = 1.0
    reg_alpha: NonNegativeNumber = 0.0
    reg_lambda: NonNegativeNumber = 0.0
    max_bin: Annotated[int, int_within(2, 65535)] = 255
    min_data_in_bin: PositiveInt = 3
    extra_trees: Bool = False
    path_smooth: NonNegativeNumber = 0.0


class LGBMRegressor(LGBMClassifier):
    """LightGBM's boosted trees for values; `objective` null is `regression`, the squared error."""

    of: ClassVar[str] = "lightgbm:LGBMRegressor"
    left_out: ClassVar[Mapping[str, str]] = COMMON | {"importance_type": "nothing asks for it"}

    objective: Annotated[
        str | None,
        choice("regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie",
               none=True),
    ] = None  # fmt: skip


class XGBClassifier(Params):
    """XGBoost's boosted trees. Null is its own default: `n_estimators` 100, `learning_rate` 0.3, `max_depth` 6."""

    of: ClassVar[str] = "xgboost:XGBModel"
    left_out: ClassVar[Mapping[str, str]] = COMMON | {
        "objective": "the task",
        "missing": "NaN",
        "device": "the CPU",
        "sampling_method": "GPUs alone have a choice",
        "base_score": "it is fitted",
        "eval_metric": "the loss",
        "early_stopping_rounds": _STOPPING,
        "callbacks": "the run's own",
        "validate_parameters": "done here",
        "importance_type": "nothing asks for it",
        **dict.fromkeys(("monotone_constraints", "interaction_constraints"), "columns have no names here"),
        **dict.fromkeys(("enable_categorical", "feature_types", "feature_weights"), _ROWS),
        **dict.fromkeys(("max_cat_to_onehot", "max_cat_threshold"), _ROWS),
    }

    n_estimators: Annotated[int | None, at_least(1, none=True)] = None
    max_depth: Annotated[int | None, at_least(0, none=True)] = None
    max_leaves: Annotated[int | None, at_least(0, none=True)] = None
    max_bin: Annotated[int | None, at_least(2, none=True)] = None
    grow_policy: Annotated[str | None, choice("depthwise", "lossguide", none=True)] = None
    learning_rate: Annotated[float | None, number_from(0, none=True)] = None
    booster: Annotated[str | None, choice("gbtree", "dart", none=True)] = None
    tree_method: Annotated[str | None, choice("auto", "exact", "approx", "hist", none=True)] = None
    gamma: Annotated[float | None, number_from(0, none=True)] = None
    min_child_weight: Annotated[float | None, number_from(0, none=True)] = None
    max_delta_step: Annotated[float | None, number_from(0, none=True)] = None
    subsample: MaybeShare = None
    colsample_bytree: MaybeShare = None
    colsample_bylevel: MaybeShare = None
    colsample_bynode: MaybeShare = None
    reg_alpha: Annotated[float | None, number_from(0, none=True)] = None
    reg_lambda: Annotated[float | None, number_from(0, none=True)] = None
    scale_pos_weight: MaybePositiveNumber = None
    num_parallel_tree: Annotated[int | None, at_least(1, none=True)] = None
    multi_strategy: Annotated[str | None, choice("one_output_per_tree", "multi_output_tree", none=True)] = None


class XGBRegressor(XGBClassifier):
    """XGBoost's boosted trees for values; `objective` null is `reg:squarederror`."""

    left_out: ClassVar[Mapping[str, str]] = {
        name: why for name, why in XGBClassifier.left_out.items() if name != "objective"
    }

    objective: Annotated[
        str | None,
        choice("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "count:poisson", "reg:gamma",
               "reg:tweedie", none=True),
    ] = None  # fmt: skip
