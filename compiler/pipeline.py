"""The compiler, top to bottom: located YAML -> spec -> expanded tree -> wired layers -> checked graph."""

from __future__ import annotations

from dataclasses import dataclass, field

from compiler.check import Limits, check, check_limits
from compiler.errors import Diagnostics
from compiler.expand import expand
from compiler.ir import CheckedGraph
from compiler.lower import lower
from compiler.recipes import check_recipes
from compiler.spec.located import Map, warn_of_traps
from compiler.spec.parse import LoadModel, no_models, parse_model


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model as it comes from the configuration.

    Attributes:
        tree: the located model file, interpolations resolved and overrides laid over it.
        load_model: reads other model files for `op: model/<name>`.
        limits: what it may cost, and the section that says so.
        precision: Keras's dtype policy.
    """

    tree: Map
    load_model: LoadModel = no_models
    limits: Limits = field(default_factory=Limits)
    limits_section: Map | None = None
    precision: str = "float32"


def compile_model(source: ModelSource, diagnostics: Diagnostics) -> CheckedGraph:
    """Compile a model as far as it goes without Keras.

    Faults are collected in `diagnostics`; only where it has no errors may the graph be given to a target.
    """
    spec = parse_model(source.tree, diagnostics, source.load_model)
    expanded = expand(spec, diagnostics, source.limits.layers)
    lowered = lower(expanded, diagnostics)
    graph = check(lowered, diagnostics, source.precision)
    check_limits(graph, source.limits, source.limits_section, diagnostics)
    check_recipes(lowered, graph, diagnostics)
    warn_of_traps(source.tree, diagnostics)
    return graph
