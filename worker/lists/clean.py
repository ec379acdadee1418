"""`hygiene clean`: a list on disk in, the same list with columns added out. No server, no settings.

The rows stream through; what a row was made of stays in it to the byte. The new file appears only
when it is whole.
"""

from __future__ import annotations

import os
import re
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

from config import process_memory
from connectors.csv_list import parser
from connectors.csv_list.columns import (
    ADDED,
    extension_columns,
    guess_columns,
    is_data,
    phone_places,
    place_named,
    places_named,
    unique_names,
)
from connectors.csv_list.errors import ListError
from connectors.csv_list.formula_guard import encode_cells, formula_safe
from connectors.csv_list.parser import TOLD_BY_ITSELF, Layout, Plain, Record
from connectors.csv_list.workbook import Cell
from worker.decisions import FieldFacts, NumberKnowledge, ProviderAnswer, decide_field
from worker.lists import files
from worker.lists.files import CellRows, Output, Source
from worker.phones import facts, parse_field, region_of

MOST_BROKEN = 20  # broken rows that the summary lists one by one
_LONG = 2 * 1024 * 1024  # bytes from which a list is worth the start of further processes
_BATCHES_AHEAD = 4  # for each helping process
_MOST_KEPT = 200_000  # fields whose outcome is kept: some 60 MB
_MOST_COUNTRIES = 5000

# A phone field, the country that it is read in, and the extension that stands in another column.
Key = tuple[str, str | None, str]
# Its status, and its added cells: as text to put behind a row, or one by one for a sheet.
Checked = tuple[str, str | tuple[str, ...]]


@dataclass(slots=True)
class _Batch:
    """Some rows: each one as the source gave it, its end, and its phone fields (none where it is
    broken or empty)."""

    rows: list[str] | list[list[Cell]]
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
    sheet: str = ""
    notes: list[str] = field(default_factory=list)

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

    batch: _Batch
    text: str = ""
    length: int = 0  # characters of the old rows
    rows: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[int, str]] = field(default_factory=list)
    added: list[list[str]] = field(default_factory=list)  # cells, where they are wanted one by one


def clean(
    source: Path,
    target: Path,
    phone_columns: Sequence[str] = (),
    country_column: str = "",
    default_country: str = "",
    progress: Callable[[int], None] = lambda _characters: None,
    layout: Layout = TOLD_BY_ITSELF,
    overwrite: bool = True,
) -> Summary:
    """Check a list's phone columns; raises `ListError` before anything is written.

    `-` is standard input or output. Columns are named as in the header, or by their place.
    """
    files.check_target(source, target, overwrite)
    fallback = region_of(default_country) if default_country else None
    if default_country and fallback is None:
        raise ListError(f"--country: {default_country!r} is not a known country")
    process_memory.tune_gc_for_bulk()
    try:
        with (
            files.local_file(source) as (path, name),
            files.opened(path, name, files.without_mark(layout)) as opened,
            files.written_whole(target, overwrite) as part,
        ):
            plan = _plan(opened, phone_columns, country_column, fallback, layout.header)
            with files.opened_output(part, target, opened, layout) as out:
                plan = replace(plan, as_cells=out.as_cells or opened.dialect is None)
                summary = _summary(opened, plan)
                out.header(opened, plan.added)
                for done in _all_done(opened, plan):
                    _write(done, plan, out)
                    summary.add(done)
                    progress(done.length)
                out.finish()
    except OSError as error:
        raise ListError(f"{target} cannot be written: {error.strerror}") from error
    return summary


def _summary(source: Source, plan: _Plan) -> Summary:
    dialect = source.dialect
    return Summary(
        phone_columns=plan.phones,
        country_column=plan.country,
        encoding=dialect.encoding if dialect else "",
        delimiter=dialect.delimiter if dialect else "",
        sheet=source.sheet,
        notes=[*source.notes],
    )


@dataclass(frozen=True)
class _Plan:
    """`phones`, `country`: names of columns, each once; `places`: of the phones, and of the columns
    that hold their extensions (None where there is none)."""

    width: int
    phones: tuple[str, ...]
    places: tuple[int, ...]
    extensions: tuple[int | None, ...]
    country: str
    country_place: int | None
    added: tuple[str, ...]
    fallback: str | None
    delimiter: str
    encoding: str
    as_cells: bool = False


def _plan(
    source: Source,
    phone_columns: Sequence[str],
    country_column: str,
    fallback: str | None,
    has_header: bool,
) -> _Plan:
    first = source.head[0] if source.head else []
    if source.problem or not any(first):
        raise ListError(f"{source.name}: the first row must hold the column names")
    shown = is_data(first) if has_header else ""
    if shown:
        raise ListError(
            f"{source.name}: the first row should hold the column names, but {shown}; for a list "
            "without a header add --no-header"
        )
    header = first if has_header else [""] * max(map(len, source.head))
    sample = source.head[1:] if has_header else source.head
    names = unique_names(header)
    phones = _phone_places(source.name, header, sample, phone_columns)
    country = _country_place(source.name, header, country_column)
    chosen = tuple(names[place] for place in phones)
    beside = extension_columns(names, chosen)
    dialect = source.dialect
    return _Plan(
        len(header),
        chosen,
        tuple(phones),
        tuple(names.index(beside[name]) if name in beside else None for name in chosen),
        names[country] if country is not None else "",
        country,
        _added_names(names, chosen),
        fallback,
        dialect.delimiter if dialect else ",",
        dialect.encoding if dialect else "utf-8",
    )


def _phone_places(
    name: str, header: Sequence[str], sample: Sequence[Sequence[str]], wanted: Sequence[str]
) -> list[int]:
    """The phone columns: those that were named, else those that look like it."""
    names = unique_names(header)
    if wanted:
        found = [
            place for one in wanted for place in places_named(header, one, "--phone-column", name)
        ]
        return [*dict.fromkeys(found)]
    likely = phone_places(sample)
    if not any(header):
        if likely:
            return likely
        raise ListError(
            f"{name}: no column clearly holds phone numbers; name one by its position, such as "
            f"--phone-column 2 (there are {len(header)} columns)"
        )
    if phones := guess_columns(names, sample)["phones"]:
        return [names.index(phone) for phone in phones]
    hint = "".join(f"; --phone-column {names[place]!r} may be meant" for place in likely[:1])
    raise ListError(
        f"{name}: no column looks like a phone number; name one with --phone-column "
        f"(there are: {', '.join(names)}){hint}"
    )


def _country_place(name: str, header: Sequence[str], wanted: str) -> int | None:
    if wanted:
        return place_named(header, wanted, "--country-column", name)
    names = unique_names(header)
    guessed = guess_columns(names)["country"]
    return names.index(guessed[0]) if guessed else None


def _added_names(names: Sequence[str], phones: Sequence[str]) -> tuple[str, ...]:
    """Names of the added columns, none of which the list has already."""
    taken = {name.strip().casefold() for name in names}
    added = []
    for phone in phones:
        for what in ADDED:
            made = plain = f"{phone.strip()} {what}"
            again = 0
            while made.casefold() in taken:
                again += 1
                made = f"{plain} (checked{f' {again}' if again > 1 else ''})"
            taken.add(made.casefold())
            added.append(made)
    return tuple(added)


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


def _all_done(source: Source, plan: _Plan) -> Iterator[_Done]:
    """All rows, in their order. A long list is done by all cores."""
    known = _Known(plan)
    regions = _Regions(plan.fallback)
    batches: Iterable[_Batch] = (_batch(some, plan, regions) for some in source.batches)
    cores = os.cpu_count() or 1
    if source.size >= _LONG and cores > 1:
        batches = _looked_at_ahead(batches, known, plan, cores - 1)
    return (_done(batch, plan, known) for batch in batches)


def _batch(some: Plain | Sequence[Record] | CellRows, plan: _Plan, regions: _Regions) -> _Batch:
    if isinstance(some, Plain):
        return _plain(some, plan, regions)
    if some and isinstance(some[0], Record):
        return _quoted(cast(Sequence[Record], some), plan, regions)
    return _of_cells(cast(CellRows, some), plan, regions)


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
    with ProcessPoolExecutor(
        helpers, get_context("spawn"), process_memory.tune_gc_for_bulk
    ) as pool:
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
    simple = len(places) == 1 and plan.extensions[0] is None
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
        fields.append(((cells[first], region, ""),) if simple else _keys(cells, region, plan))
    return _Batch(raws, [some.end] * len(raws), fields, broken)


def _keys(cells: Sequence[str], region: str | None, plan: _Plan) -> list[Key]:
    return [
        (cells[place], region, "" if beside is None else _extension(cells[beside]))
        for place, beside in zip(plan.places, plan.extensions, strict=True)
    ]


_EXTENSION = re.compile(r"\s*'?(?:ext\.?|x|#)?\s*(\d{1,7})(?:[.,]0+)?\s*", re.IGNORECASE)


def _extension(cell: str) -> str:
    """The digits of a cell that holds an extension and nothing else; "" for any other."""
    found = _EXTENSION.fullmatch(cell)
    return found[1] if found else ""


def _quoted(records: Sequence[Record], plan: _Plan, regions: _Regions) -> _Batch:
    rows: list[str] = []
    batch = _Batch(rows, [], [], [])
    for record in records:
        row = parser.row_of(record, plan.delimiter)
        cells = row.cells
        rows.append(row.raw)
        batch.ends.append(row.end)
        if row.problem or len(cells) != plan.width:
            batch.keys.append(())
            if row.problem or row.raw:  # an empty line stays one
                batch.broken.append((row.number, row.problem or _cells_problem(cells, plan)))
            continue
        batch.keys.append(_keys(cells, _region(cells, plan, regions), plan))
    return batch


def _region(cells: Sequence[str], plan: _Plan, regions: _Regions) -> str | None:
    return plan.fallback if plan.country_place is None else regions[cells[plan.country_place]]


def _of_cells(some: CellRows, plan: _Plan, regions: _Regions) -> _Batch:
    """Rows of a sheet, which end where their last cell does."""
    batch = _Batch([row for _number, row in some], [], [], [])
    for number, row in some:
        cells = [cell.text for cell in row]
        if not cells or len(cells) > plan.width:
            batch.keys.append(())
            if cells:
                batch.broken.append((number, _cells_problem(cells, plan)))
            continue
        cells += [""] * (plan.width - len(cells))
        batch.keys.append(_keys(cells, _region(cells, plan, regions), plan))
    return batch


def _cells_problem(cells: Sequence[str], plan: _Plan) -> str:
    return f"has {len(cells)} cells where the header has {plan.width}"


def _done(batch: _Batch, plan: _Plan, known: _Known) -> _Done:
    statuses = [known[key][0] for keys in batch.keys for key in keys]
    fields = Counter(statuses)
    del fields[""]
    done = _Done(batch, "", 0, len(batch.rows), fields, batch.broken)
    if plan.as_cells:
        done.added = [[cell for key in keys for cell in known[key][1]] for keys in batch.keys]
        return done
    lines: list[str] = []
    delimiter = plan.delimiter
    for raw, end, keys in zip(batch.rows, batch.ends, batch.keys, strict=True):
        if len(keys) == 1:
            lines.append(f"{raw}{delimiter}{known[keys[0]][1]}{end}")
        elif not keys:
            lines.append(f"{raw}{end}")
        else:
            text = delimiter.join([str(known[key][1]) for key in keys])
            lines.append(f"{raw}{delimiter}{text}{end}")
    done.text = "".join(lines)
    done.length = sum(map(len, batch.rows)) + sum(map(len, batch.ends))
    return done


def _write(done: _Done, plan: _Plan, out: Output) -> None:
    if not plan.as_cells:
        out.text(done.text)
        return
    rows: Iterable[str | Sequence[Cell]] = done.batch.rows
    for row, added in zip(rows, done.added, strict=True):
        out.row(row, added, plan.width)


def _look(keys: Sequence[Key], plan: _Plan) -> list[Checked]:
    return [_checked(key, plan) for key in keys]


def _checked(key: Key, plan: _Plan) -> Checked:
    """One phone field: its status, and its added cells (status, E.164, line type, extension,
    reason)."""
    text, region, beside = key
    reading = parse_field(text, region)
    known = tuple(
        NumberKnowledge(
            number,
            (
                ProviderAnswer(
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
    if decision.e164 and len(reading.numbers) == 1:
        extension = extension or beside
    reason = decision.reason
    if not reason and reading.note:
        reason = f"beside the number stands: {reading.note}"
    status = decision.status or ""
    # What a person typed can only stand in the reason; the others are words and numbers of ours.
    reason = formula_safe(reason)
    cells = (status, decision.e164 or "", decision.line_type or "", extension, reason)
    if plan.as_cells:
        return status, cells
    added = encode_cells(cells, plan.delimiter)
    if not added.isascii() and not plan.encoding.lower().startswith("utf"):
        added = added.encode(plan.encoding, "replace").decode(plan.encoding)
    return status, added
