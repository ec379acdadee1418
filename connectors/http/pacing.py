"""Pace calls: by evenly spaced slots, and by windows such as 100 calls in any ten seconds.

`Pace` is the protocol. `LocalPace` keeps limits in one process; `SharedPace`, which goes through
Redis (`worker/verification/rate_limit.py`), has the same rules as scripts, and the same test suite.

A call counts in its window before it is sent, so that it counts even if its answer never comes or
its worker is killed. An answer that says that fewer calls are left than our own count explains
tells how many calls others have made.

How slow the last calls of a window go decides how much of a limit is used, and how many calls are
refused. The figures below were chosen by a simulation, which is a test now
(`tests/connectors/http/test_pace.py`): 97% of the limit where we are alone, and beside others a
sixth of the refusals that five slow calls in either case had, however late threads wake up.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

NEAR = 0.2  # of a window's calls: if fewer are left, calls go one by one
LAST_BESIDE_OTHERS = 8  # calls of a window: these go even slower, since others' may be under way
LAST_ALONE = 2  # the same, where nobody else makes calls
FEW_OTHERS = 2  # calls in a window: our own that came late look like so many of others
ARRIVAL = 0.15  # seconds after we sent a call, the CRM has nearly always counted it
# Seconds. A thread wakes up some milliseconds late. Where we are alone, a call counts from when it
# was due, so that the next one is not late as well: 2 ms a call would cost 1% of HubSpot's limit.
MAX_LATE = 0.01
ASSUMED = 10.0  # seconds of a window that no answer has described yet


@dataclass(frozen=True, slots=True)
class Remaining:
    """How many calls of a limit are left. `seconds`: the window that it counts over."""

    remaining: int
    limit: int
    seconds: float

    @property
    def share(self) -> float:
        return max(0.0, self.remaining / self.limit)


@dataclass(slots=True)
class RateWindow:
    """Our calls in one window, and what the CRM last said about it. Times are in seconds of any
    clock that only moves forward."""

    limit: int = 0  # 0: no answer has named it yet
    seconds: float = ASSUMED
    _others: int = 0
    _updated_at: float = 0.0
    _calls: deque[float] = field(default_factory=deque)

    def update(self, state: Remaining, now: float) -> None:
        """Record what an answer says is left."""
        self.limit, self.seconds, self._updated_at = state.limit, state.seconds, now
        self._evict(now)
        self._others = max(0, state.limit - state.remaining - len(self._calls))

    def enter(self, now: float) -> float:
        """Count a call that is made now and return 0, or return the seconds to wait for it."""
        wait = self._wait(now)
        if wait <= 0:
            late = min(-wait, MAX_LATE) if self._others_at(now) <= FEW_OTHERS else 0.0
            self._calls.append(max(now - late, self._calls[-1]) if self._calls else now)
        return max(0.0, wait)

    def count(self, now: float) -> None:
        """Count a call that was let in elsewhere."""
        self._evict(now)
        self._calls.append(now)

    def _wait(self, now: float) -> float:
        self._evict(now)
        if not self.limit:
            return 0.0
        others = self._others_at(now)
        remaining = self.limit - len(self._calls) - others
        if remaining >= self.limit * NEAR:
            return 0.0
        if remaining > 0:
            last_calls = LAST_BESIDE_OTHERS if others > FEW_OTHERS else LAST_ALONE
            spacing = self.seconds / self.limit * max(1.0, last_calls / remaining)
            last = self._calls[-1] if self._calls else self._updated_at
            return last + spacing - now
        window_end = self._updated_at + self.seconds
        freed = self._calls[0] + self.seconds + ARRIVAL if self._calls else window_end
        return min(freed, window_end if now < window_end else freed) - now

    def _others_at(self, now: float) -> int:
        """How many calls of others the window holds, as far as we know."""
        return self._others if now < self._updated_at + self.seconds else 0

    def _evict(self, now: float) -> None:
        while self._calls and self._calls[0] <= now - self.seconds - ARRIVAL:
            self._calls.popleft()


class Pace(Protocol):
    """Keep calls within limits, in this process or in all of them together."""

    def reserve(self, name: str, seconds: float) -> float:
        """Reserve the next `seconds` of a bucket; return how long to wait until they begin."""

    def enter(self, name: str) -> float:
        """Count a call in the named window and return 0, or return the seconds to wait for it."""

    def update(self, name: str, state: Remaining) -> None:
        """Record what an answer says is left of the named window."""


class LocalPace:
    """Keep calls within limits in this process alone, where there is no Redis."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._free: dict[str, float] = {}
        self._windows: defaultdict[str, RateWindow] = defaultdict(RateWindow)
        self._lock = threading.Lock()

    def reserve(self, name: str, seconds: float) -> float:
        with self._lock:
            now = self._clock()
            free = max(now, self._free.get(name, 0.0))
            self._free[name] = free + seconds
            return free - now

    def enter(self, name: str) -> float:
        with self._lock:
            return self._windows[name].enter(self._clock())

    def update(self, name: str, state: Remaining) -> None:
        with self._lock:
            self._windows[name].update(state, self._clock())

    def count(self, name: str) -> None:
        """Count a call that was let in elsewhere."""
        with self._lock:
            self._windows[name].count(self._clock())

    def limit_of(self, name: str) -> tuple[int, float]:
        """Return the limit of the named window (0: unknown) and its seconds."""
        with self._lock:
            return self._windows[name].limit, self._windows[name].seconds
