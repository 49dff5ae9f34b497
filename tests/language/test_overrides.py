"""The command line's overrides, as Hydra gets them."""

from __future__ import annotations

from compiler.errors import ConfigError
from compiler.runtime.plan import plan
from compiler.runtime.training.schedules import Exponential
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra


def test_a_choice_brings_arguments_that_the_one_before_has_not() -> None:
    words = ["model=mlp", "train.schedule={op: exponential, decay_rate: 2}"]
    assert plan(compose(for_hydra(words))).train.schedule == Exponential(warmup_epochs=1, decay_rate=2)


def test_its_faults_stand_at_the_override_as_it_was_typed() -> None:
    words = ["model=mlp", "train.schedule={op: exponential, decay_rat: 2}"]
    try:
        plan(compose(for_hydra(words)))
    except ConfigError as error:
        (fault,) = error.faults
        assert fault.code == "E104" and fault.place and fault.place.source.name == words[1]
    else:
        raise AssertionError("nothing was found")
