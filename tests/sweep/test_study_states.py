"""Any order of claims, ends, deaths and restarts: exactly `n_trials` finished, and each trial had by one at a time."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from compiler.errors import Fault
from compiler.runtime.sweep.claims import Claim, Taken
from compiler.runtime.sweep.owners import Owner
from compiler.runtime.sweep.study import Study
from tests.sweep.studies import new_study

PLANNED = 4
WORKERS = [Owner.here(f"worker-{i}") for i in range(3)]


class Sweep(RuleBasedStateMachine):
    """Three workers and a supervisor, each with the study opened anew."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.study = new_study(Path(self.folder.name), PLANNED, retries=1)
        self.held: dict[int, Claim] = {}
        self.taken: list[Claim] = []

    workers = st.integers(0, len(WORKERS) - 1)

    @rule(worker=workers)
    def claim(self, worker: int) -> None:
        if worker not in self.held:
            claim = Study.open(self.study.folder).claim(WORKERS[worker])
            if claim:
                assert claim.number not in [other.number for other in self.held.values()]
                self.held[worker] = claim

    @precondition(lambda self: self.held)
    @rule(worker=workers, end=st.sampled_from(["complete", "pruned", "failed", "infeasible", "back"]))
    def end(self, worker: int, end: str) -> None:
        claim = self.held.pop(worker, None)
        if claim and end == "complete":
            claim.report(1, 0.5)
            claim.complete([0.5])
        elif claim and end == "pruned":
            claim.pruned()
        elif claim and end == "failed":
            claim.failed(None, "ValueError")
        elif claim and end == "infeasible":
            claim.infeasible([Fault("E107", "no")])
        elif claim:
            claim.give_back("stopped")

    @precondition(lambda self: self.held)
    @rule(worker=workers, retry=st.booleans())
    def die(self, worker: int, retry: bool) -> None:
        claim = self.held.pop(worker, None)
        if claim:
            (trial,) = self.study.lost(WORKERS[worker].name, None, "SIGKILL", retry=retry)
            assert trial.state == ("waiting" if retry and trial.deaths == 1 else "failed")
            self.taken.append(claim)

    @precondition(lambda self: self.taken)
    @rule()
    def speak_from_the_grave(self) -> None:
        with pytest.raises(Taken):
            self.taken[-1].complete([0.0])

    @invariant()
    def the_sum_stands(self) -> None:
        counts = self.study.counts()
        assert counts.slots == PLANNED and counts.running == len(self.held)
        assert all(trial.reason or trial.state != "failed" for trial in self.study.trials())

    def teardown(self) -> None:
        for worker in list(self.held):
            self.end(worker, "complete")
        while (claim := self.study.claim(WORKERS[0])) is not None:
            claim.complete([1.0])
        assert self.study.counts().finished == PLANNED
        self.folder.cleanup()


TestSweep = Sweep.TestCase
TestSweep.settings = settings(max_examples=8, stateful_step_count=15, deadline=None)
