"""Read lists on disk: numbers to suppress, or reports. Rows that cannot be used are reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError

from connectors.csv_list import parser
from connectors.csv_list.columns import guess_columns, is_data, place_named, unique_names
from connectors.csv_list.errors import ListError
from connectors.csv_list.file import opened_rows
from connectors.csv_list.formula_guard import csv_line, without_guard
from connectors.csv_list.parser import TOLD_BY_ITSELF, Layout
from worker.feedback.sources.submitted_reports import InvalidReportError, Report
from worker.phones import is_possible, parse_field, region_of
from worker.phones.text import undo_spreadsheet_damage

# What people call the columns of a list of reports: our name -> theirs, in lower case.
_COLUMN_NAMES = {
    "kind": ("kind", "type", "report"),
    "at": ("at", "date", "time", "when", "timestamp"),
    "evidence": ("evidence", "reason", "note", "notes", "comment"),
    "channels": ("channels", "channel"),
    "key": ("key",),
    "source": ("source",),
    "new_number": ("new_number", "new number"),
    "connector": ("connector", "crm"),
    "id": ("id", "record id", "record_id", "contact id"),
    "code": ("code", "error code", "error_code", "errorcode"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a list. `number`: its line, from 1. `cells`: by our names of columns."""

    number: int
    raw: str
    cells: Mapping[str, str]


@dataclass
class Refusals:
    """Rows that could not be used: how many, and all of them in a file if one is given."""

    count: int = 0
    first: list[str] = field(default_factory=list)
    file: TextIO | None = None
    notes: list[str] = field(default_factory=list)  # what is in doubt of the list as a whole

    def add(self, row_number: int, raw: str, why: str) -> None:
        self.count += 1
        if len(self.first) < 10:
            self.first.append(f"line {row_number}: {why}")
        if self.file is not None:
            self.file.write(csv_line([str(row_number), why, raw]))


@contextmanager
def open_refusals(path: Path | None) -> Iterator[Refusals]:
    """Collect refused rows, in the file `path` if one is given."""
    if path is None:
        yield Refusals()
        return
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(csv_line(["line", "why", "row"]))
            yield Refusals(file=file)
    except OSError as error:
        raise ListError(f"{path} cannot be written: {error.strerror}") from error


def read_numbers(
    path: Path,
    column: str,
    country: str,
    refused: Refusals,
    progress: Callable[[int], None] = lambda _bytes: None,
    layout: Layout = TOLD_BY_ITSELF,
) -> Iterator[str]:
    """Yield the numbers of a list, in E.164.

    They are one a line, in one column of a table, or, if no column is named, in all columns that
    hold phone numbers. Each number of a cell with several counts.
    """
    region = region_of(country) if country else None
    for row in _rows(path, {"number": column}, refused, layout, bare=True):
        progress(len(row.raw) + 1)
        unread = False
        for cell in row.cells.values():
            text, _ = undo_spreadsheet_damage(cell.strip())
            numbers = _numbers(text, region)
            yield from numbers
            unread = unread or bool(text and not numbers)
        if unread:
            refused.add(row.number, row.raw, "no phone number; see --country")


def _numbers(text: str, region: str | None) -> list[str]:
    if not text or is_possible(text):
        return [text] if text else []
    numbers = [number.e164 for number in parse_field(text, region).numbers]
    if not numbers and text.isdigit() and 8 <= len(text) <= 15 and region is None:
        numbers = [
            number.e164 for number in parse_field("+" + text, None).numbers
        ]  # as registries do
    return numbers


def read_reports(
    path: Path,
    mapping: Mapping[str, str],
    fixed: Mapping[str, str],
    refused: Refusals,
    layout: Layout = TOLD_BY_ITSELF,
) -> Iterator[tuple[int, str, Report]]:
    """Yield (line, row, report) for each row that can be read. `mapping`: our name -> column;
    `fixed`: our name -> a value for all rows."""
    for row in _rows(path, mapping, refused, layout):
        cells = {**row.cells, **fixed}
        try:
            yield row.number, row.raw, Report.model_validate(_as_report(cells, path))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            refused.add(row.number, row.raw, f"{where}: {first['msg']}")
        except InvalidReportError as error:
            refused.add(row.number, row.raw, str(error))


def _as_report(cells: Mapping[str, str], path: Path) -> dict[str, Any]:
    report: dict[str, Any] = {
        name: cells[name].strip()
        for name in ("number", "evidence", "new_number", "key", "source", "code")
        if cells.get(name, "").strip()
    }
    report["kind"] = cells.get("kind", "").strip().lower().replace(" ", "_").replace("-", "_")
    report.setdefault("source", f"file {path.name}"[:36])
    channels = cells.get("channels", "").lower().replace(",", " ").replace(";", " ").split()
    report["channels"] = [channel for channel in channels if channel not in ("all", "both")]
    if cells.get("id", "").strip():
        report["contact"] = {
            "connector": cells.get("connector", "").strip().lower(),
            "id": cells["id"].strip(),
        }
    if text := cells.get("at", "").strip():
        report["at"] = _parse_time(text, report["kind"])
    return report


def _parse_time(text: str, kind: str) -> datetime:
    """Parse when a report was made. A day without a time is its end for what stops and its
    beginning for what lifts: on one day, the yes may have come first."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidReportError(
            f"at: write it like 2026-01-31 or 2026-01-31T12:00:00Z ({text[:20]!r})"
        ) from None
    if kind not in ("opt_in", "confirmed") and _is_day(text):
        moment = datetime.combine(moment, time.max)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def _rows(
    path: Path, mapping: Mapping[str, str], refused: Refusals, layout: Layout, bare: bool = False
) -> Iterator[Row]:
    """Stream a list. `bare`: a list of numbers alone, which may have no header; if no column is
    named, all of its columns of phone numbers count."""
    places: dict[str, int] | None = None
    beside: list[int] = []  # further columns of numbers
    with opened_rows(path, layout, refused.notes.append) as rows:
        for row in rows:
            values = [without_guard(parser.readable(cell)) for cell in row.cells]
            if places is None:
                if bare and _is_bare(values, mapping.get("number", "")):
                    places = {"number": int(mapping.get("number") or 1) - 1}
                else:
                    places = _column_positions(path, values, mapping)
                    if bare and not mapping.get("number"):
                        names = unique_names(values)
                        phones = [names.index(name) for name in guess_columns(names)["phones"]]
                        beside = [at for at in phones if at != places["number"]]
                        places = {"number": places["number"]}
                    continue
            if row.problem:
                refused.add(row.number, row.raw, row.problem)
                continue
            cells = {name: values[at] for name, at in places.items() if at < len(values)}
            numbers = {f"number {at}": values[at] for at in beside if at < len(values)}
            yield Row(row.number, row.raw, {"number": "", **cells, **numbers})


def _is_bare(cells: Sequence[str], column: str) -> bool:
    """Return whether a list has no header: it has one number a line, or a column named by its
    position."""
    place = int(column) - 1 if column.isdecimal() and int(column) else 0
    if place >= len(cells) or (column and not column.isdecimal()):
        return False
    cell = cells[place].strip()
    letters = sum(mark.isalpha() for mark in cell)
    return sum(mark.isdigit() for mark in cell) >= 7 and letters < 4


def _column_positions(
    path: Path, header: Sequence[str], mapping: Mapping[str, str]
) -> dict[str, int]:
    """Return the position of each column, by our name."""
    if shown := is_data(header):
        raise ListError(
            f"{path}: the first row must hold the column names, but {shown}; add a row with names"
        )
    positions: dict[str, int] = {}
    for name, column in mapping.items():
        if column:
            positions[name] = place_named(header, column, "--column", str(path))
    lowered = [name.strip().casefold() for name in header]
    for name, guesses in {**_COLUMN_NAMES, "number": ("number",)}.items():
        guess = next((guess for guess in guesses if guess in lowered), None)
        if name not in positions and guess is not None:
            # Of two columns of one name each may hold what the other does not.
            positions[name] = place_named(lowered, guess, f"--column {name}=...", str(path))
    if "number" not in positions:
        names = unique_names(header)
        if phones := guess_columns(names)["phones"]:
            positions["number"] = names.index(phones[0])
        elif "id" not in positions:
            raise ListError(
                f"{path}: no column looks like a phone number; name it with --column "
                f"(there are: {', '.join(names)})"
            )
    return positions
