"""Vocabularies: strings and integers as indices or vectors, texts as lists of indices.

A vocabulary stands in the model file, as a list: no file is read because a model file names it, and nothing is learned
from data (Keras's `adapt`) before the model is built.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

from compiler.errors import shown
from compiler.ir import Shape, TensorType
from compiler.ops.base import Mismatch, Signature, dims, require_rank
from compiler.ops.encoding import Encoding, Ragless, Salt, one_hot, require_sample
from compiler.settings import (
    Annotation,
    Bool,
    Int,
    MaybeInt,
    MaybePositiveInt,
    MaybeStr,
    NonNegativeInt,
    Str,
    Test,
    choice,
    field_error,
    is_int,
    is_list_of,
    is_number,
    is_str,
    rule,
)


def _words(items: str, of: Test, schema: str) -> Annotation:
    """Annotation for an inline vocabulary, which is a list of `items`."""

    def check(value: object, name: str) -> object:
        if value is None or (is_list_of(of)(value) and value):
            return None if value is None else tuple(value)  # pyright: ignore[reportArgumentType]  # a list, as tested
        hint = "no file is read here: write the words as a list, or take them from your configuration, ${...}"
        message = f"{name!r} must be a list of {items} (got {shown(value)})"
        raise field_error("E106", message, hint if is_str(value) else None)

    words: dict[str, object] = {"type": "array", "items": {"type": schema}, "minItems": 1}
    return Annotation(check, lambda: {"anyOf": [words, {"type": "null"}]}, f"a list of {items} or null")


Words = Annotated[tuple[str, ...] | None, _words("strings", is_str, "string")]
Numbers = Annotated[tuple[int, ...] | None, _words("integers", is_int, "integer")]
Weights = Annotated[
    tuple[float, ...] | None,
    rule(
        "a list of numbers",
        is_list_of(is_number),
        schema={"type": "array", "items": {"type": "number"}},
        none=True,
        convert=tuple,
    ),
]
OutputMode = Annotated[str, choice("int", "one_hot", "multi_hot", "count", "tf_idf")]
Grams = Annotated[
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
        convert=lambda value: value if is_int(value) else tuple(value),
    ),
]


class Vocabulary(Encoding, abstract=True):
    """Abstract: a vocabulary, after `num_oov_indices` for what is not in it; before all, in the mode int, a mask."""

    trainable: ClassVar[bool] = True  # pyright: ignore[reportIncompatibleVariableOverride]  # Keras drops it
    dtype: ClassVar[None] = None  # pyright: ignore[reportIncompatibleVariableOverride]  # Keras drops it
    activity_regularizer: ClassVar[None] = None  # pyright: ignore[reportIncompatibleVariableOverride]  # Keras has no such argument

    max_tokens: MaybePositiveInt = None
    idf_weights: Weights = None
    output_mode: OutputMode = "int"
    pad_to_max_tokens: Bool = False

    @abstractmethod
    def entries(self) -> tuple[object, ...] | None:
        """The vocabulary as it is written."""

    @abstractmethod
    def special(self) -> tuple[object, ...]:
        """What stands before the vocabulary's own entries."""

    @abstractmethod
    def reserved(self) -> tuple[object, ...]:
        """What must not stand in the vocabulary."""

    def own(self) -> tuple[object, ...]:
        """The entries, without the special ones that may stand before them."""
        entries, special = self.entries() or (), self.special()
        return entries[len(special) :] if entries[: len(special)] == special else entries

    def depth(self) -> int:
        """The length of its vectors."""
        if self.pad_to_max_tokens and self.max_tokens is not None:
            return self.max_tokens
        return len(self.special()) + len(self.own())

    def check(self) -> Iterable[Mismatch]:
        entries = self.entries()
        if entries is None:
            hint = "adapt() would learn it from data before the model is built"
            yield Mismatch("E105", "needs the argument 'vocabulary'", hint=hint)
            return
        own = self.own()
        if len(set(own)) < len(own):
            twice = next(entry for i, entry in enumerate(own) if entry in own[:i])
            yield Mismatch("E107", f"has {twice!r} twice in its vocabulary", argument="vocabulary")
        for token in self.reserved():
            if token in own:
                message = f"has {token!r} in its vocabulary, where it means something else"
                yield Mismatch("E107", message, argument="vocabulary")
        if not own:
            yield Mismatch("E107", "has no words of its own in its vocabulary", argument="vocabulary")
        size = len(self.special()) + len(own)
        if self.max_tokens is not None and size > self.max_tokens:
            message = f"has {size} tokens, special ones included, and 'max_tokens' is {self.max_tokens}"
            yield Mismatch("E107", message, argument="max_tokens")
        if self.pad_to_max_tokens and self.max_tokens is None:
            yield Mismatch("E105", "needs the argument 'max_tokens' beside 'pad_to_max_tokens'")
        if (self.output_mode == "tf_idf") != (self.idf_weights is not None):
            message = "takes 'idf_weights' in the output_mode 'tf_idf', and there alone"
            yield Mismatch("E107", message, argument="idf_weights" if self.idf_weights else "output_mode")
        elif self.idf_weights is not None and len(self.idf_weights) != len(entries):
            message = f"has {len(self.idf_weights)} idf_weights for a vocabulary of {len(entries)}"
            yield Mismatch("E410", message, argument="idf_weights")

    def vectors(self, x: Shape) -> Shape:
        """The shape of the vectors for entries of shape `x`."""
        if self.output_mode == "one_hot":
            return one_hot(x, self.depth())
        require_sample(x, self.output_mode)
        return (self.depth(),)

    def output_dtype(self, inputs: Iterable[str], precision: str) -> str:
        return "int64" if self.output_mode == "int" else "float32"


class Lookup(Vocabulary, abstract=True):
    """Abstract: entries one by one; with `invert`, indices back to entries."""

    num_oov_indices: NonNegativeInt = 1
    invert: Bool = False
    salt: Salt = None

    @abstractmethod
    def tokens(self) -> tuple[object, object]:
        """What masks, and what stands for the unknown."""

    def special(self) -> tuple[object, ...]:
        mask, oov = self.tokens()
        masked = (mask,) if mask is not None and self.output_mode == "int" else ()
        return (*masked, *((oov,) * self.num_oov_indices))

    def reserved(self) -> tuple[object, ...]:
        mask, oov = self.tokens()
        return tuple(token for token in (mask, oov if self.invert else None) if token is not None)

    def check(self) -> Iterable[Mismatch]:
        yield from super().check()
        if self.invert and self.output_mode != "int":
            message = "gives entries for indices with 'invert': its output_mode must be 'int'"
            yield Mismatch("E107", message, argument="output_mode")

    def infer(self, x: Shape) -> Shape:
        return x if self.output_mode == "int" else self.vectors(x)


class StringLookup(Lookup):
    """Strings as their indices in `vocabulary`, or as vectors."""

    takes_strings: ClassVar[bool] = True

    mask_token: MaybeStr = None
    oov_token: Str = "[UNK]"
    vocabulary: Words = None
    encoding: Str = "utf-8"

    def entries(self) -> tuple[object, ...] | None:
        return self.vocabulary

    def tokens(self) -> tuple[object, object]:
        return self.mask_token, self.oov_token

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        (x,) = inputs.values()
        if (x.dtype == "string") == self.invert:
            wanted = "indices" if self.invert else "strings"
            raise Mismatch("E412", f"looks up {wanted} (got {x.dtype})", hint="input: {shape: [...], dtype: string}")
        return super().signature(inputs, precision)

    def output_dtype(self, inputs: Iterable[str], precision: str) -> str:
        return "string" if self.invert else super().output_dtype(inputs, precision)


class IntegerLookup(Lookup):
    """Integers as their indices in `vocabulary`, or as vectors."""

    mask_token: MaybeInt = None
    oov_token: Int = -1
    vocabulary: Numbers = None
    vocabulary_dtype: Annotated[str, choice("int64")] = "int64"
    oov_method: Annotated[str, choice("floormod", "farmhash")] = "floormod"

    def entries(self) -> tuple[object, ...] | None:
        return self.vocabulary

    def tokens(self) -> tuple[object, object]:
        return self.mask_token, self.oov_token

    def check(self) -> Iterable[Mismatch]:
        yield from super().check()
        if self.salt is not None and self.oov_method != "farmhash":
            yield Mismatch("E107", "takes a 'salt' with oov_method: farmhash alone", argument="salt")


class TextVectorization(Vocabulary):
    """Texts as indices of their words in `vocabulary`, or as vectors. One text a sample enters, of shape [] or [1].

    Index 0 is for padding and 1 for words that are not in the vocabulary. Without `output_sequence_length` the number
    of indices varies.
    """

    takes_strings: ClassVar[bool] = True

    standardize: Annotated[
        str | None, choice("lower_and_strip_punctuation", "lower", "strip_punctuation", none=True)
    ] = "lower_and_strip_punctuation"
    split: Annotated[str | None, choice("whitespace", "character", none=True)] = "whitespace"
    ngrams: Grams = None
    output_sequence_length: MaybePositiveInt = None
    vocabulary: Words = None
    ragged: Ragless = False
    encoding: Str = "utf-8"

    def entries(self) -> tuple[object, ...] | None:
        return self.vocabulary

    def special(self) -> tuple[object, ...]:
        return ("", "[UNK]") if self.output_mode == "int" else ("[UNK]",)

    def reserved(self) -> tuple[object, ...]:
        return ("",)

    def check(self) -> Iterable[Mismatch]:
        yield from super().check()
        if self.output_mode != "int" and self.output_sequence_length is not None:
            message = "has an 'output_sequence_length' in the output_mode 'int' alone"
            yield Mismatch("E107", message, argument="output_sequence_length")

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        (x,) = inputs.values()
        if x.dtype != "string":
            raise Mismatch("E412", f"takes texts (got {x.dtype})", hint="input: {shape: [], dtype: string}")
        return replace(super().signature(inputs, precision), flops=0)  # however many words there are

    def infer(self, x: Shape) -> Shape:
        if self.split is None:
            require_rank(x, 1)
        elif self.output_mode == "int":
            if x not in ((), (1,)):
                message = f"splits one text for each sample (got {dims(x)})"
                raise Mismatch("E403", message, hint="input: {shape: [], dtype: string}")
        elif x != ():
            message = f"gives vectors for texts of shape (), where Keras knows their shape (got {dims(x)})"
            raise Mismatch("E403", message, hint="input: {shape: [], dtype: string}")
        if self.output_mode == "int":
            return (self.output_sequence_length,)
        return self.vectors(x if self.split is None else (None,))
