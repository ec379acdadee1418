"""Whose word a flag is, where another run may have written to the record meanwhile.

A flag that differs from what we last wrote or saw was changed by a person, says
`worker.feedback.users`. But runs go beside each other: a page may have been read before another
run's write and be worked on after it, and then the difference is ours. Such records are looked at
once more, and it counts only what was read while none of our writes to the record was under way.
Where that cannot be had, the record is left to a run of its own, a little later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa

from connectors.base import Connector, Contact
from worker.feedback import touched, users
from worker.store.db import chunks
from worker.store.tables import writes
from worker.sync import index
from worker.sync.context import Context
from worker.sync.runs import Run

_LATER = timedelta(seconds=5)


@dataclass
class Clear:
    """Contacts of which it is clear whose word their flags are, with what is known of them.

    `left`: records that a run of their own will look at.
    """

    contacts: list[Contact]
    known: dict[str, index.Known]
    left: set[str] = field(default_factory=set)


def clear_up(
    ctx: Context,
    run: Run,
    connector: Connector,
    object_name: str,
    found: Sequence[Contact],
    known: dict[str, index.Known],
) -> Clear:
    """Look anew at contacts whose flags differ, where that may be another run's doing."""
    suspects = [contact.id for contact in found if _differs(contact, known.get(contact.id))]
    before = _writes_of_others(ctx, run, object_name, suspects)
    if not before:
        return Clear(list(found), known)
    fresh = {contact.id: contact for contact in connector.fetch(object_name, list(before))}
    anew = index.load(ctx.store, run.connector, object_name, list(before))
    after = _writes_of_others(ctx, run, object_name, list(before))
    left = {
        record_id
        for record_id, (last, pending) in before.items()
        if pending or after.get(record_id) != (last, pending)
    }
    if left and not run.dry_run:
        with ctx.store.write() as connection:
            touched.note(connection, run.connector, object_name, sorted(left), ctx.now() + _LATER)
    return Clear(list(_instead(found, fresh, before, left)), {**known, **anew}, left)


def _differs(contact: Contact, known: index.Known | None) -> bool:
    flags = known.flags if known is not None else {}
    held = users.flags_of(contact.held)
    return any(value != flags.get(flag, False) for flag, value in held.items())


def _writes_of_others(
    ctx: Context, run: Run, object_name: str, ids: Sequence[str]
) -> dict[str, tuple[int, bool]]:
    """Record -> the last write that another run announced since this one may have read it, and
    whether one of them is still under way."""
    c = writes.c
    # What a run announced it may send until its page's lease ends.
    since = run.opened_at - ctx.settings.sync.page_lease
    pending = c.state == "pending"
    found = {}
    with ctx.store.read() as connection:
        for some in chunks(ids):
            query = (
                sa.select(
                    c.record_id, sa.func.max(c.id), sa.func.max(sa.case((pending, 1), else_=0))
                )
                .where(
                    c.connector == run.connector,
                    c.object == object_name,
                    c.record_id.in_(some),
                    c.run_id != run.id,
                    c.at >= since,
                    c.state.in_(("pending", "done")),
                )
                .group_by(c.record_id)
            )
            for record_id, last, under_way in connection.execute(query):
                found[record_id] = last, bool(under_way)
    return found


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
