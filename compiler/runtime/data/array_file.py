"""An .npy file that is written some rows at a time, for arrays that memory does not hold."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from compiler.runtime.data.dataset import Array


class ArrayFile:
    """An array (N, *row_shape) in the making; its file is an .npy file once it is closed.

    The bytes are written, not mapped: a full disk is then an `OSError`, where a mapped file would end the process.
    """

    def __init__(self, path: Path, row_shape: tuple[int, ...], dtype: Any) -> None:
        self.row_shape, self.dtype, self.count = row_shape, np.dtype(dtype), 0
        self._file = path.open("wb")
        self._write_header()

    def append(self, rows: Array) -> None:
        """Add rows (n, *row_shape) of the same dtype."""
        assert rows.shape[1:] == self.row_shape and rows.dtype == self.dtype, (rows.shape, rows.dtype)
        self._file.write(np.ascontiguousarray(rows).data)
        self.count += len(rows)

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if error is None:
                self._file.seek(0)
                self._write_header()

    def _write_header(self) -> None:
        """NumPy pads headers so that one of another number of rows takes the same space."""
        descr = np.lib.format.dtype_to_descr(self.dtype)
        shape = (self.count, *self.row_shape)
        np.lib.format.write_array_header_1_0(self._file, {"descr": descr, "fortran_order": False, "shape": shape})
