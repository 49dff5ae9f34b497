"""Batch renormalisation with its schedules."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="lamina")
class BatchRenormalization(keras.layers.Layer):
    """Batch normalisation whose training output is drawn towards what inference would give. Ioffe, arXiv 1702.03275.

    In training, with the batch's mean m_b and deviation s_b = sqrt(variance + epsilon), and m and s of the moving
    averages as they are before this batch is added to them:

        r = clip(s_b / s, 1 / r_max, r_max)        d = clip((m_b - m) / s, -d_max, d_max)
        y = gamma * ((x - m_b) / s_b * r + d) + beta

    No gradient flows through r and d. For the first `warmup_steps` steps the bounds are 1 and 0, which is batch
    normalisation; then they grow evenly until `r_max_steps` and `d_max_steps`. Inference is batch normalisation's.

    `keras.layers.BatchNormalization(renorm=True)` has constant bounds, and a training loop must change them; here the
    schedules are in the layer and the step is a weight of it, so that a saved model goes on where it was. Keras keeps
    a moving deviation of its own, as the paper does; here s comes from the moving variance, so that weights and
    statistics are those of batch normalisation, and with r_max 1 and d_max 0 all else too.

    Args:
        r_max, d_max: the last bounds; at least 1, and at least 0.
        warmup_steps, r_max_steps, d_max_steps: steps from the beginning of the training; the defaults are the paper's.

    Other arguments, and the mask of the call, are those of `keras.layers.BatchNormalization`.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        r_max: float = 3.0,
        d_max: float = 5.0,
        warmup_steps: int = 5_000,
        r_max_steps: int = 40_000,
        d_max_steps: int = 25_000,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if r_max < 1 or d_max < 0:
            raise ValueError(f"r_max must be at least 1 and d_max at least 0 (got {r_max} and {d_max})")
        if not 0 <= warmup_steps <= min(r_max_steps, d_max_steps):
            raise ValueError("steps must be >= 0, and those of r_max and d_max not before the end of the warm-up")
        self.axis = int(axis)
        self.momentum, self.epsilon = float(momentum), float(epsilon)
        self.r_max, self.d_max = float(r_max), float(d_max)
        self.warmup_steps, self.r_max_steps, self.d_max_steps = warmup_steps, r_max_steps, d_max_steps
        self.center, self.scale = center, scale
        self.beta_initializer = keras.initializers.get(beta_initializer)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.moving_mean_initializer = keras.initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = keras.initializers.get(moving_variance_initializer)
        self.beta_regularizer = keras.regularizers.get(beta_regularizer)
        self.gamma_regularizer = keras.regularizers.get(gamma_regularizer)
        self.beta_constraint = keras.constraints.get(beta_constraint)
        self.gamma_constraint = keras.constraints.get(gamma_constraint)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights; the size of `axis` must be known."""
        channels = (input_shape[self.axis],)
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                name="gamma",
                shape=channels,
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                autocast=False,
            )
        if self.center:
            self.beta = self.add_weight(
                name="beta",
                shape=channels,
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                autocast=False,
            )
        self.moving_mean = self.add_weight(
            name="moving_mean",
            shape=channels,
            initializer=self.moving_mean_initializer,
            trainable=False,
            autocast=False,
        )
        self.moving_variance = self.add_weight(
            name="moving_variance",
            shape=channels,
            initializer=self.moving_variance_initializer,
            trainable=False,
            autocast=False,
        )
        self.steps = self.add_weight(name="steps", shape=(), initializer="zeros", dtype="int", trainable=False)
        self.input_spec = keras.InputSpec(ndim=len(input_shape), axes={self.axis: input_shape[self.axis]})

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Any shape in, the same out; `mask` has one axis less, and what it leaves out is in no statistic."""
        ops: Any = keras.ops
        # half precision would overflow in the sums
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        mean, variance = ops.cast(self.moving_mean, x.dtype), ops.cast(self.moving_variance, x.dtype)
        gamma = None if self.gamma is None else ops.cast(self.gamma, x.dtype)
        beta = None if self.beta is None else ops.cast(self.beta, x.dtype)
        if training and self.trainable:
            batch_mean, batch_variance = self.moments(x, mask)
            r, d = self.corrections(batch_mean, batch_variance, mean, variance)
            gamma, shift = (r, d) if gamma is None else (r * gamma, d * gamma)
            beta = shift if beta is None else beta + shift
            self.moving_mean.assign(mean * self.momentum + batch_mean * (1 - self.momentum))
            self.moving_variance.assign(variance * self.momentum + batch_variance * (1 - self.momentum))
            self.steps.assign(self.steps + 1)
            mean, variance = batch_mean, batch_variance
        y = ops.batch_normalization(x, mean, variance, axis=self.axis, offset=beta, scale=gamma, epsilon=self.epsilon)
        return ops.cast(y, self.compute_dtype)

    def moments(self, x: Any, mask: Any) -> tuple[Any, Any]:
        """Mean and variance of each channel, of what `mask` keeps."""
        ops: Any = keras.ops
        axes = [axis for axis in range(len(x.shape)) if axis != self.axis % len(x.shape)]
        if mask is None:
            return ops.moments(x, axes=axes)
        if len(mask.shape) != len(x.shape) - 1:
            raise ValueError(f"the mask must have one axis less than the input (got {mask.shape} for {x.shape})")
        kept = ops.broadcast_to(ops.cast(ops.expand_dims(mask, -1), "bool"), ops.shape(x))
        count = ops.sum(ops.cast(kept, x.dtype), axes, keepdims=True) + keras.config.epsilon()
        mean = ops.sum(ops.where(kept, x, 0), axes, keepdims=True) / count
        variance = ops.sum(ops.square(ops.where(kept, x - mean, 0)), axes, keepdims=True) / count
        return ops.reshape(mean, (-1,)), ops.reshape(variance, (-1,))

    def corrections(self, batch_mean: Any, batch_variance: Any, mean: Any, variance: Any) -> tuple[Any, Any]:
        """r and d of each channel, within the bounds of this step."""
        ops: Any = keras.ops
        deviation = ops.sqrt(variance + self.epsilon)
        r_max = 1 + (self.r_max - 1) * ops.cast(self.progress(self.r_max_steps), deviation.dtype)
        d_max = self.d_max * ops.cast(self.progress(self.d_max_steps), deviation.dtype)
        r = ops.clip(ops.sqrt(batch_variance + self.epsilon) / deviation, 1 / r_max, r_max)
        d = ops.clip((batch_mean - mean) / deviation, -d_max, d_max)
        return ops.stop_gradient(r), ops.stop_gradient(d)

    def progress(self, end: int) -> Any:
        """How far a bound has come: 0 until the warm-up's end, 1 from step `end` on."""
        ops: Any = keras.ops
        step = ops.cast(self.steps, "float32")
        ramp = ops.clip((step - self.warmup_steps) / max(end - self.warmup_steps, 1), 0, 1)
        return ops.where(step < end, ramp, 1.0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "r_max": self.r_max,
            "d_max": self.d_max,
            "warmup_steps": self.warmup_steps,
            "r_max_steps": self.r_max_steps,
            "d_max_steps": self.d_max_steps,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": keras.initializers.serialize(self.beta_initializer),
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": keras.initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": keras.initializers.serialize(self.moving_variance_initializer),
            "beta_regularizer": keras.regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": keras.regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": keras.constraints.serialize(self.beta_constraint),
            "gamma_constraint": keras.constraints.serialize(self.gamma_constraint),
        }
