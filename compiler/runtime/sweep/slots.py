"""The slots of a study: trials that wait from the beginning, and what the method knows before the first is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from compiler.runtime.sweep.methods import Grid
from compiler.runtime.sweep.trials import ORIGIN, REPLACES

if TYPE_CHECKING:
    from compiler.runtime.sweep.starting import Earlier, Start
    from compiler.runtime.sweep.study import Study


class Slots:
    """Makes a study's trials."""

    def __init__(self, study: Study) -> None:
        self._study = study

    def fill(self, start: Start) -> int:
        """See `Study.fill`."""
        with self._study.together():
            known = {frozen.user_attrs.get(ORIGIN) for frozen in self._study.frozen(earlier=True)}
            for earlier in start.earlier:
                if earlier.origin not in known:
                    self._know(earlier)
            there = sum(REPLACES not in frozen.user_attrs for frozen in self._study.frozen())
            missing = start.slots[there:]
            for origin, point in missing:
                self._add(point, {ORIGIN: origin})
        return len(missing)

    def add(self, points: Sequence[Mapping[str, Any]], origin: str) -> list[int]:
        """See `Study.add_slots`."""
        with self._study.together():
            ids = [self._add(point, {ORIGIN: origin}) for point in points]
            return [self._study.storage.get_trial(trial_id).number for trial_id in ids]

    def replace(self, number: int) -> None:
        """See `Study.replace`."""
        if not isinstance(self._study.definition.search.method, Grid) and not self.replaced(number):
            self._add({}, {ORIGIN: "drawn", REPLACES: number})

    def replaced(self, number: int) -> bool:
        """Whether a slot stands in the place of that trial."""
        return any(frozen.user_attrs.get(REPLACES) == number for frozen in self._study.frozen())

    def _add(self, point: Mapping[str, Any], attributes: Mapping[str, Any]) -> int:
        from optuna.trial import TrialState, create_trial

        fixed: dict[str, Any] = {"fixed_params": dict(point)} if point else {}
        slot = create_trial(state=TrialState.WAITING, system_attrs=fixed, user_attrs=dict(attributes))
        return self._study.storage.create_new_trial(self._study.study_id, slot)

    def _know(self, earlier: Earlier) -> None:
        from optuna.trial import TrialState, create_trial

        trial, spaces = earlier.trial, self._study.definition.space.distributions()
        known = create_trial(
            state=TrialState.COMPLETE if trial.state == "complete" else TrialState.PRUNED,
            values=trial.values,
            params=dict(earlier.point),
            distributions={key: spaces[key] for key in earlier.point},
            intermediate_values=dict(trial.steps),
            user_attrs={ORIGIN: earlier.origin},
        )
        self._study.storage.create_new_trial(self._study.study_id, known)
