"""Write the reasons of a CRM's records in today's wording, and in the language that is set.

A sync does not touch a reason that means the same in other words. This goes through our index and
rewrites the reasons whose meaning we know. Nothing is decided again, nothing is looked up, and only
the reason and the run's mark are written. A reason that a person has changed stays. Like any other
run it can be undone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from config import stopping
from connectors.errors import ConnectorError
from connectors.protocol import Connector
from connectors.records import Contact, Update, Value
from worker.context import Context
from worker.decisions import reasons
from worker.decisions.model import Reason
from worker.decisions.wording import render, sentence_in_any_language
from worker.store import changed_records, pause
from worker.store.states import RunState, WriteState
from worker.store.tables import contacts, runs, writes
from worker.sync.pages import late_writes, reword_recovery
from worker.sync.runs import lifecycle, reader_lease
from worker.sync.runs.model import RunActiveError
from worker.sync.runs.scope import Scope
from worker.sync.write.crm_writes import Outcome, write_all

_AT_ONCE = 200  # records that are fetched and written together
_READ = 2000  # rows of the index that are looked at together
EXAMPLES = 5


@dataclass
class Rewording:
    """What became of a CRM's reasons. Its fields are the keys of the command's JSON.

    `looked_at`: records whose reason we know. `edited`: a person has changed the reason; it stays.
    `unknown`: the index holds a sentence of an earlier release, and only a full sync finds out what
    it means. `absent`: the CRM did not return the record. `examples`: before and after.
    """

    run: str
    connector: str
    language: str
    looked_at: int = 0
    rewritten: int = 0
    edited: int = 0
    absent: int = 0
    unknown: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    examples: list[dict[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class _Candidate(NamedTuple):
    """A record whose reason has another wording. `text`: the new one; `stored`: the present one."""

    record_id: str
    stored: str
    why: Reason
    text: str


def reword(
    ctx: Context,
    connector_name: str,
    dry_run: bool = False,
    by: str = "",
    progress: Callable[[int], None] = lambda _looked_at: None,
) -> Rewording:
    """Rewrite a connector's reasons; a dry run writes nothing and says what it would write.

    Raises `RunActiveError` while another run of the connector is active, `PausedError` while
    everything is paused, `ConnectorError`, and `Stopped`. What was written before stays, and the
    next call goes on with the rest.
    """
    if not dry_run:
        pause.check(ctx.store)
    connector = ctx.connector_for_run(connector_name)
    if not dry_run:
        reword_recovery.recover(ctx, connector_name)
    run_id = _open(ctx, connector_name, dry_run, by)
    language = ctx.settings.section(connector_name).reason_language
    work = _Work(ctx, connector, dry_run, Rewording(run_id, connector_name, language))
    try:
        work.result.unknown = _count_unknown(ctx, connector_name)
        for object_name, looked_at, candidates in _batches(work):
            stopping.check()
            if not dry_run:
                pause.check(ctx.store)
            reader_lease.renew(ctx, run_id)
            if candidates:
                _reword_batch(work, object_name, candidates)
            progress(looked_at)
    except ConnectorError as error:
        lifecycle.fail(ctx, run_id, str(error))
        reword_recovery.recover(ctx, connector_name)
        raise
    except BaseException:
        lifecycle.stop(ctx, run_id)
        raise
    _finish(work)
    return work.result


def count(ctx: Context, connector_name: str) -> int:
    """Return how many records there are to look at."""
    c = contacts.c
    query = sa.select(sa.func.count()).where(c.connector == connector_name, c.why != "")
    with ctx.store.read() as connection:
        return connection.scalar(query) or 0


@dataclass(frozen=True, slots=True)
class _Work:
    ctx: Context
    connector: Connector
    dry_run: bool
    result: Rewording


def _open(ctx: Context, connector: str, dry_run: bool, by: str) -> str:
    now = ctx.now()
    run_id = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    row: dict[str, Any] = {
        "id": run_id,
        "connector": connector,
        "kind": reword_recovery.KIND,
        "scope": Scope("ids").as_json(),
        "state": RunState.RUNNING,
        "active_key": None if dry_run else connector,
        "dry_run": dry_run,
        "force": False,
        "opened_at": now,
        "reading": [],
        "read_all": True,  # no worker takes it up after a crash (reword_recovery)
        "reader_calls": {},
        "own_writes": {},
        "notes": [],
        "opened_by": by[:120],
        "purpose": "Rewrite reasons in the current wording",
        "reader_owner": ctx.owner,
        "reader_lease_expires_at": ctx.lease(),
    }
    with ctx.store.write() as connection:
        ctx.require_account(connection, connector)
        try:
            connection.execute(sa.insert(runs).values(**row))
        except sa.exc.IntegrityError:
            connection.rollback()
            under_way = lifecycle.active(ctx, connector)
            raise RunActiveError(connector, next(iter(under_way), None)) from None
    return run_id


def _count_unknown(ctx: Context, connector: str) -> int:
    c = contacts.c
    query = sa.select(sa.func.count()).where(
        c.connector == connector, c.reason.is_not(None), c.why == ""
    )
    with ctx.store.read() as connection:
        return connection.scalar(query) or 0


def _batches(work: _Work) -> Iterator[tuple[str, int, list[_Candidate]]]:
    """Yield object, records looked at, and those whose reason has another wording."""
    c, result = contacts.c, work.result
    query = (
        sa.select(c.object, c.record_id, c.reason, c.why)
        .where(c.connector == result.connector, c.why != "")
        .order_by(c.object, c.record_id)
        .limit(_READ)
    )
    language = work.ctx.settings.section(result.connector).reason_language
    last: tuple[str, str] | None = None
    while True:
        after = () if last is None else (sa.tuple_(c.object, c.record_id) > sa.tuple_(*last),)
        with work.ctx.store.read() as connection:
            rows = connection.execute(query.where(*after)).all()
        if not rows:
            return
        last = rows[-1].object, rows[-1].record_id
        by_object: dict[str, list[_Candidate]] = {}
        for row in rows:
            why = reasons.untie(row.reason, row.why)
            result.looked_at += why is not None
            if why is not None and (text := render(why, language)) != row.reason:
                by_object.setdefault(row.object, []).append(
                    _Candidate(row.record_id, row.reason, why, text)
                )
        for object_name, candidates in by_object.items():
            for start in range(0, len(candidates), _AT_ONCE):
                yield object_name, 0, candidates[start : start + _AT_ONCE]
        yield rows[-1].object, len(rows), []


def _reword_batch(work: _Work, object_name: str, candidates: Sequence[_Candidate]) -> None:
    """Fetch records, and write the reasons that are still as we last wrote them."""
    ids = [candidate.record_id for candidate in candidates]
    current = {contact.id: contact for contact in work.connector.fetch(object_name, ids)}
    writable = work.connector.writable(object_name)
    chosen: list[tuple[_Candidate, Contact]] = []
    for candidate in candidates:
        contact = current.get(candidate.record_id)
        if contact is None:
            work.result.absent += 1
            continue
        before = contact.current.get("reason")
        if "reason" not in writable or not isinstance(before, str) or before == candidate.text:
            continue
        if before != candidate.stored and not sentence_in_any_language(before, candidate.why):
            work.result.edited += 1
            continue
        chosen.append((candidate, contact))
        if len(work.result.examples) < EXAMPLES:
            work.result.examples.append({"before": before, "after": candidate.text})
    if work.dry_run:
        work.result.rewritten += len(chosen)
    elif chosen:
        _write(work, object_name, chosen, "run" in writable)


def _write(
    work: _Work, object_name: str, chosen: Sequence[tuple[_Candidate, Contact]], marks: bool
) -> None:
    """Store the writes as pending, send them, and store what became of them."""
    ctx, result = work.ctx, work.result
    updates: list[Update] = []
    befores: dict[str, Mapping[str, Value]] = {}
    rows = []
    for candidate, contact in chosen:
        values: dict[str, Value] = {"reason": candidate.text}
        if marks:
            values["run"] = result.run
        updates.append(Update(object_name, candidate.record_id, values))
        befores[candidate.record_id] = {key: contact.current.get(key) for key in values}
        rows.append(
            {
                "run_id": result.run,
                "connector": result.connector,
                "object": object_name,
                "record_id": candidate.record_id,
                "before": befores[candidate.record_id],
                "after": values,
                "state": WriteState.PENDING,
                "at": ctx.now(),
            }
        )
    with ctx.store.write() as connection:
        connection.execute(sa.insert(writes), rows)
    outcomes, _ = write_all(work.connector, updates)
    _store(work, object_name, [candidate for candidate, _ in chosen], befores, outcomes)


def _store(
    work: _Work,
    object_name: str,
    candidates: Sequence[_Candidate],
    befores: Mapping[str, Mapping[str, Value]],
    outcomes: Mapping[str, Outcome],
) -> None:
    """Store outcomes, and the new sentence in the index; it says the same, so nothing else changes.

    Where another run has decided a record meanwhile, what we have written may be what was said
    before: the record is looked at again.
    """
    ctx, result, c = work.ctx, work.result, contacts.c
    overtaken: list[str] = []
    with ctx.store.write() as connection:
        for candidate in candidates:
            outcome = outcomes[candidate.record_id]
            connection.execute(
                sa.update(writes)
                .where(
                    writes.c.run_id == result.run,
                    writes.c.record_id == candidate.record_id,
                    writes.c.state == WriteState.PENDING,
                )
                .values(**late_writes.settled_as(outcome, befores[candidate.record_id], ctx.now()))
            )
            if "reason" not in outcome.written:
                result.failed[candidate.record_id] = outcome.message
                continue
            result.rewritten += 1
            updated = connection.execute(
                sa.update(contacts)
                .where(
                    c.connector == result.connector,
                    c.object == object_name,
                    c.record_id == candidate.record_id,
                    c.reason == candidate.stored,
                    c.why == reasons.tie(candidate.stored, candidate.why),
                )
                .values(
                    reason=candidate.text,
                    why=reasons.tie(candidate.text, candidate.why),
                    fresh_until=None,
                )
            )
            if updated.rowcount != 1:
                overtaken.append(candidate.record_id)
        if overtaken:
            changed_records.record(connection, result.connector, object_name, overtaken, ctx.now())


def _finish(work: _Work) -> None:
    ctx, result = work.ctx, work.result
    notes = [f"{result.rewritten:,} reasons in the language {result.language}"]
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(runs)
            .where(runs.c.id == result.run, runs.c.state == RunState.RUNNING)
            .values(
                state=RunState.DONE,
                active_key=None,
                finished_at=ctx.now(),
                reader_owner=None,
                reader_lease_expires_at=None,
                notes=notes,
            )
        )
