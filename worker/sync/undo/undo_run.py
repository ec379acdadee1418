"""Open, hold and end the run of an undo."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import sqlalchemy as sa

from config.logging_setup import redact
from worker.context import Context
from worker.store import pause
from worker.store.states import RunState
from worker.store.tables import runs
from worker.sync.runs import lifecycle as run_store
from worker.sync.runs.model import Run, RunActiveError
from worker.sync.runs.scope import undo_scope
from worker.sync.undo.model import SkippedField, UndoResult

_MAX_NOTES = 500  # of a run, on fields that were left alone
_WHY = {
    "changed": "left alone, because somebody changed them since",
    "report": "left as they are, because a report in force demands it",
}


def open_for(
    ctx: Context, run: Run, dry_run: bool, by: str, why: str, only: Sequence[str] = ()
) -> str:
    """Store a run that undoes `run`, and return its id; raises `RunActiveError`, and
    `PausedError` unless it is a dry run. `only`: ids of the records to which it is limited."""
    if not dry_run:
        pause.check(ctx.store)
    run_id = f"{ctx.now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    with ctx.store.write() as connection:
        ctx.require_account(connection, run.connector)
        try:
            connection.execute(
                sa.insert(runs).values(
                    id=run_id,
                    connector=run.connector,
                    kind="undo",
                    scope=undo_scope(run.id, only).as_json(),
                    state=RunState.RUNNING,
                    active_key=None if dry_run else run.connector,
                    dry_run=dry_run,
                    force=False,
                    opened_at=ctx.now(),
                    reading=[],
                    read_all=False,
                    reader_calls={},
                    own_writes={},
                    notes=[],
                    opened_by=by[:120],
                    purpose=redact(why)[:255],
                )
            )
        except sa.exc.IntegrityError:
            connection.rollback()
            under_way = run_store.active(ctx, run.connector)
            raise RunActiveError(run.connector, next(iter(under_way), None)) from None
    return run_id


def keep_lease(ctx: Context, undo_id: str) -> bool:
    """Renew the lease of the undo's run; return False where it was cancelled."""
    with ctx.store.write() as connection:
        renewed = connection.execute(
            sa.update(runs)
            .where(runs.c.id == undo_id, runs.c.state == RunState.RUNNING)
            .values(reader_owner=ctx.owner, reader_lease_expires_at=ctx.lease())
        )
    return renewed.rowcount == 1


def finish(ctx: Context, result: UndoResult) -> None:
    """End the undo's run, with notes on what was left alone."""
    lines = _notes(result.kept)
    others = len(lines) - _MAX_NOTES
    notes = [
        *lines[:_MAX_NOTES],
        *([f"and so in {others:,} more cases"] if others > 0 else []),
        *(
            f"{record_id}: not put back, since our user does not see the record"
            for record_id in result.not_visible
        ),
    ]
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(runs)
            .where(runs.c.id == result.run, runs.c.state == RunState.RUNNING)
            .values(
                state=RunState.DONE,
                active_key=None,
                finished_at=ctx.now(),
                read_all=True,
                reader_owner=None,
                notes=notes,
            )
        )


def _notes(kept: Sequence[SkippedField]) -> list[str]:
    """Return what was left alone, as one line for each record and reason."""
    fields: dict[tuple[str, str, str], list[str]] = {}
    for skipped in kept:
        key = skipped.object, skipped.record_id, skipped.why
        fields.setdefault(key, []).append(skipped.field)
    return [
        f"{object_name} {record_id}: {', '.join(names)}: {_WHY[why]}"
        for (object_name, record_id, why), names in fields.items()
    ]
