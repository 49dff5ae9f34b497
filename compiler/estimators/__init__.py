"""Models that are no networks: what can be said of them, typed, before any library is imported."""

from compiler.estimators.base import Kind, Library, Params
from compiler.estimators.registry import KINDS
from compiler.estimators.spec import KEY, SECTIONS, EstimatorSpec, is_estimator, parse_estimator

__all__ = ["KEY", "KINDS", "SECTIONS", "EstimatorSpec", "Kind", "Library", "Params", "is_estimator", "parse_estimator"]
