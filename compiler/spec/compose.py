"""Hydra's composition, with the places that it drops.

Hydra composes values; this reads the same files again for their marks. The last writer of a path wins,
overrides lie over all, and each value of the result gets the place of whoever wrote it.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra import version as hydra_version
from hydra._internal.config_loader_impl import ConfigLoaderImpl  # compose() builds the same, but hides it
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from compiler.errors import ConfigError, Diagnostics, Fault, Place, Source, did_you_mean
from compiler.spec.located import Leaf, Map, Seq, Tree, located
from compiler.spec.overlay import delete, overlay, set_value
from compiler.spec.reader import read_tree

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
    """

    config: Map
    choices: Mapping[str, str]
    loader: ConfigLoaderImpl
    raw: DictConfig

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


def make_loader(config_dir: Path | None = None) -> ConfigLoaderImpl:
    """Hydra's loader over the shipped configuration and the user's own folder."""
    hydra_version.setbase(VERSION_BASE)
    Plugins.instance()
    search_path: Any = create_config_search_path(str(config_folder()))
    if config_dir is not None:
        if not config_dir.is_dir():
            raise ConfigError([Fault("E006", f"--config-dir: no folder {str(config_dir)!r}")])
        search_path.prepend("command-line", f"file://{config_dir.resolve()}", SearchPathQuery(provider="schema", path=None))
    loader = ConfigLoaderImpl(search_path)
    loader.repository = _Repository(search_path)
    return loader


def compose(overrides: Sequence[str], config_dir: Path | None = None, config_name: str = CONFIG_NAME) -> Composed:
    """Compose the configuration as `train.py` does with these overrides.

    Raises:
        ConfigError: with every bad override, or the faults of a file that cannot be read.
    """
    loader = make_loader(config_dir)
    diagnostics = Diagnostics()
    left = list(overrides)
    for _ in range(_MAX_RETRIES):
        try:
            cfg = loader.load_configuration(config_name, left, RunMode.RUN)
        except (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError, AssertionError) as error:
            blamed = _explain(error, left, loader, config_name, diagnostics)
            if blamed is None or blamed not in left:
                break
            left.remove(blamed)  # go on without it, so that the next bad one is reported too
            loader = make_loader(config_dir)
            continue
        diagnostics.raise_errors()
        return locate(cfg, loader, config_name, left)
    diagnostics.raise_errors()
    raise AssertionError("composition failed without a fault")


def current(cfg: DictConfig) -> Composed:
    """The located form of the configuration that Hydra handed to a job.

    Args:
        cfg: the job's config; the `hydra` node comes from `HydraConfig`.
    """
    from hydra.core.hydra_config import HydraConfig

    whole = OmegaConf.create({"hydra": HydraConfig.get()}, flags={"allow_objects": True})
    merged = OmegaConf.merge(cfg, whole)
    assert isinstance(merged, DictConfig)
    loader = GlobalHydra.instance().config_loader()
    assert isinstance(loader, ConfigLoaderImpl)
    return locate(merged, loader, HydraConfig.get().job.config_name, list(HydraConfig.get().overrides.task))


def locate(cfg: DictConfig, loader: ConfigLoaderImpl, config_name: str, overrides: Sequence[str]) -> Composed:
    """Give every value of `cfg` the place where it was written."""
    diagnostics = Diagnostics()
    places = _places(loader, config_name, overrides, diagnostics)
    choices = {str(group): str(option) for group, option in cfg.hydra.runtime.choices.items()}
    values = OmegaConf.to_container(cfg, resolve=False)
    assert isinstance(values, dict)
    values.pop("hydra", None)
    tree = resolved(values, places, cfg, "", diagnostics)
    diagnostics.raise_errors()
    assert isinstance(tree, Map)
    return Composed(tree, choices, loader, cfg)


def _places(loader: ConfigLoaderImpl, config_name: str, overrides: Sequence[str], diagnostics: Diagnostics) -> Tree:
    """All files laid over each other, then the overrides: a tree whose places count, not its values."""
    result = loader.compute_defaults_list(config_name, list(overrides), RunMode.RUN)
    source = find_file(loader, config_name)
    tree: Tree = Map({}, Place(read_source(source) if source else Source(config_name, ""), 1, 1))
    for default in result.defaults:
        path = find_file(loader, default.config_path or "")
        if path is None or (default.config_path or "").startswith("hydra"):
            continue
        read = read_tree(read_source(path), diagnostics)
        if read is None:
            continue
        for key in reversed((default.package or "").split(".") if default.package else []):
            read = Map({key: read}, read.place, {key: read.place})
        tree = overlay(tree, read)
    for override in result.config_overrides:
        place = override_place(override)
        path = tuple(str(override.key_or_group).split("."))
        tree = delete(tree, path) if override.is_delete() else set_value(tree, path, located(_value(override), place))
    return tree


def override_place(override: Override) -> Place:
    """The place of an override's value within its own text."""
    text = as_typed(override.input_line or "")
    start = text.find("=") + 1
    return Place(Source(text, text, "override"), 1, start + 1, max(1, len(text) - start))


def for_hydra(overrides: Sequence[str]) -> list[str]:
    """The command line's overrides in the form that Hydra understands.

    A mapping's keys may be quoted (`+model.patch={"*.conv": ...}`), which Hydra's grammar has not. And where
    `model_file=PATH` is given no `model` is composed: the file is never handed to Hydra, `source.py` reads it and
    lays `model.*` over it.
    """
    unquoted = [_unquoted_keys(text) for text in overrides]
    if not any(re.fullmatch(r"\++model_file=.+|model_file=(?!null$).+", text) for text in unquoted):
        return unquoted
    rewritten = ["++" + text.lstrip("+") if text.lstrip("+").startswith("model.") else text for text in unquoted]
    chosen = any(text.startswith(("model=", "~model")) for text in unquoted)
    return rewritten if chosen else [*rewritten, "~model"]


def _unquoted_keys(text: str) -> str:
    if not re.search(r"""[{,]\s*["']""", text) or _parses(text):
        return text
    unquoted = re.sub(r"""([{,]\s*)(["'])([\w.*?-]+)\2\s*:""", r"\1\3:", text)
    return unquoted if _parses(unquoted) else text


def _parses(text: str) -> bool:
    try:
        OverridesParser.create().parse_overrides([text])
    except HydraException:
        return False
    return True


def as_typed(text: str) -> str:
    """An override as the user wrote it, before `for_hydra`."""
    return text.removeprefix("++") if text.startswith("++model.") else text


def _value(override: Override) -> object:
    value = override.value()
    return value if isinstance(value, (dict, list, str, int, float, bool, type(None))) else str(value)


def find_file(loader: ConfigLoaderImpl, config_path: str) -> Path | None:
    """The file that Hydra reads for a config's path, or None where it is none of the file system's."""
    name = config_path if config_path.endswith((".yaml", ".yml")) else f"{config_path}.yaml"
    for source in loader.repository.get_sources():
        if source.scheme() == "file" and source.is_config(config_path):
            return Path(source.path) / name
    return None


def read_source(path: Path) -> Source:
    """A file as a source, named as the user would type it."""
    resolved = path.resolve()
    here = Path.cwd()
    name = str(resolved.relative_to(here)) if resolved.is_relative_to(here) else str(path)
    return Source(name, path.read_text(encoding="utf-8", errors="replace"))


# --- values ---


def resolved(value: object, places: Tree, cfg: DictConfig, path: str, diagnostics: Diagnostics) -> Tree:
    """The value of `cfg` at `path` with its places; interpolations are resolved one by one, to report each."""
    place = places.place
    if isinstance(value, dict):
        entries: dict[str, Tree] = {}
        keys: dict[str, Place] = {}
        for raw_key, item in value.items():  # pyright: ignore[reportUnknownVariableType]  # a container of OmegaConf's
            key = str(raw_key)  # pyright: ignore[reportUnknownArgumentType]  # as above
            child = places.get(key) if isinstance(places, Map) else None
            keys[key] = places.key_place(key) if isinstance(places, Map) else place
            entries[key] = resolved(item, child or Leaf(None, place), cfg, f"{path}.{key}" if path else key, diagnostics)  # pyright: ignore[reportUnknownArgumentType]  # as above
        return Map(entries, place, keys)
    if isinstance(value, list):
        items = places.items if isinstance(places, Seq) else ()
        return Seq(
            tuple(
                resolved(item, items[i] if i < len(items) else Leaf(None, place), cfg, f"{path}[{i}]", diagnostics)  # pyright: ignore[reportUnknownArgumentType]  # as above
                for i, item in enumerate(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # as above
            ),
            place,
        )
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


# --- Hydra's complaints ---


def _explain(
    error: Exception, overrides: Sequence[str], loader: ConfigLoaderImpl, config_name: str, diagnostics: Diagnostics
) -> str | None:
    """Turn an exception of Hydra's into a fault; gives the override to blame, where it is one."""
    if isinstance(error, OverrideParseException):
        text = error.override
        hint = "key=value; quote a value with spaces, commas or colons: 'key=\"a: b\"'"
        place = Place(Source(text, text, "override"), 1, 1, max(1, len(text)))
        diagnostics.report("E007", "this is not an override", place, hint=hint)
        return text
    mark: Any = getattr(error, "problem_mark", None) or getattr(error.__cause__, "problem_mark", None)
    if isinstance(error, yaml.YAMLError) and mark is None:
        mark = getattr(error, "context_mark", None)
    if mark is not None and mark.name and Path(mark.name).is_file():
        read_tree(read_source(Path(mark.name)), diagnostics)
        if not diagnostics.has_errors:
            diagnostics.report("E001", _first_line(str(getattr(error, "problem", error))), Place(read_source(Path(mark.name)), mark.line + 1, mark.column + 1))
        return None
    if isinstance(error, yaml.YAMLError):
        _unreadable(overrides, loader, config_name, error, diagnostics)
        return None
    parsed = _parsed(overrides)
    if isinstance(error, MissingConfigException):
        return _missing(error, parsed, diagnostics)
    message = str(error)
    for override in parsed:
        line = override.input_line or ""
        if f"'{override.key_or_group}'" in message or line in message:
            _bad_key(error, override, overrides, loader, config_name, diagnostics)
            return line
    _unreadable(overrides, loader, config_name, error, diagnostics)
    return None


def _unreadable(overrides: Sequence[str], loader: ConfigLoaderImpl, config_name: str, error: Exception, diagnostics: Diagnostics) -> None:
    """Find the file behind a failure by reading each that was named; else report Hydra's own words."""
    chosen = [f"{override.key_or_group}/{override.value()}" for override in _parsed(overrides)]
    for config_path in (config_name, *chosen):
        path = find_file(loader, config_path)
        if path is not None:
            read_tree(read_source(path), diagnostics)
    if not diagnostics.has_errors:
        diagnostics.report("E007", _first_line(str(error)))


def _parsed(overrides: Sequence[str]) -> list[Override]:
    parsed: list[Override] = []
    for text in overrides:
        try:
            parsed += OverridesParser.create().parse_overrides([text])
        except HydraException:
            continue
    return parsed


def _missing(error: MissingConfigException, parsed: Sequence[Override], diagnostics: Diagnostics) -> str | None:
    wanted = str(error.missing_cfg_file)
    group, _, option = wanted.rpartition("/")
    options = [str(name) for name in error.options or ()]
    hint = did_you_mean(option, options) or (f"one of {', '.join(options)}" if options else None)
    for override in parsed:
        if override.key_or_group == group and str(override.value()) == option:
            diagnostics.report("E006", f"no {group} {option!r}", override_place(override), hint=hint)
            return override.input_line
    diagnostics.report("E006", f"no config {wanted!r}", hint=hint)
    return None


def _bad_key(
    error: Exception,
    override: Override,
    overrides: Sequence[str],
    loader: ConfigLoaderImpl,
    config_name: str,
    diagnostics: Diagnostics,
) -> None:
    text = override.input_line or ""
    key = str(override.key_or_group)
    hint = None
    parent, _, last = key.rpartition(".")
    cfg = _composed_with(loader, config_name, [line for line in overrides if line != text])
    if cfg is not None:
        node = OmegaConf.select(cfg, parent) if parent else cfg
        names = [str(name) for name in node if name != "hydra"] if isinstance(node, DictConfig) else []
        hint = did_you_mean(last, names)
        if hint is None and isinstance(error, ConfigCompositionException) and "append" in str(error):
            hint = (f"known here: {', '.join(names)}; " if names else "") + f"+{text} adds a new key"
    start = text.find(key)
    place = Place(Source(text, text, "override"), 1, max(0, start) + 1, len(key))
    diagnostics.report("E007", f"cannot override {key!r}: {_reason(error)}", place, hint=hint)


def _composed_with(loader: ConfigLoaderImpl, config_name: str, overrides: Sequence[str]) -> DictConfig | None:
    """The configuration with these overrides, or with none where one of them has a fault of its own."""
    for attempt in (list(overrides), []):
        try:
            return loader.load_configuration(config_name, attempt, RunMode.RUN)
        except (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError, AssertionError):
            continue
    return None


def _reason(error: Exception) -> str:
    cause = error.__cause__
    if cause is not None and "not in struct" in str(cause):
        return "there is no such key"
    return _first_line(str(cause or error))


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "unknown reason")
