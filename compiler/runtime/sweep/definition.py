"""What a sweep is, frozen when it starts: `sweep.yaml` in its folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from compiler.errors import ConfigError, Diagnostics, Fault, Place, Source
from compiler.runtime.run.files import make_folder, place
from compiler.runtime.sweep.parameters import Parameter, Space, read_parameter
from compiler.runtime.sweep.settings import SearchSettings, read_search
from compiler.runtime.sweep.space import Condition
from compiler.spec.compose import CONFIG_NAME
from compiler.spec.located import Map, located, plain

NAME = "sweep.yaml"
SCHEMA = 1

FREE = (
    "n_trials", "resume", "retries", "max_failures", "max_infeasible", "trial_timeout", "trial_memory", "orphan_after",
    "reuse", "test", "space", "conditions",
)  # fmt: skip
"""Keys of `search` that may differ in two calls of one sweep: they do not say what is searched for, nor how. What
`space` and `conditions` come to is compared itself."""


@dataclass(frozen=True)
class Definition:
    """A sweep, whoever carries it out.

    Attributes:
        fixed: the overrides that all trials have.
        space: what differs between them.
        section: the `search` section, plain.
        launcher: settings of what carries it out, plain.
        config_name: the top configuration file.
        files: sha256 of the configuration files that trials can be composed of.
        folder: where it was started: relative paths of data mean those below it.
        written: the `search` section with its places, where it is still known.
    """

    fixed: tuple[str, ...]
    space: Space
    section: Mapping[str, object] = field(default_factory=dict[str, object])
    launcher: Mapping[str, object] = field(default_factory=dict[str, object])
    config_name: str = CONFIG_NAME
    files: str = ""
    folder: str = ""
    written: Map | None = field(default=None, compare=False, repr=False)

    @classmethod
    def make(
        cls,
        fixed: Sequence[str],
        space: Space,
        section: Map,
        launcher: Mapping[str, object] | None = None,
        config_name: str = CONFIG_NAME,
        files: str = "",
    ) -> Definition:
        """A sweep that is started here."""
        known: Any = plain(section)
        return cls(tuple(fixed), space, known, launcher or {}, config_name, files, str(Path.cwd()), section)

    @property
    def tree(self) -> Map:
        """The `search` section with its places; those of `sweep.yaml` where no others are known."""
        tree = self.written or located(self.section, Place(Source(NAME, ""), 1, 1))
        assert isinstance(tree, Map), "a section is a mapping"
        return tree

    @cached_property
    def search(self) -> SearchSettings:
        """The search's settings, typed.

        Raises:
            ConfigError: the section has faults.
        """
        diagnostics = Diagnostics()
        settings = read_search(self.tree, diagnostics)
        diagnostics.raise_errors()
        assert settings is not None, "what is missing has faults"
        return settings

    @cached_property
    def hash(self) -> str:
        """Sha256 of what makes two sweeps the same: fixed overrides, space, search, files."""
        fixed = [text for text in self.fixed if text.lstrip("+").partition("=")[0].partition(".")[0] != "search"]
        search = {key: value for key, value in self.section.items() if key not in FREE}
        same = [fixed, _space_record(self.space), search, self.config_name, self.files]
        return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()

    def enter(self) -> None:
        """Work in the folder in which it was started, so that relative paths of data mean the same.

        Raises:
            ConfigError: E803, this machine has no such folder.
        """
        try:
            os.chdir(self.folder)
        except OSError as error:
            hint = "start workers where the files of the sweep are"
            message = f"the sweep was started in '{self.folder}', which cannot be entered here: {error.strerror}"
            raise ConfigError([Fault("E803", message, hint=hint)]) from None

    def save(self, folder: Path) -> None:
        """Write `sweep.yaml` in `folder`, whole or not at all.

        Raises:
            OSError: the folder cannot be written.
        """
        record = {
            "schema": SCHEMA,
            "hash": self.hash,
            "folder": self.folder,
            "config_name": self.config_name,
            "files": self.files,
            "fixed": list(self.fixed),
            "space": _space_record(self.space),
            "search": dict(self.section),
            "launcher": dict(self.launcher),
        }
        text = yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=120)
        make_folder(folder)
        place(folder, NAME, lambda path: path.write_text(text, encoding="utf-8"))

    @classmethod
    def load(cls, folder: Path) -> Definition:
        """Read the sweep of `folder`.

        Raises:
            ConfigError: E803, there is none, it is of a newer version, or it was edited.
        """
        path = folder / NAME
        try:
            record: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
            if record["schema"] > SCHEMA:
                raise _unusable(path, f"is of a newer version (schema {record['schema']})")
            found = cls(
                tuple(record["fixed"]),
                _space(record["space"], record["search"].get("seed", 0)),
                record["search"],
                record["launcher"],
                record["config_name"],
                record["files"],
                record["folder"],
            )
        except OSError as error:
            raise _unusable(path, f"cannot be read: {error.strerror or error}") from None
        except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
            raise _unusable(path, f"is damaged: {type(error).__name__} {str(error).splitlines()[0]}") from None
        if found.hash != record.get("hash"):
            raise _unusable(path, "was edited since the sweep began: its hash differs")
        return found


def _unusable(path: Path, why: str) -> ConfigError:
    return ConfigError([Fault("E803", f"the sweep's definition '{path}' {why}", hint="start the sweep anew")])


def _space_record(space: Space) -> list[dict[str, object]]:
    return [_parameter_record(parameter) for parameter in space]


def _parameter_record(parameter: Parameter) -> dict[str, object]:
    record: dict[str, object] = {"key": parameter.prefix + parameter.key, "values": parameter.domain.source}
    if parameter.only:
        record["only"] = {condition.parent: list(condition.texts) for condition in parameter.only}
    return record


def _space(records: Sequence[Mapping[str, Any]], seed: object) -> Space:
    return Space(tuple(_parameter(record, seed) for record in records))


def _parameter(record: Mapping[str, Any], seed: object) -> Parameter:
    only = tuple(Condition(parent, tuple(texts)) for parent, texts in record.get("only", {}).items())
    return replace(read_parameter(f"{record['key']}={record['values']}", seed), only=only)
