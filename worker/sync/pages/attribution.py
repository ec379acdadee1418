"""Whose word a flag is, where another run may have written to the record meanwhile.

A flag that differs from what we last wrote or saw was changed by a person, says
`worker.feedback.crm_flags`. But runs go beside each other: a page may have been read before another
run's write and be worked on after it, and then the difference is ours. Such records are looked at
once more, and it counts only what was read while none of our writes to the record was under way.
Where that cannot be had, the record is left to a run of its own, a little later. A run that failed
for good has left writes behind of which it never noted whether they reached the CRM; the record
tells. A flag that does not differ may be a person's word as well: one that was written, and cleared
again before the run that wrote it had noted it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from connectors.protocol import Connector
from connectors.records import Contact
from worker.context import Context, alive
from worker.feedback import crm_flags
from worker.store import changed_records
from worker.store.array_param import any_of
from worker.store.tables import pages, runs, writes
from worker.sync import contact_index
from worker.sync.pages import pending_writes
from worker.sync.runs.lifecycle import Run

_LATER = timedelta(seconds=5)


@dataclass
class Clear:
    """Contacts of which it is clear whose word their flags are, with what is known of them.

    `left`: records that a run of their own will look at. `back`: keys of those that were merged
    into another one once and are there again.
    """

    contacts: list[Contact]
    known: dict[str, contact_index.Known]
    left: set[str] = field(default_factory=set)
    back: list[str] = field(default_factory=list)


def clear_up(
    ctx: Context,
    run: Run,
    connector: Connector,
    object_name: str,
    found: Sequence[Contact],
    known: dict[str, contact_index.Known],
) -> Clear:
    """Look anew at contacts whose flags differ, where that may be another run's doing, and at those
    whose flags another run has announced to write."""
    ids = [contact.id for contact in found]
    suspects = {contact.id for contact in found if _differs(contact, known.get(contact.id))}
    before = _writes_of_others(ctx, run, object_name, ids, suspects)
    if not before:
        return Clear(list(found), known)
    fresh = {contact.id: contact for contact in connector.fetch(object_name, list(before))}
    # Of a record that was not returned, nobody can tell whether it holds what was announced.
    behind = [row for rid, others in before.items() if rid in fresh for row in others.behind]
    if behind and not run.dry_run:
        held = {record_id: contact.values() for record_id, contact in fresh.items()}
        with ctx.store.write() as connection:
            missed = pending_writes.settle(connection, run.connector, object_name, behind, held)
            pending_writes.give_up(connection, missed)
    anew = contact_index.load(ctx.store, run.connector, object_name, list(before))
    after = _writes_of_others(ctx, run, object_name, list(before), before.keys())
    settled = {row.id for row in behind}
    left = {
        record_id
        for record_id, others in before.items()
        if others.under_way
        or (others.behind and run.dry_run)
        or after.get(record_id, _NONE).ids - settled != others.ids
    }
    if left and not run.dry_run:
        with ctx.store.write() as connection:
            changed_records.record(
                connection, run.connector, object_name, sorted(left), ctx.now() + _LATER
            )
    return Clear(list(_instead(found, fresh, before, left)), {**known, **anew}, left)


def _differs(contact: Contact, known: contact_index.Known | None) -> bool:
    flags = known.flags if known is not None else {}
    held = crm_flags.flags_of(contact.held)
    return any(value != flags.get(flag, False) for flag, value in held.items())


@dataclass(frozen=True)
class _Others:
    """What other runs announced to write to a record, since this one may have read it."""

    ids: frozenset[int] = frozenset()
    under_way: bool = False
    behind: tuple[Any, ...] = ()  # by runs that have ended without a word on it, however long ago


_NONE = _Others()


def _writes_of_others(
    ctx: Context, run: Run, object_name: str, ids: Sequence[str], suspects: Collection[str]
) -> dict[str, _Others]:
    """By record; those of which there are none are not named. Of records that are no suspects only
    what was announced and would set or clear a flag."""
    w, r, p = writes.c, runs.c, pages.c
    # What a run announced it may send until its page's lease ends.
    since = run.opened_at - ctx.settings.sync.page_lease
    joined = writes.outerjoin(runs, w.run_id == r.id).outerjoin(pages, w.page_id == p.id)
    found: dict[str, _Others] = {}
    query = (
        sa.select(w.id, w.record_id, w.state, w.after, r.state.label("run"), p.owner, p.until)
        .select_from(joined)
        .where(
            w.connector == run.connector,
            w.object == object_name,
            any_of(w.record_id, ids),
            w.run_id != run.id,
            sa.or_(
                w.state == "pending",
                sa.and_(w.state == "done", w.at >= since, any_of(w.record_id, suspects)),
            ),
        )
        .order_by(w.id)
    )
    with ctx.store.read() as connection:
        for row in connection.execute(query):
            if row.record_id not in suspects and not crm_flags.flags_of(row.after):
                continue
            held = found.get(row.record_id, _NONE)
            if row.state == "pending" and _ended(ctx, row):
                found[row.record_id] = replace(held, behind=(*held.behind, row))
                continue
            found[row.record_id] = replace(
                held, ids=held.ids | {row.id}, under_way=held.under_way or row.state == "pending"
            )
    return found


def _ended(ctx: Context, row: Any) -> bool:
    """Whether the run of an announced write is over, and nobody works on its page any more."""
    leased = row.until is not None and row.until > ctx.now() and alive(row.owner)
    return row.run not in (None, "running") and not leased


def _instead(
    found: Sequence[Contact],
    fresh: Mapping[str, Contact],
    looked_at: Collection[str],
    left: Collection[str],
) -> Iterator[Contact]:
    """The page's contacts, as they were read anew where they were; without those that are left."""
    for contact in found:
        if contact.id in left:
            continue
        if contact.id not in looked_at:
            yield contact
        elif contact.id in fresh:
            yield fresh[contact.id]
