"""Parquet files: columns with types of their own. Read by pandas with pyarrow, an extra (`lamina[tables]`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from compiler.runtime.data.source import Unreadable
from compiler.runtime.data.tables.settings import TableSettings

if TYPE_CHECKING:
    from compiler.runtime.data.tables.table import Table


class Parquet(TableSettings, source="parquet"):
    """A Parquet file. Numbers stay numbers; booleans, dates and categories become text."""

    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def table(self, path: Path) -> Table:
        import pandas as pd

        from compiler.runtime.data.tables.table import Table, number_column, text_column

        try:
            import pyarrow  # noqa: F401  # pandas asks for it itself, less clearly
        except ImportError:
            raise Unreadable("needs pyarrow, which is not installed", "pip install pyarrow, or save a .csv") from None
        try:
            frame: Any = pd.read_parquet(path)
        except Exception:  # pyarrow raises a dozen kinds on damaged bytes
            raise Unreadable("is no Parquet file, or is damaged") from None
        frame = frame.reset_index(drop=True)
        columns: dict[str, Values] = {}
        for name in frame.columns:
            column = frame[name]
            if pd.api.types.is_bool_dtype(column.dtype):
                columns[str(name)] = text_column(column.map({True: "true", False: "false"}), self.na)
            elif pd.api.types.is_numeric_dtype(column.dtype):
                whole = pd.api.types.is_integer_dtype(column.dtype) and not column.isna().any()
                columns[str(name)] = number_column(column.astype("int64" if whole else "float64"))
            else:
                columns[str(name)] = _texts(column, str(name), self.na)
        return Table(columns)


def _texts(column: Any, name: str, na: tuple[str, ...]) -> Values:
    from compiler.runtime.data.tables.table import text_column

    nested = next(
        (type(value).__name__ for value in column if hasattr(value, "__len__") and not isinstance(value, str)), ""
    )
    if nested:
        raise Unreadable(f"holds neither numbers nor text in column {name!r} (a {nested} in a row)")
    missing = column.isna()
    return text_column(column.astype("str").mask(missing, ""), ("", *na))


if TYPE_CHECKING:
    from compiler.runtime.data.tables.table import Values
