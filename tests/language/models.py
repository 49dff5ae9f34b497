"""Models as texts, compiled as far as it goes without Keras."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import dedent

from compiler.errors import ConfigError, Diagnostics, Place, Source
from compiler.ir import CheckedGraph, graph_text
from compiler.pipeline import ModelSource, compile_model
from compiler.spec.compose import compose, load_plugins
from compiler.spec.located import Map, Tree
from compiler.spec.overrides import for_hydra
from compiler.spec.parse import LoadModel
from compiler.spec.reader import read_tree
from compiler.spec.source import model_loader, model_tree


def tree_of(text: str, name: str = "model.yaml") -> Map:
    """The located tree of a YAML text."""
    diagnostics = Diagnostics()
    tree = read_tree(Source(name, dedent(text)), diagnostics)
    diagnostics.raise_errors()
    assert isinstance(tree, Map)
    return tree


def loads(models: Mapping[str, str], diagnostics: Diagnostics) -> LoadModel:
    """A loader of nested models from texts by name."""

    def load(name: str, place: Place) -> Map | None:
        if name not in models:
            diagnostics.report("E006", f"no model {name!r}", place)
            return None
        return tree_of(models[name], f"{name}.yaml")

    return load


def compiled(text: str | Tree, models: Mapping[str, str] | None = None) -> tuple[CheckedGraph, Diagnostics]:
    """The graph of a model and what was said about it."""
    diagnostics = Diagnostics()
    tree = tree_of(text) if isinstance(text, str) else text
    assert isinstance(tree, Map)
    return compile_model(ModelSource(tree, loads(models or {}, diagnostics)), diagnostics), diagnostics


def graph_of(text: str | Tree, models: Mapping[str, str] | None = None) -> CheckedGraph:
    """The graph of a model without faults."""
    graph, diagnostics = compiled(text, models)
    if diagnostics.faults:
        raise ConfigError(diagnostics.faults)
    return graph


def lines(text: str | Tree, models: Mapping[str, str] | None = None) -> list[str]:
    """The nodes of a model without faults, as the IR writes them, types left out."""
    return [line.strip().rsplit(" : ", 1)[0] for line in graph_text(graph_of(text, models)).splitlines()[1:-1]]


def names(text: str | Tree, models: Mapping[str, str] | None = None) -> list[str]:
    """The names of the layers of a model without faults."""
    return [node.name for node in graph_of(text, models) if node.node.op != "Input"]


def codes(text: str | Tree, models: Mapping[str, str] | None = None) -> list[str]:
    """The codes of a model's faults."""
    return [fault.code for fault in compiled(text, models)[1].faults]


def compile_file(path: str, overrides: Iterable[str] = ()) -> tuple[CheckedGraph, Diagnostics]:
    """The graph of `model_file=PATH` in this folder; `conf` is for `--config-dir`, `conf/mine.yaml` the top config."""
    conf = Path("conf") if Path("conf").is_dir() else None
    top = "mine" if Path("conf/mine.yaml").exists() else "config"
    composed = compose(for_hydra([f"model_file={path}", *overrides]), conf, top)
    diagnostics = Diagnostics()
    load_plugins(composed, diagnostics)
    tree = model_tree(composed, diagnostics)
    diagnostics.raise_errors()
    assert tree is not None
    return compile_model(ModelSource(tree, model_loader(composed, diagnostics)), diagnostics), diagnostics
