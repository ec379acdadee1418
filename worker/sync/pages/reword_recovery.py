"""End the runs of `hygiene crm reasons` whose process died, and settle what they had sent.

Such a run has no pages, so no worker can take it up; the command does the rest when it is given
again. Until then its run would keep every other one waiting, and its writes would stay pending.
"""

from __future__ import annotations

import logging
from datetime import timedelta

import sqlalchemy as sa

from connectors.errors import ConnectorError
from worker.context import Context
from worker.store.bulk import chunks
from worker.store.states import RunState, WriteState
from worker.store.tables import runs, writes
from worker.sync.pages import pending_writes
from worker.sync.runs import lifecycle, reader_lease

log = logging.getLogger(__name__)

KIND = "reasons"
_RECENT = timedelta(days=7)
_AT_ONCE = 200  # records that are fetched together


def recover(ctx: Context, connector_name: str = "", recent: bool = False) -> None:
    """End runs whose process died, and find out of each write that was left pending whether it
    reached the CRM. Where the CRM does not answer, the writes stay pending for the next time.

    `recent`: look only at the runs of the last week, as beat does each minute.
    """
    r, w = runs.c, writes.c
    mine = [r.kind == KIND, *([r.connector == connector_name] if connector_name else [])]
    if recent:
        mine.append(r.opened_at >= ctx.now() - _RECENT)
    with ctx.store.read() as connection:
        active = connection.execute(
            sa.select(r.id, r.connector).where(*mine, r.state == RunState.RUNNING)
        ).all()
    for run_id, name in active:
        if not reader_lease.has_live_reader(ctx, run_id):
            lifecycle.fail(
                ctx, run_id, f"its process died; to continue: hygiene crm reasons {name}"
            )
    pending = (
        sa.select(w.run_id, w.connector, w.object)
        .join_from(runs, writes, w.run_id == r.id)
        .where(*mine, r.state != RunState.RUNNING, w.state == WriteState.PENDING)
        .distinct()
    )
    with ctx.store.read() as connection:
        pending_objects = connection.execute(pending).all()
    for run_id, name, object_name in pending_objects:
        if name not in ctx.settings.active_connectors:
            continue
        try:
            _settle(ctx, run_id, name, object_name)
        except ConnectorError as error:
            log.warning("writes of run %s stay pending: %s", run_id, error)


def _settle(ctx: Context, run_id: str, name: str, object_name: str) -> None:
    w = writes.c
    pending = sa.select(writes).where(
        w.run_id == run_id, w.object == object_name, w.state == WriteState.PENDING
    )
    with ctx.store.read() as connection:
        rows = connection.execute(pending.order_by(w.id)).all()
    connector = ctx.connector(name)
    for chunk in chunks(rows, _AT_ONCE):
        ids = list(dict.fromkeys(row.record_id for row in chunk))
        current = {contact.id: contact.values() for contact in connector.fetch(object_name, ids)}
        with ctx.store.write() as connection:
            now = ctx.now()
            not_applied = pending_writes.resolve(connection, name, object_name, chunk, current, now)
            pending_writes.mark_failed(connection, not_applied, now)
