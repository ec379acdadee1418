"""The weekly digest as a message: in sentences and small tables, for email and chat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta

from config.settings import Settings
from connectors.labels import crm_name
from worker.alerts.message import Message, Section, Table, page_link
from worker.alerts.weeks import Week, parse
from worker.context import Context
from worker.decisions.model import BAD_STATUSES
from worker.feedback.review_queue import HONOUR_WITHIN
from worker.queries.digest import weekly
from worker.queries.digest_model import Cap, Delivered, Digest
from worker.queries.failure_help import REMEDIES

_MOST = 8  # rows of a table


def for_week(ctx: Context, week: Week) -> Message:
    """Read a week and compose its digest. Raises `ValueError` for a week that has not begun."""
    return compose(weekly(ctx, week), ctx.settings)


def compose(digest: Digest, settings: Settings) -> Message:
    week = parse(digest.week)
    title = f"Week {digest.week}, {_day(week.monday)} to {_day(week.sunday)}"
    link = page_link(settings, "/")
    key = f"digest:{digest.week}"
    if digest.quiet:
        text = "Nothing happened this week, and nothing waits for a person."
        return Message(key, "digest", title, text, link=link)
    sections = (
        Section("What changed", tuple(_changed(digest)), _statuses(digest), "/"),
        Section("What went bad", tuple(_went_bad(digest)), _newly_bad(digest), "/segments"),
        Section("Reports", tuple(_reported(digest)), _reports(digest), "/suppressions"),
        Section("What needs a person", tuple(_needs(digest)), None, "/reviews"),
        Section("What it cost", tuple(_cost(digest)), _costs(digest), "/spend"),
    )
    return Message(key, "digest", title, _summary(digest), sections, link)


def _summary(digest: Digest) -> str:
    read = sum(checked.read for checked in digest.checked)
    bad = sum(source.total for source in digest.newly_bad)
    reports = sum(digest.reports.values())
    so_far = "" if digest.over else "So far: "
    needs = "Some things need a person." if digest.needs_a_person else "Nothing needs a person."
    return (
        f"{so_far}{_count(read, 'contact was', 'contacts were')} checked, "
        f"{_count(bad, 'phone field', 'phone fields')} went bad, and "
        f"{_count(reports, 'report', 'reports')} came in. {needs}"
    )


# -- what changed --------------------------------------------------------------------------


def _changed(digest: Digest) -> Iterator[str]:
    if not digest.checked:
        yield "No contacts were checked."
    for checked in digest.checked:
        failed = f", {checked.failed:,} could not be written" if checked.failed else ""
        yield (
            f"{crm_name(checked.connector)}: "
            f"{_count(checked.read, 'contact', 'contacts')} checked, "
            f"{checked.changed:,} changed, {checked.written:,} written{failed}."
        )
    if not digest.statuses:
        yield "The statuses were not counted this week."
    begin = parse(digest.week).monday - timedelta(days=1)
    for status in digest.statuses:
        if status.since is None:
            yield (
                f"{crm_name(status.connector)}: counted on {_day(status.day)} for the first time, "
                "so there is nothing to compare with yet."
            )
        elif status.since != begin:
            day = _day(status.since)
            name = crm_name(status.connector)
            yield f"{name}: compared with {day}, the nearest day that was counted."


def _statuses(digest: Digest) -> Table | None:
    """Phone fields by status, over all connectors; the change over those that can be compared."""
    now: Counter[str] = Counter()
    change: Counter[str] = Counter()
    for statuses in digest.statuses:
        now.update(statuses.now)
        if statuses.before is not None:
            change.update(statuses.now)
            change.subtract(statuses.before)
    compared = any(statuses.before is not None for statuses in digest.statuses)
    names = sorted({*now, *change}, key=lambda name: (-now[name], name))
    rows = tuple(
        (_words(name), f"{now[name]:,}", f"{change[name]:+,}" if compared else "") for name in names
    )
    return Table(("status", "phone fields", "change"), rows) if rows else None


# -- what went bad -------------------------------------------------------------------------


def _went_bad(digest: Digest) -> Iterator[str]:
    if not digest.newly_bad:
        yield "No phone fields went bad."
    elif len(digest.newly_bad) > _MOST:
        rest = digest.newly_bad[_MOST:]
        fields = sum(source.total for source in rest)
        yield (
            f"The table has the worst {_MOST} sources; another {fields:,} phone fields went bad in "
            f"{len(rest):,} others."
        )
    for isolated in digest.isolated[:_MOST]:
        segment = isolated.segment.replace("=", " ", 1)
        yield f"{crm_name(isolated.connector)}: {segment} was isolated: {isolated.why}"
    if len(digest.isolated) > _MOST:
        yield f"{len(digest.isolated) - _MOST:,} more segments were isolated."
    if digest.released:
        yield f"{_count(digest.released, 'segment was', 'segments were')} released."
    if digest.isolated_now:
        yield f"{_count(digest.isolated_now, 'segment is', 'segments are')} isolated now."
    for source in digest.worst_sources[:3]:
        yield (
            f"{crm_name(source.connector)}: {source.rate:.0%} of the phone fields from "
            f"{source.source} are bad ({source.bad:,} of {source.numbers:,})."
        )


def _newly_bad(digest: Digest) -> Table | None:
    rows = tuple(
        (f"{crm_name(source.connector)}: {source.source}",
         *(f"{source.statuses.get(status, 0):,}" for status in BAD_STATUSES))
        for source in digest.newly_bad[:_MOST]
    )  # fmt: skip
    return Table(("newly bad, by source", *map(_words, BAD_STATUSES)), rows) if rows else None


# -- reports -------------------------------------------------------------------------------


def _reported(digest: Digest) -> Iterator[str]:
    if not digest.reports:
        yield "No reports came in."
    for sent in digest.delivered:
        yield f"{crm_name(sent.connector)}: {_reached(sent)}"


def _reached(sent: Delivered) -> str:
    parts = []
    if sent.median_seconds is not None and sent.slowest_seconds is not None:
        median, slowest = _span(sent.median_seconds), _span(sent.slowest_seconds)
        took = (
            f"after {slowest}"
            if sent.confirmed == 1
            else f"half of them within {median}, the slowest after {slowest}"
        )
        parts.append(f"{_count(sent.confirmed, 'report', 'reports')} confirmed, {took}")
    if sent.waiting:
        parts.append(f"{sent.waiting:,} still on the way")
    if sent.late:
        parts.append(f"{sent.late:,} later than {HONOUR_WITHIN} business days")
    return "; ".join(parts) + "."


def _reports(digest: Digest) -> Table | None:
    rows = tuple((_words(kind), f"{count:,}") for kind, count in digest.reports.items())
    return Table(("report", "received"), rows) if rows else None


# -- what needs a person -------------------------------------------------------------------


def _needs(digest: Digest) -> Iterator[str]:
    if not digest.needs_a_person:
        yield "Nothing."
    waiting = digest.reviews
    if waiting.oldest is not None and waiting.honour_by is not None:
        yield (
            f"{_count(waiting.count, 'reply waits', 'replies wait')} for review, the oldest "
            f"since {_day(waiting.oldest.date())}. If it is a revocation, it must be honoured by "
            f"{_day(waiting.honour_by)} ({HONOUR_WITHIN} business days)."
        )
    for failure in digest.failing[:_MOST]:
        remedy = REMEDIES.get(failure.kind, REMEDIES["other"])
        yield (
            f"{crm_name(failure.connector)} refuses {_count(failure.records, 'record', 'records')} "
            f"({_words(failure.kind)}): {remedy}."
        )
    for asks in digest.paused_asks[:_MOST]:
        yield f"The ask campaign {asks.name} paused itself: {asks.why}."
    for kind, count in digest.alerts.items():
        yield f"{_count(count, 'alert is', 'alerts are')} open: {_words(kind)}."
    for name in digest.unconnected:
        yield f"{crm_name(name)} is in the settings, but has no credentials."
    yield from (f"{line}." for line in digest.left_out)


# -- what it cost --------------------------------------------------------------------------


def _cost(digest: Digest) -> Iterator[str]:
    if not digest.costs:
        yield "Nothing: no paid lookups were made."
    else:
        total = sum(spent.cost for spent in digest.costs)
        lookups = sum(spent.lookups for spent in digest.costs)
        yield f"{total:,.2f} {digest.currency} for {_count(lookups, 'lookup', 'lookups')}."
    for cap in digest.caps:
        if line := _cap(cap, digest.currency):
            yield line


def _cap(cap: Cap, currency: str) -> str:
    name = cap.name[:1].upper() + cap.name[1:]
    parts = []
    if cap.cap is not None:
        parts.append(f"{cap.used:,.2f} of {cap.cap:,.2f} {currency}{_share(cap.used, cap.cap)}")
    if cap.cap_lookups is not None:
        share = _share(cap.used_lookups, cap.cap_lookups)
        parts.append(f"{cap.used_lookups:,} of {cap.cap_lookups:,} lookups{share}")
    return f"{name}, used so far: {' and '.join(parts)}." if parts else ""


def _share(used: float, cap: float) -> str:
    return f" ({used / cap:.0%})" if cap else ""


def _costs(digest: Digest) -> Table | None:
    rows = tuple(
        (spent.provider, f"{spent.lookups:,}", f"{spent.cost:,.2f} {digest.currency}")
        for spent in digest.costs
    )
    return Table(("provider", "lookups", "cost"), rows) if rows else None


# -- words ---------------------------------------------------------------------------------


def _count(count: int, singular: str, plural: str) -> str:
    """
    >>> _count(1, "reply waits", "replies wait"), _count(1200, "reply waits", "replies wait")
    ('1 reply waits', '1,200 replies wait')
    """
    return f"{count:,} {singular if count == 1 else plural}"


def _words(name: str) -> str:
    return {"opt_out": "opt-out", "opt_in": "opt-in"}.get(name, name.replace("_", " "))


def _day(day: date) -> str:
    """
    >>> _day(date(2026, 11, 6))
    '6 November 2026'
    """
    return f"{day.day} {day:%B %Y}"


def _span(seconds: float) -> str:
    """
    >>> _span(0.42), _span(75), _span(7300), _span(200_000)
    ('0.4 s', '1.2 min', '2.0 h', '2.3 days')
    """
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
