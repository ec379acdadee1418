"""Read a list on disk as rows of cells, whether it is text or a workbook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.csv_list import parser, workbook
from connectors.csv_list.errors import ListError
from connectors.csv_list.formula_guard import encode_cells
from connectors.csv_list.parser import TOLD_BY_ITSELF, Layout, Row


def ignore(_line: str) -> None:
    """Ignore notes."""


@contextmanager
def opened_rows(
    path: Path, layout: Layout = TOLD_BY_ITSELF, note: Callable[[str], None] = ignore
) -> Iterator[Iterator[Row]]:
    """All rows of a list, its header among them. `note` receives a line on anything in doubt.

    Raises `ListError`, also in mid-list where it cannot be decoded to the end.
    """
    if workbook.is_workbook(path):
        if layout.encoding or layout.delimiter:
            raise ListError(f"{path} is a workbook: --encoding and --delimiter are for text")
        with workbook.open_sheet(path, layout.sheet) as sheet:
            if sheet.others and not layout.sheet:
                note(told_of_sheets(path.name, sheet))
            yield _of_sheet(path, sheet)
        return
    if layout.sheet:
        raise ListError(f"{path} is not a workbook: --sheet is for .xlsx")
    dialect = parser.detect(path, layout)
    if doubt := dialect.doubt(path.name):
        note(doubt)
    try:
        with parser.open_text(path, dialect.encoding) as file:
            yield parser.rows(file, dialect)
    except UnicodeError as error:
        raise parser.undecodable(path, dialect.encoding, error) from error


def told_of_sheets(name: str, sheet: workbook.Sheet) -> str:
    return (
        f"{name}: sheet {sheet.name!r} is read; there are also {', '.join(sheet.others)} "
        "(choose with --sheet)"
    )


def empty_sheet(name: str, sheet: workbook.Sheet) -> ListError:
    return ListError(f"{name}: sheet {sheet.name!r} is empty; name another one with --sheet")


def _of_sheet(path: Path, sheet: workbook.Sheet) -> Iterator[Row]:
    empty = True
    for number, cells in sheet.rows:
        if empty and not cells:  # above the header
            continue
        empty = False
        texts = [cell.text for cell in cells]
        yield Row(number, encode_cells(texts, ","), "\n", texts)
    if empty:
        raise empty_sheet(str(path), sheet)
