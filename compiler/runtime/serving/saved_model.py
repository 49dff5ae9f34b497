"""TensorFlow's SavedModel: a folder, for TensorFlow Serving and for `keras.layers.TFSMLayer`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from compiler.runtime.serving.signature import Ask, Signature, specs


def write(model: Any, signature: Signature, path: Path) -> None:
    """Like `model.export`, which would leave augmentation on: Keras's random layers act unless they are told not to."""
    archive: Any = keras.export.ExportArchive()
    archive.track(model)
    entering = specs(model)
    serve = partial(model.__call__, training=False)
    archive.add_endpoint("serve", serve, input_signature=[entering if len(entering) > 1 else entering[0]])
    archive.write_out(str(path), verbose=False)


def read(path: Path, signature: Signature) -> Ask:
    loaded: Any = tf.saved_model.load(str(path))

    def ask(xs: Any) -> list[Any]:
        tensors = [tf.convert_to_tensor(x) for x in xs]
        found = loaded.serve(tensors if len(tensors) > 1 else tensors[0])
        outputs = [found[name] for name in signature.outputs] if isinstance(found, dict) else keras.tree.flatten(found)
        return [np.asarray(output) for output in outputs]

    return ask
