"""Every public class of `keras.layers` has its place, and whatever can be written is built from YAML and run.

Keras's run is the oracle here, not its symbolic call: the shape and the dtype that the compiler promises come out.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import pytest

from compiler.ops import OPS, REFUSED
from compiler.ops.catalogue import LEFT_OUT, names
from compiler.targets.keras import build
from compiler.targets.keras_catalogue import public_layers
from tests.language.models import compiled

MOST_OPAQUE = 15

IMAGE, WAVE, STEPS, TABLE = "[8, 8, 3]", "[40, 2]", "[5, 3]", "[6]"
WORDS, TEXT, IDS = "{shape: [4], dtype: string}", "{shape: [], dtype: string}", "{shape: [4], dtype: int32}"
VOLUME = "[6, 6, 6, 2]"
VOCABULARY = "vocabulary: [a, b, c]"

LAYERS: dict[str, tuple[str, ...]] = {
    "[8, 3]": (
        "{op: Conv1D, filters: 2, kernel_size: 3}", "{op: Conv1DTranspose, filters: 2, kernel_size: 3}",
        "{op: DepthwiseConv1D, kernel_size: 3}", "{op: SeparableConv1D, filters: 2, kernel_size: 3}",
        "{op: AveragePooling1D, pool_size: 2}", "MaxPooling1D", "GlobalAveragePooling1D", "GlobalMaxPooling1D",
        "{op: AdaptiveAveragePooling1D, output_size: 2}", "{op: AdaptiveMaxPooling1D, output_size: 2}",
        "UpSampling1D", "ZeroPadding1D", "Cropping1D", "{op: SpatialDropout1D, rate: 0.5}",
    ),
    IMAGE: (
        "{op: Conv2D, filters: 2, kernel_size: 3}", "{op: Conv2DTranspose, filters: 2, kernel_size: 3}",
        "{op: DepthwiseConv2D, kernel_size: 3}", "{op: SeparableConv2D, filters: 2, kernel_size: 3}",
        "{op: AveragePooling2D, pool_size: 2}", "MaxPooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D",
        "{op: AdaptiveAveragePooling2D, output_size: 2}", "{op: AdaptiveMaxPooling2D, output_size: 2}",
        "UpSampling2D", "ZeroPadding2D", "Cropping2D", "{op: SpatialDropout2D, rate: 0.5}",
        "{op: ConvLSTM1D, filters: 2, kernel_size: 3}", "{op: Rescaling, scale: 0.5}",
        "{op: Resizing, height: 4, width: 5}", "{op: CenterCrop, height: 4, width: 5}",
        "{op: RandomCrop, height: 8, width: 8}", "{op: RandomBrightness, factor: 0.2}",
        "{op: RandomContrast, factor: 0.2}", "{op: RandomColorDegeneration, factor: 0.2}",
        "{op: RandomColorJitter, brightness_factor: 0.2}", "{op: RandomHue, factor: 0.2}",
        "{op: RandomSaturation, factor: 0.2}", "RandomGrayscale", "RandomInvert",
        "{op: RandomPosterization, factor: 4}",
        "{op: RandomSharpness, factor: 0.2}", "RandomGaussianBlur", "RandomErasing", "RandomFlip",
        "{op: RandomRotation, factor: 0.2}", "{op: RandomTranslation, height_factor: 0.2, width_factor: 0.2}",
        "{op: RandomZoom, height_factor: 0.2}", "{op: RandomShear, x_factor: 0.2}", "RandomPerspective",
        "RandomElasticTransform", "AutoContrast", "Equalization", "{op: Solarization, threshold_factor: 0.5}",
        "{op: ContrastLimitedAdaptiveHistogramEqualization, tile_grid_size: [2, 2]}", "AugMix", "RandAugment",
        "MixUp", "CutMix", "{op: MaxNumBoundingBoxes, max_number: 3}",
        "{op: Pipeline, layers: [{op: Rescaling, scale: 0.5}, RandomFlip, Equalization]}",
    ),
    VOLUME: (
        "{op: Conv3D, filters: 2, kernel_size: 3}", "{op: Conv3DTranspose, filters: 2, kernel_size: 3}",
        "{op: AveragePooling3D, pool_size: 2}", "MaxPooling3D", "GlobalAveragePooling3D", "GlobalMaxPooling3D",
        "{op: AdaptiveAveragePooling3D, output_size: 2}", "{op: AdaptiveMaxPooling3D, output_size: 2}",
        "UpSampling3D", "ZeroPadding3D", "Cropping3D", "{op: SpatialDropout3D, rate: 0.5}",
        "{op: ConvLSTM2D, filters: 2, kernel_size: 3, return_sequences: true}",
    ),
    "[3, 4, 4, 4, 2]": ("{op: ConvLSTM3D, filters: 2, kernel_size: 2}",),
    STEPS: (
        "{op: LSTM, units: 4}", "{op: GRU, units: 4}", "{op: SimpleRNN, units: 4, return_sequences: true}",
        "{op: RNN, cell: {op: LSTMCell, units: 4}, return_sequences: true}",
        "{op: RNN, cell: {op: SimpleRNNCell, units: 4}}",
        "{op: RNN, cell: [{op: GRUCell, units: 4}, {op: LSTMCell, units: 2}]}",
        "{op: RNN, cell: {op: StackedRNNCells, cells: [{op: SimpleRNNCell, units: 4}]}}",
        "{op: Bidirectional, layer: {op: GRU, units: 4}}", "{op: TimeDistributed, layer: {op: Dense, units: 4}}",
        "Masking", "{op: Permute, dims: [2, 1]}", "Flatten",
    ),
    TABLE: (
        "{op: Dense, units: 4}", "{op: EinsumDense, equation: 'ab,bc->ac', output_shape: 4}", "Identity",
        "{op: Activation, activation: relu}", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax",
        "BatchNormalization", "LayerNormalization", "{op: GroupNormalization, groups: 2}", "RMSNormalization",
        "UnitNormalization", "{op: Normalization, mean: 0, variance: 1}",
        "{op: SpectralNormalization, layer: {op: Dense, units: 4}}", "{op: Dropout, rate: 0.5}",
        "{op: AlphaDropout, rate: 0.5}", "{op: GaussianDropout, rate: 0.5}", "{op: GaussianNoise, stddev: 0.5}",
        "{op: ActivityRegularization, l2: 0.1}", "{op: RepeatVector, n: 2}", "{op: Reshape, target_shape: [3, 2]}",
        "{op: Discretization, bin_boundaries: [-1, 0, 1], output_mode: one_hot}",
    ),
    IDS: (
        "{op: Embedding, input_dim: 9, output_dim: 3}", "{op: ReversibleEmbedding, input_dim: 9, output_dim: 3}",
        "{op: CategoryEncoding, num_tokens: 9}", "{op: IntegerLookup, vocabulary: [1, 2, 3], output_mode: one_hot}",
        "{op: Hashing, num_bins: 5}", "{op: Discretization, bin_boundaries: [1, 2]}",
    ),
    WORDS: (
        f"{{op: StringLookup, {VOCABULARY}}}",
        f"{{op: TextVectorization, {VOCABULARY}, split: null, output_mode: count}}",
        "{op: Hashing, num_bins: 5, output_mode: multi_hot}",
        f"{{op: Pipeline, layers: [{{op: StringLookup, {VOCABULARY}}}, {{op: CategoryEncoding, num_tokens: 4}}]}}",
    ),
    TEXT: (
        f"{{op: TextVectorization, {VOCABULARY}, output_sequence_length: 5}}",
        f"{{op: TextVectorization, {VOCABULARY}, idf_weights: [1, 2, 3], output_mode: tf_idf}}",
    ),
    "[900]": ("{op: MelSpectrogram, fft_length: 64, sequence_stride: 16}",),
    WAVE: ("{op: STFTSpectrogram, frame_length: 8, mode: stft, expand_dims: true}",),
}  # fmt: skip
"""One layer or more for each class, by what enters."""

PAIRS: dict[str, tuple[str, ...]] = {
    TABLE: ("Add", "Average", "Concatenate", "{op: Dot, axes: 1}", "Maximum", "Minimum", "Multiply", "Subtract"),
    STEPS: (
        "Attention", "AdditiveAttention", "{op: MultiHeadAttention, num_heads: 2, key_dim: 3}",
        "{op: GroupQueryAttention, head_dim: 2, num_query_heads: 2, num_key_value_heads: 1}",
    ),
    "{shape: [1], dtype: string}": ("{op: HashedCrossing, num_bins: 5}",),
    "{shape: [1], dtype: int32}": ("{op: HashedCrossing, num_bins: 5, output_mode: one_hot}",),
}  # fmt: skip
"""Layers that take two of the same kind."""

TEXTS: list[tuple[str, int, str]] = [(x, 1, y) for x, some in LAYERS.items() for y in some]
TEXTS += [(x, 2, y) for x, some in PAIRS.items() for y in some]


def model(entering: str, number: int, layer: str) -> str:
    layer = layer if layer.startswith("{") else f"{{op: {layer}}}"
    if number == 1:
        return f"input: {entering}\nlayers:\n  - {layer}\n"
    return f"inputs: {{a: {entering}, b: {entering}}}\nlayers:\n  - {layer[:-1]}, from: [a, b]}}\n"


def data(draw: np.random.Generator, tensor: Any) -> Any:
    import tensorflow as tf

    shape = [2, *tensor.shape[1:]]
    if tensor.dtype == "string":
        return tf.constant(draw.choice(["a", "b", "x", "a b"], shape))
    if "int" in tensor.dtype:
        return tf.constant(draw.integers(0, 4, shape).astype(tensor.dtype))
    return tf.constant(draw.normal(size=shape).astype(tensor.dtype))


@pytest.mark.parametrize(("entering", "number", "layer"), TEXTS)
def test_a_layer_written_in_yaml_is_built_and_run(entering: str, number: int, layer: str) -> None:
    graph, diagnostics = compiled(model(entering, number, layer))
    diagnostics.raise_errors()
    keras_model = build(graph)
    draw = np.random.default_rng(0)
    given = [data(draw, tensor) for tensor in keras_model.inputs]
    output = keras_model(given[0] if number == 1 else given, training=False)
    promised = graph.nodes[-1].type
    assert promised is not None
    assert all(dim in (None, size) for dim, size in zip(promised.shape, output.shape[1:], strict=True))
    assert np.asarray(output).dtype.kind == np.dtype(promised.dtype).kind or "vocabulary" in layer
    trained = keras_model(given[0] if number == 1 else given, training=True)
    assert trained.shape == output.shape
    assert [tuple(weight.shape) for weight in keras_model.weights] == [w.shape for w in graph.nodes[-1].weights]


def test_every_public_class_has_its_place() -> None:
    classes = public_layers()
    places = {"declared": OPS, "opaque": names(), "refused": REFUSED, "left out": LEFT_OUT}
    for name in classes:
        assert sum(name in known for known in places.values()) == 1, name
    counts = Counter(place for name in classes for place, known in places.items() if name in known)
    assert counts["opaque"] <= MOST_OPAQUE
    assert counts["refused"] == len(REFUSED) and counts["left out"] == len(LEFT_OUT)


def test_every_public_class_is_built_above() -> None:
    written = {word for _, _, text in TEXTS for word in re.findall(r"[A-Z]\w+", text)}
    written_about = {name for name in public_layers() if name not in {*REFUSED, *LEFT_OUT}}
    own_names = {OPS[name].__name__ if name in OPS else name for name in written_about}
    assert own_names - written == set()
