"""Hydra's complaints as faults: located, with a hint, one for each bad override."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from compiler.errors import Diagnostics, Place, Source, did_you_mean
from compiler.spec.files import find_file, read_source
from compiler.spec.overrides import override_place
from compiler.spec.reader import read_tree

COMPLAINTS = (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError, AssertionError)
"""What Hydra raises for a configuration that it cannot compose."""


def explain(
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
            message = _first_line(str(getattr(error, "problem", error)))
            diagnostics.report(
                "E001",
                message,
                Place(read_source(Path(mark.name)), mark.line + 1, mark.column + 1),
                hint="quote a text that begins with '!'" if "tag '!" in message else None,
            )
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


def _unreadable(
    overrides: Sequence[str], loader: ConfigLoaderImpl, config_name: str, error: Exception, diagnostics: Diagnostics
) -> None:
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
        if isinstance(node, str):
            hint = f"{parent} is the bare name {node!r}; override all of it: {parent}={{op: {node}, {last}: ...}}"
        elif "[" in key:
            hint = f"list items go by their number: {key.replace('[', '.').replace(']', '')}"
        elif hint is None and isinstance(error, ConfigCompositionException) and "append" in str(error):
            hint = (f"known here: {', '.join(names)}; " if names else "") + f"+{text} adds a new key"
    start = text.find(key)
    place = Place(Source(text, text, "override"), 1, max(0, start) + 1, len(key))
    diagnostics.report("E007", f"cannot override {key!r}: {_reason(error)}", place, hint=hint)


def _composed_with(loader: ConfigLoaderImpl, config_name: str, overrides: Sequence[str]) -> DictConfig | None:
    """The configuration with these overrides, or with none where one of them has a fault of its own."""
    for attempt in (list(overrides), []):
        try:
            return loader.load_configuration(config_name, attempt, RunMode.RUN)
        except COMPLAINTS:
            continue
    return None


def _reason(error: Exception) -> str:
    cause = error.__cause__
    if cause is not None and "not in struct" in str(cause):
        return "there is no such key"
    return _first_line(str(cause or error))


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "unknown reason")
