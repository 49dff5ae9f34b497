"""TFRecord files of `tf.train.Example`s.

Format: https://www.tensorflow.org/tutorials/load_data/tfrecord; every record has its length and its bytes under a
checksum, and TensorFlow compares them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from compiler.runtime.data.examples import Example, ExampleSettings, Found
from compiler.runtime.data.image_files import File, state_of
from compiler.runtime.data.paths import is_file, is_folder, user_path
from compiler.runtime.data.source import Blame, Unreadable
from compiler.settings import Problem, Str, is_str, rule

if TYPE_CHECKING:
    from compiler.runtime.data.dataset import Array

KINDS = ("png", "jpeg", "uint8", "int64", "float32")


def _are_paths(value: object) -> bool:
    if isinstance(value, Mapping):
        return len(cast("Mapping[object, object]", value)) > 0 and all(
            name in ("train", "val", "test") and is_str(path)
            for name, path in cast("Mapping[object, object]", value).items()
        )
    return is_str(value)


def _are_features(value: object) -> bool:
    return isinstance(value, Mapping) and all(is_str(name) for name in cast("Mapping[object, object]", value))


def _are_kinds(value: Mapping[str, object]) -> bool:
    return len(value) > 0 and all(kind in KINDS for kind in value.values())


class TFRecord(ExampleSettings, source="tfrecord"):
    """The examples of TFRecord files, read once into the cache.

    Fields:
        path: a file, a folder, or a glob; or these by split, `{train: ..., val: ..., test: ...}`.
        features: what kind the feature of an input is: `png` or `jpeg`, an encoded image; `uint8` or `float32`, one
            string of bytes or a list of numbers; `int64`, a list. A single input has one feature, whatever its name;
            several have the names of `input_shape`.
        label: the feature with the class number, or with the targets.
    """

    path: Annotated[
        str | dict[str, str],
        rule(
            "a file, a folder or a glob, or these by train, val and test",
            _are_paths,
            schema={"anyOf": [{"type": "string"}, {"type": "object"}]},
        ),
    ]
    features: Annotated[
        dict[str, str],
        rule(f"a mapping from names to one of {', '.join(KINDS)}", _are_features, _are_kinds, {"type": "object"}),
    ]
    label: Str = "label"

    def check(self) -> Iterable[Problem]:
        yield from super().check()
        names = list(self.features)
        if isinstance(self.input_shape, dict):
            if set(names) != set(self.input_shape):
                message = f"'features' must have the inputs of 'input_shape', {', '.join(self.input_shape)}"
                yield Problem(("features",), "E107", f"{message} (got {', '.join(names)})")
        elif len(names) != 1:
            message = f"'features' must name one feature, since 'input_shape' is of one input (got {', '.join(names)})"
            yield Problem(("features",), "E107", message, "input_shape: {NAME: [...], ...} for several")
        for name, kind in self.features.items():
            shape = self.shapes.get(name, self.shapes.get("", ()))
            if kind in ("png", "jpeg") and (len(shape) != 3 or shape[2] not in (1, 3, 4)):
                message = (
                    f"{name!r} holds images, so its shape must be [height, width, channels] with 1, 3 or 4 channels"
                )
                yield Problem(("input_shape",), "E107", message)

    def find(self, blame: Blame) -> Found | None:
        given = self.path if isinstance(self.path, dict) else {"all": self.path}
        files: dict[str, list[Path]] = {}
        for part, text in given.items():
            files[part] = _matching(text)
            if not files[part]:
                where = ("path",) if isinstance(self.path, str) else ("path", part)
                blame("E701", f"no TFRecord file {text!r}", *where, hint="a file, a folder, or a glob: data/train-*")
        if not all(files.values()):
            return None
        stats = [
            File(str(path), path.stat().st_size, path.stat().st_mtime_ns) for paths in files.values() for path in paths
        ]
        settings = {"features": self.features, "label": self.label, "resize": self.resize, "task": self.task}
        return Found(
            name="tfrecord",
            settings={
                **settings,
                "files": {part: [str(path.resolve()) for path in found] for part, found in files.items()},
            },
            state=state_of(stats),
            class_names=None,
            read={part: partial(self._examples, paths) for part, paths in files.items()},
        )

    def _examples(self, paths: Sequence[Path]) -> Iterator[Example]:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import tensorflow as tf  # a training imports it in a thread meanwhile, and keeps it quiet there

        for path in paths:
            compression = "GZIP" if path.suffix == ".gz" else ""
            records: Iterator[Any] = iter(tf.data.TFRecordDataset(str(path), compression).as_numpy_iterator())
            number = 0
            while True:
                where = f"{str(path)!r}, record {number}"
                try:
                    record = next(records)
                except StopIteration:
                    break
                except tf.errors.OpError as error:
                    reason = str(error.message).rpartition("}} ")[2].partition(" [Op:")[0].splitlines()[0][:100]
                    raise Unreadable(f"{where}: the file is damaged ({reason})", damaged=True) from None
                try:
                    found = tf.train.Example.FromString(record).features.feature
                except Exception as error:  # protobuf's DecodeError has no public home
                    raise Unreadable(f"{where} is no tf.train.Example ({type(error).__name__})") from None
                yield self._example(found, record, where)
                number += 1

    def _example(self, found: Any, record: bytes, where: str) -> Example:
        x = dict[str, "Array"]()
        for name, kind in self.features.items():
            inner = name if isinstance(self.input_shape, dict) else ""
            x[inner] = self.shaped(_values(found, name, kind, where), inner, f"{where}: {name!r}")
        kind = "float32" if self.task == "regression" else "int64"
        y = _values(found, self.label, kind, where)
        assert not isinstance(y, bytes), "only images are"
        return Example(x, y[0] if y.size == 1 and self.task != "multilabel" else y, hashlib.sha256(record).digest())


def _values(found: Any, name: str, kind: str, where: str) -> Array | bytes:
    """A feature's encoded image, or its numbers, (n,)."""
    import numpy as np

    if name not in found:
        has = ", ".join(repr(other) for other in sorted(found)) or "none"
        raise Unreadable(f"{where} has no feature {name!r} (it has {has})")
    held = found[name].WhichOneof("kind")
    if held == "bytes_list":
        strings = found[name].bytes_list.value
        if len(strings) != 1:
            raise Unreadable(f"{where}: {name!r} holds {len(strings)} strings of bytes, not one")
        if kind in ("png", "jpeg"):
            return strings[0]
        dtype = np.dtype(kind).newbyteorder("<")
        if len(strings[0]) % dtype.itemsize:
            raise Unreadable(f"{where}: the {len(strings[0]):,} bytes of {name!r} are no {kind}")
        return np.frombuffer(strings[0], dtype)
    if kind in ("png", "jpeg") or held is None:
        raise Unreadable(f"{where}: {name!r} must hold {kind} (it holds {held or 'nothing'})")
    values = np.array(getattr(found[name], held).value)
    if held == "float_list" and kind != "float32":
        raise Unreadable(f"{where}: {name!r} must hold {kind} (it holds a {held})")
    if kind == "uint8" and values.size and not (values.min() >= 0 and values.max() <= 255):
        raise Unreadable(f"{where}: {name!r} holds numbers beyond uint8 ({values.min()} to {values.max()})")
    return values.astype(kind)


def _matching(text: str) -> list[Path]:
    """The files that a path, a folder or a glob in its last part means, in order."""
    path = user_path(text)
    if is_file(path):
        return [path]
    try:
        found = path.iterdir() if is_folder(path) else path.parent.glob(path.name)
        return sorted(file for file in found if is_file(file) and (file.parent != path or "tfrec" in file.name))
    except (OSError, ValueError):  # ValueError: a null byte, or a pattern that is none
        return []
