"""A small slice of the campaign of broken configurations; `make campaigns` runs ten thousand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.mutations import make, run, shipped

MODELS = shipped()


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_broken_configurations_give_faults_and_nothing_else(first: int, tmp_path: Path) -> None:
    for number in range(first, first + 50):
        run(make(number, 1, MODELS), tmp_path)


def test_a_case_is_the_same_for_the_same_seed() -> None:
    assert make(7, 3, MODELS) == make(7, 3, MODELS)
    assert make(7, 3, MODELS) != make(7, 4, MODELS)
