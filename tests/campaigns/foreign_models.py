"""Real models, saved by Keras, for the campaign of files from elsewhere.

python -m tests.campaigns.foreign_models FOLDER
"""

from __future__ import annotations

from pathlib import Path


def save(folder: Path) -> None:
    """`plain.keras`, with the state of an optimizer; `nested.keras`; and `lambda.keras`, which runs code."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    x = start = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Add(name="sum")([layers.SeparableConv2D(4, 3, padding="same", name="sep")(x), x])
    x = layers.ReLU(name="relu")(x) * 0.5
    x = layers.Dropout(0.2, name="drop")(layers.GlobalAveragePooling2D(name="pool")(x))
    model = keras.Model(start, layers.Dense(3, activation="softmax", name="head")(x), name="plain")
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(folder / "plain.keras")

    both = layers.Bidirectional(layers.LSTM(3, return_sequences=True))
    inner = keras.Sequential([keras.Input((5, 8)), both], name="inner")
    x = start = keras.Input((5, 8), name="words")
    x = layers.MultiHeadAttention(2, 3, name="attention")(inner(x), inner(x))
    model = keras.Model(start, layers.Dense(2, name="head")(layers.Flatten(name="flat")(x)), name="nested")
    model.save(folder / "nested.keras")

    canary = str(folder / "canary")
    run = layers.Lambda(lambda x: (__import__("pathlib").Path(canary).touch(), x)[1], name="run")
    model = keras.Sequential([keras.Input((4,)), run, layers.Dense(2, name="head")])
    Path(canary).unlink(missing_ok=True)
    model.save(folder / "lambda.keras")
