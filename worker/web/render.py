"""Render pages: templates, filters for times, money and shares, and drawings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import orjson
from fastapi import Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from markupsafe import Markup

from connectors import plain_words
from connectors.labels import crm_name, sentence_case, words_of
from worker.access.model import Person
from worker.queries import waiting
from worker.queries.charts import Chart
from worker.queries.failure_help import REMEDIES
from worker.store import pause

_pages = Jinja2Templates(Path(__file__).parent / "templates")
# The order in which statuses are stacked and listed, the good one first.
STATUSES = ("valid", "unverified", "unreachable", "invalid", "wrong_number", "do_not_contact")


# Path, name (`here` of a page), text and icon of each entry of the menu.
_MENU = (
    ("/", "overview", "Overview", "home"),
    ("/contacts", "contacts", "Contacts", "users"),
    ("/numbers", "numbers", "Search", "search"),
    ("/segments", "segments", "Segments", "chart-bar"),
    ("/runs", "runs", "Runs", "refresh"),
    ("/suppressions", "suppressions", "Suppressions", "ban"),
    ("/endpoints", "endpoints", "Endpoints", "plug-connected"),
    ("/reviews", "reviews", "Reviews", "message-question"),
    ("/ask", "ask", "Ask customers", "help"),
    ("/alerts", "alerts", "Alerts", "bell"),
    ("/spend", "spend", "Spend", "coin"),
    ("/settings", "settings", "Settings", "settings"),
    ("/access", "access", "Access", "key"),
    ("/docs", "docs", "API", "book-2"),
)
# What a page says once after a form was sent (`?done=` in the address that the form leads to).
_DONE = {
    "recheck": "The number is being verified again.",
    "suppress": "The number is suppressed. Each CRM confirms it below.",
    "wrong": "Marked as wrong. Each CRM confirms it below.",
    "right": "Marked as right.",
    "lift": "The suppression was lifted.",
    "opt_out": "The person is suppressed. Each CRM is being updated.",
    "isolated": "The segment is isolated. Its audit has started.",
    "released": "The segment is released.",
    "review": "The decision was saved.",
    "user": "The user was saved.",
    "removed": "The user was removed.",
    "revoked": "The token was revoked.",
    "ask-started": "The campaign has started. The workers are sending its messages.",
    "ask-paused": "The campaign is paused. Nothing more is sent.",
    "ask-resumed": "The campaign is running again.",
    "ask-stopped": "The campaign is stopped. Links that were sent can still be answered.",
    "endpoint-changed": "The endpoint was changed.",
    "endpoint-backfill": "The workers are sending all current suppressions.",
    "endpoint-paused": "The endpoint is paused. Its events are kept until you resume it.",
    "endpoint-resumed": "The endpoint is active. The events that it missed are being sent.",
    "endpoint-removed": "The endpoint was removed.",
    "key-added": "The capture key was added. Include its line in your form.",
    "key-changed": "The capture key was changed.",
    "key-paused": "The capture key is paused. Forms keep working, without hints.",
    "key-resumed": "The capture key is active.",
    "key-rotated": "The capture key was replaced. Include the new line in your form.",
    "key-removed": "The capture key was removed.",
    "paused": "Everything is paused.",
    "resumed": "Everything has resumed. Waiting work continues within a minute.",
}


def page(
    request: Request, name: str, person: Person | None, status: int = 200, **values: Any
) -> HTMLResponse:
    """Render a page for somebody. `here`: the menu entry that it belongs to."""
    frame: dict[str, Any] = {"me": person, "statuses": STATUSES}
    if person is not None:
        frame |= {
            "pause": pause.find(request.app.state.ctx.store),
            "menu": _MENU,
            "waiting": waiting.counts(request.app.state.ctx),
            "toast": _DONE.get(request.query_params.get("done", ""), ""),
        }
    return _pages.TemplateResponse(request, name, frame | values, status)


def ago(at: datetime | str | None) -> Markup:
    """Describe how long ago something was, with the exact time on hover.

    >>> from datetime import timedelta
    >>> ago(datetime.now(UTC) - timedelta(minutes=3, seconds=20)).striptags()
    '3 min ago'
    """
    if at is None:
        return Markup("never")
    then = _utc(at)
    return _time(then, f"{length((datetime.now(UTC) - then).total_seconds())} ago")


def _utc(at: datetime | str) -> datetime:
    return (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(UTC)


def _time(at: datetime, text: str, attributes: str = "") -> Markup:
    exact = f"{at:%d %b %Y, %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}"{}>{}</time>').format(
        at.isoformat(), exact, Markup(attributes), text
    )


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


def moment(at: datetime | str | None) -> Markup:
    """Write a time in UTC; in the browser it becomes the viewer's (`static/app.js`).

    >>> moment("2026-11-25T03:04:05+00:00").striptags()
    '25 Nov 2026, 03:04'
    """
    if at is None:
        return Markup("–")
    then = _utc(at)
    return _time(then, f"{then:%d %b %Y, %H:%M}", " data-local")


def number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def money(value: float) -> str:
    """An amount; its currency stands beside it."""
    return f"{value:,.2f}"


def day(value: str) -> str:
    """
    >>> day("2026-11-05")
    '5 Nov 2026'
    """
    at = datetime.fromisoformat(value)
    return f"{at.day} {at:%b %Y}"


def sentence(value: object) -> str:
    """
    >>> sentence("changed since the last run")
    'Changed since the last run'
    """
    text = str(value)
    return text[:1].upper() + text[1:]


def report(kind: str) -> str:
    """The kind of a report, or why a number is suppressed, as people write it.

    >>> report("opt_out"), report("wrong_number"), report("email_opt_out")
    ('Opt-out', 'Wrong number', 'Email opt-out')
    """
    words = kind.replace("opt_out", "opt-out").replace("opt_in", "opt-in").replace("_", " ")
    return sentence(words)


def channels(names: Iterable[str], joined: Literal["and", "or"] = "and") -> str:
    """
    >>> channels(["call", "text"]), channels(["text"])
    ('calls and texts', 'texts')
    """
    return f" {joined} ".join(f"{name}s" for name in names)


def phone_field(name: str) -> str:
    """A phone field as people call it.

    >>> phone_field("MobilePhone"), phone_field("Direct_Line__c")
    ('Mobile phone', 'Direct line')
    """
    return sentence_case(words_of(name))


def breakable(name: str) -> Markup:
    """A name that may break after each of its dots and underscores.

    >>> str(breakable("sync.every")), str(breakable("PAID_SEARCH"))
    ('sync.<wbr>every', 'PAID_<wbr>SEARCH')
    """
    return Markup("<wbr>").join(re.split(r"(?<=[._])", name))


_FIELD_KINDS = {"e164": "E.164"}


def field_words(key: str) -> str:
    """A field that we write, as people call it.

    >>> field_words("line_type/MobilePhone"), field_words("e164/Phone"), field_words("best_phone")
    ('Mobile phone line type', 'Phone E.164', 'Best phone')
    """
    kind, _, field = key.partition("/")
    words = _FIELD_KINDS.get(kind, kind.replace("_", " "))
    return f"{phone_field(field)} {words}" if field else sentence(words)


def object_words(name: str) -> str:
    """What one record of an object is called.

    >>> object_words("contacts"), object_words("Lead"), object_words("Service_Site__c")
    ('contact', 'Lead', 'Service Site')
    """
    known = {"contacts": "contact", "companies": "company", "tickets": "ticket",
             "deals": "deal", "leads": "lead"}  # fmt: skip
    return known.get(name, name.removesuffix("__c").replace("_", " "))


def telling_flags(flags: Iterable[str], statuses: Mapping[str, str]) -> list[str]:
    """Leave out flags that say what a status, or a wider flag, says already.

    >>> telling_flags(["do_not_contact", "do_not_call", "wrong_number"], {"Phone": "wrong_number"})
    ['do_not_contact']
    """
    implied = {*statuses.values()}
    every = {*flags} | implied
    if "do_not_contact" in every:
        implied |= {"do_not_call", "do_not_text"}
    return [flag for flag in flags if flag not in implied]


def percent(value: float) -> str:
    """
    >>> percent(0.034), percent(0.05), percent(0.34), percent(0.0)
    ('3.4%', '5%', '34%', '0%')
    """
    shown = f"{value * 100:.1f}" if 0 < value < 0.1 else f"{value * 100:.0f}"
    return f"{shown.removesuffix('.0')}%" if shown != "0.0" else "0.0%"


def _line_words(name: str) -> str:
    return {"opt_out": "opt-out", "opt_in": "opt-in"}.get(name, name.replace("_", " "))


def chart_data(chart: Chart) -> str:
    """What `static/charts.js` draws, as JSON."""
    return orjson.dumps(
        {
            "unit": chart.unit,
            "kind": chart.kind,
            "x": [datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() for at in chart.x]
            if "T" not in chart.since
            else [datetime.fromisoformat(at).timestamp() for at in chart.x],
            "days": "T" not in chart.since,
            "series": [
                {"name": line.name, "label": _line_words(line.name), "values": line.values}
                for line in chart.series
            ],
        }
    ).decode()


def interval(segment: Mapping[str, Any], reach: float, width: int = 160) -> dict[str, float]:
    """Return where a share and its interval are in a plot that reaches up to `reach`."""

    def place(value: float) -> float:
        return round(min(1.0, value / reach) * width, 1)

    low, high = place(segment["low"]), place(segment["high"])
    return {"low": low, "at": place(segment["rate"]), "span": round(max(1.0, high - low), 1)}


_pages.env.filters.update(
    ago=ago, moment=moment, number=number, percent=percent, length=length, length_of=len,
    crm=crm_name, money=money, day=day, sentence=sentence, report=report, channels=channels,
    object=object_words, phone_field=phone_field, field_words=field_words,
    telling_flags=telling_flags, breakable=breakable,
    crm_words=plain_words.explain, chart_data=chart_data, urlencode_query=urlencode,
    words=lambda text: str(text).replace("_", " "),
)  # fmt: skip
_pages.env.globals.update(interval=interval, remedies=REMEDIES)
