"""Examples in Markdown pages: the files that they show, and commands that print what the page says."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from compiler import commands
from compiler.runtime.cli import STATUSES, USER_ERROR

ROOT = Path(__file__).parents[1]
_PART = re.compile(r"^#+ (?P<title>[^\n]*)$|^```(?P<language>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"# ([\w./-]+)\n")
_SCRIPT = "make_files.py"
_UNNAMED = {"yaml": "model.yaml", "python": _SCRIPT}


@dataclass(frozen=True, slots=True)
class Example:
    """A block of a page, with the files that stand above it in its section.

    Attributes:
        title: of the section.
        number: of the block in the page.
        files: their text by path. A first line that is a comment with a path names a file; else a yaml block is
            `model.yaml`, and a python block a script that makes further files.
        path: of the file that a yaml or python block is.
    """

    page: Path
    title: str
    number: int
    language: str
    body: str
    files: dict[str, str]
    path: str = ""

    def __str__(self) -> str:
        return f"{re.sub('[^a-z0-9]+', '-', self.title.lower())}-{self.number}"

    @property
    def typed(self) -> list[str]:
        """The lines of a console block that a user types."""
        return [line for line in self.body.splitlines() if line.startswith("$ ")]

    @property
    def commands(self) -> list[list[str]]:
        """The same as words, without `python`."""
        return [shlex.split(line.removeprefix("$ python ")) for line in self.typed]

    def make_files(self, folder: Path) -> None:
        for name, text in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
        with contextlib.chdir(folder):
            exec(self.files.get(_SCRIPT, ""), {})

    def rewrite(self, body: str) -> None:
        """Put `body` into the page."""
        text = self.page.read_text("utf-8")
        start, end = list(_PART.finditer(text))[self.number].span("body")
        self.page.write_text(text[:start] + body + text[end:], "utf-8")


def examples(page: Path) -> Iterator[Example]:
    """All blocks of a page, in order."""
    title, files = "", dict[str, str]()
    for number, part in enumerate(_PART.finditer(page.read_text("utf-8"))):
        if part["title"] is not None:
            title, files = part["title"], {}
            continue
        language, body, path = part["language"], part["body"], ""
        if language in _UNNAMED:
            named = _PATH.match(body)
            path = named[1] if named else _UNNAMED[language]
            files = {**files, path: body}
        yield Example(page, title, number, language, body, files, path)


def consoles(page: Path) -> list[Example]:
    """The console blocks of a page."""
    return [example for example in examples(page) if example.language == "console"]


def printed_by(run: Callable[[], object]) -> str:
    """What `run` prints on both streams, in order, until it returns or exits."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        try:
            run()
        except SystemExit as stop:
            assert stop.code in (0, USER_ERROR, *STATUSES.values()), stream.getvalue()
    return stream.getvalue()


def by_commands(words: list[str]) -> str:
    """What `python -m compiler ...` prints."""
    assert words[:2] == ["-m", "compiler"], words
    return printed_by(lambda: commands.main(words[2:]))


def as_shown(example: Example, say: Callable[[list[str]], str] = by_commands) -> str:
    """A console block as it would look: every command with what `say` gives for its words."""
    said = [say(words).rstrip("\n") for words in example.commands]
    return "".join(f"{line}\n{text}\n" if text else f"{line}\n" for line, text in zip(example.typed, said, strict=True))
