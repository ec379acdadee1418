"""The offline provider: libphonenumber's numbering plans. Free, at hand, and asked first."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import phonenumbers
from phonenumbers import carrier, timezone

from config.verification import Depth
from worker.phones import facts
from worker.verification.base import Account, Answer, Offer, Question


class OfflineProvider:
    name = "offline"
    label = "the numbering plan"
    batch = 10_000
    local = True

    def offers(self, depth: Depth) -> Offer | None:
        return Offer("format", Decimal(0)) if depth == "format" else None

    def suits(self, question: Question, depth: Depth) -> bool:
        return True

    def ask(self, questions: Sequence[Question], depth: Depth) -> list[Answer]:
        return [_judge(question.number) for question in questions]

    def check(self) -> Account:
        return Account()

    def close(self) -> None:
        pass


def _judge(number: str) -> Answer:
    known = facts(number)
    return Answer(
        number=number,
        verdict="valid" if known.valid else "invalid",
        line_type=known.kind,
        carrier=carrier_of(number) if known.valid else "",
        country=known.region,
        detail=known.problem,
        words=f"libphonenumber {phonenumbers.__version__}",
        charged=0,
    )


def carrier_of(number: str) -> str:
    """The carrier that a mobile number's range was given to; "" where the plan does not tell.

    It may have been ported to another since.
    """
    return carrier.name_for_valid_number(_parsed(number), "en")


def time_zones(number: str) -> tuple[str, ...]:
    """Time zones in which a valid number may ring, as tz names.

    >>> time_zones("+14155552671")
    ('America/Los_Angeles',)
    """
    found = timezone.time_zones_for_geographical_number(_parsed(number))
    return tuple(zone for zone in found if zone != timezone.UNKNOWN_TIMEZONE)


def _parsed(number: str) -> phonenumbers.PhoneNumber:
    """An E.164 number as libphonenumber's object, ten times faster than its own parser."""
    for length in (1, 2, 3):
        code = int(number[1 : 1 + length])
        if code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            rest = number[1 + length :]
            zeros = len(rest) - len(rest.lstrip("0"))
            return phonenumbers.PhoneNumber(
                country_code=code,
                national_number=int(rest),
                italian_leading_zero=zeros > 0 or None,
                number_of_leading_zeros=zeros if zeros > 1 else None,
            )
    return phonenumbers.parse(number)
