"""Cut a list into batches of rows, each with the phone fields that stand in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from connectors.csv_list import parser
from connectors.csv_list.parser import Plain, Record
from connectors.csv_list.workbook import Cell
from worker.lists.columns import Plan
from worker.lists.files import CellRows
from worker.phones import ContactLocation, region_of
from worker.phones.regions import region_of_domain

_MAX_COUNTRIES = 5000  # spellings of countries that are kept
_EXTENSION = re.compile(r"\s*'?(?:ext\.?|x|#)?\s*(\d{1,7})(?:[.,]0+)?\s*", re.IGNORECASE)

# A phone field, the country that it is read in (or, in a list with more columns that may tell it,
# where its contact is), and the extension that stands in another column.
FieldKey = tuple[str, str | ContactLocation | None, str]


@dataclass(slots=True)
class Batch:
    """Some rows of a list: each one as the source gave it, its end, and its phone fields (none
    where it is broken or empty). `padded`: the numbers of rows without all cells of the header,
    which are given with empty ones."""

    rows: list[str] | list[list[Cell]]
    ends: list[str]
    keys: list[Sequence[FieldKey]]
    broken: list[tuple[int, str]]  # the line's number, and what is wrong
    padded: list[int] = field(default_factory=list)


class Regions(dict[str, str | None]):
    """The country that fields are read in, by what stands in the country's column."""

    def __init__(self, fallback: str | None) -> None:
        super().__init__({"": fallback})
        self._fallback = fallback

    def __missing__(self, country: str) -> str | None:
        if len(self) >= _MAX_COUNTRIES:
            self.clear()
        region = self[country] = (region_of(country) if country else None) or self._fallback
        return region


class Locations(dict[tuple[str, str, str, str], ContactLocation]):
    """Where contacts are, by their cells: country, state, and the domains of email and website.

    Of an address only what tells a country is kept, so that few locations stand for all rows.
    """

    def __init__(self, fallback: str | None) -> None:
        super().__init__()
        self._fallback = fallback

    def __missing__(self, cells: tuple[str, str, str, str]) -> ContactLocation:
        if len(self) >= _MAX_COUNTRIES:
            self.clear()
        location = self[cells] = ContactLocation(*cells, default=self._fallback)
        return location

    def of(self, cells: Sequence[str], plan: Plan) -> ContactLocation:
        state, email, website = plan.context
        return self[
            cells[plan.country_place].strip() if plan.country_place is not None else "",
            cells[state].strip() if state is not None else "",
            _top_level_domain(cells[email]) if email is not None else "",
            _top_level_domain(cells[website]) if website is not None else "",
        ]


def _top_level_domain(address: str) -> str:
    """An address of the same country: ".de" for kim@example.de; "" where it tells none."""
    region = region_of_domain(address) if address else None
    return f"@.{'uk' if region == 'GB' else region.lower()}" if region else ""


@dataclass(frozen=True, slots=True)
class Countries:
    """What tells the country of a row's numbers."""

    regions: Regions
    named: Regions  # by the country's column alone
    locations: Locations

    @classmethod
    def of(cls, plan: Plan) -> Countries:
        return cls(Regions(plan.fallback), Regions(None), Locations(plan.fallback))


def read_batch(
    rows: Plain | Sequence[Record] | CellRows, plan: Plan, countries: Countries
) -> Batch:
    """Return rows of a source as a batch, with their phone fields."""
    if isinstance(rows, Plain):
        return _from_plain(rows, plan, countries)
    if rows and isinstance(rows[0], Record):
        return _from_records(cast(Sequence[Record], rows), plan, countries)
    return _from_sheet(cast(CellRows, rows), plan, countries)


def _from_plain(rows: Plain, plan: Plan, countries: Countries) -> Batch:
    """Rows of one line each without quotes: a cell is what stands between two delimiters."""
    delimiter, width, places = plan.delimiter, plan.width, plan.places
    country, first = plan.country_place, plan.places[0]
    simple = len(places) == 1 and plan.extensions[0] is None
    cut = -len(rows.end)
    raws = [line[:cut] for line in rows.lines]
    keys: list[Sequence[FieldKey]] = []
    batch = Batch(raws, [rows.end] * len(raws), keys, [])
    for place, raw in enumerate(raws):
        cells = raw.split(delimiter)
        if len(cells) != width or not raw:
            number = rows.number + place
            fitted = _fitted(number, raw, cells, plan, batch)
            if fitted is None:
                keys.append(())
                continue
            raws[place], cells = fitted
        if simple and not plan.has_context:
            region = plan.fallback if country is None else countries.regions[cells[country]]
            keys.append(((cells[first], region, ""),))
        else:
            keys.append(_keys(cells, _where(cells, plan, countries), plan))
    return batch


def _fitted(
    number: int, raw: str, cells: Sequence[str], plan: Plan, batch: Batch
) -> tuple[str, list[str]] | None:
    """Return a row's text and cells as the header has them; None for an empty line, which stays
    one, and for a broken row. What there is to tell of it goes into the batch."""
    if parser.is_blank(raw):
        return None
    fitted = parser.fitted(raw, cells, plan.width, plan.delimiter)
    if fitted is None:
        batch.broken.append((number, _cells_problem(cells, plan)))
        return None
    if len(cells) < plan.width:
        batch.padded.append(number)
    return fitted[0], [*fitted[1]]


def _keys(cells: Sequence[str], where: str | ContactLocation | None, plan: Plan) -> list[FieldKey]:
    return [
        (cells[place], where, "" if extension is None else _extension(cells[extension]))
        for place, extension in zip(plan.places, plan.extensions, strict=True)
    ]


def _extension(cell: str) -> str:
    """Return the digits of a cell that holds an extension and nothing else; "" for any other."""
    match = _EXTENSION.fullmatch(cell)
    return match[1] if match else ""


def _from_records(records: Sequence[Record], plan: Plan, countries: Countries) -> Batch:
    rows: list[str] = []
    batch = Batch(rows, [], [], [])
    for record in records:
        row = parser.row_of(record, plan.delimiter)
        raw, cells = row.raw, row.cells
        batch.ends.append(row.end)
        if row.problem or len(cells) != plan.width:
            fitted = None if row.problem else _fitted(row.number, raw, cells, plan, batch)
            if fitted is None:
                rows.append(raw)
                batch.keys.append(())
                if row.problem:
                    batch.broken.append((row.number, row.problem))
                continue
            raw, cells = fitted
        rows.append(raw)
        batch.keys.append(_keys(cells, _where(cells, plan, countries), plan))
    return batch


def _where(cells: Sequence[str], plan: Plan, countries: Countries) -> str | ContactLocation | None:
    place = plan.country_place
    if plan.has_context:
        return countries.locations.of(cells, plan)
    if len(plan.places) > 1:  # the other phone fields come before the fallback
        named = countries.named[cells[place]] if place is not None else None
        return named or countries.locations.of(cells, plan)
    return plan.fallback if place is None else countries.regions[cells[place]]


def _from_sheet(rows: CellRows, plan: Plan, countries: Countries) -> Batch:
    """Rows of a sheet, which end where their last cell does."""
    batch = Batch([row for _number, row in rows], [], [], [])
    for number, row in rows:
        cells = [cell.text for cell in row]
        if not cells or len(cells) > plan.width:
            batch.keys.append(())
            if cells:
                batch.broken.append((number, _cells_problem(cells, plan)))
            continue
        cells += [""] * (plan.width - len(cells))
        batch.keys.append(_keys(cells, _where(cells, plan, countries), plan))
    return batch


def _cells_problem(cells: Sequence[str], plan: Plan) -> str:
    return f"has {len(cells)} cells where the header has {plan.width}"
