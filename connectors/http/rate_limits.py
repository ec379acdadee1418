"""Keeps within a CRM's limits by what it says of them itself, in the headers of each answer.

We are never the only ones who call a CRM: a part of the day's calls is left to the others, and we
go slower while a short-time limit comes near, instead of being told to. The CRM counts the calls
of all our workers, so each of them goes by the same numbers; near a limit they take turns, in a
line that they share.
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
_BELIEVED = 60.0  # seconds; then a call looks whether the day's calls are free again
_SHORTEST = 0.001  # seconds that are worth a wait
_GLANCE = 0.25  # seconds until a waiting call looks what was said meanwhile


@dataclass(frozen=True, slots=True)
class Limits:
    """What one answer says of them; None where it says nothing."""

    day: Remaining | None = None
    window: Remaining | None = None


class Quota:
    """`reserve`: the share of the day's calls that is left to others."""

    def __init__(
        self,
        name: str,
        reserve: float,
        pace: Pace | None = None,
        sleep: Callable[[float], None] = stopping.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._reserve = reserve
        self._pace = pace or LocalPace(clock)
        self._sleep = sleep
        self._clock = clock
        self._day: tuple[Remaining, float] | None = None
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        # How far the CRM's clock is ahead of ours, for whoever has made no call of their own yet.
        self.clock_ahead = timedelta(0)

    def note(self, limits: Limits) -> None:
        """Remember what an answer said, and when."""
        if limits.day is not None:
            with self._lock:
                self._day = limits.day, self._clock()
        if limits.window is not None:
            self._pace.told(self._name, limits.window)

    @property
    def today(self) -> Remaining | None:
        """What the CRM last said of the day's calls; None where it has not."""
        with self._lock:
            return self._day[0] if self._day is not None else None

    def wait(self, *, of_the_reserve: bool = False) -> None:
        """Before a call: count it, as soon as the short-time limit has room for it.

        Raises `QuotaError` where only the reserve of the day's calls is left; `of_the_reserve`: the
        call may take of that.
        """
        with self._turn:  # near the limit one waits at a time, and goes by the newest answer
            if not of_the_reserve:
                self._stop_at_the_reserve()
            while (pause := self._pace.enter(self._name)) > 0:
                self._sleep(min(max(pause, _SHORTEST), _GLANCE))

    def acquire(self, bucket: str, seconds: float) -> None:
        """Wait for a turn in a bucket that all workers share: one call each so many seconds."""
        pause = self._pace.slot(f"{self._name}:{bucket}", seconds)
        if pause > _SHORTEST:
            self._sleep(pause)

    def _stop_at_the_reserve(self) -> None:
        if self._day is None:
            return
        day, at = self._day
        if day.share > self._reserve:
            return
        if self._clock() - at >= _BELIEVED:
            self._day = None  # the window may have moved on: one call looks
            return
        raise QuotaError(
            f"{self._name}: {day.remaining:,} of the {day.limit:,} API calls of today are left, "
            f"and {self._reserve:.0%} are kept for others (connectors.{self._name}.reserve); when "
            "more are free: hygiene runs resume RUN"
        )


def parse_remaining(remaining: str | None, limit: str | None, seconds: float) -> Remaining | None:
    """Read two headers; None where they do not say, or say what cannot be.

    >>> parse_remaining("12", "190", 10.0)
    Remaining(remaining=12, limit=190, seconds=10.0)
    >>> [parse_remaining(one, "190", 10.0) for one in (None, "many", "-1", "191")]
    [None, None, None, None]
    >>> parse_remaining("12", "0", 10.0)
    """
    try:
        found = Remaining(int(remaining or ""), int(limit or ""), seconds)
    except ValueError:
        return None
    return found if 0 <= found.remaining <= found.limit and found.limit > 0 else None
