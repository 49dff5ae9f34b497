"""A `.keras` file: Keras's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from compiler.runtime.serving.signature import Ask, Signature, called


def write(model: Any, signature: Signature, path: Path) -> None:
    model.save(path)


def read(path: Path, signature: Signature) -> Ask:
    model = keras.saving.load_model(path, compile=False)
    return lambda xs: [np.asarray(output) for output in called(model, xs)]
