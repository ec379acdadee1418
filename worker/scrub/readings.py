"""How else the text of a number may be meant. Pure.

A dialer dials the text that it has, and not our reading of it. So a denial of
any other reading's number denies this one too, and a text with an unread part is not one number.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from worker.feedback.field_notes import FieldNote
from worker.phones import Number, facts
from worker.phones.plan_changes import equal_forms


class Reading(NamedTuple):
    """How a text is read. `number`: None where it is not one number. `others`: numbers (E.164) that
    it may mean as well. `note`: what the words beside the number say."""

    number: Number | None
    others: tuple[str, ...] = ()
    note: FieldNote | None = None


_SHORTEST = 10  # digits of an international number that is taken for one without its plus
_RUN = re.compile(r"\+?\d(?:[\d .()/-]*\d)?", re.ASCII)
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
    """Return the numbers (E.164) that a text may mean beside the one that it is read as.

    - One without its plus, where a country that was named made another of it: 79161234567, "DE".
    - In Argentina, a mobile number has a 9 before the area code when it is dialled from abroad, and
      none otherwise (the mobile token of 54 in libphonenumber, `phonenumberutil`): people leave it
      out, or write it where it does not belong.
    """
    found = []
    if "+" not in text:
        digits = _digits(text)
        if len(digits) >= _SHORTEST and digits[0] != "0" and digits != number.e164[1:]:
            found.append(equal_forms(f"+{digits}")[0])  # today's form of one of an older plan
    if number.e164.startswith("+549"):
        found.append(f"+54{number.e164[4:]}")
    elif number.e164.startswith("+54"):
        found.append(f"+549{number.e164[3:]}")
    return tuple(each for each in found if each != number.e164 and facts(each).valid)


def _digits(text: str) -> str:
    if text.isascii():
        return "".join(filter(str.isdecimal, text))
    plain = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.digit(sign)) for sign in plain if sign.isdecimal())
