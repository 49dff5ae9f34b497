"""Updates of weights as one kernel each, in the place of a dozen operations.

Keras 3 writes its optimizers in `keras.ops`; TensorFlow has the same formulas as single kernels, made for Keras 2.
In a small network most of a step is the update, and the kernels take half of that away. The optimizer stays
Keras's own, its variables too: only its way from gradients to weights is another. Results differ by rounding.

Source: `tensorflow/core/kernels/training_ops.cc`, against `keras/src/optimizers/{adam,sgd}.py` of Keras 3.15.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

Update = Callable[[Any, Any, Any], None]
"""From gradient, variable and learning rate to a changed variable: what Keras calls `update_step`."""


def fuse(optimizer: Any) -> bool:
    """Give `optimizer`, built already, updates of one kernel; whether there is such a kernel.

    Gradients with few rows (of an embedding) take Keras's own way. Not for variables that are spread over devices.
    """
    begin = _FUSED.get(type(optimizer))
    if begin is None or getattr(optimizer, "amsgrad", False):
        return False

    def update_all(gradients: Sequence[Any], variables: Sequence[Any], rate: Any) -> None:
        updates: dict[Any, Update] = {}  # what all variables of a type share is computed once
        for gradient, own in zip(gradients, variables, strict=True):
            variable = getattr(own, "value", own)
            if isinstance(gradient, tf.IndexedSlices):
                optimizer.update_step(gradient, variable, rate)
                continue
            dtype = variable.dtype
            if dtype not in updates:
                updates[dtype] = begin(optimizer, dtype, tf.cast(rate, dtype))
            updates[dtype](tf.cast(gradient, dtype), variable, optimizer._get_variable_index(variable))

    optimizer._backend_update_step = update_all
    return True


def _adam(optimizer: Any, dtype: Any, rate: Any) -> Update:
    step = tf.cast(optimizer.iterations + 1, dtype)
    constants = optimizer.beta_1, optimizer.beta_2, optimizer.epsilon
    beta_1, beta_2, epsilon = (tf.constant(value, dtype) for value in constants)
    powers = {"beta1_power": beta_1**step, "beta2_power": beta_2**step}

    def update(gradient: Any, variable: Any, index: int) -> None:
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=_handle(optimizer._momentums[index]),
            v=_handle(optimizer._velocities[index]),
            lr=rate,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=epsilon,
            grad=gradient,
            **powers,
        )

    return update


def _sgd(optimizer: Any, dtype: Any, rate: Any) -> Update:
    def update(gradient: Any, variable: Any, index: int) -> None:
        if not optimizer.momentum:
            tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)
            return
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=_handle(optimizer.momentums[index]),
            lr=rate,
            grad=gradient,
            momentum=tf.constant(optimizer.momentum, dtype),
            use_nesterov=optimizer.nesterov,
        )

    return update


def _handle(slot: Any) -> Any:
    return slot.value.handle


_FUSED: dict[type, Callable[[Any, Any, Any], Update]] = {
    keras.optimizers.Adam: _adam,
    keras.optimizers.AdamW: _adam,
    keras.optimizers.SGD: _sgd,
}
"""By the optimizer's very class: a subclass may have another formula."""
