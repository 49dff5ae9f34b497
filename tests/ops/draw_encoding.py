"""Draws of encodings, hashes and vocabularies."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from compiler.ir import Shape
from tests.ops.drawing import DTYPE, FLOAT, INTEGER, Draw, dims, mostly, shapes

Fields = dict[str, SearchStrategy[object]]

SELDOM = mostly(st.just(False), st.just(True))
SPARSE: Fields = {"sparse": mostly(st.just(False), st.sampled_from([True, 1]), 16)}
STRINGS = st.just("string")


def entries(mode: object) -> SearchStrategy[Shape]:
    """What goes with an output mode, most often."""
    if mode in ("multi_hot", "count", "tf_idf"):
        return mostly(dims().map(lambda n: (n,)), shapes(0, 3))
    if mode == "one_hot":
        return mostly(st.sampled_from([(1,), (4, 1)]), shapes(0, 3), 2)
    return shapes(0, 3)


@st.composite
def encoding(
    draw: st.DrawFn, needed: Fields, fields: Fields, dtype: SearchStrategy[str], default: str = "int", modes: str = ""
) -> Draw:
    mode = st.sampled_from(modes.split() or ["int", "one_hot", "multi_hot", "count"])
    args: dict[str, object] = draw(st.fixed_dictionaries(needed, optional={**fields, **SPARSE, "output_mode": mode}))
    return Draw(args, (draw(entries(args.get("output_mode", default))),), {"0": draw(dtype)})


BINS: SearchStrategy[object] = mostly(
    st.lists(st.integers(-5, 5), min_size=1, max_size=4, unique=True).map(lambda numbers: sorted(numbers)),
    st.sampled_from([[], [1, 0], [0.5, 0.5], None]),
)
SALT: SearchStrategy[object] = st.sampled_from([None, 3, [1, 2]])


@st.composite
def hashing(draw: st.DrawFn) -> Draw:
    fields: Fields = {"salt": SALT, "dtype": st.sampled_from([None, "int32", "int64", "float32"])}
    made = draw(encoding({"num_bins": st.integers(1, 5)}, fields, st.one_of(STRINGS, INTEGER, FLOAT)))
    mask: list[object] = ["a", 3] if draw(SELDOM) else ["a"] if made.dtypes["0"] == "string" else [3]
    if draw(st.booleans()):
        return Draw({**made.args, "mask_value": draw(st.sampled_from(mask))}, made.shapes, made.dtypes)
    return made


@st.composite
def hashed_crossing(draw: st.DrawFn) -> Draw:
    args: dict[str, object] = draw(
        st.fixed_dictionaries(
            {"num_bins": st.integers(1, 5)},
            optional={
                **SPARSE,
                "output_mode": st.sampled_from(["int", "one_hot"]),
                "dtype": st.sampled_from([None, None, "int32", "float32"]),
            },
        )
    )
    number = draw(mostly(st.just(2), st.just(3)))
    one: Shape = draw(st.sampled_from([(), (1,)]))
    entering = draw(mostly(st.just((one,) * number), st.lists(shapes(0, 2), min_size=2, max_size=2).map(tuple)))
    kinds = draw(st.lists(mostly(st.one_of(STRINGS, INTEGER), FLOAT), min_size=len(entering), max_size=len(entering)))
    return Draw(args, entering, {str(i): kind for i, kind in enumerate(kinds)})


# --- vocabularies ----------------------------------------------------------------------------

MODES = "int one_hot multi_hot count tf_idf"


@st.composite
def vocabulary(draw: st.DrawFn, name: str, words: list[object], fields: Fields, dtype: SearchStrategy[str]) -> Draw:
    """Words that are most often different, with the weights and the limits that go with them."""
    some: list[object] = draw(st.lists(st.sampled_from(words), min_size=1, max_size=4, unique=True))
    some = draw(mostly(st.just(some), st.sampled_from([[*some, some[0]], [words[-1], *some], []])))
    given: Fields = {"vocabulary": mostly(st.just(some), st.sampled_from([None, "words.txt"]), 12)}
    args: dict[str, object] = draw(
        st.fixed_dictionaries(given, optional={**fields, **SPARSE, "output_mode": st.sampled_from(MODES.split())})
    )
    mode = args.get("output_mode", "int")
    if draw(st.booleans()) and mode != "int":
        args |= {"max_tokens": draw(mostly(st.just(9), st.just(2))), "pad_to_max_tokens": draw(st.booleans())}
    if (mode == "tf_idf") != draw(mostly(st.just(False), st.just(True), 10)):
        args["idf_weights"] = draw(st.lists(st.sampled_from([1, 0.5]), min_size=len(some), max_size=len(some)))
    entering = entries(mode)
    if name == "TextVectorization" and args.get("split", "") is not None:
        entering = mostly(st.just(()), st.sampled_from([(1,), (2,)]), 4)
    elif name == "TextVectorization":
        entering = mostly(dims().map(lambda n: (n,)), shapes(0, 2))
    return Draw(args, (draw(entering),), {"0": draw(dtype)})


def inverted(strategy: SearchStrategy[Draw], dtype: str) -> SearchStrategy[Draw]:
    """Some that look indices up."""

    def invert(draw: Draw) -> Draw:
        args = {key: value for key, value in draw.args.items() if key not in ("output_mode", "idf_weights")}
        return Draw({**args, "invert": True}, draw.shapes, {"0": dtype})

    return mostly(strategy, strategy.map(invert), 4)


OOV: Fields = {"num_oov_indices": st.integers(0, 2)}
ENCODED: Fields = {"encoding": st.just("utf-8")}
TEXT: Fields = {
    "standardize": st.sampled_from([None, "lower", "strip_punctuation", "lower_and_strip_punctuation"]),
    "split": st.sampled_from([None, "whitespace", "character"]),
    "ngrams": st.sampled_from([None, 2, [1, 3]]),
    "output_sequence_length": st.sampled_from([None, None, 4]),
    "ragged": SPARSE["sparse"],
}
STRING_LOOKUP: Fields = OOV | ENCODED | {"mask_token": st.sampled_from([None, "", "d"]), "salt": SALT}
INTEGER_LOOKUP: Fields = OOV | {
    "mask_token": st.sampled_from([None, 0, 4]),
    "oov_token": st.sampled_from([-1, 4]),
    "oov_method": st.sampled_from(["floormod", "farmhash"]),
    "salt": mostly(st.none(), SALT),
}
MOSTLY_STRINGS = mostly(STRINGS, INTEGER)

DRAWS: dict[str, SearchStrategy[Draw]] = {
    "CategoryEncoding": encoding(
        {"num_tokens": mostly(st.integers(1, 5), st.sampled_from([None, 0]))},
        {"dtype": DTYPE},
        st.one_of(INTEGER, FLOAT),
        default="multi_hot",
        modes="one_hot multi_hot count",
    ),
    "Discretization": encoding(
        {"bin_boundaries": BINS},
        {"num_bins": mostly(st.none(), st.just(3)), "epsilon": st.just(0.1), "dtype": DTYPE},
        st.one_of(INTEGER, FLOAT),
    ),
    "Hashing": hashing(),
    "HashedCrossing": hashed_crossing(),
    "StringLookup": inverted(vocabulary("StringLookup", ["a", "b", "c", "d"], STRING_LOOKUP, MOSTLY_STRINGS), "int64"),
    "IntegerLookup": inverted(
        vocabulary("IntegerLookup", [1, 2, 3, 4], INTEGER_LOOKUP, st.one_of(INTEGER, FLOAT)), "int64"
    ),
    "TextVectorization": vocabulary("TextVectorization", ["a", "b", "c", ""], ENCODED | TEXT, MOSTLY_STRINGS),
}

_SPARSE = {"E107": "TensorFlow's sparse and ragged tensors pass few layers", "E106": "Keras takes 1 for true"}
_SAMPLES = {"E403": "Keras's symbolic shape is not that of the run"}
_LEARNED = {"E105": "adapt() is not run for a model file"}
_STRINGS = {"E412": "the run fails on such a dtype"}

STRICTER: dict[str, Mapping[str, str]] = {
    "CategoryEncoding": _SPARSE | _SAMPLES,
    "Discretization": _SPARSE | _SAMPLES | _LEARNED | {"E106": "", "E107": "TensorFlow wants boundaries in order"},
    "Hashing": _SPARSE | _SAMPLES | _STRINGS,
    "HashedCrossing": _SPARSE | _SAMPLES | _STRINGS | {"E410": "the run takes one category for each sample"},
    **dict.fromkeys(("StringLookup", "IntegerLookup", "TextVectorization"), _SPARSE | _SAMPLES | _LEARNED | _STRINGS),
}

RUNS_AS = {"StringLookup": "with `invert` it gives strings, where Keras's symbolic output has int64"}
