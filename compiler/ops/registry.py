"""Ops by name. A family's file is imported when one of its ops is asked for: a model uses a few of them."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compiler.ops.base import Op


def _functions(names: str) -> str:
    """Names of functions of `keras.ops`, as they stand in a model file."""
    return " ".join(f"ops.{name}" for name in names.split())


FAMILIES: dict[str, str] = {
    "activation": "Activation ELU LeakyReLU PReLU ReLU Softmax",
    "attention": "AdditiveAttention Attention GroupQueryAttention MultiHeadAttention",
    "augmentation": (
        "RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop "
        "RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue "
        "RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness "
        "RandomShear RandomTranslation RandomZoom"
    ),
    "batch_renormalization": "BatchRenormalization",
    "cells": "GRUCell LSTMCell SimpleRNNCell StackedRNNCells",
    "conv": (
        "Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose Convolution1D "
        "Convolution1DTranspose Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose"
    ),
    "conv_lstm": "ConvLSTM1D ConvLSTM2D ConvLSTM3D",
    "core": "Dense EinsumDense Identity Input Masking",
    "embedding": "Embedding ReversibleEmbedding",
    "encoding": "CategoryEncoding Discretization HashedCrossing Hashing",
    "functions.along": _functions(
        "argsort cumprod cumsum diff flip glu log_softmax normalize roll softmax sort sparsemax"
    ),
    "functions.elementwise": _functions(
        "abs absolute arccos arccosh arcsin arcsinh arctan arctanh cast cbrt ceil celu clip copy cos cosh deg2rad elu "
        "erf erfc erfinv exp exp2 expm1 fabs floor gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh "
        "isfinite isinf isnan isneginf isposinf leaky_relu log log10 log1p log2 log_sigmoid logical_not nan_to_num "
        "negative ones_like rad2deg reciprocal relu relu6 round rsqrt selu sigmoid sign signbit silu sin sinc sinh "
        "soft_shrink softplus softsign sparse_plus sparse_sigmoid sqrt square squareplus stop_gradient swish tan tanh "
        "tanh_shrink threshold tril triu trunc zeros_like"
    ),
    "functions.items": _functions("get_item one_hot take"),
    "functions.joins": _functions("concatenate einsum matmul stack"),
    "functions.pairs": _functions(
        "add arctan2 divide divide_no_nan equal floor_divide fmax fmin fmod greater greater_equal heaviside hypot less "
        "less_equal logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum mod multiply not_equal "
        "power subtract true_divide where"
    ),
    "functions.reductions": _functions(
        "all amax amin any argmax argmin count_nonzero logsumexp max mean median min nanmax nanmean nanmedian nanmin "
        "nanprod nanstd nansum nanvar norm prod ptp std sum var"
    ),
    "functions.shapes": _functions(
        "depth_to_space expand_dims moveaxis pad repeat reshape space_to_depth squeeze swapaxes tile transpose"
    ),
    "images": (
        "AugMix AutoContrast ContrastLimitedAdaptiveHistogramEqualization CutMix Equalization MaxNumBoundingBoxes "
        "MixUp RandAugment Solarization"
    ),
    "lookup": "IntegerLookup StringLookup TextVectorization",
    "merging": "Add Average Concatenate Dot Maximum Minimum Multiply Subtract",
    "normalization": (
        "BatchNormalization GroupNormalization LayerNormalization Normalization RMSNormalization "
        "SpectralNormalization UnitNormalization"
    ),
    "pooling": (
        "AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D "
        "AdaptiveMaxPooling2D AdaptiveMaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D "
        "AvgPool1D AvgPool2D AvgPool3D GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D "
        "GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D "
        "GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D MaxPool1D MaxPool2D MaxPool3D MaxPooling1D "
        "MaxPooling2D MaxPooling3D"
    ),
    "preprocessing": "CenterCrop Pipeline Rescaling Resizing",
    "recurrent": "GRU LSTM RNN SimpleRNN",
    "regularization": (
        "ActivityRegularization AlphaDropout Dropout GaussianDropout GaussianNoise SpatialDropout1D "
        "SpatialDropout2D SpatialDropout3D"
    ),
    "reshaping": (
        "Cropping1D Cropping2D Cropping3D Flatten Permute RepeatVector Reshape UpSampling1D UpSampling2D "
        "UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D"
    ),
    "scale": "CustomScaleLayer LayerScale ScaledAdd",
    "separable": (
        "DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D SeparableConvolution1D SeparableConvolution2D"
    ),
    "spectrogram": "MelSpectrogram STFTSpectrogram",
    "stochastic_depth": "StochasticDepth",
    "wrappers": "Bidirectional TimeDistributed",
}
"""By file of this package, the layers that it declares, with Keras's aliases: the registration of a shipped op."""


class Registry(MutableMapping[str, "type[Op]"]):
    """Every op by its own name and by Keras's aliases, whether its file has been imported yet or not."""

    def __init__(self) -> None:
        self._family = {name: family for family, names in FAMILIES.items() for name in names.split()}
        self._loaded: dict[str, type[Op]] = {}

    def __getitem__(self, name: str) -> type[Op]:
        if name not in self._loaded and name in self._family:
            import_module(f"compiler.ops.{self._family[name]}")
        return self._loaded[name]

    def __setitem__(self, name: str, op: type[Op]) -> None:
        self._loaded[name] = op

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._loaded or name in self._family

    def __iter__(self) -> Iterator[str]:
        return iter({**self._family, **self._loaded})

    def __len__(self) -> int:
        return len(self._family.keys() | self._loaded.keys())
