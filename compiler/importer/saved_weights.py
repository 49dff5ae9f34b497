"""Weights from elsewhere: the plain arrays of a `.weights.h5` file or of a `.keras` archive, and nothing else.

HDF5 has no checksums of its own, so a bit that flipped in the numbers of a bare `.weights.h5` cannot be seen. An
archive's checksum covers them.

    held = inventory(path)                 # {"layers/dense/vars/0": Held((784, 10), "float32", "head"), ...}
    with arrays(path, {key: held[key].shape for key in wanted}) as found:
        found["layers/dense/vars/0"]       # a read-only array, paged in from a temporary file
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from compiler.errors import ConfigError, Fault, Place
from compiler.importer.sandbox import for_size, place_of, run

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

Shape = tuple[int, ...]

_ITEM = {"bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "float16": 2, "bfloat16": 2, "int32": 4,
         "uint32": 4, "float32": 4, "int64": 8, "uint64": 8, "float64": 8}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """What a file says of one of its arrays; its numbers are in the file.

    Attributes:
        shape, dtype: NumPy's, or dtype ``bfloat16``.
        layer: the name that the layer had when it was saved; None where the file does not say.
    """

    shape: Shape
    dtype: str
    layer: str | None

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * _ITEM[self.dtype]


@dataclass(frozen=True, slots=True)
class Names:
    """What a file calls its layers.

    Attributes:
        groups: in Keras 3's form, the layer's name by its group, `layers/dense_1`.
        older: in the form before, of every layer, in the model's order, its group, its name, and the paths of its
            weights below the group.
    """

    groups: Mapping[str, str]
    older: tuple[tuple[str, str, tuple[str, ...]], ...]


def inventory(path: Path, place: Place | None = None) -> dict[str, Held]:
    """The arrays of a `.weights.h5` file or a `.keras` archive by their paths in it, in order of the paths.

    It is read in a process of its own, under limits (see `sandbox`), and the arrays it names are all in the file: who
    has an inventory may allocate what it says.

    Args:
        place: where the user names the file, for faults; the file itself by default.

    Raises:
        ConfigError: E006, no such file; E901, not of this kind, or damaged; E902, links, filters, objects, or shapes
            that the file does not fill; E903, over the limits of size, memory or time.
    """
    with TemporaryDirectory() as folder:
        given = run("compiler.importer.hdf5:inventory", path, {"folder": folder}, for_size(_size(path)), place)
    found = cast(dict[str, tuple[list[int], str, str | None]], given)
    return {key: Held(tuple(shape), dtype, layer) for key, (shape, dtype, layer) in found.items()}


def names(path: Path, place: Place | None = None) -> Names:
    """What a file of weights calls its layers.

    Args:
        path: a file whose inventory was taken without a fault.
        place: where the user names the file, for faults; the file itself by default.

    Raises:
        ConfigError: as for `inventory`.
    """
    with TemporaryDirectory() as folder:
        given = run("compiler.importer.names:names", path, {"folder": folder}, for_size(_size(path)), place)
    found = cast(dict[str, Any], given)
    return Names(found["groups"], tuple((group, name, tuple(weights)) for group, name, weights in found["older"]))


@contextmanager
def arrays(path: Path, wanted: Mapping[str, Shape], place: Place | None = None) -> Generator[dict[str, Array]]:
    """The wanted arrays, read-only, for as long as the context lasts.

    They lie in a temporary file that is mapped into memory, so that a large model need not fit twice.

    Args:
        wanted: for each path in the file (``layers/dense/vars/0``) the shape that it must have.
        place: where the user names the file, for faults; the file itself by default.

    Raises:
        ConfigError: E904, an array is missing or has another shape; and as for `inventory`.
    """
    import numpy as np

    with TemporaryDirectory() as folder:
        to = Path(folder) / "arrays"
        request = {"folder": folder, "to": str(to), "wanted": {key: list(shape) for key, shape in wanted.items()}}
        dtypes = cast(dict[str, str], run("compiler.importer.hdf5:arrays", path, request, for_size(_size(path)), place))
        found: dict[str, Array] = {}
        offset = 0
        for key, shape in wanted.items():
            held = Held(shape, dtypes[key], None)
            if held.bytes:
                found[key] = np.memmap(to, _numpy(held.dtype), "r", offset, shape)
            else:
                found[key] = np.zeros(shape, _numpy(held.dtype))
            offset += held.bytes
        if to.stat().st_size != offset:
            raise ConfigError([Fault("E901", "the file changed while it was read", place or place_of(path))])
        yield found


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _numpy(dtype: str) -> Any:
    import numpy as np

    if dtype == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(dtype)
