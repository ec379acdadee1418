"""Rate limits: each call waits for its slot. The slots are shared by all workers through Redis.

A caller is told at once when its slot comes (the "generic cell rate algorithm"), so that nobody
has to ask twice and calls leave at an even pace. Packages that only say yes or no would leave the
waiting to guesswork.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import cast

import redis

from config import stopping
from config.settings import Settings
from connectors.quota import Pace
from worker import embedded
from worker.trouble import redis_line

log = logging.getLogger(__name__)

# Providers count in windows of their own, and calls arrive some milliseconds early or late: with
# this much more between them no second holds one too many.
_MARGIN = 1.04
_LONGEST = 5.0  # seconds that one sleep takes, so that a heartbeat is not kept waiting

# KEYS[1]: when the next free slot comes, by Redis's clock. ARGV: what this call takes, in seconds.
_SLOT = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local free = tonumber(redis.call('GET', KEYS[1]) or '0')
if free < now then free = now end
local after = free + tonumber(ARGV[1])
local keep = math.ceil((after - now) * 1000) + 1000
redis.call('SET', KEYS[1], string.format('%.6f', after), 'PX', keep)
return string.format('%.6f', free - now)
"""


class LocalPace:
    """Slots of this process alone, where there is no Redis."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._free: dict[str, float] = {}
        self._lock = threading.Lock()

    def slot(self, name: str, seconds: float) -> float:
        with self._lock:
            now = self._clock()
            free = max(now, self._free.get(name, 0.0))
            self._free[name] = free + seconds
            return free - now


class SharedPace:
    """Slots shared by all workers. While Redis is away each process paces itself."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._script = client.register_script(_SLOT)
        self._alone = LocalPace()

    def slot(self, name: str, seconds: float) -> float:
        try:
            answer = self._script(keys=[f"hygiene:pace:{name}"], args=[f"{seconds:.6f}"])
        except redis.RedisError as error:
            log.warning("rate limits are kept in this process alone: %s", redis_line(error))
            return self._alone.slot(name, seconds)
        return float(cast(bytes, answer))


def open_pace(settings: Settings) -> Pace:
    """Through the configured Redis, or the embedded one where it runs; else in this process."""
    if settings.redis_url:
        return SharedPace(embedded.client(settings.redis_url))
    if embedded.answers(settings.home):
        return SharedPace(embedded.client(embedded.url(settings.home)))
    return LocalPace()


def spacing(per_second: float, lookups: int) -> float:
    """Seconds between two such calls, so that no window of a second holds more than the limit.

    >>> round(spacing(50, 1), 4), round(spacing(50, 20), 4), round(spacing(5, 20), 4)
    (0.0208, 0.52, 4.16)
    """
    whole_calls = per_second // lookups
    return _MARGIN / whole_calls if whole_calls else _MARGIN * lookups / per_second


def fitting(per_second: float, batch: int) -> int:
    """The batch up to `batch` with which calls use the most of a limit; the largest of several.

    >>> fitting(50, 20), fitting(50, 1), fitting(5, 20), fitting(1000, 50), fitting(0.5, 20)
    (10, 1, 5, 50, 20)
    """
    return max(range(1, batch + 1), key=lambda size: (per_second // size * size, size))


def wait(
    pace: Pace, name: str, per_second: float, lookups: int = 1,
    sleep: Callable[[float], None] = stopping.sleep,
) -> None:  # fmt: skip
    """Wait for the slot of a call that makes this many lookups; raises `Stopped`."""
    left = pace.slot(name, spacing(per_second, lookups))
    while left > 0:
        sleep(min(left, _LONGEST))
        left -= _LONGEST
