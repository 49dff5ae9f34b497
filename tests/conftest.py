"""What all tests share: the order (TensorFlow last), goldens, and an environment apart from the terminal's."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.pages import Example
    from tests.slurm.cluster import Cluster
    from tests.sweep.browser import Browser

TESTS = Path(__file__).parent
GOLDENS = TESTS / "golden"
TF_FILES = ("ops/test_against_keras.py", "targets/test_keras*", "runtime/test_fit*")
"""Files whose tests need TensorFlow, besides those that import it themselves."""

collect_ignore = ["campaigns", "golden"]
_IMPORTS_TF = re.compile(r"^\s*(?:import|from) (?:keras|tensorflow)\b", re.MULTILINE)

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"
for variable in ("COLUMNS", "FORCE_COLOR", "CLICOLOR_FORCE"):  # rich would lay out goldens by them
    os.environ.pop(variable, None)

# No deadline: a draw that imports or compiles something is slow once. CI draws the same every time, so that
# a change fails by its own fault only; runs by hand look further.
settings.register_profile("by_hand", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("ci", settings.get_profile("by_hand"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "by_hand")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="rewrite tests/golden with what the tests give now")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what imports TensorFlow, and put it last; the order is else the files'."""
    for item in items:
        if _needs_tf(item.path):
            item.add_marker("tf")
    items.sort(key=lambda item: item.get_closest_marker("tf") is not None)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m "not tf"` do not even import them: that takes longer than all the rest."""
    unwanted = config.getoption("markexpr") == "not tf" and collection_path.suffix == ".py"
    return True if unwanted and _needs_tf(collection_path) else None


@cache
def _needs_tf(path: Path) -> bool:
    name = path.relative_to(TESTS).as_posix()
    return any(fnmatch(name, pattern) for pattern in TF_FILES) or bool(_IMPORTS_TF.search(path.read_text("utf-8")))


@pytest.fixture(scope="session")
def slurm() -> Iterator[Cluster]:
    """A real SLURM of one node; skips where none can stand."""
    from tests.slurm.cluster import Cluster, install, missing

    if reason := missing():
        pytest.skip(reason)
    install()
    with Cluster() as cluster, pytest.MonkeyPatch.context() as patch:
        for name, value in cluster.environment.items():
            patch.setenv(name, value)
        yield cluster


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A real browser; skips where none can stand."""
    from tests.sweep import browser

    if reason := browser.missing():
        pytest.skip(reason)
    try:
        browser.install()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"apt-get could not install Chromium: {error.stderr.decode()[-200:]}")
    with browser.Browser(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden(name, text)`: `text` must be what `tests/golden/<name>` holds; `--update-goldens` writes it."""

    def compare(name: str, text: str) -> None:
        path = GOLDENS / name
        if request.config.getoption("--update-goldens"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        elif not path.exists():
            pytest.fail(f"no golden {name}: write it with --update-goldens, and read it")
        else:
            assert text == path.read_text("utf-8"), f"tests/golden/{name} differs: --update-goldens if that is meant"

    return compare


@pytest.fixture
def page_shows(request: pytest.FixtureRequest) -> Callable[[Example, str], None]:
    """`page_shows(example, body)`: `body` must be what stands in the example's page; `--update-goldens` writes it."""

    def compare(example: Example, body: str) -> None:
        if request.config.getoption("--update-goldens"):
            example.rewrite(body)
        else:
            assert body == example.body, f"{example.page.name} differs: --update-goldens if that is meant"

    return compare


@pytest.fixture(autouse=True)
def threads_of_no_other_test() -> Iterator[None]:
    """`train.threads` is said to TensorFlow through the environment: a training in this process leaves it there."""
    _forget_threads()
    yield
    _forget_threads()


def _forget_threads() -> None:
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.pop(name, None)
