"""Weights to begin a training with: read from a file, paired with the model's layers, filled in.

The layout of a file is read without Keras, so that whatever does not fit is a fault of the configuration. Only `fill`,
which a training imports, needs Keras.
"""

from compiler.runtime.initial.checks import InitialWeights, check_frozen, check_initial

__all__ = ["InitialWeights", "check_frozen", "check_initial"]
