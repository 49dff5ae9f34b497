"""Soups: the mean of weights against NumPy's, statistics of batches against their definition, greedy against a plain
implementation, and the whole way through the real command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import yaml
from absl import logging
from hydra.core.global_hydra import GlobalHydra

import train
from compiler.errors import Diagnostics, Place, Source
from compiler.runtime.data import Dataset
from compiler.runtime.ensemble.members import Member
from compiler.runtime.ensemble.soup.network import Pot, greedy, uniform
from compiler.runtime.ensemble.soup.start import check_one_start
from compiler.runtime.run import RunWriter, read_run
from compiler.runtime.serving.predictor import predictor
from compiler.runtime.serving.preprocessing import preprocessing_of
from tests.ensemble.saved import save_run
from tests.pages import printed_by

PLACE = Place(Source("x", ""), 1, 1)


def ran(patch: pytest.MonkeyPatch, *arguments: str) -> str:
    """What `python train.py ...` prints."""
    GlobalHydra.instance().clear()
    # Hydra shuts all logging down, and absl then closes the stream that it found at its import: pytest's
    patch.setattr(logging.get_absl_handler().python_handler, "stream", sys.__stderr__)
    patch.setattr(sys, "argv", ["train.py", *arguments])
    return printed_by(train.main)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run `a` with three snapshots, and the soups `all` and `some` of these."""
    root = tmp_path_factory.mktemp("soups")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        common = ("model=mlp", "data=digits_8x8", "train.epochs=4", "train.schedule=constant", "hydra.run.dir=a")
        ran(patch, *common, "train.best.monitor=train.loss", "train.snapshots={op: last, keep: 3}")
        said = [
            ran(patch, f"ensemble={name}", "ensemble.members=[a/snapshots/*]", f"hydra.run.dir={folder}", *more)
            for name, folder, more in (
                ("swa", "all", ()), ("soup", "some", ("ensemble.monitor=val.accuracy", "ensemble.test=false"))
            )
        ]  # fmt: skip
    (root / "said.txt").write_text("\n".join(said))
    return root


def loaded(root: Path) -> Any:
    return keras.saving.load_model(root / "model.keras")


def data_of(root: Path) -> Dataset:
    return preprocessing_of(read_run(root)).own_data(PLACE)


def test_weights_are_the_mean_and_statistics_those_of_the_training_rows(here: Path) -> None:
    members = [loaded(here / f"a/snapshots/epoch-00{epoch}").get_weights() for epoch in (2, 3, 4)]
    model = loaded(here / "all")
    for variable, *arrays in zip(model.weights, *members, strict=True):
        if "moving" not in variable.path:
            np.testing.assert_allclose(variable.numpy(), np.mean(arrays, axis=0), atol=1e-6)
    x = data_of(here / "a").train.x
    kernel = np.asarray(model.layers[2].kernel)  # what the first batch normalisation sees has no dropout before it
    assert isinstance(x, np.ndarray) and model.layers[3].name.endswith("BatchNormalization")
    z = x.reshape(len(x), -1).astype(np.float64) @ kernel
    np.testing.assert_allclose(model.layers[3].moving_mean.numpy(), z.mean(axis=0), atol=1e-4)
    batches = np.split(z, range(64, len(z), 64))
    variance = sum(len(batch) * batch.var(axis=0) for batch in batches) / len(z)
    np.testing.assert_allclose(model.layers[3].moving_variance.numpy(), variance, rtol=1e-3, atol=1e-5)


def test_a_soup_is_a_run_of_a_network(here: Path) -> None:
    run = read_run(here / "all")
    assert (run.record["kind"], run.record["name"], run.record["soup"]["recipe"]) == ("keras", "mlp", "uniform")
    assert run.record["soup"]["statistics"] == "training rows"
    data = data_of(here / "all")
    for name, split in (("val", data.val), ("test", data.test)):
        said = run.predictions(name)
        np.testing.assert_allclose(predictor(run)(split.x), said.predictions, atol=1e-6)
        right = float((said.predictions.argmax(axis=1) == split.y).mean())
        assert run.metrics[name]["accuracy"] == pytest.approx(right) and (said.rows == split.ids).all()
    lock = yaml.safe_load((here / "all/members.lock.yaml").read_text())
    assert [one["runs"][0]["path"] for one in lock["members"]] == [f"../a/snapshots/epoch-00{k}" for k in (2, 3, 4)]


def test_a_greedy_soup_is_no_worse_on_val_than_its_best_member(here: Path) -> None:
    run = read_run(here / "some")
    soup: dict[str, Any] = run.record["soup"]
    assert run.metrics["val"]["accuracy"] >= max(soup["members"].values()) and "test" not in run.metrics
    assert soup["members"][soup["taken"][0]] == max(soup["members"].values()) and soup["monitor"] == "val.accuracy"
    assert set(soup["tried"]) == set(soup["members"]) - {soup["taken"][0]}


class Stub:
    """A pot whose network is a vector, judged by its distance from a target."""

    def __init__(self, members: np.ndarray, target: np.ndarray) -> None:
        self.members, self.target, self.now = members, target, members[0]

    class data:
        val = None

    def saved(self, run: int) -> list[np.ndarray]:
        return [self.members[run]]

    def cook(self, mean: Any) -> list[np.ndarray]:
        (self.now,) = mean.weights
        return [self.now]

    def evaluate(self, _: object) -> tuple[dict[str, float], None]:
        return {"loss": self.loss(self.now)}, None

    def loss(self, vector: np.ndarray) -> float:
        return float(np.square(vector - self.target).sum())


@pytest.mark.parametrize("seed", range(30))
def test_greedy_is_the_recipe_of_the_paper(seed: int) -> None:
    rng = np.random.default_rng(seed)
    members, target = rng.normal(size=(7, 4)), rng.normal(size=4) * 0.3
    stub: Any = Stub(members, target)
    losses = [stub.loss(member) for member in members]
    runs: Any = range(7)
    found, taken, tried = greedy(stub, runs, losses, "loss", -1)
    plain: list[int] = []
    for m in np.argsort(losses, kind="stable").tolist():
        wanted = [*plain, m]
        if not plain or stub.loss(members[wanted].mean(axis=0)) <= stub.loss(members[plain].mean(axis=0)):
            plain = wanted
    assert taken == plain and len(tried) == 6
    np.testing.assert_allclose(found[0], members[plain].mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(uniform(stub, runs)[0], members.mean(axis=0), atol=1e-12)


def test_counts_are_not_averaged(here: Path) -> None:
    """Numbers that are no floating-point ones are the first member's."""
    pot: Any = Stub(np.array([[1, 2], [3, 5]]), np.zeros(2))
    assert uniform(pot, [0, 1])[0].tolist() == [1, 2]  # pyright: ignore[reportArgumentType]  # the stub's runs are numbers
    assert Pot(read_run(here / "a"), data_of(here / "a")).normalised


def member(root: Path, name: str, **about: Any) -> Member:
    return Member(name, "run", (read_run(save_run(root / name, about=about)),), PLACE)


def initial(sha256: str, random: list[str]) -> dict[str, object]:
    return {"weights": "w.keras", "sha256": sha256, "pair": "names", "filled": 2, "random": random}


def test_what_has_no_common_start_is_refused(tmp_path: Path) -> None:
    def codes(*others: dict[str, Any]) -> list[str]:
        diagnostics = Diagnostics()
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        members = [member(folder, str(i), **about) for i, about in enumerate(others)]
        check_one_start(members, diagnostics)
        return [fault.code for fault in diagnostics.faults]

    seeds = {"train": 1, "split": 0}
    assert codes({}, {}) == []
    assert codes({}, {"seeds": seeds}) == ["E857"]
    assert codes({}, {"spec_hash": "1" * 64}) == ["E851"] == codes({}, {"kind": "gbdt"})
    assert codes({}, {"config": {"train": {}, "data": {"source": "digits", "divide_by": 16}}}) == ["E851"]
    assert codes({}, {"config": {"train": {"precision": "float64"}, "data": {"source": "digits"}}}) == ["E851"]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (initial("a", []), initial("a", []), True),
        (initial("a", []), initial("b", []), False),
        (initial("a", ["head"]), initial("a", ["head"]), False),
        (initial("a", []), None, False),
    ],
)
def test_runs_of_other_seeds_have_a_start_in_common_where_a_file_filled_all(
    tmp_path: Path, first: Any, second: Any, same: bool
) -> None:
    members: list[Member] = []
    for seed, began in enumerate((first, second)):
        record = dict(read_run(save_run(tmp_path / f"from-{seed}", about={"seeds": {"train": seed}})).record)
        own = ("schema", "status", "process", "finished", "reason", "artefacts", "seal")
        with RunWriter(tmp_path / str(seed)) as writer:
            writer.complete({key: value for key, value in record.items() if key not in own} | {"initial": began})
        members.append(Member(str(seed), "run", (read_run(tmp_path / str(seed)),), PLACE))
    diagnostics = Diagnostics()
    check_one_start(members, diagnostics)
    assert [fault.code for fault in diagnostics.faults] == ([] if same else ["E857"])
