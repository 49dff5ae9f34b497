"""The shipped networks by the front end alone: short files, Keras's numbers of parameters, ready to be trained."""

from __future__ import annotations

import pytest

from compiler.runtime.plan import plan
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from tests.networks import FOLDER, NETWORKS, network_graph

every_network = pytest.mark.parametrize("name", NETWORKS)


def test_each_of_them_is_tested() -> None:
    named = {path.stem for path in FOLDER.glob("*.yaml") if "keras.applications" in path.read_text("utf-8")}
    assert named == {*NETWORKS}


@every_network
def test_it_is_short(name: str) -> None:
    lines = (FOLDER / f"{name}.yaml").read_text("utf-8").splitlines()
    assert len(lines) < NETWORKS[name].lines
    assert max(map(len, lines)) <= 120


@every_network
def test_it_has_as_many_parameters_as_keras_says(name: str) -> None:
    graph = network_graph(name)
    assert graph.params == NETWORKS[name].params
    assert all(checked.type is not None for checked in graph), "every layer is declared"


@every_network
def test_two_overrides_fit_it_to_the_data(name: str) -> None:
    data = ["data=cifar10", "data.size=[75,80]", "data.input_shape=[75,80,3]"]
    fitted = ["model.input=${data.input_shape}", "model.vars.classes=${data.classes}"]
    job = plan(compose(for_hydra([f"model={name}", *data, *fitted])))
    assert not job.warnings
    first, last = job.graph.nodes[0].type, job.graph.nodes[-1].type
    assert first and last and (first.shape, last.shape) == ((75, 80, 3), (10,))
