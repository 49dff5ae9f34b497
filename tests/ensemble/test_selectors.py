"""From `ensemble.members` to runs: each fault stands at its selector."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.errors import Diagnostics, Source
from compiler.runtime.ensemble.selectors import Selected, resolve
from compiler.runtime.run import RunWriter
from compiler.spec.located import Map
from compiler.spec.reader import read_tree


def save(folder: Path, kind: str = "keras", **more: object) -> None:
    with RunWriter(folder, {"kind": kind, "name": folder.name, "task": "multiclass"}) as run:
        run.complete({"metrics": {"val": {"loss": 0.5}}, **more})


def select(members: str, root: Path) -> tuple[tuple[Selected, ...], list[tuple[str, str]]]:
    """What is selected, and of each fault its code and the text at its place."""
    diagnostics = Diagnostics()
    text = f"members: {members}\n"
    tree = read_tree(Source("ensemble.yaml", text), diagnostics)
    assert isinstance(tree, Map) and not diagnostics.faults
    found = resolve(tree.entries["members"], diagnostics, root)
    lines = text.splitlines()
    places = [fault.place for fault in diagnostics.faults]
    blamed = [lines[place.line - 1][place.column - 1 :][: place.width] for place in places if place]
    return found, [(fault.code, words) for fault, words in zip(diagnostics.faults, blamed, strict=True)]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name in ("runs/a", "runs/b", "runs/deep/c", "runs/e"):
        save(tmp_path / name, kind="ensemble" if name.endswith("e") else "keras")
    with pytest.raises(RuntimeError), RunWriter(tmp_path / "runs/failed", {"kind": "keras"}):
        raise RuntimeError
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_folders_and_globs(runs: Path) -> None:
    found, faults = select("[runs/b, 'runs/*', {glob: 'runs/**', }, {run: runs/e}]", runs)
    assert not faults
    names = ["runs/b", "runs/a", "runs/b", "runs/e", "runs/a", "runs/b", "runs/deep/c", "runs/e", "runs/e"]
    assert [one.name for one in found] == names
    assert [one.form for one in found if one.name == "runs/e"] == ["ensemble"] * 3
    assert found[0].runs == (runs / "runs/b",)


@pytest.mark.parametrize(
    ("members", "code", "blamed"),
    [
        ("[runs/x]", "E006", "runs/x"),
        ("[runs/a, runs/failed]", "E803", "runs/failed"),
        ("[empty]", "E803", "empty"),
        ("['runs/z*']", "E213", "'runs/z*'"),
        ("['runs/f*']", "E213", "'runs/f*'"),
        ("['nowhere/*']", "E213", "'nowhere/*'"),
        ("[{globe: runs/a}]", "E101", "globe"),
        ("[{run: 3}]", "E106", "3"),
        ("[3]", "E106", "3"),
        ("[]", "E116", "["),
    ],
)
def test_a_fault_stands_at_its_selector(members: str, code: str, blamed: str, runs: Path) -> None:
    _, faults = select(members, runs)
    assert (code, blamed) in faults
