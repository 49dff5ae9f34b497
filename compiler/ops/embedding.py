"""Embeddings: a learned vector for each index."""

from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar

from compiler.ir import Shape, TensorType, Weight
from compiler.ops.base import FLOATS, Mismatch, Signature, UnaryOp, dims, elements
from compiler.ops.core import lora_conflict, require_float
from compiler.ops.objects import Initializer, MaybeConstraint, MaybeRegularizer
from compiler.settings import Bool, MaybePositiveInt, MaybePositiveNumber, PositiveInt, choice

_EXACT = {"bfloat16": 2**8, "float16": 2**11, "float32": 2**24}
"""Up to where a dtype tells all integers apart."""


class Indexed(UnaryOp, abstract=True):
    """Abstract: indices below `input_dim` in, as integers or floats, which Keras casts; vectors of `output_dim` out."""

    input_dim: PositiveInt
    output_dim: PositiveInt
    embeddings_initializer: Initializer = "random_uniform"
    embeddings_regularizer: MaybeRegularizer = None
    embeddings_constraint: MaybeConstraint = None
    mask_zero: Bool = False

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        (x,) = inputs.values()
        exact = _EXACT.get(x.dtype)
        if exact is not None and self.input_dim > exact + 1:
            raise Mismatch(
                "E412",
                f"needs integers: {x.dtype} mixes up indices above {exact}, and 'input_dim' is {self.input_dim}",
                hint="give the input dtype: int32",
            )
        return super().signature(inputs, precision)

    def infer(self, x: Shape) -> Shape:
        return (*x, self.output_dim)

    def flops(self, x: Shape, y: Shape) -> int:
        return 0


class Embedding(Indexed):
    """A learned vector for each index below `input_dim`; indices may come as floats, which Keras casts to integers."""

    lora_rank: MaybePositiveInt = None
    lora_alpha: MaybePositiveInt = None

    def check(self) -> Iterable[Mismatch]:
        return lora_conflict(self.lora_rank, self.embeddings_constraint, "embeddings_constraint")

    def weights(self, x: Shape) -> Iterable[Weight]:
        yield Weight("embeddings", (self.input_dim, self.output_dim), trainable=self.lora_rank is None)
        if self.lora_rank is not None:
            yield Weight("lora_embeddings_a", (self.input_dim, self.lora_rank))
            yield Weight("lora_embeddings_b", (self.lora_rank, self.output_dim))


class ReversibleEmbedding(Indexed):
    """An embedding that can also take vectors back to scores of indices. Press & Wolf 2017, arXiv 1608.05859.

    With `reverse` it is called so: (..., output_dim) in, (..., input_dim) out, by the same weights, or by weights of
    their own without `tie_weights`.
    """

    call_arguments: ClassVar[tuple[str, ...]] = ("reverse",)

    tie_weights: Bool = True
    reverse_dtype: Annotated[str | None, choice(*FLOATS, none=True)] = None
    logit_soft_cap: MaybePositiveNumber = None
    reverse: Bool = False

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        (x,) = inputs.values()
        if not self.reverse:
            return super().signature(inputs, precision)
        require_float(x)
        return UnaryOp.signature(self, inputs, precision)

    def infer(self, x: Shape) -> Shape:
        if not self.reverse:
            return super().infer(x)
        if not x or x[-1] not in (None, self.output_dim):
            message = f"takes vectors of {self.output_dim} ('output_dim') back to indices (got {dims(x)})"
            raise Mismatch("E410", message, argument="reverse")
        return (*x[:-1], self.input_dim)

    def weights(self, x: Shape) -> Iterable[Weight]:
        yield Weight("embeddings", (self.input_dim, self.output_dim))
        if not self.tie_weights:
            yield Weight("reverse_embeddings", (self.output_dim, self.input_dim))

    def flops(self, x: Shape, y: Shape) -> int:
        """Nothing for a look-up; the product, and the soft cap's three, for the way back."""
        if not self.reverse:
            return 0
        return (2 * self.output_dim + (0 if self.logit_soft_cap is None else 3)) * elements(y)
