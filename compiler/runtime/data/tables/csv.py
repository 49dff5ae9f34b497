"""Text files with a line a row: comma-separated or separated by what the user says.

Format: RFC 4180, with a header line; empty lines are skipped, as pandas does.
"""

from __future__ import annotations

import csv
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from compiler.runtime.data.source import Unreadable
from compiler.runtime.data.tables.settings import TableSettings
from compiler.settings import Str, is_str, rule

if TYPE_CHECKING:
    from compiler.runtime.data.tables.table import Table

_SHOWN = 5
_FIELD_BYTES = 1 << 24  # the longest field that is read; Python's own limit is 128 KB

Character = Annotated[
    str, rule("one character", is_str, lambda text: len(text) == 1, {"type": "string", "maxLength": 1})
]


class Csv(TableSettings, source="csv"):
    """A text file with a header.

    Fields:
        separator: between fields; a tab is "\\t" in YAML.
        decimal: before the fraction of a number.
        encoding: of the text, by Python's name; utf-8 may begin with a byte order mark.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".txt")

    separator: Character = ","
    decimal: Character = "."
    encoding: Str = "utf-8"

    def table(self, path: Path) -> Table:
        import pandas as pd

        from compiler.runtime.data.tables.table import Table, text_column

        encoding = "utf-8-sig" if self.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else self.encoding
        header = _checked_header(path, self.separator, encoding)
        reader: Any = pd.read_csv
        try:
            frame = reader(
                path, sep=self.separator, encoding=encoding, dtype="str", names=header, header=0, index_col=False,
                keep_default_na=False, na_filter=False, low_memory=False,
            )  # fmt: skip
            # the numbers too, where a whole column has them: faster than from text
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pandas 3.1 reads exactly by default and says so, 2.2 does not
                typed = reader(
                    path, sep=self.separator, encoding=encoding, names=header, header=0, index_col=False,
                    keep_default_na=False, na_values=list(self.na), decimal=self.decimal, float_precision="round_trip",
                    low_memory=False,
                )  # fmt: skip
        except (ValueError, OSError) as error:  # pandas's own errors are ValueErrors
            raise Unreadable(f"cannot be read ({str(error).splitlines()[0][:120]})") from None
        known = {name: typed[name] for name in header if _is_number(typed[name].dtype)}
        columns = {name: text_column(frame[name], self.na, known.get(name), self.decimal) for name in header}
        return Table(columns)


def _is_number(dtype: Any) -> bool:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return is_numeric_dtype(dtype) and not is_bool_dtype(dtype)


def _checked_header(path: Path, separator: str, encoding: str) -> list[str]:
    """The names of the columns, once every line is known to have a field for each.

    pandas fills short lines in without a word, and says nothing of names that are there twice.

    Raises:
        Unreadable: the encoding is another one, a line has more or fewer fields, a name is empty or there twice.
    """
    header: list[str] = []
    wrong: list[tuple[int, int]] = []
    count = line = 0
    csv.field_size_limit(_FIELD_BYTES)
    try:
        with path.open(encoding=encoding, newline="") as file:
            rows = csv.reader(file, delimiter=separator)
            for row in rows:
                line = rows.line_num
                if not row:
                    continue
                if not header:
                    header = [name.strip() for name in row]
                    _check_names(header)
                elif len(row) != len(header):
                    count += 1
                    wrong += [(line, len(row))] if len(wrong) < _SHOWN else []
    except UnicodeDecodeError as error:
        hint = "encoding: cp1252 or latin-1 for older files of Windows, utf-16 for Excel's Unicode text"
        name, byte = encoding.removesuffix("-sig"), error.object[error.start]
        found = _undecodable(path, encoding)
        message = f"is no {name} text: byte 0x{byte:02x} in line {found or line}"
        raise Unreadable(message, hint) from None
    except LookupError:
        raise Unreadable(f"cannot be decoded: there is no encoding {encoding!r}", "encoding: utf-8") from None
    except UnicodeError as error:
        raise Unreadable(f"is no {encoding} text ({str(error)[:80]})", "encoding: utf-8") from None
    except (csv.Error, OSError) as error:
        raise Unreadable(f"cannot be read behind line {line} ({error})") from None
    if not header:
        raise Unreadable("is empty: it has no header", "a first line with the names of the columns")
    if count:
        first, found = wrong[0]
        message = f"has {found} field{'s' if found > 1 else ''} in line {first}, but its header has {len(header)}"
        others = ", ".join(str(number) for number, _ in wrong) + (", ..." if count > _SHOWN else "")
        message += f"; {count:,} such lines: {others}" if count > 1 else ""
        raise Unreadable(message, f'quote a field that has a {separator!r} in it: "..."')
    return header


def _undecodable(path: Path, encoding: str) -> int | None:
    """The first line that does not decode by itself; None where all do."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                raw.decode(encoding)
            except UnicodeDecodeError:
                return number
    return None


def _check_names(header: list[str]) -> None:
    twice = sorted({name for name in header if header.count(name) > 1 and name})
    if twice:
        names = ", ".join(repr(name) for name in twice[:_SHOWN])
        raise Unreadable(f"has {names} more than once in its header", "a name of its own for each column")
    if "" in header:
        at = header.index("") + 1
        raise Unreadable(
            f"has no name for column {at} of {len(header)} in its header", "a header line with a name for each"
        )
