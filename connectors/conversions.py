"""Small conversions that more than one connector needs."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime


def format_utc(moment: datetime, milliseconds: bool = False) -> str:
    """A moment in the one form in which the worker keeps it: UTC, to the second, with a Z.

    >>> format_utc(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05Z'
    """
    moment = moment.astimezone(UTC)
    fraction = f".{moment.microsecond // 1000:03d}" if milliseconds else ""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


def amount(value: object) -> float | None:
    """A number as a CRM holds it (number or text); None for anything else.

    >>> amount("1200.50"), amount(""), amount("nan")
    (1200.5, None, None)
    """
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def month(value: object) -> str:
    """The month of a date or moment as a CRM holds it; "" for none.

    >>> month("2026-03-14T23:10:00.000Z"), month("1705276800000"), month("soon")
    ('2026-03', '2024-01', '')
    """
    if isinstance(value, str) and _ISO_MONTH.match(value):
        return value[:7]
    return day(value)[:7]


_ISO_MONTH = re.compile(r"[12]\d{3}-(?:0[1-9]|1[0-2])-\d\d", re.ASCII)


def day(value: object) -> str:
    """The day of a date or moment as a CRM holds it (ISO, or HubSpot's milliseconds); "" for none.

    >>> day("2024-01-15"), day("2024-01-15T23:10:00.000+0000"), day("1705276800000"), day("soon")
    ('2024-01-15', '2024-01-15', '2024-01-15', '')
    """
    text = str(value or "").strip()
    try:
        if text.isdigit() and len(text) > 8:
            return datetime.fromtimestamp(int(text) / 1000, UTC).date().isoformat()
        return datetime.fromisoformat(text).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return ""
