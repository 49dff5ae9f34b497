"""What the tests of the language share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.language.page import ROOT, Example, as_in_page, rewrite


@pytest.fixture
def says(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Example, Callable[[Example], str]], None]:
    """`says(example, run)`: what `run` prints in the example's folder must be what the page says."""

    def compare(example: Example, run: Callable[[Example], str]) -> None:
        alone = example.yaml is None and example.python is None
        # without files of its own an example is run in the checkout, so that shipped files have short names
        folder = ROOT if alone and not example.trains else tmp_path
        example.make_files(tmp_path)
        monkeypatch.chdir(folder)
        printed = as_in_page(run(example), tmp_path)
        if request.config.getoption("--update-goldens"):
            rewrite(example, printed)
        else:
            assert printed == example.output, "docs/errors.md differs: --update-goldens if that is meant"

    return compare
