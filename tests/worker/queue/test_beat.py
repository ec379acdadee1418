"""The schedule: missed days, clocks that jump, files that are broken, and who is seen at work."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from fixture_types import Start
from processes import until

from worker.context import Context
from worker.queue.beat import Scheduler
from worker.store import embedded_redis, heartbeat


class Sent(Scheduler):
    """Notes what would be sent."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.sent: list[str] = []
        super().__init__(*args, **kwargs)

    def apply_async(self, entry: Any, *_args: Any, **_more: Any) -> None:
        self.sent.append(entry.name)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # of a night with a changed clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scheduler(clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    app = Celery("test", broker="memory://", set_as_current=False)
    app.conf.update(
        timezone="UTC",
        result_expires=None,
        beat_schedule={
            "often": {"task": "often", "schedule": 60.0},
            "daily": {"task": "daily", "schedule": 86_400.0},
        },
    )
    monkeypatch.setattr("celery.schedules.schedule.now", lambda _self: clock.now)
    scheduler = Sent(app, schedule_filename=str(tmp_path / "beat"))
    yield scheduler
    scheduler.close()


def tick(scheduler: Sent, times: int = 4) -> list[str]:
    scheduler.sent.clear()
    for _ in range(times):
        scheduler.tick()
    return scheduler.sent


def test_what_is_due_is_sent_and_nothing_twice(scheduler: Sent, clock: Clock) -> None:
    tick(scheduler)
    clock.now += timedelta(seconds=61)
    assert tick(scheduler) == ["often"]
    assert tick(scheduler) == []


def test_a_day_that_was_missed_is_made_up_for_once(scheduler: Sent, clock: Clock) -> None:
    tick(scheduler)
    clock.now += timedelta(days=3)
    assert sorted(tick(scheduler, 10)) == ["daily", "often"]


def test_a_clock_that_is_set_back_does_not_stop_it(scheduler: Sent, clock: Clock) -> None:
    """Celery's own scheduler would wait for a year here."""
    tick(scheduler)
    clock.now += timedelta(days=365)
    tick(scheduler)
    clock.now -= timedelta(days=365)
    tick(scheduler)
    clock.now += timedelta(seconds=61)
    assert tick(scheduler) == ["often"]


def test_nothing_is_skipped_or_repeated_when_summer_time_begins(
    scheduler: Sent, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        tick(scheduler)
        sent = []
        for _ in range(180):  # three hours, over the hour that does not exist
            clock.now += timedelta(seconds=60)
            sent += tick(scheduler, 1)
        assert sent.count("often") == 180
    finally:
        monkeypatch.delenv("TZ")
        os.environ.pop("TZ", None)
        time.tzset()


class TestARealBeat:
    def test_starts_over_a_broken_file_and_is_seen_at_work(
        self, ctx: Context, start: Start, tmp_path: Path
    ) -> None:
        home = tmp_path / "home"
        embedded_redis.ensure(home)
        (home / "beat-schedule").write_bytes(b"\x00half a file")
        assert "start a worker and beat" in heartbeat.describe(ctx.store, ctx.now())
        start("celery", "--app", "worker.app", "beat")
        start("celery", "--app", "worker.app", "worker", "--concurrency", "1")
        until(lambda: heartbeat.describe(ctx.store, ctx.now()) == "ok", "beat and worker", 60)

    def test_that_ended_is_noticed(self, ctx: Context) -> None:
        heartbeat.record(ctx.store, ctx.now() - timedelta(minutes=7))
        assert "for 7 minutes" in heartbeat.describe(ctx.store, ctx.now())


class TestADamagedFile:
    def test_it_is_made_anew_with_a_line(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = tmp_path / "beat-schedule"
        path.write_bytes(b"no database of any kind" * 100)
        app = Celery("test", broker="memory://")
        app.conf.beat_schedule_filename = str(path)
        scheduler = Scheduler(app, schedule_filename=str(path), lazy=True)
        scheduler.setup_schedule()
        scheduler.close()
        assert [r.levelname for r in caplog.records if "damaged" in r.getMessage()] == ["WARNING"]
        assert not any(record.exc_info for record in caplog.records)
