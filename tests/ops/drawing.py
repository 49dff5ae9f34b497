"""What the modules `draw_*.py` are made of: a `Draw` is one layer's arguments and what enters it.

Each of them defines `DRAWS: dict[str, SearchStrategy[Draw]]` by op name; `test_against_keras.py` collects them.
A draw need not be right: where Keras refuses it, the op must too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from compiler.ir import Shape

T = TypeVar("T")


@dataclass(frozen=True)
class Draw:
    """Arguments of a layer, and the shapes and dtypes of its inputs.

    Attributes:
        args: plain values, as a model file has them (nested objects are {"op": ...}).
        shapes: one for each input, without the batch: a tuple (one tensor, or a list of them), or by call argument.
        dtypes: by the same key ("0", "1", ... or the call argument); float32 where nothing is said.
    """

    args: dict[str, object]
    shapes: tuple[Shape, ...] | Mapping[str, Shape]
    dtypes: Mapping[str, str] = field(default_factory=dict)

    @property
    def inputs(self) -> dict[str, tuple[Shape, str]]:
        """Shape and dtype of each input, by the key that `Op.signature` takes."""
        by_key = self.shapes if isinstance(self.shapes, Mapping) else {str(i): x for i, x in enumerate(self.shapes)}
        return {key: (shape, self.dtypes.get(key, "float32")) for key, shape in by_key.items()}


def optional(**fields: SearchStrategy[object]) -> SearchStrategy[dict[str, object]]:
    """Arguments of which any may be left out."""
    return st.fixed_dictionaries({}, optional=fields)


def mostly(usual: SearchStrategy[T], other: SearchStrategy[T], one_in: int = 8) -> SearchStrategy[T]:
    """`other` one time in `one_in`. (`one_of` with a strategy repeated counts it once.)"""
    return st.sampled_from([usual] * (one_in - 1) + [other]).flatmap(lambda chosen: chosen)


def dims(low: int = 1, high: int = 9, *, unknown: bool = True) -> SearchStrategy[int | None]:
    """One dimension; seldom None where `unknown`."""
    numbers: SearchStrategy[int | None] = st.integers(low, high)
    return mostly(numbers, st.none()) if unknown else numbers


def shapes(low: int, high: int | None = None, *, size: int = 9, unknown: bool = True) -> SearchStrategy[Shape]:
    """A shape of `low` to `high` dimensions besides the batch."""
    return st.lists(dims(high=size, unknown=unknown), min_size=low, max_size=low if high is None else high).map(tuple)


def sizes(rank: int, low: int = 1, high: int = 4) -> SearchStrategy[int | list[int]]:
    """One integer for all of `rank` axes, or a list of one for each."""
    number = st.integers(low, high)
    return st.one_of(number, st.lists(number, min_size=rank, max_size=rank))


PADDING = st.sampled_from(["valid", "same"])
DATA_FORMAT = st.sampled_from([None, "channels_last", "channels_first"])
ACTIVATION: SearchStrategy[object] = st.sampled_from(
    [None, "relu", "tanh", "softmax", {"op": "LeakyReLU", "negative_slope": 0.1}, {"op": "ELU"}, {"op": "Softmax"}]
)
INITIALIZER: SearchStrategy[object] = st.sampled_from(
    ["he_normal", "Zeros", {"op": "RandomNormal", "stddev": 0.1, "seed": 1}, {"op": "Constant", "value": 0.5}]
)
REGULARIZER: SearchStrategy[object] = st.sampled_from([None, "L2", {"op": "L1L2", "l1": 0.1, "l2": 0.2}])
CONSTRAINT: SearchStrategy[object] = st.sampled_from([None, "NonNeg", {"op": "MaxNorm", "max_value": 3}])
DTYPE = st.sampled_from([None, "float16", "float64", "mixed_bfloat16"])
"""For a layer's own `dtype`."""
FLOAT = st.sampled_from(["float32", "float16", "bfloat16", "float64"])
INTEGER = st.sampled_from(["int32", "int64", "uint8"])
