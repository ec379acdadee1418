"""Rates of captures: at most so many in any minute, in all web processes together.

Redis has the times of the last minute, by its own clock. While it is away each process counts
alone: what costs money is bounded by budgets in the database, whoever counts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast
from uuid import uuid4

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.settings import Settings
from worker.store import embedded_redis
from worker.store.machine_faults import redis_line

log = logging.getLogger(__name__)

WINDOW = 60.0  # seconds
_TIMEOUT = 0.2  # seconds that a Redis may take: a form waits
_AWAY_FOR = 5.0  # seconds in which a Redis that did not answer is not asked again
_MOST_SUBJECTS = 20_000  # that one process keeps while it counts alone

# KEYS: one for each subject. ARGV: this call's id, the window, then the limit of each.
# Counts the call for all of them, or for none. Returns 0, or the seconds to wait.
_TAKE = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local window, wait = tonumber(ARGV[2]), 0
for place, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.6f', now - window))
  local limit = tonumber(ARGV[2 + place])
  local count = redis.call('ZCARD', key)
  if count >= limit then
    local freed = redis.call('ZRANGE', key, count - limit, count - limit, 'WITHSCORES')
    wait = math.max(wait, freed[2] + window - now)
  end
end
if wait > 0 then return string.format('%.6f', wait) end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, string.format('%.6f', now), ARGV[1])
  redis.call('PEXPIRE', key, math.ceil(window * 1000) + 1000)
end
return '0'
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` calls a minute of one subject, such as a key."""

    subject: str
    limit: int


class Rates:
    """Counts calls. `url`: of the Redis that all web processes share."""

    def __init__(self, url: str) -> None:
        client: redis.Redis = redis.Redis.from_url(
            url.replace("redis+socket://", "unix://", 1), socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT, retry=Retry(NoBackoff(), 0),
        )  # fmt: skip
        self._take = client.register_script(_TAKE)
        self._alone = LocalRates()
        self._away_until = 0.0

    def take(self, rates: Sequence[Rate]) -> float:
        """Count a call; return 0. If it is over a rate, count nothing, and return the seconds until
        one is free again."""
        if time.monotonic() >= self._away_until:
            keys = [f"hygiene:capture:{rate.subject}" for rate in rates]
            limits = [rate.limit for rate in rates]
            try:
                answer = self._take(keys=keys, args=[uuid4().hex, WINDOW, *limits])
                return float(cast(bytes, answer))
            except redis.RedisError as error:
                self._away_until = time.monotonic() + _AWAY_FOR
                log.warning("rates of captures are kept in this process: %s", redis_line(error))
        return self._alone.take(rates)


class LocalRates:
    """The same in one process."""

    def __init__(self) -> None:
        self._calls: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def take(self, rates: Sequence[Rate]) -> float:
        with self._lock:
            now = time.monotonic()
            if len(self._calls) > _MOST_SUBJECTS:
                self._calls = {s: c for s, c in self._calls.items() if c and c[-1] > now - WINDOW}
            wait = 0.0
            for rate in rates:
                calls = self._calls.setdefault(rate.subject, deque())
                while calls and calls[0] <= now - WINDOW:
                    calls.popleft()
                if len(calls) >= rate.limit:
                    wait = max(wait, calls[len(calls) - rate.limit] + WINDOW - now)
            if not wait:
                for rate in rates:
                    self._calls[rate.subject].append(now)
            return wait


def open_rates(settings: Settings) -> Rates:
    return Rates(settings.redis_url or embedded_redis.url(settings.home))
