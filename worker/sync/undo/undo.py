"""Undo a run: put back what it wrote, field by field.

Fields that somebody changed since are left alone, and so are those that a report in force demands:
an undo never makes anybody contactable again (promise 3).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config import stopping
from config.logging_setup import redact
from connectors.errors import ConnectorError
from connectors.http.lenient_json import REPLACEMENT
from connectors.protocol import Connector
from connectors.records import Contact, Update, Value
from worker.context import Context
from worker.decisions.diff import FLAGS
from worker.feedback import report_log as feedback_log
from worker.feedback.report_log import ReportSet
from worker.store import changed_records, outbox
from worker.store.array_param import any_of
from worker.store.bulk import chunks
from worker.store.invalidation import invalidate
from worker.store.states import RunState, WriteState
from worker.store.tables import runs, writes
from worker.sync import contact_index
from worker.sync.contact_index import IndexedContact
from worker.sync.pages import late_writes, pending_writes
from worker.sync.runs import lifecycle as run_store
from worker.sync.runs import reader_lease
from worker.sync.runs.model import Run, RunActiveError
from worker.sync.runs.scope import Scope
from worker.sync.undo import standing_demands
from worker.sync.undo.standing_demands import Demand, Restore
from worker.sync.write.crm_writes import write_all

_MAX_NOTES = 500  # of a run, on fields that were left alone
_WHY = {
    "changed": "left alone, because somebody changed them since",
    "report": "left as they are, because a report in force demands it",
}
_SENT = (WriteState.DONE, WriteState.FAILED, WriteState.PENDING, WriteState.NOT_APPLIED)
_AT_ONCE = 200  # writes that are read, fetched and restored together


@dataclass(frozen=True, slots=True)
class SkippedField:
    """A field that was left alone.

    `why`: it no longer holds what the run had written, or a report in force demands what it holds
    (promise 3).
    """

    object: str
    record_id: str
    field: str
    wrote: Value
    holds: Value
    why: Literal["changed", "report"] = "changed"


@dataclass
class UndoResult:
    """What an undo did. Its fields are the keys of the command's JSON."""

    run: str
    of: str
    records: int = 0
    restored: int = 0  # fields
    kept: list[SkippedField] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    not_visible: list[str] = field(default_factory=list)  # nothing could be put back there

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def undo(
    ctx: Context,
    run_id: str,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _n: None,
    by: str = "",
) -> UndoResult:
    """Undo a run in this process; see `begin` and `execute`."""
    return execute(ctx, begin(ctx, run_id, dry_run, by), progress)


def begin(ctx: Context, run_id: str, dry_run: bool = False, by: str = "", why: str = "") -> str:
    """Open the run that undoes another one; raises `ConnectorError`, `RunActiveError`.

    The next scheduled sync looks at the records again, since they changed: mend the settings
    first, or turn the connector off.
    """
    run = run_store.load(ctx, run_id)
    if run.dry_run:
        raise ConnectorError(f"run {run.id} was a dry run: it wrote nothing")
    if run.active or run.state == RunState.PAUSED:
        raise ConnectorError(f"run {run.id} is under way; it can be undone once it has ended")
    ctx.connector(run.connector)
    return _open(ctx, run, dry_run, by, why)


def execute(
    ctx: Context, undo_id: str, progress: Callable[[int], None] = lambda _n: None
) -> UndoResult:
    """Put back what the run wrote; safe to repeat, also after a worker died at it.

    What is restored is itself stored as writes, of the undo's run.
    """
    undoing = run_store.load(ctx, undo_id)
    run = run_store.load(ctx, undoing.scope.values[0])
    work = _UndoWork(
        ctx, undoing, run, ctx.connector(run.connector), UndoResult(undoing.id, run.id)
    )
    if not reader_lease.claim(ctx, undoing.id):
        raise RunActiveError(run.connector, undoing)
    try:
        for object_name, rows in _batches(ctx, run):
            stopping.check()
            if not _keep_lease(ctx, undoing.id):
                return work.result  # it was cancelled
            _restore_batch(work, object_name, rows)
            progress(len(rows))
    except ConnectorError as error:
        run_store.fail(ctx, undoing.id, str(error))
        raise
    except BaseException:  # a shutdown: let another process go on at once
        reader_lease.release(ctx, undoing.id)
        raise
    _finish(ctx, work.result)
    return work.result


@dataclass(frozen=True, slots=True)
class _UndoWork:
    """An undo under way. `undoing`: its run; `run`: the one that it undoes."""

    ctx: Context
    undoing: Run
    run: Run
    connector: Connector
    result: UndoResult


def _restore_batch(work: _UndoWork, object_name: str, rows: Sequence[_Written]) -> None:
    """Restore some records of one object.

    1. Fetch the records as they are now; by them, settle writes of this undo that a worker had
       sent and died over.
    2. Choose the values to put back: those that nobody has changed since (`_restorable`).
    3. Remove what a report in force demands (`standing_demands`).
    4. Write the rest, and have reports delivered that the undo may have written over.
    """
    ctx, result = work.ctx, work.result
    restores, ticked = _choose_restores(work, object_name, rows)
    checked, reports = standing_demands.check(ctx, work.undoing, work.connector, restores)
    updates, befores = [], {}
    for restore, demand in zip(restores, checked, strict=True):
        record_id, held = restore.contact.id, restore.contact.values()
        for key in (key for key in restore.values if key not in demand.allowed):
            value = held.get(key)
            result.kept.append(SkippedField(object_name, record_id, key, value, value, "report"))
        if demand.allowed:
            updates.append(Update(object_name, record_id, demand.allowed))
            befores[record_id] = {key: held.get(key) for key in demand.allowed}
    result.records += len(updates)
    if work.undoing.dry_run:
        result.restored += sum(len(update.values) for update in updates)
        return
    try:
        _write(work, object_name, updates, befores)
    finally:  # also where it was stopped, or the CRM went away, in the midst of it
        _deliver_again(ctx, work.run, object_name, restores, checked, reports, ticked)


def _choose_restores(
    work: _UndoWork, object_name: str, rows: Sequence[_Written]
) -> tuple[list[Restore], list[str]]:
    """Return what is to be put back, and ids of records with a flag that a person has ticked."""
    ctx, connector, result = work.ctx, work.connector, work.result
    ids = [row.record_id for row in rows]
    current = {contact.id: contact for contact in connector.fetch(object_name, ids)}
    absent = [record_id for record_id in ids if record_id not in current]
    gone = connector.deleted(object_name, absent) if absent else set()
    _resolve_pending_writes(work, object_name, current)
    known = contact_index.load(ctx.store, work.run.connector, object_name, ids)
    ticked: list[str] = []
    restores: list[Restore] = []
    for row in rows:
        contact = current.get(row.record_id)
        if contact is None:
            (result.gone if row.record_id in gone else result.not_visible).append(row.record_id)
            continue
        held = contact.values()
        values = _restorable(row, held, connector.writable(object_name), result)
        for flag in _unread_ticks(held, known.get(row.record_id), values):
            del values[flag]
            ticked.append(row.record_id)
            result.kept.append(SkippedField(object_name, row.record_id, flag, True, True))
        if values:
            restores.append(Restore(contact, values))
    return restores, ticked


def _resolve_pending_writes(
    work: _UndoWork, object_name: str, current: Mapping[str, Contact]
) -> None:
    """After a crash: note which writes of this undo had reached the CRM. All of them may come
    late."""
    w = writes.c
    pending = sa.select(writes).where(
        w.run_id == work.undoing.id,
        w.object == object_name,
        w.state == WriteState.PENDING,
        any_of(w.record_id, sorted(current)),
    )
    with work.ctx.store.write() as connection:
        rows = list(connection.execute(pending))
        values = {record_id: contact.values() for record_id, contact in current.items()}
        not_applied = pending_writes.resolve(
            connection, work.run.connector, object_name, rows, values
        )
        pending_writes.mark_not_applied(connection, not_applied)


def _finish(ctx: Context, result: UndoResult) -> None:
    """End the undo's run, with notes on what was left alone."""
    lines = _notes(result.kept)
    more = len(lines) - _MAX_NOTES
    notes = [
        *lines[:_MAX_NOTES],
        *([f"and so in {more:,} more cases"] if more > 0 else []),
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


def _deliver_again(
    ctx: Context,
    run: Run,
    object_name: str,
    restores: Sequence[Restore],
    checked: Sequence[Demand],
    reports: ReportSet,
    ticked: Sequence[str],
) -> None:
    """Have records processed that lack what a report demands, and deliver reports that came since.

    The undo may have written over those that came while it was at work.
    """
    missing = {
        restore.contact.id
        for restore, demand in zip(restores, checked, strict=True)
        if demand.missing
    }
    numbers = sorted({number for demand in checked for number in demand.numbers})
    keys = ctx.keys
    with ctx.store.write() as connection:
        news = feedback_log.find_unseen(connection, numbers, keys, reports) if numbers else []
        if news:
            invalidate(connection, news)
            outbox.requeue(connection, run.connector, news, ctx.now())
        again = sorted(
            {
                *missing,
                *ticked,
                *(
                    restore.contact.id
                    for restore, demand in zip(restores, checked, strict=True)
                    if not set(news).isdisjoint(demand.numbers)
                ),
            }
        )
        if again:
            contact_index.invalidate_records(connection, run.connector, object_name, again)
            changed_records.record(connection, run.connector, object_name, again, ctx.now())


def _unread_ticks(
    held: Mapping[str, Value], known: IndexedContact | None, values: Mapping[str, Value]
) -> list[str]:
    """Return flags that a person has ticked and that no sync has read yet.

    They are ticked, and were not when we last saw or wrote them.
    """
    if known is None:
        return []
    return [
        flag
        for flag in FLAGS
        if flag in values and held.get(flag) and not values[flag] and not known.flags.get(flag)
    ]


def _keep_lease(ctx: Context, undo_id: str) -> bool:
    """Renew the lease of the undo's run; return False where it was cancelled."""
    with ctx.store.write() as connection:
        renewed = connection.execute(
            sa.update(runs)
            .where(runs.c.id == undo_id, runs.c.state == RunState.RUNNING)
            .values(reader_owner=ctx.owner, reader_lease_expires_at=ctx.lease())
        )
    return renewed.rowcount == 1


def _open(ctx: Context, run: Run, dry_run: bool, by: str, why: str) -> str:
    run_id = f"{ctx.now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    with ctx.store.write() as connection:
        try:
            connection.execute(
                sa.insert(runs).values(
                    id=run_id,
                    connector=run.connector,
                    kind="undo",
                    scope=Scope("ids", (run.id,)).as_json(),
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


@dataclass(frozen=True, slots=True)
class _Written:
    """What the run wrote to a record: the values before its first write, and what it wrote last."""

    object: str
    record_id: str
    before: Mapping[str, Value]
    after: Mapping[str, Value]


def _batches(ctx: Context, run: Run) -> Iterator[tuple[str, Sequence[_Written]]]:
    """Yield writes of the run that reached the CRM, the last ones first, a few at a time.

    Those that a crash left pending may have reached it, too, and others late.
    """
    query = (
        sa.select(writes)
        .where(writes.c.run_id == run.id, writes.c.state.in_(_SENT))
        .order_by(writes.c.id.desc())
        .limit(_AT_ONCE)
    )
    last = None
    seen: set[tuple[str, str]] = set()  # of those that were written more than once
    while True:
        with ctx.store.read() as connection:
            part = query if last is None else query.where(writes.c.id < last)
            rows = list(connection.execute(part))
            again = _written_again(connection, run, [row.record_id for row in rows])
        if not rows:
            return
        last = rows[-1].id
        by_object: dict[str, dict[str, _Written]] = {}
        for row in rows:
            key = row.object, row.record_id
            if key in seen:
                continue
            of_record = again.get(key, [row])
            if len(of_record) > 1:
                seen.add(key)
            if reached := [write for write in of_record if _reached(write)]:
                by_object.setdefault(row.object, {})[row.record_id] = _combined(reached)
        for name, by_id in by_object.items():
            yield name, list(by_id.values())


def _written_again(
    connection: Connection, run: Run, ids: Sequence[str]
) -> dict[tuple[str, str], list[Any]]:
    """Return all writes, in order, of records that the run wrote more than once (after a crash)."""
    c = writes.c
    by_record: dict[tuple[str, str], list[Any]] = {}
    for chunk in chunks(sorted(set(ids))):
        of_run = sa.and_(c.run_id == run.id, c.record_id.in_(chunk), c.state.in_(_SENT))
        twice = (
            sa.select(c.record_id)
            .where(of_run)
            .group_by(c.object, c.record_id)
            .having(sa.func.count() > 1)
        )
        query = sa.select(writes).where(of_run, c.record_id.in_(twice)).order_by(c.id)
        for row in connection.execute(query):
            by_record.setdefault((row.object, row.record_id), []).append(row)
    return by_record


def _reached(row: Any) -> bool:
    return row.state != WriteState.FAILED or bool(
        row.after and row.before.keys() == row.after.keys()
    )


def _combined(rows: Sequence[Any]) -> _Written:
    before: dict[str, Value] = {}
    after: dict[str, Value] = {}
    for row in rows:
        before = {**row.before, **before}  # the first one's counts
        after.update(row.after)
    return _Written(rows[0].object, rows[0].record_id, before, after)


def _restorable(
    row: _Written, held: Mapping[str, Value], writable: frozenset[str], result: UndoResult
) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for key, wrote in row.after.items():
        before = row.before.get(key)
        holds = held.get(key)
        if (holds or None) == (before or None):
            continue  # it is as it was: undone already, or never written
        repaired = key.startswith("phone/") and REPLACEMENT in str(before or "")
        if (holds or None) != (wrote or None) or key not in writable or repaired:
            result.kept.append(SkippedField(row.object, row.record_id, key, wrote, holds))
            continue
        values[key] = before
    return values


def _write(
    work: _UndoWork,
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
                .values(
                    state=WriteState.DONE if outcome.ok else WriteState.FAILED,
                    kind=outcome.kind,
                    message=late_writes.message_of(outcome),
                )
            )
            result.restored += len(outcome.written)
            if not outcome.ok:
                result.failed[update.id] = outcome.message
            if outcome.written:
                contact_index.remember_flags(
                    connection, run.connector, object_name, update.id, outcome.written
                )
