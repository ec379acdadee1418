"""A CSV file treated like a CRM: read in pages, written back in new columns of the same file.

Updates go first to a journal beside the file (`NAME.updates.jsonl`), which reading lays over the
rows; `close()` folds it into the file by writing a whole new one and putting it in the old one's
place. A crash at any point leaves either the old file and the journal, or the new file.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from config.connectors import MAX_NAME, ConnectorSettings, CsvSettings, ObjectMap
from config.settings import Settings
from connectors.base import BaseConnector
from connectors.csv_list import parser, workbook
from connectors.csv_list.columns import (
    SAMPLE_ROWS,
    guess_columns,
    guess_name_columns,
    is_data,
    places_named,
    unique_names,
)
from connectors.csv_list.errors import ListError
from connectors.csv_list.formula_guard import encode_cells, formula_safe, without_guard
from connectors.errors import ConnectorError, SchemaError
from connectors.fields import STATUSES, spec_of
from connectors.http.rate_limits import Quota
from connectors.protocol import noop
from connectors.records import (
    NO_OWN_WRITES,
    Contact,
    CrmField,
    Merge,
    OwnWriteFilter,
    Page,
    Schema,
    SetupResult,
    TypedContact,
    Update,
    Value,
    Visibility,
    WriteResult,
)

_log = logging.getLogger(__name__)

OBJECT = "row"
LONGEST_ID = 80  # characters that the index keeps of an id


class CsvConnector(BaseConnector):
    name = "csv"
    page_size = 1000
    write_size = 1000
    names_size = 1000
    is_file = True

    def __init__(self, settings: CsvSettings) -> None:
        self._path = Path(settings.path)
        self._names_phones = bool(settings.phone_columns)
        try:
            if workbook.is_workbook(self._path):
                raise ListError(f"{self._path} is a workbook; save it as CSV")
            self._dialect = parser.detect(
                self._path, parser.Layout(settings.encoding, settings.delimiter)
            )
            first = parser.head(self._path, self._dialect, SAMPLE_ROWS)
            self._header = self._named(first[0] if first else None)
        except UnicodeError as error:
            why = parser.undecodable(self._path, self._dialect.encoding, error)
            raise ConnectorError(f"connectors.csv.path: {why}") from error
        except ListError as error:
            raise ConnectorError(f"connectors.csv.path: {error}") from error
        if doubt := self._dialect.doubt(self._path.name):
            _log.warning("connectors.csv.encoding: %s", doubt)
        guessed = guess_columns(self._header, [[*row.cells] for row in first[1:]])
        phones = self._chosen(settings.phone_columns, "phone_columns") or guessed["phones"]
        if not phones:
            raise SchemaError(
                f"connectors.csv.phone_columns: no column of {self._path} looks like a phone "
                f"number; name them (there are: {', '.join(self._header)})"
            )
        for column in phones:
            if len(column) > MAX_NAME:
                raise SchemaError(
                    f"connectors.csv.phone_columns: the name of column {column[:30]!r}... of "
                    f"{self._path} has {len(column)} characters, and may have {MAX_NAME} "
                    "characters: shorten it in the file's first row"
                )
        self._id_column = self._one(settings.id_column, "id_column") or "".join(guessed["id"])
        country = self._one(settings.country_column, "country_column")
        mapping = ObjectMap(
            phones=phones,
            country=(country,) if country else guessed["country"],
            source=self._one(settings.source_column, "source_column") or "".join(guessed["source"]),
            email="".join(guessed["email"]),
        )
        super().__init__(ConnectorSettings(objects={OBJECT: mapping}, fields=settings.fields))
        self._journal = self._path.with_name(self._path.name + ".updates.jsonl")
        self._overlay = self._load_journal()

    @classmethod
    def from_settings(cls, settings: Settings, _quota: Quota) -> CsvConnector:
        return cls(settings.connectors.csv)

    def clock(self) -> datetime | None:
        return datetime.now(UTC)

    # -- schema --------------------------------------------------------------------------

    def describe(self) -> Schema:
        configured = self._configured[OBJECT].names
        names = {*self._header, *configured.values()}
        kinds = {column: spec_of(key).kind for key, column in configured.items()}
        types = {"bool": "bool", "datetime": "datetime"}
        return {OBJECT: {name: CrmField(types.get(kinds.get(name, ""), "text")) for name in names}}

    @property
    def guessed_from(self) -> str:
        return "" if self._names_phones else str(self._path)

    def provision(self, adopt: Collection[str] = ()) -> Iterator[SetupResult]:
        for name in self._configured[OBJECT].names.values():
            yield SetupResult(name, "already there", "a column is added with its first value")

    # -- reading -------------------------------------------------------------------------

    def _named(self, first: parser.Row | None) -> list[str]:
        """The columns' names, each once: a column is known by its place."""
        if first is None or first.problem or not any(first.cells):
            raise ListError(f"{self._path}: the first row must hold the column names")
        self._first_cells = [*map(parser.readable, first.cells)]
        if shown := is_data(self._first_cells):
            raise ListError(
                f"{self._path}: the first row must hold the column names, but {shown}; add a row "
                "with names"
            )
        return unique_names(self._first_cells)

    def _chosen(self, wanted: Sequence[str], setting: str) -> tuple[str, ...]:
        """The columns that the settings name."""
        try:
            places = [
                place
                for name in wanted
                for place in places_named(
                    self._first_cells, name, f"connectors.csv.{setting}", str(self._path)
                )
            ]
        except ListError as error:
            raise SchemaError(str(error)) from error
        return tuple(self._header[place] for place in dict.fromkeys(places))

    def _one(self, wanted: str, setting: str) -> str:
        names = self._chosen((wanted,), setting) if wanted else ()
        if len(names) > 1:
            raise SchemaError(
                f"connectors.csv.{setting}: {self._path} has {len(names)} columns {wanted!r}; name "
                f"the one that is meant: {' or '.join(names)}"
            )
        return "".join(names)

    def _rows(self) -> Iterator[tuple[str, parser.Row]]:
        """Data rows with their ids; rows too broken to read are passed by, and stay as they are."""
        with self._opened() as rows:
            next(rows)
            for record_id, row in self._identified(rows):
                if record_id:
                    yield record_id, row

    @contextmanager
    def _opened(self) -> Iterator[Iterator[parser.Row]]:
        """All rows of the list; raises `ConnectorError` where they cannot be decoded to the end."""
        try:
            with parser.open_text(self._path, self._dialect.encoding) as file:
                yield parser.rows(file, self._dialect)
        except UnicodeError as error:
            why = parser.undecodable(self._path, self._dialect.encoding, error)
            raise ConnectorError(f"connectors.csv.path: {why}") from error

    def _identified(self, rows: Iterable[parser.Row]) -> Iterator[tuple[str, parser.Row]]:
        """Data rows with their ids, "" for one that is too broken to read. A row without an id of
        its own (none, one too long, or that of a row before) goes by its number."""
        place = self._header.index(self._id_column) if self._id_column else None
        taken: set[str] = set()
        for number, row in enumerate(rows, start=1):
            if row.problem or len(row.cells) != len(self._header):
                fitted = self._fitted(row)
                if fitted is None:
                    yield "", row
                    continue
                row = fitted
            record_id = f"row-{number}"
            if place is not None:
                own = parser.readable(row.cells[place].strip())
                if own and len(own) <= LONGEST_ID and own not in taken:
                    record_id = own
                while record_id in taken:
                    record_id += "+"
                taken.add(record_id)
            yield record_id, row

    def _fitted(self, row: parser.Row) -> parser.Row | None:
        """A row with as many cells as the header has; None for a blank line and a broken row."""
        if row.problem or parser.is_blank(row.raw):
            return None
        width, delimiter = len(self._header), self._dialect.delimiter
        fitted = parser.fitted(row.raw, row.cells, width, delimiter)
        # A row with a cell too many is too short once our columns are behind the list's own.
        if fitted is None or not self._may_be_ours(fitted[1]):
            return None
        return row._replace(raw=fitted[0], cells=fitted[1])

    def _may_be_ours(self, cells: Sequence[str]) -> bool:
        statuses = {
            column
            for canonical, column in self._configured[OBJECT].names.items()
            if canonical.startswith("status/")
        }
        return all(
            cell in ("", *STATUSES)
            for name, cell in zip(self._header, cells, strict=True)
            if name in statuses
        )

    def _lines(self) -> int:
        with self._path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))

    def read(
        self,
        object_name: str,
        since: datetime | None = None,
        cursor: str | None = None,
        own_writes: OwnWriteFilter = NO_OWN_WRITES,
        heartbeat: Callable[[], None] = noop,
    ) -> Iterator[Page]:
        start = int(cursor or 0)
        contacts: list[Contact] = []
        place = 0
        self.count("read")
        lines = self._lines()
        for record_id, row in self._rows():
            place += 1
            if place <= start:
                continue
            if len(contacts) == self.page_size:
                yield Page(tuple(contacts), str(place - 1), max(0, lines - place))
                contacts = []
            contacts.append(self._contact(record_id, row))
        yield Page(tuple(contacts), None)

    def fetch(self, object_name: str, ids: Sequence[str]) -> list[Contact]:
        wanted = set(ids)
        self.count("read")
        return [self._contact(rid, row) for rid, row in self._rows() if rid in wanted]

    def read_names(self, object_name: str, ids: Sequence[str]) -> list[TypedContact]:
        wanted = set(ids)
        self.count("other")
        columns = guess_name_columns(self._header)
        contacts: list[TypedContact] = []
        for record_id, row in self._rows() if wanted else ():
            if record_id in wanted:
                cells = dict(zip(self._header, map(parser.readable, row.cells), strict=True))
                cells.update(self._overlay.get(record_id, {}))
                name = " ".join(cells[column] for column in columns)
                last = cells[columns[-1]] if len(columns) > 1 else ""
                contacts.append(self.typed_contact(object_name, record_id, name, cells, last))
        return contacts

    def deleted(self, object_name: str, ids: Sequence[str]) -> dict[str, Merge | None]:
        """Rows that the list no longer has: it is the whole truth, and hides nothing. But a list
        without any row says nothing of its rows: it may just be being written anew."""
        there = {record_id for record_id, _ in self._rows()}
        return {record_id: None for record_id in ids if record_id not in there} if there else {}

    def visibility(self) -> list[Visibility]:
        rows = sum(1 for _ in self._rows())
        return [Visibility(OBJECT, rows, None, None, "a list on disk is read as a whole")]

    def _contact(self, record_id: str, row: parser.Row) -> Contact:
        readable = row.cells if row.raw.isascii() else map(parser.readable, row.cells)
        cells = dict(zip(self._header, readable, strict=True))
        cells.update(self._overlay.get(record_id, {}))
        fields = self._fields[OBJECT]
        return Contact(
            object=OBJECT,
            id=record_id,
            phones={phone: cells[phone] for phone in fields.phones},
            country=next((cells[c] for c in fields.country if cells.get(c)), ""),
            source=cells.get(fields.source, ""),
            email=cells.get(fields.email, ""),
            current={
                canonical: _held(canonical, cells.get(column, ""))
                for canonical, column in fields.names.items()
            },
        )

    # -- writing -------------------------------------------------------------------------

    def write(
        self, updates: Sequence[Update], heartbeat: Callable[[], None] = noop
    ) -> list[WriteResult]:
        if not updates:
            return []
        self.count("write")
        names = self._fields[OBJECT].names
        lines = []
        for update in updates:
            values = {}
            for canonical, value in update.values.items():
                kind, _, phone = canonical.partition("/")
                values[phone if kind == "phone" else names[canonical]] = _sent(value)
            self._overlay.setdefault(update.id, {}).update(values)
            lines.append(orjson.dumps([update.id, values]) + b"\n")
        with self._journal.open("ab") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        return [WriteResult(update.id, True) for update in updates]

    def _load_journal(self) -> dict[str, dict[str, str]]:
        overlay: dict[str, dict[str, str]] = {}
        if self._journal.exists():
            for line in self._journal.read_bytes().splitlines():
                try:
                    record_id, values = orjson.loads(line)
                except (orjson.JSONDecodeError, ValueError):
                    continue  # the last line of a writer that was killed: its update comes again
                overlay.setdefault(record_id, {}).update(values)
        return overlay

    def close(self) -> None:
        """Fold the journal into the file; the file is replaced as a whole or not at all."""
        if not self._overlay:
            return
        new = list(dict.fromkeys(c for v in self._overlay.values() for c in v))
        added = [column for column in new if column not in self._header]
        header = [*self._header, *added]
        target = self._path.with_name(self._path.name + ".new")
        delimiter = self._dialect.delimiter
        try:
            with (
                self._opened() as rows,
                parser.open_text(target, self._dialect.encoding, "w") as out,
            ):
                first = next(rows)
                extra = encode_cells([*map(formula_safe, added)], delimiter)
                out.write(self._dialect.preamble)
                out.write(first.raw + (delimiter + extra if added else "") + first.end)
                for record_id, row in self._identified(rows):
                    values = self._overlay.get(record_id, {})
                    line = self._line(row, values, header, delimiter) if record_id else row.raw
                    out.write(line + row.end)
                out.flush()
                os.fsync(out.fileno())
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        target.replace(self._path)
        self._journal.unlink(missing_ok=True)
        self._header = header
        self._overlay = {}

    def _line(
        self, row: parser.Row, values: Mapping[str, str], header: list[str], delimiter: str
    ) -> str:
        old = {c: v for c, v in values.items() if c in self._header}
        tail = [formula_safe(values.get(c, "")) for c in header[len(self._header) :]]
        if not old:  # nothing of what was there changes, so it stays as it was typed
            return row.raw + (delimiter + encode_cells(tail, delimiter) if tail else "")
        cells = [
            formula_safe(old[c]) if c in old else cell
            for c, cell in zip(self._header, row.cells, strict=True)
        ]
        return encode_cells([*cells, *tail], delimiter)


_SPACES = re.compile(r"\s+")


def _held(canonical: str, text: str) -> Value:
    if spec_of(canonical).kind == "bool":
        return _SPACES.sub("", text).lower() in ("true", "yes", "1", "x")
    return without_guard(text) or None


def _sent(value: Value) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value or ""
