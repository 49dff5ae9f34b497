"""Pruners by name, against Optuna's own ones and by what they decide, with slots and interrupted trials."""

from __future__ import annotations

import warnings
from pathlib import Path

import optuna
import pytest
from optuna.pruners import BasePruner, HyperbandPruner
from optuna.trial import TrialState, create_trial

from compiler.runtime.sweep.owners import Owner
from compiler.runtime.sweep.pruners import Pruner
from compiler.runtime.sweep.study import Study
from compiler.runtime.training.named import chosen
from tests.sweep.studies import new_study

ME = Owner.here("me")

EQUAL: list[tuple[object, int | None, BasePruner]] = [
    ("none", 9, optuna.pruners.NopPruner()),
    ("median", 9, optuna.pruners.MedianPruner(5, 1)),
    ({"op": "percentile", "percentile": 10.0, "n_warmup_steps": 3}, 9, optuna.pruners.PercentilePruner(10.0, 5, 4)),
    ("hyperband", 9, HyperbandPruner(1, 9, 3)),
    ("hyperband", None, HyperbandPruner(1, "auto", 3)),
    ({"op": "hyperband", "max_epochs": 27, "min_epochs": 3}, 9, HyperbandPruner(3, 27, 3)),
    ("asha", 9, optuna.pruners.SuccessiveHalvingPruner(1, 3)),
    ({"op": "threshold", "upper": 2.0}, 9, optuna.pruners.ThresholdPruner(upper=2.0, n_warmup_steps=1)),
]


@pytest.mark.parametrize(("described", "reports", "expected"), EQUAL)
def test_names_make_optuna_s_pruners(described: object, reports: int | None, expected: BasePruner) -> None:
    made = chosen(Pruner, described, "pruner").pruner(reports)
    assert isinstance(expected, type(made))  # Optuna's median is a percentile too
    assert vars(made) == vars(expected)


def test_patient_wraps_another_and_none_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        patient = chosen(
            Pruner, {"op": "patient", "wrapped": {"op": "asha", "min_epochs": 2}, "patience": 1}, "p"
        ).pruner(9)
        chosen(Pruner, "wilcoxon", "p").pruner(5)
    study = finished(patient, dict.fromkeys(range(1, 9), 0.1))
    worsens = running(study, {1: 0.5, 2: 0.6, 3: 0.7, 4: 0.8})
    improves = running(study, {1: 0.9, 2: 0.8, 3: 0.7, 4: 0.6})
    assert patient.prune(study, worsens) and not patient.prune(study, improves)


def finished(pruner: BasePruner, *curves: dict[int, float]) -> optuna.Study:
    """A study with complete trials of these curves."""
    study = optuna.create_study(pruner=pruner)
    for curve in curves:
        rungs = {"completed_rung_0": curve.get(2, 0.1)}
        study.add_trial(create_trial(value=curve[max(curve)], intermediate_values=curve, system_attrs=rungs))
    return study


def running(study: optuna.Study, curve: dict[int, float]) -> optuna.trial.FrozenTrial:
    trial = study.ask()
    for step, value in curve.items():
        trial.report(value, step)
    return study._storage.get_trial(trial._trial_id)


def test_median_keeps_the_better_half_after_the_warm_up() -> None:
    pruner = chosen(Pruner, {"op": "median", "n_startup_trials": 3, "n_warmup_steps": 2}, "pruner").pruner(9)
    study = finished(pruner, *({1: value, 2: value, 3: value} for value in (0.1, 0.2, 0.3)))
    assert not pruner.prune(study, running(study, {1: 0.9, 2: 0.9}))  # two epochs of warming up
    assert pruner.prune(study, running(study, {1: 0.9, 2: 0.9, 3: 0.25}))
    assert not pruner.prune(study, running(study, {1: 0.9, 2: 0.9, 3: 0.15}))


def test_threshold_ends_what_leaves_the_bounds() -> None:
    pruner = chosen(Pruner, {"op": "threshold", "lower": 0.2, "n_warmup_steps": 1}, "pruner").pruner(9)
    study = finished(pruner)
    assert not pruner.prune(study, running(study, {1: 0.1}))
    assert pruner.prune(study, running(study, {1: 0.3, 2: 0.1})) and not pruner.prune(
        study, running(study, {1: 0.1, 2: 0.3})
    )


def test_wilcoxon_compares_folds_with_the_best_trial_s() -> None:
    pruner = chosen(Pruner, {"op": "wilcoxon", "p_threshold": 0.1}, "pruner").pruner(8)
    study = finished(pruner, {fold: 0.1 + fold / 100 for fold in range(8)})
    assert not pruner.prune(study, running(study, {0: 0.9, 1: 0.9}))  # too few to say
    assert pruner.prune(study, running(study, {fold: 0.5 + fold / 90 for fold in range(6)}))
    assert not pruner.prune(study, running(study, dict.fromkeys(range(6), 0.1)))


def campaign(root: Path, interrupted: bool) -> tuple[list[str], Study]:
    """18 trials of 9 epochs under Hyperband, the worse the higher their number modulo 6.

    Each second one is given back after its third epoch if `interrupted`, and reports again from its first epoch on, as
    one does that lost its checkpoint.
    """
    study = new_study(root, 18, pruner="hyperband", n_trials=18)
    stopped: set[int] = set()
    while claim := Study.open(study.folder).claim(ME):  # every trial by another process's pruner
        for epoch in range(1, 10):
            if claim.report(epoch, (claim.number % 6) / 10 + 1 / epoch):
                claim.pruned()
                break
            if interrupted and epoch == 3 and claim.number % 2 and claim.number not in stopped:
                stopped.add(claim.number)
                claim.give_back("pre-empted")
                break
        else:
            claim.complete([claim.number % 6 / 10])
    return [trial.state for trial in study.trials()], study


def test_hyperband_decides_the_same_for_trials_that_were_interrupted(tmp_path: Path) -> None:
    plain, study = campaign(tmp_path / "plain", interrupted=False)
    again, _ = campaign(tmp_path / "again", interrupted=True)
    assert set(plain) == {"complete", "pruned"}
    assert plain == again
    epochs = [max(trial.steps) for trial in study.trials() if trial.state == "pruned"]
    assert set(epochs) <= {1, 3, 9} and min(epochs) < 9


def test_hyperband_s_brackets_follow_from_the_number_alone() -> None:
    """Slots that wait, and another process, change no bracket; every bracket has trials."""
    brackets: list[list[int]] = []
    for waiting in (0, 30):
        pruner = chosen(Pruner, "hyperband", "pruner").pruner(27)
        study = optuna.create_study(study_name="sweep", pruner=pruner)
        for _ in range(60 + waiting):
            study.add_trial(create_trial(state=TrialState.WAITING))
        trials = [study.ask() for _ in range(60)]
        found: list[int] = []
        for trial in trials:
            trial.report(0.5, 1)
            trial.should_prune()
            frozen = study._storage.get_trial(trial._trial_id)
            assert isinstance(pruner, HyperbandPruner)
            found.append(pruner._get_bracket_id(study, frozen))
        brackets.append(found)
    assert brackets[0] == brackets[1] and set(brackets[0]) == {0, 1, 2, 3}
