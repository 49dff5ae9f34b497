"""The frozen configuration: what is edited, set or moved after the start changes nothing that is queued."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.errors import ConfigError
from compiler.runtime.sweep import frozen
from compiler.runtime.sweep.composer import Composer
from compiler.runtime.sweep.definition import Definition
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.frozen import Frozen, freeze, reachable, with_files
from compiler.spec.compose import make_loader
from tests.sweep.spaces import read, section

ROOT = Path(__file__).parents[2]
MODEL = """
input: "${{data.input_shape}}"
vars: {{width: {width}}}
layers:
  - {{op: model/inner, width: $width, name: inner}}
  - {{op: Dense, units: "${{data.classes}}", activation: softmax}}
"""
INNER = "input: [64]\nvars: {width: 2}\nlayers: [Flatten, {op: Dense, units: $width}]\n"
FOREIGN = "input: ${data.input_shape}\nlayers: [Flatten, {op: Dense, units: %d}, {op: Dense, units: 10}]\n"


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mine"
    for name, text in {
        "model/own.yaml": MODEL.format(width=4),
        "model/inner.yaml": INNER,
        "model/unused.yaml": INNER,
        "train/quick.yaml": "defaults: [default, _self_]\nepochs: 1\nseed: ${oc.decode:${oc.env:LAMINA_SEED}}\n",
        "notes.txt": "not a configuration",
        ".hidden/model.yaml": "x: 1",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    (tmp_path / "given.yaml").write_text(FOREIGN % 3, "utf-8")
    monkeypatch.setenv("LAMINA_SEED", "5")
    return folder


def definition(*arguments: str) -> Definition:
    fixed, space = read(*arguments)
    return Definition.make(fixed, space, section({}))


def started(conf: Path, *arguments: str) -> SweepFolder:
    """A sweep in its folder, as the parent leaves it for its workers."""
    loader = make_loader(conf)
    folder = SweepFolder(conf.parent / "sweep")
    found = with_files(definition(*arguments), loader)
    freeze(found, loader, folder.conf)
    found.save(folder.root)
    return folder


def test_what_is_edited_afterwards_changes_nothing(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = started(conf, "model=own,mlp", "train=quick", "train.batch_size=8,16")
    before = [Composer.for_folder(folder).plan([f"model={model}"]) for model in ("own", "mlp")]
    (conf / "model/own.yaml").write_text(MODEL.format(width=40), "utf-8")
    (conf / "model/inner.yaml").write_text("layers: [nonsense", "utf-8")
    (conf / "model/mlp.yaml").write_text("a new file that comes first\n", "utf-8")
    shutil.rmtree(conf / "train")
    monkeypatch.setenv("LAMINA_SEED", "6")
    after = [Composer.for_folder(folder.root).plan([f"model={model}"]) for model in ("own", "mlp")]
    assert [job.spec_hash for job in after] == [job.spec_hash for job in before]
    assert [job.train for job in after] == [job.train for job in before] and after[0].train.seed == 5
    monkeypatch.delenv("LAMINA_SEED")
    assert Composer.for_folder(folder).plan(["model=own", "train.batch_size=8"]).train.seed == 5
    assert "LAMINA_SEED" not in os.environ


def test_a_model_file_is_frozen_too(conf: Path) -> None:
    folder = started(conf, "model_file=given.yaml,other.yaml", "~model", "data=digits_8x8")
    (conf.parent / "given.yaml").write_text(FOREIGN % 30, "utf-8")
    job = Composer.for_folder(folder).plan(["model_file=given.yaml"])
    assert job.name == "given" and job.graph.params == 64 * 3 + 3 + 3 * 10 + 10
    with pytest.raises(ConfigError, match="other"):
        Composer.for_folder(folder).plan(["model_file=other.yaml"])


def test_the_hash_of_files_is_of_those_that_trials_are_composed_of(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loader, sweep = make_loader(conf), definition("model=own,mlp", "train=quick")
    was = with_files(sweep, loader)
    assert set(reachable(sweep, loader)) >= {"config", "model/own", "model/inner", "model/mlp", "train/quick"}
    folder = started(conf, "model=own,mlp", "train=quick")
    assert with_files(sweep, Frozen.load(folder.conf).loader()).files == was.files
    (conf / "model/unused.yaml").write_text("edited: true\n", "utf-8")
    assert with_files(sweep, make_loader(conf)).files == was.files
    for name in ("model/inner.yaml", "train/quick.yaml", "model/own.yaml"):
        text = (conf / name).read_text("utf-8")
        (conf / name).write_text(text + "# edited\n", "utf-8")
        assert with_files(sweep, make_loader(conf)).hash != was.hash
        (conf / name).write_text(text, "utf-8")
    monkeypatch.setenv("LAMINA_SEED", "6")
    assert with_files(sweep, make_loader(conf)).hash != was.hash


def test_all_files_of_the_search_path_are_in_one_folder(conf: Path) -> None:
    folder = started(conf, "model=own,mlp", "train=quick")
    found = {path.relative_to(folder.conf).as_posix() for path in folder.conf.rglob("*") if path.is_file()}
    shipped = {path.relative_to(ROOT / "conf").as_posix() for path in (ROOT / "conf").rglob("*.yaml")}
    assert found >= shipped | {"model/own.yaml", "model/unused.yaml", "train/quick.yaml", "frozen.json"}
    assert not any("hidden" in name or name.endswith(".txt") for name in found)
    assert stat.S_IMODE((folder.conf / "frozen.json").stat().st_mode) == 0o600
    again = freeze(Definition.load(folder.root), make_loader(conf), folder.conf)
    assert again == Frozen.load(folder.conf)


def test_too_large_a_folder_is_refused(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "MOST_FILES", 10)
    with pytest.raises(ConfigError, match="E004"):
        started(conf, "model=own,mlp")
    assert not (conf.parent / "sweep/conf").exists()


def test_a_folder_that_is_no_sweep_is_refused(conf: Path) -> None:
    definition("model=own,mlp").save(conf.parent / "half")
    with pytest.raises(ConfigError, match="E803"):
        Composer.for_folder(conf.parent / "half")


def test_a_worker_elsewhere_finds_plugins_and_relative_paths(conf: Path, tmp_path: Path) -> None:
    (tmp_path / "own_layers_of_a_sweep.py").write_text("", "utf-8")
    (tmp_path / "rows.csv").write_text("a,b,y\n" + "1,2,x\n3,4,z\n" * 40, "utf-8")
    (conf / "top.yaml").write_text("defaults: [config, _self_]\nplugins: [own_layers_of_a_sweep]\n", "utf-8")
    program = """
sys.path.insert(0, "")
from dataclasses import replace
from tests.sweep.test_frozen import *
loader, folder = make_loader(Path("mine")), SweepFolder(Path("sweep"))
sweep = replace(definition("model=mlp,own", "data=csv", "data.path=rows.csv", "++data.target=y"), config_name="top")
freeze(sweep, loader, folder.conf)
sweep.save(folder.root)
"""
    run(program, tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    worker = """
import sys
from compiler.runtime.sweep.composer import Composer
from compiler.runtime.sweep.definition import Definition
from pathlib import Path
folder = Path("../sweep").resolve()
Definition.load(folder).enter()
job = Composer.for_folder(folder).plan(["model=mlp"])
print(job.name, "own_layers_of_a_sweep" in sys.modules, "tensorflow" in sys.modules, "optuna" in sys.modules)
"""
    assert run(worker, elsewhere) == "mlp True False False\n"


def run(program: str, folder: Path) -> str:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{program}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
