"""`pytest tests/ops --draws 500` draws more configurations for each op than a normal run does."""

from __future__ import annotations

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--draws", type=int, default=None, help="configurations drawn for each op (default 25)")


@pytest.fixture(scope="session")
def draws(request: pytest.FixtureRequest) -> int:
    """How many configurations to draw for each op: --draws, else LAMINA_DRAWS, else 25."""
    chosen = request.config.getoption("--draws", default=None)
    return chosen if chosen is not None else int(os.environ.get("LAMINA_DRAWS", "25"))
