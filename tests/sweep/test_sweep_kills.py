"""A small slice of the campaign of kills: real processes, boosted trees in the place of networks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.sweep_kills import TREES, Campaign


def test_a_sweep_that_is_killed_again_and_again_comes_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    campaign = Campaign(tmp_path, TREES, trials=4, seed=3)
    assert campaign.run(kills=3, longest=3.0) == []
    assert sum(campaign.kills.values()) == 3
