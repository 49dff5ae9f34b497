"""The study of a sweep: its slots in Optuna's storage, from which workers pull trials until all are finished."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from compiler.runtime.sweep.claims import Claim, is_held
from compiler.runtime.sweep.definition import Definition
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.objectives import Objective
from compiler.runtime.sweep.orphans import Orphans
from compiler.runtime.sweep.owners import Alive, Owner
from compiler.runtime.sweep.slots import Slots
from compiler.runtime.sweep.storage import Together, open_storage
from compiler.runtime.sweep.trials import CLAIM, ORIGIN, WARM, State, TrialState, state_of

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from optuna.study import Study as OptunaStudy
    from optuna.trial import FrozenTrial

    from compiler.runtime.sweep.starting import Start


_OBJECTIVES, _REPORTS = "objectives", "reports"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of the sweep's own trials are in each state; `slots` are all that count towards `n_trials`."""

    waiting: int = 0
    running: int = 0
    complete: int = 0
    pruned: int = 0
    failed: int = 0
    infeasible: int = 0

    @property
    def finished(self) -> int:
        """Trials that count: what was infeasible is replaced by another."""
        return self.complete + self.pruned + self.failed

    @property
    def slots(self) -> int:
        return self.finished + self.waiting + self.running


class Study:
    """A sweep's trials. Every process that works for the sweep opens its own, by the sweep's folder.

    Attributes:
        folder, definition: of the sweep.
        objectives: what is optimised.
        storage: Optuna's; `name` and `study_id` are what it calls the study.
    """

    def __init__(self, folder: SweepFolder, definition: Definition, storage: BaseStorage, name: str) -> None:
        self.folder, self.definition, self.storage, self.name = folder, definition, storage, name
        self.study_id = storage.get_study_id_from_name(name)
        settled = storage.get_study_user_attrs(self.study_id)[_OBJECTIVES]
        self.objectives = tuple(Objective(name, direction) for name, direction in settled)
        self._ids: dict[int, int] = {}
        self._slots, self._orphans = Slots(self), Orphans(self)

    @classmethod
    def create(
        cls,
        definition: Definition,
        folder: SweepFolder,
        objectives: Sequence[Objective],
        reports: int | None = None,
    ) -> Study:
        """A new study in `folder`, without a slot. What a killed beginning left there is gone on with.

        Args:
            reports: how often a whole trial reports (its epochs), where that is known.

        Raises:
            ConfigError: the storage cannot be used.
        """
        from optuna.exceptions import DuplicatedStudyError
        from optuna.study import StudyDirection

        storage, name = open_storage(definition, folder, create=True)
        directions = [StudyDirection[objective.direction.upper()] for objective in objectives]
        try:
            study_id = storage.create_new_study(directions, name)
        except DuplicatedStudyError:
            study_id = storage.get_study_id_from_name(name)
        settled = [[objective.name, objective.direction] for objective in objectives]
        storage.set_study_user_attr(study_id, _OBJECTIVES, settled)
        storage.set_study_user_attr(study_id, _REPORTS, reports)
        return cls(folder, definition, storage, name)

    @classmethod
    def open(cls, folder: SweepFolder) -> Study:
        """The study that is in `folder`.

        Raises:
            ConfigError: there is none, or its storage cannot be used.
        """
        definition = Definition.load(folder.root)
        storage, name = open_storage(definition, folder)
        return cls(folder, definition, storage, name)

    @property
    def single(self) -> bool:
        """Whether there is one objective."""
        return len(self.objectives) == 1

    @property
    def pruned_by(self) -> str:
        """Why a pruned trial ended, in words."""
        return f"no better than the others at that epoch ({type(self.definition.search.pruner).__name__.lower()})"

    def together(self) -> AbstractContextManager[None]:
        """What is read and written within is one piece to all other processes, where the storage is a journal."""
        return self.storage.together() if isinstance(self.storage, Together) else nullcontext()

    # --- slots -------------------------------------------------------------------------------

    def fill(self, start: Start) -> int:
        """Add what the sweep begins with, as far as it is not there; gives how many slots were added.

        All of it once; of a sweep that goes on with a larger `n_trials`, the further ones.
        """
        return self._slots.fill(start)

    def add_slots(self, wanted: int | Sequence[Mapping[str, Any]], origin: str | None = None) -> list[int]:
        """Add trials that wait: so many whose points are to be drawn, or one for each point; gives their numbers.

        Args:
            wanted: how many; or values by parameter, and what a point leaves out is drawn.
            origin: what `TrialState.origin` says.
        """
        points: Sequence[Mapping[str, Any]] = [{}] * wanted if isinstance(wanted, int) else wanted
        return self._slots.add(points, origin or ("drawn" if isinstance(wanted, int) else "enqueued"))

    def replace(self, number: int) -> None:
        """Add one slot in the place of a trial that turned out infeasible, once, however often it is called.

        A grid has none to add.
        """
        self._slots.replace(number)

    # --- claims ------------------------------------------------------------------------------

    def claim(self, owner: Owner, number: int | None = None) -> Claim | None:
        """Take the lowest trial that waits, or the one with that number, and draw its point.

        Returns:
            None where none waits, or the sweep has ended early (`ended`).
        """
        if self.ended():
            return None
        for frozen in self.frozen("WAITING", earlier=True):  # those are finished, all of them
            if number is None or frozen.number == number:
                held = self._take(frozen.number, owner)
                if held is not None:
                    return self._drawn(frozen.number, held)
        return None

    def _take(self, number: int, owner: Owner) -> dict[str, Any] | None:
        """Make the trial run under `owner`; None where another was faster."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        trial_id = self.trial_id(number)
        with self.together():
            try:
                if not self.storage.set_trial_state_values(trial_id, TrialState.RUNNING):
                    return None
            except UpdateFinishedTrialError:
                return None
            before: Mapping[str, Any] = self.storage.get_trial(trial_id).user_attrs.get(CLAIM, {})
            held = {
                "token": uuid4().hex,
                "owner": owner.as_json(),
                "attempt": before.get("attempt", 0) + 1,
                "deaths": before.get("deaths", 0),
            }
            self.storage.set_trial_user_attr(trial_id, CLAIM, held)
            return held

    def _drawn(self, number: int, held: dict[str, Any]) -> Claim:
        from optuna.trial import Trial

        from compiler.runtime.sweep.delegate import Drawing

        trial_id, drawing = self.trial_id(number), Drawing(self.storage)  # pyright: ignore[reportAbstractUsage]  # its methods are made in a loop
        study = self.as_optuna(drawing)
        try:
            trial = Trial(study, trial_id)
            values = self.definition.space.draw(trial)
            with self.together():
                drawing.write()
        except BaseException as error:  # whatever it was, the trial must not stay with a process that does not know it
            with self.together():
                if is_held(self.storage.get_trial(trial_id), held["token"]):
                    self.let_go(trial_id, held, {"reason": f"its point could not be drawn: {error}"}, died=False)
            raise
        return Claim(self, study, trial, held, values)

    def let_go(self, trial_id: int, held: Mapping[str, Any], ended: Mapping[str, Any], *, died: bool) -> None:
        """Let a running trial wait again, with its parameters."""
        from optuna.trial import TrialState

        deaths = held.get("deaths", 0) + died
        claim = {"attempt": held.get("attempt", 0), "deaths": deaths, "last": held.get("owner"), "ended": dict(ended)}
        with self.together():
            self.storage.set_trial_user_attr(trial_id, CLAIM, claim)
            self.storage.set_trial_state_values(trial_id, TrialState.WAITING)

    # --- what became of them -----------------------------------------------------------------

    def trials(self) -> list[TrialState]:
        """All trials of the sweep, by number; those of earlier sweeps that the method knows are not among them."""
        return [TrialState.of(frozen) for frozen in self.frozen()]

    def counts(self) -> Counts:
        """How many are in which state."""
        found = Counter[State](state_of(frozen) for frozen in self.frozen())
        return Counts(**cast("dict[str, int]", found))

    def ended(self) -> str | None:
        """Why no further trial is to be begun although some wait; None while there is no such reason."""
        search = self.definition.search
        if search.max_failures is not None and (failed := len(self.frozen("FAIL"))) >= search.max_failures:
            return f"{failed} trials failed (search.max_failures={search.max_failures})"
        if self._infeasible_in_a_row() >= search.max_infeasible:
            return f"the last {search.max_infeasible} points were all infeasible (search.max_infeasible)"
        return None

    def _infeasible_in_a_row(self) -> int:
        """The longest row of infeasible points, in the order in which trials ended: what another worker completes
        after it takes nothing back, so that all workers, and the end of the sweep, see the same."""
        infeasible = [frozen for frozen in self.frozen("PRUNED") if state_of(frozen) == "infeasible"]
        if len(infeasible) < self.definition.search.max_infeasible:
            return len(infeasible)  # there is no need to look which were in between
        ended = [frozen for frozen in self.frozen() if frozen.datetime_complete]
        ended.sort(key=lambda frozen: (frozen.datetime_complete, frozen.number))
        rows = groupby(ended, key=lambda frozen: state_of(frozen) == "infeasible")
        return max(len(list(row)) for faulty, row in rows if faulty)

    def finished_equal(self, key: str) -> TrialState | None:
        """The first complete trial whose facts have that `key`; None where there is none."""
        for frozen in self.frozen("COMPLETE"):
            if frozen.user_attrs.get("result", {}).get("facts", {}).get("key") == key:
                return TrialState.of(frozen)
        return None

    # --- orphans -----------------------------------------------------------------------------

    def recover(self, scheduler: Alive | None = None) -> list[TrialState]:
        """Give back, or fail, every running trial whose owner is dead; gives those trials as they are now.

        A worker of this machine is dead when its process is; one of another when its scheduler says so, or, where
        that does not know, when its heartbeat is older than `search.orphan_after`. A trial is begun again
        `search.retries` times. To be called from time to time, by the same `Study`.

        Args:
            scheduler: says of a worker elsewhere whether it lives.
        """
        if isinstance(self.storage, Together):
            self.storage.compact()
        return self._orphans.recover(scheduler)

    def lost(
        self, owner: str, code: str | None, reason: str, *, retry: bool = True, died: bool = True
    ) -> list[TrialState]:
        """What `recover` does, for the trials of the worker of that name, by whoever saw it die and knows why.

        Args:
            retry: whether the trial may be begun again; one that hung or grew too large may not.
            died: whether it counts as a death; not where the worker was stopped on purpose.
        """
        return self._orphans.lost(owner, {"code": code, "reason": reason}, retry=retry, died=died)

    # --- Optuna ------------------------------------------------------------------------------

    def trial_id(self, number: int) -> int:
        """Optuna's id of a trial, which in a database is not its number."""
        if number not in self._ids:
            self._ids[number] = self.storage.get_trial_id_from_study_id_trial_number(self.study_id, number)
        return self._ids[number]

    def frozen(self, *states: str, earlier: bool = False) -> list[FrozenTrial]:
        """The sweep's own trials as they are in the storage, with those of `earlier` sweeps; not to be changed."""
        from optuna.trial import TrialState

        wanted = tuple(TrialState[state] for state in states) or None
        found = self.storage.get_all_trials(self.study_id, deepcopy=False, states=wanted)
        if earlier:
            return found
        return [frozen for frozen in found if not frozen.user_attrs.get(ORIGIN, "").startswith(WARM)]

    def as_optuna(self, storage: BaseStorage | None = None) -> OptunaStudy:
        """Optuna's study as it is now: one keeps what it saw until it is asked for a trial, which ours never is."""
        from optuna.study import Study as OptunaStudy

        return OptunaStudy(self.name, storage or self.storage, self._sampler, self._pruner)

    @cached_property
    def _sampler(self) -> BaseSampler:
        from compiler.runtime.sweep.samplers.seeded import Seeded

        search, space = self.definition.search, self.definition.space
        return Seeded(search.method, search.seed, space, search.n_trials or len(space))

    @cached_property
    def _pruner(self) -> BasePruner:
        return self.definition.search.pruner.pruner(self.storage.get_study_user_attrs(self.study_id).get(_REPORTS))
