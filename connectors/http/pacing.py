"""Paces calls: evenly spaced slots, and windows such as 100 calls in any ten seconds.

`Pace` is what all processes share. `LocalPace` is that of one process; the one that goes through
Redis (`worker/verification/rate_limit.py`) has the same rules as scripts, and the same test suite.

In a window each call is counted before it is sent, so that one whose answer never comes, or whose
worker is killed, counts too. Calls of others are known by what an answer says is left: that much
less than our own count explains.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

NEAR = 0.2  # of a window's calls: with fewer left they go one by one
LAST_CALLS = 5  # of a window: these go slower still, since others may be under way
ARRIVAL = 0.25  # seconds after we sent it, a call has surely been counted
ASSUMED = 10.0  # seconds of a window of which nothing was said yet


@dataclass(frozen=True, slots=True)
class Remaining:
    """So many calls of a limit are left. `seconds`: the window it counts over."""

    remaining: int
    limit: int
    seconds: float

    @property
    def share(self) -> float:
        return max(0.0, self.remaining / self.limit)


@dataclass(slots=True)
class RateWindow:
    """Our calls of one window, and what the CRM last said of it. Times are in seconds of any clock
    that only moves forward."""

    limit: int = 0  # 0: nothing was said yet
    seconds: float = ASSUMED
    _others: int = 0
    _told_at: float = 0.0
    _calls: deque[float] = field(default_factory=deque)

    def note(self, left: Remaining, now: float) -> None:
        """Take in what an answer says is left."""
        self.limit, self.seconds, self._told_at = left.limit, left.seconds, now
        self._forget(now)
        self._others = max(0, left.limit - left.remaining - len(self._calls))

    def enter(self, now: float) -> float:
        """Count a call that is made now and return 0, or return the seconds until it may be."""
        wait = self._wait(now)
        if wait <= 0:
            self._calls.append(now)
        return max(0.0, wait)

    def count(self, now: float) -> None:
        """Count a call that somebody else let in."""
        self._forget(now)
        self._calls.append(now)

    def _wait(self, now: float) -> float:
        self._forget(now)
        if not self.limit:
            return 0.0
        over = self._told_at + self.seconds
        remaining = self.limit - len(self._calls) - (self._others if now < over else 0)
        if remaining >= self.limit * NEAR:
            return 0.0
        if remaining > 0:
            spacing = self.seconds / self.limit * max(1.0, LAST_CALLS / remaining)
            last = self._calls[-1] if self._calls else self._told_at
            return last + spacing - now
        freed = self._calls[0] + self.seconds + ARRIVAL if self._calls else over
        return min(freed, over if now < over else freed) - now

    def _forget(self, now: float) -> None:
        while self._calls and self._calls[0] <= now - self.seconds - ARRIVAL:
            self._calls.popleft()


class Pace(Protocol):
    """Keeps limits, in this process or together with all others."""

    def slot(self, name: str, seconds: float) -> float:
        """Take `seconds` of the named line; returns how long to wait until they begin."""

    def enter(self, name: str) -> float:
        """Count a call in the named window and return 0, or return how long to wait for it."""

    def told(self, name: str, left: Remaining) -> None:
        """Take in what an answer says is left of the named window."""


class LocalPace:
    """Slots of this process alone, where there is no Redis."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._free: dict[str, float] = {}
        self._windows: defaultdict[str, RateWindow] = defaultdict(RateWindow)
        self._lock = threading.Lock()

    def slot(self, name: str, seconds: float) -> float:
        with self._lock:
            now = self._clock()
            free = max(now, self._free.get(name, 0.0))
            self._free[name] = free + seconds
            return free - now

    def enter(self, name: str) -> float:
        with self._lock:
            return self._windows[name].enter(self._clock())

    def told(self, name: str, left: Remaining) -> None:
        with self._lock:
            self._windows[name].note(left, self._clock())

    def count(self, name: str) -> None:
        """Count a call that was let in elsewhere."""
        with self._lock:
            self._windows[name].count(self._clock())

    def known(self, name: str) -> tuple[int, float]:
        """The limit of the named window (0: unknown) and its seconds."""
        with self._lock:
            return self._windows[name].limit, self._windows[name].seconds
