"""Tell flags that a person changed from our own writes, where another page may have written too.

A flag that differs from what we last wrote or saw was changed by a person
(`worker.feedback.crm_flags`). But runs go on side by side, and so do the pages of a run, of which
two may hold one record: a page may have been read before another page's write and be processed
after it, and then the difference is ours. These rules decide:

1. A record is suspect if one of its flags differs and another page's write to it was settled since
   this run may have read it, or if another page is about to change a flag of it: a person may have
   cleared a flag that was written, before that page had noted the write.
2. A suspect record is fetched again. What was read then counts only if none of our writes to the
   record was in flight meanwhile.
3. Otherwise the record is deferred: a run of its own looks at it a little later.
4. A run that failed for good has orphaned its pending writes, and never noted whether they reached
   the CRM. The record itself tells.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from connectors.records import Contact
from worker.context import Context
from worker.feedback import crm_flags
from worker.leases import is_alive
from worker.store.array_param import any_of
from worker.store.states import RunState, WriteState
from worker.store.tables import pages, runs, writes
from worker.sync import contact_index
from worker.sync.contact_index import IndexedContact
from worker.sync.pages import deferral, merges, pending_writes
from worker.sync.pages.steps import AttributedPage, LoadedPage, PageWork

CLOCKS_APART = timedelta(minutes=5)  # how far the clocks of our hosts may differ


@dataclass(frozen=True, slots=True)
class ConcurrentWrites:
    """What other pages wrote to a record, or are about to, since this run may have read it."""

    ids: frozenset[int] = frozenset()
    in_flight: bool = False
    orphaned: tuple[Any, ...] = ()  # pending writes of runs that have ended, however long ago


_NO_WRITES = ConcurrentWrites()


def attribute_flags(loaded: LoadedPage) -> AttributedPage:
    """Keep the contacts of which it is clear who changed their flags, and defer the others."""
    work = loaded.work
    ctx, run, connector, page = work.ctx, work.run, work.connector, work.page
    known = contact_index.load(ctx.store, run.connector, page.object, page.ids)
    present, revived = merges.without_merged(ctx, connector, page.object, loaded.contacts, known)
    contacts = list(present)
    if not run.dry_run and (page.contacts is None or page.attempts > 1):
        merges.learn_merges(ctx, connector, page.object, contacts, known)
    ids = [contact.id for contact in contacts]
    changed = {contact.id for contact in contacts if has_changed_flag(contact, known)}
    suspects = _concurrent_writes(work, ids, changed)
    if not suspects:
        return AttributedPage(work, contacts, loaded.as_of, known, frozenset(), revived)
    refetched = {contact.id: contact for contact in connector.fetch(page.object, list(suspects))}
    resolved = _resolve_orphaned(work, suspects, refetched)
    known |= contact_index.load(ctx.store, run.connector, page.object, list(suspects))
    later = _concurrent_writes(work, list(suspects), suspects.keys())
    deferred = {
        record_id
        for record_id, before in suspects.items()
        if not _is_clear(before, later.get(record_id, _NO_WRITES), resolved, run.dry_run)
    }
    if deferred and not run.dry_run:
        with ctx.store.write() as connection:
            deferral.defer(connection, work, deferred)
    merged = list(_merge_refetched(contacts, refetched, suspects, deferred))
    return AttributedPage(work, merged, loaded.as_of, known, deferred, revived)


def has_changed_flag(contact: Contact, known: Mapping[str, IndexedContact]) -> bool:
    """Tell whether a flag differs from what the index knows; an unknown contact's were not set."""
    indexed = known.get(contact.id)
    current = crm_flags.flags_of(contact.current)
    if indexed is None:
        return any(current.values())
    return any(value != indexed.flags.get(flag, False) for flag, value in current.items())


def _resolve_orphaned(
    work: PageWork, suspects: Mapping[str, ConcurrentWrites], refetched: Mapping[str, Contact]
) -> frozenset[int]:
    """Settle the orphaned writes to records that were returned; return the ids of these writes.

    Of a record that was not returned, nobody can tell whether it holds what was to be written.
    """
    orphaned = [
        row
        for record_id, others in suspects.items()
        if record_id in refetched
        for row in others.orphaned
    ]
    if orphaned and not work.run.dry_run:
        current = {record_id: contact.values() for record_id, contact in refetched.items()}
        with work.ctx.store.write() as connection:
            now = work.ctx.now()
            not_applied = pending_writes.resolve(
                connection, work.run.connector, work.page.object, orphaned, current, now
            )
            pending_writes.mark_failed(connection, not_applied, now)
    return frozenset(row.id for row in orphaned)


def _is_clear(
    before: ConcurrentWrites, later: ConcurrentWrites, resolved: frozenset[int], dry_run: bool
) -> bool:
    """Whether a record was fetched while none of our writes to it was in flight.

    `before`, `later`: those around the fetch. A dry run settles no orphaned writes, so they stay in
    doubt.
    """
    in_doubt = before.in_flight or (dry_run and bool(before.orphaned))
    return not in_doubt and later.ids - resolved == before.ids


def _concurrent_writes(
    work: PageWork, ids: Sequence[str], changed: Collection[str]
) -> dict[str, ConcurrentWrites]:
    """Return other pages' writes by record id; records without any are left out.

    `changed`: ids of records with a flag that differs. Of the others, only pending writes that
    would set or clear a flag matter.
    """
    w, r, p, run = writes.c, runs.c, pages.c, work.run
    # Since the run was opened, by whichever clock. The time when a write was recorded tells less:
    # a slow CRM may take it much later.
    since = run.opened_at - max(work.ctx.settings.sync.page_lease, CLOCKS_APART)
    settled_at = sa.func.coalesce(w.settled_at, w.at)
    joined = writes.outerjoin(runs, w.run_id == r.id).outerjoin(pages, w.page_id == p.id)
    query = (
        sa.select(
            w.id, w.record_id, w.state, w.after, r.state.label("run"), p.owner, p.lease_expires_at
        )
        .select_from(joined)
        .where(
            w.connector == run.connector,
            w.object == work.page.object,
            any_of(w.record_id, ids),
            w.state != WriteState.FORECAST,
            sa.or_(w.page_id.is_(None), w.page_id != work.page.id),
            sa.or_(
                w.state == WriteState.PENDING,
                sa.and_(settled_at >= since, any_of(w.record_id, changed)),
            ),
        )
        .order_by(w.id)
    )
    by_record: dict[str, ConcurrentWrites] = {}
    with work.ctx.store.read() as connection:
        for row in connection.execute(query):
            if row.record_id in changed or crm_flags.flags_of(row.after):
                before = by_record.get(row.record_id, _NO_WRITES)
                by_record[row.record_id] = _with_write(work.ctx, before, row)
    return by_record


def _with_write(ctx: Context, before: ConcurrentWrites, row: Any) -> ConcurrentWrites:
    is_pending = row.state == WriteState.PENDING
    if is_pending and _is_orphaned(ctx, row):
        return replace(before, orphaned=(*before.orphaned, row))
    return replace(before, ids=before.ids | {row.id}, in_flight=before.in_flight or is_pending)


def _is_orphaned(ctx: Context, row: Any) -> bool:
    """Whether the run of a pending write is over, and nobody works on its page any more."""
    leased = (
        row.lease_expires_at is not None
        and row.lease_expires_at > ctx.now()
        and is_alive(row.owner)
    )
    return row.run not in (None, RunState.RUNNING) and not leased


def _merge_refetched(
    contacts: Sequence[Contact],
    refetched: Mapping[str, Contact],
    suspects: Collection[str],
    deferred: Collection[str],
) -> Iterator[Contact]:
    """The page's contacts without the deferred ones, the suspects as they were fetched again."""
    for contact in contacts:
        if contact.id in deferred:
            continue
        if contact.id not in suspects:
            yield contact
        elif contact.id in refetched:
            yield refetched[contact.id]
