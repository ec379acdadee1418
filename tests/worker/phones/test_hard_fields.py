"""Hard fields that nobody here wrote: real ones of public bodies, other libraries' tests."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from worker.phones import ContactLocation, ParsedField, parse_contact

# Where we read otherwise on purpose, with the reason. At most 2 % of the fields, and never a number
# that the other reading has not.
MATTERS_OF_TASTE: dict[str, str] = {}


@dataclass(frozen=True)
class Row:
    text: str
    where: ContactLocation
    accepted: Sequence[Sequence[str]]  # the numbers in their order; each way that is right
    extension: str  # of the first number
    status: str  # "" where both are right

    def read(self) -> ParsedField:
        return parse_contact({"Phone": self.text}, self.where)["Phone"]


def numbers(reading: ParsedField) -> list[str]:
    return [number.e164 for number in reading.numbers if number.valid]


def status(reading: ParsedField) -> str:
    if reading.outcome == "empty":
        return ""
    if reading.outcome == "no_country":
        return "unverified"
    valid = [number for number in reading.numbers if number.valid]
    if not valid:
        return "invalid"
    return "unverified" if all(number.confidence == "low" for number in valid) else "valid"


@pytest.fixture
def rows(shared: Callable[[str], Path]) -> list[Row]:
    with shared("data/phone_fields_hard.csv").open(encoding="utf-8", newline="") as file:
        return [_row(entry) for entry in csv.DictReader(file)]


def _row(entry: dict[str, str]) -> Row:
    extra = json.loads(entry["extra"] or "{}")
    where = ContactLocation(
        entry["country"], extra.get("state", ""), extra.get("email", ""), extra.get("website", "")
    )
    accepted = [json.loads(entry["expected_e164"] or "[]"), *extra.get("also", [])]
    return Row(entry["raw"], where, accepted, entry["expected_ext"], entry["expected_status"])


def test_no_number_is_invented(rows: list[Row]) -> None:
    invented = [
        (row.text, number)
        for row in rows
        for number in numbers(row.read())
        if not any(number in reading for reading in row.accepted)
    ]
    assert invented == []


def test_all_numbers_are_read_in_their_order(rows: list[Row]) -> None:
    wrong = [
        (row.text, row.where.country, row.accepted[0], read)
        for row in rows
        if (read := numbers(row.read())) not in row.accepted and row.text not in MATTERS_OF_TASTE
    ]
    assert wrong == []


def test_extensions_and_statuses_are_right(rows: list[Row]) -> None:
    wrong = []
    for row in rows:
        reading = row.read()
        extension = reading.numbers[0].extension if numbers(reading) else ""
        if extension != row.extension or row.status not in ("", status(reading)):
            wrong.append((row.text, row.extension, row.status, extension, status(reading)))
    assert [entry for entry in wrong if entry[0] not in MATTERS_OF_TASTE] == []


def test_few_fields_are_a_matter_of_taste(rows: list[Row]) -> None:
    assert len(MATTERS_OF_TASTE) <= 0.02 * len(rows)
