"""Model files with faults in functions of `keras.ops`; they join those of `faulty_models.py` in `CASES`."""

from __future__ import annotations

from tests.language.faulty_models import CASES, case, layers

__all__ = ["CASES"]

layers("no_such_function", "E102 E102", "ops.meen", "{op: ops.svd}")
layers(
    "functions_and_numbers",
    "E306 E107 E106 E412 E104",
    "{op: ops.add, name: lonely}",
    "{op: ops.multiply, x1: 1, x2: 2.0, from: input}",
    "{op: ops.multiply, x2: two, from: input}",
    "{op: ops.greater, x2: 0, from: input, name: above}",
    "{op: ops.add, from: [above, above]}",
    "{op: ops.relu, trainable: false, from: input}",
)
case(
    "functions_and_the_batch",
    "E408 E408 E107 E107 E408 E408",
    """\
layers:
  - {op: ops.mean, name: a}
  - {op: ops.sum, axis: 0, from: input, name: b}
  - {op: ops.reshape, newshape: [28, 224], from: input, name: c}
  - {op: ops.get_item, key: [0], from: input, name: d}
  - {op: ops.transpose, axes: [1, 0, 2, 3], from: input, name: e}
  - {op: ops.concatenate, from: [input, input], name: f}
outputs: [a, b, c, d, e, f]
""",
)
case(
    "functions_and_shapes",
    "E401 E401 E410 E102",
    """\
layers:
  - {op: ops.mean, axis: [1, 2], name: pooled}
  - {op: ops.add, from: [input, pooled], name: a}
  - {op: ops.matmul, from: {x1: input, x2: input}, name: b}
  - {op: ops.reshape, newshape: [-1, 28, 28], from: input, name: c}
  - {op: TimeDistributed, layer: ops.relu, from: input, name: d}
outputs: [a, b, c, d]
""",
)
