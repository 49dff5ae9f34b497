"""A small slice of the campaign of files from elsewhere; `make campaigns` runs the whole."""

from __future__ import annotations

import random

import pytest

from tests.campaigns.foreign import Bench, Result, bench, run, run_bare
from tests.campaigns.foreign_cases import attacks, flips, truncations
from tests.campaigns.foreign_models import save

pytestmark = pytest.mark.tf


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("foreign")
    save(folder)
    return bench(folder / "plain.keras")


def test_attacks(plain: Bench) -> None:
    cases = list(attacks(plain.original, plain.folder))
    result = Result()
    for case in random.Random(0).sample(cases, 15):
        run(case, plain, result)
    assert result.failures == []


def test_damage(plain: Bench) -> None:
    result = Result()
    for case in (*flips(plain.original, 6, 1), *truncations(plain.original, 3)):
        run(case, plain, result)
    for case in flips(plain.bare, 5, 1):
        run_bare(case, plain, result)
    assert result.failures == []
