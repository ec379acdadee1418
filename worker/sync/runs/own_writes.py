"""Recognize our own writes when the CRM returns them as changes, so that they are not read again.

Reading with an overlap returns our own writes with each run until they are older than the overlap.
If a later, finished run has read them, they need no third look *yet*: the connector leaves out the
records that those writes changed, unless they changed again since that later run began. The
watermark does not move past them meanwhile (see `lifecycle.finish_if_done`), and once the overlap
is over a run reads them all once more. So a change that was committed late is never missed, and a
run soon after another costs next to nothing.

Where searches find changes late, a later run may not have seen an edit that was made before it
began. There the filter leaves out only what changed while a run wrote, and only of one run, the
one that wrote most: an edit after its writes is found as soon as it can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.records import NO_OWN_WRITES, OwnWriteFilter
from worker.context import Context
from worker.store.states import RunState
from worker.store.tables import pages, runs
from worker.sync.runs.scope import Scope

# A CRM's clock is known by the second: a write may be stamped almost one later than we noted.
CLOCK_RESOLUTION = timedelta(seconds=1)
_MAX_RUNS = 50  # finished runs that are looked at, the latest first


@dataclass(frozen=True, slots=True)
class _FinishedRun:
    id: str
    opened_at: datetime
    began_at: datetime
    finished_at: datetime
    last_write_at: datetime | None
    reads_through: bool
    left_out: frozenset[str]  # runs whose writes it did not read

    @classmethod
    def from_row(cls, row: Any) -> _FinishedRun:
        return cls(
            row.id,
            row.opened_at,
            row.began_at,
            row.finished_at,
            row.last_write_at,
            Scope.from_json(row.scope).streams,
            frozenset(from_json(row.own_writes).runs),
        )


def already_read(
    connection: Connection, ctx: Context, connector: str, watermarks: dict[str, datetime]
) -> OwnWriteFilter:
    """Return which of our own writes the next read of changes can leave out.

    Of the finished runs, those count whose writes the next read would return again
    (`_will_be_returned`) and that a later run has read already (`_was_read_later`).
    """
    finished = _finished_runs(connection, connector)
    finds_late = late_by(ctx, connector)
    read_from = min(watermarks.values()) - finds_late
    overlap_start = ctx.now() - ctx.settings.read_again(connector)
    chosen = [
        run
        for run in finished
        if _will_be_returned(run, read_from, overlap_start) and _was_read_later(run, finished)
    ]
    if not chosen:
        return NO_OWN_WRITES
    if finds_late:
        most = _wrote_most(connection, [run.id for run in chosen])
        chosen = [run for run in chosen if run.id == most]
    until = max(run.last_write_at + CLOCK_RESOLUTION for run in chosen if run.last_write_at)
    if not finds_late:
        until = max(until, *(run.began_at for run in finished if run.reads_through))
    return OwnWriteFilter(
        tuple(run.id for run in chosen), until, since=min(run.began_at for run in chosen)
    )


def _will_be_returned(run: _FinishedRun, read_from: datetime, overlap_start: datetime) -> bool:
    """Whether the next read returns its writes: they are not older than where it begins. Writes
    older than the overlap are read once more and for the last time."""
    return run.last_write_at is not None and run.last_write_at >= max(read_from, overlap_start)


def _was_read_later(run: _FinishedRun, finished: Sequence[_FinishedRun]) -> bool:
    """Whether a later run has read its writes. Runs of a connector follow one another, so one that
    was opened after this one ended began to read after all its writes."""
    return any(
        later.opened_at >= run.finished_at and later.reads_through and run.id not in later.left_out
        for later in finished
    )


def _finished_runs(connection: Connection, connector: str) -> list[_FinishedRun]:
    query = (
        sa.select(runs)
        .where(
            runs.c.connector == connector,
            runs.c.state == RunState.DONE,
            runs.c.dry_run.is_(False),
            runs.c.began_at.is_not(None),
        )
        .order_by(runs.c.opened_at.desc())
        .limit(_MAX_RUNS)
    )
    return [_FinishedRun.from_row(row) for row in connection.execute(query)]


def _wrote_most(connection: Connection, run_ids: Sequence[str]) -> str:
    written = sa.func.sum(pages.c.written)
    query = sa.select(pages.c.run_id).where(pages.c.run_id.in_(run_ids)).group_by(pages.c.run_id)
    most: str | None = connection.scalar(query.order_by(written.desc(), pages.c.run_id).limit(1))
    return most or run_ids[0]


def late_by(ctx: Context, connector: str) -> timedelta:
    """Return how much further back than a watermark changes are read, for what a CRM finds late."""
    return ctx.settings.read_again(connector) - ctx.settings.sync.overlap


def from_json(stored: dict[str, Any]) -> OwnWriteFilter:
    """Return the filter that a run was opened with."""
    if not stored:
        return NO_OWN_WRITES
    since = datetime.fromisoformat(stored["since"]) if "since" in stored else NO_OWN_WRITES.since
    return OwnWriteFilter(tuple(stored["runs"]), datetime.fromisoformat(stored["until"]), since)


def as_json(own_writes: OwnWriteFilter) -> dict[str, Any]:
    """Return a filter as a run keeps it."""
    if not own_writes.runs:
        return {}
    times = {"until": own_writes.until.isoformat(), "since": own_writes.since.isoformat()}
    return {"runs": own_writes.runs, **times}
