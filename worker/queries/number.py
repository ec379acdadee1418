"""All that is known of one number, and why its contacts are flagged as they are."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from worker.context import Context
from worker.feedback.report_log import has_erasures
from worker.phones import facts
from worker.store.pseudonyms import number_aliases
from worker.store.tables import contact_numbers, contacts, feedback, writes
from worker.verification import spend_report
from worker.verification.answer_cache import history
from worker.verification.providers.offline import time_zones

LIMIT = 100  # contacts and writes that are listed


def number_details(ctx: Context, number: str) -> dict[str, Any]:
    """Verifications, reports, the contacts that hold the number, and what was written to them."""
    held = contact_numbers.c
    same = sa.and_(
        contacts.c.connector == held.connector,
        contacts.c.object == held.object,
        contacts.c.record_id == held.record_id,
    )
    holders = (
        sa.select(held.field, held.extension, contacts)
        .join(contacts, same)
        .where(held.number == number)
        .order_by(held.connector, held.object, held.record_id)
        .limit(LIMIT)
    )
    records = (
        sa.select(held.connector, held.object, held.record_id)
        .where(held.number == number)
        .distinct()
        .limit(LIMIT)
        .subquery()
    )
    # By the records' own index: in the order of their ids all writes ever made would be looked at.
    of_theirs = (
        sa.select(writes)
        .join(
            records,
            sa.and_(
                writes.c.connector == records.c.connector,
                writes.c.object == records.c.object,
                writes.c.record_id == records.c.record_id,
            ),
        )
        .where(writes.c.state.in_(("done", "failed")))
        .subquery()
    )
    changes = sa.select(of_theirs).order_by(sa.literal_column("+id").desc()).limit(LIMIT)
    known = facts(number)
    labels = {step.name: step.provider.label for step in ctx.providers.steps}
    with ctx.store.read() as connection:
        # What was reported before an erasure as well.
        names = list(number_aliases(ctx.keys, [number], has_erasures(connection)))
        told = connection.execute(
            sa.select(feedback).where(feedback.c.number.in_(names)).order_by(feedback.c.at)
        ).mappings()
        paid, waiting = spend_report.of_number(connection, number)
        return {
            "number": number,
            "region": known.region,
            "time_zones": time_zones(number) if known.valid else (),
            "kind": known.kind,
            "possible": known.possible,
            "valid": known.valid,
            "verifications": [
                {
                    "provider": said.provider,
                    "label": labels.get(said.provider, said.provider),
                    "package": said.package,
                    "depth": said.depth,
                    "verdict": said.verdict,
                    "line_type": said.line_type,
                    "carrier": said.carrier,
                    "country": said.country,
                    "live": said.live,
                    "reassigned": said.reassigned,
                    "since": said.since,
                    "cost": float(said.cost),
                    "detail": said.detail,
                    "words": said.raw_answer,
                    "at": said.at.isoformat(),
                    "until": said.until.isoformat(),
                    "counts": said.until > ctx.now(),
                }
                for said in history(ctx.store, number)
            ],
            "lookups": [
                {
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
                for row in paid
            ],
            "waiting": [
                {
                    "provider": row.provider,
                    "package": row.package,
                    "reason": row.reason,
                    "at": row.at.isoformat(),
                    "again_at": row.retry_at.isoformat(),
                }
                for row in waiting
            ],
            "currency": ctx.settings.verification.budget.currency,
            "feedback": [
                {
                    "kind": row["kind"],
                    "source": row["source"],
                    "contact": row["contact"],
                    "channels": row["channels"],
                    "evidence": row["evidence"],
                    "at": row["at"].isoformat(),
                }
                for row in told
            ],
            "contacts": [
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
                for row in connection.execute(holders)
            ],
            "writes": [
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
                for row in connection.execute(changes)
            ],
        }
