"""Trials that run, and whose worker is dead: begun again once, then failed with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

from compiler.runtime.sweep.claims import Taken, tell
from compiler.runtime.sweep.owners import Alive, Owner, lives
from compiler.runtime.sweep.trials import CLAIM, REPLACES, State, TrialState

if TYPE_CHECKING:
    from compiler.runtime.sweep.study import Study

OWNERLESS = 20.0
"""Seconds after which a trial counts as an orphan that was taken, but for which nobody signed."""


SUPERVISED = 30.0
"""Seconds in which a supervisor that lives tells why its worker died, which nobody else can."""


class Orphans:
    """Finds a study's orphans. It remembers since when it waits for one: a trial without an owner, or one that its
    owner's supervisor is about to tell."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._since: dict[tuple[int, str | None], float] = {}

    def recover(self, scheduler: Alive | None) -> list[TrialState]:
        """See `Study.recover`."""
        found: list[TrialState | None] = []
        before, self._since = self._since, {}

        def waited(key: tuple[int, str | None], seconds: float) -> bool:
            self._since[key] = since = before.get(key, monotonic())
            return monotonic() - since >= seconds

        for frozen in self._study.frozen("RUNNING"):
            claim: Mapping[str, Any] = frozen.user_attrs.get(CLAIM, {})
            if not claim.get("owner"):  # its owner is about to sign, or died just then
                if not waited((frozen.number, None), OWNERLESS):
                    continue
                reason = "its worker died when it had just taken it"
            else:
                owner = Owner.read(claim["owner"])
                heartbeat = self._study.folder.worker(owner.name)
                if lives(owner, heartbeat, self._study.definition.search.orphan_after, scheduler):
                    continue
                if owner.supervised and not waited((frozen.number, claim.get("token")), SUPERVISED):
                    continue
                reason = f"its worker died ({owner.job or f'process {owner.pid}'} on {owner.host})"
            found.append(self._end(frozen.number, claim.get("token"), {"code": None, "reason": reason}, retry=True))
        return [trial for trial in found if trial]

    def lost(self, owner: str, told: Mapping[str, Any], *, retry: bool, died: bool = True) -> list[TrialState]:
        """See `Study.lost`."""
        claims = [(frozen.number, frozen.user_attrs.get(CLAIM, {})) for frozen in self._study.frozen("RUNNING")]
        theirs = [(number, claim) for number, claim in claims if (claim.get("owner") or {}).get("name") == owner]
        found = [self._end(number, claim["token"], told, retry=retry, died=died) for number, claim in theirs]
        return [trial for trial in found if trial]

    def _end(
        self, number: int, token: str | None, told: Mapping[str, Any], *, retry: bool, died: bool = True
    ) -> TrialState | None:
        """Give the trial back, or fail it; None where another was faster."""
        study, trial_id = self._study, self._study.trial_id(number)
        with study.together():
            frozen = study.storage.get_trial(trial_id)
            claim: Mapping[str, Any] = frozen.user_attrs.get(CLAIM, {})
            if frozen.state.name != "RUNNING" or claim.get("token") != token:
                return None
            deaths: int = claim.get("deaths", 0)
            if not died or (retry and deaths < study.definition.search.retries):
                study.let_go(trial_id, claim, told, died=died)
            else:
                study.storage.set_trial_user_attr(trial_id, CLAIM, {**claim, "deaths": deaths + 1})
                # one that died while it was told infeasible has its replacement already, and must not count as well
                replaced = any(other.user_attrs.get(REPLACES) == number for other in study.frozen())
                state: State = "infeasible" if replaced else "failed"
                try:
                    tell(study, study.as_optuna(), number, state, None, told)
                except Taken:
                    return None
            return TrialState.of(study.storage.get_trial(trial_id))
