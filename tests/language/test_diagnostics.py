"""What faults say: whole texts as goldens; one mistake is one fault; a hint mends what it is given for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from compiler.check import Limits
from compiler.errors import ConfigError, Diagnostics, Fault, Source, render
from compiler.pipeline import ModelSource, compile_model
from compiler.runtime.plan import plan
from compiler.spec.compose import compose
from compiler.spec.located import Map
from compiler.spec.overrides import for_hydra
from compiler.spec.reader import FOREIGN, read_tree
from tests.language.faulty_objects import CASES
from tests.pages import ROOT

Golden = Callable[[str, str], None]


def faults_of(text: str, limits: Limits | None = None) -> list[Fault]:
    """The faults of a model file's text, as for `model_file=`."""
    diagnostics = Diagnostics()
    tree = read_tree(Source("model.yaml", text), diagnostics, caps=FOREIGN, strict=True)
    if tree is not None:
        assert isinstance(tree, Map)
        compile_model(ModelSource(tree, limits=limits or Limits()), diagnostics)
    return diagnostics.faults


def faults_of_job(*overrides: str) -> list[Fault]:
    """The faults and warnings of a command line."""
    try:
        return list(plan(compose(for_hydra(list(overrides)))).warnings)
    except ConfigError as error:
        return list(error.faults)


@pytest.mark.parametrize("name", CASES)
def test_the_faults_of_a_model_file(name: str, golden: Golden) -> None:
    codes, text = CASES[name]
    faults = faults_of(text)
    golden(f"diagnostics/{name}.txt", render(faults))
    assert sorted(fault.code for fault in faults) == sorted(codes.split())


COMMANDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "override_of_a_variable": ("E107", ("model=mlp", "model.vars.dropout=1.5")),
    "override_of_a_list": ("E107", ("model=mlp", "model.vars.units=[128,-4]")),
    "override_of_a_variable_in_a_block": ("E206", ("model=xception_lite", "model.vars.width=many")),
    "override_of_an_argument": ("E106", ("model=mlp", "model.layers.2.units=true")),
    "override_of_an_entry": ("E105", ("model=mlp", "model.layers.0=Dense")),
    "override_that_loses_the_op": ("E115", ("model=mlp", "+model.layers.0.data_format=channels_first")),
    "override_of_a_patch": ("E104", ("model=mlp", "+model.patch={head: {unit: 3}}")),
    "overrides_at_once": ("E007 E007", ("model=mlp", "model.vars.unitz=3", "train.epoch=3")),
    "settings": (
        "E104 E106 E106 E107 E107 E107 E117 E117 E117",
        (
            "model=mlp", "train.epochs=0", "train.batch_size=0", "train.seed=x", "train.precision=half",
            "train.optimizer={op: Adma}", "train.loss={op: mse, delta: 1}", "train.metrics=accuracy",
            "train.schedule=cosin", "train.early_stopping={patience: -1}",
        ),
    ),
    "learning_rate_nan": ("E107", ("model=mlp", "train.optimizer.learning_rate=nan")),
    "learning_rate_negative": ("E107", ("model=mlp", "train.optimizer.learning_rate=-1")),
    "learning_rate_text": ("E106", ("model=mlp", "train.optimizer.learning_rate=fast")),
    "monitors": (
        "E601 E601",
        ("model=mlp", "train.best.monitor=test.accuracy", "train.early_stopping={monitor: val_loss}"),
    ),
    "logits": ("E602", ("model=mlp", "train.loss={op: sparse_categorical_crossentropy, from_logits: true}")),
    "probabilities": (
        "E602",
        ("model=mlp", "model.layers.2.activation=null", "train.loss=sparse_categorical_crossentropy"),
    ),
    "activation_of_the_head": ("E602", ("model=mlp", "model.layers.2.activation=relu")),
    "classes": ("E603", ("model=mlp", "model.vars.classes=12")),
    "classes_of_an_image": ("E603", ("model=mlp", "model.layers=[{op: Dense, units: 10, activation: softmax}]")),
    "labels": ("E604", ("model=mlp", "train.loss=categorical_crossentropy")),
    "metric": ("E604", ("model=mlp", "train.metrics=[accuracy, mae]")),
    "class_weight": ("E605", ("model=mlp", "train.class_weight={10: 2.0}")),
    "input_shape": ("E606", ("model=mlp", "model.input=[28, 28, 1]")),
    "budgets": (
        "E501 E502 E503",
        ("model=mlp", "limits.params=1000", "limits.flops=1000", "limits.activation_bytes=1000"),
    ),
    "layers_over_the_limit": ("E209", ("model=mlp", "limits.layers=5")),
    "limits_wrong": ("E107", ("model=mlp", "limits.params=-1")),
    "no_effect": (
        "W607 W607",
        ("model=mlp", "train.reduce_on_plateau={patience: 4}", "train.schedule.warmup_epochs=99"),
    ),
    "frozen_at_random": ("W608", ("model=mlp", "+model.freeze=['*', '!head']")),
    "frozen_whole": ("W608", ("model=mlp", "+model.freeze=['*']")),
    "frozen_by_its_argument": ("W608", ("model=mlp", "+model.layers.2.trainable=false")),
    "initial_weights": (
        "E006 E213",
        ("model=mlp", "train.initial={weights: no.keras, skip: [head, heads]}"),
    ),
    "initial_settings": (
        "E106 E106 E117",
        ("model=mlp", "train.initial={weights: 3, skip: head, pair: shapes}"),
    ),
    "initial_skip": ("W607", ("model=mlp", "train.initial.skip=[head]")),
    "model_and_file": ("E007", ("model=mlp", "model_file=conf/model/mlp.yaml")),
    "nested_model": ("E006 E204", ("model=mlp", "model.layers=[model/mlpp, {op: model/mlp, unitz: [3]}]")),
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_the_faults_of_a_command_line(name: str, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    codes, overrides = COMMANDS[name]
    faults = faults_of_job(*overrides)
    golden(f"diagnostics/command_{name}.txt", render(faults))
    assert sorted(fault.code for fault in faults) == sorted(codes.split())


@pytest.mark.parametrize(
    ("shape", "inside"),
    [
        ("[28, 28, 16]", "{op: Conv2D, filters: 32, kernel_size: 3, padding: same}"),
        ("[28, 28, 16]", "{op: Conv2D, filters: 16, kernel_size: 3, strides: 2, padding: same}"),
        ("[29, 31, 16]", "{op: SeparableConv2D, filters: 8, kernel_size: 3, strides: [2, 2], padding: same}"),
        ("[27, 20, 16]", "{op: MaxPooling2D, pool_size: [3, 4], padding: same}"),
        ("[100, 4]", "{op: Conv1D, filters: 9, kernel_size: 5, strides: 4, padding: same}"),
        ("[8, 9, 10, 2]", "{op: Conv3D, filters: 3, kernel_size: 3, strides: 2, padding: same}"),
        ("[64]", "{op: Dense, units: 32}"),
    ],
)
def test_the_shortcut_of_the_hint_fits(shape: str, inside: str) -> None:
    text = f"input: {shape}\nlayers:\n  - op: residual\n    layers: [{inside}]\n"
    (fault,) = faults_of(text)
    assert fault.code == "E402" and fault.hint is not None
    assert faults_of(f"{text}    {fault.hint}\n") == []


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("{op: Conv2D, filters: 3, kernel_size: 30, HINT}", "E404"),
        ("{op: MaxPooling2D, pool_size: 30, HINT}", "E405"),
        ("{op: Multiply, from: [input, pooled], HINT}", "E401"),
        ("{op: MultiHeadAttention, num_heads: 2, key_dim: 2, HINT}", "E306"),
    ],
)
def test_the_argument_of_a_hint_mends_the_layer(entry: str, code: str) -> None:
    text = (
        "input: [28, 28, 8]\nlayers:\n"
        "  - {op: GlobalAveragePooling2D, name: pooled}\n  - {op: Identity, from: input, name: image}\n"
    )
    output = "outputs: [pooled, image, last]\n"
    entry = entry.replace("{op", "{name: last, op")
    (fault,) = faults_of(f"{text}  - {entry.replace(', HINT', '')}\n{output}")
    assert fault.code == code and fault.hint is not None
    mended = (
        fault.hint.split(",")[0] if code == "E405" else fault.hint.removeprefix("set ").removesuffix(" if you mean it")
    )
    assert faults_of(f"{text}  - {entry.replace('HINT', mended)}\n{output}") == []


def test_faults_come_in_the_order_of_their_places() -> None:
    places = [fault.place for fault in faults_of(CASES["expressions"][1])]
    text = render(faults_of(CASES["expressions"][1]))
    shown = [text.index(f"model.yaml:{place.line}:{place.column}: ") for place in places if place]
    by_line = sorted(zip(((place.line, place.column) for place in places if place), shown, strict=True))
    assert [position for _, position in by_line] == sorted(shown)


def test_the_cap_of_layers_is_the_user_s() -> None:
    text = "input: [8]\nlayers: [{op: Dense, units: 8, repeat: 20}]\n"
    assert [fault.code for fault in faults_of(text, Limits(layers=19))] == ["E209"]
    assert faults_of(text, Limits(layers=20)) == []
