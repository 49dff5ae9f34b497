"""Layers as a newer Keras may have them: public, in the catalogue, and not declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from compiler.ops import catalogue
from compiler.targets.keras_catalogue import arguments


@contextmanager
def known_by_name(layers: Mapping[str, Mapping[str, object]]) -> Iterator[None]:
    """While it lasts, the catalogue has these layers alone: by name, what it says of each of their arguments."""
    known = {name: {"arguments": layers[name]} for name in sorted(layers)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "_layers", lambda: known)
        catalogue.opaque.cache_clear()
        yield
    catalogue.opaque.cache_clear()


@contextmanager
def undeclared(*names: str) -> Iterator[None]:
    """While it lasts, each of `names` of Keras's layers stands in Keras and in the catalogue as `New` and its name."""
    import keras

    layers = {f"New{name}": getattr(keras.layers, name) for name in names}
    with pytest.MonkeyPatch.context() as patch, known_by_name({name: arguments(cls) for name, cls in layers.items()}):
        for name, cls in layers.items():
            patch.setattr(keras.layers, name, cls, raising=False)
        yield
