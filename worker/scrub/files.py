"""Read the numbers of a list on disk, and write the answers beside its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.csv_list import parser
from connectors.csv_list.columns import guess_columns, is_data, place_named, unique_names
from connectors.csv_list.errors import ListError
from connectors.csv_list.file import opened_rows
from connectors.csv_list.formula_guard import csv_line, without_guard
from connectors.csv_list.parser import TOLD_BY_ITSELF, Layout
from worker.phones.text import undo_spreadsheet_damage
from worker.scrub.model import Answer, Question, ScrubChannel

ADDED = ("e164", "channel", "allow", "reason", "since", "valid_until", "registry")


@dataclass(frozen=True, slots=True)
class Columns:
    """Names or positions of columns; "": recognised, or (country) none. `country`: of all rows."""

    number: str = ""
    country_column: str = ""
    country: str = ""


class ListedNumbers:
    """The numbers of a list, row by row. `header`: its names of columns, once it has been begun;
    empty where the list has none."""

    def __init__(
        self,
        path: Path,
        channel: ScrubChannel,
        columns: Columns = Columns(),
        layout: Layout = TOLD_BY_ITSELF,
        note: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._path, self._channel, self._columns = path, channel, columns
        self._layout, self._note = layout, note
        self.header: list[str] = []

    def __iter__(self) -> Iterator[tuple[Sequence[str], Question]]:
        """Yield the cells of each row, and what is asked. An empty row asks nothing; a broken one
        is unreadable."""
        places: tuple[int, int | None] | None = None
        with opened_rows(self._path, self._layout, self._note) as rows:
            for row in rows:
                cells = [without_guard(parser.readable(cell)) for cell in row.cells]
                if places is None:
                    places, has_header = self._places(cells)
                    if has_header:
                        self.header = cells
                        continue
                if not any(cells) and not row.problem:
                    continue
                yield cells, self._question("" if row.problem else _cell(cells, places[0]),
                                            cells, places[1])  # fmt: skip

    def questions(self) -> Iterator[Question]:
        for _, question in self:
            yield question

    def _question(self, text: str, cells: Sequence[str], country_at: int | None) -> Question:
        number, _ = undo_spreadsheet_damage(text)
        named = _cell(cells, country_at) if country_at is not None else ""
        return Question(number, self._channel, named or self._columns.country)

    def _places(self, first: Sequence[str]) -> tuple[tuple[int, int | None], bool]:
        """Return the positions of number and country, and whether the first row is a header."""
        columns, where = self._columns, str(self._path)
        if is_data(first):
            number, country = columns.number, columns.country_column
            if len(first) > 1 and not number.isdecimal():
                raise ListError(
                    f"{where}: the first row holds no column names; name the column of the numbers "
                    "by its position, such as --column 1"
                )
            at = int(number) - 1 if number.isdecimal() else 0
            return (at, int(country) - 1 if country.isdecimal() else None), False
        names = unique_names(first)
        if columns.number:
            at = place_named(first, columns.number, "--column", where)
        else:
            phones = guess_columns(names)["phones"]
            if len(phones) != 1:
                which = "several columns hold" if phones else "no column clearly holds"
                raise ListError(
                    f"{where}: {which} phone numbers; name the one to scrub with --column "
                    f"(there are: {', '.join(phones or names)})"
                )
            at = names.index(phones[0])
        country_at = None
        if columns.country_column:
            country_at = place_named(first, columns.country_column, "--country-column", where)
        elif guessed := guess_columns(names)["country"]:
            country_at = names.index(guessed[0])
        return (at, country_at), True


def _cell(cells: Sequence[str], place: int) -> str:
    return cells[place].strip() if place < len(cells) else ""


def header_line(header: Sequence[str]) -> str:
    """Return the first line of the list with answers; the names of a list without any are ours."""
    return csv_line([*(header or ["number"]), *ADDED])


def answer_line(cells: Sequence[str], header: Sequence[str], answer: Answer) -> str:
    """Return a row with what was answered. `header`: of the list, empty where it has none."""
    width = len(header) or 1
    row = [*cells[:width], *[""] * (width - len(cells))] if header else [answer.number]
    said = answer.as_json()
    said["allow"] = "yes" if answer.allow else "no"
    return csv_line([*row, *(said[name] or "" for name in ADDED)])
