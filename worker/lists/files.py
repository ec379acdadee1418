"""Read and write the lists of `hygiene clean`: text and workbooks, files and standard streams.

A source gives its rows in batches of text (`str`: the row as it was in the file) or of a sheet's
cells. An output takes either, so that every source works with every output.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, Protocol

from config import temporary
from connectors.csv_list import parser, workbook
from connectors.csv_list.columns import SAMPLE_ROWS
from connectors.csv_list.errors import ListError
from connectors.csv_list.file import empty_sheet, told_of_sheets
from connectors.csv_list.formula_guard import encode_cells, formula_safe
from connectors.csv_list.parser import Dialect, Layout, Plain, Record
from connectors.csv_list.workbook import Cell, WorkbookWriter

STANDARD = Path("-")  # standard input or output
ROWS_AT_ONCE = 2000

CellRows = list[tuple[int, list[Cell]]]  # rows of a sheet, with their numbers


@dataclass
class Source:
    """An opened list. `head`: its first rows, with the header; `batches` go on behind the header.

    `dialect`: how a list of text is written, None for a sheet. `size`: bytes, about as text.
    `rows_above`: empty rows of a sheet above its first one.
    """

    name: str
    head: list[Sequence[str]]
    batches: Iterator[Plain | Sequence[Record] | CellRows]
    size: int
    dialect: Dialect | None = None
    header: Record | None = None
    header_cells: Sequence[Cell] = ()
    rows_above: int = 0
    sheet: str = ""
    problem: str = ""  # of the first row
    notes: tuple[str, ...] = ()


class Output(Protocol):
    """`as_cells`: whether added cells are wanted one by one, or as text to put behind a row."""

    as_cells: bool

    def header(self, source: Source, added: Sequence[str]) -> None: ...

    def text(self, text: str) -> None:
        """Some whole rows, ready."""

    def row(self, row: str | Sequence[Cell], added: Sequence[str], width: int) -> None: ...

    def finish(self) -> None:
        """Finish the file after the last row."""


# -- in ---------------------------------------------------------------------------------------


@contextmanager
def local_file(source: Path) -> Iterator[tuple[Path, str]]:
    """Yield a file that can be read twice, and its name in messages. Standard input and pipes are
    copied to a temporary file."""
    if source != STANDARD and not (
        source.exists() and not source.is_file() and not source.is_dir()
    ):
        yield source, str(source)
        return
    with temporary.folder() as folder:
        copy = folder / "list"
        with copy.open("wb") as file:
            if source == STANDARD:
                shutil.copyfileobj(sys.stdin.buffer, file)
            else:
                with source.open("rb") as stream:
                    shutil.copyfileobj(stream, file)
        yield copy, "standard input" if source == STANDARD else str(source)


@contextmanager
def opened(path: Path, name: str, layout: Layout) -> Iterator[Source]:
    """Open a list of either kind; raises `ListError`."""
    if workbook.is_workbook(path, name):
        with workbook.open_sheet(path, layout.sheet, name) as sheet:
            yield _sheet_source(path, name, sheet, layout)
        return
    if layout.sheet:
        raise ListError(f"{name} is not a workbook: --sheet is for .xlsx")
    dialect = parser.detect(path, layout, name)
    try:
        head = parser.head(path, dialect, SAMPLE_ROWS)
        with parser.open_text(path, dialect.encoding) as lines:
            yield _text_source(path, name, lines, dialect, head, layout)
    except UnicodeDecodeError as error:
        raise parser.undecodable(Path(name), dialect.encoding, error) from error


def _text_source(
    path: Path, name: str, lines: IO[str], dialect: Dialect, head: list[parser.Row], layout: Layout
) -> Source:
    records = parser.Records(lines, dialect.preamble)
    header = next(records, None) if layout.header else None
    doubt = dialect.doubt(name)
    return Source(
        name,
        [[*map(parser.readable, row.cells)] for row in head],
        iter(lambda: records.some(ROWS_AT_ONCE), []),
        path.stat().st_size,
        dialect,
        header,
        problem=head[0].problem if head else "",
        notes=(doubt,) if doubt else (),
    )


def _sheet_source(path: Path, name: str, sheet: workbook.Sheet, layout: Layout) -> Source:
    filled = next((row for row in sheet.rows if row[1]), None)
    if filled is None:
        raise empty_sheet(name, sheet)
    number, first = filled
    head = [filled, *islice(sheet.rows, SAMPLE_ROWS - 1)]
    notes = (told_of_sheets(name, sheet),) if sheet.others and not layout.sheet else ()

    def batches() -> Iterator[CellRows]:
        yield head[1:] if layout.header else head
        while batch := [*islice(sheet.rows, ROWS_AT_ONCE)]:
            yield batch

    return Source(
        name,
        [[cell.text for cell in cells] for _, cells in head],
        batches(),
        path.stat().st_size * 6,  # of cells without their markup, unpacked
        header_cells=first if layout.header else (),
        rows_above=number - 1,
        sheet=sheet.name,
        notes=notes,
    )


# -- out --------------------------------------------------------------------------------------


def check_target(source: Path, target: Path, overwrite: bool) -> None:
    """Raise `ListError`, before reading, if the new list cannot or must not be written."""
    if target == STANDARD:
        return
    if target.suffix.lower() in (".xls", ".ods", ".numbers"):
        raise ListError(f"-o: {target.suffix} cannot be written; name it .xlsx or .csv")
    if target.is_dir():
        raise ListError(f"-o: {target} is a folder; name a file in it")
    if target.exists() and source.exists() and target.samefile(source):
        raise ListError("-o must name another file than the list itself")
    if not target.parent.is_dir():
        raise ListError(f"-o: there is no folder {target.parent}; make it first")
    if target.is_file() and not overwrite:
        raise ListError(f"-o: {target} exists already; --force replaces it")


@contextmanager
def written_whole(target: Path, overwrite: bool) -> Iterator[Path]:
    """Yield a file to write to. It replaces the target once all is written, so that the target is
    always complete or unchanged. Standard output and devices receive a copy."""
    device = target.exists() and not target.is_file()
    if target == STANDARD or device:
        with temporary.folder() as folder:
            part = folder / "list"
            yield part
            with part.open("rb") as file:
                if device:
                    with target.open("wb") as out:
                        shutil.copyfileobj(file, out)
                    return
                shutil.copyfileobj(file, sys.stdout.buffer)
                sys.stdout.buffer.flush()
        return
    place = target.resolve()  # a link stays one
    part = place.with_name(f".{place.name}.part")
    try:
        yield part
        if place.exists():
            if not overwrite:
                raise ListError(f"-o: {target} exists already; --force replaces it")
            shutil.copymode(place, part)
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def opened_output(part: Path, target: Path, source: Source, layout: Layout) -> Iterator[Output]:
    """Write a workbook if the target is named .xlsx, else text in the format of the list."""
    if target.suffix.lower() in (".xlsx", ".xlsm"):
        sheet = SheetOutput(WorkbookWriter(source.sheet or "List"), part, source.dialect)
        try:
            yield sheet
        finally:
            sheet.close()
        return
    dialect = source.dialect or _dialect_of_copy(layout)
    try:
        with parser.open_text(part, dialect.encoding, "w") as file:
            yield TextOutput(file, dialect)
    except UnicodeEncodeError as error:
        raise ListError(
            f"the list cannot be written in {dialect.encoding} ({error.reason}); choose --encoding "
            "utf-8"
        ) from error


def _dialect_of_copy(layout: Layout) -> Dialect:
    """Return how to write a workbook as text: UTF-8 with commas, unless options say otherwise."""
    return Dialect(layout.encoding or "utf-8", layout.delimiter or ",", "\r\n")


class TextOutput:
    as_cells = False

    def __init__(self, file: IO[str], dialect: Dialect) -> None:
        self._file, self._dialect = file, dialect

    def header(self, source: Source, added: Sequence[str]) -> None:
        delimiter = self._dialect.delimiter
        behind = encode_cells([formula_safe(cell) for cell in added], delimiter)
        self._file.write(self._dialect.preamble)
        if source.header is not None:
            row = parser.row_of(source.header, delimiter)
            end = row.end or self._dialect.newline
            self._file.write(f"{row.raw}{delimiter}{behind}{end}")
        elif source.header_cells:
            names = encode_cells([cell.text for cell in source.header_cells], delimiter)
            self._file.write(f"{names}{delimiter}{behind}{self._dialect.newline}")

    def text(self, text: str) -> None:
        self._file.write(text)

    def row(self, row: str | Sequence[Cell], added: Sequence[str], width: int) -> None:
        """A row of a sheet."""
        delimiter = self._dialect.delimiter
        cells = [cell.text for cell in row if isinstance(cell, Cell)]
        cells += [""] * (width - len(cells))
        behind = f"{delimiter}{encode_cells(added, delimiter)}" if added else ""
        self._file.write(encode_cells(cells, delimiter) + behind + self._dialect.newline)

    def finish(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


class SheetOutput:
    as_cells = True

    def __init__(self, book: WorkbookWriter, part: Path, dialect: Dialect | None) -> None:
        self._book, self._part = book, part
        self._dialect = dialect
        self._saved = False

    def header(self, source: Source, added: Sequence[str]) -> None:
        names: list[Cell | str] = [*source.header_cells]
        if source.header is not None and self._dialect is not None:
            names += parser.row_of(source.header, self._dialect.delimiter).cells
        for _ in range(source.rows_above):
            self._book.row(())
        if names:
            self._book.row([*names, *map(formula_safe, added)])

    def text(self, text: str) -> None:
        raise NotImplementedError("a sheet is written row by row")

    def row(self, row: str | Sequence[Cell], added: Sequence[str], width: int) -> None:
        cells: list[Cell | str]
        if not isinstance(row, str):
            cells = [*row]
        else:
            assert self._dialect is not None
            read = parser.row_of(Record(0, row), self._dialect.delimiter)
            cells = [*map(parser.readable, read.cells or [row])]
        if added:
            cells += [""] * (width - len(cells))
        self._book.row([*cells, *added])

    def finish(self) -> None:
        self._book.save(self._part)
        self._saved = True

    def close(self) -> None:
        if not self._saved:
            self._book.abandon()


def without_mark(layout: Layout) -> Layout:
    """The same for what is read: a byte order mark is told by the file."""
    plain = layout.encoding.lower().replace("_", "-")
    return replace(layout, encoding="utf-8") if plain == "utf-8-sig" else layout
