"""Run Celery beat so that no clock can stop it: `celery --app worker.app beat` uses it by the
settings.

Celery remembers by the wall clock when each entry was sent last. If that clock is set back (a
machine that woke with a wrong one, and was corrected), Celery waits until it has caught up: a day,
or a year. Here an entry that was sent in the future counts as sent just now. A day that beat missed
is made up for by one run of each entry: the database says what has to be done, not how often beat
called.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from celery.beat import PersistentScheduler

from worker.store import redis_hint
from worker.store.machine_faults import trouble
from worker.store.private_files import UMASK, make_home

log = logging.getLogger(__name__)

_FUTURE = timedelta(seconds=2)  # more than two clocks of one machine differ by


class Scheduler(PersistentScheduler):
    def setup_schedule(self) -> None:
        os.umask(UMASK)  # its file is for its user alone
        try:
            make_home(Path(self.schedule_filename).absolute().parent)
            super().setup_schedule()
        except OSError as error:  # a disk that is full or read-only
            if (known_fault := trouble(error)) is None:
                raise
            log.error("%s", known_fault.line)
            raise SystemExit(1) from None

        redis_hint.warn_unless_it_answers(self.app.conf.broker_url)

    def _ensure_connected(self) -> Any:
        """Say first what keeps us from Redis, if anything does: what follows tries for ever."""
        redis_hint.warn_unless_it_answers(self.app.conf.broker_url)
        return super()._ensure_connected()

    def _destroy_open_corrupted_schedule(self, exc: Exception) -> Any:
        """Create the schedule file again; it only holds when each entry was last sent."""
        log.warning(
            "the schedule file was damaged and has been created again (%s)", type(exc).__name__
        )
        self._remove_db()
        return self._open_schedule()

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if self._set_back():
            self._heap = None  # it is ordered by the moments that were
        seconds: float = super().tick(*args, **kwargs)
        return seconds

    def _set_back(self) -> bool:
        """Bring entries that were sent in the future back to now; return whether there were any."""
        any_in_future = False
        for entry in self.schedule.values():
            now: datetime = entry.default_now()
            if entry.last_run_at is not None and entry.last_run_at > now + _FUTURE:
                if not any_in_future:
                    log.warning("the clock was set back: the schedule continues from now")
                entry.last_run_at = now
                any_in_future = True
        return any_in_future
