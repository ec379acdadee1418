"""Rings for a task, once: at most one message of a kind waits in the queue.

Whoever takes the message up looks at all that is due, so a second one that waits beside it finds
nothing: at twenty replies a second there were hundreds of those. The mark is taken away before the
tables are looked at, so that what is stored after that look rings again. It also ends by itself:
when Redis or a dead worker has lost the message, beat's own look is not the only one for long.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import redis
from celery import Task

from worker.store import embedded_redis

log = logging.getLogger(__name__)

_LOST_AFTER = 30  # seconds until a mark without its message ends


def ring(task: Task[Any, Any], *args: str) -> bool:
    """Enqueue the task unless it waits already; whether it was enqueued. Raises as Celery does."""
    rung = _marks(task.app.conf.broker_url).set(_mark(task, args), 1, nx=True, ex=_LOST_AFTER)
    if rung:
        task.apply_async(args, retry=False)
    return bool(rung)


def heard(task: Task[Any, Any], *args: str) -> None:
    """To be called by the task before it looks at what is due; never raises."""
    try:
        _marks(task.app.conf.broker_url).delete(_mark(task, args))
    except redis.RedisError as error:
        log.warning("the queue's mark stays for a while: %s", type(error).__name__)


def _mark(task: Task[Any, Any], args: tuple[str, ...]) -> str:
    return ":".join(("hygiene:rung", str(task.name), *args))


@cache
def _marks(url: str) -> redis.Redis:
    return embedded_redis.client(url)
