"""Experiments: several commands of `train.py` that build on each other, as one configuration file."""
