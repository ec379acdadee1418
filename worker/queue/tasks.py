"""Celery's tasks: each loads, calls one function and enqueues what comes next.

A run in the queue: `read` stores pages and enqueues a `page` for each. While enough of them wait
for a worker, `read` processes one itself. The last one ends the run.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import closing
from functools import cache
from typing import Any

from celery.signals import worker_ready

from config import connections, process_memory, stopping
from connectors.errors import ConnectorError
from worker.alerts import digest as weekly_digest
from worker.alerts import notifier
from worker.asking import clarifying
from worker.asking import sending as asking
from worker.context import Context
from worker.duplicates import grouping as duplicates
from worker.events import backfill, delivery, endpoints
from worker.feedback.receivers import crms_to_notify
from worker.feedback.sources import consent_records
from worker.feedback.sources.dispositions import poll_all
from worker.ops import retention
from worker.queries import digest_message
from worker.queue import dedupe, deferred_runs
from worker.queue.celery_app import app, settings
from worker.registries import follow_up, uploads
from worker.segments import counters as count
from worker.segments import isolation
from worker.store import heartbeat, pause, setbacks
from worker.store.engine import ensure_schema
from worker.store.errors import StoreError
from worker.store.machine_faults import trouble
from worker.suppression.apply_reports import apply_pending, requeue_missed
from worker.suppression.apply_reports import has_pending as reports_wait
from worker.sync import consent_writes, owner_tasks
from worker.sync import propagate as propagation
from worker.sync.pages import process as page_work
from worker.sync.pages import reword_recovery
from worker.sync.pages.runner import help_with_pages, run_to_completion
from worker.sync.read import reader
from worker.sync.runs import audits, lifecycle, reader_lease, select, stored_pages
from worker.sync.runs.model import RunActiveError, RunOverError
from worker.sync.runs.scope import Scope
from worker.sync.stream import state as streams
from worker.sync.undo import undo as undoing
from worker.verification import provider_status as standing

log = logging.getLogger(__name__)

# Seconds that a reader reads at a stretch: a worker that is to stop waits for no more than that.
READ_SLICE = 60.0
# Seconds for which a page's task takes up further pages. A report that comes meanwhile may have to
# wait for this process.
PAGE_SLICE = 2.0
POLL_INTERVAL = 0.1  # seconds until a reader looks again whether a page is done


@cache
def context() -> Context:
    """Return this process's own context: connections must not be shared with the parent process."""
    process_memory.tune_gc_for_bulk()
    return Context.create(settings)


@worker_ready.connect
def _warn_missing_credentials(**_options: Any) -> None:
    """Warn, once when a worker starts, about providers without a key or whose key is
    not accepted."""
    try:
        with closing(Context.create(settings)) as ctx:
            ensure_schema(settings.database_url)
            for line in standing.warnings(ctx.providers, settings, ctx.store, ctx.now()):
                log.warning("%s", line)
    except StoreError as error:
        log.error("%s", error)
    except OSError as error:  # a home that cannot be made, say
        if (known_fault := trouble(error)) is None:
            raise
        log.error("%s", known_fault.line)


@app.task(name="hygiene.sync")
def sync(connector: str, full: bool = False) -> None:
    """Take up a sync that stands open or failed last, or start one; nothing while one runs."""
    ctx = context()
    try:
        standing = lifecycle.find_resumable(ctx, connector, full)
        if standing is not None:
            run_id = lifecycle.resume(ctx, standing.id).id
        else:
            whole = full or _full_is_due(ctx, connector)
            scope = Scope("everything" if whole else "changed")
            run_id = lifecycle.open_run(ctx, connector, scope)
    except (RunActiveError, RunOverError):
        return  # another worker was quicker
    except pause.PausedError:
        return  # the next one on schedule after the pause begins it
    except ConnectorError as error:
        log.error("%s", error)
        setbacks.note(ctx.store, connector, "begin a sync", error, ctx.now())
        return
    setbacks.clear(ctx.store, connector, "begin a sync")
    go_on(run_id)


def _full_is_due(ctx: Context, connector: str) -> bool:
    last = lifecycle.last_full(ctx, connector)
    return last is not None and ctx.now() - last > settings.sync_of(connector).full_every


@app.task(name="hygiene.reverify", queued_once=True)
def reverify(connector: str) -> None:
    """Look again at contacts with a number whose verification no longer counts."""
    ctx = context()
    with ctx.store.read() as connection:
        due = next(select.select_due(connection, ctx, connector, 1), None) is not None
    if due:
        try:
            run_id = lifecycle.open_run(
                ctx, connector, Scope("due", limit=settings.sync.reverify_limit)
            )
        except (RunActiveError, pause.PausedError):
            deferred_runs.defer(ctx.store, connector, ctx.now())
            return
        except ConnectorError as error:
            log.error("%s", error)
            setbacks.note(ctx.store, connector, "begin a re-verification", error, ctx.now())
            return
        setbacks.clear(ctx.store, connector, "begin a re-verification")
        go_on(run_id)
    deferred_runs.clear(ctx.store, connector)


@app.task(name="hygiene.read")
def read(run_id: str) -> None:
    ctx = context()
    run = lifecycle.load(ctx, run_id)
    if not run.active or (pause.is_on(ctx.store) and not run.dry_run):
        return  # `revive` takes it up again after a pause
    if run.dry_run or connections.is_file(run.connector):
        # A dry run counts each number once, a file has one writer: one process does it all.
        try:
            run_to_completion(ctx, run_id)
        except pause.PausedError as error:
            log.info("run %s: %s", run_id, error)
        except (ConnectorError, RunActiveError) as error:
            log.error("run %s: %s", run_id, error)
        return
    if not run.read_all and reader_lease.claim(ctx, run_id):
        try:
            if not _read_on(ctx, run_id):
                read.delay(run_id)
                return
        except pause.PausedError as error:
            log.info("run %s: %s", run_id, error)
            return
        except ConnectorError as error:
            log.error("run %s: %s", run_id, error)
            lifecycle.fail(ctx, run_id, str(error))
            return
        finally:
            reader_lease.release(ctx, run_id)
    if lifecycle.finish_if_done(ctx, run_id):
        _after_run(ctx, lifecycle.load(ctx, run_id).connector)
        segments.apply_async(expires=60)  # what it found is seen at once


def _after_run(ctx: Context, connector: str) -> None:
    """Do what a run has asked for beside its writes."""
    owner_tasks.create_waiting(ctx, connector)
    consent_writes.send_waiting(ctx, connector)


def _read_on(ctx: Context, run_id: str) -> bool:
    """Read for a while, and enqueue the pages; whether all is read.

    While enough pages wait for a worker, this one does one itself instead of reading further.
    """
    until = time.monotonic() + READ_SLICE
    at_once = settings.sync_of(lifecycle.load(ctx, run_id).connector).pages_in_flight

    def active() -> bool:
        return lifecycle.load(ctx, run_id).active  # a page may have ended it

    def dispatch_page(
        own: Context, stored: stored_pages.StoredPage, waiting: Callable[[], None]
    ) -> None:
        enqueue_page(stored.id, run_id)
        while active():
            idle = stored_pages.list_pending(own, run_id, only_idle=True)
            if len(idle) < at_once:
                return
            if not page_work.process(own, idle[0].id):
                stopping.sleep(POLL_INTERVAL)
                waiting()

    return reader.read_from_cursor(
        ctx, lifecycle.load(ctx, run_id), dispatch_page,
        lambda: (
            time.monotonic() < until and active() and not stopping.requested()
            and not pause.is_on(ctx.store)
        ),
    )  # fmt: skip


def enqueue_page(page_id: int, run_id: str) -> None:
    page.delay(page_id, run_id)


@app.task(name="hygiene.page")
def page(page_id: int, run_id: str) -> None:
    ctx = context()
    try:
        done = help_with_pages(ctx, run_id, page_id, PAGE_SLICE)
    except pause.PausedError as error:
        log.info("run %s: %s", run_id, error)
        return
    except ConnectorError as error:
        log.error("run %s: %s", run_id, error)
        lifecycle.fail(ctx, run_id, str(error))
        return
    if not done:
        return
    if lifecycle.finish_if_done(ctx, run_id):
        _after_run(ctx, lifecycle.load(ctx, run_id).connector)
        segments.apply_async(expires=60)
        return
    run = lifecycle.load(ctx, run_id)
    if run.active and not run.read_all and not reader_lease.has_live_reader(ctx, run_id):
        read.delay(run_id)  # its reader has died


@app.task(name="hygiene.apply", queued_once=True)
def apply() -> None:
    """Apply stored reports and deliver them to the CRMs, those left from an outage too."""
    ctx = context()
    apply_pending(ctx)
    backfill.feed(ctx)
    if delivery.has_due(ctx):  # before the CRMs: a page of theirs takes much longer than an event
        dedupe.enqueue_once(deliver)
    follow_up.resume(ctx, crms_to_notify(ctx))
    for connector in propagation.pending_connectors(ctx):
        if not propagation.is_under_way(ctx, connector):
            dedupe.enqueue_once(spread, connector)


@app.task(name="hygiene.deliver", queued_once=True)
def deliver() -> None:
    """Send events to the endpoints that subscribe to them."""
    delivery.begin(context())


@app.task(name="hygiene.ask")
def ask() -> None:
    """Send what is due of ask campaigns, and count answers; before them the question after an
    opt-out, which may be sent for a few minutes alone."""
    clarifying.send_due(context())
    asking.send_due(context())


@app.task(name="hygiene.calls")
def calls() -> None:
    """Read what people logged of their calls; what it reports is applied at once."""
    if poll_all(context()):
        dedupe.enqueue_once(apply)


@app.task(name="hygiene.consents")
def consents() -> None:
    """Write what waits of the consent records of CRMs, and read them; what they report is applied
    at once."""
    consent_writes.send_due(context())
    if consent_records.poll_all(context()):
        dedupe.enqueue_once(apply)


@app.task(name="hygiene.spread", queued_once=True)
def spread(connector: str) -> None:
    """Write reports to every record of a CRM that holds the number."""
    ctx = context()

    def apply_news() -> None:
        if reports_wait(ctx):  # somebody has ticked a flag in a record that was looked at just now
            dedupe.enqueue_once(apply)

    propagation.propagate(ctx, connector, apply_news)
    apply_news()


@app.task(name="hygiene.undo")
def undo(undo_id: str) -> None:
    """Put back what a run wrote: `undo_id` is the run that undoes it."""
    ctx = context()
    if not lifecycle.load(ctx, undo_id).active:
        return
    try:
        undoing.execute(ctx, undo_id)
    except RunActiveError:
        return  # another worker is at it
    except pause.PausedError as error:
        log.info("run %s: %s", undo_id, error)
    except ConnectorError as error:
        log.error("run %s: %s", undo_id, error)


@app.task(name="hygiene.registry_uploads", queued_once=True)
def registry_uploads() -> None:
    """Load the files of registries that were uploaded on a page."""
    ctx = context()
    if uploads.load_due(ctx, crms_to_notify(ctx)):
        dedupe.enqueue_once(apply)


@app.task(name="hygiene.segments")
def segments() -> None:
    """Count the segments, isolate bad ones, begin the audits that wait, and find the contacts that
    share a number."""
    ctx = context()
    if count.count_if_needed(ctx):
        for isolated in isolation.isolate_bad_segments(ctx):
            log.warning("%s: %s was isolated: %s", isolated.connector, isolated.name, isolated.why)
    duplicates.count_if_needed(ctx)
    if not pause.is_on(ctx.store):
        for run_id in audits.next_audits(ctx):
            go_on(run_id)


@app.task(name="hygiene.alerts")
def alerts() -> None:
    """Tell the operator what needs a person."""
    notifier.evaluate(context())


@app.task(name="hygiene.digest")
def digest() -> None:
    """Send the weekly digest once its time has come, to the channels that have not had it."""
    ctx = context()
    if pause.is_on(ctx.store):
        return
    if week := weekly_digest.send_due(ctx, lambda week: digest_message.for_week(ctx, week)):
        log.info("the digest of %s was sent", week)


@app.task(name="hygiene.tidy")
def tidy() -> None:
    """Delete data that has passed its retention."""
    done = {name: count for name, count in retention.purge_expired(context()).items() if count}
    if done:
        log.info("deleted by age: %s", done)


@app.task(name="hygiene.revive")
def revive() -> None:
    """Enqueue again what a dead worker or a forgetful Redis has left lying."""
    ctx = context()
    heartbeat.record(ctx.store, ctx.now())
    streams.expect(ctx)
    if lost := ctx.ledger.settle_orphaned():
        log.warning("%d lookups were under way in workers that died; they count as spent", lost)
    if not pause.is_on(ctx.store):
        _revive_runs(ctx)
    endpoints.apply_settings(ctx)
    if uploads.any_due(ctx):
        dedupe.enqueue_once(registry_uploads)
    if requeue_missed(ctx) or delivery.announce(ctx):
        dedupe.enqueue_once(apply)


def _revive_runs(ctx: Context) -> None:
    for run in lifecycle.active(ctx):
        if run.kind in (propagation.KIND, reword_recovery.KIND):  # looked after by themselves
            continue
        if reader_lease.has_live_reader(ctx, run.id):
            continue
        if run.connector not in ctx.settings.active_connectors:
            continue  # nobody can go on with it until its CRM is connected again
        if run.kind == "undo":
            undo.delay(run.id)
        else:
            go_on(run.id, only_idle=True)
    reword_recovery.recover(ctx, recent=True)
    for connector in deferred_runs.pending_connectors(ctx.store):
        dedupe.enqueue_once(reverify, connector)


def go_on(run_id: str, only_idle: bool = False) -> None:
    """Enqueue a run's open pages, and its reader. Twice does no harm: pages are claimed."""
    ctx = context()
    run = lifecycle.load(ctx, run_id)
    if not (run.dry_run or connections.is_file(run.connector)):
        at_once = settings.sync_of(run.connector).pages_in_flight
        for stored in stored_pages.list_pending(ctx, run_id, only_idle)[:at_once]:
            enqueue_page(stored.id, run_id)
    read.delay(run_id)
