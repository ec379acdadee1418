"""Rate limits: each call waits for its slot. All workers share the slots through Redis.

A caller learns at once when its slot comes (the "generic cell rate algorithm"). So nobody has to
ask twice, and calls go out evenly. Packages that only say yes or no would leave the length of the
wait to guesswork.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import cast
from uuid import uuid4

import redis

from config import stopping
from config.settings import Settings
from connectors.http.pacing import (
    ARRIVAL,
    FEW_OTHERS,
    LAST_ALONE,
    LAST_BESIDE_OTHERS,
    MAX_LATE,
    NEAR,
    LocalPace,
    Pace,
    Remaining,
)
from worker.store import embedded_redis
from worker.store.machine_faults import redis_line

log = logging.getLogger(__name__)

# Providers count in windows of their own, and calls arrive some milliseconds early or late: with
# this much more between them, no second holds one too many.
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


# The rule of `connectors.http.pacing`, for all processes at once, by Redis's clock.
# KEYS[1]: our calls by the time they were made. KEYS[2]: what the CRM last said, as a hash.
# ARGV: this call's id; the limit and seconds that this process knows, if Redis has forgotten them;
# `NEAR`; `ARRIVAL`; `FEW_OTHERS`; `LAST_BESIDE_OTHERS`; `LAST_ALONE`; `MAX_LATE`. Returns 0 for a
# call that was counted, else the seconds to wait.
_ENTER = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local state = redis.call('HMGET', KEYS[2], 'limit', 'seconds', 'others', 'at')
local limit = tonumber(state[1] or ARGV[2])
local seconds = tonumber(state[2] or ARGV[3])
local others, at = tonumber(state[3] or '0'), tonumber(state[4] or '0')
local arrival = tonumber(ARGV[5])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now - seconds - arrival))
local count = redis.call('ZCARD', KEYS[1])
local window_end = at + seconds
if now >= window_end then others = 0 end
local remaining = limit - count - others
local wait = 0
local function score(place)
  local entry = redis.call('ZRANGE', KEYS[1], place, place, 'WITHSCORES')
  return entry[2] and tonumber(entry[2])
end
if limit > 0 and remaining < limit * tonumber(ARGV[4]) then
  if remaining > 0 then
    local last_calls = tonumber(others > tonumber(ARGV[6]) and ARGV[7] or ARGV[8])
    local spacing = seconds / limit * math.max(1, last_calls / remaining)
    wait = (score(-1) or at) + spacing - now
  else
    local oldest = score(0)
    local freed = oldest and oldest + seconds + arrival or window_end
    if now < window_end then freed = math.min(freed, window_end) end
    wait = freed - now
  end
end
if wait > 0 then return string.format('%.6f', wait) end
local late = 0
if others <= tonumber(ARGV[6]) then late = math.min(-wait, tonumber(ARGV[9])) end
local last = score(-1)
local counted = last and math.max(now - late, last) or now
redis.call('ZADD', KEYS[1], string.format('%.6f', counted), ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.ceil((seconds + arrival) * 1000) + 1000)
return '0'
"""

# KEYS as above. ARGV: remaining, limit, seconds, `ARRIVAL`.
_UPDATE = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local limit, seconds = tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now - seconds - ARGV[4]))
local others = math.max(0, limit - tonumber(ARGV[1]) - redis.call('ZCARD', KEYS[1]))
redis.call('HSET', KEYS[2], 'limit', ARGV[2], 'seconds', ARGV[3], 'others', others,
           'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[2], 3600000)
"""


class SharedPace:
    """Slots and windows shared by all workers. While Redis is away, each process paces itself by
    its own calls and answers."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._slot = client.register_script(_SLOT)
        self._enter = client.register_script(_ENTER)
        self._update = client.register_script(_UPDATE)
        self._alone = LocalPace()

    def reserve(self, name: str, seconds: float) -> float:
        try:
            answer = self._slot(keys=[f"hygiene:pace:{name}"], args=[f"{seconds:.6f}"])
        except redis.RedisError as error:
            _say_alone(error)
            return self._alone.reserve(name, seconds)
        return float(cast(bytes, answer))

    def enter(self, name: str) -> float:
        limit, seconds = self._alone.limit_of(name)
        rule = (NEAR, ARRIVAL, FEW_OTHERS, LAST_BESIDE_OTHERS, LAST_ALONE, MAX_LATE)
        try:
            answer = self._enter(keys=_keys(name), args=[uuid4().hex, limit, seconds, *rule])
        except redis.RedisError as error:
            _say_alone(error)
            return self._alone.enter(name)
        wait = float(cast(bytes, answer))
        if wait == 0:
            self._alone.count(name)
        return wait

    def update(self, name: str, state: Remaining) -> None:
        self._alone.update(name, state)
        values = (state.remaining, state.limit, state.seconds, ARRIVAL)
        try:
            self._update(keys=_keys(name), args=[*values])
        except redis.RedisError as error:
            _say_alone(error)


def _keys(name: str) -> list[str]:
    return [f"hygiene:calls:{name}", f"hygiene:limit:{name}"]


def _say_alone(error: redis.RedisError) -> None:
    log.warning("rate limits are kept in this process alone: %s", redis_line(error))


def open_shared_pace(settings: Settings) -> Pace:
    """Share limits through the configured Redis, or the embedded one if it runs; else keep them in
    this process."""
    if settings.redis_url:
        return SharedPace(embedded_redis.client(settings.redis_url))
    if embedded_redis.answers(settings.home):
        return SharedPace(embedded_redis.client(embedded_redis.url(settings.home)))
    return LocalPace()


def spacing(per_second: float, lookups: int) -> float:
    """Return the seconds between two such calls with which no window of a second
    exceeds the limit.

    >>> round(spacing(50, 1), 4), round(spacing(50, 20), 4), round(spacing(5, 20), 4)
    (0.0208, 0.52, 4.16)
    """
    whole_calls = per_second // lookups
    return _MARGIN / whole_calls if whole_calls else _MARGIN * lookups / per_second


def fitting(per_second: float, batch: int) -> int:
    """Return the batch size, up to `batch`, with which calls use the most of a limit; the largest
    of several.

    >>> fitting(50, 20), fitting(50, 1), fitting(5, 20), fitting(1000, 50), fitting(0.5, 20)
    (10, 1, 5, 50, 20)
    """
    return max(range(1, batch + 1), key=lambda size: (per_second // size * size, size))


def wait(
    pace: Pace, name: str, per_second: float, lookups: int = 1,
    sleep: Callable[[float], None] = stopping.sleep,
) -> None:  # fmt: skip
    """Wait for the slot of a call that makes this many lookups; raises `Stopped`."""
    remaining = pace.reserve(name, spacing(per_second, lookups))
    while remaining > 0:
        sleep(min(remaining, _LONGEST))
        remaining -= _LONGEST
