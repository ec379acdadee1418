"""Puts back what a run wrote, field by field, but for fields that somebody changed since, and for
those that a report which stands demands: an undo makes nobody contactable again (promise 3)."""

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
from connectors.records import Update, Value
from worker.context import Context
from worker.decisions.diff import FLAGS
from worker.feedback import report_log as feedback_log
from worker.feedback.report_log import ReportSet
from worker.store import changed_records, outbox
from worker.store.bulk import chunks
from worker.store.invalidation import invalidate
from worker.store.tables import runs, writes
from worker.sync import contact_index
from worker.sync.read import reader
from worker.sync.runs import lifecycle as run_store
from worker.sync.runs.lifecycle import Run
from worker.sync.runs.scope import Scope
from worker.sync.write import standing_demands
from worker.sync.write.crm_writes import write_all
from worker.sync.write.standing_demands import Demand, Restore

_MOST_NOTES = 500  # notes of a run on fields that were left
_WHY = {
    "changed": "left alone, because somebody changed them since",
    "report": "left as they are, because a report in force demands it",
}
_AT_ONCE = 200  # writes that are read, fetched and restored together


@dataclass(frozen=True, slots=True)
class Kept:
    """A field that was left alone. `why`: it no longer holds what the run had written, or a report
    that stands demands what it holds (promise 3)."""

    object: str
    record_id: str
    field: str
    wrote: Value
    holds: Value
    why: Literal["changed", "report"] = "changed"


@dataclass
class Undone:
    run: str
    of: str
    records: int = 0
    restored: int = 0  # fields
    kept: list[Kept] = field(default_factory=list)
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
) -> Undone:
    """Undo a run in this process; see `begin` and `carry_out`."""
    return carry_out(ctx, begin(ctx, run_id, dry_run, by), progress)


def begin(ctx: Context, run_id: str, dry_run: bool = False, by: str = "", why: str = "") -> str:
    """Open the run that undoes another one; raises `ConnectorError`, `RunActiveError`.

    The next scheduled sync looks at the records again, since they changed: mend the settings
    first, or turn the connector off.
    """
    run = run_store.load(ctx, run_id)
    if run.dry_run:
        raise ConnectorError(f"run {run.id} was a dry run: it wrote nothing")
    if run.active or run.state == "paused":
        raise ConnectorError(f"run {run.id} is under way; it can be undone when it has ended")
    ctx.connector(run.connector)
    return _open(ctx, run, dry_run, by, why)


def carry_out(
    ctx: Context, undo_id: str, progress: Callable[[int], None] = lambda _n: None
) -> Undone:
    """Put back what the run wrote; safe to repeat, also after a worker died at it. What is
    restored is itself kept as writes, of the undo's run."""
    undoing = run_store.load(ctx, undo_id)
    run = run_store.load(ctx, undoing.scope.values[0])
    dry_run = undoing.dry_run
    connector = ctx.connector(run.connector)
    result = Undone(undoing.id, run.id)
    if not reader.claim(ctx, undoing.id):
        raise run_store.RunActiveError(run.connector, undoing)
    try:
        for object_name, rows in _batches(ctx, run):
            stopping.check()
            if not _keep_lease(ctx, undoing.id):
                return result  # it was cancelled
            ids = [row.record_id for row in rows]
            current = {contact.id: contact for contact in connector.fetch(object_name, ids)}
            absent = [record_id for record_id in ids if record_id not in current]
            gone = connector.deleted(object_name, absent) if absent else set()
            known = contact_index.load(ctx.store, run.connector, object_name, ids)
            ticked: list[str] = []
            restores: list[Restore] = []
            for row in rows:
                contact = current.get(row.record_id)
                if contact is None:
                    (result.gone if row.record_id in gone else result.not_visible).append(
                        row.record_id
                    )
                    continue
                held = contact.values()
                values = _restorable(row, held, connector.writable(object_name), result)
                for flag in _unread_ticks(held, known.get(row.record_id), values):
                    del values[flag]
                    ticked.append(row.record_id)
                    result.kept.append(Kept(object_name, row.record_id, flag, True, True))
                if values:
                    restores.append(Restore(contact, values))
            checked, told = standing_demands.check(ctx, undoing, connector, restores)
            updates, befores = [], {}
            for restore, demand in zip(restores, checked, strict=True):
                record_id, held = restore.contact.id, restore.contact.values()
                for key in (key for key in restore.values if key not in demand.allowed):
                    wrote = held.get(key)
                    result.kept.append(Kept(object_name, record_id, key, wrote, wrote, "report"))
                if demand.allowed:
                    updates.append(Update(object_name, record_id, demand.allowed))
                    befores[record_id] = {key: held.get(key) for key in demand.allowed}
            result.records += len(updates)
            if dry_run:
                result.restored += sum(len(update.values) for update in updates)
            else:
                try:
                    _write(ctx, run, result, object_name, updates, befores, connector)
                finally:  # also where it was stopped, or the CRM went away, in the midst of it
                    _deliver_again(ctx, run, object_name, restores, checked, told, ticked)
            progress(len(rows))
    except ConnectorError as error:
        run_store.fail(ctx, result.run, str(error))
        raise
    except BaseException:  # a shutdown: let somebody else go on at once
        reader.release(ctx, undoing.id)
        raise
    left = _notes(result.kept)
    more = len(left) - _MOST_NOTES
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(runs)
            .where(runs.c.id == result.run, runs.c.state == "running")
            .values(
                state="done",
                active_key=None,
                finished_at=ctx.now(),
                read_all=True,
                reader_owner=None,
                notes=[
                    *left[:_MOST_NOTES],
                    *([f"and so in {more:,} more cases"] if more > 0 else []),
                    *(
                        f"{record_id}: not put back, since our user does not see the record"
                        for record_id in result.not_visible
                    ),
                ],
            )
        )
    return result


def _notes(kept: Sequence[Kept]) -> list[str]:
    """What was left, in one line for each record and reason."""
    fields: dict[tuple[str, str, str], list[str]] = {}
    for one in kept:
        fields.setdefault((one.object, one.record_id, one.why), []).append(one.field)
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
    told: ReportSet,
    ticked: Sequence[str],
) -> None:
    """Have the records looked at that lack what a report demands, and all reports delivered that
    came while the undo was at work: it may have written over them."""
    missing = {
        restore.contact.id
        for restore, demand in zip(restores, checked, strict=True)
        if demand.missing
    }
    numbers = sorted({number for demand in checked for number in demand.numbers})
    keys = ctx.keys
    with ctx.store.write() as connection:
        news = feedback_log.find_unseen(connection, numbers, keys, told) if numbers else []
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
            contact_index.unsettle_records(connection, run.connector, object_name, again)
            changed_records.record(connection, run.connector, object_name, again, ctx.now())


def _unread_ticks(
    held: Mapping[str, Value], known: contact_index.Known | None, values: Mapping[str, Value]
) -> list[str]:
    """Flags that are ticked, and were not when we last saw or wrote them: a person ticked them
    since, and no sync has read it yet."""
    if known is None:
        return []
    return [
        flag
        for flag in FLAGS
        if flag in values and held.get(flag) and not values[flag] and not known.flags.get(flag)
    ]


def _keep_lease(ctx: Context, undo_id: str) -> bool:
    """Say that somebody is at it; False when it is not to go on."""
    with ctx.store.write() as connection:
        held = connection.execute(
            sa.update(runs)
            .where(runs.c.id == undo_id, runs.c.state == "running")
            .values(reader_owner=ctx.owner, reader_until=ctx.lease())
        )
    return held.rowcount == 1


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
                    state="running",
                    active_key=None if dry_run else run.connector,
                    dry_run=dry_run,
                    force=False,
                    opened_at=ctx.now(),
                    reading=[],
                    read_all=False,
                    reader_calls={},
                    skip={},
                    notes=[],
                    opened_by=by[:120],
                    purpose=redact(why)[:255],
                )
            )
        except sa.exc.IntegrityError:
            connection.rollback()
            under_way = run_store.active(ctx, run.connector)
            raise run_store.RunActiveError(run.connector, next(iter(under_way), None)) from None
    return run_id


@dataclass(frozen=True, slots=True)
class _Written:
    """What the run made of a record, over all its writes: the values before the first of them, and
    what it wrote last."""

    object: str
    record_id: str
    before: Mapping[str, Value]
    after: Mapping[str, Value]


def _batches(ctx: Context, run: Run) -> Iterator[tuple[str, Sequence[_Written]]]:
    """Writes of the run that reached the CRM (or may have: a crash left them pending), the last
    ones first, a few at a time."""
    query = (
        sa.select(writes)
        .where(writes.c.run_id == run.id, writes.c.state.in_(("done", "failed", "pending")))
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
            several = again.get(key, [row])
            if len(several) > 1:
                seen.add(key)
            if kept := [one for one in several if _reached(one)]:
                by_object.setdefault(row.object, {})[row.record_id] = _as_one(kept)
        for name, found in by_object.items():
            yield name, list(found.values())


def _written_again(
    connection: Connection, run: Run, ids: Sequence[str]
) -> dict[tuple[str, str], list[Any]]:
    """All writes of records that the run wrote more than once, as after a crash, in their order."""
    c = writes.c
    found: dict[tuple[str, str], list[Any]] = {}
    for some in chunks(sorted(set(ids))):
        of_run = sa.and_(
            c.run_id == run.id, c.record_id.in_(some), c.state.in_(("done", "failed", "pending"))
        )
        twice = (
            sa.select(c.record_id)
            .where(of_run)
            .group_by(c.object, c.record_id)
            .having(sa.func.count() > 1)
        )
        query = sa.select(writes).where(of_run, c.record_id.in_(twice)).order_by(c.id)
        for row in connection.execute(query):
            found.setdefault((row.object, row.record_id), []).append(row)
    return found


def _reached(row: Any) -> bool:
    return row.state != "failed" or bool(row.after and row.before.keys() == row.after.keys())


def _as_one(rows: Sequence[Any]) -> _Written:
    before: dict[str, Value] = {}
    after: dict[str, Value] = {}
    for row in rows:
        before = {**row.before, **before}  # the first one's counts
        after.update(row.after)
    return _Written(rows[0].object, rows[0].record_id, before, after)


def _restorable(
    row: _Written, held: Mapping[str, Value], writable: frozenset[str], result: Undone
) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for key, wrote in row.after.items():
        before = row.before.get(key)
        holds = held.get(key)
        if (holds or None) == (before or None):
            continue  # it is as it was: undone already, or never written
        repaired = key.startswith("phone/") and REPLACEMENT in str(before or "")
        if (holds or None) != (wrote or None) or key not in writable or repaired:
            result.kept.append(Kept(row.object, row.record_id, key, wrote, holds))
            continue
        values[key] = before
    return values


def _write(
    ctx: Context,
    run: Run,
    result: Undone,
    object_name: str,
    updates: Sequence[Update],
    befores: Mapping[str, Mapping[str, Value]],
    connector: Any,
) -> None:
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
                        "state": "pending",
                        "at": ctx.now(),
                    }
                    for update in updates
                ],
            )
    outcomes, _ = write_all(connector, updates)
    with ctx.store.write() as connection:
        for update in updates:
            outcome = outcomes[update.id]
            row = sa.and_(writes.c.run_id == result.run, writes.c.record_id == update.id)
            connection.execute(
                sa.update(writes)
                .where(row)
                .values(
                    state="done" if outcome.ok else "failed",
                    kind=outcome.kind,
                    message=outcome.message,
                )
            )
            result.restored += len(outcome.written)
            if not outcome.ok:
                result.failed[update.id] = outcome.message
            if outcome.written:
                contact_index.remember_flags(
                    connection, run.connector, object_name, update.id, outcome.written
                )
