"""Convert the value of a phone field to the text that the phone field reader takes.

A text field holds what people typed. A number field has lost a leading + and leading zeros, and has
forms of its own: Salesforce writes doubles of eight digits or more with an exponent
(1.4155550123E10), both in JSON and in the CSV of Bulk jobs; HubSpot gives the digits as text. We
read the digits and guess none: a value that cannot be a phone number (a fraction, a negative
number, more digits than E.164 has, where a double has lost some) is named as what it is.

Sources: Salesforce Help, "Why do I see exponential values for custom number field?" (000385889,
formerly 000221617); forcedotcom/cli issue 3367 (Bulk: 1.6147805824397E13); HubSpot's guide
"Properties" (all values of an answer are texts). E.164 has 15 digits at most (ITU-T E.164, 6.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

TEXT_TYPES = frozenset(("phone", "phone_number", "string", "text", "textarea", "url"))
NUMBER_TYPES = frozenset(("double", "int", "long", "number", "currency", "percent"))

_MOST_DIGITS = 15
_NO_PHONE = "[not a phone number: {}]"  # `worker.phones.text` reads what it is
_NAMES: dict[type, str] = {bool: "a checkbox", list: "a list", dict: "a group of values"}


def typed_texts(cells: Sequence[Any]) -> list[str]:
    """A column of a field of text. Other values than texts should not come, and are told."""
    return [cell if type(cell) is str else _from_odd(cell) for cell in cells]


def number_texts(cells: Sequence[Any]) -> list[str]:
    """A column of a field of numbers.

    >>> number_texts([1.4155550123e10, "1.4155550123E10", "14155550123.0", 14155550123, None])
    ['14155550123', '14155550123', '14155550123', '14155550123', '']
    >>> number_texts([-5.0, 2.5, 1e18])
    ... # doctest: +NORMALIZE_WHITESPACE
    ['[not a phone number: a negative number]', '[not a phone number: a fraction]',
     '[not a phone number: a number with too many digits]']
    """
    return [_digits(cell) for cell in cells]


def _digits(cell: Any) -> str:
    if cell is None or cell == "":
        return ""
    if isinstance(cell, bool) or not isinstance(cell, (str, int, float)):
        return _from_odd(cell)
    try:
        number = Decimal(str(cell).strip())
    except InvalidOperation:
        return cell if isinstance(cell, str) else _NO_PHONE.format("no number")
    if not number.is_finite():
        return _NO_PHONE.format("no number")
    if number < 0:
        return _NO_PHONE.format("a negative number")
    if number.adjusted() >= _MOST_DIGITS:  # before it is written out: an exponent may be huge
        return _NO_PHONE.format("a number with too many digits")
    if number != number.to_integral_value():
        return _NO_PHONE.format("a fraction")
    return str(int(number))


def _from_odd(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return _digits(cell)
    return _NO_PHONE.format(_NAMES.get(type(cell), "a value that is no text"))
