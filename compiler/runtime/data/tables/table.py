"""A table in memory: its columns by name, each as text or as numbers, with what is missing marked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from compiler.runtime.data.dataset import chunks

if TYPE_CHECKING:
    from compiler.runtime.data.tables.settings import TableSettings

Indices = NDArray[np.int64]
Content = Any
"""A pandas Series: its own annotations promise less than it does."""


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """One column.

    Attributes:
        content: (N,) text without spaces around it, in pandas's `str`; or numbers, in float64 or int64.
        missing: (N,) whether there is none.
    """

    content: Content
    missing: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.missing)

    def take(self, rows: Indices) -> Values:
        """Some rows of it."""
        return Values(self.content.iloc[rows], self.missing[rows])

    @property
    def is_text(self) -> bool:
        return not pd.api.types.is_numeric_dtype(self.content.dtype)

    def numbers(self, decimal: str = ".") -> NDArray[np.float64]:
        """(N,) float64; NaN where it is missing or no finite number."""
        content: Content = self.content
        if self.is_text:
            written: Content = content if decimal == "." else content.str.replace(decimal, ".", regex=False)
            to_numeric: Any = pd.to_numeric
            content = to_numeric(written, errors="coerce")
        found = content.to_numpy(np.float64, na_value=np.nan).copy()
        found[self.missing | ~np.isfinite(found)] = np.nan
        return found

    def texts(self, *, folded: bool = False) -> Content:
        """(N,) text, for categories; whole numbers as integers. `folded` without capitals and repeated spaces."""
        if self.is_text:
            return self.content.str.casefold().str.replace(r"\s+", " ", regex=True) if folded else self.content
        return self.content.map(_as_text).astype("str")


def _as_text(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else repr(float(number))


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns of one length, by name, in the order of the file.

    Attributes:
        decimal: what stands before the fraction of a number that is written as text.
    """

    columns: Mapping[str, Values]
    decimal: str = "."

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def take(self, rows: Indices, names: Iterable[str] | None = None) -> Table:
        """Some rows, of some columns."""
        wanted = self.columns if names is None else {name: self.columns[name] for name in names}
        return Table({name: values.take(rows) for name, values in wanted.items()}, self.decimal)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column as float64 (N,); NaN where it is missing or no finite number."""
        return self.columns[name].numbers(self.decimal)

    def fingerprint(self, ids: Indices, rows: Indices) -> str:
        """Sha256 of `ids` and of `rows`, column by column: name, then content as the file has it."""
        digest = hashlib.sha256(np.ascontiguousarray(ids, "<i8").tobytes())
        for name in sorted(self.columns):
            values = self.columns[name]
            digest.update(json.dumps([name, "text" if values.is_text else "numbers"]).encode())
            for part in chunks(len(rows), 16):
                content: Content = values.content.iloc[rows[part]]
                if values.is_text:
                    digest.update(json.dumps(content.tolist()).encode())
                else:
                    digest.update(np.ascontiguousarray(content, dtype="<f8").tobytes())
        return digest.hexdigest()


def text_column(content: Content, na: Iterable[str]) -> Values:
    """A column of text: spaces around it go, and what `na` lists is missing."""
    trimmed = content.astype("str").str.strip()
    missing = np.asarray(trimmed.isin(list(na)) | content.isna(), np.bool_)
    return Values(trimmed.mask(missing, ""), missing)


def held(settings: TableSettings, path: Path) -> Table:
    """The table of the file at `path`; the last ones are kept, since a plan looks at what the training then reads.

    Raises:
        Unreadable: it is not what its format asks for.
    """
    stat = path.stat()
    return _held(settings.source, _key(settings), path.resolve(), stat.st_mtime_ns, stat.st_size, _Ask(settings))


def release() -> None:
    """Forget the tables that are kept."""
    _held.cache_clear()


@dataclass(frozen=True, slots=True)
class _Ask:
    """Settings that do not count as part of a key."""

    settings: TableSettings

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Ask)

    def __hash__(self) -> int:
        return 0


def _key(settings: TableSettings) -> str:
    return json.dumps([getattr(settings, key, None) for key in ("separator", "decimal", "encoding", "na")])


@lru_cache(maxsize=3)
def _held(source: str, key: str, path: Path, changed: int, size: int, ask: _Ask) -> Table:
    return ask.settings.table(path)
