"""Show times in the zone of whoever reads them; JSON has UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def _local(at: datetime | str) -> datetime:
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone()


def local_minute(at: datetime | str | None, missing: str = "never") -> str:
    """Return a time to the minute with its zone, such as "2026-11-28 07:40 CET"."""
    return f"{_local(at):%Y-%m-%d %H:%M %Z}" if at else missing


def local_second(at: datetime | str | None, missing: str = "never") -> str:
    return f"{_local(at):%Y-%m-%d %H:%M:%S %Z}" if at else missing


def local_day(at: datetime | str | None, missing: str = "never") -> str:
    """Return the day on which it is that time here."""
    return f"{_local(at):%Y-%m-%d}" if at else missing
