"""From figures to warnings, without a network."""

from __future__ import annotations

from compiler.errors import Diagnostics, Source
from compiler.ir import CheckedGraph
from compiler.pipeline import ModelSource, compile_model
from compiler.runtime.fitting.diagnosis import Figures, diagnose
from compiler.spec.located import Map
from compiler.spec.reader import read_tree

TEXT = """
input: [8]
layers:
  - {op: Dense, units: 10, activation: relu, name: a}
  - {op: Dense, units: 10, activation: relu, name: b}
  - {op: Dense, units: 10, activation: relu, name: c}
  - {op: Dense, units: 2, activation: softmax, name: d}
"""


def net() -> CheckedGraph:
    diagnostics = Diagnostics()
    tree = read_tree(Source("m.yaml", TEXT), diagnostics)
    assert isinstance(tree, Map)
    return compile_model(ModelSource(tree), diagnostics)


def said(stuck: str | None = None, **figures: Figures) -> list[str]:
    healthy = {name: Figures(10, 0, 32, 0.5, 0.1) for name in ("a", "b", "c", "d")}
    return [
        f"{fault.code} {fault.place.line if fault.place else ''}" for fault in diagnose(net(), healthy | figures, stuck)
    ]


def test_healthy_figures_say_nothing() -> None:
    assert said() == said("stuck") == []


def test_dead_layers_are_named_once_the_first_only() -> None:
    assert said(b=Figures(10, 9, 32), c=Figures(10, 10, 32)) == ["W822 5"]
    assert said(b=Figures(10, 8, 32)) == []
    assert said(b=Figures(10, 10, 31)) == [], "too few rows to tell"
    assert said(d=Figures(2, 2, 32)) == [], "softmax does not rectify"


def test_gradients_are_compared_between_the_ends() -> None:
    assert said(a=Figures(gradient=1e-6)) == ["W823 4"]
    assert said(a=Figures(gradient=1e-4)) == []
    assert said(c=Figures(gradient=1e4)) == said(c=Figures(gradient=float("nan"))) == ["W823 6"]
    assert said(a=Figures(gradient=0.0), d=Figures(gradient=0.0)) == [], "nothing flows back at all"


def test_a_signal_is_followed_to_where_it_fades() -> None:
    faded = Figures(10, 0, 32, 1e-4, 0.1)
    assert said("stuck", b=faded, c=faded) == ["W821 5"]
    assert said("stuck", b=faded) == [], "it is back behind the next layer"
    assert said(b=faded, c=faded) == [], "it learns all the same"


def test_one_cause_explains_and_others_follow() -> None:
    assert said("stuck", a=Figures(10, 10, 32, None, 1e-9)) == ["W821 4", "W823 4"]
