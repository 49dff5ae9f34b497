"""Warnings of self-normalising networks that miss a part: where they point, and when nothing is said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from compiler.errors import Fault, render
from tests.language.models import compiled

Golden = Callable[[str, str], None]

SELU = "activation: selu, kernel_initializer: lecun_normal"


def warnings(*layers: str, start: str = "input: [32, 32, 1]") -> list[Fault]:
    listed = "\n".join(f"  - {layer}" for layer in layers)
    return compiled(f"{start}\nlayers:\n{listed}\n")[1].faults


def blamed(fault: Fault) -> str:
    """The text at the place of a fault."""
    assert fault.place is not None
    line = fault.place.source.text.splitlines()[fault.place.line - 1]
    return line[fault.place.column - 1 :][: fault.place.width]


def test_what_they_say(golden: Golden) -> None:
    faults = warnings(
        "{op: Conv2D, filters: 8, kernel_size: 3, kernel_initializer: he_normal, activation: selu}",
        "{op: SpatialDropout2D, rate: 0.1}",
        "Flatten",
        "{op: Dense, units: 32, name: hidden}",
        "{op: Activation, activation: selu}",
        "{op: Dropout, rate: 0.1}",
        "{op: Dense, units: 32, kernel_initializer: lecun_normal, activation: elu}",
        "{op: AlphaDropout, rate: 0.1}",
        "{op: Dense, units: 10, activation: softmax}",
    )
    golden("diagnostics/self_normalizing.txt", render(faults))
    assert [fault.code for fault in faults] == ["W413"] * 5


@pytest.mark.parametrize(
    ("layer", "place"),
    [
        ("{op: Dense, units: 4, activation: selu}", "Dense"),
        ("{op: Dense, units: 4, activation: selu, kernel_initializer: glorot_uniform}", "glorot_uniform"),
        ("{op: Dense, units: 4, activation: selu, kernel_initializer: {op: HeNormal, seed: 1}}", "{"),
        ("{op: Dense, units: 4, activation: selu, kernel_initializer: {op: VarianceScaling, mode: fan_avg}}", "{"),
        ("{op: Conv1D, filters: 4, kernel_size: 3, activation: selu}", "Conv1D"),
        ("{op: TimeDistributed, layer: {op: Dense, units: 4, activation: selu}}", "TimeDistributed"),
        ("{op: TimeDistributed, layer: {op: Dense, units: 4, activation: selu, kernel_initializer: zeros}}", "zeros"),
    ],
)
def test_another_initializer_before_selu(layer: str, place: str) -> None:
    (fault,) = warnings(layer, start="input: [9, 3]")
    assert (fault.code, blamed(fault), fault.hint) == ("W413", place, "kernel_initializer: lecun_normal")


@pytest.mark.parametrize("between", [(), ("Flatten",), ("{op: Reshape, target_shape: [3, 4]}", "Identity")])
def test_an_activation_of_its_own_is_the_layer_s_before_it(between: tuple[str, ...]) -> None:
    selu = "{op: Activation, activation: selu}"
    (fault,) = warnings("{op: Dense, units: 4}", *between, selu, start="input: [3, 3]")
    assert blamed(fault) == "Dense"
    (note,) = fault.notes
    assert note.place.line == 4 + len(between)
    lecun = "{op: Dense, units: 4, kernel_initializer: lecun_normal}"
    assert warnings(lecun, *between, selu, start="input: [3, 3]") == []


@pytest.mark.parametrize("between", [(), ("Flatten",)])
def test_another_dropout_behind_selu(between: tuple[str, ...]) -> None:
    (fault,) = warnings(f"{{op: Dense, units: 4, {SELU}}}", *between, "{op: GaussianDropout, rate: 0.5}")
    assert (blamed(fault), fault.hint) == ("GaussianDropout", "op: AlphaDropout")


@pytest.mark.parametrize(
    ("layers", "place"),
    [
        (("{op: Dense, units: 4, kernel_initializer: lecun_normal, activation: relu}",), "relu"),
        (("{op: Dense, units: 4, kernel_initializer: lecun_normal}", "{op: Activation, activation: elu}"), "elu"),
        (("{op: Dense, units: 4, kernel_initializer: lecun_uniform}", "{op: ReLU, max_value: 6}"), "ReLU"),
    ],
)
def test_another_activation_between_lecun_normal_and_alpha_dropout(layers: tuple[str, ...], place: str) -> None:
    (fault,) = warnings(*layers, "{op: AlphaDropout, rate: 0.5}", start="input: [3]")
    assert (fault.code, blamed(fault)) == ("W413", place)
    assert fault.hint is not None
    assert fault.hint.startswith("activation: selu")


def test_an_argument_that_a_variable_gives_is_explained() -> None:
    start = "input: [3]\nvars: {start: he_normal}"
    (fault,) = warnings("{op: Dense, units: 4, activation: selu, kernel_initializer: $start}", start=start)
    assert blamed(fault) == "$start"
    (note,) = fault.notes
    assert note.place.line == 2


def test_copies_are_warned_of_once_and_shared_weights_too() -> None:
    (fault,) = warnings("{op: Dense, units: 3, activation: selu, repeat: 4}", "{share: Dense.3}", start="input: [3]")
    assert blamed(fault) == "Dense"


@pytest.mark.parametrize(
    "layers",
    [
        (f"{{op: Dense, units: 4, {SELU}}}", "{op: AlphaDropout, rate: 0.1}", "{op: Dense, units: 2}"),
        ("{op: Dense, units: 4, activation: selu, kernel_initializer: {op: LecunNormal, seed: 1}}",),
        ("{op: Dense, units: 4, activation: selu, kernel_initializer: VarianceScaling}",),
        ("{op: Dense, units: 4, activation: selu, kernel_initializer: {op: VarianceScaling, seed: 2}}",),
        ("{op: Dense, units: 4, activation: relu}", "{op: Dropout, rate: 0.1}"),
        ("{op: Dense, units: 4, activation: relu}", "{op: AlphaDropout, rate: 0.1}"),
        ("{op: Dense, units: 4, kernel_initializer: lecun_normal, activation: relu}", "{op: Dropout, rate: 0.1}"),
        ("{op: AlphaDropout, rate: 0.1}", f"{{op: Dense, units: 4, {SELU}}}"),
        ("{op: Dense, units: 4}", "BatchNormalization", "{op: Activation, activation: selu}"),
        ("{op: Dense, units: 4, activation: relu}", "{op: Activation, activation: selu}"),
        (f"{{op: Dense, units: 4, {SELU}}}", "{op: Dropout, rate: 0}"),
        (f"{{op: Dense, units: 4, {SELU}}}", "{op: Dense, units: 4}", "{op: Dropout, rate: 0.1}"),
        ("{op: Activation, activation: selu}",),
        ("{op: residual, layers: [{op: Dense, units: 3}]}", "{op: Activation, activation: selu}"),
    ],
)
def test_nothing_is_said_of(layers: tuple[str, ...]) -> None:
    assert warnings(*layers, start="input: [3]") == []


def test_nothing_is_said_where_there_are_errors() -> None:
    faults = warnings("{op: Dense, units: 3, activation: selu}", "{op: Dense, units: -1}", start="input: [3]")
    assert [fault.code for fault in faults] == ["E107"]
