"""What ends a trial early, by the names that `search.pruner` takes: Optuna's pruners.

A trial reports after each epoch, with the number of epochs that are done: 1, 2, ...; with `search.folds`, after each
fold. A trial that goes on after an interruption reports the same numbers again, with the same values.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar

from compiler.runtime.training.named import Named, named
from compiler.settings import (
    Fraction,
    MaybeNumber,
    MaybePositiveInt,
    NonNegativeInt,
    NonNegativeNumber,
    PositiveInt,
    is_int,
    is_number,
    rule,
)

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

Factor = Annotated[int, rule("an integer >= 2", is_int, lambda v: v >= 2, {"type": "integer", "minimum": 2})]
Percent = Annotated[
    float, rule("a number in (0, 100)", is_number, lambda v: 0 < v < 100, {"type": "number", "minimum": 0})
]


class Pruner(Named, family="pruner"):
    """Abstract: which trials are not worth going on with.

    Class attributes:
        by_fold: whether it compares folds with folds, and so needs `search.folds`.
    """

    by_fold: ClassVar[bool] = False

    @abstractmethod
    def pruner(self, reports: int | None) -> BasePruner:
        """Optuna's pruner.

        Args:
            reports: how many a whole trial makes: its epochs, or its folds; None where trials differ in it.
        """


class Keep(Pruner, aliases=("none",)):
    """Every trial runs to its end."""

    def pruner(self, reports: int | None) -> BasePruner:
        from optuna.pruners import NopPruner

        return NopPruner()


class Median(Pruner):
    """A trial ends when its best value so far is worse than the median of the others' at that epoch.

    Golovin et al. 2017, KDD, section 3.1.

    Fields:
        n_startup_trials: complete before any trial is pruned.
        n_warmup_steps: epochs after which no trial is pruned.
        interval_steps: epochs from one decision to the next.
        n_min_trials: others that must have come to that epoch.
    """

    n_startup_trials: NonNegativeInt = 5
    n_warmup_steps: NonNegativeInt = 0
    interval_steps: PositiveInt = 1
    n_min_trials: PositiveInt = 1

    def pruner(self, reports: int | None) -> BasePruner:
        return Percentile(percentile=50.0, **dict(self)).pruner(reports)


class Percentile(Pruner):
    """As median, with another share of trials that are kept.

    Fields:
        percentile: of the trials that are kept at an epoch: 25 keeps the best quarter.
    """

    percentile: Percent = 25.0
    n_startup_trials: NonNegativeInt = 5
    n_warmup_steps: NonNegativeInt = 0
    interval_steps: PositiveInt = 1
    n_min_trials: PositiveInt = 1

    def pruner(self, reports: int | None) -> BasePruner:
        from optuna.pruners import PercentilePruner

        return PercentilePruner(
            self.percentile,
            n_startup_trials=self.n_startup_trials,
            n_warmup_steps=self.n_warmup_steps + 1,  # Optuna's step N may be pruned, and our first step is 1
            interval_steps=self.interval_steps,
            n_min_trials=self.n_min_trials,
        )


class ASHA(Pruner, aliases=("successive_halving",)):
    """Asynchronous successive halving: after r, r f, r f^2, ... epochs the best 1/f of the trials go on.

    Li et al. 2020, MLSys.

    Fields:
        min_epochs: r, before anything is decided.
        reduction_factor: f.
        bootstrap_count: trials at a decision before any is let on.
    """

    min_epochs: PositiveInt = 1
    reduction_factor: Factor = 3
    bootstrap_count: NonNegativeInt = 0

    def pruner(self, reports: int | None) -> BasePruner:
        from optuna.pruners import SuccessiveHalvingPruner

        return SuccessiveHalvingPruner(
            min_resource=self.min_epochs,
            reduction_factor=self.reduction_factor,
            bootstrap_count=self.bootstrap_count,
        )


class Hyperband(Pruner):
    """Several successive halvings, from strict to lenient ones, each with its share of the trials.

    Li et al. 2018, JMLR 18. Which one a trial belongs to follows from its number, so all workers agree, and a trial
    that goes on stays there.

    Fields:
        min_epochs: before anything is decided in the strictest.
        max_epochs: of a whole trial; null: what the configuration says, else those of the first complete trial.
        reduction_factor: 1/f of the trials go on at a decision.
    """

    min_epochs: PositiveInt = 1
    max_epochs: MaybePositiveInt = None
    reduction_factor: Factor = 3

    def pruner(self, reports: int | None) -> BasePruner:
        from optuna.pruners import HyperbandPruner

        longest = self.max_epochs or reports
        return HyperbandPruner(
            min_resource=self.min_epochs,
            max_resource="auto" if longest is None else max(longest, self.min_epochs),
            reduction_factor=self.reduction_factor,
        )


class Threshold(Pruner):
    """A trial ends whose value leaves given bounds.

    Fields:
        lower, upper: the bounds; null: none.
        n_warmup_steps: epochs after which no trial is pruned.
        interval_steps: epochs from one decision to the next.
    """

    lower: MaybeNumber = None
    upper: MaybeNumber = None
    n_warmup_steps: NonNegativeInt = 0
    interval_steps: PositiveInt = 1

    def pruner(self, reports: int | None) -> BasePruner:
        from optuna.pruners import NopPruner, ThresholdPruner

        if self.lower is None and self.upper is None:
            return NopPruner()
        return ThresholdPruner(self.lower, self.upper, self.n_warmup_steps + 1, self.interval_steps)


class Wilcoxon(Pruner):
    """A trial ends whose folds are worse than those of the best trial, by a signed-rank test.

    Fields:
        p_threshold: the test's.
        n_startup_steps: folds before anything is decided.
    """

    by_fold: ClassVar[bool] = True

    p_threshold: Fraction = 0.1
    n_startup_steps: NonNegativeInt = 2

    def pruner(self, reports: int | None) -> BasePruner:
        import optuna

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.pruners.WilcoxonPruner(p_threshold=self.p_threshold, n_startup_steps=self.n_startup_steps)


class Patient(Pruner):
    """Another pruner that is asked only while a trial does not improve.

    Fields:
        wrapped: the other one.
        patience: epochs without improvement before it is asked.
        min_delta: a smaller change is none.
    """

    wrapped: Annotated[Pruner, named(Pruner)] = Median()
    patience: NonNegativeInt = 3
    min_delta: NonNegativeNumber = 0.0

    def pruner(self, reports: int | None) -> BasePruner:
        import optuna

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.pruners.PatientPruner(self.wrapped.pruner(reports), self.patience, self.min_delta)
