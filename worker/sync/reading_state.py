"""How the phone fields of a contact were read when our index recorded it. Pure.

A field's text may be read as another number than before, without anybody having changed it: by a
new release, a new numbering plan, or another country of the contact. `signature` tells cheaply
whether that is so: it holds a hash of each field's text and one of its numbers, and it is kept with
the contact in the index. A contact whose signature is as it was needs no second look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from zlib import crc32

import orjson

from worker.phones import ParsedField

NOTED = "-"  # begins the fingerprint of a row with a write noted (`contact_index.remember_flags`)
_HASH = 8  # characters of the contact's fingerprint that stand before its signature


@dataclass(frozen=True, slots=True)
class FieldState:
    """A phone field as it was recorded. `text`, `numbers`: hashes.

    `unpaid`: places of numbers that a changed reading brought, for which nothing is paid.
    `waits`: the CRM is still to be told of the changed reading.
    """

    text: int
    numbers: int
    unpaid: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class ReadingState:
    """The phone fields of a contact, and its country's code ("" = not known).

    `rewrite_on`: the day from which those that wait are written, None where none waits.
    """

    region: str = ""
    fields: Mapping[str, FieldState] = field(default_factory=dict)
    rewrite_on: date | None = None

    def encode(self) -> str:
        """Return the state as a text; of one without marks that is the contact's `signature`."""
        rows: list[Any] = [self.region]
        for name, state in self.fields.items():
            row: list[Any] = [name, state.text, state.numbers]
            if state.unpaid or state.waits:
                row += [state.unpaid, state.waits]
            rows.append(row)
        if self.rewrite_on is not None:
            rows.append(self.rewrite_on.isoformat())
        return orjson.dumps(rows).decode()

    def settled(self) -> ReadingState:
        """Return the state once the CRM has been told."""
        fields = {name: replace(state, waits=False) for name, state in self.fields.items()}
        return ReadingState(self.region, fields)


def decode(text: str) -> ReadingState:
    """Return the state that `ReadingState.encode` wrote; "" is one without fields."""
    if not text:
        return ReadingState()
    region, *rows = orjson.loads(text)
    fields: dict[str, FieldState] = {}
    rewrite_on = None
    for row in rows:
        if isinstance(row, str):
            rewrite_on = date.fromisoformat(row)
        else:
            fields[row[0]] = FieldState(*row[1:])
    return ReadingState(region, fields, rewrite_on)


def has_text(state: str, field: str, text: str) -> bool:
    """Return whether a field had this text when its contact was recorded. `state`: encoded."""
    recorded = decode(state).fields.get(field)
    return recorded is not None and recorded.text == crc32(text.encode())


def signature(
    region: str | None, phones: Mapping[str, str], readings: Mapping[str, ParsedField]
) -> str:
    """Return a contact's country, and the texts and numbers of its phone fields as hashes.

    Fields without text, and those that are hidden from us, are left out. CRC-32 is enough: two
    texts that seem to be one only make a stop follow to the field's new number.
    """
    rows: list[Any] = [region or ""]
    for name, text in phones.items():
        if text and (reading := readings.get(name)) is not None:
            numbers = " ".join([f"{number.e164};{number.extension}" for number in reading.numbers])
            rows.append((name, crc32(text.encode()), crc32(numbers.encode())))
    return orjson.dumps(rows).decode()


def is_noted(fingerprint: str) -> bool:
    """Tell whether one of our writes was noted in an index row since it was recorded. Former
    versions left such a row without a fingerprint."""
    return not fingerprint or fingerprint.startswith(NOTED)


def tie(fingerprint: str, state: str) -> str:
    """Return a state as it is stored: with the fingerprint of the index row that it belongs to.

    A version that keeps no states may write the row while this one runs beside it.
    """
    return fingerprint[:_HASH].ljust(_HASH) + state


def untie(fingerprint: str, stored: str) -> str:
    """Return the state that is stored with a row; "" where it belongs to another one.

    A row that has one of our writes noted, and nothing else, is tied to none (`is_noted`).
    """
    head, state = stored[:_HASH], stored[_HASH:]
    return state if is_noted(fingerprint) or head == fingerprint[:_HASH].ljust(_HASH) else ""
