"""A `.keras` file: Keras's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from compiler.runtime.serving.signature import Ask, Signature, asking


def write(model: Any, signature: Signature, path: Path) -> None:
    model.save(path)


def read(path: Path, signature: Signature) -> Ask:
    return asking(keras.saving.load_model(path, compile=False), signature)
