"""How a point that cannot be trained goes back to the search method, so that it keeps away from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial, TrialState

CONSTRAINT = "faultless"


def mark_infeasible(trial: Trial) -> TrialState:
    """Write into the study that the trial's point has faults.

    Returns:
        The state that the trial is to be told with: pruned, without values.
    """
    from optuna.trial import TrialState

    trial.set_constraint(CONSTRAINT, 1.0)
    return TrialState.PRUNED


def is_infeasible(trial: FrozenTrial) -> bool:
    """Whether the trial's point was found faulty."""
    return any(value > 0 for value in trial.constraints.values())
