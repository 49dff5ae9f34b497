"""The configurations of a sweep's trials, fast: Hydra composes once for each choice of config groups.

A trial's other overrides are laid over a copy of that, by Hydra's own function, and over the places; interpolations are
resolved anew. What that cannot do exactly is composed by Hydra: overrides at fault, and a configuration that refers to
Hydra's own node.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig

from compiler.errors import ConfigError, Diagnostics, Fault, Place, Source
from compiler.runtime.plan import Plan, plan
from compiler.runtime.sweep.definition import Definition
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.frozen import Frozen
from compiler.spec.complaints import COMPLAINTS
from compiler.spec.compose import CONFIG_NAME, Composed, composed_by, loader_over, placed, places_of_files
from compiler.spec.copying import CopyingLoader, exact, of_hydra
from compiler.spec.foreign import read_foreign
from compiler.spec.located import Leaf, Map, Seq, Tree
from compiler.spec.overrides import model_files, override_place
from compiler.spec.places import laid_over

_MOST = 64  # bases that are kept


@dataclass(frozen=True, slots=True)
class _Base:
    """What Hydra composes of one choice of groups, with the fixed overrides.

    Attributes:
        raw: Hydra's result, pickled: that is copied six times as fast as by `deepcopy`.
        places: of its values.
        choices: the option of each group.
        exact: whether overrides may be laid over it.
    """

    raw: bytes
    places: Tree
    choices: Mapping[str, object]
    exact: bool


class Composer:
    """Composes and checks the configurations of trials.

    Args:
        loader: Hydra's loader over the files.
        config_name: the top configuration file.
        fixed: the overrides that all trials have.
        frozen: what was recorded when the files were frozen.
    """

    def __init__(
        self,
        loader: ConfigLoaderImpl,
        config_name: str = CONFIG_NAME,
        fixed: Sequence[str] = (),
        frozen: Frozen | None = None,
    ) -> None:
        self._loader, self._name, self._fixed = loader, config_name, list(fixed)
        self._frozen = frozen or Frozen()
        self._bases: dict[tuple[str, ...], _Base] = {}
        self._parser = OverridesParser.create()
        self._copying = CopyingLoader(loader.config_search_path)

    @classmethod
    def for_folder(cls, folder: Path | SweepFolder) -> Self:
        """The composer of the sweep in `folder`, from its own files alone; its plugins can be imported then.

        Raises:
            ConfigError: E803, there is no sweep.
        """
        where = folder if isinstance(folder, SweepFolder) else SweepFolder(folder)
        definition = Definition.load(where.root)
        frozen = Frozen.load(where.conf)
        frozen.extend_path()
        return cls(frozen.loader(), definition.config_name, definition.fixed, frozen)

    def plan(self, overrides: Sequence[str]) -> Plan:
        """The plan of a trial with these overrides.

        Raises:
            ConfigError: with all faults at once; those of a trial's values are located at its overrides.
        """
        with self._frozen.environment():
            return plan(self.compose(overrides))

    def compose(self, overrides: Sequence[str]) -> Composed:
        """The configuration of a trial: the same as Hydra composes of the fixed overrides and these.

        Raises:
            ConfigError: as `compiler.spec.compose.compose`; E008, it would be another at another time.
        """
        for override in model_files([*self._fixed, *overrides]):  # a bomb is refused before anything is built on it
            read_foreign(self._frozen.model_file(str(override.value())), override_place(override))
        _refuse_clocks_in(overrides)
        with self._frozen.environment():
            return self._with_frozen_file(self._laid(overrides) or self._composed(overrides))

    def _laid(self, overrides: Sequence[str]) -> Composed | None:
        """The overrides laid over their base; None where Hydra has to compose."""
        try:
            read = self._parser.parse_overrides(list(overrides))
            groups = [override for override in read if self._is_group(override)]
            base = self._base(tuple(str(override.input_line) for override in groups))
            if not base.exact or any(of_hydra(str(override.input_line)) for override in read):
                return None
            values = [override for override in read if not self._is_group(override)]
            cfg: DictConfig = pickle.loads(base.raw)
            ConfigLoaderImpl._apply_overrides_to_config(values, cfg)  # composition's last step, which has no other name
        except COMPLAINTS:
            return None
        return placed(cfg, base.choices, self._loader, laid_over(base.places, values, self._loader))

    def _composed(self, overrides: Sequence[str]) -> Composed:
        return composed_by(self._copying, [*self._fixed, *overrides], self._name)

    def is_group(self, key: str) -> bool:
        """Whether an override with this key chooses a file."""
        return self._loader.repository.group_exists(key)

    def _is_group(self, override: Override) -> bool:
        """As Hydra tells the choice of a file from a value."""
        return self.is_group(str(override.key_or_group)) and not isinstance(override.value(), dict)

    def _base(self, groups: tuple[str, ...]) -> _Base:
        if groups not in self._bases:
            if len(self._bases) >= _MOST:
                self._bases.pop(next(iter(self._bases)))
            self._bases[groups] = self._load([*self._fixed, *groups])
        return self._bases[groups]

    def _load(self, overrides: list[str]) -> _Base:
        loader = loader_over(self._loader.config_search_path)
        cfg = loader.load_configuration(self._name, overrides, RunMode.RUN)
        diagnostics = Diagnostics()
        places = places_of_files(loader, self._name, overrides, diagnostics)
        diagnostics.raise_errors()
        places = laid_over(places, self._parser.parse_overrides(overrides), loader)
        for key, tree in places.entries.items() if isinstance(places, Map) else ():
            if key != "hydra":
                _refuse_clocks(tree)
        return _Base(pickle.dumps(cfg), places, dict(cfg.hydra.runtime.choices), exact(cfg))

    def _with_frozen_file(self, composed: Composed) -> Composed:
        """The model file's copy in the place of the file."""
        given = composed.value("model_file")
        if given is None or str(given.value) not in self._frozen.model_files:
            return composed
        leaf = replace(given, value=str(self._frozen.model_file(str(given.value))))
        entries = {**composed.config.entries, "model_file": leaf}
        return replace(composed, config=replace(composed.config, entries=entries))


def _refuse_clocks(tree: Tree) -> None:
    if isinstance(tree, Leaf):
        if isinstance(tree.value, str) and "${now:" in tree.value:
            raise _clock(tree.value, tree.place)
        return
    for child in tree.items if isinstance(tree, Seq) else tree.entries.values():
        _refuse_clocks(child)


def _refuse_clocks_in(overrides: Sequence[str]) -> None:
    for text in overrides:
        if "${now:" in text:
            raise _clock(text.partition("=")[2], Place(Source(text, text, "override"), 1, text.find("${now:") + 1))


def _clock(text: str, place: Place) -> ConfigError:
    message = f"{text} would be another value in each trial, and when one is begun again"
    return ConfigError([Fault("E008", message, place, hint="write a value")])
