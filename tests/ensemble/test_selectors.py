"""From `ensemble.members` to runs: each fault stands at its selector."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.errors import Diagnostics, Place, Source
from compiler.runtime.ensemble.lock import LOCK, Locked, lock_text, locked_run
from compiler.runtime.ensemble.selectors import Selected, resolve
from compiler.runtime.run import RunWriter
from compiler.spec.located import Map, located
from compiler.spec.reader import read_tree
from tests.runs.saved import fail, save


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


def names(members: str, root: Path) -> list[str]:
    """The names of what is selected without a fault."""
    found, faults = select(members, root)
    assert not faults
    return [one.name for one in found]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Single runs, an ensemble's, one that failed, a sweep, and a sweep with folds."""
    root = tmp_path_factory.mktemp("saved")
    for number, name in enumerate(("runs/a", "runs/b", "runs/deep/c")):
        save(root / name, "mlp" if number else "tree", metrics={"val": {"loss": 0.5 - number / 10}}, seed=number)
    fail(root / "runs/failed")
    for number, (name, accuracy) in enumerate((("mlp", 0.9), ("mlp", 0.8), ("tree", 0.7), ("tree", 0.9))):
        save(
            root / f"sweep/trials/{number:05d}", name, metrics={"val": {"accuracy": accuracy}}, seeds={"train": number}
        )
    fail(root / "sweep/trials/00004")
    for trial, losses in enumerate(((0.2, 0.4), (0.1, 0.3), (0.05, None))):
        for fold, loss in enumerate(losses):
            folder, config = root / f"folded/trials/{trial:05d}/fold-{fold}", {"data": {"folds": 2, "fold": fold}}
            if loss is None:
                fail(folder)
            else:
                save(folder, metrics={"val": {"loss": loss}}, config=config)
    (root / "empty").mkdir()
    with RunWriter(root / "runs/e", {"kind": "ensemble", "name": "optimal"}) as run:
        of = [locked_run(root / name, root / "runs/e", {}) for name in ("runs/a", "runs/b")]
        run.save_text(
            LOCK, lock_text([Locked("first", "run", "keras", (of[0],)), Locked("all", "folds", "keras", (*of,))])
        )
        run.complete({"metrics": {"val": {"log_loss": 0.25}}})
    return root


def test_folders_and_globs(saved: Path) -> None:
    found, faults = select("[runs/b, 'runs/*', {glob: 'runs/**', }, {run: runs/e}]", saved)
    assert not faults
    expected = ["runs/b", "runs/a", "runs/b", "runs/e", "runs/a", "runs/b", "runs/deep/c", "runs/e", "runs/e"]
    assert [one.name for one in found] == expected
    assert [one.form for one in found if one.name == "runs/e"] == ["ensemble"] * 3
    assert found[0].runs == (saved / "runs/b",)
    assert names("runs/a", saved) == ["runs/a"]


def test_paths_as_typed(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(saved)
    found, faults = select("['runs/*', runs/a, 'sweep/*/00000']", Path())
    assert not faults
    assert [one.runs for one in found] == [(Path(one.name),) for one in found]
    absolute, _ = select(f"['{saved}/runs/*']", Path())
    assert [one.name for one in absolute] == [f"{saved}/runs/{name}" for name in "abe"]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ("[{glob: 'runs/**', where: $val.loss < 0.45}]", "runs/b runs/deep/c"),
        ("[{glob: 'runs/**', where: kind == 'ensemble'}]", "runs/e"),
        ("[{glob: 'runs/**', best: {by: val.loss}}]", "runs/deep/c"),
        ("[{glob: 'runs/*', best: {by: val.log_loss, k: 3, per: kind}}]", "runs/e runs/b runs/a"),
        ("[{sweep: sweep, best: {k: 2, by: val.accuracy}}]", "sweep/trials/00000 sweep/trials/00003"),
        ("[{sweep: sweep, best: {k: 1, by: val.accuracy, per: model.name}}]", "sweep/trials/00000 sweep/trials/00003"),
        ("[{sweep: sweep, best: {by: val.accuracy, per: [name, val.accuracy]}, where: seeds.train > 0}]",
         "sweep/trials/00003 sweep/trials/00001 sweep/trials/00002"),
        ("[{sweep: sweep/, best: {by: seeds.train, mode: max}}]", "sweep/trials/00003"),
        ("[{sweep: folded}]", "folded/trials/00000 folded/trials/00001"),
        ("[{sweep: folded, best: {by: val.loss}}]", "folded/trials/00001"),
        ("[{sweep: folded, where: val.loss > 0.25}]", "folded/trials/00000"),
        ("[{folds: 'folded/trials/00001/*'}]", "folded/trials/00001/*"),
    ],
)  # fmt: skip
def test_choices(members: str, expected: str, saved: Path) -> None:
    assert sorted(names(members, saved)) == sorted(expected.split())
    if "best" in members and "per" not in members:
        assert names(members, saved) == expected.split()


def test_folds_are_one_member(saved: Path) -> None:
    both = tuple(saved / f"folded/trials/00001/fold-{fold}" for fold in range(2))
    found, _ = select("[{folds: 'folded/trials/00001/*'}, {sweep: folded, best: {by: val.loss}}]", saved)
    assert [(one.form, one.runs) for one in found] == [("folds", both)] * 2


def test_the_members_of_another_ensemble(saved: Path) -> None:
    found, faults = select(f"[{{lock: runs/e/{LOCK}}}]", saved)
    assert not faults
    a, b = saved / "runs/a", saved / "runs/b"
    assert [(one.name, one.form, one.runs) for one in found] == [("first", "run", (a,)), ("all", "folds", (a, b))]


@pytest.mark.parametrize(
    ("members", "code", "blamed"),
    [
        ("[runs/x]", "E006", "runs/x"),
        ("[runs/a, runs/failed]", "E803", "runs/failed"),
        ("[empty]", "E803", "empty"),
        ("['runs/z*']", "E213", "runs/z*"),
        ("['runs/f*']", "E213", "runs/f*"),
        ("['nowhere/*']", "E213", "nowhere/*"),
        ("[{sweep: runs}]", "E213", "runs"),
        ("[{globe: runs/a}]", "E101", "globe"),
        ("[{run: runs/a, glob: 'runs/*'}]", "E105", "{"),
        ("[{run: runs/a, where: kind == 'keras'}]", "E101", "where"),
        ("[{folds: 'folded/*/*/*', best: {by: val.loss}}]", "E101", "best"),
        ("[{run: 3}]", "E106", "3"),
        ("[3]", "E106", "3"),
        ("[]", "E116", "["),
        ("[{lock: runs/a/members.lock.yaml}]", "E006", "runs/a/members.lock.yaml"),
        ("[{glob: 'runs/*', where: 3}]", "E106", "3"),
        ("[{glob: 'runs/*', where: $val.lose < 3}]", "E202", "val.lose"),
        ("[{glob: 'runs/*', where: \"$val.lose < 3\"}]", "E202", "val.lose"),
        ("[{glob: 'runs/*', where: $test.loss < 3}]", "E850", "test.loss"),
        ("[{glob: 'runs/*', where: $val.loss < 'x'}]", "E203", "val.loss < 'x'"),
        ("[{glob: 'runs/*', where: $val.loss < 0}]", "E213", "where"),
        ("[{glob: 'runs/*', best: 5}]", "E106", "5"),
        ("[{glob: 'runs/*', best: {k: 5}}]", "E105", "{"),
        ("[{glob: 'runs/*', best: {k: 0, by: val.loss}}]", "E107", "0"),
        ("[{glob: 'runs/*', best: {by: val.los}}]", "E202", "val.los"),
        ("[{glob: 'runs/*', best: {by: test.loss}}]", "E850", "test.loss"),
        ("[{glob: 'runs/*', best: {by: val.loss, per: nam}}]", "E202", "nam"),
        ("[{glob: 'runs/*', best: {by: val.loss, per: [3]}}]", "E106", "3"),
        ("[{glob: 'runs/*', best: {by: seeds}}]", "E202", "seeds"),
        ("[{sweep: sweep, best: {by: seeds.train}}]", "E601", "seeds.train"),
        ("[{sweep: sweep, best: {by: val.accuracy, mode: maxi}}]", "E117", "maxi"),
        ("[{sweep: sweep, best: {by: val.accuracy, n: 3}}]", "E101", "n"),
    ],
)
def test_a_fault_stands_at_its_selector(members: str, code: str, blamed: str, saved: Path) -> None:
    found, faults = select(members, saved)
    assert faults == [(code, blamed)]
    assert not found or members == "[runs/a, runs/failed]"


def test_all_faults_at_once(saved: Path) -> None:
    _, faults = select("[runs/x, {glob: 'runs/*', where: $val.lose < 3}, {sweep: 3}]", saved)
    assert sorted(code for code, _ in faults) == ["E006", "E106", "E202"]


def test_a_lock_whose_runs_changed(tmp_path: Path) -> None:
    save(tmp_path / "a")
    with RunWriter(tmp_path / "e", {"kind": "ensemble", "name": "uniform"}) as run:
        run.save_text(LOCK, lock_text([Locked("a", "run", "keras", (locked_run(tmp_path / "a", tmp_path / "e", {}),))]))
        run.complete({"metrics": {}})
    record = tmp_path / "a/run.json"
    record.write_text(record.read_text("utf-8").replace("0.9", "0.95"), "utf-8")
    assert select(f"[{{lock: e/{LOCK}}}]", tmp_path) == ((), [("E803", f"e/{LOCK}")])


@pytest.mark.parametrize(("folder", "hint"), [("sweep", "{sweep: sweep}"), ("runs", "its runs: runs/*")])
def test_what_may_be_meant(folder: str, hint: str, saved: Path) -> None:
    diagnostics = Diagnostics()
    tree = read_tree(Source("e.yaml", f"members: [{folder}]"), diagnostics)
    assert isinstance(tree, Map)
    resolve(tree.entries["members"], diagnostics, saved)
    (fault,) = diagnostics.faults
    assert fault.hint and fault.hint.endswith(hint)


def test_the_place_in_an_override(saved: Path) -> None:
    text = """ensemble.members=[runs/a, {glob: runs/*, where: "$val.lose < 3"}, runs/x, runs/x]"""
    diagnostics = Diagnostics()
    place = Place(Source(text, text, "override"), 1, 18, len(text) - 17)
    value = ["runs/a", {"glob": "runs/*", "where": "$val.lose < 3"}, "runs/x", "runs/x"]
    resolve(located(value, place), diagnostics, saved)
    unknown, gone = diagnostics.faults
    assert unknown.place and text[unknown.place.column - 1 :][: unknown.place.width] == "val.lose"
    assert gone.place == place  # it stands there twice
