"""The day's API quota as each CRM last reported it, kept for the overview and the doctor."""

from __future__ import annotations

from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.store.bulk import upsert
from worker.store.tables import app_state

_NAME = "quota: "


def record(ctx: Context, connection: Connection, connector: str) -> None:
    """Store what the CRM last reported of the day's calls, if it did."""
    quota = ctx.quotas.get(connector)
    if quota is not None and (today := quota.today) is not None:
        reported = {"remaining": today.remaining, "limit": today.limit, "at": ctx.now().isoformat()}
        row = {"name": f"{_NAME}{connector}", "value": orjson.dumps(reported).decode()}
        upsert(connection, app_state, [row])


def last_reported(ctx: Context, connector: str) -> dict[str, Any] | None:
    """Return `remaining`, `limit` and `at` as a CRM reported them at the end of a run; None before
    the first time."""
    query = sa.select(app_state.c.value).where(app_state.c.name == f"{_NAME}{connector}")
    with ctx.store.read() as connection:
        stored = connection.scalar(query)
    return orjson.loads(stored) if stored else None
