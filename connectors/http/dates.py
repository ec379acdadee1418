"""Read dates of HTTP headers, which come from outside and may be anything."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def http_date(text: str) -> datetime | None:
    """Read an HTTP date (RFC 9110, 5.6.7); None for whatever is none.

    >>> http_date("Fri, 27 Nov 2026 12:00:00 GMT").isoformat()
    '2026-11-27T12:00:00+00:00'
    >>> http_date("Mon, 01 Jan 99999999999 00:00:00 GMT"), http_date("soon")
    (None, None)
    """
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):  # a year or an offset beyond all measure, too
        return None
