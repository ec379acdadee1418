"""ISO weeks (ISO 8601): Monday to Sunday, the first one of a year holds its first Thursday."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from config.alerts import WEEKDAYS, DigestSettings

_WEEK = re.compile(r"(\d{4})-W(\d{2})")


@dataclass(frozen=True, slots=True, order=True)
class Week:
    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04}-W{self.number:02}"

    @property
    def monday(self) -> date:
        return date.fromisocalendar(self.year, self.number, 1)

    @property
    def sunday(self) -> date:
        return self.monday + timedelta(days=6)

    def bounds(self, zone: tzinfo) -> tuple[datetime, datetime]:
        """Return its begin and its end, which is the begin of the next one, in UTC."""
        begin = datetime.combine(self.monday, time(), zone)
        end = datetime.combine(self.monday + timedelta(days=7), time(), zone)
        return begin.astimezone(UTC), end.astimezone(UTC)


def week_of(day: date) -> Week:
    """
    >>> str(week_of(date(2027, 1, 3)))
    '2026-W53'
    """
    year, number, _weekday = day.isocalendar()
    return Week(year, number)


def parse(text: str) -> Week:
    """Parse a week such as `2026-W47`. Raises `ValueError`.

    >>> parse("2026-W47").monday.isoformat()
    '2026-11-16'
    """
    if (match := _WEEK.fullmatch(text.strip())) is None:
        raise ValueError(f"write a week as its year and number, like 2026-W47 (it says {text!r})")
    week = Week(int(match[1]), int(match[2]))
    try:
        _ = week.monday, week.sunday + timedelta(days=1)
    except (ValueError, OverflowError):
        raise ValueError(f"{match[1]} has no week {match[2]}") from None
    return week


def last_whole(now: datetime, zone: tzinfo) -> Week:
    """Return the last week that is over."""
    return week_of(now.astimezone(zone).date() - timedelta(days=7))


def to_send(now: datetime, settings: DigestSettings) -> Week:
    """Return the week that the latest digest is about, which may have been sent: the last whole one
    before the latest day and hour of the settings that has passed."""
    zone = settings.tz
    monday = week_of(now.astimezone(zone).date()).monday
    day = monday + timedelta(days=WEEKDAYS.index(settings.day))
    moment = datetime.combine(day, time(settings.hour), zone)
    weeks_back = 1 if moment <= now else 2
    return week_of(monday - timedelta(days=7 * weeks_back))
