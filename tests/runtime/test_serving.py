"""`predict` and `evaluate` of saved networks, as a user does it. The oracle is what the run predicted and measured."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from sklearn import metrics
from sklearn.datasets import load_digits

from compiler.commands import main
from compiler.runtime.data.rows import LazyRows
from compiler.runtime.job import run
from compiler.runtime.plan import plan
from compiler.runtime.run import read_run
from compiler.runtime.serving.predictor import predictor
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from tests.pages import ROOT, by_commands, consoles, examples
from tests.records import write_record

pytestmark = pytest.mark.tf
DIGITS: Any = load_digits()


def train(folder: Path, *words: str) -> Path:
    run(plan(compose(for_hydra([*words, "train.epochs=1"]))), folder, Console(quiet=True))
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "mlp"
    return train(folder, "model=mlp", "data.limit=300", "model.vars.units=[16]")


@pytest.fixture
def here(trained: Path, own_folder: Path) -> Path:
    """A folder with a run called `mlp`, the digits as a user has them, and those of the run's test split."""
    shutil.copytree(trained, "mlp")
    rows = np.load("mlp/predictions/test.npz")["rows"]
    np.savez("digits.npz", x=DIGITS.images, y=DIGITS.target)
    np.savez("test.npz", x=DIGITS.images[rows], y=DIGITS.target[rows])
    return own_folder


def command(words: str) -> None:
    main(words.split())


def refused(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command says of a fault."""
    before = sorted(Path().rglob("*"))
    with pytest.raises(SystemExit) as stop:
        command(words)
    assert stop.value.code == 2
    assert sorted(Path().rglob("*")) == before
    return capsys.readouterr().err


def test_predictions_are_the_runs_own(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = read_run(Path("mlp")).predictions("test")
    command("predict run=mlp input=digits.npz output=p.csv")
    assert capsys.readouterr().out == "1,797 rows\np.csv\n"
    with Path("p.csv").open(newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["row", "class", *(f"p.{digit}" for digit in range(10))]
    assert [line[0] for line in lines] == [str(i) for i in range(1797)]
    found = np.array([[np.float32(text) for text in line[2:]] for line in lines])
    np.testing.assert_allclose(found[wanted.rows], wanted.predictions, atol=1e-6)
    assert [line[1] for line in lines] == [str(digit) for digit in found.argmax(1)]

    np.save("x.npy", DIGITS.images)
    command("predict run=mlp input=x.npy output=p.npz batch_size=7 --json")
    assert json.loads(capsys.readouterr().out) == {"rows": 1797, "path": "p.npz", "faults": []}
    with np.load("p.npz") as arrays:
        np.testing.assert_allclose(arrays["predictions"], found, atol=1e-6)
        assert arrays["classes"].tolist() == [str(digit) for digit in range(10)]
        assert arrays["rows"].tolist() == list(range(1797))

    command("predict run=mlp input=x.npy output=p.parquet")
    import pandas

    table = pandas.read_parquet("p.parquet")
    assert list(table) == header
    np.testing.assert_allclose(table.iloc[:, 2:], found, atol=1e-6)


def test_evaluation_is_the_runs_own(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = read_run(Path("mlp"))
    said = run.predictions("test")
    for words in ("input=test.npz", "split=test", ""):
        command(f"evaluate run=mlp {words} --json")
        found = json.loads(capsys.readouterr().out)
        assert found["metrics"] == run.metrics["test"]
        report_of: Any = metrics.classification_report
        theirs = report_of(said.labels, said.predictions.argmax(1), output_dict=True, zero_division=0)
        assert found["report"] == json.loads(json.dumps(theirs))
        matrix = metrics.confusion_matrix(said.labels, said.predictions.argmax(1))
        assert found["confusion_matrix"] == matrix.tolist()
    command("evaluate run=mlp split=val -o report.txt")
    text = Path("report.txt").read_text()
    assert text.startswith(f"loss {run.metrics['val']['loss']:.4f}  accuracy {run.metrics['val']['accuracy']:.4f}  (")
    assert "macro avg" in text and "rows: what is right, columns: what was said" in text


class Counted(LazyRows):
    """Rows of which too many must not be asked for at once."""

    def __init__(self, most: int) -> None:
        self.most, self.asked = most, 0

    @property
    def shape(self) -> tuple[int, ...]:
        return (100, 32, 32, 1)

    def __getitem__(self, rows: Any) -> Any:
        count = len(range(100)[rows])
        assert count <= self.most
        self.asked += count
        return np.zeros((count, *self.shape[1:]), np.float32)


def test_rows_are_read_a_batch_at_a_time(here: Path) -> None:
    rows = Counted(8)
    assert predictor(read_run(Path("mlp")), 8)(rows).shape == (100, 10)
    assert rows.asked == 100


@pytest.mark.parametrize(("words", "fault"), [
    ("predict run=mlp input=gone.npz output=p.csv", "override 'input=gone.npz': error[E701]: no file 'gone.npz'"),
    ("predict run=mlp input=digits.npz output=p.txt", "its name must end with .csv, .npz or .parquet"),
    ("predict run=mlp input=digits.npz output=no/p.csv", "E006]: cannot write 'no/p.csv': there is no folder 'no'"),
    ("predict run=mlp input=digits.npz output=digits.npz", "'digits.npz': the rows are read from it"),
    ("predict run=mlp input=digits.npz output=mlp/predictions/val.npz", "it belongs to the run 'mlp'"),
    ("predict run=mlp input=digits.npz", "error[E007]: predict needs output=FILE.csv"),
    ("predict run=mlp input=digits.npz output=p.csv batch_size=0", "'batch_size' must be a positive integer (got '0')"),
    ("predict run=gone input=digits.npz output=p.csv", "error[E803]: 'gone' is not a run: it has no run.json"),
    ("evaluate run=mlp split=tset", "override 'split=tset': error[E117]: unknown split 'tset'"),
    ("evaluate run=mlp split=test input=digits.npz", "an input or a split of the run's own data, not both"),
    ("evaluate run=mlp input=named.npz", "error[E705]: the classes are 'b', 'a', but the run was trained on '0', '1'"),
    ("evaluate run=mlp input=bare.npz", "error[E702]: 'bare.npz' has no array 'y' (it has 'x')"),
])  # fmt: skip
def test_what_cannot_be_done(words: str, fault: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("bare.npz", x=DIGITS.images)
    np.savez("named.npz", x=DIGITS.images[:2], y=[0, 1], classes=["b", "a"])
    assert fault in refused(words, capsys)


def test_altered_and_unfinished_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, record = Path("mlp/preprocessing.json"), Path("mlp/run.json")
    text = path.read_text()
    path.write_text(text.replace('"divide_by": 16', '"divide_by": 15'))
    words = "predict run=mlp input=digits.npz output=p.csv"
    assert "'preprocessing.json' of the run 'mlp' is not what the run saved" in refused(words, capsys)
    path.write_text(text)
    changed = record.read_text().replace('"complete"', '"running"')
    record.write_text(changed)
    assert "'mlp/run.json' is not what the run wrote" in refused(words, capsys)
    write_record(record, json.loads(changed))
    assert "the run 'mlp' is not complete" in refused(words, capsys)


def test_an_output_that_stood_there_stays_when_it_cannot_be_made(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("p.csv").write_text("before")
    refused("predict run=mlp input=gone.npz output=p.csv", capsys)
    assert Path("p.csv").read_text() == "before"
    command("predict run=mlp input=test.npz output=p.csv")
    assert Path("p.csv").read_text().startswith("row,class,")
    assert not [path for path in Path().iterdir() if path.name.startswith(".tmp")]


BINARY = "layers: [{op: Dense, units: 1, activation: sigmoid}]"
LOGITS = "layers: [{op: Dense, units: 3}]"
VALUES = "layers: [{op: Dense, units: 2}]"


@pytest.mark.parametrize(("model", "words", "y", "columns"), [
    (f"input: [4]\n{BINARY}", ["data.task=binary", "data.classes=2"], lambda x: x[:, 0] > 0, ["class", "p.0", "p.1"]),
    (f"input: [4]\n{LOGITS}", ["data.task=multilabel", "data.classes=3"], lambda x: x[:, :3] > 0,
     ["p.0", "p.1", "p.2"]),
    (f"input: [4]\n{VALUES}", ["data.task=regression", "data.classes=2"], lambda x: x[:, :2], ["value.0", "value.1"]),
    (f"inputs: {{a: {{shape: [3]}}, b: {{shape: [1]}}}}\nlayers: [{{op: Concatenate, from: [a, b]}}, {LOGITS[9:]}",
     ["data.input_shape={a:[3],b:[1]}", "data.classes=3"], lambda x: (x[:, 0] > 0) + (x[:, 1] > 0).astype(int),
     ["class", "p.0", "p.1", "p.2"]),
], ids=["binary", "multilabel", "regression", "inputs"])  # fmt: skip
def test_every_task(
    model: str,
    words: list[str],
    y: Callable[[np.ndarray], np.ndarray],
    columns: list[str],
    own_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    x = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
    inputs: dict[str, Any] = {"x.a": x[:, :3], "x.b": x[:, 3:]} if "x.a" in words[0] or "{a:" in words[0] else {"x": x}
    np.savez("d.npz", **inputs, y=y(x))
    Path("m.yaml").write_text(model)
    shape = [] if "{a:" in words[0] else ["data.input_shape=[4]"]
    train(Path("run"), "model_file=m.yaml", "data=npz", "data.path=d.npz", *shape, *words)
    made = read_run(Path("run"))
    wanted = made.predictions("test")
    command("predict run=run input=d.npz output=p.csv")
    with Path("p.csv").open(newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["row", *columns]
    skip = 2 if "class" in columns else 1
    found = np.array([[np.float32(text) for text in line[skip:]] for line in lines])
    np.testing.assert_allclose(found[wanted.rows], wanted.predictions, atol=1e-6)
    capsys.readouterr()
    command("evaluate run=run --json")
    assert json.loads(capsys.readouterr().out)["metrics"] == made.metrics["test"]
    command("evaluate run=run")
    text = capsys.readouterr().out
    assert ("r2" in text.splitlines()[2]) == (columns[0] == "value.0")


def test_the_tour_of_the_readme(trained: Path, own_folder: Path) -> None:
    (example,) = (example for example in consoles(ROOT / "README.md") if "run=" in example.body)
    shutil.copytree(trained, "outputs/mlp")
    np.savez("new.npz", x=DIGITS.images)
    np.savez("labelled.npz", x=DIGITS.images, y=DIGITS.target)
    assert all("error" not in by_commands(words) for words in example.commands)
    assert sorted(path.name for path in Path().iterdir() if path.is_file()) == [
        "labelled.npz", "mlp.onnx", "new.npz", "predictions.csv",
    ]  # fmt: skip


def test_the_page_shows_what_is_printed(trained: Path, own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = ROOT / "docs/predicting.md"
    number = re.compile(r"[\d.,]*\d")
    making, reading = (example for example in examples(page) if example.language == "python")
    exec(making.body, {})
    shutil.copytree(trained, "outputs/mlp")
    commands = 0
    for example in consoles(page):
        said = ""
        for line, words in zip(example.typed, example.commands, strict=True):
            if words[0] == "train.py":
                plan(compose(for_hydra([word for word in words[1:] if not word.startswith("hydra.")])))
                said += f"{line}\n"
            else:
                said += f"{line}\n{by_commands(words).rstrip()}\n"
                commands += 1
        assert re.sub(" +", " ", number.sub("N", said)) == re.sub(" +", " ", number.sub("N", example.body))
    assert commands == 3
    exec(reading.body, {})
    assert capsys.readouterr().out.strip() == reading.body.rpartition("# ")[2].strip()
