"""Fine-tuning with Keras: files that Keras wrote, our models filled from them, and what training leaves alone.

The oracle is the Keras model whose weights were saved: the filled model says the same of the same input.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format
from rich.console import Console

from compiler.errors import ConfigError
from compiler.runtime.fitting.fit import fit
from compiler.runtime.initial.fill import fill
from compiler.runtime.job import run
from compiler.runtime.plan import Plan, plan
from compiler.runtime.run import read_run
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from compiler.targets.keras import build
from tests.runtime.test_fit import THREE, Folder, settings
from tests.targets.test_keras_networks import images, unsettle

layers: Any = keras.layers

pytestmark = pytest.mark.usefixtures("own_folder")


def older(model: keras.Model, path: str) -> None:
    """What `save_weights("x.h5")` wrote before Keras 3, and `keras.applications` downloads."""
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


FORMS: Mapping[str, Callable[[Any, str], None]] = {
    "m.keras": lambda model, path: model.save(path),
    "m.weights.h5": lambda model, path: model.save_weights(path),
    "m.h5": older,
    "whole.h5": lambda model, path: model.save(path),
}


def planned(*overrides: str) -> Plan:
    return plan(compose(for_hydra(["data=none", *overrides])))


def filled(job: Plan) -> tuple[Any, Mapping[str, Any]]:
    model: Any = build(job.graph)
    assert job.initial is not None
    return model, fill(model, job.graph, job.initial)


def scatter(model: Any) -> None:
    """Random weights all over, variances above zero."""
    random = np.random.default_rng(0)
    model.set_weights([random.uniform(0.1, 0.3, w.shape).astype(w.dtype) for w in model.weights])


# --- keras.applications ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def mobile_net() -> Any:
    constructor: Any = keras.applications.MobileNetV2
    model = constructor(weights=None, input_shape=(52, 52, 3))
    unsettle(model, images(52, 1))
    return model


MOBILE_NET = ("model=mobilenet_v2", "model.input=[52,52,3]")


def test_a_network_with_the_weights_of_keras_applications_says_the_same(mobile_net: Any) -> None:
    x = images(52, 1)
    wanted = np.asarray(mobile_net(x))
    assert np.abs(wanted - wanted[0]).max() > 0.01 * wanted.max(), "the images must matter, or nothing is compared"
    model: Any = None
    for form in ("m.keras", "m.weights.h5", "m.h5"):
        FORMS[form](mobile_net, form)
        job = planned(*MOBILE_NET, f"train.initial.weights={form}")
        model = model or build(job.graph)
        scatter(model)
        assert job.initial is not None
        record = fill(model, job.graph, job.initial)
        assert (record["pair"], record["filled"], record["random"]) == ("order", 105, [])
        np.testing.assert_allclose(np.asarray(model(x)), wanted, rtol=0, atol=1e-5 * wanted.max())


def test_features_of_a_network_without_its_head(mobile_net: Any) -> None:
    """`head: remove` makes a feature extractor of it, frozen as a whole."""
    older(mobile_net, "m.h5")
    cut = ["+model.patch={head: remove}", "+model.freeze=['*']"]
    job = planned(*MOBILE_NET, "train.initial.weights=m.h5", *cut)
    model, _ = filled(job)
    assert model.trainable_weights == [] and job.graph.trainable_params == 0
    x = images(52, 1)
    features: Any = keras.Model(mobile_net.inputs, mobile_net.layers[-2].output)
    wanted = np.asarray(features(x))
    np.testing.assert_allclose(np.asarray(model(x, training=True)), wanted, rtol=0, atol=1e-5 * wanted.max())


def test_models_inside_a_model() -> None:
    """As ConvNeXt has its stem and its downsampling; in a `.weights.h5` their place among the others is not told."""

    def part(*inside: Any) -> Any:
        return keras.Sequential([layer(name=f"inner_{i}_{id(inside)}") for i, layer in enumerate(inside)])

    norm, conv = layers.LayerNormalization, lambda name: layers.Conv2D(4, 1, name=name)
    inputs = keras.Input((4, 4, 4))
    x = part(conv, norm)(inputs)
    x = layers.Conv2D(4, 1)(layers.LayerNormalization()(x))
    x = part(norm, conv)(x)
    theirs: Any = keras.Model(inputs, layers.LayerNormalization()(x))
    scatter(theirs)
    text = "input: [4, 4, 4]\nlayers: [CONV, LN, LN, CONV, LN, CONV, LN]\n".replace("LN", "LayerNormalization")
    Path("model.yaml").write_text(text.replace("CONV", "{op: Conv2D, filters: 4, kernel_size: 1}"), "utf-8")
    x = np.random.default_rng(1).normal(size=(2, 4, 4, 4)).astype("float32")
    for form in ("m.keras", "m.h5", "whole.h5"):
        FORMS[form](theirs, form)
        model, record = filled(planned("model_file=model.yaml", f"train.initial.weights={form}"))
        assert (record["pair"], record["filled"]) == ("order", 7)
        np.testing.assert_allclose(np.asarray(model(x)), np.asarray(theirs(x)), rtol=1e-5, atol=1e-6)
    theirs.save_weights("m.weights.h5")
    with pytest.raises(ConfigError) as caught:
        planned("model_file=model.yaml", "train.initial.weights=m.weights.h5")
    assert caught.value.faults[0].code == "E904" and "does not tell the order" in str(caught.value.faults[0].hint)


# --- layers with layers inside ---------------------------------------------------------------

COMPOUND = """\
input: [6, 4]
layers:
  - {op: Bidirectional, layer: {op: LSTM, units: 2, return_sequences: true}, name: both}
  - {op: TimeDistributed, layer: BatchNormalization, name: each}
  - {op: MultiHeadAttention, num_heads: 2, key_dim: 2, from: {query: prev, value: prev}, name: attend}
  - {op: SeparableConv1D, filters: 3, kernel_size: 2, name: conv}
  - {op: BatchNormalization, name: norm}
  - {op: ConvLSTM1D, filters: 2, kernel_size: 1, from: lifted, name: maps}
  - {op: GlobalAveragePooling1D, name: pool}
  - {op: Dense, units: 3, activation: softmax, name: head}
"""


def compound(names: Mapping[str, str] = {}) -> Any:  # only read
    def name(of: str) -> str:
        return names.get(of, of)

    inputs = keras.Input((6, 4))
    x = layers.Bidirectional(layers.LSTM(2, return_sequences=True), name=name("both"))(inputs)
    x = layers.TimeDistributed(layers.BatchNormalization(), name=name("each"))(x)
    x = layers.MultiHeadAttention(2, 2, name=name("attend"))(x, x)
    x = layers.SeparableConv1D(3, 2, name=name("conv"))(x)
    x = layers.BatchNormalization(name=name("norm"))(x)
    x = layers.Reshape((5, 3, 1), name="lifted")(x)
    x = layers.ConvLSTM1D(2, 1, name=name("maps"))(x)
    x = layers.GlobalAveragePooling1D(name="pool")(x)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax", name=name("head"))(x))
    scatter(model)
    return model


OTHER_NAMES = {name: f"their_{name}" for name in ("both", "each", "attend", "conv", "norm", "maps", "head")}
TEXT = COMPOUND.replace(
    "  - {op: ConvLSTM1D", "  - {op: Reshape, target_shape: [5, 3, 1], name: lifted}\n  - {op: ConvLSTM1D"
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("names", [{}, OTHER_NAMES], ids=["by names", "by order"])
def test_every_weight_of_layers_inside_layers(form: str, names: dict[str, str]) -> None:
    theirs = compound(names)
    FORMS[form](theirs, form)
    Path("model.yaml").write_text(TEXT, "utf-8")
    frozen = "model.freeze=['*', '!head']"  # frozen layers are filled all the same
    job = planned("model_file=model.yaml", f"train.initial.weights={form}", frozen)
    model, record = filled(job)
    assert record["pair"] == ("order" if names else "names")
    for layer, name in ((layer, names.get(layer.name, layer.name)) for layer in model.layers if layer.weights):
        for ours, wanted in zip(layer.weights, theirs.get_layer(name).weights, strict=True):
            np.testing.assert_array_equal(np.asarray(ours), np.asarray(wanted), err_msg=ours.path)
    x = np.random.default_rng(1).normal(size=(2, 6, 4)).astype("float32")
    np.testing.assert_allclose(np.asarray(model(x)), np.asarray(theirs(x)), rtol=1e-5, atol=1e-6)


def test_what_is_frozen_stays_bit_for_bit_and_the_rest_is_trained(tmp_path: Path) -> None:
    """Moving statistics too, and what is inside a wrapper or an attention."""
    theirs = compound()
    theirs.save("m.keras")
    text = TEXT.replace("input: [6, 4]\nlayers:\n", "input: [6]\nlayers:\n  - {op: RepeatVector, n: 6, name: rows}\n")
    Path("model.yaml").write_text(text.replace("  - {op: Bid", "  - {op: Dense, units: 4, name: lift}\n  - {op: Bid"))
    options = [
        "train.initial.weights=m.keras",
        "train.initial.skip=[lift]",
        "model.freeze=['*', '!lift', '!conv', '!head']",
    ]
    job = planned("model_file=model.yaml", *options)
    assert [node.name for node in job.graph.frozen] == ["both", "each", "attend", "norm", "maps"]
    fit(job.graph, settings(epochs=1), THREE, Folder(tmp_path), initial=job.initial)
    trained: Any = keras.models.load_model("model.keras", compile=False)
    for name in ("both", "each", "attend", "norm", "maps"):
        before, after = theirs.get_layer(name).get_weights(), trained.get_layer(name).get_weights()
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)), name
    for name in ("conv", "head"):
        before, after = theirs.get_layer(name).get_weights(), trained.get_layer(name).get_weights()
        assert all(not np.array_equal(a, b) for a, b in zip(before, after, strict=True)), name


# --- runs ------------------------------------------------------------------------------------


def trained(folder: str, *overrides: str) -> str:
    """What the training says while it leaves its run in `folder`."""
    stream = io.StringIO()
    run(plan(compose(for_hydra(list(overrides)))), Path(folder), Console(file=stream, width=200))
    return stream.getvalue()


def test_a_run_is_tuned_to_other_classes_from_its_own_folder() -> None:
    """First on digits; then a new head on it with all else frozen; then all of it, from the second run's own model."""
    small = ["model.vars.units=[16]", "data.limit=300", "train.epochs=3"]
    trained("base", "model=mlp", *small)
    new = "[{op: Dense, units: 12, activation: relu, name: wide}, {op: Dense, units: 10, activation: softmax}]"
    options = ["train.initial={weights: base, skip: [wide, head]}", "+model.freeze=['*', '!wide', '!head']"]
    told = trained("tuned", "model=mlp", *small, f"+model.patch={{head: {{replace: {new}}}}}", *options)
    assert "weights: 2 layers from 'base/model.keras', by names; random: 'wide', 'head'" in told
    tuning = read_run(Path("tuned"))
    sha256 = json.loads(Path("base/run.json").read_text())["artefacts"]["model.keras"]["sha256"]
    assert tuning.record["initial"] == {
        "weights": "base/model.keras", "sha256": sha256, "pair": "names", "filled": 2, "random": ["wide", "head"],
    }  # fmt: skip
    assert tuning.record["model"]["trainable_params"] == 17 * 12 + 13 * 10
    base: Any = keras.models.load_model("base/model.keras", compile=False)
    tuned: Any = keras.models.load_model("tuned/model.keras", compile=False)
    assert [w.path for w in tuned.trainable_weights] == ["wide/kernel", "wide/bias", "head/kernel", "head/bias"]
    for name in ("hidden.0.Dense", "hidden.0.BatchNormalization"):
        pairs = zip(base.get_layer(name).get_weights(), tuned.get_layer(name).get_weights(), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)

    third = ["model_file=tuned/model.yaml", "model.freeze=[]", "train.initial.weights=tuned", "train.epochs=1"]
    told = trained("whole", *third, "data.limit=300", "train.optimizer.learning_rate=1e-4")
    assert "weights: 4 layers from 'tuned/model.keras', by names\n" in told
    assert read_run(Path("whole")).record["model"]["trainable_params"] > 16 * 1024
