"""Commit a page's results in one transaction: outcomes, failures, our index and the counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config import connections
from worker.decisions import Decision
from worker.feedback import report_log as feedback_log
from worker.feedback.models import ContactIdentity, contact_key
from worker.store import changed_records, outbox, tables
from worker.store.array_param import any_of
from worker.store.invalidation import invalidate
from worker.store.states import PageState, WriteState
from worker.store.tables import pages, writes
from worker.store.unanswered_writes import UNANSWERED
from worker.suppression import confirm_links
from worker.sync import consent_writes, contact_index, merge_log, owner_tasks
from worker.sync.contact_index import IndexEntry
from worker.sync.pages import (
    attribution,
    changed_readings,
    deferral,
    failures,
    late_writes,
    lease,
    merges,
    page_events,
)
from worker.sync.pages.failures import Failure
from worker.sync.pages.fields import Prepared
from worker.sync.pages.missing import NOT_VISIBLE
from worker.sync.pages.rewrites import start_of
from worker.sync.pages.steps import EvaluatedPage, MissingRecords, PageWork, WrittenPage
from worker.sync.read import change_detection
from worker.sync.write.crm_writes import RETRY_KINDS, Outcome
from worker.verification.models import Verification


@dataclass(frozen=True, slots=True)
class _Totals:
    """The page's counts of contacts, as columns of its row."""

    read: int
    changed: int = 0
    written: int = 0
    failed: int = 0
    gone: int = 0
    not_visible: int = 0


def commit(written: WrittenPage) -> None:
    """Store what became of the page, and mark it as done.

    Nothing is stored where another worker has the page by now: what it stores counts.
    """
    work, missing, prepared = written.work, written.missing, written.evaluated.prepared
    connector, object_name = work.run.connector, work.page.object
    failed = {rid: o for rid, o in written.outcomes.items() if not o.ok and not o.gone}
    removed_when_written = {rid for rid, outcome in written.outcomes.items() if outcome.gone}
    removed = missing.removed | removed_when_written
    entries = _entries(written)
    # A deferred record stays in the index as it was: what we say of it is not on it yet.
    left_out = removed | written.evaluated.deferred
    present = [entry for entry in entries if entry.contact.id not in left_out]
    known = prepared.taken_over.known
    with work.ctx.store.write() as connection:
        if not lease.is_held(connection, work):
            return
        # Before the pending writes are resolved: they tell our flags on a record that was merged.
        merged = [(object_name, merge) for merge in missing.merged]
        merge_log.record(connection, connector, merged, work.ctx.now())
        count = _store_outcomes(connection, work, written.outcomes, missing)
        if not _is_first_attempt(work):
            count = _count_written(connection, work)
        now, loaded_at = work.ctx.now(), prepared.as_of - attribution.CLOCKS_APART
        flagged_twice = contact_index.record(
            connection, connector, object_name, present, known, now, loaded_at
        )
        _requeue_crossed(connection, work, flagged_twice, loaded_at)
        contact_index.invalidate_records(
            connection, connector, object_name, sorted(written.evaluated.deferred)
        )
        contact_index.forget(connection, connector, object_name, list(removed))
        contact_index.delete(connection, tables.consent_writes, connector, object_name,
                             list(removed))  # fmt: skip
        merged_ids = {merge.id for merge in missing.merged}
        deleted = {
            contact_key(connector, object_name, record_id) for record_id in removed - merged_ids
        }
        changed_readings.finish(
            work.ctx, connection, connector, object_name, prepared.changed_readings
        )
        waiting = {contact_key(connector, object_name, rid) for rid in written.evaluated.deferred}
        merges.finish(connection, prepared.taken_over, deleted, waiting)
        _requeue_rewrites(connection, work, written.evaluated.rewrites.waiting)
        _requeue_new_reports(connection, written, present)
        recovered = {entry.contact.id for entry in present} - failed.keys() | removed
        contact_index.delete(connection, tables.failures, connector, object_name, list(recovered))
        _store_failures(connection, work, failed)
        _store_not_visible(connection, work, missing.not_visible & known.keys())
        totals = _Totals(
            read=len(prepared.contacts),
            changed=count + len(failed),
            written=count,
            failed=len(failed),
            gone=len(removed_when_written) + len(missing.removed),
            not_visible=len(missing.not_visible),
        )
        _mark_done(connection, written.evaluated, totals, written.written_at)
        owner_tasks.record(
            connection, work.ctx, work.run.id, connector, object_name, work.page.id, known,
            {record_id: outcome.written for record_id, outcome in failed.items()},
        )  # fmt: skip
        consent_writes.record(
            connection, work.ctx, work.run.id, connector, object_name,
            [each for each in prepared.contacts if each.contact.id not in left_out],
            prepared.reports,
        )  # fmt: skip
        page_events.append(connection, work.ctx, connector, object_name, present)


def commit_forecast(evaluated: EvaluatedPage) -> None:
    """Mark a page of a dry run as done, with the counts of what a real run would change."""
    totals = _Totals(
        read=len(evaluated.prepared.contacts),
        changed=len(evaluated.updates),
        not_visible=len(evaluated.missing.not_visible),
    )
    _count_tasks(evaluated)
    with evaluated.work.ctx.store.write() as connection:
        if lease.is_held(connection, evaluated.work):
            _mark_done(connection, evaluated, totals, None)


def _count_tasks(evaluated: EvaluatedPage) -> None:
    """Count the tasks for owners, and the consent records, that a real run would ask for."""
    work = evaluated.work
    if (settings := owner_tasks.settings_of(work.ctx, work.run.connector)) is not None:
        pairs = zip(evaluated.updates, evaluated.updated, strict=True)
        changes = [(update.id, contact.current, update.values) for update, contact in pairs]
        known = evaluated.prepared.taken_over.known
        evaluated.counts.owner_tasks = owner_tasks.count_new(settings, known, changes)
    prepared = evaluated.prepared
    with work.ctx.store.read() as connection:
        wanted = consent_writes.plan(
            connection, work.ctx, work.run.connector, work.page.object, prepared.contacts,
            prepared.reports,
        )  # fmt: skip
    evaluated.counts.consent_writes = len(wanted)


def _mark_done(
    connection: Connection, evaluated: EvaluatedPage, totals: _Totals, written_at: datetime | None
) -> None:
    work, counts = evaluated.work, evaluated.counts
    calls_before = work.calls_before
    calls = {
        kind: count - calls_before.get(kind, 0) for kind, count in work.connector.calls.items()
    }
    steps = [step.name for step in work.ctx.providers.steps]
    connection.execute(
        sa.update(pages)
        .where(pages.c.id == work.page.id)
        .values(
            state=PageState.DONE,
            owner=None,
            lease_expires_at=None,
            payload=None,
            counts={
                "fields": dict(counts.fields),
                "lookups": evaluated.verified.lookups.as_dict(steps),
                "api": calls,
                "sources": {name: dict(numbers) for name, numbers in counts.sources.items()},
                "spared": counts.spared,
                "readings": dict(counts.readings),
                "owner_tasks": counts.owner_tasks,
                "consent_writes": counts.consent_writes,
            },
            error=None,
            read=totals.read,
            changed=totals.changed,
            written=totals.written,
            failed=totals.failed,
            gone=totals.gone,
            not_visible=totals.not_visible,
            wrote_at=written_at,
        )
    )


# -- outcomes and failures -------------------------------------------------------------------


def _store_outcomes(
    connection: Connection, work: PageWork, outcomes: Mapping[str, Outcome], missing: MissingRecords
) -> int:
    """Resolve the page's pending writes: each is done, failed, or given up. Return how many are
    done."""
    pending = sa.and_(writes.c.page_id == work.page.id, writes.c.state == WriteState.PENDING)
    now = work.ctx.now()
    # What a worker that died had left pending is given up for a record that is removed: it may be
    # found there if the record is restored. For one that is not visible it stays pending, until the
    # record is read again (`worker.sync.pages.attribution`).
    if missing.removed:
        given_up = {"state": WriteState.NOT_APPLIED, "message": UNANSWERED, "settled_at": now}
        removed = any_of(writes.c.record_id, missing.removed)
        connection.execute(sa.update(writes).where(pending, removed).values(**given_up))
    if missing.not_visible:
        pending = sa.and_(pending, sa.not_(any_of(writes.c.record_id, missing.not_visible)))
    for record_id, outcome in outcomes.items():
        if outcome.ok:
            if message := late_writes.message_of(outcome):
                connection.execute(
                    sa.update(writes)
                    .where(pending, writes.c.record_id == record_id)
                    .values(message=message)
                )
            continue
        row = connection.execute(
            sa.select(writes.c.id, writes.c.before).where(pending, writes.c.record_id == record_id)
        ).one_or_none()
        if row is None:
            continue  # a run of another host has given it up: our lease had ended by its clock
        values = late_writes.settled_as(outcome, row.before, now)
        connection.execute(sa.update(writes).where(writes.c.id == row.id).values(**values))
    done = {"state": WriteState.DONE, "settled_at": now}
    return connection.execute(sa.update(writes).where(pending).values(**done)).rowcount


def _is_first_attempt(work: PageWork) -> bool:
    """Whether no earlier attempt can have written any of the page's records. One that did leaves a
    page that is fetched again: taken up after it, or half of one that failed."""
    return work.page.attempts == 1 and work.page.contacts is not None


def _count_written(connection: Connection, work: PageWork) -> int:
    """Count the records that were written, by this attempt or by an earlier one."""
    query = sa.select(sa.func.count(sa.distinct(writes.c.record_id))).where(
        writes.c.page_id == work.page.id, writes.c.state == WriteState.DONE
    )
    return connection.scalar(query) or 0


def _store_failures(connection: Connection, work: PageWork, failed: Mapping[str, Outcome]) -> None:
    new_failures = [
        Failure(record_id, outcome.kind or "other", outcome.message, outcome.kind in RETRY_KINDS)
        for record_id, outcome in failed.items()
    ]
    failures.record(connection, work.run, work.page.object, new_failures, work.ctx.now())


def _store_not_visible(connection: Connection, work: PageWork, ids: Set[str]) -> None:
    """Note records of the index that the CRM neither returned nor reported as deleted.

    They stay in the index. No run tries them again by itself. A report about their numbers is not
    confirmed; and once they are read again they are processed, whatever they hold.
    """
    if not ids:
        return
    listed = sorted(ids)
    new_failures = [Failure(record_id, "not_visible", NOT_VISIBLE, False) for record_id in listed]
    failures.record(connection, work.run, work.page.object, new_failures, work.ctx.now())
    contact_index.invalidate_records(connection, work.run.connector, work.page.object, listed)


# -- the index -------------------------------------------------------------------------------


def _entries(written: WrittenPage) -> list[IndexEntry]:
    """Return what the index is to say of the page's contacts."""
    ctx, evaluated = written.work.ctx, written.evaluated
    config_hash = change_detection.decision_config_hash(ctx, written.work.run.connector)
    return [
        _entry(
            written,
            prepared_contact,
            decision,
            written.outcomes.get(prepared_contact.contact.id),
            config_hash,
        )
        for prepared_contact, decision in zip(
            evaluated.prepared.contacts, evaluated.decisions, strict=True
        )
    ]


def _entry(
    page: WrittenPage,
    prepared_contact: Prepared,
    decision: Decision,
    outcome: Outcome | None,
    config_hash: bytes,
) -> IndexEntry:
    """Return what the index is to say of a contact, and until when it stays settled."""
    ctx, as_of = page.work.ctx, page.evaluated.prepared.as_of
    verifications = page.evaluated.verified.answers
    written = outcome.written if outcome is not None else {}
    until = None
    answers = [
        answer for number in prepared_contact.numbers for answer in verifications.get(number, ())
    ]
    rewrites = page.evaluated.rewrites
    waits = prepared_contact.contact.id in rewrites.waiting
    if not decision.waiting and not waits and (outcome is None or outcome.ok):
        checked_at = written.get("checked_at", prepared_contact.contact.current.get("checked_at"))
        refresh = ctx.settings.policy.checked_at_refresh
        link = written.get("confirm_link", prepared_contact.contact.current.get("confirm_link"))
        lifetime = ctx.settings.feedback.link_lifetime
        renewed_at = (
            confirm_links.renew_after(ctx.keys, str(link), as_of, lifetime) if link else None
        )
        until = change_detection.fresh_until(answers, checked_at, refresh, as_of, renewed_at)
    state = rewrites.states.get(prepared_contact.contact.id)
    return IndexEntry(
        prepared_contact.contact,
        decision,
        prepared_contact.region,
        prepared_contact.readings,
        written,
        change_detection.hash_contact(prepared_contact.contact, config_hash, written),
        until,
        _answers_by_provider(answers),
        prepared_contact.identity.person,
        prepared_contact.signature if state is None else state.encode(),
    )


def _answers_by_provider(answers: Sequence[Verification]) -> dict[str, int]:
    """Count a contact's answers. A `Counter` takes six times as long to make, and this is done for
    each contact."""
    counts: dict[str, int] = {}
    for answer in answers:
        counts[answer.provider] = counts.get(answer.provider, 0) + 1
    return counts


def _requeue_rewrites(connection: Connection, work: PageWork, waiting: Mapping[str, date]) -> None:
    """Have contacts whose rewrite waits looked at on their day; a list by its next run."""
    if connections.is_file(work.run.connector):
        return
    for day in sorted(set(waiting.values())):
        ids = [record_id for record_id, on in waiting.items() if on == day]
        changed_records.schedule(
            connection, work.run.connector, work.page.object, ids, start_of(day), work.run.id
        )


def _requeue_crossed(
    connection: Connection, work: PageWork, record_ids: Sequence[str], loaded_at: datetime
) -> None:
    """Have records looked at soon of which two pages wrote a flag, one to set and one to clear it:
    the order in which the CRM took them is not known."""
    if not record_ids:
        return
    crossed = late_writes.mark_crossed(connection, work.page.id, record_ids, loaded_at)
    deferral.defer(connection, work, crossed)


# -- reports that came meanwhile -------------------------------------------------------------


def _requeue_new_reports(
    connection: Connection, written: WrittenPage, entries: Sequence[IndexEntry]
) -> None:
    """Have reports that came while this page was decided delivered as soon as it is done."""
    if not entries:
        return
    work, reports = written.work, written.evaluated.prepared.reports
    connector, object_name, now = work.run.connector, work.page.object, work.ctx.now
    identities = {
        entry.contact.id: ContactIdentity(
            contact_key(connector, object_name, entry.contact.id), entry.person
        )
        for entry in entries
    }
    stopped = feedback_log.find_contacts_with_unseen(connection, list(identities.values()), reports)
    if stopped:
        keys = set(stopped)
        ids = [record_id for record_id, who in identities.items() if who.key in keys]
        contact_index.invalidate_records(connection, connector, object_name, ids)
        changed_records.record(connection, connector, object_name, ids, now())
    numbers = {n.e164 for entry in entries for r in entry.readings.values() for n in r.numbers}
    news = (
        feedback_log.find_unseen(connection, sorted(numbers), work.ctx.keys, reports)
        if numbers
        else []
    )
    if not news:
        return
    invalidate(connection, news)
    outbox.requeue(connection, connector, news, now())
    # A number that was erased meanwhile has no delivery under its name: look at its contacts.
    ids = [
        entry.contact.id
        for entry in entries
        if any(n.e164 in news for r in entry.readings.values() for n in r.numbers)
    ]
    changed_records.record(connection, connector, object_name, ids, now())
