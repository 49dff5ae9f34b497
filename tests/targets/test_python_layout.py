"""The layout of Python text: what is laid out is parsed back as it was."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from compiler.targets.python_layout import source, text_of

LAYERS = sorted((Path(__file__).parents[2] / "compiler" / "targets" / "layers").glob("[a-z]*.py"))


@pytest.mark.parametrize(
    "text",
    [
        "a * (b + c)", "(a + b) * c", "a * b + c", "a - (b - c)", "a - b - c", "a / (b * c)", "a * b / c",
        "a // (b % c)", "2 * (4 * w)", "f(a * (1 - m) + b * m)", "(a == b) * c", "(a if b else c) + d",
        "-(a + b) * c", "[a * (b + 1)]",
    ],
)  # fmt: skip
def test_operators_bind_as_they_did(text: str) -> None:
    expression = ast.parse(text, mode="eval").body
    again = ast.parse(text_of(expression), mode="eval").body
    assert ast.dump(again) == ast.dump(expression)


@pytest.mark.parametrize("path", LAYERS, ids=lambda path: path.stem)
def test_a_class_of_ours_means_the_same(path: Path) -> None:
    """Docstrings apart, which are indented anew, and types, which the text leaves out."""
    classes = [found for found in ast.parse(path.read_text("utf-8")).body if isinstance(found, ast.ClassDef)]
    again = ast.parse(source(classes)).body
    assert classes and [plain(found) for found in again] == [plain(found) for found in classes]


def plain(tree: ast.AST) -> str:
    for found in ast.walk(tree):
        if isinstance(found, (ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(found) is not None:
            found.body = found.body[1:]
        if isinstance(found, ast.FunctionDef):
            found.returns = None
        if isinstance(found, ast.arg):
            found.annotation = None
    return ast.dump(tree)
