"""The definition of a sweep goes to its folder and comes back; its hash is of what makes two sweeps the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compiler.errors import ConfigError
from compiler.runtime.sweep.definition import Definition
from compiler.runtime.sweep.folder import SweepFolder, find_unfinished
from tests.sweep.spaces import read, section

ARGUMENTS = (
    "model=mlp,convnet", "train.epochs=3", "+a=null,'x y',{op: SGD}", "b=shuffle(range(9))", "c=range(0,2.1,0.7)",
    "d=tag(log,interval(1e-5,1))", "e=tag(log,int(interval(1,64)))", "f=sort(3,1,2)", "m=1,2",
)  # fmt: skip


def definition(*arguments: str, **search: Any) -> Definition:
    search = {"seed": 1, "conditions": {"m": {"model": "mlp"}}, **search}
    fixed, space = read(*(arguments or ARGUMENTS), **search)
    return Definition.make(fixed, space, section(search))


def test_a_definition_comes_back_as_it_was(tmp_path: Path) -> None:
    was = definition()
    was.save(tmp_path)
    now = Definition.load(tmp_path)
    assert now.hash == was.hash and now.search == was.search and now.fixed == was.fixed == ("train.epochs=3",)
    for mine, theirs in zip(was.space, now.space, strict=True):
        assert (mine.key, mine.prefix, mine.domain, mine.only) == (
            theirs.key,
            theirs.prefix,
            theirs.domain,
            theirs.only,
        )


def test_what_does_not_change_the_search_does_not_change_the_hash() -> None:
    same = definition(n_trials=50, resume=False, trial_timeout=3.0)
    assert same.hash == definition().hash
    others = [
        definition("model=mlp,convnet", "m=1,2"),
        definition(*ARGUMENTS, "g=1,2"),
        definition(seed=2),
        definition(method="tpe"),
        definition(conditions={}),
        Definition.make(definition().fixed, definition().space, section({}), files="edited"),
    ]
    assert len({same.hash, *(other.hash for other in others)}) == len(others) + 1
    assert definition(*ARGUMENTS, "search.n_trials=9").hash == same.hash


def test_an_edited_or_newer_definition_is_refused(tmp_path: Path) -> None:
    definition().save(tmp_path)
    path = tmp_path / "sweep.yaml"
    text = path.read_text("utf-8")
    for edited, why in [
        (text.replace("train.epochs=3", "train.epochs=4"), "was edited"),
        (text.replace("schema: 1", "schema: 2"), "newer version"),
        (text[:80], "is damaged"),
        ("a: [", "is damaged"),
    ]:
        path.write_text(edited, "utf-8")
        with pytest.raises(ConfigError, match=why):
            Definition.load(tmp_path)
    with pytest.raises(ConfigError, match="No such file"):
        Definition.load(tmp_path / "nowhere")


def test_the_newest_unfinished_sweep_of_a_definition_is_found(tmp_path: Path) -> None:
    import os

    ours, other = definition(), definition(seed=2)
    assert find_unfinished(tmp_path, ours.hash) is None
    for age, (name, what) in enumerate({"day/new": ours, "day/other": other, "old": ours, "oldest": ours}.items()):
        what.save(tmp_path / name)
        os.utime(tmp_path / name / "sweep.yaml", (10**9 - age, 10**9 - age))
    found = find_unfinished(tmp_path, ours.hash)
    assert found == SweepFolder(tmp_path / "day/new")
    assert found is not None
    found.results.write_text('{"status": "complete"}', "utf-8")
    assert find_unfinished(tmp_path, ours.hash) == SweepFolder(tmp_path / "old")
