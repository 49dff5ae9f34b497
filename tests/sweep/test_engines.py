"""What the launchers of clusters take, before any cluster is asked: settings, and what a trial's job asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any

import pytest

from compiler.errors import ConfigError, render
from compiler.runtime.plan import plan
from compiler.runtime.sweep.engines.resources import check_resources, resources_of
from compiler.runtime.sweep.engines.settings import EngineSettings, RaySettings, SlurmSettings, read_launcher
from compiler.spec.compose import compose
from hydra_plugins.lamina.ray import RayLauncherConf
from hydra_plugins.lamina.slurm import SlurmLauncherConf

KNOWN = ("cpus_per_task", "mem_gb", "timeout_min")
MLP = plan(compose(["model=mlp", "data=digits_8x8", "train.batch_size=32"]))


@pytest.mark.parametrize(("conf", "settings"), [(SlurmLauncherConf, SlurmSettings), (RayLauncherConf, RaySettings)])
def test_hydra_offers_what_is_checked(conf: Any, settings: type[EngineSettings]) -> None:
    made = {f.name: f.default_factory() if f.default is MISSING else f.default for f in fields(conf)}  # pyright: ignore[reportCallIssue]  # one of the two is there
    made.pop("_target_")
    assert settings(**made) == settings() and set(made) == set(settings.model_fields)


def test_what_is_wrong_with_a_launcher_is_shown_where_it_was_said(golden: Callable[[str, str], None]) -> None:
    overrides = ["hydra/launcher=slurm", "hydra.launcher.workers=0", "hydra.launcher.mode=pul"]
    values = {"workers": 0, "mode": "pul", "setup": 3}
    with pytest.raises(ConfigError) as caught:
        read_launcher(SlurmSettings, "slurm", values, overrides)
    golden("sweep/launcher.txt", render(caught.value.faults))


@pytest.mark.parametrize(
    ("given", "number"),
    [
        (4, 4),
        (0.5, 0.5),
        ("$2 + params * 16e-9", 2 + MLP.graph.params * 16e-9),
        ("$max(1, batch_size // 8)", 4),
        ("$flops / flops + epochs", 1 + MLP.train.epochs),
        ({"model": {"mlp": 3, "other": 9}}, 3),
        ({"model": {"convnet": 3, "other": "$activation_bytes"}}, MLP.graph.activation_bytes),
        ({"train.epochs": {3: 1, 5: 2}}, 2),
    ],
)
def test_a_resource_comes_to_a_number(given: object, number: float) -> None:
    wanted = {"mem_gb": given}
    check_resources(wanted, KNOWN, "job", [])
    assert resources_of(wanted, MLP, ["model=mlp", "++train.epochs=5"]) == {"mem_gb": number}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"mem": 4}, "no resource is called 'mem'"),
        ({"mem_gb": "$parms * 2"}, "unknown variable 'parms'"),
        ({"mem_gb": {"model": {"mlp": "$2 +"}}}, "bad expression"),
        ({"mem_gb": "$__import__('os')"}, "cannot be called"),
    ],
)
def test_wrong_resources_are_found_before_anything_is_queued(wanted: Mapping[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_resources(wanted, KNOWN, "job", ["hydra.launcher.resources={mem_gb: 1}"])
    (fault,) = caught.value.faults
    assert fault.code == "E841" and said in fault.message and fault.place is not None


@pytest.mark.parametrize(
    "given", ["$params > 3", "4", -1, "$0 * params", {"model": {"convnet": 3}}, {"data": {"a": 1}}]
)
def test_what_is_no_amount_is_refused_for_its_trial(given: object) -> None:
    with pytest.raises(ConfigError) as caught:
        resources_of({"mem_gb": given}, MLP, ["model=mlp"])
    assert caught.value.faults[0].code == "E841"


def test_resources_are_of_a_job_for_each_trial() -> None:
    with pytest.raises(ConfigError, match="workers that pull have none"):
        check_resources({"mem_gb": 4}, KNOWN, "pull", [])
