"""All that TensorFlow holds of a training, by name: weights, statistics, seeds, slots, loss scale, measures.

Random numbers in Keras are functions of seeds that lie in variables (`keras.random.SeedGenerator`), wherever a layer
keeps one; a layer that draws without one takes Keras's global generator. So variables are all there is.
https://keras.io/api/random/seed_generator/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from keras.src.backend.common import global_state  # neither has a public name
from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR, global_seed_generator
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def named(model: Any, optimizer: Any, measures: Iterable[Any], more: Iterable[Any] = ()) -> dict[str, Any]:
    """The variables of a training by names that are the same whenever it is built: `model.0003.kernel`.

    Args:
        optimizer: with its variables built; one inside another (loss scaling) counts too.
        measures: metrics, whose sums are those of an unfinished epoch.
        more: further variables that steps read and change.
    """
    owners = {
        "model": model.variables,
        "optimizer": [*optimizer.variables, *getattr(optimizer, "inner_optimizer", optimizer).variables],
        "measure": [variable for measure in measures for variable in measure.variables],
        "more": list(more),
    }
    seed = global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)
    if seed is not None:
        owners["global"] = [seed.state]
    seen: set[int] = set()
    names: dict[str, Any] = {}
    for owner, variables in owners.items():
        for i, variable in enumerate(variables):
            if id(variable) not in seen:
                seen.add(id(variable))
                plain = re.sub(r"_\d+$", "", variable.name)  # Keras counts what has no name over the whole process
                names[f"{owner}.{i:04d}.{plain}"] = variable
    return names


def read(variables: Mapping[str, Any]) -> Arrays:
    """A copy of each variable's value."""
    return {name: np.array(variable.value.numpy()) for name, variable in variables.items()}


def write(variables: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Give each variable its value.

    Raises:
        ValueError: names, shapes or dtypes are others: the arrays are another training's.
    """
    if set(variables) != set(arrays):
        raise ValueError(f"these do not match: {', '.join(sorted(set(variables) ^ set(arrays))[:3])}")
    for name, variable in variables.items():
        array = arrays[name]
        if tuple(variable.shape) != array.shape or variable.dtype != array.dtype.name:
            wanted, given = f"{variable.dtype}{tuple(variable.shape)}", f"{array.dtype.name}{array.shape}"
            raise ValueError(f"{name!r} is {wanted}, not {given}")
    for name, variable in variables.items():
        variable.value.assign(arrays[name])


def with_global_seed() -> None:
    """Make Keras's global generator now, outside of TensorFlow's graphs: a step may be the first to draw from it."""
    global_seed_generator()
