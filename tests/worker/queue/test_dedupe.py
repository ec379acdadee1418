"""One message of a kind waits at a time, on a real Redis; none is missed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery, Task

from worker.queue import dedupe
from worker.store import embedded_redis

Look = Task[Any, Any]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    embedded_redis.ensure(tmp_path)
    yield tmp_path
    embedded_redis.stop(tmp_path)


@pytest.fixture
def redis_client(home: Path) -> redis.Redis:
    return embedded_redis.client(embedded_redis.url(home))


@pytest.fixture
def look(home: Path) -> Look:
    app = Celery("test", broker=embedded_redis.url(home), set_as_current=False)
    app.conf.task_default_queue = "looks"

    @app.task(name="look")
    def look(_where: str = "") -> None: ...

    looker: Look = look
    return looker


def waiting(redis_client: redis.Redis) -> Any:
    return redis_client.llen("looks")


def test_a_second_ring_adds_no_message_while_the_first_waits(
    look: Look, redis_client: redis.Redis
) -> None:
    assert [dedupe.enqueue_once(look) for _ in range(3)] == [True, False, False]
    assert waiting(redis_client) == 1


def test_a_ring_after_the_task_began_to_look_is_a_message_of_its_own(
    look: Look, redis_client: redis.Redis
) -> None:
    dedupe.enqueue_once(look)
    dedupe.acknowledge(look)  # what is stored from now on may be too late for this look
    assert dedupe.enqueue_once(look)
    assert waiting(redis_client) == 2


def test_what_is_rung_for_has_a_bell_of_its_own(look: Look, redis_client: redis.Redis) -> None:
    assert dedupe.enqueue_once(look, "hubspot")
    assert dedupe.enqueue_once(look, "salesforce")
    dedupe.acknowledge(look, "hubspot")
    assert not dedupe.enqueue_once(look, "salesforce")
    assert waiting(redis_client) == 2


def test_a_message_that_was_lost_is_missed_for_half_a_minute_at_most(
    look: Look, redis_client: redis.Redis
) -> None:
    dedupe.enqueue_once(look)
    (name,) = redis_client.keys("hygiene:rung:*")  # type: ignore[misc]
    assert 0 < redis_client.ttl(name) <= 30  # type: ignore[operator]


def test_a_redis_that_forgot_everything_is_told_anew(look: Look, redis_client: redis.Redis) -> None:
    dedupe.enqueue_once(look)
    redis_client.flushall()
    assert dedupe.enqueue_once(look)
    assert waiting(redis_client) == 1


def test_a_redis_that_is_away_does_not_keep_a_task_from_looking(
    look: Look, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    embedded_redis.stop(home)
    dedupe.acknowledge(look)
    assert "marked as queued" in caplog.text
