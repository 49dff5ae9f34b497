"""Rules of the house that no linter knows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.errors import CODES

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
OURS = ("compiler", "hydra_plugins", "conf", "tests", "benchmarks", "docs", ".ci")

# From pieces, so that this file does not name what it looks for.
HOSTS = [".".join(parts) for parts in (
    ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("deb", "debian", "org"),
    ("golang", "org"), ("crates", "io"), ("rubygems", "org"), ("anaconda", "org"), ("maven", "apache", "org"),
)]  # fmt: skip
MACHINE_PATH = re.compile(r"(?<![\w.~$}-])/(?:" + "|".join(("work", "root", "tmp", r"home/\w+", r"Users/\w+")) + r")\b")
PRAGMA = re.compile(r"# (?:noqa(?:: [A-Z0-9, ]*\d)?|(?:type|pyright): ignore(?:\[[^\]]*\])?)(?P<reason>.*)")
BROAD = re.compile(r"^\s*except(?::| .*\b(?:Base)?Exception\b)")


def sources() -> Iterator[Path]:
    """Every text file of the project, hidden caches and build leftovers apart."""
    for name in OURS:
        yield from (path for path in (ROOT / name).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.name != ".git")


def python_files() -> list[Path]:
    return [path for path in sources() if path.suffix == ".py"]


def lines_where(paths: list[Path], wrong: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text("utf-8", errors="ignore").splitlines(), 1)
        if wrong.search(line)
    ]


def test_the_changelog_begins_with_the_version() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    found = re.search(r"^## (\S+)", changes, re.MULTILINE)
    assert found and found[1] == PROJECT["project"]["version"]


def test_no_file_names_a_registry_host() -> None:
    assert lines_where(list(sources()), re.compile("|".join(map(re.escape, HOSTS)), re.IGNORECASE)) == []


def test_no_file_has_a_path_of_one_machine() -> None:
    assert lines_where(list(sources()), MACHINE_PATH) == []


def test_python_files_stay_under_400_lines() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in python_files()}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_every_exception_from_a_rule_has_its_reason() -> None:
    bare: list[str] = []
    for path in python_files():
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            pragma = PRAGMA.search(line)
            if (pragma and not re.search(r"\w{2}", pragma["reason"])) or (BROAD.match(line) and "#" not in line):
                bare.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert bare == []


def test_codes_in_use_and_in_the_table_are_the_same() -> None:
    ours = [*(ROOT / "compiler").rglob("*.py"), *(ROOT / "hydra_plugins").rglob("*.py")]
    files = [path for path in ours if path != ROOT / "compiler/errors/codes.py"]
    used = {code for path in files for code in re.findall(r"[\"']([EW]\d{3})[\"']", path.read_text("utf-8"))}
    assert {"not in the table": used - set(CODES), "never used": set(CODES) - used} == {
        "not in the table": set(),
        "never used": set(),
    }


def test_every_code_has_its_entry_in_the_docs() -> None:
    docs = (ROOT / "docs/errors.md").read_text("utf-8")
    assert set(re.findall(r"^## ([EW]\d{3}.*)$", docs, re.MULTILINE)) == {" ".join(item) for item in CODES.items()}


def test_every_package_on_disk_is_declared() -> None:
    on_disk = {path.parent for name in ("compiler", "hydra_plugins") for path in (ROOT / name).rglob("*.py")}
    names = {".".join(path.relative_to(ROOT).parts) for path in on_disk} | {"compiler.conf"}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == names


def test_every_package_of_the_compiler_has_an_init() -> None:
    """Else import-linter does not see into it, and its contracts hold nothing there."""
    packages = {path.parent for path in (ROOT / "compiler").rglob("*.py")}
    assert [str(path.relative_to(ROOT)) for path in packages if not (path / "__init__.py").exists()] == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built from a copy, so that the checkout keeps no leftovers."""
    copy = tmp_path_factory.mktemp("wheel")
    for name in ("compiler", "conf", "hydra_plugins"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "train.py"):
        shutil.copy(ROOT / name, copy)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(copy / "dist"), str(copy)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return zipfile.ZipFile(next((copy / "dist").glob("*.whl")))


def test_the_wheel_has_every_file(wheel: zipfile.ZipFile) -> None:
    wanted = {"train.py"}
    for name in ("compiler", "hydra_plugins"):
        files = (path for path in (ROOT / name).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        wanted |= {path.relative_to(ROOT).as_posix() for path in files}
    wanted |= {f"compiler/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "conf").rglob("*.*")}
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == wanted


def test_the_wheel_has_the_command(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "lamina = compiler.__main__:run" in wheel.read(entry_points).decode()
