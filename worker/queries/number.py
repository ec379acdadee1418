"""All that is known of one number, and why its contacts are flagged as they are."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.feedback import review_holds
from worker.feedback.report_log import has_erasures
from worker.phones import facts
from worker.phones.plan_changes import equal_forms
from worker.queries.calling_hours import calling_window
from worker.store.pseudonyms import number_aliases
from worker.store.states import WriteState
from worker.store.tables import contact_numbers, contacts, feedback, writes
from worker.verification import spend_report
from worker.verification.answer_cache import history
from worker.verification.providers.offline import time_zones

LIMIT = 100  # contacts and writes that are listed


def number_details(ctx: Context, number: str) -> dict[str, Any]:
    """Return verifications, reports, the contacts that hold the number, and what was written to
    them. `holds`: why it is not texted for now."""
    known = facts(number)
    with ctx.store.read() as connection:
        paid, waiting = spend_report.of_number(connection, number)
        return {
            "number": number,
            "region": known.region,
            "time_zones": time_zones(number) if known.valid else (),
            "kind": known.kind,
            "possible": known.possible,
            "valid": known.valid,
            "verifications": _verifications(ctx, number),
            "lookups": [_lookup(row) for row in paid],
            "window": calling_window(ctx, number, _places(connection, number)),
            "waiting": [_waiting_lookup(row) for row in waiting],
            "currency": ctx.settings.verification.budget.currency,
            "feedback": _reports(ctx, connection, number),
            "holds": review_holds.of_number(ctx, connection, number),
            "contacts": _contacts(connection, number),
            "writes": _writes(connection, number),
        }


def _places(connection: Connection, number: str) -> list[tuple[str, str]]:
    """Return state and country of the contacts that hold a number. The index keeps no states."""
    n, c = contact_numbers.c, contacts.c
    same = sa.and_(n.connector == c.connector, n.object == c.object, n.record_id == c.record_id)
    query = (
        sa.select(c.country)
        .select_from(contact_numbers.join(contacts, same))
        .where(n.number.in_(equal_forms(number)))
        .distinct()
    )
    return [("", country or "") for country in connection.scalars(query)]


def _verifications(ctx: Context, number: str) -> list[dict[str, Any]]:
    labels = ctx.providers.labels
    return [
        {
            "provider": answer.provider,
            "label": labels.get(answer.provider, answer.provider),
            "package": answer.package,
            "depth": answer.check_level,
            "verdict": answer.verdict,
            "line_type": answer.line_type,
            "carrier": answer.carrier,
            "country": answer.country,
            "live": answer.live,
            "reassigned": answer.reassigned,
            "since": answer.since,
            "cost": float(answer.cost),
            "detail": answer.detail,
            "words": answer.raw_answer,
            "at": answer.at.isoformat(),
            "until": answer.expires_at.isoformat(),
            "counts": answer.expires_at > ctx.now(),
        }
        for answer in history(ctx.store, number)
    ]


def _lookup(row: Any) -> dict[str, Any]:
    return {
        "provider": row.provider,
        "package": row.package,
        "since": row.since,
        "state": row.state,
        "verdict": row.verdict,
        "detail": row.detail,
        "cost": float(row.cost),
        "run": row.run_id,
        "at": row.at.isoformat(),
    }


def _waiting_lookup(row: Any) -> dict[str, Any]:
    return {
        "provider": row.provider,
        "package": row.package,
        "reason": row.reason,
        "at": row.at.isoformat(),
        "again_at": row.retry_at.isoformat(),
    }


def _reports(ctx: Context, connection: Connection, number: str) -> list[dict[str, Any]]:
    """What was reported, also before an erasure."""
    aliases = list(number_aliases(ctx.keys, [number], has_erasures(connection)))
    query = sa.select(feedback).where(feedback.c.number.in_(aliases)).order_by(feedback.c.at)
    return [
        {
            "kind": row["kind"],
            "source": row["source"],
            "contact": row["contact"],
            "channels": row["channels"],
            "evidence": row["evidence"],
            "at": row["at"].isoformat(),
        }
        for row in connection.execute(query).mappings()
    ]


def _contacts(connection: Connection, number: str) -> list[dict[str, Any]]:
    n = contact_numbers.c
    same_record = sa.and_(
        contacts.c.connector == n.connector,
        contacts.c.object == n.object,
        contacts.c.record_id == n.record_id,
    )
    query = (
        sa.select(n.field, n.extension, contacts)
        .join(contacts, same_record)
        .where(n.number.in_(equal_forms(number)))
        .order_by(n.connector, n.object, n.record_id)
        .limit(LIMIT)
    )
    return [
        {
            "connector": row.connector,
            "object": row.object,
            "id": row.record_id,
            "field": row.field,
            "extension": row.extension,
            "status": row.statuses.get(row.field),
            "reason": row.reason,
            "checked_at": row.checked_at.isoformat(),
        }
        for row in connection.execute(query)
    ]


def _writes(connection: Connection, number: str) -> list[dict[str, Any]]:
    """The latest writes to the records that hold the number, newest first."""
    n = contact_numbers.c
    records = (
        sa.select(n.connector, n.object, n.record_id)
        .where(n.number.in_(equal_forms(number)))
        .distinct()
        .limit(LIMIT)
        .subquery()
    )
    # By the records' own index: in the order of their ids all writes ever made would be looked at.
    theirs = (
        sa.select(writes)
        .join(
            records,
            sa.and_(
                writes.c.connector == records.c.connector,
                writes.c.object == records.c.object,
                writes.c.record_id == records.c.record_id,
            ),
        )
        .where(writes.c.state.in_((WriteState.DONE, WriteState.FAILED)))
        .subquery()
    )
    query = sa.select(theirs).order_by(sa.literal_column("+id").desc()).limit(LIMIT)
    return [
        {
            "run": row.run_id,
            "connector": row.connector,
            "object": row.object,
            "id": row.record_id,
            "state": row.state,
            "before": row.before,
            "after": row.after,
            "message": row.message,
            "at": row.at.isoformat(),
        }
        for row in connection.execute(query)
    ]
