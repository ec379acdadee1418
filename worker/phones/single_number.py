"""Find the one number in a text, however it is spelt."""

from __future__ import annotations

from worker.phones.field_parser import parse_field


def number_of(text: str, region: str | None = None) -> str | None:
    """Return the one number in a text in any spelling; None if it holds none, or several."""
    numbers = parse_field(text, region).numbers
    return numbers[0].e164 if len(numbers) == 1 else None
