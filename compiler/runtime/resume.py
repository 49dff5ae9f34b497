"""Go on with an unfinished run: what it recorded at its start is the configuration, and nothing else may differ.

Two ways lead here: `resume=DIR`, which composes nothing, and a run that is started again in its own folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from omegaconf import OmegaConf

from compiler.errors import ConfigError, Diagnostics, Fault, Place, Source
from compiler.runtime.plan import Plan, plan
from compiler.spec.compose import Composed, make_loader
from compiler.spec.located import Map, Tree, at, located, plain
from compiler.spec.overlay import set_value
from compiler.spec.overrides import override_place, parsed
from compiler.spec.reader import read_tree

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

    from compiler.runtime.run import Checkpoint
    from compiler.runtime.training import TrainSettings

KEY = "resume"

FREE = (
    "train.checkpoint", "train.epochs", "train.feed", "train.health", "train.loggers", "train.steps_per_execution",
    "train.test", "train.threads", "data.path", "data.memory",
)  # fmt: skip
"""What may differ: it changes no bits of the model. More epochs have a rule of their own, and other rows are found by
their fingerprints."""

_SHOWN = 5  # differences that are listed


def asked(overrides: Sequence[str]) -> Path | None:
    """The folder of `resume=DIR`, if the command line says it."""
    found = _asking(overrides)
    return Path(str(found.value())) if found else None


def plan_again(folder: Path, overrides: Sequence[str]) -> Plan:
    """The plan of the unfinished run in `folder`, from its own files.

    Args:
        overrides: those of the command line; each must say what the run does anyway, or more epochs.

    Raises:
        ConfigError: E803, there is no run; E810, it cannot go on, or not so; or a fault of its configuration here.
    """
    from compiler.runtime.run import Checkpoints, read_record

    record = read_record(folder)
    begun = Checkpoints(folder).exist()
    asking = _asking(overrides)
    _require_unfinished(folder, record, begun, override_place(asking) if asking else None)
    diagnostics = Diagnostics()
    config = _recorded(folder, diagnostics)
    changed = _overridden(config, record, overrides, diagnostics)
    diagnostics.raise_errors()
    composed = Composed(changed, {"model": str(record.get("name"))}, make_loader(), OmegaConf.create({}))
    job = plan(composed, begun=begun)
    _raise(differences(record, job))
    return job


class Unfinished:
    """The unfinished run that a job finds in its folder.

    Attributes:
        checkpoint: from which it goes on; None where it begins.
        warnings: of damaged checkpoints, and of what may change the bits.
    """

    def __init__(self, job: Plan, folder: Path, fingerprints: Mapping[str, Mapping[str, str]]) -> None:
        self._job, self._folder, self._fingerprints = job, folder, fingerprints
        self.checkpoint: Checkpoint | None = None
        self.warnings: list[Fault] = []

    def accept(self, record: Mapping[str, Any], now: Mapping[str, Any]) -> Mapping[str, object]:
        """Take the newest checkpoint, if the run is the same as the job; gives what the record is to say of it.

        Args:
            record: `run.json` as the unfinished run left it.
            now: what the new one is going to say.

        Raises:
            ConfigError: E810, it is another run.
        """
        from compiler.runtime.run import Checkpoints

        checkpoints = Checkpoints(self._folder)
        if not checkpoints.exist():
            return {}
        place = self._job.data_section.place
        _raise([*differences(record, self._job), *unlike_data(record, self._fingerprints, place)])
        self.checkpoint, self.warnings = checkpoints.newest()
        if self.checkpoint is None:
            return {}
        self.warnings += elsewhere(record, now.get("environment", {}))
        new = [text for text in now["overrides"] if text not in record["overrides"] and not text.startswith(f"{KEY}=")]
        history: list[Any] = self.checkpoint.state["training"]["history"]
        earlier = {**record["process"], "epochs": len(history), "steps": self.checkpoint.state["training"]["step"]}
        return {
            "overrides": [*record["overrides"], *new],
            "resumed": [*record.get("resumed", []), earlier],
        }

    def told(self) -> str:
        """A line on where it goes on."""
        assert self.checkpoint is not None, "there is nothing to tell of a beginning"
        state = self.checkpoint.state["training"]
        return f"goes on after epoch {len(state['history'])}, step {state['step']} of the next"


def differences(record: Mapping[str, Any], job: Plan) -> list[Fault]:
    """Everything in which `job` is not what the unfinished run's `record` says, but what changes no bits."""
    sections: dict[str, Map] = {"train": job.train_section, "data": job.data_section}
    config: Mapping[str, Any] = record.get("config", {})
    faults = list(_model(record, job))
    for name, section in sections.items():
        was, now = dict(leaves(config.get(name), name)), dict(leaves(plain(section), name))
        for key in [*was, *(key for key in now if key not in was)]:
            if was.get(key) != now.get(key) and not is_free(key):
                place = at(section, tuple(key.split(".")[1:]))[0]
                message = f"the unfinished run has {key}={_yaml(was.get(key))}, not {_yaml(now.get(key))}"
                faults.append(_unlike(message, place))
    return [*faults, *_epochs(record, job)]


def unlike_data(record: Mapping[str, Any], fingerprints: Mapping[str, Mapping[str, str]], place: Place) -> list[Fault]:
    """Whether the rows are those that the unfinished run saw; `place` is that of the `data` section."""
    was: Mapping[str, Mapping[str, str]] = record.get("data", {}).get("fingerprints", {})
    others = [f"{what} of {split}" for what, by_split in fingerprints.items() for split, print_ in by_split.items()
              if split != "all" and was.get(what, {}).get(split) != print_]  # fmt: skip
    if fingerprints.get("classes") != was.get("classes"):
        others.append("classes")
    message = f"the data are not those that the unfinished run saw: {', '.join(others)} changed since"
    return [Fault("E810", message, place, hint="give it back its data, or start a new run")] if others else []


def elsewhere(record: Mapping[str, Any], environment: Mapping[str, Any]) -> list[Fault]:
    """W811 where versions, threads or processors are others than the run began with: its bits may differ then."""
    was, now = dict(leaves(record.get("environment"))), dict(leaves(environment))
    others = [
        f"{key} was {was.get(key)} and is {now.get(key)}" for key in {**was, **now} if was.get(key) != now.get(key)
    ]
    if not was or not others:
        return []
    more = f", and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    return [Fault("W811", f"the run goes on, but its bits may differ: {'; '.join(others[:_SHOWN])}{more}")]


def _asking(overrides: Sequence[str]) -> Override | None:
    found = [override for override in parsed(overrides) if override.key_or_group == KEY and override.value()]
    return found[-1] if found else None


def _require_unfinished(folder: Path, record: Mapping[str, Any], begun: bool, place: Place | None) -> None:
    if record["status"] == "complete":
        hint = f"to train on from its weights: a new run with train.initial.weights={folder}"
        raise ConfigError([Fault("E810", f"the run '{folder}' is complete: there is nothing left to do", place, hint)])
    if record["status"] == "pruned":
        message = f"the run '{folder}' was pruned: its sweep found that it is not worth going on with"
        raise ConfigError([Fault("E810", message, place, "to train it to its end, start it in a new folder")])
    if record["status"] == "failed" and not begun:
        message = f"the run '{folder}' failed, and no checkpoint is left: {record.get('reason')}"
        raise ConfigError([Fault("E810", message, place, "mend that, and start a new run")])
    if not (folder / "model.yaml").is_file() or not record.get("config"):
        message = f"the run '{folder}' was killed before it had recorded what it was to do"
        raise ConfigError([Fault("E810", message, place, "start it again as you did")])


def _recorded(folder: Path, diagnostics: Diagnostics) -> Map:
    """The configuration that the run recorded, located in its own files."""
    texts = {name: (folder / name).read_text("utf-8") for name in ("run.json", "model.yaml")}
    trees = {name: read_tree(Source(str(folder / name), text), diagnostics) for name, text in texts.items()}
    diagnostics.raise_errors()
    record, model = trees["run.json"], trees["model.yaml"]
    config = record.get("config") if isinstance(record, Map) else None
    assert isinstance(config, Map) and isinstance(model, Map), "the record has its form"
    return Map({**config.entries, "model": model}, config.place, config.keys)


def _overridden(config: Map, record: Mapping[str, Any], overrides: Sequence[str], diagnostics: Diagnostics) -> Map:
    """The overrides laid over the recorded configuration; a group must be the one that was chosen."""
    tree: Tree = config
    read = parsed(overrides)
    understood = {str(override.input_line) for override in read}
    for text in dict.fromkeys(text for text in overrides if text not in understood):
        diagnostics.report("E007", f"{text!r} is no override", Place(Source(text, text, "override"), 1, 1, len(text)))
    began_with: list[str] = record.get("overrides", [])
    for override in read:
        key, text = str(override.key_or_group), str(override.input_line)
        if key == KEY or override.is_hydra_override() or text in began_with:
            continue
        path, place = tuple(key.split(".")), override_place(override)
        if path[0] in ("train", "data") and len(path) > 1 and not override.is_delete():
            value = override.value()
            scalar = value if isinstance(value, (dict, list, str, int, float, bool, type(None))) else str(value)
            tree = set_value(tree, path, located(scalar, place))
        elif not (key == "model" and override.value() == record.get("name")):
            message = f"a run that goes on keeps what it began with, and {text!r} was not among it"
            diagnostics.report("E810", message, place, hint=f"it began with: {' '.join(began_with) or '(nothing)'}")
    assert isinstance(tree, Map)
    return tree


def _model(record: Mapping[str, Any], job: Plan) -> Iterator[Fault]:
    if record.get("name") != job.name:
        yield _unlike(f"the unfinished run's model is {record.get('name')!r}, not {job.name!r}")
    elif record.get("spec_hash") != job.spec_hash:
        yield _unlike(f"the model {job.name!r} is not what it was when the unfinished run began")


def _epochs(record: Mapping[str, Any], job: Plan) -> Iterator[Fault]:
    """Other epochs are the same training, made longer, where the learning rates do not follow from their number."""
    was, now = record.get("config", {}).get("train", {}).get("epochs"), job.train.epochs
    if was == now or not isinstance(was, int):
        return
    place = at(job.train_section, ("epochs",))[0]
    if now < was:
        yield _unlike(f"the unfinished run has train.epochs={was}, and {now} are fewer", place)
    elif not _same_rates(job.train, was):
        schedule = type(job.train.schedule).__name__.lower()
        message = (
            f"train.epochs={now} would change the learning rates of the first {was} epochs: 'schedule' is {schedule}"
        )
        yield _unlike(message, place)


def _same_rates(train: TrainSettings, epochs: int) -> bool:
    peak, rates = train.optimizer.learning_rate, train.schedule.rates
    return all(rates(peak, i, 1, epochs) == rates(peak, i, 1, train.epochs) for i in range(epochs))


def _unlike(message: str, place: Place | None = None) -> Fault:
    return Fault("E810", message, place, hint="python train.py resume=DIR alone goes on; or start in another folder")


def is_free(key: str, names: Iterable[str] = FREE) -> bool:
    """Whether `key`, a dotted path, is one of `names` or below one."""
    return any(key == free or key.startswith(f"{free}.") for free in names)


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """The scalars and lists of a nested mapping by their dotted paths."""
    if isinstance(value, Mapping):
        for key, item in cast(Mapping[object, object], value).items():
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _yaml(value: object) -> str:
    return OmegaConf.to_yaml(OmegaConf.create({"x": value})).strip()[3:] if value is not None else "null"


def _raise(faults: Sequence[Fault]) -> None:
    if faults:
        raise ConfigError(faults)
