"""Records that are merged, and what is said of them, as the tests speak of it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from constants import OTHER_PHONES
from crms import Crm

from worker.context import Context
from worker.feedback import report_log as feedback_log
from worker.feedback.models import Feedback
from worker.store.tables import feedback
from worker.suppression.apply_reports import apply_waiting
from worker.sync.propagate import spread


def living(crm: Crm, record_id: str) -> str:
    """The id under which a record lives on in the CRM."""
    if crm.name == "hubspot":
        portal = crm.service.portal
        while record_id in portal.merged:
            record_id = portal.merged[record_id]
        return record_id
    table = crm.service.org.tables[crm.object]
    while (found := table.get(record_id)) and found.get("MasterRecordId"):
        record_id = found["MasterRecordId"]
    return record_id


def merge(crm: Crm, away: str, into: str) -> str:
    """Merge a record into another one (its values win); the id of what they become."""
    crm.act(away, {"merge_into": into})
    return living(crm, into)


def type_in(crm: Crm, record_id: str, number: str) -> None:
    """The record has this number alone."""
    nothing = {f"phone/{name}": None for name in OTHER_PHONES[crm.name]}
    crm.edit(record_id, {f"phone/{crm.phone}": number or None, **nothing})


def tell(ctx: Context, kind: str, number: str, **more: Any) -> None:
    made: dict[str, Any] = {"source": "test", "at": ctx.now(), "evidence": f"said {kind}", **more}
    report = Feedback(f"{kind}:{number}:{more}", kind, number, **made)  # type: ignore[arg-type]
    keys = ctx.keys
    with ctx.store.write() as connection:
        feedback_log.store(connection, [report], ctx.now(), keys)


def deliver(ctx: Context, crm: Crm) -> None:
    apply_waiting(ctx)
    spread(ctx, crm.name)


def said(ctx: Context, kind: str = "") -> list[Any]:
    query = sa.select(feedback).order_by(feedback.c.id)
    with ctx.store.read() as connection:
        return [row for row in connection.execute(query) if kind in ("", row.kind)]


def of_users(ctx: Context) -> list[str]:
    """Evidence that names something a CRM user did."""
    return [row.evidence for row in said(ctx) if "somebody" in row.evidence]


def status(crm: Crm, record_id: str) -> Any:
    return crm.get(record_id, crm.status)
