"""When a number may be called: by its own zone, and by every contact that holds it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from worker.calling_hours import Window, window
from worker.context import Context
from worker.scrub.hours import rules_of


def calling_window(
    ctx: Context, number: str, places: Iterable[tuple[str, str]] = ()
) -> dict[str, Any]:
    """Return when a number may be called, as the number's page and `hygiene number` show it.

    `places`: state and country (ISO 3166) of the contacts that hold it, as far as they are known.
    Of several, the one that allows least now counts.
    """
    rules = rules_of(ctx.settings.calling_hours)
    at = ctx.now()
    windows = [
        window(number, state, country, at, rules) for state, country in (set(places) or {("", "")})
    ]
    return describe(max(windows, key=_wait))


def describe(found: Window) -> dict[str, Any]:
    """Return a window as commands, pages and the API give it; `text`: in words, for a person."""
    return {
        "text": _words(found),
        "zone": found.zone,
        "open_now": found.open_now,
        "opens_at": found.opens_at.isoformat() if found.opens_at else None,
        "closes_at": found.closes_at.isoformat() if found.closes_at else None,
        "rule": found.rule,
    }


def _words(found: Window) -> str:
    """
    >>> at = datetime(2026, 11, 30, 9, tzinfo=UTC)
    >>> _words(Window("Europe/Paris", True, None, at, "a rule"))
    'may be called now, until 10:00 there (a rule)'
    >>> _words(Window(None, False, at, None, "a rule"))
    'may not be called before Mon 30 Nov 09:00 UTC (a rule)'
    """
    until = _local(found.closes_at, found.zone, "%H:%M")
    begins = _local(found.opens_at, found.zone, "%a %d %b %H:%M")
    if found.open_now:
        return f"may be called now, until {until} ({found.rule})"
    if found.opens_at is None:
        return f"may not be called ({found.rule})"
    return f"may not be called before {begins} ({found.rule})"


def _local(at: datetime | None, zone: str | None, form: str) -> str:
    if at is None:
        return ""
    if zone is None:
        return f"{at.astimezone(UTC):{form}} UTC"
    return f"{at.astimezone(ZoneInfo(zone)):{form}} there"


def _wait(found: Window) -> tuple[bool, float]:
    """Order windows: the later one opens, the less it allows; never comes last."""
    if found.open_now:
        return False, -found.closes_at.timestamp() if found.closes_at else 0.0
    return True, found.opens_at.timestamp() if found.opens_at else float("inf")
