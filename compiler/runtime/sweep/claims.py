"""A trial in the hands of one worker: what it reports and tells is heard as long as the trial is its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compiler.errors import Fault, as_json
from compiler.runtime.sweep.trials import CLAIM, RESULT, State

if TYPE_CHECKING:
    from optuna.study import Study as OptunaStudy
    from optuna.trial import FrozenTrial, Trial, TrialState

    from compiler.runtime.sweep.study import Study


class Taken(Exception):
    """The trial is another's by now, or finished: its former owner counted as dead. Whoever has it drops it."""


class Claim:
    """A trial that runs, and is this process's own.

    Made by `Study.claim`. Each of `complete`, `pruned`, `failed`, `infeasible` and `give_back` ends it.

    Attributes:
        number: of the trial.
        values: what was drawn, by parameter; a parameter whose condition does not hold is not there.
        overrides: the same as overrides.
        folder: where the trial's run is written.
        attempts: how often it was begun, this time included; from the second on, its folder may have checkpoints.
        steps: what earlier attempts reported, by epoch.
        pruning: why it ends where it is pruned, in words.
    """

    def __init__(
        self, study: Study, optuna_study: OptunaStudy, trial: Trial, held: Mapping[str, Any], values: dict[str, Any]
    ) -> None:
        self._study, self._optuna_study, self._trial, self._held = study, optuna_study, trial, held
        self.number: int = trial.number
        self.values = values
        self.overrides: list[str] = study.definition.space.overrides(values)
        self.folder: Path = study.folder.trial(self.number)
        self.attempts: int = held["attempt"]
        self.steps: Mapping[int, float] = dict(study.storage.get_trial(self._id).intermediate_values)
        self.pruning = study.pruned_by

    def report(self, step: int, value: float) -> bool:
        """Report the first objective after an epoch; gives whether the trial is to be pruned.

        Args:
            step: the epoch, from 1; reported again (after a resume), it replaces what was reported.

        Raises:
            Taken: the trial is another's.
        """
        if not self._study.single:
            self._require_ours()
            return False  # Optuna's pruners know one objective
        with self._study.together():
            self._require_ours()
            self._study.storage.set_trial_intermediate_value(self._id, step, value)
        frozen = self._study.storage.get_trial(self._id)
        return self._optuna_study.pruner.prune(self._optuna_study, frozen)

    def complete(self, values: Sequence[float], facts: Mapping[str, Any] | None = None) -> None:
        """Tell the values of the objectives, and what else is known of the run.

        A value that is no finite number makes the trial a failed one (E802).

        Raises:
            Taken: the trial is another's.
        """
        if any(not math.isfinite(value) for value in values):
            shown = ", ".join(f"{value:g}" for value in values)
            self.failed("E802", f"an objective is no finite number ({shown})", facts)
        else:
            self._tell("complete", list(values), {"facts": dict(facts or {})})

    def pruned(self, facts: Mapping[str, Any] | None = None) -> None:
        """Tell that the trial ended because the pruner said so. Raises `Taken`."""
        self._tell("pruned", None, {"reason": self._study.pruned_by, "facts": dict(facts or {})})

    def failed(self, code: str | None, reason: str, facts: Mapping[str, Any] | None = None) -> None:
        """Tell that the trial failed, and why. It is not begun again. Raises `Taken`."""
        self._tell("failed", None, {"code": code, "reason": reason, "facts": dict(facts or {})})

    def infeasible(self, faults: Sequence[Fault]) -> None:
        """Tell that the point has faults; another slot takes its place. Raises `Taken`."""
        from compiler.runtime.sweep.samplers.infeasible import mark_infeasible

        errors = [fault for fault in faults if fault.is_error] or list(faults)
        first = errors[0] if errors else Fault("E107", "the point has a fault")
        told = {"code": first.code, "reason": first.message, "faults": [as_json(fault) for fault in faults]}
        with self._study.together():
            self._require_ours()
            self._study.replace(self.number)
            if not self._trial.constraints:
                mark_infeasible(self._trial)
            self._tell("infeasible", None, told)

    def give_back(self, reason: str, code: str | None = None) -> None:
        """Let the trial wait with its parameters, for whoever claims it next: it goes on where it stopped.

        Raises:
            Taken: the trial is another's.
        """
        with self._study.together():
            self._require_ours()
            self._study.let_go(self._id, self._held, {"code": code, "reason": reason}, died=False)

    @property
    def _id(self) -> int:
        return self._study.trial_id(self.number)

    def _require_ours(self) -> None:
        frozen = self._study.storage.get_trial(self._id)
        if not is_held(frozen, self._held["token"]):
            raise Taken(f"trial {self.number} is no more this worker's")

    def _tell(self, state: State, values: list[float] | None, result: Mapping[str, Any]) -> None:
        with self._study.together():
            self._require_ours()
            tell(self._study, self._optuna_study, self.number, state, values, result)


def is_held(frozen: FrozenTrial, token: str) -> bool:
    """Whether the trial runs, and is claimed under `token`."""
    return frozen.state.name == "RUNNING" and frozen.user_attrs.get(CLAIM, {}).get("token") == token


def tell(
    study: Study,
    optuna_study: OptunaStudy,
    number: int,
    state: State,
    values: list[float] | None,
    result: Mapping[str, Any],
) -> None:
    """End a running trial. What was found out is written first: Optuna changes nothing in a finished trial.

    Raises:
        Taken: it is finished already.
    """
    from optuna.exceptions import UpdateFinishedTrialError

    try:
        study.storage.set_trial_user_attr(study.trial_id(number), RESULT, {"state": state, **result})
        optuna_study.tell(number, values, _optuna_state(state))
    except UpdateFinishedTrialError:
        raise Taken(f"trial {number} is finished already") from None


def _optuna_state(state: State) -> TrialState:
    from optuna.trial import TrialState

    ends = {"complete": TrialState.COMPLETE, "failed": TrialState.FAIL}
    return ends.get(state, TrialState.PRUNED)
