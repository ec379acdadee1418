"""Give the owner of a record a task in the CRM when a number of it goes bad.

Off by default (`connectors.NAME.owner_tasks`). Nothing else depends on it: a task that a CRM
refuses is counted, and costs nobody an opt-out. The steps:

1. `record`: with the results of a page, a row for each record and reason, in one transaction.
2. `create_waiting`: at the end of a run, tasks for the rows that wait, in the CRM's batches, up to
   the run's limit. Rows are claimed first; one that a worker died over is looked for in the CRM.
3. `take_back`: with the undo of a run, tasks that nobody has changed are deleted.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.connectors import ConnectorSettings, OwnerTaskSettings
from config.logging_setup import redact
from connectors.errors import ConnectorError
from connectors.owner_tasks import NewTask, OwnerTasks, TaskResult
from connectors.protocol import Connector
from connectors.records import Value
from worker.context import Context
from worker.decisions.diff import went_bad
from worker.store import pause
from worker.store.array_param import any_of
from worker.store.bulk import upsert
from worker.store.states import WriteState
from worker.store.tables import owner_tasks, runs, writes

log = logging.getLogger(__name__)

# A CRM shows these to people; the same words tell later that there is such a task already.
_SUBJECTS = {
    "wrong_number": "Phone: wrong number, ask for the right one",
    "invalid": "Phone: the number does not exist, correct it",
    "unreachable": "Phone: the number is out of service, ask for a new one",
}


class TaskState(StrEnum):
    WAITING = "waiting"
    SENDING = "sending"  # a worker has it, until its lease ends
    CREATED = "created"
    OPEN = "open"  # the record has an open task like it
    NO_OWNER = "no_owner"
    REFUSED = "refused"
    OVER_LIMIT = "over_limit"  # of tasks that a run may make
    DELETED = "deleted"  # by an undo
    KEPT = "kept"  # an undo left it, since somebody has changed it


def settings_of(ctx: Context, connector: str) -> OwnerTaskSettings | None:
    """Return the settings of a CRM's tasks; None where they are off."""
    section = ctx.settings.section(connector)
    if not isinstance(section, ConnectorSettings) or not section.owner_tasks.enabled:
        return None
    return section.owner_tasks


def count_new(
    settings: OwnerTaskSettings, known: Iterable[str],
    changes: Iterable[tuple[str, Mapping[str, Value], Mapping[str, Value]]],
) -> int:  # fmt: skip
    """Return how many tasks a page would ask for. `changes`: record id, before, after."""
    seen = set(known)
    return sum(
        len(went_bad(before, after))
        for record_id, before, after in changes
        if settings.first_reading or record_id in seen
    )


def record(
    connection: Connection, ctx: Context, run_id: str, connector: str, object_name: str,
    page_id: int, known: Iterable[str], partly: Mapping[str, Mapping[str, Value]],
) -> None:  # fmt: skip
    """Record the tasks that what a page has written asks for. `known`: records that our index had
    before: of one that is read for the first time nothing went bad. `partly`: what was written of
    records of which the CRM has refused some fields. Many parameters: the page's names, as each
    step of its commit gets them."""
    settings = settings_of(ctx, connector)
    if settings is None:
        return
    w, seen, now = writes.c, set(known), ctx.now()
    query = sa.select(w.record_id, w.state, w.before, w.after).where(
        w.page_id == page_id, w.state.in_((WriteState.DONE, WriteState.FAILED))
    )
    due = (now + settings.due_after).date().isoformat()
    rows: list[dict[str, Any]] = []
    for row in connection.execute(query):
        if not settings.first_reading and row.record_id not in seen:
            continue
        written = row.after if row.state == WriteState.DONE else partly.get(row.record_id, {})
        for reason, fields in went_bad(row.before, written).items():
            rows.append({
                "run_id": run_id, "connector": connector, "object": object_name,
                "record_id": row.record_id, "reason": reason,
                "fields": ", ".join(sorted(fields))[:255], "state": TaskState.WAITING, "due": due,
                "at": now, "task_id": "", "message": "",
            })  # fmt: skip
    upsert(connection, owner_tasks, rows, ignore=True,
           key=("run_id", "object", "record_id", "reason"))  # fmt: skip


def create_waiting(ctx: Context, connector_name: str) -> None:
    """Make the tasks that wait for a CRM. What cannot be made now waits for the end of its next
    run; the run itself is none the worse."""
    settings = settings_of(ctx, connector_name)
    if settings is None or not _any_due(ctx, connector_name) or pause.is_on(ctx.store):
        return
    claimed: Sequence[Any] = ()
    try:
        connector = ctx.connector(connector_name)
        maker = connector.owner_tasks()
        while maker is not None and (claimed := _claim(ctx, connector_name, maker.batch_size)):
            for object_name in sorted({row.object for row in claimed}):
                of_object = [row for row in claimed if row.object == object_name]
                _create(ctx, connector, maker, of_object)
                claimed = [row for row in claimed if row.object != object_name]
    except ConnectorError as error:
        log.warning("%s: tasks for owners wait for the next run: %s", connector_name, error)
        _give_back(ctx, claimed)


def _any_due(ctx: Context, connector: str) -> bool:
    with ctx.store.read() as connection:
        query = sa.select(owner_tasks.c.id).where(*_due(connector, ctx.now())).limit(1)
        return connection.scalar(query) is not None


def _due(connector: str, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    c = owner_tasks.c
    orphaned = sa.and_(c.state == TaskState.SENDING, c.lease_expires_at <= now)
    return c.connector == connector, sa.or_(c.state == TaskState.WAITING, orphaned)


def _claim(ctx: Context, connector: str, size: int) -> Sequence[Any]:
    """Claim some rows of one run; those over its limit are put aside, and counted."""
    settings, c = settings_of(ctx, connector), owner_tasks.c
    if settings is None:
        return ()
    with ctx.store.write() as connection:
        while True:
            due = _due(connector, ctx.now())
            query = sa.select(owner_tasks).where(*due).order_by(c.run_id, c.id).limit(size)
            rows = connection.execute(query.with_for_update(skip_locked=True)).all()
            if not rows:
                return ()
            rows = [row for row in rows if row.run_id == rows[0].run_id]
            made = sa.select(sa.func.count()).where(
                c.run_id == rows[0].run_id, c.state.in_((TaskState.CREATED, TaskState.SENDING)),
                sa.not_(any_of(c.id, [row.id for row in rows])),
            )  # fmt: skip
            room = max(0, settings.per_run - (connection.scalar(made) or 0))
            if room:
                ids = [row.id for row in rows[:room]]
                values = {"state": TaskState.SENDING, "lease_expires_at": ctx.lease()}
                connection.execute(sa.update(owner_tasks).where(any_of(c.id, ids)).values(**values))
                return rows[:room]
            of_run = (c.run_id == rows[0].run_id, *due)
            connection.execute(
                sa.update(owner_tasks).where(*of_run).values(state=TaskState.OVER_LIMIT)
            )


def _create(ctx: Context, connector: Connector, maker: OwnerTasks, rows: Sequence[Any]) -> None:
    before = dict(connector.calls)
    first: dict[tuple[str, str], Any] = {}
    for row in rows:
        first.setdefault((row.record_id, row.reason), row)
    made = [*first.values()]
    try:
        results = maker.create([_task(row) for row in made])
    finally:
        count_calls(ctx, rows[0].run_id, before, connector.calls)
    if refused := [result.message for result in results if result.state == "refused"]:
        log.warning("%s: %d tasks for owners were refused: %s", connector.name, len(refused),
                    redact(refused[0])[:200])  # fmt: skip
    by_id = {row.id: result for row, result in zip(made, results, strict=True)}
    with ctx.store.write() as connection:
        for row in rows:
            result = by_id.get(row.id, TaskResult("open"))
            if result.state == "unknown":
                continue  # it is looked for when its lease has ended
            # One that is open and that this very row was sent for is ours: its answer was lost.
            ours = result.state == "open" and row.state == TaskState.SENDING
            connection.execute(
                sa.update(owner_tasks).where(owner_tasks.c.id == row.id).values(
                    state=TaskState.CREATED if ours else TaskState(result.state),
                    task_id=result.task_id[:40], message=result.message[:255],
                    lease_expires_at=None,
                )
            )  # fmt: skip


def _task(row: Any) -> NewTask:
    body = f"{row.fields}. The record says why. Phone hygiene, run {row.run_id}."
    return NewTask(
        row.object, row.record_id, _SUBJECTS[row.reason], body, date.fromisoformat(row.due)
    )


def count_calls(
    ctx: Context, run_id: str, before: Mapping[Any, int], after: Mapping[Any, int]
) -> None:
    """Add the calls to those of the run."""
    with ctx.store.write() as connection:
        query = sa.select(runs.c.reader_calls).where(runs.c.id == run_id).with_for_update()
        counts = Counter(connection.scalar(query) or {})
        counts.update({kind: count - before.get(kind, 0) for kind, count in after.items()})
        connection.execute(
            sa.update(runs).where(runs.c.id == run_id).values(reader_calls=dict(counts))
        )


def _give_back(ctx: Context, rows: Sequence[Any]) -> None:
    """Let the next run look for what was being sent: its answer did not come."""
    c = owner_tasks.c
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(owner_tasks)
            .where(any_of(c.id, [row.id for row in rows]), c.state == TaskState.SENDING)
            .values(lease_expires_at=ctx.now())
        )


# -- what a run has made ---------------------------------------------------------------------


def counts_of(ctx: Context, run_id: str) -> dict[str, int]:
    """Return how many tasks a run has asked for, by what became of them."""
    c = owner_tasks.c
    query = sa.select(c.state, sa.func.count()).where(c.run_id == run_id).group_by(c.state)
    with ctx.store.read() as connection:
        found = {row[0]: row[1] for row in connection.execute(query)}
    waiting = found.pop(TaskState.SENDING, 0) + found.get(TaskState.WAITING, 0)
    return {**found, **({TaskState.WAITING.value: waiting} if waiting else {})}


def take_back(
    ctx: Context, connector: Connector, run_id: str, only: Sequence[str] = ()
) -> tuple[int, int]:
    """Delete the tasks that a run has made and that nobody has changed; ask for no more of them.
    Return how many were deleted, and how many were left. Raises `ConnectorError`. `only`: ids of
    the records whose tasks are meant; none: all."""
    c, of_run = owner_tasks.c, owner_tasks.c.run_id == run_id
    if only:
        of_run = sa.and_(of_run, any_of(c.record_id, sorted(only)))
    maker = connector.owner_tasks()
    with ctx.store.write() as connection:
        unsent = c.state.in_((TaskState.WAITING, TaskState.OVER_LIMIT))
        connection.execute(sa.delete(owner_tasks).where(of_run, unsent))
        query = sa.select(owner_tasks).where(of_run, c.state == TaskState.CREATED).order_by(c.id)
        rows = connection.execute(query).all()
    deleted = kept = 0
    for start in range(0, len(rows) if maker else 0, maker.batch_size if maker else 1):
        assert maker is not None
        batch = rows[start : start + maker.batch_size]
        gone = maker.delete_untouched([(row.task_id, _task(row)) for row in batch])
        with ctx.store.write() as connection:
            for row in batch:
                state = TaskState.DELETED if row.task_id in gone else TaskState.KEPT
                connection.execute(sa.update(owner_tasks).where(c.id == row.id).values(state=state))
        count = sum(row.task_id in gone for row in batch)
        deleted, kept = deleted + count, kept + len(batch) - count
    return deleted, kept
