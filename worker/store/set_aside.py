"""Keep the last hundred messages in Redis that no worker could read, for an operator to look at.

They are in the list `SET_ASIDE`, newest first, as JSON with `at`, `queue`, `why`, `size` and the
beginning of the `message`. The log says that there was one, and why, but never quotes it, because
we do not control what others write to a queue.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import redis

log = logging.getLogger(__name__)

SET_ASIDE = "hygiene:set-aside"
KEPT_FOR = 30 * 24 * 3600  # seconds since the last one
_MOST = 100  # messages that are kept
_LONGEST = 4000  # characters of each


def set_aside(client: Any, queue: str, message: str | bytes, why: str) -> None:
    """Keep the beginning of a message, and say so in the log. Never raises for Redis."""
    text = message.decode("utf-8", "replace") if isinstance(message, bytes) else message
    entry = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "queue": queue, "why": why,
        "size": len(message), "message": text[:_LONGEST],
    }  # fmt: skip
    try:
        with client.pipeline() as pipe:
            pipe.lpush(SET_ASIDE, json.dumps(entry))
            pipe.ltrim(SET_ASIDE, 0, _MOST - 1)
            pipe.expire(SET_ASIDE, KEPT_FOR)
            pipe.execute()
    except redis.RedisError as error:
        log.warning("a message could not be kept: %s", type(error).__name__)
    log.error("a message in the queue %s was set aside: %s; see hygiene doctor", queue, why)


def count(client: redis.Redis) -> int:
    """Count the messages that were set aside; raises `RedisError`."""
    return client.llen(SET_ASIDE)
