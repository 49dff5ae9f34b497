"""What keeps runs from being members of one ensemble: each fault by its text and its place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from compiler.errors import ConfigError, Diagnostics, render
from compiler.runtime.ensemble.job import gather, run_ensemble
from compiler.runtime.ensemble.plan import EnsemblePlan, plan_ensemble
from compiler.runtime.run.files import digest
from compiler.spec.compose import compose
from tests.ensemble.saved import drawn, save_run

Golden = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(members: str, *overrides: str, folder: str = "e") -> str:
    """What the command prints before it weighs the members."""
    diagnostics = Diagnostics()
    try:
        job = plan_ensemble(compose(["ensemble=uniform", f"ensemble.members=[{members}]", *overrides]))
        assert isinstance(job, EnsemblePlan)
        gather(job, Path(folder), diagnostics)
    except ConfigError as error:
        return render(error.faults)
    return render(diagnostics.faults)


def test_members_that_fit_together_are_taken() -> None:
    save_run(Path("a"), 0)
    save_run(Path("b"), 1)
    assert said("a, b") == ""


@pytest.mark.parametrize("case", ["task", "classes", "order", "rows", "labels", "inputs", "folder", "copy", "same"])
def test_what_does_not_fit_together(case: str, golden: Golden) -> None:
    save_run(Path("a"), 0, class_names=("cat", "dog", "owl"))
    p, rows, labels = drawn(1)
    names, val, about = ("cat", "dog", "owl"), (p, rows, labels), dict[str, object]()
    if case == "task":
        about = {"task": "regression"}
        val = (p[:, :1], rows, p[:, :1])
    elif case == "classes":
        names = ("cat", "dog", "eel", "owl")
        val = drawn(1, classes=4)
    elif case == "order":
        names = ("cat", "owl", "dog")
    elif case == "rows":
        val = (p, rows + 3, labels)
    elif case == "labels":
        val = (p, rows, np.where(rows % 20 == 7, (labels + 1) % 3, labels))
    test = val if case in ("task", "classes") else None
    save_run(Path("b"), 1, val=val, test=test, about=about, class_names=names)
    if case == "folder":
        text = said("a, b", folder="b")
    elif case == "copy":
        shutil.copytree("a", "again")
        text = said("a, b, again")
    elif case == "same":
        save_run(Path("again"), 0, class_names=names, about={"seeds": {"train": 9}})
        text = said("a, again")
    elif case == "inputs":
        save_run(Path("c"), 1, class_names=names, salt="other pictures")
        text = said("a, c")
    else:
        text = said("a, b")
    golden(f"ensemble/{case}.txt", text)


def test_a_member_that_began_with_weights_that_saw_the_validation_rows(golden: Golden) -> None:
    """`first` divided the rows otherwise: it was trained on rows that are `val` of `b`."""
    save_run(Path("a"), 0)
    first = save_run(Path("first"), 2, val=drawn(2, first=40))
    file = first / "predictions/val.npz"
    save_run(Path("b"), 1, initial={"weights": str(file), "sha256": digest(file).sha256})
    golden("ensemble/initial.txt", said("a, b"))


def test_initial_weights_of_the_same_division_are_fair() -> None:
    save_run(Path("a"), 0)
    file = save_run(Path("first"), 2) / "predictions/val.npz"
    save_run(Path("b"), 1, initial={"weights": str(file), "sha256": digest(file).sha256})
    assert said("a, b") == ""


def test_initial_weights_of_unknown_origin_are_told(golden: Golden) -> None:
    save_run(Path("a"), 0)
    save_run(Path("b"), 1, initial={"weights": "gone/model.keras", "sha256": "0" * 64})
    golden("ensemble/unknown_start.txt", said("a, b"))


def test_a_cycle_of_ensembles(golden: Golden) -> None:
    """`e` is made of `a` and `f`; then `f` is made anew of `b` and `e`: an ensemble of `e` contains `e`."""
    from rich.console import Console

    def make(members: str, folder: str) -> None:
        job = plan_ensemble(compose(["ensemble=uniform", f"ensemble.members=[{members}]"]))
        assert isinstance(job, EnsemblePlan)
        with Path(os.devnull).open("w") as nowhere:
            run_ensemble(job, Path(folder), Console(file=nowhere))

    for seed, name in enumerate("abc"):
        save_run(Path(name), seed)
    make("a, b", "f")
    make("a, f", "e")
    shutil.rmtree("f")
    make("b, e", "f")
    golden("ensemble/cycle.txt", said("c, e", folder="g"))


def test_a_test_split_that_a_member_did_not_predict(golden: Golden) -> None:
    save_run(Path("a"), 0)
    save_run(Path("b"), 1, tested=False)
    golden("ensemble/no_test.txt", said("a, b"))


def test_the_methods_that_learn_say_that_val_served_twice(golden: Golden) -> None:
    save_run(Path("a"), 0, epochs=5)
    save_run(Path("b"), 1)
    assert said("a, b") == "", "uniform weights learn nothing"
    golden("ensemble/served_twice.txt", said("a, b", "ensemble=optimal"))
