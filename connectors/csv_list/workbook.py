"""Read and write Excel workbooks (.xlsx) as lists, streaming any number of rows.

openpyxl's read-only and write-only modes need (nearly) the same memory for a sheet of any length
(https://openpyxl.readthedocs.io/en/stable/optimized.html). We carry over values: text, numbers,
dates, and for formulas the value that the spreadsheet program stored last.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from connectors.csv_list.errors import ListError

MOST_ROWS = 1_048_576  # of a sheet, by Excel's specification
LONGEST_CELL = 32_767  # characters
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ZEROS = re.compile(r"0{2,}")  # a format that fills a number up with zeros
# What XML cannot hold; Excel writes none of it either.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Cell:
    """`value`: as the workbook holds it; `text`: as a list on disk would; `format`: how Excel
    shows it."""

    value: Any
    text: str
    format: str = "General"


@dataclass(frozen=True)
class Sheet:
    """One sheet of a workbook. `others`: the names of the rest. `rows`: (number of the row counting
    from 1, cells without empty ones at the end)."""

    name: str
    others: tuple[str, ...]
    rows: Iterator[tuple[int, list[Cell]]]


def is_workbook(path: Path, name: str = "") -> bool:
    """Whether a file is an .xlsx workbook, by its content; raises `ListError` for other formats of
    spreadsheet programs, which cannot be read."""
    name = name or str(path)
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise ListError(f"{name} cannot be read: {error.strerror}") from error
    if start == _OLE:
        raise ListError(
            f"{name} is an old Excel file (.xls) or has a password; save it as .xlsx or "
            "CSV, without a password"
        )
    if not start.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            parts = frozenset(archive.namelist())
    except (zipfile.BadZipFile, OSError) as error:
        raise ListError(f"{name} is a damaged workbook or archive; save it again") from error
    if "xl/workbook.xml" in parts:
        return True
    raise ListError(f"{name} is neither an .xlsx workbook nor text; save the list as .xlsx or CSV")


@contextmanager
def open_sheet(path: Path, wanted: str = "", name: str = "") -> Iterator[Sheet]:
    """Open a sheet by its name, or the first visible one; raises `ListError`."""
    from openpyxl import load_workbook  # half a second, which lists of text need not wait

    name = name or str(path)
    # An opened file: given a path, openpyxl refuses one that is not called .xlsx.
    file = path.open("rb")
    try:
        book = load_workbook(file, read_only=True, data_only=True)
    except Exception as error:  # of a broken file it raises whatever its parsers do
        file.close()
        raise ListError(f"{name} is a damaged workbook; save it again") from error
    try:
        sheets = {sheet.title: sheet for sheet in book.worksheets}
        if not sheets:
            raise ListError(f"{name} has no sheet with cells")
        shown = [title for title, sheet in sheets.items() if sheet.sheet_state == "visible"]
        chosen = wanted or (shown or [*sheets])[0]
        if chosen not in sheets:
            raise ListError(f"{name} has no sheet {wanted!r}; there are: {', '.join(sheets)}")
        sheet = sheets[chosen]
        sheet.reset_dimensions()  # some programs write wrong ones, and rows would be cut off
        others = tuple(title for title in sheets if title != chosen)
        yield Sheet(chosen, others, _rows(sheet, name))
    finally:
        book.close()
        file.close()


def _rows(sheet: Any, name: str) -> Iterator[tuple[int, list[Cell]]]:
    try:
        for number, row in enumerate(sheet.iter_rows(), start=1):
            cells = [_cell(cell) for cell in row]
            while cells and not cells[-1].text:
                cells.pop()
            yield number, cells
    except (zipfile.BadZipFile, KeyError, ValueError, SyntaxError, EOFError) as error:
        raise ListError(f"{name} is a damaged workbook; save it again") from error


_EMPTY = Cell(None, "")


def _cell(cell: Any) -> Cell:
    value = cell.value
    if value is None:
        return _EMPTY
    if isinstance(value, str):
        return Cell(value, value)
    shown = cell.number_format
    return Cell(value, as_text(value, shown), shown)


def as_text(value: Any, shown: str = "General") -> str:
    """Return a cell's value as a list would write it: a number with exactly its digits.

    >>> as_text(14155550123.0), as_text(2079460000, "00000000000"), as_text(1.5)
    ('14155550123', '02079460000', '1.5')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)  # Excel keeps 15 digits: of a longer number the last are lost
    if isinstance(value, int):
        text = str(value)
        return text.zfill(len(shown)) if _ZEROS.fullmatch(shown) and value >= 0 else text
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)


class WorkbookWriter:
    """Write a workbook of one sheet, row by row. The file exists once `save` has returned."""

    def __init__(self, title: str) -> None:
        from openpyxl import Workbook

        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet(re.sub(r"[\[\]:*?/\\]", " ", title)[:31] or "List")
        self._rows = 0

    def row(self, cells: Iterable[Cell | str]) -> None:
        """Add a row. Text is written as text, also where it looks like a formula or a number;
        raises `ListError` where the sheet is full."""
        self._rows += 1
        if self._rows > MOST_ROWS:
            raise ListError(f"a sheet holds {MOST_ROWS:,} rows at most; write the list as CSV")
        self._sheet.append([self._made(cell) for cell in cells])

    def _made(self, cell: Cell | str) -> Any:
        from openpyxl.cell import WriteOnlyCell

        value: Any = cell if isinstance(cell, str) else cell.value
        if not isinstance(value, str):
            if value is None or isinstance(value, bool) or not isinstance(cell, Cell):
                return value
            output_cell = WriteOnlyCell(self._sheet, value)
            if cell.format != "General":
                output_cell.number_format = cell.format
            return output_cell
        if not value:
            return None
        text = _ILLEGAL.sub("", value)[:LONGEST_CELL]
        if text[:1] not in ("=", "#"):
            return text
        output_cell = WriteOnlyCell(self._sheet, text)
        output_cell.data_type = "s"  # or it would be a formula, or an error
        return output_cell

    def save(self, path: Path) -> None:
        self._book.save(path)
        self._book.close()

    def abandon(self) -> None:
        """Discard what was written; until `save`, the rows are in a temporary file."""
        self._sheet.close()


def cells_of_text(cells: Sequence[str]) -> list[Cell]:
    return [Cell(text, text) for text in cells]
