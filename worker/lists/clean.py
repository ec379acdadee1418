"""`hygiene clean`: write a list on disk again, with columns added. No server, no settings.

The rows stream through; what a row was made of stays in it to the byte. The new file appears only
when it is whole. `columns` finds the columns, `batches` reads the rows, `checks` checks the phone
fields, and `files` reads and writes lists and workbooks.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from config import process_memory
from connectors.csv_list.errors import ListError
from connectors.csv_list.parser import TOLD_BY_ITSELF, Layout
from connectors.csv_list.workbook import Cell
from worker.lists import files
from worker.lists.batches import Batch, Countries, read_batch
from worker.lists.checks import CheckedFields, check_ahead
from worker.lists.columns import Plan, plan_columns
from worker.lists.files import Output, Source
from worker.phones import region_of

MAX_BROKEN_LISTED = 20  # broken rows that the summary lists one by one
_LONG = 2 * 1024 * 1024  # bytes from which a list is worth the start of further processes


@dataclass(frozen=True, slots=True)
class CleanOptions:
    """How a list is read and written. Columns are named as in the header, or by their place.

    `phone_columns`, `country_column`: empty where they are to be found by what they look like.
    `default_country`: of numbers without a country code, in rows that name none. `overwrite`:
    whether a file that is there may be replaced.
    """

    phone_columns: Sequence[str] = ()
    country_column: str = ""
    default_country: str = ""
    layout: Layout = TOLD_BY_ITSELF
    overwrite: bool = True


@dataclass
class Summary:
    """What was found in a list. Its fields are the keys of the command's JSON."""

    rows: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    padded: int = 0  # rows without the last cells of the header, which count as empty
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

    def add(self, batch: CheckedBatch) -> None:
        """Add the counts of some more rows."""
        self.rows += len(batch.rows.rows)
        self.fields.update(batch.statuses)
        self.padded += len(batch.rows.padded)
        broken = batch.rows.broken
        self.broken += len(broken)
        room = MAX_BROKEN_LISTED - len(self.broken_rows)
        self.broken_rows += [{"line": n, "problem": why} for n, why in broken[:room]]


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """Some rows of the new list: as `text`, or the `added` cells of each row one by one.

    `length`: characters of the old rows; 0 where they are cells.
    """

    rows: Batch
    statuses: Counter[str]
    text: str = ""
    length: int = 0
    added: Sequence[Sequence[str]] = ()


def clean(
    source: Path,
    target: Path,
    options: CleanOptions = CleanOptions(),
    progress: Callable[[int], None] = lambda _characters: None,
) -> Summary:
    """Check a list's phone columns; raises `ListError` before anything is written.

    `-` is standard input or output.
    """
    layout = options.layout
    files.check_target(source, target, options.overwrite)
    country = options.default_country
    fallback = region_of(country) if country else None
    if country and fallback is None:
        raise ListError(f"--country: {country!r} is not a known country")
    process_memory.tune_gc_for_bulk()
    try:
        with (
            files.local_file(source) as (path, name),
            files.opened(path, name, files.without_mark(layout)) as opened,
            files.written_whole(target, options.overwrite) as part,
        ):
            plan = plan_columns(
                opened, options.phone_columns, options.country_column, fallback, layout.header
            )
            with files.opened_output(part, target, opened, layout) as out:
                plan = replace(plan, as_cells=out.as_cells or opened.dialect is None)
                summary = _summary(opened, plan)
                out.header(opened, plan.added)
                for batch in _checked_batches(opened, plan):
                    _write(batch, plan, out)
                    summary.add(batch)
                    progress(batch.length)
                out.finish()
    except OSError as error:
        raise ListError(f"{target} cannot be written: {error.strerror}") from error
    return summary


def _summary(source: Source, plan: Plan) -> Summary:
    dialect = source.dialect
    return Summary(
        phone_columns=plan.phones,
        country_column=plan.country,
        encoding=dialect.encoding if dialect else "",
        delimiter=dialect.delimiter if dialect else "",
        sheet=source.sheet,
        notes=[*source.notes],
    )


def _checked_batches(source: Source, plan: Plan) -> Iterator[CheckedBatch]:
    """Yield all rows, in their order. A long list is checked by all cores."""
    checked = CheckedFields(plan)
    countries = Countries.of(plan)
    batches: Iterable[Batch] = (read_batch(rows, plan, countries) for rows in source.batches)
    cores = os.cpu_count() or 1
    if source.size >= _LONG and cores > 1:
        batches = check_ahead(batches, checked, plan, cores - 1)
    return (_with_outcomes(batch, plan, checked) for batch in batches)


def _with_outcomes(batch: Batch, plan: Plan, checked: CheckedFields) -> CheckedBatch:
    """Return a batch with the outcomes of its phone fields."""
    outcomes = [checked.of_row(keys) for keys in batch.keys]
    statuses = Counter([status for row in outcomes for status, _, _ in row])
    del statuses[""]
    if plan.as_cells:
        added = [[cell for _, cells, _ in row for cell in cells] for row in outcomes]
        return CheckedBatch(batch, statuses, added=added)
    lines: list[str] = []
    delimiter = plan.delimiter
    for raw, end, row in zip(batch.rows, batch.ends, outcomes, strict=True):
        if len(row) == 1:
            lines.append(f"{raw}{delimiter}{row[0][1]}{end}")
        elif not row:
            lines.append(f"{raw}{end}")
        else:
            text = delimiter.join([str(added) for _, added, _ in row])
            lines.append(f"{raw}{delimiter}{text}{end}")
    length = sum(map(len, batch.rows)) + sum(map(len, batch.ends))
    return CheckedBatch(batch, statuses, "".join(lines), length)


def _write(batch: CheckedBatch, plan: Plan, out: Output) -> None:
    if not plan.as_cells:
        out.text(batch.text)
        return
    rows: Iterable[str | Sequence[Cell]] = batch.rows.rows
    for row, added in zip(rows, batch.added, strict=True):
        out.row(row, added, plan.width)
