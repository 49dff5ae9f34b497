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

if TYPE_CHECKING:
    from compiler.runtime.data.tables.settings import TableSettings

Indices = NDArray[np.int64]
Content = Any
"""A pandas Series: its own annotations promise less than it does."""

_factorize: Any = pd.factorize
_series: Any = pd.Series


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """One column.

    Attributes:
        content: (N,) text without spaces around it, in pandas's `str`; or numbers, in float64 or int64.
        missing: (N,) whether there is none.
        numbers: (N,) float64; NaN where it is missing or no finite number.
    """

    content: Content
    missing: NDArray[np.bool_]
    numbers: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.missing)

    def take(self, rows: Indices) -> Values:
        """Some rows of it."""
        return Values(self.content.iloc[rows], self.missing[rows], self.numbers[rows])

    @property
    def is_text(self) -> bool:
        """Whether the file has text, be it of numbers."""
        return not pd.api.types.is_numeric_dtype(self.content.dtype)

    @property
    def is_numeric(self) -> bool:
        """Whether all that is there are finite numbers."""
        return bool((np.isfinite(self.numbers) | self.missing).all())

    def texts(self, *, folded: bool = False) -> Content:
        """(N,) text, for categories; whole numbers as integers. `folded` without capitals and repeated spaces."""
        if self.is_text:
            return self.content.str.casefold().str.replace(r"\s+", " ", regex=True) if folded else self.content
        return self.content.map(_as_text).astype("str")


def _as_text(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else repr(float(number))


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns of one length, by name, in the order of the file."""

    columns: Mapping[str, Values]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def take(self, rows: Indices, names: Iterable[str] | None = None) -> Table:
        """Some rows, of some columns."""
        wanted = self.columns if names is None else {name: self.columns[name] for name in names}
        return Table({name: values.take(rows) for name, values in wanted.items()})

    def select(self, names: Iterable[str]) -> Table:
        """Some columns, in this order."""
        return Table({name: self.columns[name] for name in names})

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column as float64 (N,); NaN where it is missing or no finite number."""
        return self.columns[name].numbers

    def fingerprint(self, ids: Indices, rows: Indices) -> str:
        """Sha256 of `ids` and of `rows`, column by column: its name, and its numbers or its texts."""
        digest = hashlib.sha256(np.ascontiguousarray(ids, "<i8").tobytes())
        for name in sorted(self.columns):
            values = self.columns[name]
            digest.update(json.dumps([name, values.is_numeric]).encode())
            if values.is_numeric:
                digest.update(np.ascontiguousarray(values.numbers[rows], "<f8").tobytes())
            else:
                codes, texts = _factorize(values.texts().iloc[rows], sort=True)
                digest.update(json.dumps([str(text) for text in texts]).encode())
                digest.update(np.ascontiguousarray(codes, "<i8").tobytes())
        return digest.hexdigest()


def text_column(content: Content, na: Iterable[str], numbers: Content = None, decimal: str = ".") -> Values:
    """A column of text: spaces around it go, and what `na` lists is missing.

    Args:
        numbers: (N,) the numbers that it holds, where they are known already; NaN for what is missing.
    """
    trimmed: Content = content.astype("str").str.strip()
    missing = np.asarray(trimmed.isin(list(na)) | content.isna(), np.bool_)
    if numbers is None:
        codes, found = _factorize(trimmed)
        to_numeric: Any = pd.to_numeric
        texts: Content = _series(found, dtype="str")
        texts = texts if decimal == "." else texts.str.replace(decimal, ".", regex=False)
        numbers = to_numeric(texts, errors="coerce").to_numpy(np.float64, na_value=np.nan)[codes]
    return Values(trimmed.mask(missing, ""), missing, _finite(numbers, missing))


def number_column(content: Content) -> Values:
    """A column of numbers, int64 or float64, NaN where they are missing."""
    missing = np.asarray(content.isna(), np.bool_)
    return Values(content, missing, _finite(content, missing))


def _finite(numbers: Content, missing: NDArray[np.bool_]) -> NDArray[np.float64]:
    found = np.array(numbers, np.float64)
    found[missing | ~np.isfinite(found)] = np.nan
    return found


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
