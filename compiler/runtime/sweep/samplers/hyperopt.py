"""The hyperopt library's algorithms as an Optuna sampler; its history is made anew from the study for each trial."""

from __future__ import annotations

import datetime
import logging
import math
import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from optuna.trial import TrialState

from compiler.runtime.sweep.methods.base import Draw
from compiler.runtime.sweep.samplers.cube import is_categorical, on_step, steps
from compiler.runtime.sweep.samplers.history import losses

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from compiler.runtime.sweep.space import Parameter
from compiler.runtime.sweep.samplers.whole import Whole

LIBRARY_LOGGER = "hyperopt"


class Hyperopt(Whole):
    """What `hyperopt`'s `suggest` functions say to the study's finished trials.

    Choices become `hp.choice`, with the parameters that exist only under one of them inside it; one under several
    parents is inside the last of them, and is drawn without need where another one forbids it. Integers and steps
    are `hp.quniform` over their number, log integers `hp.qloguniform`.

    Args:
        algorithm: tpe, atpe or anneal.
        settings: of hyperopt's function, by its own names.
    """

    def __init__(self, draw: Draw, algorithm: str, settings: Mapping[str, Any]) -> None:
        super().__init__(draw)
        self._algorithm, self._settings = algorithm, settings

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not search_space:
            return {}
        import hyperopt

        logging.getLogger(LIBRARY_LOGGER).setLevel(logging.WARNING)  # it tells each suggestion
        domain = hyperopt.base.Domain(None, expression(self._draw), pass_expr_memo_ctrl=False)
        trials = hyperopt.Trials()
        trials.insert_trial_docs(self._documents(study, trial))
        trials.refresh()
        with _quiet(self._draw.seed):
            (document,) = self._suggest(hyperopt)([trial.number], domain, trials, self._draw.seed, **self._settings)
        drawn = {key: values for key, values in document["misc"]["vals"].items() if len(values)}
        return {key: decoded(search_space[key], values[0]) for key, values in drawn.items()}

    def _suggest(self, hyperopt: Any) -> Any:
        if self._algorithm == "atpe":
            from hyperopt import atpe

            return atpe.suggest
        return getattr(hyperopt, self._algorithm).suggest

    def _documents(self, study: Study, drawn: FrozenTrial) -> Iterator[Mapping[str, Any]]:
        """Finished trials as hyperopt keeps them. Its TPE knows of running ones too, whose loss is infinite: so
        workers keep apart from each other. The others take finite losses only: a faulty point has the worst one."""
        finished = losses(study)
        worst = max((loss for _, loss in finished if math.isfinite(loss)), default=0.0)
        for trial, loss in finished:
            yield self._document(trial, loss if math.isfinite(loss) else worst)
        if self._algorithm == "tpe":
            for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                if trial.params and trial.number != drawn.number:
                    yield self._document(trial, math.inf)

    def _document(self, trial: FrozenTrial, loss: float) -> Mapping[str, Any]:
        known = {
            key: [encoded(distribution, trial.params[key])] if key in trial.params else []
            for key, distribution in self._draw.distributions.items()
        }
        now = datetime.datetime(2000, 1, 1)  # hyperopt asks for times, and uses them for nothing
        misc = {
            "tid": trial.number,
            "cmd": ("domain_attachment", "FMinIter_Domain"),
            "workdir": None,
            "idxs": {key: [trial.number] * len(values) for key, values in known.items()},
            "vals": known,
        }
        times = {"book_time": now, "refresh_time": now}
        state = {"state": 2, "tid": trial.number, "spec": None, "exp_key": None, "owner": None, "version": 0}
        return {**state, **times, "misc": misc, "result": {"status": "ok", "loss": loss}}


def expression(draw: Draw) -> dict[str, Any]:
    """The space as hyperopt's expression, conditional parameters inside their choices."""
    distributions = draw.distributions
    inside: dict[str, list[Parameter]] = {}
    for parameter in draw.space.ordered:
        if parameter.key in distributions:
            parents = [condition.parent for condition in parameter.only]
            drawn = [key for key in parents if key in distributions and is_categorical(distributions[key])]
            inside.setdefault(drawn[-1] if drawn else "", []).append(parameter)

    made: dict[str, Any] = {}

    def node(key: str) -> Any:
        if key not in made:  # one node, though it stands inside several options
            made[key] = _choice(key) if is_categorical(distributions[key]) else _number(key, distributions[key])
        return made[key]

    def _choice(key: str) -> Any:
        from hyperopt import hp

        options: list[dict[str, Any]] = []
        for choice in cast("CategoricalDistribution", distributions[key]).choices:
            text = draw.space.by_key[key].domain.text(choice)
            there = [child for child in inside.get(key, ()) if _under(child, key, text)]
            options.append({child.key: node(child.key) for child in there})
        return hp.choice(key, options)

    return {parameter.key: node(parameter.key) for parameter in inside.get("", ())}


def _under(child: Parameter, parent: str, text: str) -> bool:
    return all(text in condition.texts for condition in child.only if condition.parent == parent)


def encoded(distribution: BaseDistribution, value: Any) -> float | int:
    """A parameter's value as hyperopt's own."""
    if is_categorical(distribution):
        return int(distribution.to_internal_repr(value))
    number = cast("FloatDistribution | IntDistribution", distribution)
    if number.step is not None and not number.log:
        return float(round((value - number.low) / number.step))
    return float(value)


def decoded(distribution: BaseDistribution, value: Any) -> Any:
    """The parameter's value that hyperopt's stands for, within the bounds."""
    if is_categorical(distribution):
        return cast("CategoricalDistribution", distribution).choices[int(value)]
    number = cast("FloatDistribution | IntDistribution", distribution)
    if number.step is not None and not number.log:
        return on_step(number, min(max(round(value), 0), steps(number) - 1))
    kind = type(number.low)
    return kind(min(max(round(value) if kind is int else float(value), number.low), number.high))


def _number(key: str, distribution: BaseDistribution) -> Any:
    from hyperopt import hp

    number = cast("FloatDistribution | IntDistribution", distribution)
    if isinstance(number.low, int) and number.log:
        return hp.qloguniform(key, math.log(number.low - 0.5), math.log(number.high + 0.5), 1)
    if number.step is not None:
        return hp.quniform(key, -0.5, steps(number) - 0.5, 1)
    if number.log:
        return hp.loguniform(key, math.log(number.low), math.log(number.high))
    return hp.uniform(key, number.low, number.high)


@contextmanager
def _quiet(seed: int) -> Iterator[None]:
    """Seeds the interpreter's own generators for a while, from which adaptive TPE draws, and keeps back the warnings
    of its statistics over few trials."""
    kept = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])
