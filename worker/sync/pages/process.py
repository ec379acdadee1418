"""One page's way: read the fields, verify the numbers, decide, write back, record.

Everything that must survive a crash is in the database before the step that needs it: reports of
CRM users before they are acted on, what will be written before it is sent. A page that is taken up
again reads its contacts anew, so that it works on what is there now, and settles first which of
the announced writes had reached the CRM.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config import stopping
from config.logging_setup import about
from config.throttle import at_most_every
from config.tracing import span
from connectors.errors import ConnectorError, SchemaChangedError
from connectors.protocol import Connector
from connectors.records import Contact, Merge, Update, Value
from worker.context import Context, alive
from worker.decisions import Decision
from worker.decisions.model import BAD_STATUSES
from worker.feedback import clearings, crm_flags
from worker.feedback import report_log as feedback_log
from worker.feedback.models import ContactIdentity, Feedback, contact_key
from worker.feedback.report_log import ReportSet
from worker.segments import membership as segments
from worker.store import changed_records, outbox
from worker.store.array_param import any_of
from worker.store.bulk import chunks, insert, upsert
from worker.store.invalidation import invalidate
from worker.store.machine_faults import place, trouble
from worker.store.tables import failures, pages, runs, writes
from worker.suppression import confirm_links, erasure
from worker.sync import contact_index
from worker.sync.pages import attribution, evaluate, first_seen, merges, prepare
from worker.sync.pages import pending_writes as announced
from worker.sync.pages.merges import TakenOver
from worker.sync.pages.prepare import Prepared, Remembered
from worker.sync.read import change_detection
from worker.sync.read.reader import unpack
from worker.sync.runs import lifecycle as run_store
from worker.sync.runs.lifecycle import Run
from worker.sync.write.crm_writes import RETRY_KINDS, Outcome, Written, write_all
from worker.verification.results import Lookups, Verified

log = logging.getLogger(__name__)

_MOST_ALONE = 20  # records of a run that are set aside alone; then pages are, as they are
NOT_VISIBLE = "our user does not see this record, and the CRM does not report it as deleted"

# How the decided changes are written: by themselves, or with those of other pages.
Write = Callable[[Connector, Sequence[Update], Callable[[], None]], Written]


class LostLeaseError(Exception):
    """The page is somebody else's by now: this process was away for longer than its lease."""


@dataclass(frozen=True)
class Claimed:
    id: int
    object: str
    attempts: int
    stored_at: datetime
    ids: list[str]
    contacts: Sequence[Contact] | None


@dataclass(frozen=True)
class Missing:
    """Records of a page that the CRM did not return: those that it reports as deleted or merged,
    and those of which it says nothing, which our user may no longer be allowed to see."""

    gone: Set[str] = frozenset()
    not_visible: Set[str] = frozenset()
    merged: tuple[Merge, ...] = ()  # also of records that were found merged when written to


class Looked(NamedTuple):
    """A page's contacts with all that is known of them."""

    prepared: list[Prepared]
    told: ReportSet
    verified: Verified
    taken: TakenOver
    remembered: Remembered


@dataclass
class Tally:
    """What a page adds to its run's counts."""

    read: int = 0
    changed: int = 0
    written: int = 0
    failed: int = 0
    gone: int = 0
    not_visible: int = 0
    spared: int = 0  # records that a quiet first sync leaves alone
    fields: Counter[str] = field(default_factory=Counter)
    sources: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


def process(
    ctx: Context, page_id: int, write: Write | None = None, read: Sequence[Contact] | None = None
) -> bool:
    """Do a page; False when it is done already or another worker has it.

    Raises what stops the whole run (`ConnectorError`), and `Stopped`; any other failure counts
    against the page, which is parked after too many, its contacts kept for later runs. `write`:
    another way than by itself (`worker.sync.write.batcher`). `read`: the page's contacts, where
    this process has just stored them: they need not be unpacked again.
    """
    stopping.check()
    claimed = _claim(ctx, page_id, read)
    if claimed is None:
        return False
    page, run = claimed
    with (
        about(run=run.id, page=str(page.id)),
        span("page", run=run.id, page=page.id, connector=run.connector, contacts=len(page.ids)),
    ):
        return _process(ctx, page, run, write or write_all)


def _process(ctx: Context, page: Claimed, run: Run, write: Write) -> bool:
    try:
        connector = ctx.connector(run.connector)
        try:
            _work(ctx, run, connector, page, write)
        except SchemaChangedError:
            connector = ctx.connector(run.connector, fresh=True)
            again = replace(page, attempts=page.attempts + 1, contacts=None)
            _work(ctx, run, connector, again, write)
    except ConnectorError as error:
        _let_go(ctx, page, str(error))
        raise
    except LostLeaseError:
        log.warning("page %d of run %s was taken over by another worker", page.id, run.id)
        return False
    except Exception as error:
        found = trouble(error)
        if found is not None and not found.passes:
            with suppress(Exception):  # the machine's fault, which may hinder this as well
                _give_back(ctx, page)
            raise
        said = found.line if found is not None else f"{place(error)}: {error}"
        log.error("page %d of run %s failed: %s", page.id, run.id, " ".join(said.split())[:500])
        log.debug("where it failed", exc_info=True)
        _let_go(ctx, page, repr(error))
        if page.attempts < ctx.settings.sync.page_attempts:
            return process(ctx, page.id, write, page.contacts)
        if found is not None:
            raise
        if len(page.ids) > 1 and (halves := _split(ctx, run, page)):
            for half in halves:
                process(ctx, half, write)
        else:
            _park(ctx, run, page, error)
    except BaseException:  # a shutdown: let somebody else go on at once
        _give_back(ctx, page)
        raise
    return True


# -- taking and giving back ----------------------------------------------------------------


def _claim(
    ctx: Context, page_id: int, read: Sequence[Contact] | None
) -> tuple[Claimed, Run] | None:
    c = pages.c
    payload = c.payload if read is None else sa.null().label("payload")
    columns = c.id, c.run_id, c.object, c.state, c.stored_at, c.attempts, c.owner, c.until, payload
    with ctx.store.write() as connection:
        row = connection.execute(sa.select(*columns).where(c.id == page_id)).one_or_none()
        if row is None or row.state != "stored":
            return None
        leased = row.until is not None and row.until > ctx.now()
        if leased and row.owner != ctx.owner and alive(row.owner):
            return None
        taken = connection.execute(
            sa.update(pages)
            .where(
                pages.c.id == page_id,
                pages.c.state == "stored",
                pages.c.owner.is_(None) if row.owner is None else pages.c.owner == row.owner,
                pages.c.attempts == row.attempts,
            )
            .values(owner=ctx.owner, until=ctx.lease(), attempts=row.attempts + 1)
        )
        if taken.rowcount != 1:
            return None
    run = run_store.load(ctx, row.run_id)
    if not run.active:
        _let_go_id(ctx, page_id, -1, None)
        return None
    if read is None:
        ids, read = unpack(row.payload)
    else:
        ids = [contact.id for contact in read]
    return Claimed(row.id, row.object, row.attempts + 1, row.stored_at, ids, read), run


def _let_go(ctx: Context, page: Claimed, error: str, attempt: int = 0) -> None:
    _let_go_id(ctx, page.id, attempt, error)


def _give_back(ctx: Context, page: Claimed) -> None:
    """Let go of a page that nothing was wrong with. It was not tried, then; but where writes were
    announced, whoever takes it up has to look which of them have reached the CRM."""
    pending = sa.and_(writes.c.page_id == page.id, writes.c.state == "pending")
    with ctx.store.read() as connection:
        announced = connection.execute(sa.select(writes.c.id).where(pending).limit(1)).first()
    _let_go(ctx, page, "interrupted", attempt=0 if announced else -1)


def _let_go_id(ctx: Context, page_id: int, attempt: int, error: str | None) -> None:
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(pages)
            .where(pages.c.id == page_id, pages.c.owner == ctx.owner)
            .values(owner=None, until=None, error=error, attempts=pages.c.attempts + attempt)
        )


def _keep_lease(ctx: Context, page: Claimed) -> bool:
    """Say that somebody is at it; whether the page is still ours."""
    with ctx.store.write() as connection:
        kept = connection.execute(
            sa.update(pages)
            .where(pages.c.id == page.id, pages.c.owner == ctx.owner)
            .values(until=ctx.lease())
        )
        # Where this process reads and works by turns, its reader's lease must not end meanwhile.
        connection.execute(
            sa.update(runs)
            .where(runs.c.active_key.is_not(None), runs.c.reader_owner == ctx.owner)
            .values(reader_until=ctx.lease())
        )
    return kept.rowcount == 1


def _hold(ctx: Context, page: Claimed) -> None:
    """Before each batch that is sent; raises `LostLeaseError`."""
    if not _keep_lease(ctx, page):
        raise LostLeaseError


def _split(ctx: Context, run: Run, page: Claimed) -> list[int]:
    """Make two pages of one that cannot be done, so that in the end the record that is at fault is
    set aside alone. Each is tried once. Empty where so much of the run was set aside already that
    the fault is not one record's."""
    middle = len(page.ids) // 2
    parked = sa.select(sa.func.count()).where(pages.c.run_id == run.id, pages.c.state == "parked")
    with ctx.store.write() as connection:
        if (connection.scalar(parked) or 0) >= _MOST_ALONE:
            return []
        halves = []
        for which, ids in enumerate((page.ids[:middle], page.ids[middle:])):
            seq = -2 * page.id - which  # the reader counts up meanwhile
            half = run_store.store_page(connection, ctx, run.id, seq, page.object, ids, None)
            halves.append(half)
            connection.execute(
                sa.update(pages)
                .where(pages.c.id == half)
                .values(attempts=ctx.settings.sync.page_attempts - 1)
            )
            connection.execute(
                sa.update(writes)
                .where(writes.c.page_id == page.id, any_of(writes.c.record_id, ids))
                .values(page_id=half)
            )
        connection.execute(sa.delete(pages).where(pages.c.id == page.id))
    return halves


def _park(ctx: Context, run: Run, page: Claimed, error: Exception) -> None:
    """Set a page aside that cannot be done; its contacts stay on the list for later runs."""
    message = f"its page failed {page.attempts} times: {place(error)}"
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(pages)
            .where(pages.c.id == page.id)
            .values(
                state="parked",
                owner=None,
                until=None,
                payload=None,
                read=len(page.ids),
                changed=len(page.ids),
                failed=len(page.ids),
                error=f"{message}: {error}"[:2000],
            )
        )
        if not run.dry_run:
            rows = [_failure(ctx, run, page.object, one, "page", message, True) for one in page.ids]
            _note_failures(connection, rows)


# -- the way of the contacts ---------------------------------------------------------------


def _work(ctx: Context, run: Run, connector: Connector, page: Claimed, write: Write) -> None:
    calls = dict(connector.calls)
    now = ctx.now()
    tally = Tally()
    found = _contacts(ctx, run, connector, page, now)
    seen = _clear(ctx, run, connector, page, found)
    prepared, told, verified, taken, remembered = _look(ctx, run, connector, page, seen, now)
    lookups = verified.lookups
    if ctx.now() - now > ctx.settings.sync.reread_after:
        # Verifying took long, and people work in the CRM meanwhile. What is there now is looked at
        # once more; the answers that have come count already.
        now = ctx.now()
        seen = _clear(ctx, run, connector, page, _fetch(ctx, connector, page))
        prepared, told, verified, taken, remembered = _look(ctx, run, connector, page, seen, now)
        lookups.add(verified.lookups)
    missing = _missing(ctx, connector, page, seen)
    known = taken.known
    with span("decide"):
        decided = evaluate.decide_all(
            ctx, run, connector, prepared, verified, told, known, now, remembered
        )

    updates = []
    of = []
    for one, (decision, differing) in zip(prepared, decided, strict=True):
        _count(tally, one, decision)
        if differing:
            updates.append(Update(page.object, one.contact.id, differing))
            of.append(one.contact)
    tally.read = len(prepared)
    tally.not_visible = len(missing.not_visible)
    stopping.check()
    _announce(ctx, run, page, updates, of)
    if run.dry_run:
        tally.changed = len(updates)
        _complete(
            ctx, run, connector, page, tally, lookups, calls, [], {}, {}, Missing(), None, told,
            taken,
        )  # fmt: skip
        return
    keep = at_most_every(evaluate.HEARTBEAT, lambda: _hold(ctx, page))
    with span("write", records=len(updates)):
        outcomes, wrote = write(connector, updates, keep)
    outcomes, missing = _confirm_gone(connector, page.object, outcomes, missing)
    tally.gone = sum(outcome.gone for outcome in outcomes.values()) + len(missing.gone)
    tally.failed = sum(not o.ok and not o.gone for o in outcomes.values())
    salted = change_detection.salt(ctx, run.connector)
    entries = [
        _entry(ctx, one, decision, outcomes.get(one.contact.id), verified, salted, now)
        for one, (decision, _) in zip(prepared, decided, strict=True)
    ]
    _complete(
        ctx, run, connector, page, tally, lookups, calls, entries, known, outcomes, missing, wrote,
        told, taken,
    )  # fmt: skip


def _missing(ctx: Context, connector: Connector, page: Claimed, seen: attribution.Clear) -> Missing:
    """What became of the page's records that were not returned."""
    ids = set(page.ids) - {contact.id for contact in seen.contacts} - seen.left
    if not ids:
        return Missing()
    if page.object in ctx.fields[connector.name].lost_objects:
        return Missing(not_visible=ids)  # the whole object is hidden from our user
    gone = connector.deleted(page.object, sorted(ids))
    return Missing(gone.keys(), ids - gone.keys(), tuple(filter(None, gone.values())))


def _confirm_gone(
    connector: Connector, object_name: str, outcomes: dict[str, Outcome], missing: Missing
) -> tuple[dict[str, Outcome], Missing]:
    """A CRM may answer a write to a record that our user cannot see as if there were no such
    record. One that it does not report as deleted when it is asked for it may be such a one."""
    claimed = [record_id for record_id, outcome in outcomes.items() if outcome.gone]
    if not claimed:
        return outcomes, missing
    deleted = connector.deleted(object_name, claimed)
    confirmed = {
        record_id: outcome
        if not outcome.gone or record_id in deleted
        else Outcome(outcome.written, "not_visible", f"{NOT_VISIBLE} ({outcome.message})")
        for record_id, outcome in outcomes.items()
    }
    merged = (*missing.merged, *filter(None, deleted.values()))
    return confirmed, replace(missing, merged=merged)


def _entry(
    ctx: Context,
    one: Prepared,
    decision: Decision,
    outcome: Outcome | None,
    verified: Verified,
    salted: bytes,
    now: datetime,
) -> contact_index.Entry:
    """What the index is to say of a contact, and until when it needs no second look."""
    written = outcome.written if outcome is not None else {}
    until = None
    answers = [said for number in one.numbers for said in verified.answers.get(number, ())]
    if not decision.waiting and (outcome is None or outcome.ok):
        checked_at = written.get("checked_at", one.contact.held.get("checked_at"))
        refresh = ctx.settings.policy.checked_at_refresh
        link = written.get("confirm_link", one.contact.held.get("confirm_link"))
        lifetime = ctx.settings.feedback.link_lifetime
        renewed_at = confirm_links.renew_after(ctx.keys, str(link), now, lifetime) if link else None
        until = change_detection.settled_until(answers, checked_at, refresh, now, renewed_at)
    return contact_index.Entry(
        one.contact,
        decision,
        one.region,
        one.readings,
        written,
        change_detection.of(one.contact, salted, written),
        until,
        Counter(said.provider for said in answers),
        one.who.person,
    )


def _look(
    ctx: Context,
    run: Run,
    connector: Connector,
    page: Claimed,
    seen: attribution.Clear,
    now: datetime,
) -> Looked:
    """Read the contacts' fields, keep what stood against records that were merged into them and
    what people reported by our flags, verify the numbers."""
    ids = [contact.id for contact in seen.contacts]
    apart = segments.load(ctx.store, run.connector, page.object, ids)
    remembered = prepare.remember(ctx, run.connector, page.object, seen.contacts)
    prepared = [*map(prepare.reader(ctx, run.connector, apart, remembered), seen.contacts)]
    if not run.dry_run:
        _rename_persons(ctx, prepared)
    taken = merges.take_over(ctx, connector, page.object, prepared, seen.known, seen.back)
    if (taken.keys or taken.reports or taken.revived) and not run.dry_run:
        with ctx.store.write() as connection:
            merges.store(connection, taken, ctx.now(), ctx.keys)
    fresh = _take_reports(ctx, run, prepared, taken, now, remembered)
    told = evaluate.reported(ctx, run, prepared, taken.said, [*taken.reports, *fresh])
    stopping.check()
    with span("verify"):
        verified = evaluate.verify(ctx, run, prepared, told, lambda: _keep_lease(ctx, page))
    return Looked(prepared, told, verified, taken, remembered)


def _rename_persons(ctx: Context, prepared: Sequence[Prepared]) -> None:
    if not any(one.who.aliases for one in prepared):
        return  # nobody has changed our key
    with ctx.store.read() as connection:
        former = feedback_log.find_former_persons(connection, [one.who for one in prepared])
    if former:
        with ctx.store.write() as connection:
            feedback_log.rename_persons(connection, former)


def _contacts(
    ctx: Context, run: Run, connector: Connector, page: Claimed, now: datetime
) -> Sequence[Contact]:
    stale = now - page.stored_at > ctx.settings.sync.reread_after or now < page.stored_at
    if page.contacts is not None and page.attempts == 1 and not stale:
        return page.contacts
    fetched = _fetch(ctx, connector, page)
    if page.attempts > 1:
        _settle_announced(ctx, run, page, fetched)
    return fetched


def _clear(
    ctx: Context, run: Run, connector: Connector, page: Claimed, found: Sequence[Contact]
) -> attribution.Clear:
    known = contact_index.load(ctx.store, run.connector, page.object, page.ids)
    found, back = merges.there(ctx, connector, page.object, found, known)
    if not run.dry_run and (page.contacts is None or page.attempts > 1):
        merges.learn(ctx, connector, page.object, found, known)
    seen = attribution.clear_up(ctx, run, connector, page.object, found, known)
    return replace(seen, back=back)


def _fetch(ctx: Context, connector: Connector, page: Claimed) -> list[Contact]:
    _keep_lease(ctx, page)
    if page.object in ctx.fields[connector.name].lost_objects:
        return []
    return connector.fetch(page.object, page.ids)


def _settle_announced(ctx: Context, run: Run, page: Claimed, fetched: Sequence[Contact]) -> None:
    """After a crash: what had not reached the CRM is decided anew."""
    held = {contact.id: contact.values() for contact in fetched}
    pending = sa.select(writes).where(writes.c.page_id == page.id, writes.c.state == "pending")
    with ctx.store.write() as connection:
        # Of a record that was not returned, nobody can tell whether it holds what was announced.
        rows = [row for row in connection.execute(pending) if row.record_id in held]
        missed = announced.settle(connection, run.connector, page.object, rows, held)
        for some in chunks(missed):
            connection.execute(sa.delete(writes).where(writes.c.id.in_(some)))


def _take_reports(
    ctx: Context,
    run: Run,
    prepared: Sequence[Prepared],
    taken: TakenOver,
    now: datetime,
    remembered: Remembered,
) -> list[Feedback]:
    """What CRM users said by our flags; kept before anything is decided from it."""
    told, known = [], taken.known
    ahead = ctx.connector(run.connector).clock_offset()
    new = [one for one in prepared if one.contact.id not in known]
    before = first_seen.flags(ctx, run, new, remembered)
    for one in prepared:
        contact = one.contact
        flags = known[contact.id].flags if contact.id in known else before.get(one.who.key)
        said = taken.said.get(one.who.key, ())
        former = [report.number for report in said if report.contact == one.who.key]
        told += crm_flags.reports_from_flags(
            run.connector, contact, one.who, flags, one.numbers, now, ahead, former
        )  # fmt: skip
    if (told or before) and not run.dry_run:
        keys = ctx.keys
        with ctx.store.write() as connection:
            told = clearings.backdate_clearings(connection, told, keys)
            feedback_log.store(connection, told, ctx.now(), keys)
            erasure.delete_stored_flags(connection, before.keys(), keys)
    return told


def _count(tally: Tally, one: Prepared, decision: Decision) -> None:
    source = tally.sources[one.contact.source]
    source["contacts"] += 1
    tally.spared += decision.skipped
    statuses = [f.status for f in decision.fields if f.status is not None]
    tally.fields.update(statuses)
    source["numbers"] += len(statuses)
    source["bad"] += sum(status in BAD_STATUSES for status in statuses)


# -- writing down --------------------------------------------------------------------------


def _announce(
    ctx: Context, run: Run, page: Claimed, updates: Sequence[Update], of: Sequence[Contact]
) -> None:
    """Keep what will be written, with what is there now (`of`: each one's contact), before the CRM
    is told; raises `LostLeaseError` where that is for another worker to do."""
    now = ctx.now()
    rows = [
        {
            "run_id": run.id,
            "page_id": page.id,
            "connector": run.connector,
            "object": page.object,
            "record_id": update.id,
            "before": _before(contact, update.values),
            "after": dict(update.values),
            "state": "forecast" if run.dry_run else "pending",
            "at": now,
        }
        for update, contact in zip(updates, of, strict=True)
    ]
    if rows:
        with ctx.store.write() as connection:
            held_by = sa.select(pages.c.owner).where(pages.c.id == page.id).with_for_update()
            if connection.scalar(held_by) != ctx.owner:
                raise LostLeaseError
            insert(connection, writes, rows)


def _before(contact: Contact, keys: Iterable[str]) -> dict[str, Value]:
    held = contact.held
    return {
        key: contact.phones.get(key[6:]) if key.startswith("phone/") else held.get(key)
        for key in keys
    }


def _failure(
    ctx: Context, run: Run, object_name: str, record_id: str, kind: str, message: str, retry: bool
) -> dict[str, Any]:
    return {
        "connector": run.connector,
        "object": object_name,
        "record_id": record_id,
        "kind": kind,
        "message": message[:2000],
        "retry": retry,
        "attempts": 1,
        "run_id": run.id,
        "at": ctx.now(),
    }


def _note_failures(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        same = sa.and_(
            failures.c.connector == row["connector"],
            failures.c.object == row["object"],
            failures.c.record_id == row["record_id"],
        )
        tried = connection.scalar(sa.select(failures.c.attempts).where(same)) or 0
        upsert(connection, failures, [{**row, "attempts": tried + 1}])


def _complete(
    ctx: Context,
    run: Run,
    connector: Connector,
    page: Claimed,
    tally: Tally,
    lookups: Lookups,
    calls: Mapping[Any, int],
    entries: Sequence[contact_index.Entry],
    known: Mapping[str, contact_index.Known],
    outcomes: Mapping[str, Outcome],
    missing: Missing,
    wrote: datetime | None,
    told: ReportSet,
    taken: TakenOver,
) -> None:
    """One transaction: outcomes, failures, our index, the page's counts, and the page is done."""
    failed = {rid: o for rid, o in outcomes.items() if not o.ok and not o.gone}
    vanished = missing.gone | {rid for rid, outcome in outcomes.items() if outcome.gone}
    used = {kind: count - calls.get(kind, 0) for kind, count in connector.calls.items()}
    counts = {
        "fields": dict(tally.fields),
        "lookups": lookups.as_dict([step.name for step in ctx.line.steps]),
        "api": used,
        "sources": {name: dict(numbers) for name, numbers in tally.sources.items()},
        "spared": tally.spared,
    }
    with ctx.store.write() as connection:
        mine = connection.scalar(sa.select(pages.c.owner).where(pages.c.id == page.id))
        if mine != ctx.owner:
            return  # our lease ran out and somebody else has the page: their record counts
        if not run.dry_run:
            # Before what was announced is settled: it tells our flags on a record that was merged.
            moved = [(page.object, merge) for merge in missing.merged]
            merges.note(connection, run.connector, moved, ctx.now())
            _record_outcomes(connection, page, outcomes, missing)
            tally.written = (
                connection.scalar(
                    sa.select(sa.func.count(sa.distinct(writes.c.record_id))).where(
                        writes.c.page_id == page.id, writes.c.state == "done"
                    )
                )
                or 0
            )
            tally.changed = tally.written + tally.failed
            there = [entry for entry in entries if entry.contact.id not in vanished]
            contact_index.record(connection, run.connector, page.object, there, known, ctx.now())
            contact_index.forget(connection, run.connector, page.object, list(vanished))
            moved_ids = {merge.id for merge in missing.merged}
            gone = {contact_key(run.connector, page.object, one) for one in vanished - moved_ids}
            merges.finish(connection, taken, gone)
            _heed_news(ctx, connection, run, there, told)
            healed = {entry.contact.id for entry in there} - failed.keys() | vanished
            contact_index.delete(connection, failures, run.connector, page.object, list(healed))
            if failed:
                _note_failures(
                    connection,
                    [
                        _failure(
                            ctx,
                            run,
                            page.object,
                            rid,
                            o.kind or "other",
                            o.message,
                            o.kind in RETRY_KINDS,
                        )
                        for rid, o in failed.items()
                    ],
                )
            _note_not_visible(ctx, connection, run, page.object, missing.not_visible & known.keys())
        connection.execute(
            sa.update(pages)
            .where(pages.c.id == page.id)
            .values(
                state="done",
                owner=None,
                until=None,
                payload=None,
                counts=counts,
                error=None,
                read=tally.read,
                changed=tally.changed,
                written=tally.written,
                failed=tally.failed,
                gone=tally.gone,
                not_visible=tally.not_visible,
                wrote_at=wrote,
            )
        )


def _note_not_visible(
    ctx: Context, connection: Connection, run: Run, object_name: str, ids: Set[str]
) -> None:
    """Records of the index that the CRM neither returned nor reported as deleted stay in the index.
    No run tries them again by itself. A report about their numbers is not confirmed; and once they
    are read again they are worked on, whatever they hold."""
    if not ids:
        return
    listed = sorted(ids)
    rows = [
        _failure(ctx, run, object_name, one, "not_visible", NOT_VISIBLE, False) for one in listed
    ]
    _note_failures(connection, rows)
    contact_index.unsettle_records(connection, run.connector, object_name, listed)


def _heed_news(
    ctx: Context,
    connection: Connection,
    run: Run,
    entries: Sequence[contact_index.Entry],
    told: ReportSet,
) -> None:
    """What was reported while this page was decided is written as soon as the page is done."""
    if not entries:
        return
    object_name = entries[0].contact.object
    people = {entry.contact.id: _who(run, entry) for entry in entries}
    stopped = feedback_log.find_contacts_with_unseen(connection, list(people.values()), told)
    if stopped:
        ids = [record_id for record_id, who in people.items() if who.key in set(stopped)]
        contact_index.unsettle_records(connection, run.connector, object_name, ids)
        changed_records.record(connection, run.connector, object_name, ids, ctx.now())
    numbers = {n.e164 for entry in entries for r in entry.readings.values() for n in r.numbers}
    news = feedback_log.find_unseen(connection, sorted(numbers), ctx.keys, told) if numbers else []
    if not news:
        return
    invalidate(connection, news)
    outbox.requeue(connection, run.connector, news, ctx.now())
    # Of a number that was erased meanwhile no delivery is found by its name.
    holders = [
        entry.contact
        for entry in entries
        if any(n.e164 in news for r in entry.readings.values() for n in r.numbers)
    ]
    ids = [contact.id for contact in holders]
    changed_records.record(connection, run.connector, object_name, ids, ctx.now())


def _who(run: Run, entry: contact_index.Entry) -> ContactIdentity:
    return ContactIdentity(
        contact_key(run.connector, entry.contact.object, entry.contact.id), entry.person
    )


def _record_outcomes(
    connection: Connection, page: Claimed, outcomes: Mapping[str, Outcome], missing: Missing
) -> None:
    pending = sa.and_(writes.c.page_id == page.id, writes.c.state == "pending")
    if missing.gone:  # announced by a worker that died; it makes no difference any more
        connection.execute(
            sa.delete(writes).where(pending, any_of(writes.c.record_id, missing.gone))
        )
    if (
        missing.not_visible
    ):  # likewise; told when the record is read again (`worker.sync.pages.attribution`)
        pending = sa.and_(pending, sa.not_(any_of(writes.c.record_id, missing.not_visible)))
    for record_id, outcome in outcomes.items():
        if outcome.ok:
            continue
        values: dict[str, Any] = {
            "state": "failed",
            "kind": outcome.kind,
            "message": outcome.message[:2000],
        }
        row = connection.execute(
            sa.select(writes.c.id, writes.c.before).where(pending, writes.c.record_id == record_id)
        ).one()
        if outcome.written:
            # Some fields went through: they are a write like any other, that can be undone.
            values.update(
                after=outcome.written, before={key: row.before.get(key) for key in outcome.written}
            )
        connection.execute(sa.update(writes).where(writes.c.id == row.id).values(**values))
    connection.execute(sa.update(writes).where(pending).values(state="done"))
