"""Whether somebody may be called now, and when next.

A call is allowed only where every rule that may hold allows it, in every time zone that the person
may be in. Where nothing is known about a place, it is never allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays

from worker.calling_hours.places import Place, locate
from worker.calling_hours.rules import Rule, Rules, load_rules

# How far ahead the next hours are looked for. The longest row of closed days is a few holidays
# around a weekend.
_AHEAD = 14  # days
Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Window:
    """When somebody may be called, in UTC.

    `zone`: their time zone, if it is the only one that they may be in. `opens_at`: when the next
    hours begin, or None while they are open, and where none come within two weeks. `closes_at`:
    when the present hours end, or the next ones. `rule`: which rules hold, in words.
    """

    zone: str | None
    open_now: bool
    opens_at: datetime | None
    closes_at: datetime | None
    rule: str


def window(
    number_e164: str, state: str, country: str, at: datetime, rules: Rules | None = None
) -> Window:
    """Return when somebody may be called, as seen at a time.

    `number_e164`: "" if unknown. `state`, `country`: of the contact, "" if unknown; `country` is an
    ISO 3166 code. `at`: with a time zone. Raises `ValueError` for a time without one.
    """
    if at.tzinfo is None:
        raise ValueError("at: has no time zone")
    known = rules or load_rules()
    return _window(locate(number_e164, state, country, known), at, known)


@lru_cache(maxsize=4096)
def _window(place: Place, at: datetime, known: Rules) -> Window:
    """Cached, since thousands of numbers that are scrubbed at one moment lie in few places."""
    holding = rules_of_place(place, known)
    words = _words(place, holding)
    if not place.zones:
        return Window(None, False, None, None, f"the time zone is not known: {words}")
    at = at.astimezone(UTC)
    for start, end in _allowed(place, holding, at):
        if end <= at:
            continue
        zone = place.zones[0] if len(place.zones) == 1 else None
        if start <= at:
            return Window(zone, True, None, end, words)
        return Window(zone, False, start, end, words)
    return Window(None, False, None, None, f"no hour is allowed: {words}")


@dataclass(frozen=True, slots=True)
class Holding:
    """A rule that is to be kept, and whose public holidays it means."""

    rule: Rule
    country: str
    state: str


def rules_of_place(place: Place, rules: Rules) -> list[Holding]:
    """Return the rules that may hold at a place, the cautious default if none is known."""
    holding = [
        Holding(rule, country, rule.state)
        for country in place.countries
        for rule in rules.of(country, place.states)
    ]
    if not holding:
        holding = [Holding(rules.default, "", "")]
    if rules.own is not None:
        country = place.countries[0] if place.countries else ""
        state = min(place.states, default="")
        holding.append(Holding(rules.own, country, state))
    return holding


def _allowed(place: Place, holding: Iterable[Holding], at: datetime) -> list[Interval]:
    """Return the hours that every rule allows in every zone, in order."""
    allowed: list[Interval] | None = None
    for name in place.zones:
        zone = _zone(name)
        if zone is None:  # this machine's time zones are too old for it
            return []
        for each in holding:
            hours = _merge(_intervals(each, zone, at))
            allowed = hours if allowed is None else _intersect(allowed, hours)
    return allowed or []


def _intervals(holding: Holding, zone: ZoneInfo, at: datetime) -> Iterator[Interval]:
    """Yield the hours of one rule in one zone, day by day."""
    first = at.astimezone(zone).date() - timedelta(days=1)
    hours = holding.rule.hours
    for ahead in range(_AHEAD + 2):
        day = first + timedelta(days=ahead)
        if not hours.holidays and _is_holiday(day, holding.country, holding.state):
            continue
        for start, end in hours.of(day):
            begin, until = _utc(day, start, zone, max), _utc(day, end, zone, min)
            if begin < until:
                yield begin, until


def _utc(day: date, minutes: int, zone: ZoneInfo, choose: Any) -> datetime:
    """Return a local time in UTC. A time that a change of clocks skips or repeats stands for two
    moments: the later one begins hours and the earlier one ends them."""
    day += timedelta(days=minutes // 1440)
    local = datetime.combine(day, time(minutes % 1440 // 60, minutes % 60))
    moments = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    chosen: datetime = choose(moments)
    return chosen


def _merge(intervals: Iterable[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _intersect(one: list[Interval], other: list[Interval]) -> list[Interval]:
    found = []
    i = j = 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start < end:
            found.append((start, end))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return found


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _is_holiday(day: date, country: str, state: str) -> bool:
    return day in _holidays(country, state, day.year)


@lru_cache(maxsize=512)
def _holidays(country: str, state: str, year: int) -> frozenset[date]:
    """Return the public holidays of a place in a year, with the days on which they are observed. Of
    a country that is not listed there are none."""
    try:
        days = holidays.country_holidays(country, subdiv=state or None, years=year)
    except NotImplementedError:
        if state:
            return _holidays(country, "", year)
        return frozenset()
    return frozenset(days)


def _words(place: Place, holding: Iterable[Holding]) -> str:
    names = dict.fromkeys(each.rule.name for each in holding)
    text = "; ".join(names)
    if len(place.zones) > 1:
        text += f", in all {len(place.zones)} possible time zones"
    return text
