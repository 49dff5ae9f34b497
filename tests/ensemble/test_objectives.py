"""Objectives against scikit-learn's, and the pool that they are measured on."""

import numpy as np
import pytest
from sklearn import metrics

from compiler.runtime.ensemble.blends import Weighted
from compiler.runtime.ensemble.objectives import AUC, MAE, RMSE, Accuracy, Brier, LogLoss, MacroF1
from compiler.runtime.ensemble.pool import Pool

_DRAWN = np.random.default_rng(0)


@pytest.mark.parametrize("classes", [2, 5])
def test_of_classes(classes: int) -> None:
    p, y = _DRAWN.dirichlet(np.ones(classes), 200), _DRAWN.integers(0, classes, 200)
    task = "binary" if classes == 2 else "multiclass"
    hot, taken = np.eye(classes)[y], p.argmax(axis=1)
    auc = metrics.roc_auc_score(y, p[:, 1]) if classes == 2 else metrics.roc_auc_score(y, p, multi_class="ovr")
    assert LogLoss().value(p, y, task) == pytest.approx(metrics.log_loss(y, p))
    assert Brier().value(p, y, task) == pytest.approx(np.square(p - hot).sum(axis=1).mean())
    assert Accuracy().value(p, y, task) == metrics.accuracy_score(y, taken)
    assert MacroF1().value(p, y, task) == pytest.approx(metrics.f1_score(y, taken, average="macro"))
    assert AUC().value(p, y, task) == pytest.approx(auc)


def test_of_labels() -> None:
    p, y = _DRAWN.random((200, 3)), _DRAWN.integers(0, 2, (200, 3))
    assert LogLoss().value(p, y, "multilabel") == pytest.approx(
        np.mean([metrics.log_loss(y[:, k], p[:, k]) for k in range(3)])
    )
    assert MacroF1().value(p, y, "multilabel") == pytest.approx(metrics.f1_score(y, p >= 0.5, average="macro"))
    assert AUC().value(p, y, "multilabel") == pytest.approx(metrics.roc_auc_score(y, p))
    assert Accuracy().value(p, y, "multilabel") == pytest.approx(((p >= 0.5) == y).mean())


@pytest.mark.parametrize("shape", [(200,), (200, 3)])
def test_of_values(shape: tuple[int, ...]) -> None:
    y = _DRAWN.normal(size=shape)
    said = (y + _DRAWN.normal(size=shape)).reshape(200, -1)
    assert RMSE().value(said, y, "regression") == pytest.approx(
        np.sqrt(metrics.mean_squared_error(y.reshape(200, -1), said))
    )
    assert MAE().value(said, y, "regression") == pytest.approx(metrics.mean_absolute_error(y.reshape(200, -1), said))


def test_rows_and_members_of_a_pool_are_taken_lazily() -> None:
    said = tuple(_DRAWN.dirichlet(np.ones(3), (4, 30)).astype(np.float32))
    pool = Pool("multiclass", ("a", "b", "c"), tuple("wxyz"), said, _DRAWN.integers(0, 3, 30), np.arange(30) * 2)
    part = pool.take(np.arange(10, 20)).only([3, 1]).take(np.array([4, 2]))
    assert part.names == ("z", "x") and part.rows.tolist() == [28, 24] and part.said[0] is said[3]
    np.testing.assert_array_equal(part.tensor(), np.stack([said[3], said[1]])[:, [14, 12]])
    np.testing.assert_array_equal(part.truth, pool.truth[[14, 12]][:, [3, 1]])


def test_pooling_logarithms_of_one_member_gives_the_member() -> None:
    p = _DRAWN.dirichlet(np.ones(3), 30)
    for pooling in ("probability", "logit"):
        blend = Weighted("multiclass", np.array([1.0, 0.0]), pooling)
        np.testing.assert_allclose(blend([p, p[::-1]]), p, atol=1e-6)
    hot, cold = (Weighted("multiclass", np.ones(1), "probability", t)([p]) for t in (0.5, 2.0))
    np.testing.assert_allclose(cold, np.sqrt(p) / np.sqrt(p).sum(axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(hot, p**2 / (p**2).sum(axis=1, keepdims=True), atol=1e-6)
