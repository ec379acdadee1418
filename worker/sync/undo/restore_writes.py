"""Write the restored values to the CRM, kept as writes of the undo's own run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from connectors.records import Update, Value
from worker.store.states import WriteState
from worker.store.tables import writes
from worker.sync import contact_index
from worker.sync.pages import late_writes
from worker.sync.undo.model import UndoWork
from worker.sync.write.crm_writes import write_all


def write(
    work: UndoWork,
    object_name: str,
    updates: Sequence[Update],
    befores: Mapping[str, Mapping[str, Value]],
) -> None:
    """Store the updates as pending writes of the undo's run, send them, and store the outcomes."""
    ctx, run, result = work.ctx, work.run, work.result
    with ctx.store.write() as connection:
        if updates:
            connection.execute(
                sa.insert(writes),
                [
                    {
                        "run_id": result.run,
                        "connector": run.connector,
                        "object": object_name,
                        "record_id": update.id,
                        "before": befores[update.id],
                        "after": dict(update.values),
                        "state": WriteState.PENDING,
                        "at": ctx.now(),
                    }
                    for update in updates
                ],
            )
    outcomes, _ = write_all(work.connector, updates)
    with ctx.store.write() as connection:
        for update in updates:
            outcome = outcomes[update.id]
            row = sa.and_(
                writes.c.run_id == result.run,
                writes.c.record_id == update.id,
                writes.c.state == WriteState.PENDING,
            )
            connection.execute(
                sa.update(writes)
                .where(row)
                .values(**late_writes.settled_as(outcome, befores[update.id], ctx.now()))
            )
            result.restored += len(outcome.written)
            if not outcome.ok:
                result.failed[update.id] = outcome.message
            if outcome.written:
                contact_index.remember_flags(
                    connection, run.connector, object_name, update.id, outcome.written
                )
