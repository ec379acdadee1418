"""Driving a run to its end in this process: read a page, do it, read the next."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from connectors.base import ConnectorError
from worker.sync import page, reader, runs
from worker.sync.context import Context

log = logging.getLogger(__name__)

Progress = Callable[[str], None]  # is told the run's id whenever a page is done


def drive(ctx: Context, run_id: str, progress: Progress = lambda _run: None) -> None:
    """Do all of a run that is open, from where it stands; raises what stopped it.

    A run that cannot go on is ended as failed, with its place kept for `resume`. After a
    KeyboardInterrupt, or when this process dies, it stays open and the next one takes it up.
    """
    run = runs.load(ctx, run_id)

    def do(page_id: int) -> None:
        page.process(ctx, page_id)
        progress(run_id)

    try:
        for page_id in runs.open_pages(ctx, run_id):
            do(page_id)
        if not run.read_all:
            if not reader.claim(ctx, run_id):
                raise runs.RunActiveError(run_id, run.connector)
            try:
                reader.read_on(
                    ctx, runs.load(ctx, run_id), do, lambda: True, lambda: progress(run_id)
                )
            finally:
                reader.release(ctx, run_id)
        _wait_for_others(ctx, run_id, do)
        runs.finish_if_done(ctx, run_id)
        if run.connector == "csv" and not run.dry_run:
            ctx.finish_connector(run.connector)
    except ConnectorError as error:
        runs.fail(ctx, run_id, str(error))
        raise


def _wait_for_others(ctx: Context, run_id: str, do: Callable[[int], None]) -> None:
    """Pages that a worker elsewhere has taken are its own until done, or until its lease ends."""
    while left := runs.open_pages(ctx, run_id):
        for page_id in left:
            do(page_id)
        if runs.open_pages(ctx, run_id):
            time.sleep(0.5)
