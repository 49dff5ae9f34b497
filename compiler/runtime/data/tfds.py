"""Data sets of tensorflow-datasets, where it is installed: those that have been prepared on this machine.

Source: https://www.tensorflow.org/datasets
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compiler.runtime.data.examples import Example, ExampleSettings, Found
from compiler.runtime.data.image_files import files_below, state_of
from compiler.runtime.data.paths import user_path
from compiler.runtime.data.source import Blame, Unreadable
from compiler.settings import Bool, MaybeStr, Str

if TYPE_CHECKING:
    from compiler.runtime.data.dataset import Array


class Tfds(ExampleSettings, source="tfds"):
    """The examples of a prepared data set, read once into the cache. Images get the size that `input_shape` says.

    Fields:
        name: of the data set, with or without a configuration and a version: `mnist`, `mnist:3.0.1`.
        data_dir: the folder of prepared data sets; null: `~/tensorflow_datasets`.
        download: whether it may be downloaded and prepared where it is not there.
        x, y: the features with the input and with the label; null: what the data set says. Several inputs have the
            names of `input_shape`.
        train, val, test: the splits that are taken, as tensorflow-datasets writes them (`train[:80%]`); null for those
            that are split off from `train`.
    """

    name: Str
    data_dir: MaybeStr = None
    download: Bool = False
    x: MaybeStr = None
    y: MaybeStr = None
    train: Str = "train"
    val: MaybeStr = None
    test: MaybeStr = "test"

    def find(self, blame: Blame) -> Found | None:
        from compiler.runtime.extras import require

        require(["tensorflow_datasets"], "tfds", "data=tfds", blame.place("source"))
        builder = self._builder(blame)
        if builder is None:
            return None
        splits = {"train": self.train, "val": self.val, "test": self.test}
        taken = {part: split for part, split in splits.items() if split is not None}
        for part, split in taken.items():
            base = split.partition("[")[0]
            if "+" not in split and base not in builder.info.splits:
                has = ", ".join(builder.info.splits)
                hint = f"one of {has}; null splits it off from train" if part != "train" else f"one of {has}"
                blame("E701", f"{builder.info.full_name!r} has no split {base!r}", part, hint=hint)
                return None
        features = self._features(builder, blame)
        if features is None:
            return None
        inputs, label = features
        parts = {"all" if len(taken) == 1 else part: split for part, split in taken.items()}
        folder = Path(builder.data_dir)
        names = getattr(builder.info.features[label], "names", None)
        return Found(
            name=builder.name,
            settings={
                "folder": str(folder),
                "splits": parts,
                "features": [*inputs.values(), label],
                "resize": self.resize,
                "task": self.task,
            },
            state=state_of(sorted(files_below(folder))),
            class_names=None if names is None or self.task == "regression" else tuple(names),
            read={part: partial(self._examples, builder, split, inputs, label) for part, split in parts.items()},
        )

    def _builder(self, blame: Blame) -> Any:
        """The prepared data set, as tensorflow-datasets has it."""
        import tensorflow_datasets as tfds

        folder = None if self.data_dir is None else str(user_path(self.data_dir))
        where = repr(folder) if folder else "'~/tensorflow_datasets'"
        try:
            builder = tfds.builder(self.name, data_dir=folder, try_gcs=False)
            if self.download and not builder.is_prepared():
                builder.download_and_prepare()
        except Exception as error:  # it raises many kinds: an unknown name, a download that fails
            blame("E701", f"no data set {self.name!r} in {where}: {str(error).splitlines()[0][:120]}", "name")
            return None
        if not builder.is_prepared():
            hint = "data.download=true downloads and prepares it" if not self.download else None
            blame("E701", f"{self.name!r} is not prepared in {where}", "name", hint=hint)
            return None
        return builder

    def _features(self, builder: Any, blame: Blame) -> tuple[dict[str, str], str] | None:
        """The feature of each input, and that of the label."""
        usual = builder.info.supervised_keys or (None, None)
        single = self.x or (usual[0] if isinstance(usual[0], str) else None)
        inputs = {name: name or single for name in self.shapes}
        label = self.y or (usual[1] if isinstance(usual[1], str) else None)
        has = ", ".join(builder.info.features)
        for key, name in (*(("x", name) for name in inputs.values()), ("y", label)):
            if name is None or name not in builder.info.features:
                what = "does not say which feature is" if name is None else f"has no feature {name!r} for"
                blame("E701", f"{builder.info.full_name!r} {what} {key!r}", key, hint=f"one of {has}")
                return None
        assert label is not None and None not in inputs.values(), "checked above"
        return {inner: str(name) for inner, name in inputs.items()}, label

    def _examples(self, builder: Any, split: str, inputs: Mapping[str, str], label: str) -> Iterator[Example]:
        import numpy as np
        import tensorflow_datasets as tfds

        features = builder.info.features
        images = {name for name in inputs.values() if isinstance(features[name], tfds.features.Image)}
        decoders = {name: tfds.decode.SkipDecoding() for name in images}
        rows = iter(tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders, shuffle_files=False)))
        number = 0
        while True:
            where = f"{builder.info.full_name!r}, row {number} of {split}"
            try:
                row = next(rows)
            except StopIteration:
                return
            except Exception as error:  # TensorFlow's errors, which would have to be imported
                reason = str(error).rpartition("}} ")[2].partition(" [Op:")[0].splitlines()[0][:100]
                raise Unreadable(f"{where}: a file is damaged ({reason})", damaged=True) from None
            digest = hashlib.sha256()
            x = dict[str, "Array"]()
            for inner, name in inputs.items():
                value = row[name]
                digest.update(value if isinstance(value, bytes) else np.ascontiguousarray(value).tobytes())
                x[inner] = self.shaped(value, inner, f"{where}: {name!r}")
            y = np.asarray(row[label], np.float32 if self.task == "regression" else np.int64)
            yield Example(x, y, digest.digest())
            number += 1
