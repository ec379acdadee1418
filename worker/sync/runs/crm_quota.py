"""The day's API quota as each CRM last reported it, and our calls outside of runs: kept for the
overview and the doctor."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.store.bulk import upsert
from worker.store.tables import app_state

_NAME = "quota: "
_CALLS = "calls outside of runs: "
_DAY = timedelta(days=1)


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


def count_calls(ctx: Context, connector: str, count: int) -> None:
    """Count calls that no run has made: those for somebody who looks at a page."""
    if not count:
        return
    now = ctx.now()
    name = f"{_CALLS}{connector}"
    with ctx.store.write() as connection:
        # The row is there before it is locked, so that two who count at once add up.
        upsert(connection, app_state, [{"name": name, "value": "{}"}], ignore=True)
        query = sa.select(app_state.c.value).where(app_state.c.name == name).with_for_update()
        hours: dict[str, int] = orjson.loads(connection.scalar(query) or "{}")
        hour = now.replace(minute=0, second=0, microsecond=0).isoformat()
        hours[hour] = hours.get(hour, 0) + count
        kept = {at: n for at, n in hours.items() if now - datetime.fromisoformat(at) < 2 * _DAY}
        upsert(connection, app_state, [{"name": name, "value": orjson.dumps(kept).decode()}])


def forget(connection: Connection, connector: str) -> None:
    """Forget what an account reported, and our calls there."""
    names = (f"{_NAME}{connector}", f"{_CALLS}{connector}")
    connection.execute(sa.delete(app_state).where(app_state.c.name.in_(names)))


def calls_outside_runs(ctx: Context, connector: str) -> int:
    """Return the calls of the last day that no run has made."""
    query = sa.select(app_state.c.value).where(app_state.c.name == f"{_CALLS}{connector}")
    with ctx.store.read() as connection:
        stored = connection.scalar(query)
    hours: dict[str, int] = orjson.loads(stored) if stored else {}
    return sum(n for at, n in hours.items() if ctx.now() - datetime.fromisoformat(at) <= _DAY)
