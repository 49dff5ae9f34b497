"""Layers that are not Keras's own, taken into the written file: their classes' source, read and never run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec
from itertools import accumulate
from pathlib import Path
from typing import cast

from compiler.ir import CheckedGraph
from compiler.ops import OPS
from compiler.targets.python_values import op_class


def inlined(graph: CheckedGraph) -> list[ast.stmt]:
    """The classes of all layers that do not come from Keras; an import where a class needs more than Keras."""
    ops = (op for checked in graph for op in (checked.node.op, *_inside(checked.node.args)))
    paths = dict.fromkeys(op_class(op).keras for op in ops)
    return [_class(path) for path in paths if not path.startswith("keras.")]


def _inside(value: object) -> Iterator[str]:
    """The layers in arguments, at any depth."""
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        if fields.get("op") in OPS:
            yield str(fields["op"])
        for item in fields.values():
            yield from _inside(item)
    elif isinstance(value, (list, tuple)):
        for item in cast("Sequence[object]", value):
            yield from _inside(item)


def _class(path: str) -> ast.stmt:
    module, _, name = path.rpartition(".")
    elsewhere = ast.ImportFrom(module, [ast.alias(name)], 0)
    spec = _found(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return elsewhere
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    found = next((item for item in tree.body if isinstance(item, ast.ClassDef) and item.name == name), None)
    if found is None:
        return elsewhere
    plain = _Plain().visit(found)
    assert isinstance(plain, ast.ClassDef), "a class stays one"
    return elsewhere if set(_free(plain)) & set(_globals(tree)) - {"keras"} else plain


def _found(module: str) -> ModuleSpec | None:
    """Where `module` is. Its packages are looked into without being run, which `importlib.util.find_spec` would do."""
    spec, path = None, None
    for name in accumulate(module.split("."), "{}.{}".format):
        spec = next((found for finder in sys.meta_path if (found := finder.find_spec(name, path))), None)
        path = spec.submodule_search_locations if spec else None
        if spec is None or path is None:
            break
    return spec if spec is not None and spec.name == module else None


class _Plain(ast.NodeTransformer):
    """Takes annotations away: they would need imports of their own."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        self.generic_visit(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt | None:
        return ast.Assign([node.target], node.value) if node.value else None


def _free(tree: ast.AST) -> Iterator[str]:
    return (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def _globals(tree: ast.Module) -> Iterator[str]:
    """The names that a module defines or imports."""
    for item in tree.body:
        if isinstance(item, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in item.names)
        elif isinstance(item, ast.ClassDef | ast.FunctionDef):
            yield item.name
        elif isinstance(item, ast.Assign):
            yield from (node.id for target in item.targets for node in ast.walk(target) if isinstance(node, ast.Name))
