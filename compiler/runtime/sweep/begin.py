"""What a sweep begins with: its definition read from the command line, its folder, its study with the slots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import OmegaConf

from compiler.errors import ConfigError, Diagnostics, Fault, Place, Source
from compiler.runtime.experiment.settings import is_experiment
from compiler.runtime.sweep.controller import is_controlled
from compiler.runtime.sweep.definition import FREE, Definition
from compiler.runtime.sweep.folder import SweepFolder, find_unfinished
from compiler.runtime.sweep.frozen import freeze, with_files
from compiler.runtime.sweep.methods.checks import check_search
from compiler.runtime.sweep.objectives import Objective, settle_objectives
from compiler.runtime.sweep.parameters import read_space
from compiler.runtime.sweep.probe import preflight
from compiler.runtime.sweep.settings import read_search
from compiler.runtime.sweep.starting import read_start
from compiler.runtime.sweep.study import Study
from compiler.runtime.training.settings import read_train
from compiler.spec.compose import compose
from compiler.spec.located import Map
from compiler.spec.overrides import parsed

_ROOT = 2  # a sweep's folder is outputs/sweeps/DAY/TIME


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for.

    Attributes:
        definition: of the sweep.
        objectives: what it optimises.
        free: what it says of `search.*` that may differ from one call of a sweep to the next.
        alone: whether it says nothing else: with `search.resume=DIR` the rest is known.
        loader: Hydra's, over the configuration files as they are now.
        warnings: what was suspicious.
        reports: how often a whole trial reports to the pruner, its epochs or folds; None where that is swept.
    """

    definition: Definition
    objectives: tuple[Objective, ...]
    free: dict[str, object]
    alone: bool
    loader: ConfigLoaderImpl
    warnings: tuple[Fault, ...]
    reports: int | None = None


def apart(overrides: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The overrides, and those of Hydra's own keys apart from them."""
    own = {text for text in overrides if _group(text).partition("/")[0] == "hydra"}
    return tuple(text for text in overrides if text not in own), tuple(text for text in overrides if text in own)


@lru_cache(maxsize=1)  # train.py asks before Hydra composes, whose complaints have no places; the sweeper asks again
def wanted(arguments: tuple[str, ...], hydra: tuple[str, ...], config_dir: Path | None, config_name: str) -> Wanted:
    """Read a sweep from the command line, and find what is wrong with it whatever is drawn.

    Args:
        arguments, hydra: overrides in the form for Hydra; those of Hydra's own keys apart.

    Raises:
        ConfigError: with all faults at once.
    """
    diagnostics = Diagnostics()
    _require_models(arguments, config_dir, config_name)
    # the model and the data may be swept: overrides that suit a trial's need not suit the default's
    about = [text for text in arguments if _group(text) in ("search", "train") and not _is_swept(text)]
    composed = compose([*about, *hydra], config_dir, config_name)
    for fault in composed.faults:
        diagnostics.add(fault)
    section = composed.section("search")
    search = read_search(section, diagnostics)
    settings: Any = OmegaConf.to_container(composed.raw.hydra, resolve=False)
    params = settings["sweeper"].get("params")
    fixed, space = read_space(arguments, section, diagnostics, sweeper_params=params, loader=composed.loader)
    train = read_train(composed.section("train"), Diagnostics())
    objectives = settle_objectives(search, section, train, diagnostics) if search else ()
    if search:
        read_start(search, space, objectives, section, diagnostics)  # for its faults' places
        check_search(search, len(objectives), space, section, diagnostics)
    diagnostics.raise_errors()
    definition = Definition.make(fixed, space, section, settings["launcher"], config_name)
    definition = with_files(definition, composed.loader)
    changed = {text: _key(text).removeprefix("search.") for text in arguments}
    may = set(FREE) - {"space", "conditions"}
    free = {key: definition.section[key] for key in changed.values() if key in may and key != "resume"}
    named = search is not None and isinstance(search.resume, str) and search.resume != "auto"
    alone = named and all(key in may for key in changed.values())
    epochs = train.epochs if train and "train.epochs" not in space.by_key else None
    reports = search.folds if search and search.folds else epochs
    warnings = diagnostics.faults if alone else [*diagnostics.faults, *preflight(definition, composed.loader)]
    return Wanted(definition, objectives, free, alone, composed.loader, tuple(warnings), reports)


def found(want: Wanted, configured: Path, explicit: bool) -> SweepFolder:
    """The folder of the sweep: that of an unfinished one of the same definition, or a new one.

    Args:
        configured: `hydra.sweep.dir`.
        explicit: whether the user chose it.

    Raises:
        ConfigError: E803, the folder that was asked for has another sweep, or none.
    """
    resume = want.definition.search.resume
    if isinstance(resume, str) and resume != "auto":
        folder = SweepFolder(Path(resume))
        there = Definition.load(folder.root)
        if not want.alone and there.hash != want.definition.hash:
            raise _another(folder, "python train.py -m search.resume=DIR alone goes on with it")
        return folder
    folder = SweepFolder(configured)
    if folder.definition.exists():
        if Definition.load(folder.root).hash != want.definition.hash:
            raise _another(folder, "another hydra.sweep.dir")
        return folder
    if resume == "auto" and not explicit:
        unfinished = find_unfinished(configured.parents[_ROOT - 1], want.definition.hash)
        if unfinished is not None and not is_controlled(unfinished):
            return unfinished
    folder.root.mkdir(parents=True, exist_ok=True)
    return folder


def _another(folder: SweepFolder, hint: str) -> ConfigError:
    return ConfigError([Fault("E803", f"'{folder.root}' has another sweep than the one that is asked for", hint=hint)])


def begun(want: Wanted, folder: SweepFolder) -> Study:
    """The study in `folder` with all its slots; made where it is missing, or was not finished making.

    Raises:
        ConfigError: the folder or the storage cannot be used.
    """
    if folder.definition.exists():
        if want.free:
            there = Definition.load(folder.root)
            replace(there, section={**there.section, **want.free}).save(folder.root)
        study = Study.open(folder)
    else:  # the definition comes last: where it is, all is
        freeze(want.definition, want.loader, folder.conf)
        study = Study.create(want.definition, folder, want.objectives, want.reports)
        want.definition.save(folder.root)
    study.recover()
    definition, diagnostics = study.definition, Diagnostics()
    nowhere = Map({}, Place(Source(str(folder.definition), ""), 1, 1))
    study.fill(read_start(definition.search, definition.space, study.objectives, nowhere, diagnostics))
    diagnostics.raise_errors()
    return study


def _key(text: str) -> str:
    return text.lstrip("+~").partition("=")[0]


def _require_models(arguments: Sequence[str], config_dir: Path | None, config_name: str) -> None:
    """Raise E858 where the sweep is one of ensembles, or of an experiment with steps."""
    for text in arguments:
        if _group(text) == "ensemble" and text != "ensemble=none":
            what, hint = "this makes ensembles", "without -m for each ensemble: `python train.py ensemble=optimal ...`"
        elif _key(text) == "experiment" and is_experiment(compose([text], config_dir, config_name)):
            what, hint = "this experiment has steps", f"`python train.py {text}`: its steps may be sweeps"
        else:
            continue
        place = Place(Source(text, text, "override"), 1, 1, len(text))
        raise ConfigError([Fault("E858", f"a sweep is of models, and {what}", place, hint=hint)])


def _group(text: str) -> str:
    return _key(text).partition(".")[0].partition("@")[0]


def _is_swept(text: str) -> bool:
    return any(override.is_sweep_override() for override in parsed([text]))
