"""Drawn models: what the language unrolls is what one writes by hand; and no text breaks the front end."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.errors import Diagnostics, Fault, Place, Source, render
from compiler.pipeline import ModelSource, compile_model
from compiler.spec.located import Map
from compiler.spec.reader import FOREIGN, read_tree
from tests.language.models import graph_of, loads

# --- against unrolling by hand ---------------------------------------------------------------
# Every layer is a Dense of 4 units on 4 features, so that all shapes fit; activations tell the layers apart.

ACTIVATIONS = ("relu", "tanh", "silu", "elu")
VARIABLES = {"v": "softplus", "n": 2, "flag": True, "off": False}
BLOCKS = ("first", "second")

activations = st.sampled_from([*ACTIVATIONS, "$v"])
copies = st.sampled_from(
    [{}, {}, {}, {"repeat": 0}, {"repeat": 3}, {"repeat": "$n"}, {"each": {"a": ["relu", "elu"]}}, {"each": {"a": []}}]
)
switches = st.sampled_from([{}, {}, {"when": True}, {"when": False}, {"when": "$flag"}, {"when": "$off or not flag"}])


@st.composite
def specs(draw: st.DrawFn, depth: int, blocks: tuple[str, ...], names: tuple[str, ...]) -> dict[str, Any]:
    """One layer spec; `names` are the loop variables and params in force."""
    extra = {**draw(copies), **draw(switches)}
    inner = (*names, *extra.get("each", ()))
    known = st.one_of(activations, st.sampled_from([f"${name}" for name in inner])) if inner else activations
    kinds = ["Dense", "Dense", *(["sequence", "residual", "branches"] if depth else []), *blocks]
    op = draw(st.sampled_from(kinds))
    if op == "Dense":
        return {"op": op, "units": 4, "activation": draw(known), **extra}
    if op in blocks:
        return {"op": op, "act": draw(known), **extra}
    below = st.lists(specs(depth - 1, blocks, inner), max_size=3)
    if op == "branches":
        merge = draw(st.sampled_from(["Add", "Average", {"op": "Maximum"}]))
        return {"op": op, "merge": merge, "paths": draw(st.lists(below, min_size=2, max_size=3)), **extra}
    body = {"op": op, "layers": draw(below), **extra}
    return {**body, "shortcut": draw(below)} if op == "residual" and draw(st.booleans()) else body


@st.composite
def models(draw: st.DrawFn) -> dict[str, Any]:
    second = draw(st.lists(specs(1, (), ("act",)), max_size=2))
    first = draw(st.lists(specs(1, ("second",), ("act",)), max_size=2))
    layers = draw(st.lists(specs(2, BLOCKS, ()), min_size=1, max_size=4))
    blocks = {
        name: {"params": {"act": "relu"}, "layers": body} for name, body in (("first", first), ("second", second))
    }
    end = {"op": "Dense", "units": 4, "name": "end"}
    return {"input": [4], "vars": VARIABLES, "blocks": blocks, "layers": [*layers, end]}


@dataclass
class Unrolled:
    """A flat model, written layer by layer with every `from` spelled out: a second, simple expander."""

    blocks: dict[str, Any]
    layers: list[dict[str, Any]] = field(default_factory=list)
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def put(self, op: str, entering: list[str], **arguments: object) -> str:
        name = f"n{next(self.numbers)}"
        self.layers.append({"op": op, "name": name, "from": entering, **arguments})
        return name

    def all(self, body: list[dict[str, Any]], env: dict[str, Any], entering: str) -> str:
        for spec in body:
            for row in self.rows(spec, env):
                entering = self.one(spec, row, entering)
        return entering

    def rows(self, spec: dict[str, Any], env: dict[str, Any]) -> list[dict[str, Any]]:
        switch = spec.get("when", True)
        if switch is False or switch == "$off or not flag":
            return []
        if "each" in spec:
            return [{**env, "a": value} for value in spec["each"]["a"]]
        count = spec.get("repeat", 1)
        return [env] * (VARIABLES["n"] if count == "$n" else count)

    def one(self, spec: dict[str, Any], env: dict[str, Any], entering: str) -> str:
        op = spec["op"]
        if op == "Dense":
            return self.put(op, [entering], units=4, activation=self.value(spec["activation"], env))
        if op in self.blocks:
            return self.all(self.blocks[op]["layers"], {**VARIABLES, "act": self.value(spec["act"], env)}, entering)
        if op == "sequence":
            return self.all(spec["layers"], env, entering)
        bodies = spec["paths"] if op == "branches" else [spec["layers"], spec.get("shortcut", [])]
        ends = [self.all(body, env, entering) for body in bodies]
        merge = spec.get("merge", "Add")
        return self.put(merge if isinstance(merge, str) else merge["op"], ends)

    @staticmethod
    def value(text: str, env: dict[str, Any]) -> str:
        return env[text[1:]] if text.startswith("$") else text


@settings(max_examples=150)
@given(models())
def test_a_model_is_what_it_unrolls_to(model: dict[str, Any]) -> None:
    unrolled = Unrolled(model["blocks"])
    end = unrolled.all(model["layers"][:-1], dict(VARIABLES), "input")
    unrolled.put("Dense", [end], units=4)
    flat = {"input": [4], "layers": unrolled.layers}
    assert graph_of(yaml.safe_dump(model)).hash == graph_of(yaml.safe_dump(flat)).hash


@settings(max_examples=50)
@given(models(), st.data())
def test_names_hold_when_layers_are_put_elsewhere(model: dict[str, Any], data: st.DataObject) -> None:
    """An entry that is put between others changes no name but its own."""
    before = [node.name for node in graph_of(yaml.safe_dump(model))]
    place = data.draw(st.integers(0, len(model["layers"])))
    layers = [*model["layers"][:place], {"op": "Dense", "units": 4, "name": "new"}, *model["layers"][place:]]
    after = [node.name for node in graph_of(yaml.safe_dump({**model, "layers": layers}))]
    assert [name for name in after if name != "new"] == before


# --- whatever one writes ---------------------------------------------------------------------

WORDS = """
    Dense Flatten Conv2D Add Concatenate Input Lambda residual branches sequence blk model/m prev input a b a.b a.* * $
    $n $n/0 $x $range(3) $$ ${data.classes} relu same int remove yes 010 12:30
"""
KEYS = """
    input inputs vars blocks layers outputs patch models op name from when repeat each share units filters kernel_size
    activation rate shape dtype merge paths shortcut params output insert_after insert_before replace remove a b blk m
"""
words = st.sampled_from(WORDS.split())
keys = st.sampled_from(KEYS.split())
scalars = st.one_of(words, st.none(), st.booleans(), st.integers(-3, 5), st.floats(), st.text(max_size=3))
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(keys, keys, words), inner, max_size=5)
    ),
    max_leaves=25,
)
fields = {"units": scalars, "from": trees, "name": scalars, "repeat": scalars}
spec_like = st.one_of(words, st.fixed_dictionaries({"op": words}, optional=fields))
block_like = st.fixed_dictionaries({"layers": st.lists(spec_like)}, optional={"params": trees})
model_like = st.fixed_dictionaries(
    {
        "input": st.one_of(st.just([4]), st.just([8, 8, 3]), trees),
        "layers": st.one_of(st.lists(st.one_of(spec_like, trees)), trees),
    },
    optional={
        "inputs": trees,
        "vars": trees,
        "outputs": trees,
        "patch": trees,
        "models": st.dictionaries(keys, trees, max_size=2),
        "blocks": st.dictionaries(keys, block_like),
    },
)


def faults_of(text: str, *, strict: bool) -> list[Fault]:
    """Everything said about a text; anything but a fault is an error of the front end."""
    diagnostics = Diagnostics()
    source = Source("drawn.yaml", text)
    tree = read_tree(source, diagnostics, caps=FOREIGN, strict=strict)
    if isinstance(tree, Map):
        load = loads({"m": "input: [4]\nlayers: [Flatten]"}, diagnostics)
        graph = compile_model(ModelSource(tree, load), diagnostics)
        assert diagnostics.has_errors or graph.outputs
    assert render(diagnostics.faults) or not diagnostics.faults
    return diagnostics.faults


def lies_inside(place: Place) -> bool:
    """Whether a place is in its text, or just behind its last character."""
    found = place.source.text.splitlines() or [""]
    if place.line == len(found) + 1:
        return place.column == 1
    line = found[place.line - 1]
    return place.line >= 1 and 1 <= place.column <= len(line) + 1 and place.column + place.width <= len(line) + 2


@settings(max_examples=300)
@given(st.one_of(model_like, trees), st.booleans())
def test_any_tree_gives_a_graph_or_faults_inside_the_text(tree: object, flow: bool) -> None:
    text = yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True)
    for fault in faults_of(text, strict=flow):
        assert fault.place is None or lies_inside(fault.place), (fault, text)
        assert all(lies_inside(note.place) for note in fault.notes), (fault, text)


@settings(max_examples=150)
@given(models(), st.data())
def test_any_damage_gives_a_graph_or_faults_inside_the_text(model: dict[str, Any], data: st.DataObject) -> None:
    text = yaml.safe_dump(model, default_flow_style=data.draw(st.booleans()))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 8)))
    broken = text[:start] + data.draw(st.text(max_size=4) | words) + text[end:]
    for fault in faults_of(broken, strict=True):
        assert fault.place is None or lies_inside(fault.place), (fault, broken)
