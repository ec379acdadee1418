"""The one number in a text, however it is spelt."""

from __future__ import annotations

from worker.phones.field_parser import read_field


def number_of(text: str, region: str | None = None) -> str | None:
    """The one number in a text in any spelling; None where there is none, or more than one."""
    numbers = read_field(text, region).numbers
    return numbers[0].e164 if len(numbers) == 1 else None
