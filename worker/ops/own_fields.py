"""Take our fields out of a CRM again, and keep what we know in step when they go and come back.

A flag that goes with its field was not cleared by a person (promise 9). A new field of its name is
empty, and what the index last saw in the old one would make each of its flags look cleared: the
opt-outs of everybody in the CRM would be lifted. So where a field of ours was removed or created,
the index forgets what it saw there, and the object is read as a whole by the next sync, which
writes the flags of all that stands. Our suppressions are not touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sqlalchemy as sa

from connectors.records import OwnField, SetupResult
from worker.access import audit
from worker.context import Context
from worker.decisions.diff import FLAGS
from worker.store import Store, lost_fields
from worker.store.tables import RUNS_UNDER_WAY, contacts, runs, suppressions
from worker.store.text_marks import flag_mark, has_indexed_mark
from worker.sync import contact_index
from worker.sync.runs.model import Run, RunActiveError

_BATCH = 1000  # contacts in a transaction


def check_no_run(ctx: Context, connector: str) -> None:
    """Raise `RunActiveError` where a run of this connector that writes is under way or paused."""
    query = sa.select(runs).where(
        RUNS_UNDER_WAY, runs.c.connector == connector, runs.c.dry_run.is_(False)
    )
    with ctx.store.read() as connection:
        row = connection.execute(query.limit(1)).first()
    if row is not None:
        raise RunActiveError(connector, Run.from_row(row))


def flagged(store: Store, connector: str) -> dict[str, int]:
    """Return, by flag, how many contacts of a CRM have it as far as our index knows."""
    with store.read() as connection:
        return {
            flag: connection.scalar(
                sa.select(sa.func.count())
                .select_from(contacts)
                .where(
                    contacts.c.connector == connector,
                    has_indexed_mark(contacts.c.last_seen_flags, flag_mark(flag)),
                )
            )
            or 0
            for flag in FLAGS
        }


def standing(store: Store) -> int:
    """Return how many suppressions are in force. They stay, whatever becomes of a CRM's fields."""
    query = sa.select(sa.func.count()).select_from(suppressions)
    with store.read() as connection:
        return connection.scalar(query.where(suppressions.c.lifted_at.is_(None))) or 0


def remove(ctx: Context, connector: str, by: str) -> Iterator[SetupResult]:
    """Remove what `crm setup` made from one connection's CRM; yields each step. What was removed is
    recorded also where it ends early. Raises what the connector does, and `RunActiveError` where a
    run begins meanwhile."""
    done: list[SetupResult] = []
    opened = ctx.open(connector)
    try:
        check_no_run(ctx, connector)
        for step in opened.remove(dry_run=False):
            done.append(step)
            yield step
            check_no_run(ctx, connector)
    finally:
        opened.close()
        record(ctx, connector, done)
        removed = sum(step.done == "removed" for step in done)
        failed = sum(step.done == "failed" for step in done)
        what = f"{connector}: {removed} removed, {failed} failed"
        audit.note(ctx.store, ctx.now(), by, "crm.remove", what)


def record(ctx: Context, connector: str, steps: Iterable[SetupResult]) -> None:
    """Record which fields of ours were removed or created, and ask the CRM for its fields next."""
    removed = {step.own for step in steps if step.own and step.done == "removed"}
    created = {step.own for step in steps if step.own and step.done == "created"}
    for own in sorted(removed | created, key=lambda own: (own.object, own.field)):
        if own.key in FLAGS:
            _forget_flag(ctx.store, connector, own)
    matter = {own.object for own in removed | created if _matters(own.key)}
    if matter:
        gone = {(own.object, own.field) for own in removed}
        with ctx.store.write() as connection:
            lost_fields.record_own(connection, connector, gone, matter, ctx.now())
    ctx.forget_schema(connector)


def _matters(key: str) -> bool:
    """Whether records are read again because of this field: it says who may be contacted."""
    return key in FLAGS or key.startswith("status/")


def _forget_flag(store: Store, connector: str, own: OwnField) -> None:
    last = ""
    while True:
        with store.write() as connection:
            last = contact_index.forget_flag(
                connection, connector, own.object, own.key, after=last, limit=_BATCH
            )
        if not last:
            return
