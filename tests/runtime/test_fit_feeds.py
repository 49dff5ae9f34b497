"""The fast path: the same bits however rows are fed and steps are called; updates against Keras's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from compiler.errors import Diagnostics
from compiler.runtime.data import Dataset, Split
from compiler.runtime.data.rows import LazyRows
from compiler.runtime.fitting.fit import Diverged, fit
from compiler.runtime.fitting.updates import fuse
from compiler.runtime.training import read_train
from tests.runtime.test_fit import MLP, THREE, VALUES, Folder, graph, head, loaded, settings
from tests.runtime.test_training import section

NET = MLP.replace("- BatchNormalization", "- BatchNormalization\n  - {op: Dropout, rate: 0.3}")


class Lazy(LazyRows):
    """Rows that are read when they are asked for."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def __getitem__(self, rows: Any) -> Any:
        return self.array[rows].copy()


def weights(root: Path, data: Dataset = THREE, **values: object) -> list[np.ndarray]:
    fit(graph(NET), settings(epochs=2, batch_size=15, **values), data, Folder(root))
    return loaded(root / "model.keras").get_weights()


def lazily(data: Dataset) -> Dataset:
    split = Split(Lazy(np.asarray(data.train.x)), data.train.y, data.train.ids)
    return Dataset(data.name, data.task, data.class_names, split, data.val, data.test, {})


def test_every_way_to_the_batches_gives_the_same_bits(tmp_path: Path) -> None:
    first = weights(tmp_path / "0", class_weight="balanced")
    others: list[tuple[Dataset, dict[str, object]]] = [
        (THREE, {"feed": "stream"}),
        (lazily(THREE), {}),
        (lazily(THREE), {"feed": "device"}),
        (THREE, {"steps_per_execution": 1}),
        (lazily(THREE), {"steps_per_execution": 3}),
    ]
    for i, (data, values) in enumerate(others, 1):
        found = weights(tmp_path / str(i), data, class_weight="balanced", **values)
        assert all((a == b).all() for a, b in zip(first, found, strict=True)), values


def test_a_stream_takes_each_of_several_inputs(tmp_path: Path) -> None:
    text = """
inputs: {left: {shape: [4]}, right: {shape: [2]}}
layers:
  - {op: Concatenate, from: [left, right]}
  - {op: Dense, units: 3, name: head}
"""
    found: list[list[np.ndarray]] = []
    for feed in ("device", "stream"):
        train, val, test = (
            Split({"right": np.asarray(s.x)[:, 4:], "left": np.asarray(s.x)[:, :4]}, s.y, s.ids)
            for s in (THREE.train, THREE.val, THREE.test)
        )
        data = Dataset("drawn", "multiclass", THREE.class_names, train, val, test, {})
        fit(graph(text), settings(epochs=1, feed=feed), data, Folder(tmp_path / feed))
        found.append(loaded(tmp_path / feed / "model.keras").get_weights())
    assert all((a == b).all() for a, b in zip(*found, strict=True))


OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("Adam", {"learning_rate": 0.05, "beta_1": 0.8, "epsilon": 1e-3}),
    ("Adam", {"gradient_accumulation_steps": 2}),
    ("AdamW", {"weight_decay": 0.1, "clipnorm": 0.3}),
    ("SGD", {"learning_rate": 0.1}),
    ("SGD", {"momentum": 0.9, "global_clipnorm": 0.5}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
]


def updating(optimizer: Any, variables: Any) -> Any:
    return tf.function(lambda *gradients: optimizer.apply(gradients, variables), autograph=False)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "arguments"), OPTIMIZERS)
def test_updates_of_one_kernel_are_kerass(name: str, arguments: dict[str, Any], dtype: str) -> None:
    found: list[tuple[list[np.ndarray], list[np.ndarray]]] = []
    for fused in (False, True):
        rng = np.random.default_rng(3)
        variables: Any = [keras.Variable(rng.normal(size=shape), dtype=dtype) for shape in ((5, 3), (3,))]
        optimizer: Any = getattr(keras.optimizers, name)(**arguments)
        optimizer.build(variables)
        assert not fused or fuse(optimizer)
        step = updating(optimizer, variables)
        for _ in range(6):
            step(*(tf.constant(rng.normal(size=variable.shape), dtype) for variable in variables))
        found.append(([v.numpy() for v in variables], [v.numpy() for v in optimizer.variables]))
    for ours, theirs in zip(found[1][0] + found[1][1], found[0][0] + found[0][1], strict=True):
        # in float64, too: Keras rounds beta to float32 before it takes its powers
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_updates_that_have_no_kernel_stay_kerass() -> None:
    for optimizer in (keras.optimizers.RMSprop(), keras.optimizers.Adam(amsgrad=True), keras.optimizers.Nadam()):
        assert not fuse(optimizer)


def test_rows_of_an_embedding_take_kerass_way() -> None:
    found: list[np.ndarray] = []
    for fused in (False, True):
        variable: Any = keras.Variable(np.ones((4, 2), np.float32))
        optimizer: Any = keras.optimizers.Adam(0.1)
        optimizer.build([variable])
        assert not fused or fuse(optimizer)
        rows = tf.IndexedSlices(tf.ones((2, 2)), tf.constant([1, 3]), tf.constant([4, 2]))
        optimizer.apply([rows], [variable])
        found.append(variable.numpy())
    assert (found[0] == found[1]).all() and (found[0][0] == 1).all() and (found[0][1] != 1).all()


def test_divergence_names_the_very_step(tmp_path: Path) -> None:
    """A row that is infinite: the step whose batch has it is the first without a finite loss."""
    from compiler.runtime.fitting.sampling import permutation

    x = np.array(VALUES.train.x)
    x[permutation(0, 0, 100)[7 * 10 + 3]] = np.inf
    data = Dataset("drawn", "regression", (), Split(x, VALUES.train.y, VALUES.train.ids), VALUES.val, VALUES.test, {})
    with pytest.raises(Diverged) as raised:
        fit(graph(head(2, "linear")), settings(batch_size=10, optimizer="SGD"), data, Folder(tmp_path))
    assert "epoch 1, step 8 of 10" in raised.value.faults[0].message


def test_batches_without_an_update_at_the_end_of_an_epoch_count_for_the_next(tmp_path: Path) -> None:
    """100 rows in batches of 20 are five; by twos: two updates in the first epoch, three in the second."""
    from compiler.runtime.fitting.sampling import permutation

    train = settings(epochs=2, batch_size=20, optimizer={"op": "SGD", "learning_rate": 0.2}, accumulate_steps=2,
                     best={"monitor": "train.loss"})  # fmt: skip
    text = head(3, "softmax")
    outcome = fit(graph(text), train, THREE, Folder(tmp_path))
    assert outcome.best_epoch == 2
    keras.utils.set_random_seed(0)
    from compiler.targets.keras import build

    model: Any = build(graph(text))
    model.compile(keras.optimizers.SGD(0.2), "sparse_categorical_crossentropy")
    order = np.concatenate([permutation(0, epoch, 100) for epoch in range(2)])
    for first in range(0, 200, 40):
        rows = order[first : first + 40]
        model.train_on_batch(np.asarray(THREE.train.x)[rows], THREE.train.y[rows])
    for ours, theirs in zip(loaded(tmp_path / "model.keras").get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_accumulation_is_said_once() -> None:
    diagnostics = Diagnostics()
    text = "{accumulate_steps: 4, optimizer: {op: SGD, gradient_accumulation_steps: 2}}"
    assert read_train(section(text, diagnostics), diagnostics) is None
    assert "only one of 'accumulate_steps'" in diagnostics.faults[0].message
