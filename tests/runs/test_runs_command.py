"""`python -m compiler runs`: what it prints, its faults, and its page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.commands import main
from compiler.runtime.run import RunWriter
from compiler.runtime.runs.pattern import Pattern
from tests.runs.saved import fail, save

ROOT = Path(__file__).parents[2]


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five runs, in the folder where the commands are typed."""
    monkeypatch.chdir(tmp_path)
    config = {"train": {"epochs": 3}}
    for name, accuracy in (("a", 0.9), ("b", 0.95), ("c", 0.8)):
        metrics = {split: {"loss": 1 - accuracy, "accuracy": accuracy} for split in ("train", "val", "test")}
        model = "mlp" if name < "c" else "tree"
        save(Path("outputs/runs") / name, model, metrics=metrics, config=config, seed=ord(name))
    save(Path("outputs/runs/e"), "blend", "ensemble", metrics={"val": {"log_loss": 0.25}})
    fail(Path("outputs/runs/f"))
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What the command prints, without the time of day."""
    main(["runs", *words])
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2026-11-27 12:00:00", capsys.readouterr().out)


def test_tables(outputs: Path, capsys: pytest.CaptureFixture[str], golden: object) -> None:
    texts = [
        printed(capsys, *words)
        for words in (
            [],
            ["where=$val.accuracy > 0.85", "show=test.accuracy,config.train.epochs"],
            ["by=val.accuracy"],
            ["by=val.log_loss", "best=1", "per=model.name"],
            ["outputs/*/[ac]", "where=$kind == 'keras'"],
            ["where=$val.accuracy > 2"],
        )
    ]
    assert callable(golden)
    golden("run/runs.txt", "\n".join(texts))


def test_as_json(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["runs", "--json", "by=val.accuracy", "best=2", "show=config.train.epochs,nothing"])
    found = json.loads(capsys.readouterr().out)
    assert [(run["path"], run["val.accuracy"], run["status"]) for run in found] == [
        ("outputs/runs/b", 0.95, "complete"),
        ("outputs/runs/a", 0.9, "complete"),
    ]
    assert found[0]["config.train.epochs"] == 3 and found[0]["test.accuracy"] == 0.95 and "nothing" not in found[0]


@pytest.mark.parametrize(
    ("words", "code", "blamed"),
    [
        (["where=$val.acuracy > 1"], "E202", "val.acuracy"),
        (["by=test.loss"], "E850", "test.loss"),
        (["by=val.loss", "per=test.loss"], "E850", "test.loss"),
        (["by=config.train.epochs"], "E601", "config.train.epochs"),
        (["by=val.los"], "E202", "val.los"),
        (["best=3"], "E007", "3"),
        (["by=val.loss", "best=0"], "E107", None),
        (["by=val.loss", "mode=mix"], "E117", "mix"),
        (["were=3"], "E007", None),
        (["outputs", "outputs/runs"], "E007", None),
        (["nowhere"], "E006", "nowhere"),
        (["nowhere/*/x"], "E006", "nowhere"),
        (["where=$("], "E201", "("),
    ],
)
def test_faults(
    words: list[str], code: str, blamed: str | None, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["runs", *words, "--json"])
    (fault,) = json.loads(capsys.readouterr().out)["faults"]
    assert (stop.value.code, fault["code"]) == (2, code)
    place = fault["place"]
    if blamed is None:
        assert place is None
    else:
        word = next(word for word in words if blamed in word)
        assert word[place["column"] - 1 :][: place["width"]] == blamed


def test_without_numpy_and_hydra(outputs: Path) -> None:
    """A table is there in a moment: nothing is imported that it does not need."""
    script = (
        "import sys; from compiler.commands import main; main(['runs', 'where=$val.loss < 1', 'by=val.loss'])\n"
        "print({'numpy', 'hydra', 'omegaconf', 'pydantic', 'keras', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "set()"


NAMES = st.sampled_from(["a", "b", "ab", "fold-1"])
STEPS = st.sampled_from(["a", "*", "**", "?", "[ab]", "fold-*", "*b"])


@given(
    st.sets(st.lists(NAMES, min_size=1, max_size=3).map("/".join), max_size=6), st.lists(STEPS, min_size=1, max_size=3)
)
def test_globs_match_as_pathlibs_do(
    tmp_path_factory: pytest.TempPathFactory, folders: set[str], steps: list[str]
) -> None:
    root = tmp_path_factory.mktemp("globs")
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
    every = [path.relative_to(root).as_posix() for path in root.rglob("*")]
    pattern = Pattern.of("/".join(steps))
    start = root / pattern.start
    below = [path.relative_to(start).as_posix() for path in start.rglob("*")] if start.is_dir() else []
    found = {(pattern.start / path).as_posix() for path in below if pattern.matches(path)}
    if pattern.matches("") and start.is_dir():
        found.add(pattern.start.as_posix())
    assert found == {path.relative_to(root).as_posix() for path in root.glob("/".join(steps))}, every


def test_a_reason_of_several_lines_is_one_line_of_the_table(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RunWriter(Path("outputs/runs/g"), {"kind": "keras", "name": "mlp"}) as run:
        run.fail("first\n  second")
    main(["runs", "where=$path == 'outputs/runs/g'", "show=reason"])
    assert "  first second  " in capsys.readouterr().out.splitlines()[1]
