"""Hydra's composition, with the places that it drops.

Hydra composes values; this reads the same files again for their marks. The last writer of a path wins,
overrides lie over all, and each value of the result gets the place of whoever wrote it.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from hydra import version as hydra_version
from hydra._internal.config_loader_impl import ConfigLoaderImpl  # compose() builds the same, but hides it
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.default_element import ResultDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from compiler.errors import ConfigError, Diagnostics, Fault, Place
from compiler.spec.complaints import COMPLAINTS, explain
from compiler.spec.foreign import read_foreign
from compiler.spec.located import Leaf, Map, Seq, Tree, located
from compiler.spec.overrides import model_files, override_place
from compiler.spec.places import file_places, laid_over

CONFIG_NAME = "config"
VERSION_BASE = "1.3"
_MAX_RETRIES = 20  # overrides of which each is reported before composition is given up


def config_folder() -> Path:
    """The folder of shipped configuration: inside the package where it is installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    return next(folder for folder in (package / "conf", package.parent / "conf") if folder.is_dir())


@dataclass(frozen=True, slots=True)
class Composed:
    """A composed configuration.

    Attributes:
        config: the whole of it, located, with interpolations resolved and without the `hydra` node.
        choices: the option of each config group, e.g. model: xception_lite.
        loader: Hydra's loader, which knows all files that can be named.
        raw: Hydra's own result.
        faults: of overrides that were left out.
        unresolved: of interpolations (E008): their values are null.
    """

    config: Map
    choices: Mapping[str, str]
    loader: ConfigLoaderImpl
    raw: DictConfig
    faults: tuple[Fault, ...] = ()
    unresolved: tuple[Fault, ...] = ()

    def section(self, name: str) -> Map:
        """A top-level section; an empty one where it is missing or null.

        Raises:
            ConfigError: it is not a mapping.
        """
        tree = self.config.get(name)
        if tree is None or (isinstance(tree, Leaf) and tree.value is None):
            return Map({}, self.config.key_place(name))
        if not isinstance(tree, Map):
            raise ConfigError([Fault("E114", f"{name!r} must be a mapping", tree.place)])
        return tree

    def value(self, name: str) -> Leaf | None:
        """A top-level scalar; None where it is missing or null."""
        tree = self.config.get(name)
        return tree if isinstance(tree, Leaf) and tree.value is not None else None


def load_plugins(composed: Composed, diagnostics: Diagnostics) -> None:
    """Import the modules under `plugins`, which register the user's own ops by being imported."""
    tree = composed.config.get("plugins")
    if tree is None or (isinstance(tree, Leaf) and tree.value is None):
        return
    for item in tree.items if isinstance(tree, Seq) else (tree,):
        name = item.value if isinstance(item, Leaf) else None
        if not isinstance(name, str):
            diagnostics.report("E106", "'plugins' must be a list of module names", item.place)
            continue
        try:
            importlib.import_module(name)
        except Exception as error:  # a plugin is the user's own code: whatever it raises is the user's to see
            diagnostics.report("E006", f"cannot import plugin {name!r}: {type(error).__name__}: {error}", item.place)


class _Repository(ConfigRepository):
    """Reads each file once: Hydra composes for the values, and then lists the files again for their places."""

    def __init__(self, search_path: Any) -> None:
        super().__init__(search_path)
        self.loaded: dict[str, Any] = {}

    def __deepcopy__(self, memo: Any) -> _Repository:
        return self

    def load_config(self, config_path: str) -> Any:
        if config_path not in self.loaded:
            self.loaded[config_path] = super().load_config(config_path)
        return self.loaded[config_path]


class Loader(ConfigLoaderImpl):
    """Remembers which files it composed, in order: listing them again would cost a fifth of the composition."""

    def __init__(self, search_path: Any) -> None:
        super().__init__(search_path)
        self.repository = _Repository(search_path)
        self.composed: Sequence[ResultDefault] | None = None

    def _compose_config_from_defaults_list(self, defaults: Any, repo: Any) -> DictConfig:
        self.composed = list(defaults)
        return super()._compose_config_from_defaults_list(defaults, repo)

    def anew(self) -> Loader:
        """A loader that has read nothing yet."""
        return Loader(self.config_search_path)


def make_loader(config_dir: Path | None = None) -> ConfigLoaderImpl:
    """Hydra's loader over the shipped configuration and the user's own folder."""
    search_path: Any = loader_of(config_folder()).config_search_path
    if config_dir is not None:
        if not config_dir.is_dir():
            raise ConfigError([Fault("E006", f"--config-dir: no folder {str(config_dir)!r}")])
        search_path.prepend(
            "command-line", f"file://{config_dir.resolve()}", SearchPathQuery(provider="schema", path=None)
        )
    return loader_over(search_path)


def loader_of(folder: Path) -> ConfigLoaderImpl:
    """Hydra's loader over the configuration of one folder."""
    hydra_version.setbase(VERSION_BASE)
    Plugins.instance()
    return Loader(create_config_search_path(str(folder)))


def loader_over(search_path: Any) -> ConfigLoaderImpl:
    """A loader over Hydra's own search path, in which nothing is read yet."""
    return Loader(search_path)


def compose(overrides: Sequence[str], config_dir: Path | None = None, config_name: str = CONFIG_NAME) -> Composed:
    """Compose the configuration as `train.py` does with these overrides.

    An override with a key that does not exist is left out, and its fault is kept in the result: whatever else is
    wrong can be reported together with it.

    Raises:
        ConfigError: a file, the choice of a group or the grammar of an override is at fault: nothing can be composed.
    """
    for override in model_files(overrides):  # a bomb is refused before anything is built on it
        read_foreign(Path(str(override.value())), override_place(override))
    return composed_by(make_loader(config_dir), overrides, config_name)


def composed_by(loader: ConfigLoaderImpl, overrides: Sequence[str], config_name: str = CONFIG_NAME) -> Composed:
    """The same, by a loader that there is. Raises as `compose` does."""
    diagnostics = Diagnostics()
    left = list(overrides)
    for _ in range(_MAX_RETRIES):
        try:
            cfg = loader.load_configuration(config_name, left, RunMode.RUN)
        except COMPLAINTS as error:
            blamed = explain(error, left, loader, config_name, diagnostics)
            if blamed is None or blamed not in left:
                break
            left.remove(blamed)  # go on without it, so that the next bad one is reported too
            loader = loader.anew() if isinstance(loader, Loader) else loader_over(loader.config_search_path)
            continue
        if any(fault.code != "E007" for fault in diagnostics.faults):
            break  # without the group that was meant, the rest would be held against another
        return replace(
            locate(cfg, cfg.hydra.runtime.choices, loader, config_name, left), faults=tuple(diagnostics.faults)
        )
    diagnostics.raise_errors()
    raise AssertionError("composition failed without a fault")


def current(cfg: DictConfig) -> Composed:
    """The located form of the configuration that Hydra handed to a job."""
    settings = HydraConfig.get()
    loader = GlobalHydra.instance().config_loader()
    assert isinstance(loader, ConfigLoaderImpl)
    config_name = settings.job.config_name or CONFIG_NAME
    return locate(cfg, settings.runtime.choices, loader, config_name, list(settings.overrides.task))


def locate(
    cfg: DictConfig, choices: Mapping[str, object], loader: ConfigLoaderImpl, config_name: str, overrides: Sequence[str]
) -> Composed:
    """Give every value of `cfg` the place where it was written."""
    diagnostics = Diagnostics()
    files = places_of_files(loader, config_name, overrides, diagnostics)
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    diagnostics.raise_errors()
    return placed(cfg, choices, loader, laid_over(files, parsed, loader))


def places_of_files(
    loader: ConfigLoaderImpl, config_name: str, overrides: Sequence[str], diagnostics: Diagnostics
) -> Tree:
    """The places in the files that are composed; a loader of ours has just composed them."""
    defaults = loader.composed if isinstance(loader, Loader) else None
    if defaults is None:
        defaults = loader.compute_defaults_list(config_name, list(overrides), RunMode.RUN).defaults
    return file_places(loader, config_name, defaults, diagnostics)


def placed(cfg: DictConfig, choices: Mapping[str, object], loader: ConfigLoaderImpl, places: Tree) -> Composed:
    """The values of `cfg`, interpolations resolved, with their places."""
    values = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=False))
    values.pop("hydra", None)
    unresolved = Diagnostics()
    tree = resolved(values, places, cfg, "", unresolved)
    assert isinstance(tree, Map)
    named = {str(group): str(option) for group, option in choices.items()}
    return Composed(tree, named, loader, cfg, unresolved=tuple(unresolved.faults))


def with_values(composed: Composed, values: Mapping[str, object]) -> Composed:
    """`composed` with other values at some paths (`data.classes`), and what refers to them; places stay."""
    cfg = copy.deepcopy(composed.raw)
    OmegaConf.set_readonly(cfg, False)
    for path, value in values.items():
        OmegaConf.update(cfg, path, value, merge=False, force_add=True)
    unresolved = Diagnostics()
    plain = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=False))
    plain.pop("hydra", None)
    tree = resolved(plain, composed.config, cfg, "", unresolved)
    assert isinstance(tree, Map)
    return replace(composed, config=tree, raw=cfg, unresolved=tuple(unresolved.faults))


# --- values ---


def resolved(value: object, places: Tree, cfg: DictConfig, path: str, diagnostics: Diagnostics) -> Tree:
    """The value of `cfg` at `path` with its places; interpolations are resolved one by one, to report each."""
    place = places.place
    if isinstance(value, dict):
        entries: dict[str, Tree] = {}
        keys: dict[str, Place] = {}
        for key, item in cast(dict[object, object], value).items():
            name = str(key)
            child = places.get(name) if isinstance(places, Map) else None
            keys[name] = places.key_place(name) if isinstance(places, Map) else place
            below = f"{path}[{name}]" if "." in name else f"{path}.{name}" if path else name
            entries[name] = resolved(item, child or Leaf(None, place), cfg, below, diagnostics)
        return Map(entries, place, keys)
    if isinstance(value, list):
        items = places.items if isinstance(places, Seq) else ()
        values = cast(list[object], value)
        spots = (*items, *(Leaf(None, place) for _ in values[len(items) :]))
        found = (resolved(item, spots[i], cfg, f"{path}[{i}]", diagnostics) for i, item in enumerate(values))
        return Seq(tuple(found), place)
    if isinstance(value, str) and "${" in value:
        try:
            found = OmegaConf.select(cfg, path, throw_on_resolution_failure=True, throw_on_missing=True)
        except OmegaConfBaseException as error:
            reason = str(error).splitlines()[0]
            diagnostics.report("E008", f"{value} does not resolve: {reason}", place)
            return Leaf(None, place)
        plain: object = OmegaConf.to_container(found, resolve=True) if OmegaConf.is_config(found) else found
        return located(plain, place)
    raw = places.raw if isinstance(places, Leaf) and places.value == value else None
    if value is None or isinstance(value, (str, int, float, bool)):
        return Leaf(value, place, raw)
    return Leaf(str(value), place)
