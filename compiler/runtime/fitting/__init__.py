"""Fit a network: the loop over epochs, its steps in TensorFlow, and what watches it."""
