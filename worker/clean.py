"""`hygiene clean`: a list on disk in, the same list with columns added out. No server, no settings.

The rows stream through; what a row was made of stays in it to the byte. The new file appears only
when it is whole.
"""

from __future__ import annotations

import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from connectors import csvtext
from connectors.csvtext import Dialect, ListError, Plain, Record, Records
from connectors.formula_guard import encode_cells, formula_safe
from worker import heap
from worker.decisions import FieldFacts, NumberKnowledge, Said, decide_field
from worker.phones import facts, read_field, region_of

MOST_BROKEN = 20  # broken rows that the summary lists one by one
_LONG = 2 * 1024 * 1024  # bytes from which a list is worth the start of further processes
_ROWS_AT_ONCE = 2000
_BATCHES_AHEAD = 4  # for each helping process
_MOST_KEPT = 200_000  # fields whose outcome is kept: some 60 MB
_MOST_COUNTRIES = 5000
_ADDED = ("status", "e164", "line type", "extension", "reason")

Key = tuple[str, str | None]  # a phone field, and the country that it is read in
Checked = tuple[str, str]  # its status, and its added cells as text


@dataclass(slots=True)
class _Batch:
    """Some rows: each one's text, its end, and its phone fields (none where it is broken or
    empty)."""

    raws: list[str]
    ends: list[str]
    keys: list[Sequence[Key]]
    broken: list[tuple[int, str]]  # the line's number, and what is wrong


@dataclass
class Summary:
    rows: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    broken_rows: list[dict[str, Any]] = field(default_factory=list)
    phone_columns: tuple[str, ...] = ()
    country_column: str = ""
    encoding: str = ""
    delimiter: str = ""

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "fields": dict(self.fields)}

    def add(self, done: _Done) -> None:
        self.rows += done.rows
        self.fields.update(done.fields)
        self.broken += len(done.broken)
        room = MOST_BROKEN - len(self.broken_rows)
        self.broken_rows += [{"line": n, "problem": why} for n, why in done.broken[:room]]


@dataclass
class _Done:
    """Some rows of the new list, and what they add to the summary."""

    text: str = ""
    length: int = 0  # characters of the old rows
    rows: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[int, str]] = field(default_factory=list)


def clean(
    source: Path,
    target: Path,
    phone_columns: Sequence[str] = (),
    country_column: str = "",
    default_country: str = "",
    progress: Callable[[int], None] = lambda _characters: None,
) -> Summary:
    """Check a list's phone columns; raises `ListError` before anything is written."""
    if target.exists() and target.samefile(source):
        raise ListError("-o must name another file than the list itself")
    if not target.parent.is_dir():
        raise ListError(f"-o: there is no folder {target.parent}")
    fallback = region_of(default_country) if default_country else None
    if default_country and fallback is None:
        raise ListError(f"--country: {default_country!r} is not a country that is known")
    heap.for_many_records()
    dialect = csvtext.detect(source)
    part = target.with_name(f".{target.name}.part")
    try:
        with (
            csvtext.open_text(source, dialect.encoding) as lines,
            csvtext.open_text(part, dialect.encoding, "w") as out,
        ):
            records = csvtext.Records(lines)
            first = next(records, None)
            header = csvtext.row_of(first, dialect.delimiter) if first else None
            if header is None or header.problem or not any(header.cells):
                raise ListError(f"{source}: the first row must hold the column names")
            plan = _plan(source, header.cells, phone_columns, country_column, fallback, dialect)
            summary = Summary(
                phone_columns=plan.phones,
                country_column=plan.country,
                encoding=dialect.encoding,
                delimiter=dialect.delimiter,
            )
            added = encode_cells([*map(formula_safe, plan.added)], dialect.delimiter)
            out.write(header.raw + dialect.delimiter + added + (header.end or dialect.newline))
            for done in _all_done(records, plan, source.stat().st_size):
                out.write(done.text)
                summary.add(done)
                progress(done.length)
            out.flush()
            os.fsync(out.fileno())
        part.replace(target)
    except UnicodeError as error:
        raise csvtext.undecodable(source, dialect.encoding, error) from error
    except OSError as error:
        raise ListError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return summary


@dataclass(frozen=True)
class _Plan:
    width: int
    phones: tuple[str, ...]
    places: tuple[int, ...]
    country: str
    country_place: int | None
    added: tuple[str, ...]
    fallback: str | None
    delimiter: str
    encoding: str


def _plan(
    source: Path,
    header: Sequence[str],
    phone_columns: Sequence[str],
    country_column: str,
    fallback: str | None,
    dialect: Dialect,
) -> _Plan:
    guessed = csvtext.guess_columns(header)
    phones = tuple(phone_columns) or guessed["phones"]
    country = country_column or "".join(guessed["country"])
    listed = ", ".join(header)
    for name in filter(None, (*phones, country)):
        if name not in header:
            raise ListError(f"{source} has no column {name!r}; there are: {listed}")
    if not phones:
        raise ListError(
            f"{source}: no column looks like a phone number; name it with --phone-column "
            f"(there are: {listed})"
        )
    added = []
    for phone in phones:
        for what in _ADDED:
            name = f"{phone} {what}"
            while name in header or name in added:
                name += " (checked)"
            added.append(name)
    return _Plan(
        len(header),
        phones,
        tuple(header.index(name) for name in phones),
        country,
        header.index(country) if country else None,
        tuple(added),
        fallback,
        dialect.delimiter,
        dialect.encoding,
    )


class _Known(dict[Key, Checked]):
    """What the phone fields of a list turn out to hold, each looked at once: a long list names
    most of its numbers more than once."""

    def __init__(self, plan: _Plan) -> None:
        super().__init__()
        self._plan = plan

    def __missing__(self, key: Key) -> Checked:
        if len(self) >= _MOST_KEPT:
            self.clear()
        found = self[key] = _checked(key, self._plan)
        return found


def _all_done(records: Records, plan: _Plan, size: int) -> Iterator[_Done]:
    """All rows, in their order. A long list (`size` in bytes) is done by all cores."""
    known = _Known(plan)
    regions = _Regions(plan.fallback)
    taken = iter(lambda: records.some(_ROWS_AT_ONCE), [])
    batches: Iterable[_Batch] = (
        _plain(some, plan, regions) if isinstance(some, Plain) else _quoted(some, plan, regions)
        for some in taken
    )
    cores = os.cpu_count() or 1
    if size >= _LONG and cores > 1:
        batches = _looked_at_ahead(batches, known, plan, cores - 1)
    return (_done(batch, plan, known) for batch in batches)


def _looked_at_ahead(
    batches: Iterable[_Batch], known: _Known, plan: _Plan, helpers: int
) -> Iterator[_Batch]:
    """The same batches, with all their fields known: other processes look at them meanwhile. A few
    batches are under way at any time, however long the list is."""
    most = _BATCHES_AHEAD * helpers
    asked: set[Key] = set()
    under_way: deque[tuple[_Batch, list[Key], Future[list[Checked]]]] = deque()

    def first() -> _Batch:
        batch, new, looking = under_way.popleft()
        if len(known) + len(new) > _MOST_KEPT:
            known.clear()
        known.update(zip(new, looking.result(), strict=True))
        asked.difference_update(new)
        return batch

    # A fresh interpreter each: this one has threads, which a fork would cut in two.
    with ProcessPoolExecutor(helpers, get_context("spawn"), heap.for_many_records) as pool:
        try:
            for batch in batches:
                held = {key for keys in batch.keys for key in keys}
                new = [key for key in held if key not in known and key not in asked]
                if len(under_way) < most or under_way[0][2].done():
                    with _no_ctrl_c():
                        looking = pool.submit(_look, new, plan)
                else:  # all are busy: rather than wait, this process looks itself
                    looking = Future()
                    looking.set_result(_look(new, plan))
                asked.update(new)
                under_way.append((batch, new, looking))
                if len(under_way) > most:
                    yield first()
            while under_way:
                yield first()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _no_ctrl_c() -> Iterator[None]:
    """Processes that are started inside do not hear Ctrl-C: it is for this one to end them."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


class _Regions(dict[str, str | None]):
    """The country that fields are read in, by what stands in the country's column."""

    def __init__(self, fallback: str | None) -> None:
        super().__init__({"": fallback})
        self._fallback = fallback

    def __missing__(self, country: str) -> str | None:
        if len(self) >= _MOST_COUNTRIES:
            self.clear()
        found = self[country] = (region_of(country) if country else None) or self._fallback
        return found


def _plain(some: Plain, plan: _Plan, regions: _Regions) -> _Batch:
    """Rows of one line each without quotes: a cell is what stands between two delimiters."""
    delimiter, width, places = plan.delimiter, plan.width, plan.places
    country, first = plan.country_place, plan.places[0]
    cut = -len(some.end)
    raws = [line[:cut] for line in some.lines]
    fields: list[Sequence[Key]] = []
    broken: list[tuple[int, str]] = []
    for place, raw in enumerate(raws):
        cells = raw.split(delimiter)
        if len(cells) != width or not raw:
            fields.append(())
            if raw:
                broken.append((some.number + place, _cells_problem(cells, plan)))
            continue
        region = plan.fallback if country is None else regions[cells[country]]
        if len(places) == 1:
            fields.append(((cells[first], region),))
        else:
            fields.append([(cells[one], region) for one in places])
    return _Batch(raws, [some.end] * len(raws), fields, broken)


def _quoted(records: Sequence[Record], plan: _Plan, regions: _Regions) -> _Batch:
    batch = _Batch([], [], [], [])
    for record in records:
        row = csvtext.row_of(record, plan.delimiter)
        cells = row.cells
        batch.raws.append(row.raw)
        batch.ends.append(row.end)
        if row.problem or len(cells) != plan.width:
            batch.keys.append(())
            if row.problem or row.raw:  # an empty line stays one
                batch.broken.append((row.number, row.problem or _cells_problem(cells, plan)))
            continue
        country = cells[plan.country_place] if plan.country_place is not None else ""
        batch.keys.append([(cells[place], regions[country]) for place in plan.places])
    return batch


def _cells_problem(cells: Sequence[str], plan: _Plan) -> str:
    return f"has {len(cells)} cells where the header has {plan.width}"


def _done(batch: _Batch, plan: _Plan, known: _Known) -> _Done:
    statuses: list[str] = []
    lines: list[str] = []
    delimiter = plan.delimiter
    for raw, end, keys in zip(batch.raws, batch.ends, batch.keys, strict=True):
        if len(keys) == 1:
            status, text = known[keys[0]]
            statuses.append(status)
            lines.append(f"{raw}{delimiter}{text}{end}")
        elif not keys:
            lines.append(raw + end)
        else:
            checked = [known[key] for key in keys]
            statuses += [status for status, _added in checked]
            text = delimiter.join([added for _status, added in checked])
            lines.append(f"{raw}{delimiter}{text}{end}")
    fields = Counter(statuses)
    del fields[""]
    length = sum(map(len, batch.raws)) + sum(map(len, batch.ends))
    return _Done("".join(lines), length, len(lines), fields, batch.broken)


def _look(keys: Sequence[Key], plan: _Plan) -> list[Checked]:
    return [_checked(key, plan) for key in keys]


def _checked(key: Key, plan: _Plan) -> Checked:
    """One phone field: its status, and its added cells (status, E.164, line type, extension,
    reason) as text."""
    text, region = key
    reading = read_field(text, region)
    known = tuple(
        NumberKnowledge(
            number,
            (
                Said(
                    "offline",
                    "valid" if number.valid else "invalid",
                    number.kind,
                    facts(number.e164).problem,
                ),
            ),
        )
        for number in reading.numbers
    )
    decision = decide_field(FieldFacts("Phone", reading, known))
    extension = next((n.extension for n in reading.numbers if n.e164 == decision.e164), "")
    reason = decision.reason
    if not reason and reading.note:
        reason = f"beside the number stands: {reading.note}"
    status = decision.status or ""
    # What a person typed can only stand in the reason; the others are words and numbers of ours.
    reason = formula_safe(reason)
    cells = (status, decision.e164 or "", decision.line_type or "", extension, reason)
    added = encode_cells(cells, plan.delimiter)
    if not added.isascii() and not plan.encoding.lower().startswith("utf"):
        added = added.encode(plan.encoding, "replace").decode(plan.encoding)
    return status, added
