"""Rows that are prepared when they are asked for, for data that do not fit in memory."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray


class LazyRows(ABC):
    """Abstract: rows like those of a float32 array (N, ...), read and prepared a few at a time.

    What holds for every one of them, so that a feed can rely on it:

    - `rows[a:b]` (step 1) and `rows[indices]` (int64, any order, repeats allowed) give a new, C-contiguous, writable
      float32 array (n, *shape[1:]), equal to the bit to that selection of the array that would have been loaded;
    - the same indices give the same bytes every time, from any thread, and several threads may ask at once;
    - asking is NumPy's indexing over an array in memory, or over a file that is mapped: the system's page cache keeps
      what was read lately at the file's own size (a quarter for bytes), so a second cache of prepared rows only pays
      where they fit in memory;
    - ascending indices are read fastest from a disk; shuffled ones cost a seek each, unless the cache has them;
    - `np.asarray(rows)` is refused: whoever needs all rows takes them in slices.

    Attributes:
        shape: (N, ...) of the prepared rows.
        dtype: float32.
        nbytes: what the prepared rows would take in memory.
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[np.float32]:
        return np.dtype(np.float32)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        return 4 * math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    @abstractmethod
    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]: ...

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"{len(self):,} rows of {self.nbytes:,} bytes are read in slices, not as one array")
