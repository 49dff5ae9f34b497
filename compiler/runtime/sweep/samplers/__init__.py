"""Optuna samplers: the ones of our own, and what lays a method's sampler over a study that many processes draw from.

They import Optuna, so nothing of `methods` imports them before a trial is drawn.
"""
