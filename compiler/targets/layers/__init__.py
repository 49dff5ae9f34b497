"""Keras layers of our own, one a file, for ops that Keras has no public layer for.

They are registered under `lamina>`, so a saved model that has one loads wherever this package is imported.
"""

from compiler.targets.layers.layer_scale import LayerScale

__all__ = ["LayerScale"]
