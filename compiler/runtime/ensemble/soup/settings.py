"""The `ensemble` section of a soup, typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from compiler.errors import Diagnostics
from compiler.runtime.ensemble.settings import EnsembleSettings, Name
from compiler.settings import Bool, MaybeStr, Settings, choice
from compiler.spec.located import Leaf, Map, Tree, validated

METHOD = "soup"
"""What `ensemble.method` says where weights of networks are averaged, and not what they predict."""

_Members = EnsembleSettings.model_fields["members"]


class SoupSettings(Settings):
    """How saved networks become one.

    Fields:
        name: what the run is called.
        members: which runs, as for any ensemble: epochs of one run, or runs that began with the same weights.
        recipe: `greedy` takes the members from the best on and keeps each that makes the soup no worse on the
            validation rows; `uniform` takes all of them.
        monitor: by which it is judged; None: the first member's `train.best.monitor` if it is of `val`, or `val.loss`.
        test: whether the test split is scored.
    """

    name: Name = METHOD
    members: Annotated[tuple[str | Mapping[str, Any], ...], *_Members.metadata] = ()
    method: Annotated[Literal["soup"], choice(METHOD)] = METHOD
    recipe: Annotated[Literal["greedy", "uniform"], choice("greedy", "uniform")] = "greedy"
    monitor: MaybeStr = None
    test: Bool = True


def is_soup(section: Map) -> bool:
    """Whether the `ensemble` section asks for a soup."""
    method: Tree | None = section.get("method")
    if isinstance(method, Map):
        method = method.get("op")
    return isinstance(method, Leaf) and method.value == METHOD


def read_soup(section: Map, diagnostics: Diagnostics) -> SoupSettings | None:
    """The settings that the `ensemble` section describes; None, with the faults in `diagnostics`, if it is wrong."""
    return validated(SoupSettings, section, diagnostics, subject="ensemble")
