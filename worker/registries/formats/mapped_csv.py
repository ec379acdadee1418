"""Lists of states, litigators and others: a table whose columns the settings name, or bare numbers.

`column` holds the number, in any spelling that its country knows. In a change list `action_column`
says what happened to it: a word of `removal_words` takes it off, any other puts it on the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from config.registries import RegistrySettings
from connectors.csv_list import parser
from connectors.csv_list.columns import guess_columns, is_data, place_named, unique_names
from connectors.csv_list.errors import ListError
from connectors.csv_list.file import opened_rows
from connectors.csv_list.formula_guard import without_guard
from worker.phones.single_number import number_of
from worker.phones.text import undo_spreadsheet_damage
from worker.registries.formats.model import Action, Line
from worker.registries.numbers import as_integer


def read(path: Path, settings: RegistrySettings) -> Iterator[Line]:
    """Yield the numbers of a table. Raises `ListError` where a column is not there."""
    region = settings.countries[0] if len(settings.countries) == 1 else None
    places: tuple[int, int | None] | None = None
    removal = {word.casefold() for word in settings.removal_words}
    with opened_rows(path) as rows:
        for row in rows:
            cells = [without_guard(parser.readable(cell)) for cell in row.cells]
            if places is None:
                places, is_header = _places(path, cells, settings)
                if is_header:
                    continue
            at, action_at = places
            text = cells[at].strip() if at < len(cells) else ""
            if not text and not row.problem:
                continue
            action: Action = ""
            if action_at is not None and action_at < len(cells):
                word = cells[action_at].strip().casefold()
                action = "remove" if word in removal else "add" if word else ""
            yield Line(None if row.problem else _number(text, region), action)


def _number(text: str, region: str | None) -> int | None:
    clean, _ = undo_spreadsheet_damage(text)
    number = number_of(clean, region)
    if number is None and region is None and clean.isdigit() and 8 <= len(clean) <= 15:
        number = number_of(f"+{clean}", None)  # as registries write them
    return as_integer(number) if number else None


def _places(
    path: Path, first: Sequence[str], settings: RegistrySettings
) -> tuple[tuple[int, int | None], bool]:
    """Return the positions of number and action, and whether the first row is a header."""
    column, action = settings.column, settings.action_column
    by_position = all(name.isdecimal() for name in (column, action) if name)
    if is_data(first):
        if not by_position:
            raise ListError(
                f"{path}: the first row holds no column names; name the columns by their "
                'positions, such as column = "1"'
            )
        if not column and len(first) > 1:
            raise ListError(f"{path}: there are {len(first)} columns; set column to one of them")
        return (int(column or 1) - 1, int(action) - 1 if action else None), False
    where = str(path)
    if column:
        at = place_named(first, column, "column", where)
    else:
        names = unique_names(first)
        phones = guess_columns(names)["phones"]
        if len(phones) != 1:
            raise ListError(
                f"{path}: which column holds the numbers is not clear; set column "
                f"(there are: {', '.join(names)})"
            )
        at = names.index(phones[0])
    action_at = place_named(first, action, "action_column", where) if action else None
    return (at, action_at), True
