"""Explain step by step how a phone field is read."""

from __future__ import annotations

from msgspec import Struct

from worker.phones.chunks import Chunk, chunks_of
from worker.phones.contact_fields import ContactLocation, parse_contact
from worker.phones.extensions import canonicalize_extensions
from worker.phones.metadata import country_name
from worker.phones.model import Number, ParsedField
from worker.phones.text import clean, find_uri, undo_spreadsheet_damage

_FIELD = "field"


class Explanation(Struct, frozen=True):
    """How a field was read. `steps`: sentences, in the order in which it was done."""

    reading: ParsedField
    steps: tuple[str, ...]


def explain_field(text: str, where: ContactLocation) -> Explanation:
    """Read one phone field as a sync does, and say how."""
    reading = parse_contact({_FIELD: text}, where)[_FIELD]
    steps = [_country(where)]
    cleaned, damage = undo_spreadsheet_damage(clean(text))
    if cleaned != text:
        steps.append(f"Without marks that spreadsheets and copying leave, it is “{cleaned}”.")
    if (link := find_uri(cleaned)) is not None:
        steps.append(f"It is a link to one number: “{link}”.")
    elif cleaned and not damage:
        steps += _chunks(chunks_of(canonicalize_extensions(cleaned)))
    steps += [_number(number) for number in reading.numbers if number.valid]
    if not any(number.valid for number in reading.numbers) and reading.reason:
        steps.append(f"No number is read: the field {reading.reason}.")
    if reading.note:
        steps.append(f"What stands beside the numbers is kept as a note: “{reading.note}”.")
    return Explanation(reading, tuple(steps))


def _country(where: ContactLocation) -> str:
    if where.region is not None:
        return f"The contact is in {country_name(where.region)}."
    if len(where.named) > 1:
        return f"The contact's fields name {' and '.join(map(country_name, where.named))}."
    if where.country:
        return f"No country is known by the name “{where.country}”."
    return "Nothing names the contact's country."


def _chunks(chunks: list[Chunk]) -> list[str]:
    if len(chunks) < 2 and not any(chunk.spoilt for chunk in chunks):
        return []
    steps = [f"It is read in these parts: {', '.join(map(_quoted, chunks))}."]
    steps += [
        f"“{chunk.text}” is not a phone number: a word in front of it announces something else, or "
        "letters or a mask stand among its digits."
        for chunk in chunks
        if chunk.spoilt
    ]
    return steps


def _quoted(chunk: Chunk) -> str:
    extension = f" with extension {chunk.extension}" if chunk.extension else ""
    return f"“{chunk.text}”{extension}"


def _number(number: Number) -> str:
    parts = [number.e164]
    if number.extension:
        parts.append(f"extension {number.extension}")
    if number.kind != "unknown":
        parts.append(number.kind.replace("_", "-"))
    if number.region not in ("", "001"):
        parts.append(country_name(number.region))
    why = f": {number.basis}" if number.basis else ""
    return f"{', '.join(parts)}. Confidence {number.confidence}{why}."
