"""What a trial reports of its epochs to the study, which may end it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from compiler.runtime.fitting.progress import Pruned, Row, Silent

if TYPE_CHECKING:
    from compiler.runtime.sweep.claims import Claim

MOST = 100
"""Epochs of a trial that are reported, about; of hundreds of iterations of boosted trees every nth is."""


class Reporter(Silent):
    """Reports the first objective after each epoch, and ends the trial when the pruner says so before its last.

    A trial that goes on after a kill comes to the values that it has reported already; it does not report them again.

    Args:
        claim: the trial.
        name: of the objective; one that the epochs do not have, such as `model.params`, is not reported.
    """

    def __init__(self, claim: Claim, name: str) -> None:
        self._claim, self._name = claim, name
        self._known = claim.steps
        self._every, self._last = 1, 0

    def begin(self, epochs: int, steps: int, history: Sequence[Row] = ()) -> None:
        self._every, self._last = math.ceil(epochs / MOST), epochs
        for row in history:
            self._report(row)

    def epoch(self, row: Row) -> None:
        if self._report(row) and int(row["epoch"]) < self._last:  # after the last one nothing is saved
            raise Pruned(self._claim.pruning)

    def _report(self, row: Row) -> bool:
        """Report an epoch; gives whether the trial is to end."""
        epoch, value = int(row["epoch"]), row.get(self._name, math.nan)
        if epoch in self._known or not math.isfinite(value) or (epoch % self._every and epoch != self._last):
            return False
        return self._claim.report(epoch, value)
