"""Keep within a CRM's limits by what it says about them in the headers of each answer.

We are never the only ones who call a CRM. So a share of the day's calls is left to others, and we
slow down as a short-term limit comes near instead of waiting to be refused. The CRM counts the
calls of all our workers, so all of them go by the same numbers, and take turns near a limit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from config import stopping
from connectors.errors import QuotaError
from connectors.http.pacing import LocalPace, Pace, Remaining

DAY = 24 * 3600.0  # seconds
_DAY_TRUSTED = 60.0  # seconds; then a call checks whether the day's calls are free again
_MIN_WAIT = 0.001  # seconds; shorter waits are not worth it
_MAX_NAP = 0.25  # seconds after which a waiting call looks at newer answers


@dataclass(frozen=True, slots=True)
class Limits:
    """What one answer says about the limits; None where it says nothing."""

    day: Remaining | None = None
    window: Remaining | None = None


class Quota:
    """Keep all calls of one CRM within its limits.

    `api_reserve`: the share of the day's calls that is left to others.
    """

    def __init__(
        self,
        name: str,
        api_reserve: float,
        pace: Pace | None = None,
        sleep: Callable[[float], None] = stopping.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._api_reserve = api_reserve
        self._pace = pace or LocalPace(clock)
        self._sleep = sleep
        self._clock = clock
        self._day: tuple[Remaining, float] | None = None
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        # How far the CRM's clock is ahead of ours, for callers that have had no answer yet.
        self.clock_ahead = timedelta(0)

    def record(self, limits: Limits) -> None:
        """Record what an answer said about the limits, and when."""
        if limits.day is not None:
            with self._lock:
                self._day = limits.day, self._clock()
        if limits.window is not None:
            self._pace.update(self.name, limits.window)

    @property
    def today(self) -> Remaining | None:
        """Return what the CRM last said about the day's calls; None where it has not."""
        with self._lock:
            return self._day[0] if self._day is not None else None

    def wait(self, *, from_reserve: bool = False) -> None:
        """Wait until the short-term limit has room for a call, then count it.

        Raises `QuotaError` if only the reserve of the day's calls is left, unless `from_reserve`
        says that this call may use the reserve.
        """
        with self._turn:  # near the limit one call waits at a time, by the newest answer
            if not from_reserve:
                self._stop_at_reserve()
            while (pause := self._pace.enter(self.name)) > 0:
                self._sleep(min(max(pause, _MIN_WAIT), _MAX_NAP))

    def acquire(self, bucket: str, seconds: float) -> None:
        """Wait for a turn in a bucket that all workers share: one call every `seconds`."""
        pause = self._pace.reserve(f"{self.name}:{bucket}", seconds)
        if pause > _MIN_WAIT:
            self._sleep(pause)

    def _stop_at_reserve(self) -> None:
        if self._day is None:
            return
        day, at = self._day
        if day.share > self._api_reserve:
            return
        if self._clock() - at >= _DAY_TRUSTED:
            self._day = None  # the window may have moved on: let one call find out
            return
        raise QuotaError(
            f"{self.name}: {day.remaining:,} of today's {day.limit:,} API calls are left, and "
            f"{self._api_reserve:.0%} are reserved for others "
            f"(connectors.{self.name}.api_reserve). When more are free: hygiene runs resume RUN"
        )


def parse_remaining(remaining: str | None, limit: str | None, seconds: float) -> Remaining | None:
    """Parse two headers; return None if they say nothing, or something impossible.

    >>> parse_remaining("12", "190", 10.0)
    Remaining(remaining=12, limit=190, seconds=10.0)
    >>> [parse_remaining(one, "190", 10.0) for one in (None, "many", "-1", "191")]
    [None, None, None, None]
    >>> parse_remaining("12", "0", 10.0)
    """
    try:
        parsed = Remaining(int(remaining or ""), int(limit or ""), seconds)
    except ValueError:
        return None
    possible = 0 <= parsed.remaining <= parsed.limit and parsed.limit > 0
    return parsed if possible else None
