"""The commands as processes: what they print, how they exit, and that none of them imports TensorFlow or Keras."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.commands import main

ROOT = Path(__file__).parents[1]
COMMANDS = (
    ["check"],
    ["check", "--json"],
    ["check", "model.vars.width=-1"],
    ["show"],
    ["emit", "ir"],
    ["emit", "json"],
    ["emit", "mermaid"],
    ["emit", "svg"],
    ["emit", "python"],
    ["emit", "ir", "--passes", "inference"],
    ["show", "--passes", "fold_batch_norm"],
)

WITHOUT_KERAS = """
import sys
from compiler.commands import main
try:
    main(sys.argv[1:])
finally:
    heavy = {"tensorflow", "keras", "sklearn", "scipy", "numpy"} & set(sys.modules)
    if heavy:
        raise SystemExit(f"imported {heavy}")
"""


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_command_imports_keras(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_KERAS, *arguments, "model=xception_lite"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, env=_environment())
    assert done.returncode == (2 if "model.vars.width=-1" in arguments else 0), done.stderr
    assert "imported" not in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir()), "a look at a model leaves nothing behind"


def test_a_sweep_cannot_be_checked_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["check", "model.vars.width=16,32"])
    assert stop.value.code == 2
    assert "Ambiguous value" in capsys.readouterr().err


def test_an_unknown_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["check", "--jsno"])
    assert stop.value.code == 2
    assert "--jsno" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_a_fault(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["emit", "ir", "model=mlp", "-o", str(tmp_path / "nowhere" / "x")])
    assert stop.value.code == 2
    assert "error[E006]: cannot write" in capsys.readouterr().err


def test_a_reader_that_stops_is_no_traceback() -> None:
    command = f"{sys.executable} -m compiler emit json model=xception_lite | head -1"
    done = subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "{\n"
    assert done.stderr == ""


def test_a_model_file_must_be_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["check", "model_file=/dev/zero"])
    assert stop.value.code == 2
    assert "'/dev/zero' is not a file" in capsys.readouterr().err


def test_options_stand_anywhere(tmp_path: Path) -> None:
    main(["emit", "ir", "model=mlp", "-o", str(tmp_path / "a"), "model.vars.dropout=0"])
    main(["emit", "-o", str(tmp_path / "b"), "ir", "model.vars.dropout=0", "model=mlp"])
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text()


def test_faults_as_json_have_their_places(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check", "--json", "model.vars.width=-1", "train.epochs=0"])
    faults = json.loads(capsys.readouterr().out)["faults"]
    assert {fault["place"].get("override") for fault in faults} == {"model.vars.width=-1", "train.epochs=0"}
    assert {fault["code"] for fault in faults} == {"E107"}


def test_a_pass_must_be_known(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["emit", "ir", "model=mlp", "--passes", "fold"])
    assert stop.value.code == 2
    assert "argument --passes: no pass 'fold': one of remove_dropout, " in capsys.readouterr().err


@pytest.mark.parametrize(("words", "fault"), [
    ("", "error[E007]: export needs run=DIR\n  hint: export run=DIR to=keras [rows=256]"),
    ("run=. to", "error[E007]: export takes run=DIR to=keras [rows=256] (got 'to')"),
    ("rum=. to=keras",
     "error[E007]: export takes run=DIR to=keras [rows=256] (got 'rum=.')\n  hint: did you mean 'run'?"),
    ("run=. to=keras", "error[E803]: '.' is not a run: it has no run.json"),
    ("run=a to=onxn", "error[E117]: unknown form 'onxn'\n  hint: did you mean 'onnx'?"),
    ("run=a to=h5", "error[E117]: unknown form 'h5'\n  hint: one of keras, saved_model, onnx, tflite, bundle, student"),
    ("run=a to=keras rows=0", "error[E107]: 'rows' must be a positive integer (got '0')"),
    ("run=a to=keras -o a.h5", "error[E006]: cannot write 'a.h5': the name of this form ends with .keras"),
    ("run=a to=keras -o a/b/c.keras", "error[E006]: cannot write 'a/b/c.keras': there is no folder 'a/b'"),
    ("run=a to=saved_model -o a", "error[E006]: cannot write 'a': it exists already"),
])  # fmt: skip
def test_what_export_cannot_do(
    words: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    record = '{"schema": 1, "status": "complete", "kind": "keras", "name": "a", "metrics": {}, "artefacts": {}}'
    (tmp_path / "a" / "run.json").write_text(record)
    with pytest.raises(SystemExit) as stop:
        main(["export", *words.split()])
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith(fault)
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "run.json"]


def test_export_looks_at_the_run_before_it_imports_keras(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_KERAS, "export", "run=nowhere", "to=keras"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, env=_environment())
    assert (done.returncode, done.stderr.partition("\n")[0]) == (
        2, "error[E803]: 'nowhere' is not a run: it has no run.json",
    )  # fmt: skip


def test_totals_as_json_agree_with_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", "--json", "model=sepconv_small", "model.vars.padding=valid", "model.vars.norm=none",
          "data.input_shape=[64,64,3]"])  # fmt: skip
    totals = json.loads(capsys.readouterr().out)
    assert totals["params"] == 38_949  # the chapter's network, as the same Keras code has it
    main(["emit", "json", "model=sepconv_small", "model.vars.padding=valid", "model.vars.norm=none",
          "data.input_shape=[64,64,3]"])  # fmt: skip
    graph = json.loads(capsys.readouterr().out)
    assert sum(node["params"] for node in graph["nodes"]) == 38_949


def test_valid_padding_of_small_images_is_a_located_fault(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["check", "model=sepconv_small", "model.vars.padding=valid", "model.vars.norm=none",
              "data=fashion_mnist", "data.path=."])  # fmt: skip
    text = capsys.readouterr().err
    assert stop.value.code == 2
    assert "sepconv_small.yaml:" in text
    assert "error[E404]" in text
    assert "padding: same" in text


def test_a_folder_of_the_users_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("input: [4]\nlayers: [{op: Dense, units: 10, activation: softmax}]\n")
    main(["check", "model=mine", "data.input_shape=[4]", "data.size=null", "--config-dir", str(tmp_path)])
    assert capsys.readouterr().out.startswith("mine: 1 layer, 50 parameters")


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}
