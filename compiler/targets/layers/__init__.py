"""Keras layers of our own, one a file, for ops that Keras has no public layer for.

They are registered under `lamina>`, so a saved model that has one loads wherever this package is imported.
"""

from compiler.targets.layers.batch_renormalization import BatchRenormalization
from compiler.targets.layers.equalization import Equalization
from compiler.targets.layers.layer_scale import LayerScale
from compiler.targets.layers.scaled_add import ScaledAdd
from compiler.targets.layers.stochastic_depth import StochasticDepth

__all__ = ["BatchRenormalization", "Equalization", "LayerScale", "ScaledAdd", "StochasticDepth"]
