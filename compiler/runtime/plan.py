"""What a configuration comes to before any data are read: a model that can be trained, or faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from compiler.check import Limits
from compiler.errors import ConfigError, Diagnostics, Fault
from compiler.estimators import EstimatorSpec, is_estimator, parse_estimator
from compiler.ir import CheckedGraph
from compiler.pipeline import ModelSource, compile_model
from compiler.runtime.checks import check_training
from compiler.runtime.data.settle import settled
from compiler.runtime.data.source import DataSettings, read_data
from compiler.runtime.estimators.checks import check_estimator
from compiler.runtime.initial import InitialWeights, check_frozen, check_initial
from compiler.runtime.training import TrainSettings, read_train
from compiler.runtime.training.teacher import Teacher
from compiler.spec.compose import Composed, load_plugins
from compiler.spec.freeze import frozen_text
from compiler.spec.located import Map, plain, validated
from compiler.spec.parse import LoadModel
from compiler.spec.source import model_loader, model_name, model_tree

NO_DATA = {"source": "none"}
"""The `data` section of a model that is looked at alone."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network, ready to be built.

    Attributes:
        graph: the checked model.
        initial: the weights to begin with, where they come from a file.
    """

    graph: CheckedGraph
    initial: InitialWeights | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A configuration that has no faults, ready to be trained.

    Attributes:
        name: the model's name.
        model: what is trained.
        model_yaml: its frozen spec.
        train, data: typed settings (no data with `data=none`); their sections keep the places, for faults that only
            the data can show.
        warnings: what was suspicious.
        others: the further sections that a plan follows from, plain: `limits` and `plugins`.
        teacher: what the model learns from besides the labels.
    """

    name: str
    model: Network | EstimatorSpec
    model_yaml: str
    train: TrainSettings
    data: DataSettings | None
    train_section: Map
    data_section: Map
    warnings: tuple[Fault, ...]
    others: Mapping[str, object]
    teacher: Teacher | None = None

    @property
    def kind(self) -> str:
        """What the run is of, as `run.json` says it."""
        return "keras" if isinstance(self.model, Network) else self.model.kind.kind

    @property
    def spec_hash(self) -> str:
        """Sha256 of the network's graph, or of the estimator with all its parameters."""
        return self.model.graph.hash if isinstance(self.model, Network) else self.model.hash

    @property
    def network(self) -> Network:
        """The model, where it is a network.

        Raises:
            ConfigError: E609, it is an estimator.
        """
        if isinstance(self.model, EstimatorSpec):
            message = f"{self.name!r} is no network: it has no layers"
            raise ConfigError([Fault("E609", message, self.model.place, hint="`check` and `show` take it")])
        return self.model

    @property
    def graph(self) -> CheckedGraph:
        """The network's graph. Raises as `network` does."""
        return self.network.graph

    @property
    def initial(self) -> InitialWeights | None:
        """The weights that the model begins with; None for random ones."""
        return self.model.initial if isinstance(self.model, Network) else None

    def with_graph(self, graph: CheckedGraph) -> Plan:
        """The same plan for another graph, such as passes leave. Raises as `network` does."""
        return replace(self, model=replace(self.network, graph=graph))


def plan(composed: Composed, *, together: bool = True, begun: bool = False) -> Plan:
    """Check a whole configuration: model, data, training, and whether they go together. No data are read.

    Args:
        together: whether the model must suit the data and the training; for a mere look at it, it need not.
        begun: whether a checkpoint has its weights, so that a file of initial weights is not asked for.

    Raises:
        ConfigError: with all faults at once.
    """
    diagnostics = Diagnostics()
    for fault in composed.faults:
        diagnostics.add(fault)
    if (resume := composed.value("resume")) is not None:
        hint = "a sweep's trials go on when they are started again in their folders"
        diagnostics.report("E810", "'resume' is for a single run of train.py", resume.place, hint=hint)
    load_plugins(composed, diagnostics)
    composed = settled(composed)
    train = read_train(composed.section("train"), diagnostics)
    data_section = composed.section("data")
    none = plain(data_section) == NO_DATA
    data = None if none else read_data(data_section, diagnostics)
    tree = model_tree(composed, diagnostics)
    if tree is None:
        diagnostics.raise_errors()
        raise AssertionError("a model that is missing has a fault")
    load_model = model_loader(composed, diagnostics)
    if is_estimator(tree):
        model = _estimator(tree, composed, train, data, diagnostics, together)
    else:
        model = _network(tree, composed, load_model, train, data, diagnostics, together, begun)
    diagnostics.raise_errors()
    assert train is not None and model is not None, "what is missing has faults"
    frozen = frozen_text(tree, load_model) if isinstance(model, Network) else model.yaml()
    sections = composed.section("train"), data_section
    others = {key: plain(tree) for key in ("limits", "plugins") if (tree := composed.config.get(key)) is not None}
    return Plan(model_name(composed), model, frozen, train, data, *sections, tuple(diagnostics.faults), others)


def _estimator(
    tree: Map,
    composed: Composed,
    train: TrainSettings | None,
    data: DataSettings | None,
    diagnostics: Diagnostics,
    together: bool,
) -> EstimatorSpec | None:
    """The estimator that `tree` describes; None with the faults in `diagnostics`."""
    spec = parse_estimator(tree, data.task if data else None, diagnostics)
    if together and spec and train and data and not diagnostics.has_errors:
        check_estimator(spec, train, data, composed.section("train"), diagnostics)
    return spec


def _network(
    tree: Map,
    composed: Composed,
    load_model: LoadModel,
    train: TrainSettings | None,
    data: DataSettings | None,
    diagnostics: Diagnostics,
    together: bool,
    begun: bool,
) -> Network:
    """The network that `tree` describes; it is none where `diagnostics` has errors."""
    limits_section, train_section = composed.section("limits"), composed.section("train")
    limits = validated(Limits, limits_section, diagnostics, subject="limits") or Limits()
    precision = train.precision if train else "float32"
    source = ModelSource(tree, load_model, limits, limits_section, precision)
    graph = compile_model(source, diagnostics)
    initial = None
    if together and train and not begun and not diagnostics.has_errors:
        initial = check_initial(graph, _unpatched(source), train.initial, train_section, diagnostics)
        check_frozen(graph, initial, tree.keys.get("freeze"), diagnostics)
    if together and train and data and not diagnostics.has_errors:
        check_training(graph, train, data, train_section, diagnostics)
    return Network(graph, initial)


def _unpatched(source: ModelSource) -> CheckedGraph | None:
    """The model as it was before its patches: a file of weights may have its layers. None where that is no model."""
    if source.tree.get("patch") is None:
        return None
    entries = {key: value for key, value in source.tree.entries.items() if key not in ("patch", "freeze")}
    diagnostics = Diagnostics()
    graph = compile_model(replace(source, tree=replace(source.tree, entries=entries)), diagnostics)
    return None if diagnostics.has_errors else graph
