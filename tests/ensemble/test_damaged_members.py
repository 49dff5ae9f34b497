"""A slice of the campaign of damaged members; the whole is `python -m tests.campaigns.damaged_members`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.campaigns.damaged_members import DAMAGES, campaign


def test_damaged_members_are_refused_by_name(tmp_path: Path) -> None:
    cases = list(campaign(60, 7, tmp_path))
    assert [case for case in cases if case.wrong] == []
    kinds = Counter(case.kind for case in cases)
    assert set(kinds) == {damage.__name__ for damage in DAMAGES}
    assert {"E803", "E851", "E854"} <= {code for case in cases for code in case.codes}
