"""Spectrograms: a wave in, the strength of its frequencies over time out."""

import math
from collections.abc import Iterable, Mapping
from typing import Annotated

from compiler.ir import Shape, TensorType, Weight
from compiler.ops.base import POLICIES, Mismatch, Signature, UnaryOp, elements, known, require_rank
from compiler.ops.fields import DataFormat, Padding, joined, split
from compiler.ops.objects import Scaling, Window
from compiler.ops.windows import slid
from compiler.settings import (
    Bool,
    MaybePositiveInt,
    MaybePositiveNumber,
    NonNegativeNumber,
    Number,
    PositiveInt,
    PositiveNumber,
    choice,
)


def _require_fft(fft_length: int, frame: int, argument: str) -> Iterable[Mismatch]:
    if fft_length < frame:
        message = f"has a frame of {frame} ({argument!r}), longer than its 'fft_length' of {fft_length}"
        yield Mismatch("E107", message, argument="fft_length")


class MelSpectrogram(UnaryOp):
    """Power on the mel scale: (samples,) in, (num_mel_bins, frames) out. Stevens et al. 1937."""

    fft_length: PositiveInt = 2048
    sequence_stride: PositiveInt = 512
    sequence_length: MaybePositiveInt = None
    window: Annotated[str | None, choice("hann", "hamming", none=True)] = "hann"
    sampling_rate: PositiveInt = 16000
    num_mel_bins: PositiveInt = 128
    min_freq: NonNegativeNumber = 20.0
    max_freq: MaybePositiveNumber = None
    power_to_db: Bool = True
    top_db: NonNegativeNumber = 80.0
    mag_exp: Number = 2.0
    min_power: PositiveNumber = 1e-10
    ref_power: Number = 1.0

    def check(self) -> Iterable[Mismatch]:
        return _require_fft(self.fft_length, self.sequence_length or 1, "sequence_length")

    def infer(self, x: Shape) -> Shape:
        require_rank(x, 1)
        (samples,) = x
        if samples is None:
            return (self.num_mel_bins, None)
        half = self.fft_length // 2
        if samples <= half:
            message = (
                f"needs more than {half} samples, half its 'fft_length': it mirrors the wave there (got {samples})"
            )
            raise Mismatch("E404", message, argument="fft_length")
        frames = 1 + (samples + 2 * half - self.fft_length) // self.sequence_stride
        promised = 1 + (samples + 1) // self.sequence_stride
        if frames != promised:
            message = f"gives {frames} frames for {samples} samples, where Keras expects {promised} and builds for them"
            raise Mismatch("E410", message, hint="one sample less in the input", argument="sequence_stride")
        return (self.num_mel_bins, frames)

    def flops(self, x: Shape, y: Shape) -> int:
        """5 n log2 n for each Fourier transform, and the product that takes it to the mel scale."""
        transform = 5 * self.fft_length * math.ceil(math.log2(self.fft_length))
        frames = known(y[1], "the number of samples")
        return frames * (transform + 2 * (self.fft_length // 2 + 1) * self.num_mel_bins)


_PARTS = {"log": 2, "magnitude": 2, "psd": 2, "real": 1, "imag": 1, "angle": 2, "stft": 2}
"""How many of the two kernels, for the real and the imaginary part, each mode has."""


class STFTSpectrogram(UnaryOp):
    """Short-time Fourier transform as convolutions with trainable kernels. Cheuk et al. 2020, "nnAudio".

    (samples, channels) in; (frames, frequencies * channels) out, or with `expand_dims` (frames, frequencies, channels).
    """

    mode: Annotated[str, choice(*_PARTS)] = "log"
    frame_length: PositiveInt = 256
    frame_step: MaybePositiveInt = None
    fft_length: MaybePositiveInt = None
    window: Window = "hann"
    periodic: Bool = False
    scaling: Scaling = "density"
    padding: Padding = "valid"
    expand_dims: Bool = False
    data_format: DataFormat = None

    def check(self) -> Iterable[Mismatch]:
        if self.fft_length is not None:
            yield from _require_fft(self.fft_length, self.frame_length, "frame_length")
        if (self.frame_step or self.frame_length // 2) not in range(1, self.frame_length + 1):
            message = f"needs a 'frame_step' from 1 to its 'frame_length' of {self.frame_length}"
            yield Mismatch("E107", message, argument="frame_step" if self.frame_step else "frame_length")

    def frequencies(self) -> int:
        """The distinct frequencies of one transform."""
        return (self.fft_length or 2 ** math.ceil(math.log2(self.frame_length))) // 2 + 1

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        policy = self.dtype or precision
        (x,) = inputs.values()
        for dtype in (x.dtype, POLICIES.get(policy, policy)):
            if dtype not in ("float32", "float16", "float64"):
                message = f"transforms float16, float32 and float64 alone (got {dtype})"
                raise Mismatch("E412", message, hint="dtype: float32 on this layer, and a floating-point input")
        return super().signature(inputs, precision)

    def infer(self, x: Shape) -> Shape:
        require_rank(x, 2)
        (samples,), channels = split(x, self.data_format)
        channels = known(channels, "the number of channels", "give the input's channels in its shape")
        if self.padding == "valid" and samples is not None and samples < self.frame_length:
            message = f"needs a frame of {self.frame_length} samples of {samples}: padding 'valid' leaves nothing"
            raise Mismatch("E404", message, hint="padding: same", argument="frame_length")
        step = self.frame_step or self.frame_length // 2
        frames = slid((samples,), (self.frame_length,), (step,), self.padding)
        frequencies = self.frequencies() * (2 if self.mode == "stft" else 1)
        if self.expand_dims:
            return joined((*frames, frequencies), channels, self.data_format)
        return joined(frames, frequencies * channels, self.data_format)

    def weights(self, x: Shape) -> Iterable[Weight]:
        shape = (self.frame_length, 1, self.frequencies())
        if self.mode != "imag":
            yield Weight("real_kernel", shape)
        if self.mode != "real":
            yield Weight("imag_kernel", shape)

    def flops(self, x: Shape, y: Shape) -> int:
        """The products with the kernels, and one for each output."""
        parts = _PARTS[self.mode]
        transformed = elements(y) * (parts if self.mode != "stft" else 1)
        return 2 * self.frame_length * transformed + elements(y)
