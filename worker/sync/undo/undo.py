"""Undo a run: put back what it wrote, field by field.

Fields that somebody changed since are left alone, and so are those that a report in force demands:
an undo never makes anybody contactable again (promise 3).

The steps: `written_records` finds what the run wrote, `restores` chooses the values to put back,
`standing_demands` removes what a report in force demands, `restore_writes` writes the rest, and
`redelivery` has reports delivered again. `undo_run` is the run that all of this belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from config import stopping
from connectors.errors import ConnectorError
from connectors.records import Update
from worker.context import Context
from worker.store import pause
from worker.store.states import RunState
from worker.sync import owner_tasks
from worker.sync.runs import lifecycle as run_store
from worker.sync.runs import reader_lease
from worker.sync.runs.model import RunActiveError
from worker.sync.runs.scope import undo_target
from worker.sync.undo import (
    redelivery,
    restore_writes,
    restores,
    standing_demands,
    undo_run,
    written_records,
)
from worker.sync.undo.model import RecordWrites, SkippedField, UndoResult, UndoWork


def undo(
    ctx: Context,
    run_id: str,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _n: None,
    by: str = "",
    only: Sequence[str] = (),
) -> UndoResult:
    """Undo a run in this process; see `begin` and `execute`."""
    return execute(ctx, begin(ctx, run_id, dry_run, by, only=only), progress)


def begin(
    ctx: Context,
    run_id: str,
    dry_run: bool = False,
    by: str = "",
    why: str = "",
    only: Sequence[str] = (),
) -> str:
    """Open the run that undoes another one; raises `ConnectorError`, `RunActiveError`,
    `PausedError`.

    `only`: ids of the records to which it is limited; the run must have written to each.

    The next scheduled sync looks at the records again, since they changed: mend the settings
    first, or turn the connector off.
    """
    run = run_store.load(ctx, run_id)
    if run.dry_run:
        raise ConnectorError(f"run {run.id} was a dry run: it wrote nothing")
    if run.active or run.state == RunState.PAUSED:
        raise ConnectorError(f"run {run.id} is under way; it can be undone once it has ended")
    if missing := written_records.not_written(ctx, run, only):
        raise ConnectorError(f"run {run.id} has written nothing to {', '.join(missing[:5])}")
    ctx.connector(run.connector)
    return undo_run.open_for(ctx, run, dry_run, by, why, only)


def execute(
    ctx: Context, undo_id: str, progress: Callable[[int], None] = lambda _n: None
) -> UndoResult:
    """Put back what the run wrote; safe to repeat, also after a worker died at it.

    What is restored is itself stored as writes, of the undo's run. Raises `PausedError` between two
    batches once everything is paused: the run stays open, and goes on later.
    """
    undoing = run_store.load(ctx, undo_id)
    undone_id, only = undo_target(undoing.scope)
    run = run_store.load(ctx, undone_id)
    work = UndoWork(ctx, undoing, run, ctx.connector(run.connector), UndoResult(undoing.id, run.id))
    if not reader_lease.claim(ctx, undoing.id):
        raise RunActiveError(run.connector, undoing)
    try:
        for object_name, rows in written_records.batches(ctx, run, only):
            stopping.check()
            if not undoing.dry_run:
                pause.check(ctx.store)
            if not undo_run.keep_lease(ctx, undoing.id):
                return work.result  # it was cancelled
            _restore_batch(work, object_name, rows)
            progress(len(rows))
        if not undoing.dry_run:
            deleted, kept = owner_tasks.take_back(ctx, work.connector, run.id, only)
            work.result.tasks_deleted, work.result.tasks_kept = deleted, kept
    except ConnectorError as error:
        run_store.fail(ctx, undoing.id, str(error))
        raise
    except BaseException:  # a shutdown: let another process go on at once
        reader_lease.release(ctx, undoing.id)
        raise
    undo_run.finish(ctx, work.result)
    return work.result


def _restore_batch(work: UndoWork, object_name: str, rows: Sequence[RecordWrites]) -> None:
    """Restore some records of one object.

    1. Fetch the records as they are now; by them, settle writes of this undo that a worker had
       sent and died over.
    2. Choose the values to put back: those that nobody has changed since (`restores`).
    3. Remove what a report in force demands (`standing_demands`).
    4. Write the rest, and have reports delivered that the undo may have written over.
    """
    ctx, result = work.ctx, work.result
    to_restore, ticked = restores.choose(work, object_name, rows)
    checked, reports = standing_demands.check(ctx, work.undoing, work.connector, to_restore)
    updates, befores = [], {}
    for restore, demand in zip(to_restore, checked, strict=True):
        record_id, current = restore.contact.id, restore.contact.values()
        for key in (key for key in restore.values if key not in demand.allowed):
            value = current.get(key)
            result.kept.append(SkippedField(object_name, record_id, key, value, value, "report"))
        if demand.allowed:
            updates.append(Update(object_name, record_id, demand.allowed))
            befores[record_id] = {key: current.get(key) for key in demand.allowed}
    result.records += len(updates)
    if work.undoing.dry_run:
        result.restored += sum(len(update.values) for update in updates)
        return
    try:
        restore_writes.write(work, object_name, updates, befores)
    finally:  # also where it was stopped, or the CRM went away, in the midst of it
        redelivery.deliver_again(ctx, work.run, object_name, to_restore, checked, reports, ticked)
