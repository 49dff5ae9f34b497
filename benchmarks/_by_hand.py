"""What `training.py` compares with: the script that a Keras user writes around a network.

    python benchmarks/_by_hand.py NETWORK.py FOLDER ROWS EPOCHS SEED STARTED

NETWORK.py has `build_model`, FOLDER the IDX files of Fashion-MNIST, STARTED is the time at which the process was
started. The last line is JSON: seconds of each epoch, from STARTED to the end of the first step, accuracy on `val`.
"""

import gzip
import json
import os
import runpy
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

network, folder, started = sys.argv[1], Path(sys.argv[2]), float(sys.argv[6])
rows, epochs, seed = map(int, sys.argv[3:6])
batch_size = 64


def read(name: str, header: int) -> Any:
    path = folder / name
    raw = path.read_bytes() if path.exists() else gzip.decompress(path.with_name(f"{name}.gz").read_bytes())
    return np.frombuffer(raw, np.uint8, offset=header)


def split(stem: str) -> tuple[Any, Any]:
    images = read(f"{stem}-images-idx3-ubyte", 16).reshape(-1, 28, 28, 1)
    return images.astype("float32") / 255, read(f"{stem}-labels-idx1-ubyte", 8)


class Seconds(keras.callbacks.Callback):
    """The seconds of each epoch, validation included."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds.append(time.perf_counter() - self.began)


keras.utils.set_random_seed(seed)
x, y = split("train")
x_test, y_test = split("t10k")
kept = len(x) - len(x) // 10
x_train, y_train, x_val, y_val = x[:rows], y[:rows], x[kept:], y[kept:]

model = runpy.run_path(network)["build_model"]()
steps = -(-len(x_train) // batch_size)
rate: Any = keras.optimizers.schedules.CosineDecay(
    0.0, max(epochs - 1, 1) * steps, warmup_target=1e-3, warmup_steps=steps
)
model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])

model.make_train_function()
step, first = model.train_function, list[float]()


def timed_step(batches: Any) -> Any:
    # a callback on batches would slow the loop down: this costs nothing
    result = step(batches)
    if not first:
        first.append(time.time() - started)
    return result


model.train_function = timed_step
seconds = Seconds()
fitted = model.fit(
    x_train,
    y_train,
    batch_size=batch_size,
    epochs=epochs,
    validation_data=(x_val, y_val),
    callbacks=[seconds],
    verbose=2,
)
model.evaluate(x_test, y_test, batch_size=batch_size, verbose=0)
model.save(Path(network).with_name("by_hand.keras"))
accuracy = fitted.history["val_accuracy"][-1]
print(json.dumps({"seconds": seconds.seconds, "start": first[0], "accuracy": accuracy}))
