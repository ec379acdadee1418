"""Small conversions that more than one connector needs."""

from __future__ import annotations

from datetime import UTC, datetime


def zulu(moment: datetime, milliseconds: bool = False) -> str:
    """A moment in the one form in which the worker keeps it: UTC, to the second, with a Z.

    >>> zulu(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05Z'
    """
    moment = moment.astimezone(UTC)
    fraction = f".{moment.microsecond // 1000:03d}" if milliseconds else ""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"
