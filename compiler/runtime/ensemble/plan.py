"""What a configuration with an ensemble comes to before any run is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from compiler.errors import Diagnostics, Fault
from compiler.spec.compose import Composed, load_plugins
from compiler.spec.located import Map, plain

if TYPE_CHECKING:
    from compiler.runtime.ensemble.settings import EnsembleSettings
    from compiler.runtime.ensemble.soup.settings import SoupSettings

NONE = {"method": "none"}
"""The `ensemble` section where a model is trained and no ensemble made."""


@dataclass(frozen=True, slots=True)
class EnsemblePlan:
    """An `ensemble` section that has no faults, ready to be made from saved runs.

    Attributes:
        section: the settings with their places, for faults that only the runs can show.
        warnings: what was suspicious.
    """

    settings: EnsembleSettings
    section: Map
    warnings: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class SoupPlan:
    """The same for networks that become one by the mean of their weights."""

    settings: SoupSettings
    section: Map
    warnings: tuple[Fault, ...]


def plan_ensemble(composed: Composed) -> EnsemblePlan | SoupPlan | None:
    """Check the `ensemble` section; None where it has none. No run is read.

    Raises:
        ConfigError: with all faults at once.
    """
    section = composed.section("ensemble")
    if plain(section) == NONE:
        return None
    from compiler.runtime.ensemble.settings import read_ensemble
    from compiler.runtime.ensemble.soup.settings import SoupSettings, is_soup, read_soup

    diagnostics = Diagnostics()
    for fault in composed.faults:
        diagnostics.add(fault)
    load_plugins(composed, diagnostics)
    settings = (read_soup if is_soup(section) else read_ensemble)(section, diagnostics)
    if settings is not None and not settings.members:
        place = section.key_place("members")
        hint = "'ensemble.members=[outputs/runs/a, outputs/runs/b]'; docs/ensembles.md has the other forms"
        diagnostics.report("E105", "'ensemble' needs 'members': saved runs", place, hint=hint)
    diagnostics.raise_errors()
    assert settings is not None, "what is missing has faults"
    warnings = tuple(diagnostics.faults)
    if isinstance(settings, SoupSettings):
        return SoupPlan(settings, section, warnings)
    return EnsemblePlan(settings, section, warnings)
