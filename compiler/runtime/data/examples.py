"""Sources that have their rows one after the other: read once, in order, and kept as arrays in the cache."""

from __future__ import annotations

import json
import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from compiler.runtime.data.paths import user_path
from compiler.runtime.data.source import CACHE, Blame, DataSettings, Part, Rows, Task, Unreadable, class_problems
from compiler.settings import Problem, Str, choice

if TYPE_CHECKING:
    import numpy as np

    from compiler.runtime.data.dataset import Array

PARTS = ("all", "train", "val", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One row.

    Attributes:
        x: inputs by name, each of its declared shape; a single input has the name "".
        y: the label or targets.
        digest: sha256 of what it was read from.
    """

    x: Mapping[str, Array]
    y: Array
    digest: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """What a source has to read.

    Attributes:
        name: for the cache's entry.
        settings: what the kept arrays depend on besides the files, in JSON's values.
        state: what the files look like.
        class_names: where the source knows them.
        read: by part, gives its examples; they raise `Unreadable` with the whole message.
    """

    name: str
    settings: Mapping[str, object]
    state: str
    class_names: tuple[str, ...] | None
    read: Mapping[str, Callable[[], Iterable[Example]]]


class ExampleSettings(DataSettings):
    """Abstract.

    Fields:
        size: null; images get the size that `input_shape` says.
        resize: how images do: `stretch`, `crop` the middle of the right proportions, or `pad` with black.
        cache: the folder for what has been read.
    """

    task: Annotated[Task, choice("multiclass", "binary", "multilabel", "regression")] = "multiclass"
    resize: Annotated[Literal["stretch", "crop", "pad"], choice("stretch", "crop", "pad")] = "stretch"
    cache: Str = CACHE

    def check(self) -> Iterable[Problem]:
        yield from super().check()
        yield from class_problems(self, "task: regression, if the labels are targets")
        if self.size is not None:
            yield Problem(("size",), "E107", "'size' must be null: images get the size that 'input_shape' says")

    @abstractmethod
    def find(self, blame: Blame) -> Found | None:
        """What there is to read; None where `blame` was told why not."""

    def read(self, blame: Blame) -> Rows | None:
        from compiler.runtime.data.cache import cached

        found = self.find(blame)
        if found is None:
            return None
        settings = {**found.settings, "shapes": {name: list(shape) for name, shape in self.shapes.items()}}
        try:
            make = partial(_keep, found.read)
            entry = cached(user_path(self.cache), found.name, settings, found.state, make, blame)
        except Unreadable as error:
            blame(error.code, str(error), "path" if "path" in type(self).model_fields else "name", hint=error.hint)
            return None
        return None if entry is None else _kept(entry, self, found.class_names)

    def shaped(self, value: Array | bytes, inner: str, what: str) -> Array:
        """A value as a row of the input `inner`.

        Args:
            value: an encoded image, or numbers.
            what: says what it is in messages.

        Raises:
            Unreadable: it is damaged, or of another size.
        """
        shape = self.shapes[inner]
        if isinstance(value, bytes):
            from compiler.runtime.data.decoding import Decoder

            try:
                return Decoder(shape, self.resize).decode(value)
            except Unreadable as error:
                raise Unreadable(f"{what} {error}", damaged=error.code == "E720") from None
        if value.size != math.prod(shape):
            raise Unreadable(f"{what} holds {value.size:,} values, but 'input_shape' says {list(shape)}")
        return value.reshape(shape)


def _keep(parts: Mapping[str, Callable[[], Iterable[Example]]], entry: Path) -> None:
    """Write all examples into the folder `entry`."""
    import numpy as np

    from compiler.runtime.data.array_file import ArrayFile

    counts, labels = dict[str, int](), list["np.ndarray"]()
    with ExitStack() as stack:
        digests = stack.enter_context(ArrayFile(entry / "digests.npy", (32,), np.uint8))
        files = dict[str, ArrayFile]()
        for part, read in parts.items():
            first = len(labels)
            for example in read():
                for name, row in example.x.items():
                    if name not in files:
                        path = entry / f"{_array_name(name)}.npy"
                        files[name] = stack.enter_context(ArrayFile(path, row.shape, row.dtype))
                    files[name].append(row[np.newaxis])
                digests.append(np.frombuffer(example.digest, np.uint8)[np.newaxis])
                if labels and example.y.shape != labels[0].shape:
                    said = f"{list(example.y.shape)} in row {len(labels)} and {list(labels[0].shape)} before"
                    raise Unreadable(f"labels must have one shape (got {said})")
                labels.append(example.y)
            counts[part] = len(labels) - first
    if not labels:
        raise Unreadable("there are no rows to read")
    np.save(entry / "y.npy", np.stack(labels))
    (entry / "parts.json").write_text(json.dumps(counts), "utf-8")


def _kept(entry: Path, settings: ExampleSettings, class_names: tuple[str, ...] | None) -> Rows:
    """The rows that `_keep` wrote."""
    from compiler.runtime.data.archive import NpyFiles

    names = {name: _array_name(name) for name in settings.shapes}
    arrays = NpyFiles(entry, {name: entry / f"{name}.npy" for name in (*names.values(), "y", "digests")})
    read = {
        name: arrays.read(array) if settings.keeps(arrays.nbytes(array)) else arrays.mapped(array)
        for name, array in names.items()
    }
    y, digests = arrays.read("y"), arrays.read("digests")
    counts: dict[str, int] = json.loads((entry / "parts.json").read_text("utf-8"))
    parts, first = dict[str, Part](), 0
    for part, count in counts.items():
        rows = slice(first, first + count)
        suffix = "" if part == "all" else f"_{part}"
        parts[part] = Part({name: x[rows] for name, x in read.items()}, y[rows], suffix, digests=digests[rows])
        first += count
    return Rows(class_names, parts)


def _array_name(name: str) -> str:
    return f"x.{name}" if name else "x"
