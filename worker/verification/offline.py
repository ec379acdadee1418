"""The offline provider: libphonenumber's numbering plans. Free, at hand, and asked first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import phonenumbers

from worker.phones import facts
from worker.verification.base import Verification


class OfflineProvider:
    name = "offline"
    package = "format"
    price = Decimal(0)

    def __init__(self, valid_for: timedelta, invalid_for: timedelta) -> None:
        self._valid_for = valid_for
        self._invalid_for = invalid_for

    def verify(self, numbers: Sequence[str], now: datetime) -> list[Verification]:
        return [self._judge(number, now) for number in numbers]

    def _judge(self, number: str, now: datetime) -> Verification:
        known = facts(number)
        return Verification(
            number=number,
            provider=self.name,
            package=self.package,
            verdict="valid" if known.valid else "invalid",
            line_type=known.kind,
            at=now,
            until=now + (self._valid_for if known.valid else self._invalid_for),
            country=known.region,
            detail=known.problem,
            words=f"libphonenumber {phonenumbers.__version__}",
        )
