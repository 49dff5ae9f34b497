"""Console examples in Markdown pages: run as a user would, and held to the text that the page shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from compiler.commands import main

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Example:
    """One command of a page.

    Attributes:
        command: without the prompt.
        output: what the page shows below it.
        span: where the output stands in the page's text.
    """

    command: str
    output: str
    span: tuple[int, int]

    @property
    def argv(self) -> list[str]:
        return shlex.split(self.command)


def examples(page: Path) -> Iterator[Example]:
    """All commands of a page, in order."""
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        start = block.start(1)
        prompts = [*re.finditer(r"^\$ (.*)\n", block[1], re.MULTILINE)]
        for i, prompt in enumerate(prompts):
            end = prompts[i + 1].start() if i + 1 < len(prompts) else len(block[1])
            yield Example(prompt[1], block[1][prompt.end() : end], (start + prompt.end(), start + end))


def run_in_process(example: Example) -> str:
    """What `python -m compiler ...` prints, on both streams."""
    assert example.argv[:3] == ["python", "-m", "compiler"], example.command
    out = StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        try:
            main(example.argv[3:])
        except SystemExit as stop:
            assert stop.code in (0, 2), example.command
    return out.getvalue()


def rewrite(page: Path, outputs: list[tuple[Example, str]]) -> None:
    """Put what the commands print now into the page."""
    text = page.read_text(encoding="utf-8")
    for example, output in sorted(outputs, key=lambda pair: -pair[0].span[0]):
        start, end = example.span
        text = text[:start] + output.rstrip("\n") + ("\n" if output.strip() else "") + text[end:]
    page.write_text(text, encoding="utf-8")
