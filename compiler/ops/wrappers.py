"""Wrappers: layers that run another layer, over time or in both directions."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

from compiler.ir import TensorType
from compiler.ops.base import FLOATS, Arity, Mismatch, Nested, Op, Signature, dims, elements, scaled
from compiler.ops.nesting import about, inside, nested
from compiler.ops.recurrent import OverTime
from compiler.ops.registry import FAMILIES
from compiler.settings import Annotation, choice

_RECURRENT = ", ".join([*FAMILIES["recurrent"].split(), *FAMILIES["conv_lstm"].split()])


def _check_maybe_layer(value: object, name: str) -> object:
    return None if value is None else nested.check(value, name)


MaybeNested = Annotated[
    Op | None, Annotation(_check_maybe_layer, lambda: {"anyOf": [nested.schema(), {"type": "null"}]})
]


class Wrapper(Op, abstract=True):
    """Abstract: one tensor in, one out, by way of another layer."""

    arity: ClassVar[Arity] = "one"

    layer: Nested

    def check(self) -> Iterable[Mismatch]:
        for fault in self.layer.check():
            yield about(self.layer, fault, "layer")

    def warnings(self) -> Iterable[Mismatch]:
        """Keras leaves the layers inside trainable when `trainable: false` stands on the wrapper."""
        if not self.trainable and self.layer.trainable:
            hint = "set it in the layer inside"
            yield Mismatch("W607", "does not freeze the layer that it wraps", hint=hint, argument="trainable")


class TimeDistributed(Wrapper):
    """The same layer at each step: (time, ...) in, (time, ...) out."""

    def check(self) -> Iterable[Mismatch]:
        if self.layer.arity != "one":
            message = f"needs a layer with one input (got {type(self.layer).__name__!r})"
            yield Mismatch("E107", message, argument="layer")
        elif type(self.layer).__name__ == "Pipeline":
            message = "cannot hold a 'Pipeline': Keras has no rule for its output there"
            yield Mismatch("E107", message, hint="hold its layers one by one", argument="layer")
        yield from super().check()

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        (x,) = inputs.values()
        if len(x.shape) < 2:
            message = f"needs an input with at least 2 dimensions besides the batch (got {dims(x.shape)})"
            raise Mismatch("E403", message, hint="the first is time, the others are what enters the layer inside")
        steps, *rest = x.shape
        dtype = self.output_dtype([x.dtype], precision)
        # Keras casts floats on the way into the wrapper and nothing else: the layer inside sees integers as they are.
        step = TensorType(tuple(rest), dtype if x.dtype in FLOATS else x.dtype)
        inner = inside(self.layer, step, precision, "layer")
        warnings = (*self.warnings(), *inner.warnings)
        if inner.output is None:
            return replace(inner, warnings=warnings)
        flops = None if steps is None or inner.flops is None else steps * inner.flops
        return Signature(TensorType((steps, *inner.output.shape), dtype), inner.weights, flops, warnings)


class Bidirectional(Wrapper):
    """A recurrent layer run in both directions, and the two merged. Schuster & Paliwal 1997.

    Without `backward_layer` the second is a copy of `layer` that goes backwards, with weights of its own.
    """

    merge_mode: Annotated[str, choice("concat", "sum", "mul", "ave")] = "concat"
    backward_layer: MaybeNested = None

    def _both(self) -> tuple[OverTime, OverTime]:
        """The layer forwards and the layer backwards.

        Raises:
            Mismatch: they are no such pair.
        """
        forward, backward = self.layer, self.backward_layer
        for argument, layer in (("layer", forward), ("backward_layer", backward)):
            if layer is not None and not isinstance(layer, OverTime):
                message = f"needs a recurrent layer as its {argument!r}: {_RECURRENT} (got {type(layer).__name__!r})"
                raise Mismatch("E107", message, argument=argument)
        assert isinstance(forward, OverTime), "held by the loop above"
        if backward is None:
            if forward.go_backwards:
                message = "goes backwards by itself: its 'layer' must not"
                raise Mismatch("E107", message, hint="leave out go_backwards", argument="layer")
            return forward, forward.model_copy(update={"go_backwards": True})
        assert isinstance(backward, OverTime), "held by the loop above"
        if backward.go_backwards == forward.go_backwards:
            message = "needs a 'backward_layer' that goes the other way than its 'layer'"
            raise Mismatch("E107", message, hint="set go_backwards: true in one of the two", argument="backward_layer")
        for name in ("return_sequences", "units"):
            first, second = getattr(forward, name, None), getattr(backward, name, None)
            if None not in (first, second) and first != second:
                message = f"needs {name!r} to be the same in 'layer' and 'backward_layer' (got {first} and {second})"
                raise Mismatch("E410", message, argument="backward_layer")
        return forward, backward

    def check(self) -> Iterable[Mismatch]:
        try:
            self._both()
        except Mismatch as fault:
            yield fault
        yield from super().check()
        if self.backward_layer is not None:
            for fault in self.backward_layer.check():
                yield about(self.backward_layer, fault, "backward_layer")

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        (x,) = inputs.values()
        forward, backward = self._both()
        there = inside(forward, x, precision, "layer")
        back = inside(backward, x, precision, "backward_layer" if self.backward_layer else "layer")
        assert there.output is not None and back.output is not None, "a recurrent layer knows its output"
        if there.output.shape != back.output.shape:
            shapes = f"{dims(there.output.shape)} and {dims(back.output.shape)}"
            message = f"needs outputs of one shape from 'layer' and 'backward_layer' (got {shapes})"
            raise Mismatch("E410", message, argument="backward_layer")
        *shape, last = there.output.shape
        shape = (*shape, scaled(last, 2 if self.merge_mode == "concat" else 1))
        merge = {"concat": 0, "sum": 1, "mul": 1, "ave": 2}[self.merge_mode]
        flops = None
        if there.flops is not None and back.flops is not None:
            flops = there.flops + back.flops + merge * elements(shape)
        return Signature(
            output=TensorType(shape, self.output_dtype([x.dtype], precision)),
            weights=there.weights + back.weights,
            flops=flops,
            warnings=(*self.warnings(), *there.warnings),
        )
