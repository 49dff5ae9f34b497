"""Every estimator by the name that `estimator:` gives. Its line here registers it."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.estimators.base import Kind
from compiler.estimators.boosting import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    LGBMClassifier,
    LGBMRegressor,
    XGBClassifier,
    XGBRegressor,
)
from compiler.estimators.others import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    LogisticRegression,
    RandomForestClassifier,
    RandomForestRegressor,
    Ridge,
)

_OURS = "scikit-learn"

KINDS: Mapping[str, Kind] = {
    "gbdt": Kind(
        "gbdt", _OURS, HistGradientBoostingClassifier, HistGradientBoostingRegressor, True, True,
        "gradient-boosted trees, scikit-learn's",
    ),
    "lightgbm": Kind(
        "gbdt", "lightgbm", LGBMClassifier, LGBMRegressor, True, True,
        "gradient-boosted trees, LightGBM's",
    ),
    "xgboost": Kind("gbdt", "xgboost", XGBClassifier, XGBRegressor, True, True, "gradient-boosted trees, XGBoost's"),
    "random_forest": Kind(
        "random_forest", _OURS, RandomForestClassifier, RandomForestRegressor, False, True, "a random forest"
    ),
    "linear": Kind(
        "linear", _OURS, LogisticRegression, Ridge, False, False, "logistic regression, or ridge regression for values"
    ),
    "knn": Kind("knn", _OURS, KNeighborsClassifier, KNeighborsRegressor, False, False, "the nearest training rows"),
}  # fmt: skip
"""What `estimator:` can say."""

SYNONYMS: tuple[frozenset[str], ...] = (
    frozenset({"max_iter", "n_estimators", "num_iterations", "num_boost_round"}),
    frozenset({"max_leaf_nodes", "num_leaves", "max_leaves"}),
    frozenset({"min_samples_leaf", "min_child_samples", "min_data_in_leaf"}),
    frozenset({"l2_regularization", "reg_lambda", "lambda_l2", "lambda", "alpha"}),
    frozenset({"reg_alpha", "lambda_l1"}),
    frozenset({"learning_rate", "eta"}),
    frozenset({"max_features", "colsample_bynode", "colsample_bytree", "feature_fraction"}),
    frozenset({"max_bins", "max_bin"}),
    frozenset({"n_neighbors", "k"}),
    frozenset({"gamma", "min_split_gain", "min_impurity_decrease"}),
)
"""Parameters that say the same in different libraries, for hints."""
