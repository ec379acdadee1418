"""Keep the log of what users and tokens did. It holds numbers in masked form."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.logging_setup import redact
from worker.store import Store
from worker.store.tables import audit_log


def masked(number: str) -> str:
    """Return enough of a number to recognise it, and too little to call it.

    >>> masked("+14155550123")
    '+1415•••••23'
    """
    return f"{number[:5]}{'•' * max(0, len(number) - 7)}{number[-2:]}" if number else ""


def note(store: Store, now: datetime, who: str, action: str, target: str, why: str = "") -> None:
    """Keep that somebody did something; `action` like "run.undo"."""
    with store.write() as connection:
        record(connection, now, who, action, target, why)


def record(
    connection: Connection, now: datetime, who: str, action: str, target: str, why: str = ""
) -> None:
    """Like `note`, in the transaction of what was done."""
    connection.execute(
        sa.insert(audit_log).values(
            at=now, who=who[:120], action=action[:40], target=target[:255], why=redact(why)[:255]
        )
    )


def entries(
    store: Store, before: int | None = None, limit: int = 100, who: str = ""
) -> list[dict[str, Any]]:
    """Return entries, newest first. `before`: the id to continue behind."""
    c = audit_log.c
    query = sa.select(audit_log).order_by(c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(c.id < before)
    if who:
        query = query.where(c.who == who)
    with store.read() as connection:
        return [
            {
                "id": row.id, "at": row.at.isoformat(), "who": row.who, "action": row.action,
                "target": row.target, "why": row.why,
            }
            for row in connection.execute(query)
        ]  # fmt: skip
