"""Enqueue a Celery task unless a copy is already queued.

A task does everything that is due, so a second copy in the queue finds nothing to do: at twenty
replies a second there were hundreds of those. A Redis key (SET NX, 30 s) marks a task as queued.
`acknowledge()` deletes the key before the task reads its tables, so anything that is committed
later enqueues the task again. If Redis or a dead worker loses the message, the key expires.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import redis
from celery import Task

from worker.store import embedded_redis
from worker.store.machine_faults import redis_line

log = logging.getLogger(__name__)

DEDUPE_TTL = 30  # seconds until the key of a lost message expires


def enqueue_once(task: Task[Any, Any], *args: str) -> bool:
    """Enqueue the task unless it is queued; return whether it was. Raises what Celery raises."""
    rung = _redis(task.app.conf.broker_url).set(_dedupe_key(task, args), 1, nx=True, ex=DEDUPE_TTL)
    if rung:
        task.apply_async(args, retry=False)
    return bool(rung)


def acknowledge(task: Task[Any, Any], *args: str) -> None:
    """Mark the task as no longer queued, which it does before it reads its tables. Never raises."""
    try:
        _redis(task.app.conf.broker_url).delete(_dedupe_key(task, args))
    except redis.RedisError as error:
        log.warning("a task stays marked as queued for a while: %s", redis_line(error))


def _dedupe_key(task: Task[Any, Any], args: tuple[str, ...]) -> str:
    return ":".join(("hygiene:rung", str(task.name), *args))


@cache
def _redis(url: str) -> redis.Redis:
    return embedded_redis.client(url)
