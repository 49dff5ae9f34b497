"""docs/errors.md: every example is run, and what it prints is what the page says.

The page is the golden: `--update-goldens` writes what the commands print now into its console blocks.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from compiler.errors import CODES
from tests.language.page import EXAMPLES, Example, faults_of_data, printed_by_check

Says = Callable[[Example, Callable[[Example], str]], None]


@pytest.mark.parametrize("example", [example for example in EXAMPLES if not example.trains], ids=str)
def test_an_example_prints_what_the_page_says(example: Example, says: Says) -> None:
    says(example, faults_of_data if example.reads_data else printed_by_check)


@pytest.mark.parametrize("code", CODES)
def test_the_example_of_a_code_has_that_fault_and_no_other(code: str) -> None:
    (example,) = (example for example in EXAMPLES if example.code == code)
    kind = "error" if code.startswith("E") else "warning"
    assert f"{kind}[{code}]: " in example.output
    assert example.output.endswith(f"\n1 {kind}\n") or (kind == "warning" and "\n1 warning\n" in example.output)
