"""Lists on disk: numbers to suppress, reports to take in. A row that cannot be used is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError

from connectors import csvtext
from connectors.csvtext import ListError
from connectors.formula_guard import csv_line
from worker.feedback.incoming import RefusedError, Report
from worker.phones import is_possible, region_of
from worker.story import number_of

_GUESSED = {"kind": ("kind", "type", "report"), "at": ("at", "date", "time", "when", "timestamp"),
            "evidence": ("evidence", "reason", "note", "notes", "comment"),
            "channels": ("channels", "channel"), "key": ("key",), "source": ("source",),
            "new_number": ("new_number", "new number"), "connector": ("connector", "crm"),
            "id": ("id", "record id", "record_id", "contact id"),
            "code": ("code", "error code", "error_code", "errorcode")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a list; `number` counts lines from 1. `cells`: by the names that we use."""

    number: int
    raw: str
    cells: Mapping[str, str]


@dataclass
class Refusals:
    """Rows that could not be used: how many, and all of them in a file where one is given."""

    count: int = 0
    first: list[str] = field(default_factory=list)
    file: TextIO | None = None

    def add(self, row_number: int, raw: str, why: str) -> None:
        self.count += 1
        if len(self.first) < 10:
            self.first.append(f"line {row_number}: {why}")
        if self.file is not None:
            self.file.write(csv_line([str(row_number), why, raw]))


@contextmanager
def refusals(path: Path | None) -> Iterator[Refusals]:
    """Keeps what is refused, in `path` if there is to be such a file."""
    if path is None:
        yield Refusals()
        return
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(csv_line(["line", "why", "row"]))
            yield Refusals(file=file)
    except OSError as error:
        raise ListError(f"{path} cannot be written: {error.strerror}") from error


def numbers_of(
    path: Path,
    column: str,
    country: str,
    refused: Refusals,
    progress: Callable[[int], None] = lambda _bytes: None,
) -> Iterator[str]:
    """The numbers of a list, in E.164: one a line, or one column of a table."""
    region = region_of(country) if country else None
    for row in _rows(path, {"number": column}, refused, bare=True):
        text = row.cells["number"].strip()
        progress(len(row.raw) + 1)
        if not text:
            continue
        number = text if is_possible(text) else number_of(text, region)
        if number is None and text.isdigit() and 8 <= len(text) <= 15 and region is None:
            number = number_of("+" + text)  # as registries write them
        if number is None:
            refused.add(row.number, row.raw, "no single phone number; see --country")
        else:
            yield number


def reports_of(
    path: Path, mapping: Mapping[str, str], fixed: Mapping[str, str], refused: Refusals
) -> Iterator[tuple[int, str, Report]]:
    """(line, row, report) for each row that can be read. `mapping`: our name -> column;
    `fixed`: our name -> a value for all rows."""
    for row in _rows(path, mapping, refused):
        cells = {**row.cells, **fixed}
        try:
            yield row.number, row.raw, Report.model_validate(_as_report(cells, path))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            refused.add(row.number, row.raw, f"{where}: {first['msg']}")
        except RefusedError as error:
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
    report["channels"] = [one for one in channels if one not in ("all", "both")]
    if cells.get("id", "").strip():
        report["contact"] = {
            "connector": cells.get("connector", "").strip().lower(),
            "id": cells["id"].strip(),
        }
    if text := cells.get("at", "").strip():
        report["at"] = _moment(text)
    return report


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(f"at: write it like 2026-01-31 or 2026-01-31T12:00:00Z ({text[:20]!r})"
                           ) from None  # fmt: skip
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _rows(
    path: Path, mapping: Mapping[str, str], refused: Refusals, bare: bool = False
) -> Iterator[Row]:
    """Stream a list. `bare`: it may have no header, one number a line."""
    dialect = csvtext.detect(path)
    places: dict[str, int] | None = None
    with csvtext.open_text(path, dialect.encoding) as file:
        for row in csvtext.rows(file, dialect):
            if places is None:
                if bare and not mapping.get("number") and _is_bare(row.cells):
                    places = {"number": 0}
                else:
                    places = _places(path, row.cells, mapping)
                    continue
            if row.problem:
                refused.add(row.number, row.raw, row.problem)
                continue
            cells = {name: row.cells[at] for name, at in places.items() if at < len(row.cells)}
            yield Row(row.number, row.raw, {"number": "", **cells})


def _is_bare(cells: Any) -> bool:
    return sum(c.isdigit() for c in cells[0]) >= 7 if len(cells) else False


def _places(path: Path, header: Any, mapping: Mapping[str, str]) -> dict[str, int]:
    found: dict[str, int] = {}
    lowered = [name.strip().casefold() for name in header]
    for name, column in mapping.items():
        if not column:
            continue
        if column.casefold() not in lowered:
            raise ListError(f"{path} has no column {column!r}; there are: {', '.join(header)}")
        found[name] = lowered.index(column.casefold())
    for name, guesses in _GUESSED.items():
        at = next((lowered.index(guess) for guess in guesses if guess in lowered), None)
        if name not in found and at is not None:
            found[name] = at
    if "number" not in found:
        if "number" in lowered:
            found["number"] = lowered.index("number")
        elif phones := csvtext.guess_columns(header)["phones"]:
            found["number"] = list(header).index(phones[0])
        elif "id" not in found:
            raise ListError(
                f"{path}: no column looks like a phone number; name it with --column "
                f"(there are: {', '.join(header)})"
            )
    return found
