"""Draws for batch renormalisation."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.ops.draw_core import LAYER, weight, with_args
from tests.ops.draw_normalization import AXIS, EPSILON, INPUT, RATE, SWITCHES
from tests.ops.drawing import INITIALIZER, Draw, mostly, optional

STEPS = mostly(st.sampled_from([0, 10, 10_000]), st.just(-1))

DRAWS: dict[str, SearchStrategy[Draw]] = {
    "BatchRenormalization": with_args(
        optional(
            **LAYER,
            **SWITCHES,
            **weight("beta", "gamma"),
            axis=AXIS,
            momentum=RATE,
            epsilon=EPSILON,
            r_max=mostly(st.sampled_from([1, 2.5]), st.just(0.5)),
            d_max=mostly(st.sampled_from([0, 2.5]), st.just(-1)),
            warmup_steps=STEPS,
            r_max_steps=mostly(st.just(20_000), STEPS),
            d_max_steps=mostly(st.just(20_000), STEPS),
            moving_mean_initializer=INITIALIZER,
            moving_variance_initializer=INITIALIZER,
        ),
        INPUT,
    ),
}
