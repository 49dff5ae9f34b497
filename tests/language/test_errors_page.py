"""docs/errors.md: every example is run, and what it prints is what the page says.

The page is the golden: `--update-goldens` writes what the commands print now into its console blocks.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from compiler.errors import CODES, ConfigError, Diagnostics, render
from compiler.runtime.data.load import load
from compiler.runtime.plan import plan
from compiler.runtime.sweep.definition import Definition
from compiler.runtime.sweep.parameters import read_space, without_sweeps
from compiler.runtime.sweep.probe import preflight
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from tests.pages import ROOT, Example, by_commands, consoles

Says = Callable[[Example, Callable[[list[str]], str]], None]
EXAMPLES = consoles(ROOT / "docs/errors.md")
SHELLS = [example for example in EXAMPLES if any(not line.startswith("$ python ") for line in example.typed)]
FOREIGN = [example for example in EXAMPLES if example.title[1] == "9"]
SPACES = [example for example in EXAMPLES if example.title[1:3] == "65"]
CHECKS = [example for example in EXAMPLES if "train.py" not in example.body and example not in FOREIGN]
# faults in the data are found before TensorFlow is imported
DATA = [example for example in EXAMPLES if example not in CHECKS and example.title[1] == "7"]
TRAININGS = [example for example in EXAMPLES if example not in CHECKS + DATA + FOREIGN + SHELLS + SPACES]


def faults_of_data(words: list[str]) -> str:
    """What `python train.py ...` prints of the data, without going on to the training."""
    job = plan(compose(for_hydra(words[1:])))
    assert job.data is not None, words
    try:
        return render(load(job.data, job.data_section).warnings)
    except ConfigError as error:
        return render(error.faults)


def faults_of_space(words: list[str]) -> str:
    """What `python train.py -m ...` prints of the space, before anything is queued."""
    arguments = for_hydra([word for word in words[1:] if word != "-m"])
    diagnostics = Diagnostics()
    composed = compose(without_sweeps(arguments))
    for fault in composed.faults:
        diagnostics.add(fault)
    section = composed.section("search")
    fixed, space = read_space(arguments, section, diagnostics, loader=composed.loader)
    try:
        diagnostics.raise_errors()
        return render(preflight(Definition.make(fixed, space, section), composed.loader))
    except ConfigError as error:
        return render(error.faults)


@pytest.mark.parametrize("example", SPACES, ids=str)
def test_a_space_has_the_fault_that_the_page_says(example: Example, says: Says) -> None:
    says(example, faults_of_space)


@pytest.mark.parametrize("example", CHECKS, ids=str)
def test_a_check_prints_what_the_page_says(example: Example, says: Says) -> None:
    says(example, by_commands)


@pytest.mark.parametrize("example", DATA, ids=str)
def test_data_have_the_fault_that_the_page_says(example: Example, says: Says) -> None:
    says(example, faults_of_data)


@pytest.mark.parametrize("example", FOREIGN, ids=str)
def test_a_file_from_elsewhere_has_the_fault_that_the_page_says(example: Example, says: Says) -> None:
    says(example, by_commands)


@pytest.mark.parametrize("code", CODES)
def test_the_example_of_a_code_has_that_fault_and_no_other(code: str) -> None:
    (example,) = (example for example in EXAMPLES if example.title.startswith(f"{code} "))
    kind = "error" if code.startswith("E") else "warning"
    assert f"{kind}[{code}]: " in example.body
    assert example.body.endswith(f"\n1 {kind}\n") or (kind == "warning" and "\n1 warning\n" in example.body)
