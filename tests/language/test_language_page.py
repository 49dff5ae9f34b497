"""docs/language.md: every model on the page compiles without a fault, and every command prints what the page says.

The page is the golden: `--update-goldens` writes what the commands print now into its console blocks.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from compiler import commands
from compiler.errors import render
from compiler.ops import OPS
from tests.language.models import compile_file

PAGE = Path(__file__).parents[2] / "docs/language.md"
_PART = re.compile(r"^#+ (?P<title>[^\n]*)$|^```(?P<language>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([\w./-]+)\n")


@dataclass(frozen=True, slots=True)
class Example:
    """A block of the page, with the files that stand above it in its section.

    Attributes:
        number: of the block in the page.
        files: their text by path; a block is `model.yaml` unless its first line is a comment with a path.
        path: the file that a yaml or python block is.
    """

    title: str
    number: int
    language: str
    body: str
    files: dict[str, str]
    path: str = ""

    def __str__(self) -> str:
        return f"{re.sub('[^a-z]+', '-', self.title.lower())}-{self.number}"

    def make_files(self, folder: Path) -> None:
        for name, text in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")


def examples(text: str) -> Iterator[Example]:
    title, files = "", dict[str, str]()
    for number, part in enumerate(_PART.finditer(text)):
        if part["title"] is not None:
            title, files = part["title"], {}
            continue
        path = ""
        if part["language"] != "console":
            named = _FILE.match(part["body"])
            path = named[1] if named else "model.yaml"
            files = {**files, path: part["body"]}
        yield Example(title, number, part["language"], part["body"], files, path)


EXAMPLES = tuple(examples(PAGE.read_text("utf-8")))
MODELS = [example for example in EXAMPLES if example.language == "yaml" and "mine.yaml" not in example.path]
CONSOLES = [example for example in EXAMPLES if example.language == "console"]


def run(example: Example) -> str:
    """The console block as it would look: every command with what it prints on both streams."""
    said = io.StringIO()
    for line in example.body.splitlines():
        if line.startswith("$ "):
            words = shlex.split(line.removeprefix("$ "))
            assert words[:3] == ["python", "-m", "compiler"]
            print(line, file=said)
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
                commands.main(words[3:])
    return re.sub(r" +$", "", said.getvalue(), flags=re.MULTILINE)


def rewrite(example: Example, printed: str) -> None:
    """Put what a console block prints now into the page."""
    text = PAGE.read_text("utf-8")
    start, end = next(itertools.islice(_PART.finditer(text), example.number, None)).span("body")
    PAGE.write_text(text[:start] + printed + text[end:], "utf-8")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules can be imported from the folder, as `python -m` does; what they register is forgotten behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before, modules = dict(OPS), set(sys.modules)
    yield
    for name in set(OPS) - set(before):
        del OPS[name]
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize("example", MODELS, ids=str)
def test_a_model_of_the_page_has_no_fault(example: Example, tmp_path: Path) -> None:
    example.make_files(tmp_path)
    graph, diagnostics = compile_file(example.path)
    assert render(diagnostics.faults) == ""
    assert graph.layers and graph.outputs


@pytest.mark.parametrize("example", CONSOLES, ids=str)
def test_a_command_prints_what_the_page_says(example: Example, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    example.make_files(tmp_path)
    printed = run(example)
    assert "error[" not in printed and "warning[" not in printed
    if request.config.getoption("--update-goldens"):
        rewrite(example, printed)
    else:
        assert printed == example.body, "docs/language.md differs: --update-goldens if that is meant"
