"""A loader that composes each choice of config groups once, and lays other overrides over a copy."""

from __future__ import annotations

import pickle
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.default_element import ResultDefault
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from compiler.spec.compose import Loader

_MOST = 64  # copies that are kept


@dataclass(frozen=True, slots=True)
class _Copy:
    raw: bytes  # pickled: that is copied six times as fast as by `deepcopy`
    defaults: Sequence[ResultDefault] | None
    exact: bool  # whether overrides may be laid over it


class CopyingLoader(Loader):
    """Composes as Hydra does, and fails as it does, but for `hydra.overrides`, which nobody reads here."""

    def __init__(self, search_path: Any) -> None:
        super().__init__(search_path)
        self._copies: dict[tuple[str, ...], _Copy] = {}

    def anew(self) -> CopyingLoader:
        """Itself: its copies are of what it had read when it began."""
        return self

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        def composed() -> DictConfig:
            return super(CopyingLoader, self).load_configuration(
                config_name, overrides, run_mode, from_shell, validate_sweep_overrides
            )

        read = OverridesParser.create().parse_overrides(overrides)
        if any(override.is_sweep_override() or of_hydra(str(override.input_line)) for override in read):
            return composed()
        key = tuple(str(override.input_line) for override in read if self._chooses(override))
        if key not in self._copies:
            if len(self._copies) >= _MOST:
                self._copies.pop(next(iter(self._copies)))
            cfg = super().load_configuration(config_name, list(key), run_mode, from_shell)
            self._copies[key] = _Copy(pickle.dumps(cfg), self.composed, exact(cfg))
        copy = self._copies[key]
        if not copy.exact:
            return composed()
        cfg = cast("DictConfig", pickle.loads(copy.raw))
        self.composed = copy.defaults
        try:  # composition's last step, which has no other name
            ConfigLoaderImpl._apply_overrides_to_config([o for o in read if not self._chooses(o)], cfg)
        except OmegaConfBaseException as error:
            raise ConfigCompositionException from error
        return cfg

    def _chooses(self, override: Override) -> bool:
        """Whether it chooses a file, as Hydra tells that from a value."""
        return self.repository.group_exists(str(override.key_or_group)) and not isinstance(override.value(), dict)


def exact(cfg: DictConfig) -> bool:
    """Whether overrides may be laid over a composition: nothing in it depends on what they are."""
    own = cast("dict[str, object]", OmegaConf.to_container(cfg, resolve=False))
    own.pop("hydra")
    return not of_hydra(str(own)) and not OmegaConf.select(cfg, "hydra.searchpath")


def of_hydra(text: str) -> bool:
    """Whether a text refers to Hydra's own node, which says what the overrides are."""
    return bool(re.search(r"\$\{\s*\.*hydra\b", text))
