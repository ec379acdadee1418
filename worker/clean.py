"""`hygiene clean`: a list on disk in, the same list with columns added out. No server, no settings.

The rows stream through; what a row was made of stays in it to the byte. The new file appears only
when it is whole.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from connectors import csvtext
from connectors.csvtext import Dialect, ListError, Record, Row
from worker.decisions import ContactFacts, FieldFacts, NumberKnowledge, Said, decide
from worker.phones import facts, read_field, region_of

MOST_BROKEN = 20  # broken rows that the summary lists one by one
_LONG = 2 * 1024 * 1024  # bytes from which a list is worth the start of further processes
_ROWS_AT_ONCE = 1000
_ADDED = ("status", "e164", "line type", "extension", "reason")


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
    dialect = csvtext.detect(source)
    part = target.with_name(f".{target.name}.part")
    try:
        with (
            csvtext.open_text(source, dialect.encoding) as lines,
            csvtext.open_text(part, dialect.encoding, "w") as out,
        ):
            records = csvtext.records(lines)
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
            added = csvtext.encode_cells(plan.added, dialect.delimiter)
            out.write(header.raw + dialect.delimiter + added + (header.end or dialect.newline))
            for done in _all_done(records, plan, source.stat().st_size):
                out.write(done.text)
                summary.add(done)
                progress(done.length)
            out.flush()
            os.fsync(out.fileno())
        part.replace(target)
    except UnicodeError as error:
        raise ListError(
            f"{source}: it is not {dialect.encoding} throughout ({error.reason}); save it as UTF-8"
            if isinstance(error, UnicodeDecodeError | UnicodeEncodeError)
            else f"{source}: {error}"
        ) from error
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


def _all_done(records: Iterator[Record], plan: _Plan, size: int) -> Iterator[_Done]:
    """All rows, in their order. A long list (`size` in bytes) is done by all cores: this process
    cuts it up and puts it together, and at any time holds a few thousand rows."""
    cores = os.cpu_count() or 1
    batches = iter(lambda: list(islice(records, _ROWS_AT_ONCE)), [])
    if size < _LONG or cores == 1:
        yield from (_done(batch, plan) for batch in batches)
        return
    # A fresh interpreter each: this one has threads, which a fork would cut in two.
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
        under_way: deque[Future[_Done]] = deque()
        try:
            for batch in batches:
                # Bare lists travel between processes several times as fast as records do.
                packed = [one.number for one in batch], [one.text for one in batch]
                problems = {at: one.problem for at, one in enumerate(batch) if one.problem}
                under_way.append(pool.submit(_unpacked_done, *packed, problems, plan))
                if len(under_way) > 2 * cores:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _unpacked_done(
    numbers: Sequence[int], texts: Sequence[str], problems: Mapping[int, str], plan: _Plan
) -> _Done:
    pairs = enumerate(zip(numbers, texts, strict=True))
    return _done([Record(number, text, problems.get(at, "")) for at, (number, text) in pairs], plan)


def _done(records: Sequence[Record], plan: _Plan) -> _Done:
    done = _Done()
    lines = [_line(csvtext.row_of(record, plan.delimiter), plan, done) for record in records]
    done.text = "".join(lines)
    done.length = sum(len(record.text) for record in records)
    return done


def _line(row: Row, plan: _Plan, done: _Done) -> str:
    done.rows += 1
    if not row.problem and not row.raw:
        return row.end  # an empty line stays one
    if row.problem or len(row.cells) != plan.width:
        cells = f"has {len(row.cells)} cells where the header has {plan.width}"
        done.broken.append((row.number, row.problem or cells))
        return row.raw + row.end
    country = row.cells[plan.country_place] if plan.country_place is not None else ""
    region = (region_of(country) if country else None) or plan.fallback
    added: list[str] = []
    for place in plan.places:
        status, text = _checked(row.cells[place], region, plan.delimiter)
        if status:
            done.fields[status] += 1
        added.append(text)
    text = plan.delimiter.join(added)
    if not text.isascii() and not plan.encoding.lower().startswith("utf"):
        text = text.encode(plan.encoding, "replace").decode(plan.encoding)
    return row.raw + plan.delimiter + text + row.end


@lru_cache(maxsize=200_000)
def _checked(text: str, region: str | None, delimiter: str) -> tuple[str, str]:
    """The status of one phone field, and its added cells as text: status, E.164, line type,
    extension, reason."""
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
    decision = decide(ContactFacts((FieldFacts("Phone", reading, known),))).fields[0]
    extension = next((n.extension for n in reading.numbers if n.e164 == decision.e164), "")
    reason = decision.reason
    if not reason and reading.note:
        reason = f"beside the number stands: {reading.note}"
    status = decision.status or ""
    cells = (status, decision.e164 or "", decision.line_type or "", extension, reason)
    return status, csvtext.encode_cells([*map(csvtext.formula_safe, cells)], delimiter)
