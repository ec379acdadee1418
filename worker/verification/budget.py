"""Compute how many lookups the caps still allow (pure). Money is in millionths, so that sums are
exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_UP, Decimal
from typing import Literal

from config.verification import Caps

Period = Literal["day", "month", "run"]
PERIODS: tuple[Period, ...] = ("day", "month", "run")
_MILLION = 1_000_000
_SAID = {"day": "today's budget", "month": "this month's budget", "run": "this run's budget"}


def millionths(money: Decimal) -> int:
    """
    >>> millionths(Decimal("0.008"))
    8000
    """
    return int((money * _MILLION).to_integral_value(ROUND_UP))


def money(amount: int) -> Decimal:
    """
    >>> money(8000)
    Decimal('0.008')
    """
    return Decimal(amount) / _MILLION


def day_of(now: datetime) -> str:
    return f"{now:%Y-%m-%d}"


def month_of(now: datetime) -> str:
    """Return the first day of the month."""
    return f"{now:%Y-%m}-01"


@dataclass(frozen=True, slots=True)
class Used:
    """Money and lookups that are spent, and that are reserved for calls under way."""

    money: int = 0
    lookups: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """One cap, with what has been used of it; None = no cap. `name`: as a person would say it.
    `period`: "" for one of no period, such as a credit."""

    name: str
    money: int | None
    lookups: int | None
    used: Used
    period: Period | Literal[""] = ""

    def room(self, price: int) -> int | None:
        """Return how many lookups at this price still fit; None = any number."""
        rooms = []
        if self.lookups is not None:
            rooms.append(self.lookups - self.used.lookups)
        if self.money is not None and price > 0:
            rooms.append((self.money - self.used.money) // price)
        return max(0, min(rooms)) if rooms else None


def limits(caps: Caps, used: Mapping[Period, Used], whose: str = "") -> Iterator[Limit]:
    """Return the caps that are set. `whose`: the provider that they belong to, "" = all
    together."""
    for period in PERIODS:
        most, most_lookups = getattr(caps, period), getattr(caps, f"{period}_lookups")
        if most is not None or most_lookups is not None:
            name = f"{_SAID[period]} for {whose}" if whose else _SAID[period]
            cap = None if most is None else millionths(most)
            yield Limit(name, cap, most_lookups, used.get(period, Used()), period)


def affordable(among: Sequence[Limit], price: int, lookups: int) -> tuple[int, str]:
    """Return how many of the wanted lookups fit under all caps, and which cap stops the rest ("" =
    none)."""
    number, stopped_by = lookups, ""
    for limit in among:
        room = limit.room(price)
        if room is not None and room < number:
            number, stopped_by = room, limit.name
    return number, stopped_by
