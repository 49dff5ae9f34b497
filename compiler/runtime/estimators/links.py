"""From sums to predictions, as scikit-learn goes."""

from __future__ import annotations

from compiler.runtime.estimators.problem import Values

LINKS = ("softmax", "two", "sigmoid", "identity", "exp", "mean")
"""`two` gives both classes for the log-odds of one; `mean` divides by the number of summands."""


def linked(link: str, raw: Values, summands: int = 1) -> Values:
    """Predictions (N, C) or (N, K) for sums (N, V)."""
    import numpy as np
    from scipy.special import expit
    from sklearn.utils.extmath import softmax

    if link == "softmax":
        return softmax(raw, copy=True)
    if link == "two":
        one = expit(raw[:, 0])
        return np.stack([1 - one, one], axis=1)
    if link == "sigmoid":
        return expit(raw)
    if link == "exp":
        return np.exp(raw)
    return raw / summands if link == "mean" else raw
