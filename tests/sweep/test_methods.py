"""Every method over every kind of parameter; the oracles are the domains, hyperopt, SciPy and real processes."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
import pytest
import yaml
from optuna.trial import TrialState

from compiler.errors import Diagnostics
from compiler.runtime.sweep.definition import Definition
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.methods import Method
from compiler.runtime.sweep.methods.checks import check_search
from compiler.runtime.sweep.objectives import Objective
from compiler.runtime.sweep.samplers.cube import from_unit, to_unit
from compiler.runtime.sweep.samplers.infeasible import is_infeasible, mark_infeasible
from compiler.runtime.sweep.samplers.seeded import Seeded
from compiler.runtime.sweep.settings import read_search
from compiler.runtime.sweep.space import Space
from compiler.runtime.sweep.study import Study
from compiler.runtime.training.named import chosen
from compiler.spec.compose import config_folder
from tests.sweep.drawing import METHODS, SPACES, loss
from tests.sweep.spaces import section, space

COUNT = 12
SEVERAL = [name for name, described in METHODS.items() if chosen(Method, described, "method").several]


def seeded(name: str, space: Space, seed: int = 0, trials: int = COUNT) -> Seeded:
    described = {"op": "hyperopt", "algorithm": "atpe"} if name == "atpe" else METHODS[name]
    return Seeded(chosen(Method, described, "method"), seed, space, trials)


def waiting(
    count: int, sampler: Seeded, directions: Sequence[Literal["minimize", "maximize"]] = ("minimize",)
) -> optuna.Study:
    """A study as a sweep has it: all trials wait from the beginning. The second one's first parameter is fixed."""
    study = optuna.create_study(sampler=sampler, directions=directions)
    for number in range(count):
        first = sampler._space.parameters[0]
        fixed = {"fixed_params": {first.key: from_unit(first.distribution(), 0.0)}} if number == 1 else {}
        study.add_trial(optuna.trial.create_trial(state=TrialState.WAITING, system_attrs=fixed))
    return study


def carry_on(study: optuna.Study, space: Space, count: int) -> list[dict[str, Any]]:
    """Draw so many, tell them in every way there is, and give the points. One runs all the time."""
    points: list[dict[str, Any]] = []
    for _ in range(count):
        trial = study.ask()
        values = space.draw(trial)
        points.append(values)
        if trial.number == 2:
            continue
        if trial.number % 5 == 3:
            study.tell(trial, state=mark_infeasible(trial))
        elif trial.number % 7 == 6 and len(study.directions) == 1:
            trial.report(loss(space, values), 1)
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, [loss(space, values)] * len(study.directions))
    return points


def check_point(space: Space, values: Mapping[str, Any]) -> None:
    """Exactly the parameters whose conditions hold, each with a value that the user wrote or within what he wrote."""
    assert set(values) == {parameter.key for parameter in space.parameters if space.exists(parameter, values)}
    for key, value in values.items():
        domain = space.by_key[key].domain
        if texts := domain.texts:
            assert str(value) in texts, (key, value)  # the very number: 0.3, not 0.30000000000000004
        else:
            assert domain.low <= value <= domain.high and type(value) is type(domain.low), (key, value)  # pyright: ignore[reportAttributeAccessIssue]  # only intervals have no texts


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("name", METHODS)
def test_points_stay_in_the_space(name: str, kind: str) -> None:
    if name == "gp" and kind not in ("conditional", "step"):
        pytest.skip("Gaussian processes take seconds: those two spaces have all kinds of parameters")
    study = waiting(COUNT, seeded(name, SPACES[kind]))
    for values in carry_on(study, SPACES[kind], COUNT):
        check_point(SPACES[kind], values)
    assert study.trials[1].params["a"] == from_unit(SPACES[kind].by_key["a"].distribution(), 0.0)


def test_adaptive_tpe_stays_in_the_space_with_what_its_models_ask_for() -> None:
    kind = SPACES["conditional"]
    study = optuna.create_study(sampler=seeded("atpe", kind))
    for number in range(11):  # from the eleventh on it asks its LightGBM models
        values = kind.draw(trial := study.ask())
        study.tell(trial, loss(kind, values)) if number != 5 else study.tell(trial, state=mark_infeasible(trial))
    drawn = kind.draw(study.ask())
    check_point(kind, drawn)
    again = optuna.create_study(sampler=seeded("atpe", kind))
    again.add_trials(study.trials[:11])
    assert kind.draw(again.ask()) == drawn


@pytest.mark.parametrize("name", METHODS)
def test_a_process_that_takes_over_draws_what_the_first_one_would_have(name: str) -> None:
    """One sampler for a whole sweep, beside a new one for each trial: nothing is remembered outside the study."""
    kind = SPACES["conditional"]
    whole = carry_on(waiting(COUNT, seeded(name, kind)), kind, COUNT)
    study = waiting(COUNT, seeded(name, kind))
    parts: list[dict[str, Any]] = []
    for _ in range(COUNT):
        study.sampler = seeded(name, kind)
        parts += carry_on(study, kind, 1)
    assert parts == whole
    other = carry_on(waiting(3, seeded(name, kind, seed=1)), kind, 3)
    assert other != whole[:3]


@pytest.mark.parametrize("name", METHODS)
def test_trials_drawn_at_the_same_time_differ(name: str) -> None:
    kind = SPACES["float"]
    study = waiting(COUNT + 6, seeded(name, kind))
    carry_on(study, kind, COUNT)
    trials = [study.ask() for _ in range(6)]
    drawn = [kind.draw(trial) for trial in reversed(trials)]  # none of them is told before the others are drawn
    assert len({tuple(values.values()) for values in drawn}) == 6


def test_two_processes_share_a_journal(tmp_path: Path) -> None:
    """For every method: all slots are carried out once, no two at the same point, all within the space."""
    kind = SPACES["conditional"]
    folders = [tmp_path / name for name in METHODS]
    for folder, described in zip(folders, METHODS.values(), strict=True):
        definition = Definition((), kind, {"method": described, "n_trials": 12})
        definition.save(folder)
        study = Study.create(definition, SweepFolder(folder), [Objective("val.loss", "minimize")])
        study.add_slots([{"a": "z"}])
        study.add_slots(11)
    command = [sys.executable, "-m", "tests.sweep.drawing", *map(str, folders)]
    workers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [worker.communicate()[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    for folder in folders:
        trials = Study.open(SweepFolder(folder)).trials()
        assert len(trials) == 12 and all(trial.done for trial in trials), folder.name
        assert trials[0].params["a"] == "z"
        for trial in trials:
            check_point(kind, trial.params)
        assert len({tuple(sorted(trial.params.items())) for trial in trials}) == 12, folder.name


@pytest.mark.parametrize("name", SEVERAL)
def test_several_objectives(name: str) -> None:
    kind = SPACES["choice"]
    study = waiting(COUNT, seeded(name, kind), ("minimize", "maximize"))
    for values in carry_on(study, kind, COUNT):
        check_point(kind, values)


def test_quasi_random_points_are_scipy_s() -> None:
    kind = space("a=interval(0.0, 1.0)", "b=interval(0.0, 1.0)")
    drawn = [list(values.values()) for values in carry_on(waiting(8, seeded("qmc", kind, seed=7)), kind, 8)]
    from scipy.stats import qmc

    expected = qmc.Sobol(2, scramble=True, rng=7).random(8)
    expected[1, 0] = 0.0  # the fixed one
    np.testing.assert_array_equal(drawn, expected)


def test_first_points_are_a_part_of_the_first_generation() -> None:
    """Three enqueued points and one of an earlier sweep are the parents of what NSGA-II draws next."""
    kind = SPACES["int"]
    study = optuna.create_study(sampler=seeded("genetic", kind))
    distributions = kind.distributions()
    for number in range(4):
        study.add_trial(
            optuna.trial.create_trial(params={"a": 7, "b": 3 + number % 2}, distributions=distributions, value=number)
        )
    drawn = [kind.draw(study.ask()) for _ in range(6)]
    assert sum(values["a"] == 7 for values in drawn) >= 1
    assert {trial.system_attrs["Generations:generation"] for trial in study.trials[4:]} == {1}


def test_what_waits_or_runs_is_no_history() -> None:
    """A hundred slots that wait change no point: neither NSGA-II's generations nor the random beginnings count them."""
    kind = SPACES["choice"]
    for name in METHODS:
        few, many = waiting(8, seeded(name, kind)), waiting(108, seeded(name, kind))
        assert carry_on(few, kind, 8) == carry_on(many, kind, 8), name


@pytest.mark.parametrize("name", ["tpe", "anneal", "genetic"])
def test_methods_keep_away_from_faulty_points(name: str) -> None:
    """Branin's function, of which half the plane has a fault: less than half of the points do. Told as failed, which
    samplers do not see, TPE draws faulty points without an end."""
    kind = space("x=interval(-5.0, 10.0)", "y=interval(0.0, 15.0)")
    study = optuna.create_study(sampler=seeded(name, kind, trials=50))
    for _ in range(50):
        x, y = map(float, kind.draw(trial := study.ask()).values())
        if x + y > 10:
            study.tell(trial, state=mark_infeasible(trial))
        else:
            study.tell(trial, (y - 0.1292 * x**2 + 1.5915 * x - 6) ** 2 + 9.6021 * math.cos(x) + 10)
    late = study.trials[10:]
    assert sum(map(is_infeasible, late)) < 0.45 * len(late)


def test_gaussian_processes_learn_where_faults_are() -> None:
    """The value rises to the right, where all points have faults: told so, the next one is left of them, else not."""
    kind = space("a=interval(0.0, 1.0)")
    drawn: dict[bool, float] = {}
    for told in (True, False):
        study = optuna.create_study(sampler=seeded("gp", kind), direction="maximize")
        for a in np.linspace(0.0, 1.0, 17):
            study.enqueue_trial({"a": float(a)})
            kind.draw(trial := study.ask())
            if a <= 0.5:
                study.tell(trial, float(a))
            else:
                study.tell(trial, state=mark_infeasible(trial) if told else TrialState.FAIL)
        drawn[told] = float(kind.draw(study.ask())["a"])
    assert drawn[True] < 0.57 < drawn[False]


def test_hyperopt_is_asked_what_its_own_loop_asks() -> None:
    """The same TPE on the same history, called by hyperopt's own objects, says the same point."""
    import hyperopt

    kind = space("a=interval(-1.0, 1.0)", "b=tag(log, interval(1e-4, 1.0))", "c=choice(x,y,z)")
    study = optuna.create_study(sampler=seeded("hyperopt", kind))
    carry_on(study, kind, 8)
    drawn = kind.draw(trial := study.ask())
    from optuna.search_space import IntersectionSearchSpace

    from compiler.runtime.sweep.methods import Draw
    from compiler.runtime.sweep.samplers.history import losses

    expression = {
        "a": hyperopt.hp.uniform("a", -1.0, 1.0),
        "b": hyperopt.hp.loguniform("b", math.log(1e-4), 0.0),
        "c": hyperopt.hp.choice("c", [{}, {}, {}]),
    }
    domain, trials = hyperopt.base.Domain(None, expression), hyperopt.Trials()
    finished = losses(study)
    worst = max(value for _, value in finished if math.isfinite(value))
    known = [(past, min(value, worst)) for past, value in finished] + [(study.trials[2], math.inf)]
    for past, value in known:
        vals = {key: [past.params[key]] for key in ("a", "b")} | {"c": ["xyz".index(past.params["c"])]}
        idxs = {key: [past.number] for key in vals}
        trials.insert_trial_doc({
            "state": 2, "tid": past.number, "spec": None, "exp_key": None, "owner": None, "version": 0,
            "book_time": None, "refresh_time": None, "result": {"status": "ok", "loss": value},
            "misc": {"tid": past.number, "cmd": None, "workdir": None, "vals": vals, "idxs": idxs},
        })  # fmt: skip
    trials.refresh()
    seed = Draw(0, trial.number, kind, COUNT, IntersectionSearchSpace()).seed
    (said,) = hyperopt.tpe.suggest([trial.number], domain, trials, seed, n_startup_jobs=4, verbose=False)
    vals = said["misc"]["vals"]
    assert drawn == {"a": vals["a"][0], "b": vals["b"][0], "c": "xyz"[vals["c"][0]]}


@pytest.mark.parametrize("kind", SPACES)
def test_the_unit_cube_has_every_value_once(kind: str) -> None:
    for parameter in SPACES[kind].parameters:
        distribution = parameter.distribution()
        for value in (from_unit(distribution, unit) for unit in np.linspace(0, 1, 41)):
            again = from_unit(distribution, to_unit(distribution, value))
            assert again == (value if isinstance(value, str) else pytest.approx(value, rel=1e-9))


def faults(kind: Space, objectives: int = 1, **search: object) -> list[str]:
    diagnostics, described = Diagnostics(), section(search)
    settings = read_search(described, diagnostics)
    assert settings is not None
    check_search(settings, objectives, kind, described, diagnostics)
    return [f"{fault.place}: {fault.message} | {fault.hint}" for fault in diagnostics.faults]


def test_what_does_not_suit_the_search_is_told_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = SPACES["choice"]
    assert (
        faults(kind, method="cmaes") == faults(kind, 2, method="gp") == faults(kind, pruner="wilcoxon", folds=3) == []
    )
    (several,) = faults(kind, 2, method="cmaes")
    assert "'cmaes' takes one objective (got 2)" in several and "tpe" in several
    (numbers,) = faults(space("a=choice(x,y)"), method="cmaes")
    assert "there are none here" in numbers
    (pruned,) = faults(kind, 2, method="tpe", pruner="median")
    assert "the pruner 'median' compares trials by one objective" in pruned
    (once,) = faults(kind, pruner="wilcoxon")
    assert "search.folds=5" in once
    monkeypatch.setitem(sys.modules, "torch", None)
    (package,) = faults(kind, method="gp")
    assert "search.method=gp needs the package 'torch'" in package and "pip install 'lamina[gp]'" in package


def test_each_method_has_its_file() -> None:
    folder = config_folder() / "search"
    shared = yaml.safe_load((folder / "default.yaml").read_text(encoding="utf-8"))
    found: set[type[Method]] = set()
    for path in sorted(folder.glob("*.yaml")):
        values = {**shared, **yaml.safe_load(path.read_text(encoding="utf-8"))}
        values.pop("defaults", None)
        settings = read_search(section(values), diagnostics := Diagnostics())
        assert settings is not None and not diagnostics.faults, path.name
        found.add(type(settings.method))
    assert found == set(Method.choices())
