"""A storage in front of another. Optuna is imported with this file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from optuna.storages import BaseStorage

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class Delegate(BaseStorage):
    """Passes every operation on to another storage, those of later versions of Optuna as well."""

    def __init__(self, inner: BaseStorage) -> None:
        self.inner = inner

    def passed_on(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Do the operation of that name."""
        return getattr(self.inner, name)(*args, **kwargs)


def _operation(name: str) -> Callable[..., Any]:
    def operation(self: Delegate, *args: Any, **kwargs: Any) -> Any:
        return self.passed_on(name, *args, **kwargs)

    return operation


for _name in dir(BaseStorage):
    if not _name.startswith("_"):
        setattr(Delegate, _name, _operation(_name))
Delegate.__abstractmethods__ = frozenset()


class Drawing(Delegate):
    """Keeps the parameters that a trial draws, until all are drawn: they are written in one piece, or not at all."""

    def __init__(self, inner: BaseStorage) -> None:
        super().__init__(inner)
        self.drawn: list[tuple[int, str, float, BaseDistribution]] = []

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        self.drawn.append((trial_id, param_name, param_value_internal, distribution))

    def write(self) -> None:
        """Write what was drawn."""
        for parameter in self.drawn:
            self.inner.set_trial_param(*parameter)
        self.drawn.clear()
