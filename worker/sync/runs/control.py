"""What a person does to a run that is under way: pause it, or cancel it.

A paused run is resumed like one that failed: `lifecycle.resume`.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from connectors.errors import ConnectorError
from worker.context import Context
from worker.store.states import PageState, RunState
from worker.store.tables import absent_records, pages, runs
from worker.sync.runs import lifecycle as run_store
from worker.sync.runs.model import Run


def pause(ctx: Context, run_id: str, by: str) -> Run:
    """Stop a run after the pages that are under way; raises `ConnectorError` where it cannot be.

    It keeps its place, and its connector: no other sync begins before it goes on or is cancelled.
    """
    return _move(ctx, run_id, (RunState.RUNNING,), RunState.PAUSED, f"paused by {by}")


def cancel(ctx: Context, run_id: str, by: str) -> Run:
    """End a run where it stands. What it has written stays (and can be undone); what it has not
    come to is read again by the next sync, since no watermark moves."""
    return _move(
        ctx,
        run_id,
        (RunState.RUNNING, RunState.PAUSED, RunState.STOPPED),
        RunState.CANCELLED,
        f"cancelled by {by}",
    )


def _move(ctx: Context, run_id: str, states: tuple[str, ...], state: str, note: str) -> Run:
    run = run_store.load(ctx, run_id)
    if run.kind == "reports":
        raise ConnectorError(f"run {run.id} carries reports to a CRM: it cannot be stopped")
    if run.kind == "undo" and state == RunState.PAUSED:
        raise ConnectorError(f"run {run.id} is an undo: it can be cancelled and started again")
    values: dict[str, Any] = {"state": state, "notes": [*run.notes, note]}
    if state == RunState.CANCELLED:
        values |= {"active_key": None, "finished_at": ctx.now(), "reader_owner": None}
    with ctx.store.write() as connection:
        done = connection.execute(
            sa.update(runs).where(runs.c.id == run.id, runs.c.state.in_(states)).values(**values)
        )
        if done.rowcount != 1:
            wanted = " or ".join(states)
            raise ConnectorError(f"run {run.id} is {run.state}, not {wanted}")
        if state == RunState.CANCELLED:  # what was read of people is not kept for nothing
            connection.execute(
                sa.update(pages)
                .where(pages.c.run_id == run.id, pages.c.state == PageState.STORED)
                .values(payload=None)
            )
            connection.execute(sa.delete(absent_records).where(absent_records.c.run_id == run.id))
    return run_store.load(ctx, run.id)
