"""`hygiene clean`: a list on disk in, the same list with columns added out. No server, no settings.

The rows stream through; what a row was made of stays in it to the byte. The new file appears only
when it is whole.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from connectors import csvtext
from connectors.csvtext import ListError, Row
from worker.decisions import ContactFacts, FieldFacts, NumberKnowledge, Said, decide
from worker.phones import facts, read_field, region_of

MOST_BROKEN = 20  # broken rows that the summary lists one by one
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

    def break_off(self, row: Row, problem: str) -> None:
        self.broken += 1
        if len(self.broken_rows) < MOST_BROKEN:
            self.broken_rows.append({"line": row.number, "problem": problem})


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
            rows = csvtext.rows(lines, dialect)
            header = next(rows, None)
            if header is None or header.problem or not any(header.cells):
                raise ListError(f"{source}: the first row must hold the column names")
            plan = _plan(source, header.cells, phone_columns, country_column)
            summary = Summary(
                phone_columns=plan.phones,
                country_column=plan.country,
                encoding=dialect.encoding,
                delimiter=dialect.delimiter,
            )
            added = csvtext.encode_cells(plan.added, dialect.delimiter)
            out.write(header.raw + dialect.delimiter + added + (header.end or dialect.newline))
            for row in rows:
                out.write(_line(row, plan, dialect.delimiter, fallback, summary, dialect.encoding))
                progress(len(row.raw))
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


def _plan(
    source: Path, header: Sequence[str], phone_columns: Sequence[str], country_column: str
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
    )


def _line(
    row: Row, plan: _Plan, delimiter: str, fallback: str | None, summary: Summary, encoding: str
) -> str:
    summary.rows += 1
    if not row.problem and not row.raw:
        return row.end  # an empty line stays one
    if row.problem or len(row.cells) != plan.width:
        summary.break_off(
            row, row.problem or f"has {len(row.cells)} cells where the header has {plan.width}"
        )
        return row.raw + row.end
    country = row.cells[plan.country_place] if plan.country_place is not None else ""
    region = (region_of(country) if country else None) or fallback
    added: list[str] = []
    for place in plan.places:
        cells = _checked(row.cells[place], region)
        if cells[0]:
            summary.fields[cells[0]] += 1
        added += cells
    text = csvtext.encode_cells(added, delimiter)
    if not text.isascii() and not encoding.lower().startswith("utf"):
        text = text.encode(encoding, "replace").decode(encoding)
    return row.raw + delimiter + text + row.end


@lru_cache(maxsize=100_000)
def _checked(text: str, region: str | None) -> tuple[str, ...]:
    """The added cells for one phone field: status, E.164, line type, extension, reason."""
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
    return tuple(
        csvtext.formula_safe(cell)
        for cell in (
            decision.status or "",
            decision.e164 or "",
            decision.line_type or "",
            extension,
            reason,
        )
    )
