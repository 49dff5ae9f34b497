"""Expansion and wiring: names, copies, references, scopes, outputs."""

from __future__ import annotations

import pytest

from tests.language.models import codes, graph_of, lines, names

HEAD = "input: [4]\n"
D = "{op: Dense, units: 4}"
TWO = HEAD + "blocks: {b: {inputs: [x, y], layers: [%s]}}\n"


# --- names and copies ------------------------------------------------------------------------


def test_unnamed_twins_are_numbered() -> None:
    assert names(HEAD + f"layers: [{D}, Dropout, {D}, {D}]".replace("Dropout", "Flatten")) == [
        "Dense", "Flatten", "Dense_1", "Dense_2",
    ]  # fmt: skip


def test_names_do_not_depend_on_when() -> None:
    text = (
        HEAD
        + "vars: {flag: true}\nlayers: [{op: Dropout, rate: 0.1, when: $flag}, {op: Dropout, rate: 0.2}, "
        + D
        + "]"
    )
    assert names(text)[1:] == names(text.replace("flag: true", "flag: false"))


def test_names_do_not_depend_on_layers_elsewhere() -> None:
    text = HEAD + (
        "blocks: {b: {layers: [%s, {op: Dense, units: 4}]}}\n"
        "layers: [b, {op: residual, layers: [{op: Dense, units: 4}]}, {op: b, repeat: 2}, {op: Dense, units: 4}]"
    )
    before, after = names(text.replace("%s, ", "")), names(text.replace("%s", "Flatten"))
    assert [name for name in after if "Flatten" not in name] == before


def test_alternatives_may_have_one_name() -> None:
    text = "vars: {k: 1}\nlayers: [{op: Flatten, name: x, when: $k == 0}, {op: Flatten, name: x, when: $k == 1}]"
    assert names(HEAD + text) == ["x"]


def test_copies_of_repeat_and_each() -> None:
    text = """
        input: [4]
        vars: {width: 2}
        layers:
          - {op: Dense, units: $width * (i + 1), repeat: 2}
          - {op: Dense, units: $u, use_bias: $b, each: {u: [5, 6, 7], b: [true, false, true]}, name: e, when: $i != 1}
          - op: sequence
            name: s
            repeat: 2
            layers: [{op: Dense, units: $i + 1, repeat: 2}, {op: Dense, units: $i + 8}]
    """
    assert lines(text) == [
        "%input = Input(shape=[4])",
        "%Dense.0 = Dense(%input, units=2)",
        "%Dense.1 = Dense(%Dense.0, units=4)",
        "%e.0 = Dense(%Dense.1, units=5)",
        "%e.2 = Dense(%e.0, units=7)",
        "%s.0.Dense.0 = Dense(%e.2, units=1)",
        "%s.0.Dense.1 = Dense(%s.0.Dense.0, units=2)",
        "%s.0.Dense_1 = Dense(%s.0.Dense.1, units=8)",
        "%s.1.Dense.0 = Dense(%s.0.Dense_1, units=1)",
        "%s.1.Dense.1 = Dense(%s.1.Dense.0, units=2)",
        "%s.1.Dense_1 = Dense(%s.1.Dense.1, units=9)",
        "return %s.1.Dense_1",
    ]


def test_no_copies_leave_no_layer() -> None:
    assert names(HEAD + f"layers: [{{op: Flatten, repeat: 0}}, {{op: Flatten, each: {{a: []}}}}, {D}]") == ["Dense"]


def test_a_cap_on_layers_counts_layers() -> None:
    assert names(HEAD + "layers: [{op: Flatten, repeat: 9999}]")[-1] == "Flatten.9998"
    assert codes(HEAD + "layers: [{op: Flatten, repeat: 10001}]") == ["E209"]


def test_a_dollar_sign_is_doubled() -> None:
    assert codes(HEAD + "layers: [{op: Activation, activation: $$relu}]") == ["E108"]


# --- references ------------------------------------------------------------------------------


def test_from_in_a_repeat_stands_in_each_copy() -> None:
    text = HEAD + "layers: [{op: Dense, units: 4, name: a}, {op: Add, name: s, repeat: 2, from: [a, prev]}]"
    assert lines(text)[2:] == ["%s.0 = Add(%a, %a)", "%s.1 = Add(%a, %s.0)", "return %s.1"]


def test_paths_and_globs() -> None:
    text = """
        input: [4]
        blocks: {b: {layers: [{op: Dense, units: 4, name: skip}, Flatten]}}
        layers:
          - {op: b, repeat: 11}
          - {op: Concatenate, from: b.*.skip, name: all}
          - {op: residual, name: r, from: b, layers: [{op: b, name: q}]}
          - {op: Concatenate, from: [prev, all, r.q.skip, r.q, b.3]}
    """
    wanted = ", ".join(f"%b.{i}.skip" for i in range(11))
    assert f"%all = Concatenate({wanted})" in lines(text)
    assert lines(text)[-2] == "%Concatenate = Concatenate(%r.merge, %all, %r.q.skip, %r.q.Flatten, %b.3.Flatten)"


def test_input_is_what_enters_the_block_or_model() -> None:
    text = """
        input: [4]
        blocks: {b: {layers: [{op: Dense, units: 4, name: h}, {op: Add, from: [prev, input]}]}}
        layers:
          - {op: Dense, units: 4, name: first}
          - b
          - {op: residual, name: r, layers: [{op: Dense, units: 4, name: h}, {op: Add, from: [h, input]}]}
    """
    found = lines(text)
    assert "%b.Add = Add(%b.h, %first)" in found
    assert "%r.Add = Add(%r.h, %input)" in found  # a residual is no block


def test_an_input_may_be_called_input_among_others() -> None:
    text = "inputs: {input: [4], b: [4]}\nlayers: [{op: Add, from: [input, b]}]"
    assert lines(text)[-2] == "%Add = Add(%input, %b)"


def test_blocks_with_several_inputs() -> None:
    text = """
        inputs: {x: [4], y: [4]}
        blocks:
          mix:
            inputs: [a, b]
            output: h
            layers: [{op: Subtract, from: [a, b]}, {op: Dense, units: 4, name: h}, {op: Flatten, from: a, when: false}]
        layers: [{op: mix, from: [x, y]}, {op: mix, from: {b: x, a: prev}}]
    """
    assert lines(text)[2:-1] == [
        "%mix.Subtract = Subtract(%x, %y)",
        "%mix.h = Dense(%mix.Subtract, units=4)",
        "%mix_1.Subtract = Subtract(%mix.h, %x)",
        "%mix_1.h = Dense(%mix_1.Subtract, units=4)",
    ]


def test_mappings_name_call_arguments() -> None:
    text = """
        input: [5, 4]
        layers:
          - {op: Dense, units: 4, name: m}
          - {op: MultiHeadAttention, num_heads: 2, key_dim: 2, use_causal_mask: true, from: {query: prev, value: prev}}
          - {op: Attention, from: [prev, m]}
    """
    found = lines(text)
    assert found[2].startswith("%MultiHeadAttention = MultiHeadAttention(query=%m, value=%m,")
    assert found[3] == "%Attention = Attention(query=%MultiHeadAttention, value=%m)"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("inputs: {a: [4], b: [4]}\nlayers: [{op: Add, from: [prev, b]}, Flatten]", ["E307"]),
        ("inputs: {a: [4], b: [4]}\nlayers: [{op: Add, from: [input, b]}]", ["E307"]),
        ("inputs: {a: [4], b: [4]}\nlayers: [Flatten]", ["E307"]),
        ("inputs: {a: [4], b: [4]}\nlayers: [{op: sequence, layers: [{op: Flatten, repeat: 2}]}]", ["E307"]),
        ("inputs: {a: [4], b: [4]}\nlayers: [{op: Flatten, from: zz}, {op: sequence, layers: [Flatten]}]", ["E301"]),
        (TWO % "{op: Add, from: [prev, y]}" + "layers: [{op: b, from: [input, input]}]", ["E307"]),
        (TWO % "" + "layers: [{op: b, from: [input, input]}]", ["E308"]),
        (TWO % "{op: Add, from: [x, y]}" + "layers: [b]", ["E306"]),
        (HEAD + f"blocks: {{b: {{layers: [{D}]}}}}\nlayers: [{{op: b, from: {{x: input}}}}]", ["E306"]),
        (HEAD + f"layers: [{{op: sequence, from: {{x: input}}, layers: [{D}]}}]", ["E306"]),
        (HEAD + "layers: [{op: Flatten, repeat: 2, name: w}, {op: Attention, from: {query: w, value: w.*}}]", ["E306"]),
        (HEAD + f"layers: [{D}, {{op: Flatten, from: 0}}]", ["E301"]),
        (HEAD + f"layers: [{D}, {{op: Flatten, from: later}}, {{op: Flatten, name: later}}]", ["E302"]),
        (HEAD + f"layers: [{D}, {{op: Add, name: me, from: [prev, me]}}]", ["E303"]),
        (HEAD + "layers: [{op: Dense, units: 2, repeat: 2, from: input}]", ["E304"]),
        (HEAD + "layers: [{op: branches, paths: {a b: [], c: []}}]", ["E212"]),
        (HEAD + "layers: [{op: branches, paths: {merge: [], c: []}}]", ["E212"]),
        ("input: null\nlayers: [Flatten]", ["E116"]),
        ("inputs: {}\nlayers: [Flatten]", ["E116"]),
    ],
)  # fmt: skip
def test_references_that_mean_nothing(text: str, wanted: list[str]) -> None:
    assert codes(text) == wanted


# --- scopes ----------------------------------------------------------------------------------


def test_structural_ops_see_outside_and_blocks_do_not() -> None:
    see = HEAD + "layers: [{op: Dense, units: 4, name: a}, {op: %s, %s: [{op: Add, from: [prev, a]}]}]"
    assert codes(see % ("sequence", "layers")) == codes(see % ("residual", "layers")) == []
    block = HEAD + "blocks: {b: {layers: [{op: Add, from: [prev, a]}]}}\nlayers: [{op: Dense, units: 4, name: a}, b]"
    assert codes(block) == ["E301"]


def test_a_block_sees_params_and_the_models_variables_only() -> None:
    text = (
        HEAD
        + "vars: {v: 3}\nblocks: {b: {params: {p: 1}, layers: [{op: Dense, units: $%s}]}}\nlayers: [{op: b, repeat: 2}]"
    )
    assert codes(text % "v + p") == []
    assert codes(text % "i") == ["E202"]


def test_a_param_hides_a_variable_and_defaults_use_params() -> None:
    text = """
        input: [4]
        vars: {width: 100}
        blocks: {b: {params: {double: $2*width, width: int}, layers: [{op: Dense, units: $double}]}}
        layers: [{op: b, width: 5}, {op: Dense, units: $width}]
    """
    assert [node.node.args["units"] for node in graph_of(text) if node.node.op == "Dense"] == [10, 100]


def test_blocks_inside_blocks() -> None:
    text = """
        input: [4]
        vars: {v: 7}
        blocks:
          inner: {layers: [{op: Dense, units: 1}]}
          outer:
            params: {p: 2}
            blocks: {inner: {params: {q: int}, layers: [{op: Dense, units: $q + v}]}}
            layers: [{op: inner, q: $p}]
        layers: [outer, inner]
    """
    assert [node.node.args["units"] for node in graph_of(text) if node.node.op == "Dense"] == [9, 1]


def test_calls_have_a_cap() -> None:
    chain = "".join(f"  b{i}: {{layers: [b{i + 1}]}}\n" for i in range(300))
    assert codes(HEAD + f"blocks:\n{chain}  b300: {{layers: [Flatten]}}\nlayers: [b0]") == ["E209"]


def test_a_residual_whose_shortcut_is_switched_off() -> None:
    text = HEAD + f"layers: [{{op: residual, layers: [{D}], shortcut: [{{op: Dense, units: 4, when: false}}]}}]"
    assert lines(text)[-2] == "%residual.merge = Add(%residual.Dense, %input)"


def test_an_empty_path_is_the_identity() -> None:
    text = """
        input: [8, 8, 16]
        layers:
          - op: branches
            merge: {op: Multiply, broadcast: true}
            paths: [[], [{op: GlobalAveragePooling2D, keepdims: true}, {op: Dense, units: 16, activation: sigmoid}]]
    """
    assert lines(text)[-2] == "%branches.merge = Multiply(%input, %branches.1.Dense, broadcast=true)"


# --- the ends of a model ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outputs", "wanted"),
    [
        ("", "return %b"),
        ("outputs: a", "return %a"),
        ("outputs: [a, b]", "return %a, %b"),
        ("outputs: {y: b, z: a}", "return y: %b, z: %a"),
        ("outputs: {y: b, x: input}", "return y: %b, x: %input"),
        ("outputs: prev", "return %b"),
    ],
)
def test_outputs(outputs: str, wanted: str) -> None:
    text = HEAD + "layers: [{op: Dense, units: 4, name: a}, {op: Dense, units: 2, name: b, when: %s}]\n" + outputs
    on = "false" if outputs == "outputs: a" else "true"
    assert lines(text.replace("%s", on))[-1] == wanted


def test_integers_enter() -> None:
    graph = graph_of(
        "input: {shape: [7], dtype: int32}\nlayers: [{op: Embedding, input_dim: 9, output_dim: 3}, Flatten]"
    )
    assert [str(node.type) for node in graph] == ["int32[7]", "float32[7x3]", "float32[21]"]
