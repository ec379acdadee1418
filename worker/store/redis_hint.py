"""Say in the log, once, what keeps this process from Redis and what to do about it.

Celery tries again for ever, and its lines quote an error of TLS or of the system alone.
"""

from __future__ import annotations

import logging
from typing import Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.store.machine_faults import redis_line

log = logging.getLogger(__name__)

_WITHIN: Final = 5  # seconds in which Redis has to answer
_told: set[str] = set()  # lines that were said since it answered last


def warn_unless_it_answers(url: str) -> bool:
    """Return whether Redis answers and accepts writes; say why not, if that was not said already
    since it answered last. Never raises."""
    once = Retry(NoBackoff(), 0)
    try:
        client: redis.Redis = redis.Redis.from_url(
            url.replace("redis+socket://", "unix://", 1), socket_timeout=_WITHIN, retry=once
        )
        with client:
            client.set("hygiene:writes", 1, ex=10)
    except ValueError:
        return True  # a broker of another kind, whose own errors say what is wrong
    except redis.RedisError as error:
        warn(error)
        return False
    _told.clear()
    return True


def warn(error: redis.RedisError) -> None:
    """Say what is wrong, unless that was said already."""
    line = redis_line(error)
    if line not in _told:
        _told.add(line)
        log.error("%s", line)
