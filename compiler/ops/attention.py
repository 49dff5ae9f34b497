"""Attention: each step of a query takes a weighted mean of the values, by how its key fits the query.

FLOPs count the products: projections, scores, and the weighted mean. Self-attention is spelled out in a model file:
`from: {query: prev, value: prev}`.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import prod
from typing import Annotated, ClassVar

from compiler.errors import shown
from compiler.ir import Shape, TensorType, Weight
from compiler.ops.axes import MaybeAxes, axis_index
from compiler.ops.base import Mismatch, NamedOp, Signature, dims, elements, known
from compiler.ops.objects import Initializer, MaybeConstraint, MaybeRegularizer
from compiler.settings import (
    Annotation,
    Bool,
    MaybeInt,
    MaybePositiveInt,
    PositiveInt,
    Rate,
    choice,
    field_error,
    is_bool,
    is_int,
    is_list_of,
    rule,
)


def _check_flash(value: object, name: str) -> object:
    if value is not None and not is_bool(value):
        raise field_error("E106", f"{name!r} must be false or null (got {shown(value)})")
    if value:
        hint = "Keras has no flash attention on TensorFlow"
        raise field_error("E107", f"{name!r} must be false or null (got {shown(value)})", hint)
    return value


Flash = Annotated[bool | None, Annotation(_check_flash, lambda: {"enum": [False, None]})]

OutputShape = Annotated[
    int | tuple[int, ...] | None,
    rule(
        "a positive integer or a list of positive integers",
        lambda value: is_int(value) or is_list_of(is_int)(value),
        lambda value: value != [] and min([value] if is_int(value) else value) > 0,
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1},
            ]
        },
        none=True,
        convert=lambda value: value if is_int(value) else value[0] if len(value) == 1 else tuple(value),
    ),
]


def _numbers(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else value


class QueryValueKey(NamedOp, abstract=True):
    """Abstract: `query` and `value` enter, and a `key` where it is not the value itself."""

    operands: ClassVar[tuple[str, ...]] = ("query", "value", "key")
    required: ClassVar[int] = 2
    call_arguments: ClassVar[tuple[str, ...]] = ("use_causal_mask",)

    use_causal_mask: Bool = False


def _key(xs: Mapping[str, Shape]) -> Shape:
    return xs.get("key", xs["value"])


def _require_same_steps(xs: Mapping[str, Shape]) -> None:
    """Each value has its key: all axes but the last are equal."""
    value, key = xs["value"], _key(xs)
    if value[:-1] != key[:-1]:
        message = (
            f"needs a key for each value: all axes but the last equal (got key {dims(key)} and value {dims(value)})"
        )
        raise Mismatch("E410", message)


def _features(xs: Mapping[str, Shape], name: str) -> int:
    x = _key(xs) if name == "key" else xs[name]
    return known(x[-1], f"the size of the last axis of its {name}")


# --- with projections ------------------------------------------------------------------------


class Projected(QueryValueKey, abstract=True):
    """Abstract: query, key and value are projected into heads, and the heads back into one output."""

    dropout: Rate = 0.0
    use_bias: Bool = True
    sliding_window: MaybePositiveInt = None
    flash_attention: Flash = None
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: MaybeRegularizer = None
    bias_regularizer: MaybeRegularizer = None
    kernel_constraint: MaybeConstraint = None
    bias_constraint: MaybeConstraint = None
    use_gate: Bool = False
    seed: MaybeInt = None

    @abstractmethod
    def heads(self) -> dict[str, tuple[int, int]]:
        """Number and size of the heads of `query`, `key` and `value`."""

    @abstractmethod
    def features_out(self, xs: Mapping[str, Shape]) -> tuple[int, ...]:
        """The output's axes after those of the query's steps."""

    def _kernels(self, xs: Mapping[str, Shape]) -> Iterable[tuple[str, tuple[int, ...], tuple[int, ...]]]:
        """Each projection in Keras's order: whose steps it works on, and the shapes of its kernel and its bias."""
        heads = self.heads()
        mean = (heads["query"][0], heads["value"][1])
        projections = [("query", heads["query"]), ("key", heads["key"])]
        projections += [("query", mean)] if self.use_gate else []
        for name, shape in [*projections, ("value", heads["value"])]:
            yield name, (_features(xs, name), *shape), shape
        out = self.features_out(xs)
        yield "query", (*mean, *out), out

    def weights(self, xs: Mapping[str, Shape]) -> Iterable[Weight]:
        for _, kernel, bias in self._kernels(xs):
            yield Weight("kernel", kernel)
            if self.use_bias:
                yield Weight("bias", bias)

    def flops(self, xs: Mapping[str, Shape], y: Shape) -> int:
        total = 0
        for name, kernel, bias in self._kernels(xs):
            x = _key(xs) if name == "key" else xs[name]
            total += elements(x[:-1]) * (2 * prod(kernel) + self.use_bias * prod(bias))
        number, size = self.heads()["query"]
        pairs = elements(xs["query"][:-1]) * self.attended(xs)
        return total + 2 * number * pairs * (size + self.heads()["value"][1])

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        """Keras leaves the projections trainable when `trainable: false` stands on the layer."""
        signature = super().signature(inputs, precision)
        if self.trainable:
            return signature
        message = "does not freeze its projections: Keras trains them all the same"
        weights = self.weights({name: x.shape for name, x in inputs.items()})
        return replace(signature, weights=tuple(weights), warnings=(Mismatch("W607", message, argument="trainable"),))

    @abstractmethod
    def attended(self, xs: Mapping[str, Shape]) -> int:
        """How many values each step of the query sees."""


class MultiHeadAttention(Projected):
    """`num_heads` attentions side by side, each with its own projections. Vaswani et al. 2017, arXiv 1706.03762.

    The axes between the batch and the last one are attended over, or of them `attention_axes`, which count the batch
    as 0; along the others query and value agree.
    """

    num_heads: PositiveInt
    key_dim: PositiveInt
    value_dim: MaybePositiveInt = None
    output_shape: OutputShape = None
    attention_axes: MaybeAxes = None

    def heads(self) -> dict[str, tuple[int, int]]:
        keys = (self.num_heads, self.key_dim)
        return {"query": keys, "key": keys, "value": (self.num_heads, self.value_dim or self.key_dim)}

    def features_out(self, xs: Mapping[str, Shape]) -> tuple[int, ...]:
        return (_features(xs, "query"),) if self.output_shape is None else _numbers(self.output_shape)

    def _axes(self, x: Shape) -> tuple[int, ...]:
        """The attended axes, counted without the batch; raises E408 where one is no axis of steps."""
        steps = len(x) - 1
        if self.attention_axes is None:
            return tuple(range(steps))
        axes: list[int] = []
        for axis in _numbers(self.attention_axes):
            place = axis_index(axis, x, "attention_axes")
            if place == steps or place in axes:
                twice = " twice" if place in axes else ""
                message = f"attends over axes between the batch and the last one (got axis {axis}{twice} of {dims(x)})"
                hint = f"axes are counted with the batch as 0: 1 to {steps}"
                raise Mismatch("E408", message, hint=hint, argument="attention_axes")
            axes.append(place)
        return tuple(axes)

    def infer(self, xs: Mapping[str, Shape]) -> Shape:
        query, value = xs["query"], xs["value"]
        if len(query) < 2 or len(query) != len(value):
            message = "needs a query and a value with the same number of dimensions, at least 2 besides the batch"
            raise Mismatch("E403", f"{message} (got {dims(query)} and {dims(value)})")
        _require_same_steps(xs)
        axes = self._axes(query)
        for axis in range(len(query) - 1):
            if axis not in axes and None not in (query[axis], value[axis]) and query[axis] != value[axis]:
                message = f"needs query and value to agree along axis {axis + 1}, which is not attended over"
                raise Mismatch("E410", f"{message} (got {dims(query)} and {dims(value)})")
        masks = [name for name in ("use_causal_mask", "sliding_window") if getattr(self, name)]
        if masks and axes != (0,):
            message = f"masks steps along axis 1 alone ({masks[0]!r}), and attends over other axes"
            raise Mismatch("E107", message, hint="attention_axes: 1", argument=masks[0])
        return (*query[:-1], *self.features_out(xs))

    def attended(self, xs: Mapping[str, Shape]) -> int:
        return elements(tuple(xs["value"][axis] for axis in self._axes(xs["query"])))


class GroupQueryAttention(Projected):
    """Several heads of the query share one head of key and value. Ainslie et al. 2023, arXiv 2305.13245."""

    head_dim: PositiveInt
    num_query_heads: PositiveInt
    num_key_value_heads: PositiveInt

    def check(self) -> Iterable[Mismatch]:
        if self.num_query_heads % self.num_key_value_heads:
            message = (
                f"has {self.num_query_heads} query heads, which do not divide among {self.num_key_value_heads} "
                "key-value heads"
            )
            yield Mismatch("E407", message, argument="num_key_value_heads")

    def heads(self) -> dict[str, tuple[int, int]]:
        shared = (self.num_key_value_heads, self.head_dim)
        return {"query": (self.num_query_heads, self.head_dim), "key": shared, "value": shared}

    def features_out(self, xs: Mapping[str, Shape]) -> tuple[int, ...]:
        return (_features(xs, "query"),)

    def infer(self, xs: Mapping[str, Shape]) -> Shape:
        for name, x in xs.items():
            if len(x) != 2:
                raise Mismatch("E403", f"needs a {name} with 2 dimensions besides the batch (got {dims(x)})")
        query, value = xs["query"], xs["value"]
        _require_same_steps(xs)
        if query[-1] != value[-1]:
            message = f"needs a query and a value of one last axis (got {dims(query)} and {dims(value)})"
            raise Mismatch("E410", message, hint="bring them to one size with a Dense before it")
        return query

    def attended(self, xs: Mapping[str, Shape]) -> int:
        return elements(xs["value"][:1])


# --- without projections ---------------------------------------------------------------------


class Scored(QueryValueKey, abstract=True):
    """Abstract: attention by one score for each pair of query and key; (..., steps, features) enter.

    Class attributes:
        listed: Keras takes the operands as one list, in order.
    """

    listed: ClassVar[bool] = True

    dropout: Rate = 0.0

    def infer(self, xs: Mapping[str, Shape]) -> Shape:
        query, value, key = xs["query"], xs["value"], _key(xs)
        for name, x in xs.items():
            if len(x) < 2 or len(x) != len(query):
                message = f"needs a {name} with at least 2 dimensions besides the batch, as many as its query"
                raise Mismatch("E403", f"{message} (got {dims(x)})")
        if not _may_be_equal(value[-2:-1], key[-2:-1]):
            message = f"needs a key for each value (got {dims(key)} and {dims(value)})"
            raise Mismatch("E410", message)
        if not all(_may_be_equal(query[:-2], x[:-2]) for x in (value, key)):
            message = "needs inputs that agree along all axes but the last two"
            raise Mismatch("E410", f"{message} (got {', '.join(dims(x) for x in xs.values())})")
        if not _may_be_equal(query[-1:], key[-1:]):
            message = f"needs a query and a key of one last axis (got {dims(query)} and {dims(key)})"
            raise Mismatch("E410", message, hint="bring them to one size with a Dense before it")
        return (*query[:-1], value[-1])

    @abstractmethod
    def operations(self) -> int:
        """Operations for each feature of each pair of query and key."""

    def flops(self, xs: Mapping[str, Shape], y: Shape) -> int:
        pairs = elements(xs["query"][:-1]) * elements(_key(xs)[-2:-1])
        return pairs * (self.operations() * _features(xs, "query") + 2 * _features(xs, "value"))


def _may_be_equal(x: Shape, y: Shape) -> bool:
    return len(x) == len(y) and all(a == b or None in (a, b) for a, b in zip(x, y, strict=True))


class Attention(Scored):
    """Scores by query . key, or with `score_mode: concat` by tanh(query + key). Luong et al. 2015, arXiv 1508.04025."""

    use_scale: Bool = False
    score_mode: Annotated[str, choice("dot", "concat")] = "dot"
    seed: MaybeInt = None

    def weights(self, xs: Mapping[str, Shape]) -> Iterable[Weight]:
        if self.use_scale:
            yield Weight("scale", (), trainable=self.trainable)
        if self.score_mode == "concat":
            yield Weight("concat_score_weight", (), trainable=self.trainable)

    def operations(self) -> int:
        return 2 if self.score_mode == "dot" else 3 + self.use_scale


class AdditiveAttention(Scored):
    """Scores by scale . tanh(query + key). Bahdanau et al. 2014, arXiv 1409.0473."""

    use_scale: Bool = True

    def weights(self, xs: Mapping[str, Shape]) -> Iterable[Weight]:
        if self.use_scale:
            yield Weight("scale", (_features(xs, "query"),), trainable=self.trainable)

    def operations(self) -> int:
        return 3 + self.use_scale
