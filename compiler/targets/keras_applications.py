"""The networks of `keras.applications` by name, as Keras's own JSON has them."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any, cast

import keras

from compiler.errors import ConfigError, Fault, Place, did_you_mean


def names() -> tuple[str, ...]:
    """The constructors of `keras.applications`."""
    return tuple(name for name, member in vars(keras.applications).items() if inspect.isfunction(member))


def application(name: str, place: Place, weights: Path | None = None) -> dict[str, object]:
    """The JSON config of the network that `keras.applications.<name>` builds.

    Args:
        place: where the user names it, for faults.
        weights: a file for its ImageNet weights (`.weights.h5`); they come from Keras's own cache, or are downloaded.

    Raises:
        ConfigError: E006, there is no such network, or its weights cannot be had.
    """
    known = names()
    if name not in known:
        hint = did_you_mean(name, known) or f"one of {', '.join(known)}"
        raise ConfigError([Fault("E006", f"keras.applications has no network {name!r}", place, hint=hint)])
    make: Any = getattr(keras.applications, name)
    try:
        model = make(weights="imagenet" if weights else None)
    except Exception as error:  # whatever a failed download raises
        message = f"Keras cannot get the weights of {name!r}: {error}"
        raise ConfigError([Fault("E006", message, place, hint="leave out -w for the network alone")]) from None
    if weights:
        model.save_weights(weights)
    return cast(dict[str, object], json.loads(model.to_json()))
