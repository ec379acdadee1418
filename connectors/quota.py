"""Keeps within a CRM's limits by what it says of them itself, in the headers of each answer.

We are never the only ones who call a CRM: a part of the day's calls is left to the others, and we
go slower while a short-time limit comes near, instead of being told to. The CRM counts the calls
of all our workers, so each of them goes by the same numbers; near a limit they take turns, in a
line that they share.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import takewhile
from typing import Protocol

from config import stopping
from connectors.base import QuotaError

DAY = 24 * 3600.0  # seconds
_BELIEVED = 60.0  # seconds; then a call looks whether the day's calls are free again
_SHORTEST = 0.001  # seconds that are worth a wait
_ON_ITS_WAY = 0.25  # seconds after we sent it, a call has surely been counted
_GLANCE = 0.25  # seconds until a waiting call looks what was said meanwhile
_FEW = 5  # calls
_NEAR = 0.2  # of a window's calls: with fewer left we go slower


@dataclass(frozen=True, slots=True)
class Left:
    """So many calls of a limit are left. `seconds`: the window it counts over."""

    remaining: int
    limit: int
    seconds: float

    @property
    def share(self) -> float:
        return max(0.0, self.remaining / self.limit)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one answer says of them; None where it says nothing."""

    day: Left | None = None
    window: Left | None = None


class Pace(Protocol):
    """A line that all processes share."""

    def slot(self, name: str, seconds: float) -> float:
        """Take `seconds` of the named line; returns how long to wait until they begin."""


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
        self._pace = pace
        self._sleep = sleep
        self._clock = clock
        self._day: tuple[Left, float] | None = None
        self._window: tuple[Left, float] | None = None
        self._made: deque[float] = deque()  # when we made the calls that count in the window
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        # How far the CRM's clock is ahead of ours, for whoever has made no call of their own yet.
        self.clock_ahead = timedelta(0)

    def note(self, limits: Limits) -> None:
        """Remember what an answer said, and when."""
        now = self._clock()
        with self._lock:
            if limits.day is not None:
                self._day = limits.day, now
            if limits.window is not None:
                self._window = limits.window, now
                self._forget(now - limits.window.seconds - _ON_ITS_WAY)

    @property
    def today(self) -> Left | None:
        """What the CRM last said of the day's calls; None where it has not."""
        with self._lock:
            return self._day[0] if self._day is not None else None

    def wait(self) -> None:
        """Before a call: as long as it is better to wait; raises `QuotaError` at the reserve."""
        with self._turn:  # near the limit one waits at a time, and goes by the newest answer
            self._stop_at_the_reserve()
            while (pause := self._pause()) > _SHORTEST:
                self._sleep(min(pause, _GLANCE))
            if (apart := self._apart()) is not None:
                self.take_turn("calls", apart)
            with self._lock:
                if self._window is not None:  # until its own answer says it better
                    self._made.append(self._clock())
                    window, at = self._window
                    self._window = replace(window, remaining=window.remaining - 1), at

    def take_turn(self, line: str, seconds: float) -> None:
        """Wait for a place in a line that all workers share, one call each so many seconds."""
        if self._pace is not None:
            pause = self._pace.slot(f"{self._name}:{line}", seconds)
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

    def _pause(self) -> float:
        """Near the limit calls go one by one at the pace that it allows; the last few still slower,
        since others may be under way."""
        now = self._clock()
        with self._lock:
            if self._window is None:
                return 0.0
            window, at = self._window
            over = at + window.seconds
            if now >= over:
                self._window = None
                self._made.clear()
                return 0.0
            # Those of our calls that have left the window since it was said are free again.
            back = sum(1 for _ in self._gone(now - window.seconds - _ON_ITS_WAY))
            remaining = window.remaining + back
            if remaining >= window.limit * _NEAR:
                return 0.0
            if remaining > 0:
                apart = _spacing(window, remaining)
                return min((self._made[-1] if self._made else at) + apart, over) - now
            freed = self._made[back] if back < len(self._made) else at
            return min(freed + window.seconds + _ON_ITS_WAY, over) - now

    def _apart(self) -> float | None:
        """Seconds between two calls of anybody, where the limit is near."""
        with self._lock:
            if self._window is None or self._window[0].share >= _NEAR:
                return None
            window, _ = self._window
            return _spacing(window, max(1, window.remaining))

    def _gone(self, before: float) -> Iterator[float]:
        return takewhile(lambda made: made <= before, self._made)

    def _forget(self, before: float) -> None:
        for _ in range(sum(1 for _ in self._gone(before))):
            self._made.popleft()


def _spacing(window: Left, remaining: int) -> float:
    return window.seconds / window.limit * max(1.0, _FEW / remaining)


def left(remaining: str | None, limit: str | None, seconds: float) -> Left | None:
    """Of two headers; None where they do not say, or say what cannot be.

    >>> left("12", "190", 10.0)
    Left(remaining=12, limit=190, seconds=10.0)
    >>> left(None, "190", 10.0), left("12", "0", 10.0), left("many", "190", 10.0)
    (None, None, None)
    >>> left("-1", "190", 10.0), left("191", "190", 10.0)
    (None, None)
    """
    try:
        found = Left(int(remaining or ""), int(limit or ""), seconds)
    except ValueError:
        return None
    return found if 0 <= found.remaining <= found.limit and found.limit > 0 else None
