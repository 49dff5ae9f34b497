"""Models from parts: shared weights, patches, models in models."""

from __future__ import annotations

import pytest

from tests.language.models import codes, compiled, graph_of, lines, names

HEAD = "input: [4]\n"


# --- share -----------------------------------------------------------------------------------


def test_shared_weights_are_counted_once() -> None:
    text = HEAD + "layers: [{op: Dense, units: 4, name: a}, {share: a, repeat: 2}, {share: a_1.0, name: c}]"
    graph = graph_of(text)
    assert graph.params == 20
    assert [node.node.shares for node in graph] == [None, None, "a", "a", "a"]
    assert [node.name for node in graph] == ["input", "a", "a_1.0", "a_1.1", "c"]


def test_share_of_blocks_and_residuals() -> None:
    text = """
        input: [4]
        blocks:
          c: {layers: [{op: Dense, units: 4}]}
          b: {layers: [{op: c, name: one}, {op: residual, name: r, layers: [{share: one}]}]}
        layers: [b, {share: b}, {share: b.r, name: again}]
    """
    graph = graph_of(text)
    assert graph.params == 20
    assert {node.node.shares for node in graph if node.node.op == "Dense"} == {None, "b.one.Dense"}
    assert lines(text)[-2] == "%again.merge = Add(%again.one.Dense, %b_1.r.merge) shares %b.r.merge"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("blocks: {b: {layers: [{share: a}]}}\nlayers: [{op: Dense, units: 4, name: a}, b]", ["E301"]),
        ("layers: [{share: a, name: b}, {op: Dense, units: 4, name: a}]", ["E301"]),
        ("layers: [{op: residual, name: r, layers: [{share: r}]}]", ["E301"]),
        ("layers: [{op: Dense, units: 3, name: a}, {share: a}]", ["E309"]),
        ("layers: [{op: Dense, units: 4, name: a}, {share: a, units: 4}]", ["E104"]),
    ],
)
def test_shares_that_mean_nothing(text: str, wanted: list[str]) -> None:
    assert codes(HEAD + text) == wanted


# --- patch -----------------------------------------------------------------------------------

PATCHED = """
input: [4]
layers:
  - {op: Dense, units: 4, name: a}
  - {op: residual, name: r, layers: [{op: Dense, units: 4, name: h}], shortcut: [{op: Dense, units: 4, name: k}]}
  - {op: Dense, units: 4, name: c, repeat: 2}
  - {op: Dense, units: 2, name: head}
outputs: {y: head}
patch:
"""


@pytest.mark.parametrize(
    ("patch", "wanted"),
    [
        ("c.*: {units: 3}", ["%c.0 = Dense(%r.merge, units=3)", "%c.1 = Dense(%c.0, units=3)"]),
        ("c.0: {insert_before: Flatten}", ["%c.Flatten = Flatten(%r.merge)", "%c.0 = Dense(%c.Flatten, units=4)"]),
        ("c: {insert_after: [Flatten, {op: Dense, units: 3}]}", ["%head = Dense(%Dense, units=2)"]),
        ("c: remove", ["%head = Dense(%r.merge, units=2)"]),
        ("c.0: {remove: true}", ["%c.1 = Dense(%r.merge, units=4)"]),
        ("head: {replace: {op: Dense, units: 9}}", ["%head = Dense(%c.1, units=9)", "return y: %head"]),
        ("head: {replace: {op: Dense, units: 9, name: head}}", ["%head = Dense(%c.1, units=9)"]),
        ("a: {replace: [{op: Dense, units: 7}, Flatten]}", ["%Dense = Dense(%input, units=7)", "%a = Flatten(%Dense)"]),
        ("r.shortcut: remove", ["%r.merge = Add(%r.h, %a)"]),
        ("r.shortcut: {insert_after: Flatten}", ["%r.merge = Add(%r.h, %r.shortcut.Flatten)"]),
        ("r: {insert_after: Flatten}", ["%Flatten = Flatten(%r.merge)", "%c.0 = Dense(%Flatten, units=4)"]),
        ("r.h: {insert_after: {op: Flatten, name: n}}", ["%r.merge = Add(%r.n, %r.shortcut.k)"]),
        ("'r.*': {use_bias: false}", None),
        ("'r.[hk]': {use_bias: false}", ["%r.h = Dense(%a, units=4, use_bias=false)"]),
        ("r.merge: {broadcast: true}", ["%r.merge = Add(%r.h, %r.shortcut.k, broadcast=true)"]),
        ("{c.0: {units: 6}, c.1: {units: 5}, 'c.?': {units: 3}}", ["%c.1 = Dense(%c.0, units=3)"]),
        ("{c: {replace: {op: Flatten, name: f}}, f: {insert_after: {op: Flatten}}}", ["%Flatten = Flatten(%f)"]),
    ],
)  # fmt: skip
def test_patches(patch: str, wanted: list[str] | None) -> None:
    text = PATCHED + (f"  {patch}" if not patch.startswith("{") else f" {patch}")
    if wanted is None:
        assert codes(text) == ["E104"]  # Add has no bias, and '*' matches dots too
    else:
        assert set(wanted) <= set(lines(text.replace("patch:\n {", "patch: {")))


@pytest.mark.parametrize(
    ("patch", "wanted"),
    [
        ("zz: remove", ["E213"]),
        ("{c: remove, c.0: remove}", ["E213"]),  # each on what the one before left
        ("c: {use_bias: false}", ["E215"]),  # a group has no arguments
        ("r.merge: remove", ["E215"]),
        ("'r.*': {insert_before: Flatten}", ["E215"]),
        ("c.0: {remove: true, replace: Flatten}", ["E215"]),
        ("a: {insert_after: {op: Flatten, name: head}}", ["E211"]),
        ("r.h: {insert_after: {op: Flatten, name: merge}}", ["E211"]),
        ("a: {insert_after: {op: Nothing}}", ["E102"]),
        ("head: {replace: {op: Flatten, name: other}}", ["E301"]),  # the output goes by name
    ],
)
def test_patches_that_cannot_be(patch: str, wanted: list[str]) -> None:
    text = PATCHED + (f"  {patch}" if not patch.startswith("{") else f" {patch}")
    assert codes(text.replace("patch:\n {", "patch: {")) == wanted


def test_patches_and_shared_layers() -> None:
    text = HEAD + "layers: [{op: Dense, units: 4, name: a}, {share: a, name: b}]\npatch: "
    assert lines(text + "{a: {use_bias: false}}")[2] == "%b = Dense(%a, units=4, use_bias=false) shares %a"
    assert codes(text + "{b: {use_bias: false}}") == ["E215"]
    assert codes(text + "{'[ab]': {use_bias: false}}") == []
    assert codes(text + "{a: remove}") == ["E309"]
    assert codes(text + "{a: remove, b: {replace: Flatten}}") == []


# --- nested models ---------------------------------------------------------------------------

STEM = """
input: [4]
vars: {last: $2*width, width: 5}
blocks: {two: {layers: [{op: Dense, units: $width}, {op: Dense, units: $last}]}}
layers: [two, {op: Dense, units: 3, name: end}]
outputs: {y: two}
patch: {two.Dense: {use_bias: false}, end: remove}
"""


def test_a_nested_model_is_a_block_with_its_vars_as_params() -> None:
    text = HEAD + "vars: {width: 100, last: 100}\nlayers: [model/stem, {op: model/stem, width: 6, name: second}]"
    assert lines(text, {"stem": STEM})[1:] == [
        "%stem.two.Dense = Dense(%input, units=5, use_bias=false)",
        "%stem.two.Dense_1 = Dense(%stem.two.Dense, units=10)",
        "%second.two.Dense = Dense(%stem.two.Dense_1, units=6, use_bias=false)",
        "%second.two.Dense_1 = Dense(%second.two.Dense, units=12)",
        "return %second.two.Dense_1",
    ]


def test_nested_models_do_not_see_the_outer_one() -> None:
    inner = "input: [4]\nlayers: [{op: Dense, units: $width}]"
    assert codes(HEAD + "vars: {width: 3}\nlayers: [model/m]", {"m": inner}) == ["E202"]
    assert codes(HEAD + "blocks: {b: {layers: [Flatten]}}\nlayers: [model/m]", {"m": "input: [4]\nlayers: [b]"}) == [
        "E102"
    ]


def test_nested_models_with_several_inputs() -> None:
    inner = "inputs: {a: [4], b: [4]}\nlayers: [{op: Subtract, from: [b, a]}]"
    text = "inputs: {x: [4], y: [4]}\nlayers: [{op: model/m, from: [x, y]}]"
    assert lines(text, {"m": inner})[-2] == "%m.Subtract = Subtract(%y, %x)"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("layers: [model/a]", ["E207"]),
        ("layers: [model/itself]", ["E207"]),
        ("layers: [model/nowhere]", ["E006"]),
        ("layers: [{op: model/flat, width: 3}]", ["E204"]),
    ],
)
def test_nested_models_that_cannot_be(text: str, wanted: list[str]) -> None:
    models = {
        "a": HEAD + "layers: [model/b]", "b": HEAD + "layers: [model/a]", "itself": HEAD + "layers: [model/itself]",
        "flat": HEAD + "layers: [Flatten]",
    }  # fmt: skip
    assert codes(HEAD + text, models) == wanted


def test_models_can_stand_in_the_file() -> None:
    text = HEAD + "layers: [model/m]\nmodels: {m: {input: [4], layers: [model/n]}, n: {input: [4], layers: [Flatten]}}"
    assert names(text) == ["m.n.Flatten"]


def test_places_of_nested_models_are_their_own() -> None:
    _, diagnostics = compiled(HEAD + "layers: [model/m]", {"m": "input: [4]\nlayers: [{op: Dense, units: 0}]"})
    (fault,) = diagnostics.faults
    assert fault.place is not None and (fault.place.source.name, fault.place.line) == ("m.yaml", 2)
