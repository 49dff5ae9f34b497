"""Optimizers, losses, metrics, schedules and monitors against those of the installed Keras."""

from __future__ import annotations

import inspect
import math
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.runtime.training import Loss, Metric, Mode, Optimizer, Plateau, ReduceOnPlateau, Schedule, Watch
from compiler.runtime.training.losses import Auto
from compiler.runtime.training.named import Named, snake
from compiler.runtime.training.optimizers import Adam
from compiler.settings import Settings, validate


def _signature(cls: type) -> dict[str, Any]:
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    return {p.name: p.default for p in parameters if p.kind is not p.VAR_KEYWORD}


def _fields(cls: type[Settings]) -> dict[str, Any]:
    return {name: field.default for name, field in cls.model_fields.items()}


@pytest.mark.parametrize("cls", Optimizer.choices(), ids=lambda cls: cls.__name__)
def test_optimizers_have_keras_arguments_and_defaults(cls: type[Optimizer]) -> None:
    theirs = _signature(getattr(keras.optimizers, cls.__name__))
    assert _fields(cls) == {name: default for name, default in theirs.items() if name not in cls.left_out}


def test_every_optimizer_of_keras_is_declared_or_left_out_for_a_reason() -> None:
    left_out = {
        "Optimizer", "OptimizerMap", "MultiOptimizer", "LossScaleOptimizer",  # no algorithms of their own
        "Muon",  # wants to know which layers are embeddings
        "ScheduleFreeAdamW",  # its weights for evaluation are others than those for training
    }  # fmt: skip
    theirs = {name for name, found in vars(keras.optimizers).items() if inspect.isclass(found)}
    assert theirs - left_out == {cls.__name__ for cls in Optimizer.choices()}


@pytest.mark.parametrize("cls", [c for c in Loss.choices() if c is not Auto], ids=lambda cls: cls.__name__)
def test_losses_have_keras_arguments_and_defaults(cls: type[Loss]) -> None:
    theirs = _signature(getattr(keras.losses, cls.__name__))
    assert _fields(cls) == {name: default for name, default in theirs.items() if name not in cls.left_out}


@pytest.mark.parametrize("family", [Optimizer, Loss], ids=lambda family: family.family)
def test_names_of_the_registries_mean_to_keras_what_they_mean_here(family: type[Named]) -> None:
    get = {"optimizer": keras.optimizers.get, "loss": keras.losses.get}[family.family]
    for name, cls in family.known.items():
        if cls is Auto or name in ("lamb", "Lamb", "rm_sprop"):  # Keras's `get` has no `lamb`
            continue
        try:
            found = get(name)
        except ValueError:
            continue  # a class's snake_case that Keras does not list; no other meaning
        assert cls.__name__ in (type(found).__name__, getattr(found, "__name__", "")) or snake(cls.__name__) == getattr(
            found, "__name__", ""
        ), name


@pytest.mark.parametrize("cls", Metric.choices(), ids=lambda cls: cls.__name__)
def test_metrics_are_made_with_keras_classes(cls: type[Metric]) -> None:
    metric = cls()
    for task, name in metric.keras.items():
        found = getattr(keras.metrics, name)
        theirs = _signature(found)
        ours = {"average": None} if name == "F1Score" else {}  # Keras's default gives one number for each class
        assert all(theirs[field] == default for field, default in {**_fields(cls), **ours}.items())
        assert found(**metric.arguments(task, 3)) is not None


PEAK, EPOCHS, STEPS = 0.02, 7, 5


def _rates(values: dict[str, object]) -> np.ndarray:
    schedule: Schedule = validate(Schedule.known[str(values.pop("op"))], values)
    return np.concatenate([schedule.rates(PEAK, epoch, STEPS, EPOCHS) for epoch in range(EPOCHS)])


def _keras_rates(schedule: Any, start: int = 0) -> np.ndarray:
    return np.array([float(schedule(step)) for step in range(EPOCHS * STEPS - start)])


schedules = keras.optimizers.schedules


def test_cosine_with_warm_up() -> None:
    ours = _rates({"op": "cosine", "warmup_epochs": 2, "alpha": 0.1})
    theirs = schedules.CosineDecay(0.0, 5 * STEPS, alpha=0.1, warmup_target=PEAK, warmup_steps=2 * STEPS)
    np.testing.assert_allclose(ours, _keras_rates(theirs), rtol=1e-5, atol=1e-9)


def test_cosine_without_warm_up() -> None:
    theirs = schedules.CosineDecay(PEAK, EPOCHS * STEPS)
    np.testing.assert_allclose(_rates({"op": "Cosine"}), _keras_rates(theirs), rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("growth", [1, 2])
def test_cosine_restarts(growth: int) -> None:
    theirs = schedules.CosineDecayRestarts(PEAK, 2 * STEPS, t_mul=growth, m_mul=1.0, alpha=0.1)
    ours = _rates({"op": "cosine_restarts", "cycle_epochs": 2, "growth": growth, "alpha": 0.1})
    np.testing.assert_allclose(ours, _keras_rates(theirs), rtol=1e-4, atol=1e-8)


def test_a_warm_up_is_part_of_the_first_cycle() -> None:
    ours = _rates({"op": "cyclic", "cycle_epochs": 3, "warmup_epochs": 0.6})
    theirs = schedules.CosineDecay(0.0, 12, warmup_target=PEAK, warmup_steps=3)
    np.testing.assert_allclose(ours[: 3 * STEPS], _keras_rates(theirs)[: 3 * STEPS], rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(ours[3 * STEPS :], _rates({"op": "cyclic", "cycle_epochs": 3})[: 4 * STEPS])


@pytest.mark.parametrize("staircase", [False, True])
def test_exponential(staircase: bool) -> None:
    ours = _rates({"op": "exponential", "decay_rate": 0.7, "decay_epochs": 2, "staircase": staircase})
    theirs = schedules.ExponentialDecay(PEAK, 2 * STEPS, 0.7, staircase=staircase)
    np.testing.assert_allclose(ours, _keras_rates(theirs), rtol=1e-5)


def test_polynomial_after_a_warm_up() -> None:
    ours = _rates({"op": "polynomial", "power": 2.0, "end_learning_rate": 0.001, "warmup_epochs": 1})
    theirs = schedules.PolynomialDecay(PEAK, 6 * STEPS, end_learning_rate=0.001, power=2.0)
    np.testing.assert_allclose(ours[STEPS:], _keras_rates(theirs, STEPS), rtol=1e-5)
    np.testing.assert_allclose(ours[:STEPS], PEAK * np.arange(STEPS) / STEPS)


def test_constant() -> None:
    assert (_rates({"op": "constant"}) == PEAK).all()


sixteenths = st.integers(0, 16).map(lambda i: i / 16)  # Keras compares in float32: these are exact there too
values = st.lists(st.one_of(sixteenths, st.just(math.nan)), min_size=1, max_size=30)


@given(values, st.integers(0, 4), st.sampled_from([0.0, 0.125]), st.sampled_from(["min", "max"]))
def test_early_stopping_is_keras_early_stopping(
    losses: list[float], patience: int, min_delta: float, mode: Mode
) -> None:
    made: Any = keras.callbacks.EarlyStopping
    theirs = made("m", patience=patience, min_delta=min_delta, mode=mode)
    model = SimpleNamespace(stop_training=False)
    theirs.set_model(model)
    theirs.on_train_begin()
    watch = Watch(mode, min_delta)
    for epoch, value in enumerate(losses):
        theirs.on_epoch_end(epoch, {"m": value})
        watch = watch.seen(value)
        stops = 0 < watch.waited >= patience and epoch > 0
        if epoch == 0 and math.isnan(value):
            return  # Keras takes a NaN for its first best value, and nothing is better from then on
        assert stops == model.stop_training
        if stops:
            return


@given(
    st.lists(sixteenths, min_size=1, max_size=40),
    st.integers(1, 4),
    st.integers(0, 3),
    st.sampled_from([0.0, 0.125]),
    st.sampled_from([0.0, 0.01]),
)
def test_a_plateau_is_keras_reduce_lr_on_plateau(
    losses: list[float], patience: int, cooldown: int, min_delta: float, lowest: float
) -> None:
    theirs = keras.callbacks.ReduceLROnPlateau(
        "m", factor=0.5, patience=patience, cooldown=cooldown, min_delta=min_delta, min_lr=lowest, mode="min"
    )
    model = SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.05))
    theirs.set_model(model)
    theirs.on_train_begin()
    settings = ReduceOnPlateau(
        factor=0.5, patience=patience, cooldown=cooldown, min_delta=min_delta, min_learning_rate=lowest
    )
    plateau = Plateau(settings, Watch("min", min_delta), 0.05)
    for epoch, value in enumerate(losses):
        theirs.on_epoch_end(epoch, {"m": value})
        plateau = plateau.seen(value)
        assert plateau.learning_rate == pytest.approx(float(model.optimizer.learning_rate), rel=1e-6)


def test_arguments_go_to_keras_as_floats() -> None:
    made = keras.optimizers.Adam(**validate(Adam, {"learning_rate": 1}).arguments())
    assert float(made.learning_rate) == 1.0
