"""Render pages: templates, filters for times, money and shares, and drawings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from worker.access.model import Person

_pages = Jinja2Templates(Path(__file__).parent / "templates")
_NAMES = {"salesforce": "Salesforce", "hubspot": "HubSpot", "csv": "CSV"}
# The order in which statuses are stacked and listed, the good one first.
STATUSES = ("valid", "unverified", "unreachable", "invalid", "wrong_number", "do_not_contact")


def page(
    request: Request, name: str, person: Person | None, status: int = 200, **values: Any
) -> HTMLResponse:
    """Render a page for somebody. `here`: the menu entry that it belongs to."""
    found = {"me": person, "statuses": STATUSES, **values}
    return _pages.TemplateResponse(request, name, found, status)


def ago(at: datetime | str | None) -> str:
    """Describe how long ago something was.

    >>> from datetime import timedelta
    >>> ago(datetime.now(UTC) - timedelta(minutes=3, seconds=20))
    '3 min ago'
    """
    if at is None:
        return "never"
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{length((datetime.now(UTC) - moment).total_seconds())} ago"


def length(seconds: float) -> str:
    """
    >>> length(42), length(200), length(7300), length(432_000)
    ('42 s', '3 min', '2 h', '5 days')
    """
    seconds = max(0.0, seconds)
    for size, unit in ((172_800, ""), (7200, "h"), (120, "min")):
        if seconds >= size:
            if not unit:
                return f"{seconds / 86_400:.0f} days"
            return f"{seconds / (3600 if unit == 'h' else 60):.0f} {unit}"
    return f"{seconds:.0f} s"


def moment(at: datetime | str | None) -> str:
    """
    >>> moment("2026-11-25T03:04:05+00:00")
    '25 Nov 2026, 03:04'
    """
    if at is None:
        return "–"
    found = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{found.astimezone(UTC):%d %b %Y, %H:%M}"


def number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def percent(value: float) -> str:
    """
    >>> percent(0.034), percent(0.34), percent(0.0)
    ('3.4%', '34%', '0%')
    """
    return f"{value * 100:.1f}%" if 0 < value < 0.1 else f"{value * 100:.0f}%"


def stacked(
    days: Sequence[Mapping[str, Any]], width: int = 600, height: int = 120
) -> dict[str, Any]:
    """Return the areas of a stacked plot of statuses by day: status -> points of an SVG polygon,
    and labels of the first and last day. They are shares, so that growth hides nothing."""
    if len(days) < 2:
        return {}
    step = width / (len(days) - 1)
    bottoms = [0.0] * len(days)
    areas: dict[str, str] = {}
    for status in STATUSES:
        tops = []
        for place, day in enumerate(days):
            whole = sum(day["statuses"].values()) or 1
            tops.append(bottoms[place] + day["statuses"].get(status, 0) / whole)
        if tops != bottoms:
            over = [f"{n * step:.1f},{height * (1 - top):.1f}" for n, top in enumerate(tops)]
            under = [f"{n * step:.1f},{height * (1 - low):.1f}" for n, low in enumerate(bottoms)]
            areas[status] = " ".join([*over, *reversed(under)])
        bottoms = tops
    return {"areas": areas, "width": width, "height": height,
            "first": days[0]["day"], "last": days[-1]["day"]}  # fmt: skip


def interval(one: Mapping[str, Any], reach: float, width: int = 160) -> dict[str, float]:
    """Return where a share and its interval are in a plot that reaches up to `reach`."""

    def place(value: float) -> float:
        return round(min(1.0, value / reach) * width, 1)

    low, high = place(one["low"]), place(one["high"])
    return {"low": low, "at": place(one["rate"]), "span": round(max(1.0, high - low), 1)}


_pages.env.filters.update(
    ago=ago, moment=moment, number=number, percent=percent, length=length, length_of=len,
    crm=lambda name: _NAMES.get(name, name),
    words=lambda text: str(text).replace("_", " "),
)  # fmt: skip
_pages.env.globals.update(interval=interval)
