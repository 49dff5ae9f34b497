"""What the tests of the runtime share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new folder, made the working directory, so that messages name files as a user would."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
