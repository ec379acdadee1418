"""Reports as the tests make them, and what became of them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from constants import NUMBER
from crms import Crm
from fixture_types import Sync

from worker.context import Context
from worker.feedback import intake
from worker.feedback.models import Feedback
from worker.store.tables import deliveries, feedback
from worker.suppression.apply_reports import apply_pending
from worker.sync.propagate import propagate


def store_report(
    ctx: Context, kind: str, number: str = NUMBER, key: str = "", **fields: Any
) -> None:
    """Store a report, as a source of reports does. Nothing is applied or delivered yet. Without a
    `key`, two reports that say the same are one."""
    values: dict[str, Any] = {"source": "test", "at": ctx.now(), **fields}
    report = Feedback(key or f"{kind}:{number}:{fields}", kind, number, **values)  # type: ignore[arg-type]
    intake.store_reports(ctx, [report])


def deliver_reports(ctx: Context, *connectors: str) -> int:
    """Do what the queue does with stored reports: apply them and write to the CRMs, by default to
    both. Return how many deliveries were made."""
    apply_pending(ctx)
    return sum(propagate(ctx, name) for name in connectors or ("salesforce", "hubspot"))


def stored_reports(ctx: Context, kind: str = "") -> list[Any]:
    """All reports, or those of a kind, in the order in which they came."""
    query = sa.select(feedback).order_by(feedback.c.id)
    with ctx.store.read() as connection:
        return [row for row in connection.execute(query) if kind in ("", row.kind)]


def report_kinds(ctx: Context) -> list[str]:
    return [row.kind for row in stored_reports(ctx)]


def contact_with_number(ctx: Context, crm: Crm, sync: Sync) -> str:
    """A contact that has NUMBER, and is in sync."""
    record_id = crm.ids()[0]
    crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
    sync(ctx, crm.name)
    return record_id


def delivery_states(ctx: Context) -> dict[str, str]:
    """Return the state of each connector's delivery: one by connector."""
    with ctx.store.read() as connection:
        rows = connection.execute(sa.select(deliveries.c.connector, deliveries.c.state))
        return {row.connector: row.state for row in rows}
