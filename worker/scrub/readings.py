"""How else the text of a number may be meant. Pure.

A dialer dials the text that it has, and not our reading of it. So a denial of
any other reading's number denies this one too, and a text with an unread part is not one number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from worker.feedback.field_notes import FieldNote
from worker.phones import Number, facts
from worker.phones.extensions import CANONICAL as _EXTENSION
from worker.phones.extensions import canonicalize_extensions
from worker.phones.plan_changes import equal_forms
from worker.phones.text import clean, undo_spreadsheet_damage


class Reading(NamedTuple):
    """How a text is read. `number`: None where it is not one number. `others`: numbers (E.164) that
    it may mean as well. `note`: what the words beside the number say."""

    number: Number | None
    others: tuple[str, ...] = ()
    note: FieldNote | None = None


_SHORTEST = 8  # digits of an international number that is taken for one without its plus
_RUN = re.compile(r"\+?\d(?:[\d .()/-]*\d)?", re.ASCII)
_PLAIN = re.compile(r"\(?\d[\d ()-]*", re.ASCII)  # one run
_YEAR = re.compile(r"(?:19|20)\d\d")
_MOST_UNREAD = 3  # digits beside a number that are no number themselves: a floor, an hour


def is_partly_unread(note: str) -> bool:
    """Return whether a note beside a number holds what may be another number, or a part of it.

    >>> is_partly_unread("5550123"), is_partly_unread("+225"), is_partly_unread("moved 2019")
    (True, True, False)
    """
    return bool(note) and any(
        run[0] == "+" or (len(_digits(run)) > _MOST_UNREAD and not _YEAR.fullmatch(run))
        for run in _RUN.findall(unicodedata.normalize("NFKC", note))
    )


def other_readings(text: str, number: Number) -> tuple[str, ...]:
    """Return the numbers (E.164) that a text may mean beside the one that it is read as: where a
    country that was named made another of a number without its plus (79161234567, "DE").

    What is said of the same line in another form (`equal_forms`) is no other reading.
    """
    found = []
    for digits in _international_digits(text):
        if digits != number.e164[1:]:
            found.append(equal_forms(f"+{digits}")[0])  # today's form of one of an older plan
    others = dict.fromkeys(each for each in found if each != number.e164)
    return tuple(each for each in others if facts(each).valid)


def _international_digits(text: str) -> Iterator[str]:
    """Yield the digits of a text that are a number with its country's code, if its plus was left
    out; without what a spreadsheet added, a plus behind them, and extensions."""
    if text[:1] == "+" and text[1:].isdigit():
        return  # nearly all
    runs = [text]
    if _PLAIN.fullmatch(text) is None:
        plain, _ = undo_spreadsheet_damage(clean(text))
        runs = _RUN.findall(_EXTENSION.sub(" ", canonicalize_extensions(plain)))
    for run in runs:
        digits = _digits(run)
        if run[0] != "+" and digits[0] != "0" and len(digits) >= _SHORTEST:
            yield digits


def _digits(text: str) -> str:
    if text.isascii():
        return "".join(filter(str.isdecimal, text))
    plain = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.digit(sign)) for sign in plain if sign.isdecimal())
