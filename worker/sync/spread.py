"""Writes what was reported to a CRM, to every record that holds the number, until it is confirmed.

The holders come from our own index: no CRM is searched. Runs of this kind go beside the others,
one a connector at a time; what they write follows from what stands then, not from one report, so
neither the order nor a repetition matters.
"""

from __future__ import annotations

import logging

import sqlalchemy as sa

from connectors.base import ConnectorError
from worker.feedback import deliveries
from worker.store.tables import deliveries as table
from worker.store.tables import runs as run_table
from worker.sync import runs
from worker.sync.context import Context
from worker.sync.drive import drive
from worker.sync.scope import Scope

log = logging.getLogger(__name__)

KIND = "reports"
_AT_ONCE = 1000  # deliveries that one run takes


def spread(ctx: Context, connector: str) -> int:
    """Deliver all that is due at a CRM; returns how many were confirmed.

    Returns early when another worker is at it, or when the CRM is away: then what is left waits
    for its time (`deliveries.put_off`).
    """
    confirmed = 0
    while (run_id := _next_run(ctx, connector)) is not None:
        try:
            drive(ctx, run_id, pages_at_once=1)
        except ConnectorError as error:
            log.warning("%s: reports wait: %s", connector, error)
            with ctx.store.write() as connection:
                deliveries.put_off(connection, run_id, str(error), ctx.now())
            return confirmed
        with ctx.store.write() as connection:
            before = _left(connection, run_id)
            deliveries.settle(connection, connector, run_id, ctx.now())
            confirmed += before - _left(connection, run_id)
    return confirmed


def _next_run(ctx: Context, connector: str) -> str | None:
    """The run that was begun and has something left, or a new one for what is due."""
    begun = _begun(ctx, connector)
    if begun is not None:
        run_id, ready = begun
        if not ready:
            return None
        try:
            if runs.load(ctx, run_id).state != "done":  # done: it died before it was settled
                return runs.reopen(ctx, run_id).id
        except runs.RunActiveError:
            return None
        return run_id
    with ctx.store.read() as connection:
        due = deliveries.due(connection, connector, ctx.now(), _AT_ONCE)
    if not due:
        return None
    numbers = tuple(dict.fromkeys(row.number for row in due))
    ids = [row.id for row in due]
    try:
        return runs.open_run(
            ctx,
            connector,
            Scope("numbers", numbers),
            kind=KIND,
            opened=lambda connection, run_id: deliveries.begin(connection, ids, run_id),
        )
    except runs.RunActiveError:
        return None
    except ConnectorError as error:
        log.warning("%s: reports wait: %s", connector, error)
        with ctx.store.write() as connection:
            later = ctx.now() + deliveries.LONGEST_WAIT / 4
            connection.execute(
                sa.update(table)
                .where(table.c.id.in_(ids), table.c.run_id.is_(None))
                .values(again_at=later, error=str(error)[:500], attempts=table.c.attempts + 1)
            )
        return None


def _begun(ctx: Context, connector: str) -> tuple[str, bool] | None:
    """A run that has deliveries left, and whether their time has come."""
    query = (
        sa.select(table.c.run_id, sa.func.min(table.c.again_at).label("at"))
        .join(run_table, run_table.c.id == table.c.run_id)
        .where(table.c.connector == connector, table.c.state == "pending")
        .group_by(table.c.run_id)
        .order_by(table.c.run_id)
        .limit(1)
    )
    with ctx.store.read() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else (row.run_id, row.at <= ctx.now())


def _left(connection: sa.Connection, run_id: str) -> int:
    query = sa.select(sa.func.count()).where(table.c.run_id == run_id, table.c.state == "pending")
    return connection.scalar(query) or 0
