"""Driving a run to its end in this process: pages are read, and done by several hands meanwhile."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from config import process_memory, stopping
from connectors.errors import ConnectorError
from worker.context import Context
from worker.sync.pages import process
from worker.sync.pages.pool import Hands
from worker.sync.read import reader
from worker.sync.runs import lifecycle
from worker.sync.runs.lifecycle import Stored

log = logging.getLogger(__name__)

_PART = 2  # pages that a process has under way of a run that is read elsewhere
Progress = Callable[[str], None]  # is told the run's id whenever a page is done


def drive(
    ctx: Context,
    run_id: str,
    progress: Progress = lambda _run: None,
    pages_at_once: int | None = None,
) -> None:
    """Do all of a run that is open, from where it stands; raises what stopped it.

    `pages_at_once`: another number than the settings say; 1: all in this thread.

    A run that cannot go on is ended as failed, with its place kept for `resume`. When this process
    is told to stop (`Stopped`), or dies, it stays open and the next one takes it up.
    """
    process_memory.for_many_records()
    run = lifecycle.load(ctx, run_id)
    count = pages_at_once or ctx.settings.sync.pages_in_flight
    try:
        # A dry run counts each number once, and a file has one writer.
        if count == 1 or run.dry_run or run.connector == "csv":
            _one_by_one(ctx, run_id, progress)
        else:
            with Hands(ctx, count, lambda _page: progress(run_id)) as hands:
                _read(ctx, run_id, hands.take, lambda: progress(run_id))
        _wait_for_others(ctx, run_id, progress)
        lifecycle.finish_if_done(ctx, run_id)
        if run.connector == "csv" and not run.dry_run:
            ctx.finish_connector(run.connector)
    except ConnectorError as error:
        lifecycle.fail(ctx, run_id, str(error))
        raise


def take_part(ctx: Context, run_id: str, first: int, seconds: float) -> int:
    """Do a page of a run that another process reads, and then, for so long, others that nobody has
    taken up; how many were done. Raises `ConnectorError`: what stops the run.

    Two at a time: while one waits for its CRM the other is decided, and they fill batches together.
    """
    done: list[int] = []
    taken = {first}
    until = time.monotonic() + seconds
    with Hands(ctx, _PART, done.append) as hands:
        hands.take(ctx, Stored(first, 0), lambda: None)
        while time.monotonic() < until:
            idle = lifecycle.open_pages(ctx, run_id, only_idle=True)
            following = next((one for one in idle if one.id not in taken), None)
            if following is None:
                break
            taken.add(following.id)
            hands.take(ctx, following, lambda: None)
    return len(done)


def _one_by_one(ctx: Context, run_id: str, progress: Progress) -> None:
    def do(own: Context, stored: Stored, _waiting: Callable[[], None]) -> None:
        process.process(own, stored.id, read=stored.read)
        progress(run_id)

    _read(ctx, run_id, do, lambda: progress(run_id))


def _read(ctx: Context, run_id: str, do: reader.HandOn, seen: Callable[[], None]) -> None:
    """Hand on the pages that are there already, then what the reader brings."""

    def may_go_on() -> bool:  # somebody may pause or cancel it, or stop this process
        return not stopping.requested() and lifecycle.load(ctx, run_id).active

    for stored in lifecycle.open_pages(ctx, run_id):
        do(ctx, stored, lambda: None)
    if lifecycle.load(ctx, run_id).read_all:
        return
    if not reader.claim(ctx, run_id):
        held = lifecycle.load(ctx, run_id)
        raise lifecycle.RunActiveError(held.connector, held)
    try:
        reader.read_on(ctx, lifecycle.load(ctx, run_id), do, may_go_on, seen)
        stopping.check()
    finally:
        reader.release(ctx, run_id)


def _wait_for_others(ctx: Context, run_id: str, progress: Progress) -> None:
    """Pages that a worker elsewhere has taken are its own until done, or until its lease ends."""
    while lifecycle.load(ctx, run_id).active and (left := lifecycle.open_pages(ctx, run_id)):
        for stored in left:
            if process.process(ctx, stored.id):
                progress(run_id)
        if lifecycle.open_pages(ctx, run_id):
            stopping.sleep(0.5)
