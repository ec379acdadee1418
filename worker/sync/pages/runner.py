"""Run a sync to its end in this process: read pages, and process several of them meanwhile."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from config import connections, process_memory, stopping
from connectors.errors import ConnectorError
from worker.context import Context
from worker.store import pause
from worker.sync import consent_writes, owner_tasks
from worker.sync.pages import process
from worker.sync.pages.pool import PagePool
from worker.sync.read import reader
from worker.sync.runs import lifecycle, reader_lease, stored_pages
from worker.sync.runs.model import Run, RunActiveError
from worker.sync.runs.stored_pages import StoredPage

log = logging.getLogger(__name__)

_HELPER_PAGES = 2  # pages that a process has in flight of a run that another one reads
Progress = Callable[[str], None]  # is called with the run's id whenever a page is done


def run_to_completion(
    ctx: Context,
    run_id: str,
    progress: Progress = lambda _run: None,
    pages_at_once: int | None = None,
) -> None:
    """Do the rest of a run; raises what stopped it.

    `pages_at_once`: overrides the setting; 1: all in this thread.

    A run that cannot go on ends as failed, with its place kept for `resume`. When this process
    is stopped (`Stopped`) or dies, or everything is paused (`PausedError`), the run stays open and
    the next process continues it.
    """
    process_memory.tune_gc_for_bulk()
    run = lifecycle.load(ctx, run_id)
    count = pages_at_once or ctx.settings.sync_of(run.connector).pages_in_flight
    try:
        # A dry run counts each number once, and a file has one writer.
        if count == 1 or run.dry_run or connections.is_file(run.connector):
            _one_by_one(ctx, run, progress)
        else:
            with PagePool(ctx, count, lambda _page: progress(run_id)) as pool:
                _read(ctx, run, pool.submit, lambda: progress(run_id))
        _wait_for_other_workers(ctx, run_id, progress)
        if lifecycle.finish_if_done(ctx, run_id) and not run.dry_run:
            owner_tasks.create_waiting(ctx, run.connector)
            consent_writes.send_waiting(ctx, run.connector)
        if connections.is_file(run.connector) and not run.dry_run:
            ctx.finish_connector(run.connector)
    except ConnectorError as error:
        lifecycle.fail(ctx, run_id, str(error))
        raise


def help_with_pages(ctx: Context, run_id: str, first: int, seconds: float) -> int:
    """Process a page of a run that another process reads, then others that no worker has.

    Goes on for so many seconds; returns how many pages were done. Raises `ConnectorError`, which
    stops the run. Two at a time: while one waits for its CRM the other is decided, and they fill
    batches together.
    """
    done: list[int] = []
    submitted = {first}
    until = time.monotonic() + seconds
    with PagePool(ctx, _HELPER_PAGES, done.append) as pool:
        pool.submit(ctx, StoredPage(first, 0), lambda: None)
        while time.monotonic() < until:
            idle = stored_pages.list_pending(ctx, run_id, only_idle=True)
            following = next((page for page in idle if page.id not in submitted), None)
            if following is None:
                break
            submitted.add(following.id)
            pool.submit(ctx, following, lambda: None)
    return len(done)


def _one_by_one(ctx: Context, run: Run, progress: Progress) -> None:
    def process_page(own: Context, stored: StoredPage, _waiting: Callable[[], None]) -> None:
        process.process(own, stored.id, read=stored.contacts)
        progress(run.id)

    _read(ctx, run, process_page, lambda: progress(run.id))


def _read(
    ctx: Context, run: Run, dispatch: reader.DispatchPage, on_page: Callable[[], None]
) -> None:
    """Dispatch the pages that are stored already, then those that the reader brings."""
    run_id = run.id

    def should_continue() -> bool:  # somebody may pause or cancel it, or stop this process
        return not stopping.requested() and lifecycle.may_go_on(ctx, run_id)

    for stored in stored_pages.list_pending(ctx, run_id):
        dispatch(ctx, stored, lambda: None)
    if run.read_all or lifecycle.load(ctx, run_id).read_all:
        return
    if not reader_lease.claim(ctx, run_id):
        run = lifecycle.load(ctx, run_id)
        raise RunActiveError(run.connector, run)
    try:
        run = lifecycle.load(ctx, run_id)
        complete = reader.read_from_cursor(ctx, run, dispatch, should_continue, on_page)
        stopping.check()
        if not complete and not run.dry_run:
            pause.check(ctx.store)
    finally:
        reader_lease.release(ctx, run_id)


def _wait_for_other_workers(ctx: Context, run_id: str, progress: Progress) -> None:
    """Wait until pages that other workers have are done, or process them when their lease ends."""
    while (pages := stored_pages.list_pending(ctx, run_id)) and lifecycle.load(ctx, run_id).active:
        for stored in pages:
            if process.process(ctx, stored.id):
                progress(run_id)
        if stored_pages.list_pending(ctx, run_id):
            stopping.sleep(0.5)
