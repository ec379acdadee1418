"""The offline provider: libphonenumber's numbering plans. It is free, needs no network, and comes
first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache

import phonenumbers
from phonenumbers import timezone

from config.verification import CheckLevel
from worker.phones import facts
from worker.phones.fast_parser import as_number
from worker.phones.metadata import split
from worker.verification.models import AccountStatus, Answer, Product, Question


class OfflineProvider:
    name = "offline"
    label = "the numbering plan"
    batch = 10_000
    local = True
    # What its answers rest on; the chain asks it again about answers of another edition.
    edition = f"libphonenumber {phonenumbers.__version__}"

    def product(self, check_level: CheckLevel) -> Product | None:
        return Product("format", Decimal(0)) if check_level == "format" else None

    def supports(self, question: Question, check_level: CheckLevel) -> bool:
        return True

    def ask(self, questions: Sequence[Question], check_level: CheckLevel) -> list[Answer]:
        return [_judge(question.number) for question in questions]

    def check(self) -> AccountStatus:
        return AccountStatus()

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
        raw_answer=OfflineProvider.edition,
        charged=0,
    )


def carrier_of(number: str) -> str:
    """Return the carrier to which a mobile number's range was assigned; "" if the plan does not
    say.

    The number may have been ported to another carrier since.
    """
    carriers, longest_prefix = _carriers()
    for length in range(longest_prefix, 0, -1):
        names = carriers.get(number[1 : 1 + length])
        if names is not None and (name := names.get("en")):
            return name
    return ""


@cache
def _carriers() -> tuple[Mapping[str, Mapping[str, str]], int]:
    """Load the largest table of libphonenumber: only where a number is judged, and once. An import
    for each number takes as long as the look-up."""
    from phonenumbers.carrierdata import CARRIER_DATA, CARRIER_LONGEST_PREFIX

    return CARRIER_DATA, CARRIER_LONGEST_PREFIX


def time_zones(number: str) -> tuple[str, ...]:
    """Return the time zones in which a valid number may ring, as tz names.

    >>> time_zones("+14155552671")
    ('America/Los_Angeles',)
    """
    parts = split(number)
    if parts is None:
        return ()
    zones = timezone.time_zones_for_geographical_number(as_number(*parts))
    return tuple(zone for zone in zones if zone != timezone.UNKNOWN_TIMEZONE)
