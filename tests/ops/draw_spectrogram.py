"""Draws of spectrograms."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from compiler.ops.objects import WINDOWS
from tests.ops.drawing import DATA_FORMAT, FLOAT, Draw, dims, mostly, shapes

MODES = ["log", "magnitude", "psd", "real", "imag", "angle", "stft"]


@st.composite
def mel(draw: st.DrawFn) -> Draw:
    needed: dict[str, SearchStrategy[object]] = {"fft_length": st.sampled_from([8, 16, 17])}
    optional: dict[str, SearchStrategy[object]] = {
        "sequence_stride": st.integers(1, 9),
        "sequence_length": mostly(st.sampled_from([None, 4, 8]), st.just(20)),
        "window": st.sampled_from(["hann", "hamming", None]),
        "sampling_rate": st.just(8000),
        "num_mel_bins": st.integers(1, 9),
        "min_freq": st.just(0),
        "max_freq": st.sampled_from([None, 3000]),
        "power_to_db": st.booleans(),
        "dtype": st.sampled_from([None, "float64", "float16"]),
    }
    args: dict[str, object] = draw(st.fixed_dictionaries(needed, optional=optional))
    wave = st.tuples(mostly(st.integers(9, 60), st.none()))
    return Draw(args, (draw(mostly(wave, shapes(0, 3))),), {"0": draw(FLOAT)})


@st.composite
def stft(draw: st.DrawFn) -> Draw:
    length = draw(mostly(st.integers(2, 9), st.just(1)))
    optional: dict[str, SearchStrategy[object]] = {
        "mode": st.sampled_from(MODES),
        "frame_step": mostly(st.integers(1, length), st.just(length + 1)),
        "fft_length": mostly(st.sampled_from([16, 10]), st.just(1)),
        "window": st.sampled_from([None, *WINDOWS]),
        "periodic": st.booleans(),
        "scaling": st.sampled_from([None, "density", "spectrum"]),
        "padding": st.sampled_from(["valid", "same"]),
        "expand_dims": st.booleans(),
        "data_format": DATA_FORMAT,
        "trainable": st.booleans(),
        "dtype": st.sampled_from([None, "float64", "float16"]),
    }
    args: dict[str, object] = draw(st.fixed_dictionaries({"frame_length": st.just(length)}, optional=optional))
    samples, channels = draw(st.tuples(mostly(st.integers(10, 40), dims()), dims(high=3)))
    wave = (channels, samples) if args.get("data_format") == "channels_first" else (samples, channels)
    return Draw(args, (draw(mostly(st.just(wave), shapes(1, 3))),), {"0": draw(FLOAT)})


DRAWS: dict[str, SearchStrategy[Draw]] = {"MelSpectrogram": mel(), "STFTSpectrogram": stft()}

STRICTER = {
    "MelSpectrogram": {
        "E403": "the symbolic shape of other ranks is not that of the run",
        "E404": "the run fails where it mirrors more than there is",
        "E410": "the symbolic call promises a frame more than the run gives",
        "E107": "Keras finds a frame longer than the transform out in the call",
    },
    "STFTSpectrogram": {
        "E412": "the run refuses bfloat16 and integers",
        "E107": "a step of 0 passes where it follows from a frame of 1",
        "E411": "",
    },
}
