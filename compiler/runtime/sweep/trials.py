"""A trial as the study has it: its state with the reason, its values, who carries it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from compiler.runtime.sweep.owners import Owner

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

State = Literal["waiting", "running", "complete", "pruned", "infeasible", "failed"]

FINISHED: tuple[State, ...] = ("complete", "pruned", "failed", "infeasible")

ORIGIN = "origin"  # user attributes of an Optuna trial; Optuna's own tools show them
REPLACES = "replaces"
CLAIM = "claim"
RESULT = "result"

WARM = "warm:"
"""How the origin of a trial begins that another sweep finished: the method knows it, and it counts for nothing."""


@dataclass(frozen=True, slots=True)
class TrialState:
    """What is known of a trial.

    Attributes:
        number: also the name of its folder.
        code, reason: why it is in that state, where there is something to say: of a failed, pruned or infeasible
            trial, and of one that waits for its second beginning.
        values: of the objectives; None unless it is complete.
        params: what was drawn so far, as Optuna has it.
        steps: the first objective by epoch, as it was reported.
        facts: what its run told at the end: `metrics`, `timings`, `model` and the like.
        faults: of an infeasible trial, as `errors.as_json` has them.
        attempts: how often it was begun; `deaths`: how often its process died.
        owner: who carries it out, or did at last.
        origin: `drawn`, `grid`, `enqueued`, `retry`; of a trial of an earlier sweep, its folder.
        reused_from: the number of the equal trial whose result it took over.
    """

    number: int
    state: State
    code: str | None = None
    reason: str | None = None
    values: tuple[float, ...] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[int, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    faults: Sequence[Mapping[str, Any]] = ()
    attempts: int = 0
    deaths: int = 0
    owner: Owner | None = None
    started: datetime | None = None
    finished: datetime | None = None
    origin: str = "drawn"

    @property
    def done(self) -> bool:
        return self.state in FINISHED

    @property
    def reused_from(self) -> int | None:
        return self.facts.get("reused_from")

    @property
    def seconds(self) -> float | None:
        """How long it took; None before its end."""
        both = self.started and self.finished
        return (self.finished - self.started).total_seconds() if both and self.finished and self.started else None

    @classmethod
    def of(cls, frozen: FrozenTrial) -> TrialState:
        """What Optuna's trial and its attributes say."""
        claim: Mapping[str, Any] = frozen.user_attrs.get(CLAIM, {})
        result: Mapping[str, Any] = frozen.user_attrs.get(RESULT, {}) if frozen.state.is_finished() else {}
        told = result or claim.get("ended") or {}
        owner = claim.get("owner") or claim.get("last")
        state = state_of(frozen)
        return cls(
            number=frozen.number,
            state=state,
            code=told.get("code"),
            reason=told.get("reason"),
            values=tuple(frozen.values) if state == "complete" and frozen.values is not None else None,
            params=frozen.params,
            steps=frozen.intermediate_values,
            facts=result.get("facts", {}),
            faults=result.get("faults", ()),
            attempts=claim.get("attempt", 0),
            deaths=claim.get("deaths", 0),
            owner=Owner.read(owner) if owner else None,
            started=frozen.datetime_start if claim or frozen.state.is_finished() else None,
            finished=frozen.datetime_complete,
            origin=frozen.user_attrs.get(ORIGIN, "drawn"),
        )


_STATES: dict[str, State] = {
    "WAITING": "waiting", "RUNNING": "running", "COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed",
}  # fmt: skip


def state_of(frozen: FrozenTrial) -> State:
    """A trial's state; an infeasible one is a pruned one to Optuna, with a result that says so."""
    if frozen.state.name == "PRUNED" and frozen.user_attrs.get(RESULT, {}).get("state") == "infeasible":
        return "infeasible"
    return _STATES[frozen.state.name]
