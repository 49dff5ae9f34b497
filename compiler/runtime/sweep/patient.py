"""A storage that waits while its server is away: restarted, or not reachable for some minutes.

Optuna is imported with this file.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import copy
from time import monotonic, sleep
from typing import Any, TypeVar
from uuid import uuid4

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from compiler.errors import ConfigError, Fault
from compiler.runtime.sweep.delegate import Delegate

T = TypeVar("T")

PATIENCE = 300.0
"""Seconds for which a server may be away."""

_MARK = "mark"


class Unreachable(ConfigError):
    """E803: the storage's server was away for too long."""


def again(where: str, patience: float, operation: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Do `operation`, and again while the server of the storage is away.

    Args:
        where: what a message calls the storage; no password.
        patience: seconds.

    Raises:
        Unreachable: it was away for longer.
    """
    begun, pause = monotonic(), 0.1
    while True:
        try:
            return operation(*args, **kwargs)
        except Exception as error:  # each storage has its own for this; all others are raised
            if not is_away(error):
                raise
            if monotonic() - begun > patience:
                raise Unreachable([_away(where, error)]) from None
        sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, 5.0)


class Patient(Delegate):
    """A storage each of whose operations is tried again while its server is away.

    An operation may have been done although its answer was lost. Done twice, most come to the same; a trial that was
    taken so belongs to nobody, which `Study.recover` mends; and whether a new trial is there is looked up by a mark.
    """

    def __init__(self, inner: BaseStorage, where: str, patience: float = PATIENCE) -> None:
        super().__init__(inner)
        self._where, self._patience = where, patience

    def passed_on(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return again(self._where, self._patience, getattr(self.inner, name), *args, **kwargs)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        if template_trial is None:
            raise ValueError("a new trial needs a template: a mark in it tells whether it is there")
        template, mark = copy(template_trial), uuid4().hex
        template.user_attrs = {**template.user_attrs, _MARK: mark}
        tried: list[bool] = []

        def create() -> int:
            for trial in self.inner.get_all_trials(study_id, deepcopy=False) if tried else ():
                if trial.user_attrs.get(_MARK) == mark:
                    return self.inner.get_trial_id_from_study_id_trial_number(study_id, trial.number)
            tried.append(True)
            return self.inner.create_new_trial(study_id, template)

        return again(self._where, self._patience, create)


def is_away(error: BaseException | None) -> bool:
    """Whether an error says that the storage cannot be reached now, rather than that it refuses."""
    if isinstance(error, StorageInternalError):
        return is_away(error.__cause__)
    kinds = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).__mro__}
    if "sqlalchemy.PendingRollbackError" in kinds:
        return True  # the session of an operation that the server left in the middle
    if "sqlalchemy.DBAPIError" in kinds:
        driver = type(error.orig).__module__ if hasattr(error, "orig") else ""  # pyright: ignore[reportOptionalMemberAccess, reportAttributeAccessIssue]  # SQLAlchemy stays unimported
        if driver.startswith("sqlite3"):
            return "locked" in str(error)
        return bool(kinds & {"sqlalchemy.OperationalError", "sqlalchemy.InterfaceError"})
    code: Any = getattr(error, "code", None)
    return "grpc.RpcError" in kinds and callable(code) and getattr(code(), "name", "") == "UNAVAILABLE"


def _away(where: str, error: BaseException) -> Fault:
    cause: Any = error.__cause__ or error
    reason = str(getattr(cause, "orig", cause)).strip().splitlines()
    message = f"the sweep's storage {where} cannot be reached: {reason[0] if reason else type(cause).__name__}"
    return Fault("E803", message, hint="start it, and start the sweep again as you did: it goes on")
