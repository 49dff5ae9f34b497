"""Model files with faults: by name, the codes that they must have, and the text."""

from __future__ import annotations

CASES: dict[str, tuple[str, str]] = {}


def case(name: str, codes: str, text: str) -> None:
    """One case; a model that does not begin with an input has one of shape (28, 28, 8)."""
    assert name not in CASES
    CASES[name] = (codes, text if text.startswith("input") else f"input: [28, 28, 8]\n{text}")


def layers(name: str, codes: str, *entries: str) -> None:
    """A case that is a list of layers."""
    case(name, codes, "layers:\n" + "".join(f"  - {entry}\n" for entry in entries))


# --- reading ---------------------------------------------------------------------------------------------------------

case("tab", "E001", "layers:\n\t- Flatten\n")
case("colon_in_text", "E001", "layers:\n  - op: Dense: 3\n")
case("interpolation_in_braces", "E001", "layers:\n  - {op: Dense, units: ${data.classes}}\n")
case("bare_glob", "E001", "patch:\n  *.conv: {kernel_size: 5}\nlayers:\n  - Flatten\n")
case("open_quote", "E001", "layers:\n  - {op: 'Dense, units: 3}\n")
case("two_documents", "E001", "layers: [Flatten]\n---\nlayers: [Flatten]\n")
case("control_character", "E001", "layers: [Flatten]\nvars: {a: '\x07'}\n")
case("tag", "E005", "layers:\n  - !!python/name:os.system Dense\n")
case("merge_key", "E005", "layers:\n  - {op: Dense, <<: {units: 3}}\n")
case("key_is_a_list", "E009", "vars: {[1, 2]: 3}\nlayers: [Flatten]\n")
case("keys_that_yaml_reads", "E009 E009 E009", "vars: {no: 1, 1.5: 2, null: 3}\nlayers: [Flatten]\n")
case("too_deep", "E004", f"vars: {{a: {'[' * 45}{']' * 45}}}\nlayers: [Flatten]\n")

# --- YAML's implicit types -------------------------------------------------------------------------------------------

layers("trap_no", "E106", "{op: Conv2D, filters: 8, kernel_size: 3, activation: no}")
layers("trap_off", "E106", "{op: Conv2D, filters: 8, kernel_size: 3, padding: off}")
layers("trap_name", "E212", "{op: Flatten, name: on}")
layers("trap_units", "E106", "{op: Dense, units: yes}")
layers("trap_entry", "E113", "no")
layers("trap_octal", "W010", "{op: Dense, units: 010}")
layers("trap_octal_decimal_only", "W010", "{op: Dense, units: 0_17}")
layers("trap_clock", "W010", "{op: Dense, units: 12:30}")
layers(
    "trap_octal_in_an_error",
    "E108 E106",
    "{op: Dense, units: 4, activation: '010'}",
    "{op: Dense, units: 4, activation: 010}",
)

# --- excerpts --------------------------------------------------------------------------------------------------------

layers("accents", "E212", "{op: Dense, units: 3, name: größe, activation: relux}")
layers("wide_characters", "E108", '{op: Dense, units: 3, name: "x", kernel_initializer: "zeros", activation: "日本語"}')
layers("behind_wide_characters", "E106 E108", '{op: Dense, units: "日本語", activation: relux}')
layers("tabs_in_a_line", "E108", "{op: Dense,\tunits: 3,\tactivation: relux}")
layers(
    "long_line",
    "E104",
    "{op: Dense, units: 3, kernel_initializer: {op: HeNormal, seed: 12345}, bias_initializer: zeros, "
    "kernel_regularizer: "
    "{op: L2, l2: 0.0001}, activaton: relu, bias_regularizer: {op: L2, l2: 0.0001}, dtype: float32}",
)
layers("long_value", "E106", f"{{op: Dense, units: {'x' * 300}}}")
case("block_style", "E106", "layers:\n  - op: Dense\n    units:\n      - 1\n      - 2\n")
case("many_lines_of_text", "E106", "layers:\n  - op: Dense\n    units: |\n      eight\n      nine\n")

# --- arguments -------------------------------------------------------------------------------------------------------

layers("units_true", "E106", "{op: Dense, units: true}")
layers("units_null", "E106", "{op: Dense, units: null}")
layers("units_text", "E106", "{op: Dense, units: '64'}")
layers("units_float", "E106", "{op: Dense, units: 64.0}")
layers("rate_one", "E107", "{op: Dropout, rate: 1.0}")
layers("momentum_nan", "E107", "{op: BatchNormalization, momentum: .nan}")
layers("epsilon_negative", "E107", "{op: BatchNormalization, epsilon: -1}")
layers("sizes_negative", "E107 E107", "{op: Conv2D, filters: -3, kernel_size: [3, 0]}")
layers("sizes_too_many", "E106", "{op: Conv2D, filters: 3, kernel_size: [3, 3, 3]}")
layers("infinity", "E107", "{op: LeakyReLU, negative_slope: .inf}")
layers(
    "unknown_words",
    "E108 E109 E110 E111 E112",
    "{op: Dense, units: 3, activation: Relu, kernel_initializer: kaiming_normal, "
    "kernel_regularizer: l3, dtype: half, kernel_constraint: {op: Max}}",
)
layers("glu", "E108", "{op: Dense, units: 3, activation: glu}")
layers("object_argument", "E104", "{op: Dense, units: 3, kernel_initializer: {op: HeNormal, sed: 1}}")
layers("object_value", "E107", "{op: Dense, units: 3, kernel_regularizer: {op: L2, l2: -1}}")
layers("object_without_op", "E106", "{op: Dense, units: 3, kernel_regularizer: {l2: 1e-4}}")
layers(
    "layer_in_a_layer",
    "E104 E107 E102 E103",
    "{op: TimeDistributed, layer: {op: Dense, unitz: 5}}",
    "{op: TimeDistributed, layer: {op: Dense, units: -5}}",
    "{op: TimeDistributed, layer: {op: Denze, units: 5}}",
    "{op: TimeDistributed, layer: Lambda}",
)
layers("alias_of_an_op", "E104", "{op: MaxPool2D, pool: 2}")
layers("conv_lstm_argument", "E104", "{op: ConvLSTM1D, filter: 3, kernel_size: 3}")
layers("layer_without_op", "E113 E113 E113", "{units: 3, name: head}", "{Dense: {units: 3}}", "{opp: Dense, units: 3}")
layers("op_is_a_list", "E113", "{op: [Dense], units: 3}")
layers("refused", "E103 E103", "Lambda", "{op: TorchModuleWrapper, module: x}")
layers("input_as_a_layer", "E102", "{op: Input, shape: [3]}")

# --- sections --------------------------------------------------------------------------------------------------------

case("input_and_inputs", "E114", "input: [3]\ninputs: {a: {shape: [3]}}\nlayers: [{op: Dense, units: 3, from: a}]\n")
case("input_shape", "E106", "input: 784\nlayers: [Flatten]\n")
case("input_size", "E107", "input: [28, -1]\nlayers: [Flatten]\n")
case("input_misspelt", "E101", "inputt: [28, 28]\nlayers: [Flatten]\n")
case("top_level_key", "E101", "optimizer: adam\nlayers: [Flatten]\n")
case("vars_list", "E114", "vars: [1, 2]\nlayers: [Flatten]\n")
case("layers_null", "E308", "layers:\n")
case("block_keys", "E101", "blocks: {b: {layer: [Flatten]}}\nlayers: [b]\n")
case("block_called_as_an_op", "E211", "blocks: {Dense: {layers: [Flatten]}}\nlayers: [Flatten]\n")
case("param_reserved", "E212", "blocks: {b: {params: {name: 3}, layers: [Flatten]}}\nlayers: [b]\n")

# --- expressions -----------------------------------------------------------------------------------------------------

case(
    "expressions",
    "E201 E201 E201 E201 E202 E203 E203 E203 E203 E203",
    """\
vars: {width: 32, sizes: [8, 16], word: same}
layers:
  - {op: Dense, units: $width +}
  - {op: Dense, units: $width.real}
  - {op: Dense, units: $open('x')}
  - {op: Dense, units: $width && 3}
  - {op: Dense, units: $widht}
  - {op: Dense, units: $width / (width - 32)}
  - {op: Dense, units: "$sizes[2]"}
  - {op: Dense, units: $word * 2.0}
  - {op: Dense, units: $2 ** 999}
  - {op: Dense, units: $int(word)}
""",
)
case("expression_of_the_wrong_type", "E106", "vars: {width: 32}\nlayers:\n  - {op: Dense, units: $width / 2}\n")
case(
    "faulty_variable",
    "E203",
    """\
vars: {a: $b + 1, b: $1 // 0, c: $a * 2}
layers:
  - {op: Dense, units: $c, repeat: $a, when: $b > 0, name: first}
  - {op: Dense, units: $a, from: first}
  - {op: Conv2D, filters: 3, kernel_size: 3, from: first}
""",
)
case("circular_variables", "E214", "vars: {a: $b, b: $c, c: $a, d: $a + 1}\nlayers: [{op: Dense, units: $d}]\n")
case("variable_name", "E212", "vars: {my-width: 3}\nlayers: [Flatten]\n")
layers("when", "E106 E202", "{op: Flatten, when: maybe}", "{op: Flatten, when: $flat}")

# --- blocks, repeats, each -------------------------------------------------------------------------------------------

BLOCKS = """\
blocks:
  inner:
    params: {kernel: 3}
    layers: [{op: Conv2D, filters: 4, kernel_size: $kernel, name: conv}]
  outer:
    params: {kernel: 3, filters: int}
    layers:
      - {op: inner, kernel: $kernel, repeat: 2}
      - {op: Dense, units: $filters}
"""
case("deep_inside", "E404", f"{BLOCKS}layers:\n  - {{op: outer, filters: 4, kernel: 5, repeat: 4, name: stack}}\n")
case("in_every_copy", "E107", f"{BLOCKS}layers:\n  - {{op: outer, filters: 0, repeat: 3}}\n")
case("in_one_copy_of_each", "E107", f"{BLOCKS}layers:\n  - {{op: outer, each: {{f: [4, 0, 4]}}, filters: $f}}\n")
case(
    "params",
    "E204 E205 E206 E206",
    f"""{BLOCKS}layers:
  - {{op: outer, filters: 3, width: 4}}
  - outer
  - {{op: outer, filters: $2 / 2}}
  - {{op: outer, filters: 3, kernel: three}}
""",
)
case("param_misspelt", "E204", f"{BLOCKS}layers:\n  - {{op: outer, filter: 3}}\n")
case("recursion_by_way_of_another", "E207", "blocks:\n  a: {layers: [b]}\n  b: {layers: [Flatten, a]}\nlayers: [a]\n")
layers("repeat_negative", "E208", "{op: Flatten, repeat: -1}")
layers("repeat_text", "E208", "{op: Flatten, repeat: twice}")
case(
    "repeat_over_the_cap",
    "E209",
    """\
blocks: {b: {layers: [{op: Dense, units: 8, repeat: 1000}]}}
patch: {last: {units: 3}}
layers: [{op: b, repeat: 1000}, {op: Dense, units: 3, name: last}]
outputs: {y: last}
""",
)
layers("each_unequal", "E210", "{op: Dense, each: {u: [1, 2], v: [1]}, units: $u}")
layers("each_scalar", "E210", "{op: Dense, each: {u: 3}, units: $u}")
layers("each_list", "E210", "{op: Dense, each: [1, 2], units: 3}")
layers("each_and_repeat", "E113", "{op: Dense, each: {u: [1, 2]}, repeat: 2, units: $u}")
case(
    "nothing_left",
    "E308",
    "vars: {on: $false}\nlayers: [{op: Flatten, when: $'on' == 'off'}]\n".replace("on: $false", "x: 1"),
)

# --- names and references --------------------------------------------------------------------------------------------

layers("name_twice", "E211", "{op: Flatten, name: a}", "{op: Dense, units: 3, name: a}")
layers("name_reserved", "E212 E212", "{op: Flatten, name: prev}", "{op: Dense, units: 3, name: input}")
layers("name_of_an_input", "E212", "{op: Flatten, name: 3}")
layers(
    "reference_by_index", "E301 E301", "Flatten", "{op: Dense, units: 3, from: 0}", "{op: Dense, units: 3, from: '-1'}"
)
layers("reference_to_nothing", "E306", "{op: Dense, units: 3, from: []}")
layers(
    "reference_forward_into_a_block",
    "E302",
    "{op: Dense, units: 3, from: later.0}",
    "{op: Flatten, name: later, repeat: 2}",
)
layers("glob_without_a_match", "E301", "{op: Flatten, name: flat}", "{op: Concatenate, from: enc.*.skip}")
case(
    "reference_out_of_a_block",
    "E301",
    """\
blocks: {b: {layers: [{op: Add, from: [prev, stem]}]}}
layers: [{op: Dense, units: 8, name: stem}, b]
""",
)
case("outputs", "E301", "layers: [{op: Flatten, name: head}]\noutputs: {label: haed}\n")
case(
    "unreachable_input",
    "E304",
    "inputs: {a: {shape: [3]}, b: {shape: [3]}}\nlayers: [{op: Dense, units: 3, from: a}]\n",
)
case(
    "behind_a_fault",
    "E212 E208 E102 E205",
    f"""{BLOCKS}layers:
  - {{op: Conv2D, filters: 8, kernel_size: 3, name: "a b"}}
  - {{op: Flatten, repeat: -1, name: flat}}
  - {{op: Dense, units: 3, from: flat}}
  - {{op: Foo, name: foo}}
  - {{op: Concatenate, from: [foo, foo.bar]}}
  - {{op: outer, name: block}}
  - {{op: Add, from: [block.inner.0, block.inner.1.conv]}}
  - {{share: block.inner, name: again}}
outputs: [again]
""",
)
layers(
    "share",
    "E301 E104 E113",
    "{op: Dense, units: 8, name: enc}",
    "{share: encc}",
    "{share: enc, units: 4}",
    "{share: enc, op: Dense}",
)
layers(
    "share_of_a_block",
    "E309",
    "{op: sequence, name: enc, layers: [{op: Dense, units: 8}, {op: Dense, units: 4}]}",
    "{share: enc, name: again}",
)

# --- merges and residuals --------------------------------------------------------------------------------------------

layers("merge_of_one", "E305 E305", "Add", "{op: branches, paths: {only: []}}")
layers(
    "add_mismatch",
    "E401",
    "{op: Dense, units: 4, name: a}",
    "{op: Dense, units: 3, name: b}",
    "{op: Add, from: [a, b]}",
)
layers(
    "add_broadcast",
    "E401",
    "{op: Conv2D, filters: 8, kernel_size: 3, name: a}",
    "{op: GlobalAveragePooling2D, name: b}",
    "{op: Multiply, from: [a, b]}",
)
layers("concatenate_mismatch", "E401", "{op: MaxPooling2D, name: half}", "{op: Concatenate, from: [input, half]}")
layers("concatenate_axis", "E408", "{op: Concatenate, from: [input, input], axis: 7}")
layers("third_of_three", "E401", "{op: MaxPooling2D, name: half}", "{op: Concatenate, from: [input, input, half]}")
layers(
    "branches_mismatch",
    "E401",
    "{op: branches, merge: Add, paths: {wide: [{op: Dense, units: 3}], deep: [{op: Dense, units: 4}]}}",
)
layers(
    "branches_forms",
    "E102 E105 E104",
    "{op: branches, merge: Ad, paths: [[], []]}",
    "branches",
    "{op: residual, layer: []}",
)
case(
    "residual_in_a_block",
    "E402",
    """\
blocks:
  res:
    params: {f: int}
    layers:
      - op: residual
        layers: [{op: Conv2D, filters: $f, kernel_size: 3, strides: 2, padding: same}, BatchNormalization]
layers:
  - {op: res, each: {f: [8, 16]}, f: $f, name: stage}
""",
)
layers("residual_of_another_rank", "E402", "{op: residual, layers: [Flatten]}")

# --- inputs of layers ------------------------------------------------------------------------------------------------

layers("rank", "E403", "GlobalAveragePooling2D", "{op: Conv2D, filters: 3, kernel_size: 3, name: late}")
case("rank_of_a_recurrent_layer", "E403", "input: [28]\nlayers: [{op: LSTM, units: 3}]\n")
layers("kernel_dilated", "E404", "{op: Conv2D, filters: 3, kernel_size: 5, dilation_rate: 8}")
layers("pooled_to_nothing", "E405", "{op: MaxPooling2D, pool_size: 5, repeat: 3}")
layers("strides_with_dilation", "E406", "{op: Conv2D, filters: 3, kernel_size: 3, strides: 2, dilation_rate: 2}")
layers(
    "groups",
    "E407 E407",
    "{op: Conv2D, filters: 9, kernel_size: 3, groups: 4}",
    "{op: Conv2D, filters: 9, kernel_size: 3, groups: 3, from: input, name: b}",
    "{op: Concatenate, from: [Conv2D, b]}",
)
layers("group_normalization", "E407", "{op: GroupNormalization, groups: 3}")
layers("axis", "E408", "{op: BatchNormalization, axis: 4}")
layers("axis_of_the_batch", "E408", "{op: LayerNormalization, axis: 0}")
layers("axis_beside_the_channels", "W409", "{op: BatchNormalization, axis: 1}")
layers(
    "reshape",
    "E410 E410",
    "{op: Reshape, target_shape: [14, 14, 30]}",
    "{op: Reshape, target_shape: [-1, 5], from: input}",
    "{op: Add, from: [Reshape, Reshape_1]}",
)
case("undefined_dimension", "E411", "input: [null, 8]\nlayers: [Flatten, {op: Dense, units: 3}]\n")
case("integers", "E412", "input: {shape: [8], dtype: int32}\nlayers: [Softmax]\n")
layers(
    "named_inputs",
    "E306 E306 E306",
    "{op: MultiHeadAttention, num_heads: 2, key_dim: 2, from: {query: prev, valu: prev}}",
    "{op: MultiHeadAttention, num_heads: 2, key_dim: 2}",
    "{op: Dense, units: 3, from: {x: prev}}",
)
case(
    "block_inputs",
    "E306",
    """\
blocks: {b: {inputs: [x, skip], layers: [{op: Dense, units: 3}, {op: Add, from: [prev, skip]}]}}
layers: [{op: Dense, units: 3}, b]
""",
)
case(
    "block_input_ambiguous",
    "E307",
    """\
blocks: {b: {inputs: [x, skip], layers: [{op: Dense, units: 3}, {op: Add, from: [prev, skip]}]}}
layers: [{op: Dense, units: 3}, {op: b, from: [input, prev]}]
""",
)

# --- patches ---------------------------------------------------------------------------------------------------------

case(
    "patch_glob",
    "E213 E213",
    "patch: {'*.conv': {units: 3}, heed: {units: 3}}\nlayers: [{op: Dense, units: 4, name: head}]\n",
)
case(
    "patch_argument",
    "E104 E107",
    "patch: {head: {unit: 3}, hidden: {units: 0}}\n"
    "layers: [{op: Dense, units: 4, name: hidden}, {op: Dense, units: 4, name: head}]\n",
)
case(
    "patch_inserted",
    "E102 E403",
    """\
patch:
  stem: {insert_after: [{op: Conv1D, filters: 3, kernel_size: 3}]}
  head: {insert_before: Denze}
layers: [{op: Dense, units: 4, name: stem}, {op: Flatten, name: head}]
""",
)
case(
    "patch_form",
    "E114 E215 E215 E215",
    """\
patch: {a: 5, b: {remove: no}, c: {remove: true, replace: [Flatten]}, d: {units: 3}}
layers: [{op: Flatten, name: a}, {op: Flatten, name: b}, {op: Flatten, name: c},
  {op: sequence, name: d, layers: [Flatten]}]
""",
)
case("freeze", "E114 E213 E213", "freeze: [stem, 3, '*.Dense', '!hed']\nlayers: [{op: Dense, units: 4, name: stem}]\n")
case("freeze_text", "E114", "freeze: stem\nlayers: [{op: Dense, units: 4, name: stem}]\n")
case("freeze_back", "E114", "freeze: ['!head']\nlayers: [{op: Dense, units: 4, name: head}]\n")
case("freeze_bare", "E001", "freeze: ['*', !head]\nlayers: [{op: Dense, units: 4, name: head}]\n")
case("freeze_bare_entry", "E005", "freeze:\n  - '*'\n  - !head\nlayers: [{op: Dense, units: 4, name: head}]\n")
