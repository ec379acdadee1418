"""The whole story of a number, or of a record, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from config.errors import HygieneError
from connectors.labels import crm_name
from worker.capture.keys import ALL_CAPTURES
from worker.context import Context
from worker.feedback.models import FeedbackKind, SuppressionReason
from worker.phones.plan_changes import equal_forms
from worker.queries import number_head
from worker.queries.number import LIMIT, number_details
from worker.store.outbox import DeliveryState
from worker.store.states import WriteState
from worker.store.tables import (
    ask_campaigns,
    ask_messages,
    contact_numbers,
    contacts,
    failures,
    opt_out_questions,
    writes,
)
from worker.suppression import evidence, suppressions

# Kinds of events that stop contact; the last is a list's.
_STOPS = (FeedbackKind.OPT_OUT, FeedbackKind.COMPLAINT, FeedbackKind.ERASURE, "do_not_contact")
_TRIES = 3  # to gather head and story while reports come in

_WATCHED = timedelta(minutes=10)  # how long a page watches a report on its way to the CRMs


class NoSuchRecordError(HygieneError):
    exit_code = 2
    http_status = 404


def number_timeline(ctx: Context, number: str) -> dict[str, Any]:
    """Return all that is known of a number, with `head` and `timeline`, its newest event first.

    The head is what holds now (`worker.queries.number_head`), the timeline how it came to that.

    Both are of the same reports: where one comes in while they are gathered, they are gathered
    once more.
    """
    for _ in range(_TRIES):
        with ctx.store.read() as connection:
            reports = number_head.load_reports(ctx, connection, number)
        story = _story(ctx, number, number_head.counted_since(reports, number))
        story["head"] = number_head.head_of(ctx, number, reports)
        with ctx.store.read() as connection:
            if number_head.load_reports(ctx, connection, number).row_ids == reports.row_ids:
                break
    return story


def _story(ctx: Context, number: str, since: Sequence[str]) -> dict[str, Any]:
    """`since`: from when each report counts, in their order."""
    story = number_details(ctx, number)
    reported = evidence.number_evidence(ctx, number)
    reported["suppressions"] = _all_suppressions(ctx, number)
    reported["lists"] += [
        {**suppression, "delivered": []}
        for suppression in reported["suppressions"]
        if suppression["reason"] == SuppressionReason.LIST
        and suppression["id"] not in {listed["id"] for listed in reported["lists"]}
    ]
    events = [
        *_verified(story),
        *_paid(ctx, story),
        *_reported(reported, since),
        *_written(story["writes"]),
        *_asked(ctx, number),
    ]
    for row in reported["suppressions"]:
        if row["lifted_at"]:
            events.append(
                _event(row["lifted_at"], "lifted", f"Lifted: {_humanize(row['reason'])}",
                       f"{row['lifted_why']} (by {row['lifted_by']})")
            )  # fmt: skip
    story["suppressions"] = reported["suppressions"]
    story["reports"] = reported["reports"]
    story["lists"] = reported["lists"]
    story["events"] = reported["events"]
    story["timeline"] = _in_order(events)
    return story


def awaits_confirmation(ctx: Context, reported: Mapping[str, Any]) -> bool:
    """Whether a report came a moment ago and some CRM has not confirmed it, or an event and some
    endpoint was not sent it yet. A page that waits for one that is away would otherwise ask us for
    ever."""
    earliest = (ctx.now() - _WATCHED).isoformat()
    if any(
        event["state"] == "pending" and not event["failed_attempts"]
        for event in reported["events"]
        if event["happened_at"] >= earliest
    ):
        return True
    return bool(ctx.settings.active_connectors) and any(
        report["received_at"] >= earliest
        and (
            report["applied_at"] is None
            or any(done["state"] != DeliveryState.DONE for done in report["delivered"])
        )
        for report in reported["reports"]
    )


def record_timeline(
    ctx: Context, connector: str, object_name: str, record_id: str
) -> dict[str, Any]:
    """Return a record as our index has it, and what was written to it.

    Raises `NoSuchRecordError`.
    """
    stored = _load_record(ctx, connector, object_name, record_id)
    if stored is None:
        raise NoSuchRecordError(
            f"There is no such record. No sync has read {object_name} {record_id} "
            f"of {crm_name(connector)}."
        )
    entries = [
        {
            "run": write.run_id,
            "connector": connector,
            "object": object_name,
            "id": record_id,
            "state": write.state,
            "before": write.before,
            "after": write.after,
            "message": write.message,
            "at": write.at.isoformat(),
        }
        for write in stored.writes
    ]
    failure = stored.failure
    return {
        "connector": connector,
        "object": object_name,
        "id": record_id,
        **_index_entry(stored.contact),
        "numbers": [
            {"field": row.field, "number": row.number, "extension": row.extension}
            for row in stored.numbers
        ],
        "failure": None
        if failure is None
        else {
            "kind": failure.kind,
            "message": failure.message,
            "attempts": failure.attempts,
            "at": failure.at.isoformat(),
        },
        "timeline": _in_order(_written(entries)),
    }


@dataclass(frozen=True, slots=True)
class _StoredRecord:
    """Rows about one record. `contact`: None where our index does not have it (any more)."""

    contact: Any
    numbers: Sequence[Any]
    writes: Sequence[Any]  # the newest first
    failure: Any


def _load_record(
    ctx: Context, connector: str, object_name: str, record_id: str
) -> _StoredRecord | None:
    """Return what our tables hold of a record; None where they hold nothing."""

    def is_record(table: sa.Table) -> sa.ColumnElement[bool]:
        c = table.c
        return sa.and_(c.connector == connector, c.object == object_name, c.record_id == record_id)

    n, w = contact_numbers.c, writes.c
    with ctx.store.read() as connection:
        contact = connection.execute(sa.select(contacts).where(is_record(contacts))).one_or_none()
        written = connection.execute(
            sa.select(writes)
            .where(
                is_record(writes),
                w.state.in_((WriteState.DONE, WriteState.FAILED, WriteState.PENDING)),
            )
            .order_by(w.id.desc())
            .limit(LIMIT)
        ).all()
        numbers = connection.execute(
            sa.select(n.field, n.number, n.extension)
            .where(is_record(contact_numbers))
            .order_by(n.field, n.place)
        ).all()
        failure = connection.execute(sa.select(failures).where(is_record(failures))).one_or_none()
    if contact is None and not written and failure is None:
        return None
    return _StoredRecord(contact, numbers, written, failure)


def _index_entry(contact: Any) -> dict[str, Any]:
    """Return a row of our index as the answer shows it; `there` False where there is none."""
    if contact is None:
        return {
            "there": False,
            "statuses": {},
            "flags": {},
            "reason": None,
            **dict.fromkeys(("source", "campaign", "country", "month"), ""),
            "checked_at": None,
        }
    return {
        "there": True,
        "statuses": contact.statuses,
        "flags": {flag: value for flag, value in contact.last_seen_flags.items() if value},
        "reason": contact.reason,
        "source": contact.source,
        "campaign": contact.campaign,
        "country": contact.country,
        "month": contact.month,
        "checked_at": contact.checked_at.isoformat(),
    }


def _event(at: str, kind: str, title: str, text: str = "", **fields: Any) -> dict[str, Any]:
    return {"at": at, "kind": kind, "title": title, "text": text, **fields}


def _humanize(text: str) -> str:
    return {"opt_out": "opt-out", "opt_in": "opt-in"}.get(text, text.replace("_", " "))


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


def _day(iso: str) -> str:
    at = datetime.fromisoformat(iso)
    return f"{at.day} {at:%b %Y}"


def _verified(story: Mapping[str, Any]) -> list[dict[str, Any]]:
    events = []
    for answer in story["verifications"]:
        parts = [answer["line_type"] if answer["line_type"] != "unknown" else "", answer["carrier"],
                 answer["detail"]]  # fmt: skip
        text = ", ".join(filter(None, parts))
        until = f"expires {_day(answer['until'])}" if answer["counts"] else "expired"
        title = f"{_capitalize(answer['label'])}: {answer['verdict']}"
        events.append(
            _event(answer["at"], answer["verdict"], title, f"{text} ({until})" if text else until)
        )
    return events


def _paid(ctx: Context, story: Mapping[str, Any]) -> list[dict[str, Any]]:
    labels = ctx.providers.labels
    return [
        _event(row["at"], "lookup",
               f"Asked {labels.get(row['provider'], row['provider'])} "
               f"({_humanize(row['package'])})",
               f"{row['cost']:.4f} {story['currency']}, {_humanize(row['state'])}"
               f"{', while a form was filled in' if _of_form(row) else ''}",
               run="" if _of_form(row) else row["run"])
        for row in story["lookups"]
    ]  # fmt: skip


def _of_form(lookup: Mapping[str, Any]) -> bool:
    """Return whether a lookup was made at capture, and so of no run."""
    return str(lookup["run"]).startswith(ALL_CAPTURES)


def _all_suppressions(ctx: Context, number: str) -> list[dict[str, Any]]:
    """Return every entry: one in force is not to be missed because many before it were lifted."""
    rows: list[dict[str, Any]] = []
    after = 0
    while part := suppressions.list_suppressions(ctx, number, active=None, after=after):
        rows += [suppression.as_json() for suppression in part]
        after = part[-1].id
    return rows


def _reported(reported: Mapping[str, Any], since: Sequence[str]) -> list[dict[str, Any]]:
    """Return reports, each at the time from which it counts: what was said of a merged record, or
    of another reading of a field, counts from when we learned that it is about this number."""
    events = []
    same = len(since) == len(reported["reports"])  # otherwise one came in just now
    for place, report in enumerate(reported["reports"]):
        at = since[place] if same else report["at"]
        channels = " and ".join(report["channels"]) if report["channels"] else ""
        title = (
            f"{_capitalize(_humanize(report['kind']))}"
            f"{f' ({channels})' if channels else ''}, from {report['source']}"
        )
        when = "" if at == report["at"] else f" (said {report['at'][:10]})"
        events.append(_event(at, report["kind"], title, f"{report['evidence']}{when}"))
        for done in report["delivered"]:
            if done["state"] == "done" and done["records"]:
                count = done["records"]
                text = f"{count} record{'' if count == 1 else 's'}, {done['seconds']:,.1f} s later"
                events.append(
                    _event(
                        done["confirmed_at"],
                        "done",
                        f"Confirmed by {crm_name(done['connector'])}",
                        text,
                    )
                )
    events += [_event(entry["since"], "do_not_contact", f"On a list: {entry['source']}")
               for entry in reported["lists"]]  # fmt: skip
    return events


def _written(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    events = []
    for row in entries:
        failed = row["state"] == "failed"
        title = f"{'Not written' if failed else 'Written'} to {crm_name(row['connector'])}"
        text = row["message"] if failed else (row["after"] or {}).get("reason") or ""
        events.append(
            _event(row["at"], "failed" if failed else "write", title, text or "", run=row["run"],
                   record=(row["connector"], row["object"], row["id"]),
                   before=row["before"] or {}, after=row["after"] or {})
        )  # fmt: skip
    return events


_ANSWERS = {
    "confirmed": "confirmed it", "corrected": "gave another number", "not_me": "said that it is "
    "not theirs", "stopped": "opted out",
}  # fmt: skip


def _asked(ctx: Context, number: str) -> list[dict[str, Any]]:
    """Return the messages of ask campaigns, and the questions after opt-outs, with what was
    answered; never with their words."""
    m, c, q = ask_messages.c, ask_campaigns.c, opt_out_questions.c
    sent = ("sending", "sent", "uncertain")
    messages = (
        sa.select(ask_messages, c.name, c.channel)
        .join(ask_campaigns, c.id == m.campaign_id)
        .where(m.number.in_(equal_forms(number)), m.state.in_(sent))
    )
    questions = sa.select(opt_out_questions).where(
        q.number.in_(equal_forms(number)), q.state.in_((*sent, "answered"))
    )
    with ctx.store.read() as connection:
        asked = connection.execute(messages.order_by(m.id).limit(LIMIT)).all()
        clarified = connection.execute(questions).all()
    events = []
    for row in asked:
        record: dict[str, Any] = {"record": (row.connector, row.object, row.record_id)}
        doubt = "perhaps not sent" if row.state == "uncertain" else ""
        title = f"Asked to confirm it, by {row.channel} ({row.name})"
        events.append(_event(row.claimed_at.isoformat(), "asked", title, doubt, **record))
        if row.answered_at is not None:
            answer = _ANSWERS.get(row.answer, row.answer)
            title = f"The recipient {answer} ({row.name})"
            events.append(_event(row.answered_at.isoformat(), "answered", title, **record))
    for row in clarified:
        doubt = "perhaps not sent" if row.state == "uncertain" else ""
        title = "Asked whether the opt-out was about texts alone"
        events.append(_event(row.claimed_at.isoformat(), "asked", title, doubt))
        if row.answered_at is not None:
            title = "The recipient said that calls may continue"
            events.append(_event(row.answered_at.isoformat(), "answered", title))
    return events


def _in_order(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The newest first. Of two at one moment the later one in `events` is the newer, and what stops
    contact is the newest, since that is what counts (`consent_state.sort_key`)."""
    placed = [
        (event["at"], event["kind"] in _STOPS, n) for n, event in enumerate(events) if event["at"]
    ]
    return [events[n] for _at, _stops, n in sorted(placed, reverse=True)]
