"""Find the columns of a list that hold phone numbers, extensions and countries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
from worker.lists.files import Source


@dataclass(frozen=True)
class Plan:
    """Which columns of a list are read, and what is added to each row.

    `phones`, `country`: names of columns, each once; `places`: of the phones, and of the columns
    that hold their extensions (None where there is none). `context`: places of the state, email
    and website, which may tell a number's country. `fallback`: the country in which a number is
    read where the row names none. `as_cells`: added cells go into a sheet one by one.
    """

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
    context: tuple[int | None, int | None, int | None] = (None, None, None)
    as_cells: bool = False

    @property
    def has_context(self) -> bool:
        return any(place is not None for place in self.context)


def plan_columns(
    source: Source,
    phone_columns: Sequence[str],
    country_column: str,
    fallback: str | None,
    has_header: bool,
) -> Plan:
    """Choose the columns by their names, or by what they look like; raises `ListError`."""
    first = source.head[0] if source.head else []
    if source.problem or not any(first):
        why = f", but cannot be read: {source.problem}" if source.problem else ""
        raise ListError(f"{source.name}: the first row must hold the column names{why}")
    data = is_data(first) if has_header else ""
    if data:
        raise ListError(
            f"{source.name}: the first row should hold the column names, but {data}; for a list "
            "without a header add --no-header"
        )
    header = first if has_header else [""] * max(map(len, source.head))
    sample = source.head[1:] if has_header else source.head
    names = unique_names(header)
    places = _phone_places(source.name, header, sample, phone_columns)
    country = _country_place(source.name, header, country_column)
    phones = tuple(names[place] for place in places)
    extensions = extension_columns(names, phones)
    dialect = source.dialect
    return Plan(
        len(header),
        phones,
        tuple(places),
        tuple(names.index(extensions[name]) if name in extensions else None for name in phones),
        names[country] if country is not None else "",
        country,
        _added_names(names, phones),
        fallback,
        dialect.delimiter if dialect else ",",
        dialect.encoding if dialect else "utf-8",
        _context_places(names, phones),
    )


def _phone_places(
    name: str, header: Sequence[str], sample: Sequence[Sequence[str]], wanted: Sequence[str]
) -> list[int]:
    """Return the places of the phone columns: those that were named, else those that look like
    phone columns."""
    names = unique_names(header)
    if wanted:
        named = [
            place
            for column in wanted
            for place in places_named(header, column, "--phone-column", name)
        ]
        return [*dict.fromkeys(named)]
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


def _context_places(
    names: Sequence[str], phones: Sequence[str]
) -> tuple[int | None, int | None, int | None]:
    guessed = guess_columns(names)

    def place_of(what: str) -> int | None:
        name = next((name for name in guessed[what] if name not in phones), None)
        return names.index(name) if name is not None else None

    return place_of("state"), place_of("email"), place_of("website")


def _added_names(names: Sequence[str], phones: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the added columns, none of which the list has already."""
    taken = {name.strip().casefold() for name in names}
    added = []
    for phone in phones:
        for what in ADDED:
            column = plain = f"{phone.strip()} {what}"
            attempt = 0
            while column.casefold() in taken:
                attempt += 1
                column = f"{plain} (checked{f' {attempt}' if attempt > 1 else ''})"
            taken.add(column.casefold())
            added.append(column)
    return tuple(added)
