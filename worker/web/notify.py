"""Enqueue the work on reports that were stored. If that fails, beat finds them soon after."""

from __future__ import annotations

import logging
from collections.abc import Callable

from worker.store.machine_faults import describe

log = logging.getLogger(__name__)

Notify = Callable[[], None]


def enqueue_reports() -> None:
    """Enqueue the work on reports; never raises, because the reports are already stored."""
    try:
        from worker.queue.dedupe import enqueue_once
        from worker.queue.tasks import apply  # reads the settings of this process

        enqueue_once(apply)
    except (Exception, SystemExit) as error:
        note_unreachable(error)


def note_unreachable(error: BaseException) -> None:
    """Say why nothing could be enqueued, and what to do about it."""
    log.warning("nothing could be put into the queue (%s); beat will catch up", describe(error))
