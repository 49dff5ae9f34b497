"""Draws for the normalisations."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from compiler.ir import Shape
from tests.ops.draw_core import ANY_DTYPE, LAYER, one, weight, with_args
from tests.ops.drawing import FLOAT, INITIALIZER, INTEGER, Draw, mostly, optional, shapes

EPSILON = st.sampled_from([1e-3, 1e-6, 1])
RATE = st.sampled_from([0, 0.5, 0.99])
SWITCHES: dict[str, SearchStrategy[object]] = {"center": st.booleans(), "scale": st.booleans()}
AXIS = mostly(st.sampled_from([-1, 1]), st.integers(-5, 4), one_in=4)
AXES = mostly(st.one_of(AXIS, st.lists(AXIS, min_size=1, max_size=2, unique=True)), st.lists(AXIS, max_size=3))
"""Axes as fields take them, some out of range, some named twice, some the batch."""

SHAPE = shapes(1, 4)
EVEN = SHAPE.map(lambda x: tuple(None if dim is None else 2 * dim for dim in x))
INPUT = one(SHAPE, ANY_DTYPE)
FLOATS = one(SHAPE, mostly(FLOAT, ANY_DTYPE))


def batch_normalization() -> SearchStrategy[Draw]:
    clips = st.fixed_dictionaries(
        {}, optional={clip: st.sampled_from([0, 0.5, 2.0]) for clip in ("rmin", "rmax", "dmax")}
    )
    some: dict[str, SearchStrategy[object]] = {
        "axis": AXIS,
        "momentum": RATE,
        "epsilon": EPSILON,
        "moving_mean_initializer": INITIALIZER,
        "moving_variance_initializer": INITIALIZER,
        "renorm": st.booleans(),
        "renorm_clipping": st.one_of(st.none(), clips),
        "renorm_momentum": RATE,
        "synchronized": st.booleans(),
    }
    return with_args(optional(**LAYER, **SWITCHES, **weight("beta", "gamma"), **some), INPUT)


def affine(draws: SearchStrategy[Draw], **some: SearchStrategy[object]) -> SearchStrategy[Draw]:
    return with_args(optional(**LAYER, **SWITCHES, **weight("beta", "gamma"), epsilon=EPSILON, **some), draws)


@st.composite
def normalization(draw: st.DrawFn) -> Draw:
    """Means and variances that mostly fit the kept axes."""
    x: Shape = draw(shapes(1, 3, size=3))
    axis = draw(st.one_of(AXIS, AXIS, st.none(), st.lists(AXIS, max_size=2)))
    args: dict[str, object] = {} if axis == -1 and draw(st.booleans()) else {"axis": axis}
    axes = sorted({a % (len(x) + 1) for a in (axis if isinstance(axis, list) else [] if axis is None else [axis])})
    sizes = [x[a - 1] or 1 for a in axes if a > 0]
    shape = draw(mostly(st.sampled_from([sizes, sizes[1:], [], [1] * len(sizes)]), st.sampled_from([[2], [1] * 3])))
    other = draw(mostly(st.just(shape), st.just([])))
    given = draw(
        st.sampled_from([{}, {"mean": nested(shape, 0.5), "variance": nested(other, 2)}] * 5 + [{"mean": 1.0}])
    )
    return Draw({**args, **given, **draw(optional(**LAYER, invert=st.booleans()))}, (x,), {"0": draw(ANY_DTYPE)})


def nested(shape: list[int], value: float) -> object:
    """A list of lists of `value`."""
    return [nested(shape[1:], value) for _ in range(shape[0])] if shape else value


def conv(**more: object) -> dict[str, object]:
    return {"op": "Conv2D", "filters": 3, "kernel_size": 2, **more}


Inside = SearchStrategy[tuple[dict[str, object], int]]

RIGHT: Inside = st.sampled_from(
    [
        ({"op": "Dense", "units": 3}, 1),
        ({"op": "Dense", "units": 3, "use_bias": False, "kernel_regularizer": {"op": "L2"}}, 2),
        ({"op": "EinsumDense", "equation": "...x,xy->...y", "output_shape": 2, "bias_axes": "y"}, 2),
        ({"op": "Embedding", "input_dim": 5, "output_dim": 2}, 1),
        (conv(padding="same"), 3),
        (conv(padding="same", use_bias=False), 3),
        ({"op": "Conv2DTranspose", "filters": 3, "kernel_size": 2}, 3),
        ({"op": "DepthwiseConv2D", "kernel_size": 2, "padding": "same"}, 3),
    ]
)
WRONG: Inside = st.sampled_from(
    [
        ({"op": "Dense", "units": 3, "lora_rank": 2}, 1),
        (conv(), 2),
        ({"op": "SeparableConv2D", "filters": 3, "kernel_size": 2}, 3),
        ({"op": "LSTM", "units": 3}, 2),
        ({"op": "BatchNormalization"}, 2),
        ({"op": "Activation", "activation": "relu"}, 2),
    ]
)


@st.composite
def spectral_normalization(draw: st.DrawFn) -> Draw:
    """Layers with a kernel, and some without."""
    layer, rank = draw(mostly(RIGHT, WRONG))
    dtype = draw(mostly(FLOAT, INTEGER))
    args = {"layer": layer, **draw(optional(**LAYER, power_iterations=st.integers(1, 3)))}
    return Draw(args, (draw(shapes(rank, size=5)),), {"0": dtype})


DRAWS: dict[str, SearchStrategy[Draw]] = {
    "BatchNormalization": batch_normalization(),
    "LayerNormalization": affine(INPUT, axis=AXES),
    "GroupNormalization": with_args(
        mostly(
            st.fixed_dictionaries({"groups": st.sampled_from([-1, 1, 2])}),
            optional(groups=st.sampled_from([3, 0])),
        ),
        affine(one(EVEN, ANY_DTYPE), axis=AXIS),
    ),
    "RMSNormalization": with_args(optional(**LAYER, axis=AXES, epsilon=EPSILON), FLOATS),
    "UnitNormalization": with_args(optional(**LAYER, axis=AXES), FLOATS),
    "Normalization": normalization(),
    "SpectralNormalization": spectral_normalization(),
}

_AXES = {
    "E107": "an empty list of axes normalises nothing",
    "E408": "along the batch samples would depend on each other; TensorFlow refuses an axis that is named twice",
}
_ROUNDS = {"E412": "Keras builds it, but the run fails on integers or rounds its results to them"}

STRICTER = {
    "BatchNormalization": {"E107": "Keras looks at renorm_clipping only where renorm is on"},
    "LayerNormalization": _AXES,
    "RMSNormalization": _AXES | _ROUNDS,
    "UnitNormalization": _AXES | _ROUNDS,
    "Normalization": {"E107": "null says it: one mean for all values", "E408": "an axis named twice fits few inputs"},
    "SpectralNormalization": _ROUNDS | {"E107": "LoRA's kernel is computed, and the run fails to normalise it"},
}
