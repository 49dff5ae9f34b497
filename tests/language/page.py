"""The examples of docs/errors.md: files, commands, and what the commands print."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from compiler import commands
from compiler.errors import ConfigError, render
from compiler.runtime.data.load import load
from compiler.runtime.job import plan
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/errors.md"
FOLDER = "/data/lamina"
"""Where the page's commands are run, as far as what they print says so."""

_PART = re.compile(
    r"^#+ (?:(?P<code>[EW]\d{3}) )?[^\n]*$|^```(?P<language>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Example:
    """One console block and the blocks that belong to it.

    Attributes:
        code: of the section, None in the introduction.
        number: of the console block in the page.
        yaml: what stands in model.yaml.
        python: makes further files.
        commands: as lists of words, `python` left out.
        output: what the page says that the last one prints.
    """

    code: str | None
    number: int
    yaml: str | None
    python: str | None
    commands: tuple[list[str], ...]
    output: str

    def __str__(self) -> str:
        return f"{self.code or 'introduction'}-{self.number}"

    @property
    def command(self) -> list[str]:
        return self.commands[-1]

    @property
    def trains(self) -> bool:
        """Whether it needs TensorFlow."""
        return self.command[0] == "train.py" and not self.reads_data

    @property
    def reads_data(self) -> bool:
        """Whether its fault is in the data, which are read before TensorFlow is imported."""
        return self.command[0] == "train.py" and self.code is not None and self.code[1] == "7"

    def make_files(self, folder: Path) -> None:
        """Write the example's files."""
        if self.yaml is not None:
            (folder / "model.yaml").write_text(self.yaml, "utf-8")
        if self.python is not None:
            with contextlib.chdir(folder):
                exec(self.python, {})


def examples(text: str) -> Iterator[Example]:
    """The examples of a page."""
    code: str | None = None
    files: dict[str, str] = {}
    number = 0
    for part in _PART.finditer(text):
        if part["language"] is None:
            code, files = part["code"], {}
        elif part["language"] != "console":
            files[part["language"]] = part["body"]
        else:
            typed = [line for line in part["body"].splitlines() if line.startswith("$ ")]
            words = tuple(shlex.split(line.removeprefix("$ python ")) for line in typed)
            output = "".join(line for line in part["body"].splitlines(keepends=True) if not line.startswith("$ "))
            yield Example(code, number, files.get("yaml"), files.get("python"), words, output)
            files, number = {}, number + 1


EXAMPLES = tuple(examples(PAGE.read_text("utf-8")))


def printed_by_check(example: Example) -> str:
    """What `python -m compiler check ...` prints, both streams in order."""
    words = example.command
    assert words[:2] == ["-m", "compiler"]
    return printed_by(lambda: commands.main(words[2:]))


def printed_by(run: Callable[[], object]) -> str:
    """What `run` prints on both streams, until it returns or exits."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream), contextlib.suppress(SystemExit):
        run()
    return stream.getvalue()


def faults_of_data(example: Example) -> str:
    """What `python train.py ...` prints of the data, without going on to the training."""
    job = plan(compose(for_hydra(example.command[1:])))
    assert job.data is not None, example
    try:
        return render(load(job.data, job.data_section).warnings)
    except ConfigError as error:
        return render(error.faults)


def as_in_page(printed: str, folder: Path) -> str:
    """`printed` without what differs from one machine to another: the folder, and empty lines at the end."""
    return printed.replace(str(folder), FOLDER).rstrip("\n") + "\n"


def rewrite(example: Example, output: str) -> None:
    """Put `output` in the place of what the page says."""

    def body(part: re.Match[str]) -> str:
        nonlocal number
        if part["language"] != "console":
            return part[0]
        number += 1
        return f"```console\n{commands_of(part['body'])}{output}```" if number == example.number else part[0]

    number = -1
    PAGE.write_text(_PART.sub(body, PAGE.read_text("utf-8")), "utf-8")


def commands_of(body: str) -> str:
    """The lines of a console block that are typed."""
    return "".join(line for line in body.splitlines(keepends=True) if line.startswith("$ "))
