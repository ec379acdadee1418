"""Rate limits: even slots, shared through a real Redis."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from constants import CLOSED_PORT
from hypothesis import given
from hypothesis import strategies as st

from config.settings import load
from connectors.http.pacing import MAX_LATE, LocalPace, Pace, Remaining
from worker.store import embedded_redis
from worker.verification import rate_limit
from worker.verification.rate_limit import SharedPace, open_shared_pace


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    embedded_redis.ensure(tmp_path)
    yield tmp_path
    embedded_redis.stop(tmp_path)


class TestInOneProcess:
    def test_slots_come_at_an_even_pace(self) -> None:
        clock = Clock()
        local = LocalPace(clock)
        assert [round(local.reserve("a", 0.5), 3) for _ in range(4)] == [0, 0.5, 1.0, 1.5]
        clock.now = 10.0
        assert local.reserve("a", 0.5) == 0, "what was not used is not saved up"

    def test_each_provider_has_a_line_of_its_own(self) -> None:
        local = LocalPace(Clock())
        local.reserve("a", 5)
        assert local.reserve("b", 5) == 0

    @given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 20)), min_size=1, max_size=40))
    def test_no_second_holds_more_than_the_limit(self, calls: list[tuple[float, int]]) -> None:
        """Whenever callers come, and however many lookups each makes."""
        clock = Clock()
        local = LocalPace(clock)
        begun = []
        for later, lookups in calls:
            clock.now += later
            begun.append((clock.now + local.reserve("a", lookups / 10), lookups))
        for start, _ in begun:
            within = [n for at, n in begun if start <= at < start + 1]
            # The last call in a window may reach beyond it with all but one of its lookups.
            assert sum(within) - max(within) <= 10

    def test_a_long_wait_is_slept_in_pieces(self) -> None:
        local, slept = LocalPace(Clock()), []
        rate_limit.wait(local, "a", 1, 12)
        rate_limit.wait(local, "a", 1, 1, slept.append)
        assert sum(slept) == pytest.approx(12 * 1.04)
        assert max(slept) <= 5


@pytest.fixture(params=["one process", "redis"])
def windows(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Pace]]:
    """Of two processes that keep one limit; the first kind is one process with two threads."""
    if request.param == "one process":
        yield [LocalPace()] * 2
        return
    embedded_redis.ensure(tmp_path)
    yield [SharedPace(embedded_redis.client(embedded_redis.url(tmp_path))) for _ in range(2)]
    embedded_redis.stop(tmp_path)


class TestAWindow:
    """A limit such as 100 calls in any ten seconds; both kinds keep it alike."""

    def test_nobody_waits_before_anything_was_said(self, windows: list[Pace]) -> None:
        assert [windows[n % 2].enter("a") for n in range(50)] == [0.0] * 50

    def test_calls_of_both_count(self, windows: list[Pace]) -> None:
        first, other = windows
        first.update("a", Remaining(10, 10, 10.0))
        assert [windows[n % 2].enter("a") for n in range(9)] == [0.0] * 9
        assert other.enter("a") == pytest.approx(2, abs=0.2), "the last one goes slowly"
        assert first.enter("b") == 0, "another CRM's"

    def test_all_wait_for_the_first_to_leave_it(self, windows: list[Pace]) -> None:
        first, other = windows
        first.update("a", Remaining(5, 5, 10.0))
        assert [first.enter("a") for _ in range(5)] == [0.0] * 5
        first.update("a", Remaining(0, 5, 10.0))
        assert other.enter("a") == pytest.approx(10.1, abs=0.3)

    def test_beside_others_the_last_ones_go_slower(self, windows: list[Pace]) -> None:
        first, other = windows
        assert first.enter("a") == 0
        first.update("a", Remaining(4, 100, 10.0))  # 95 calls are somebody else's
        assert other.enter("a") == pytest.approx(0.2, abs=0.1)

    def test_what_others_use_is_left_to_them(self, windows: list[Pace]) -> None:
        first, other = windows
        assert first.enter("a") == 0
        first.update("a", Remaining(0, 100, 10.0))  # 99 calls are somebody else's
        assert other.enter("a") == pytest.approx(10, abs=0.3)

    def test_a_window_that_is_over_is_free_again(self, windows: list[Pace]) -> None:
        first, other = windows
        first.update("a", Remaining(0, 10, 0.3))
        assert 0 < other.enter("a") <= 0.3
        time.sleep(0.35)
        assert other.enter("a") == 0

    def test_more_left_than_before_frees_at_once(self, windows: list[Pace]) -> None:
        first, other = windows
        first.update("a", Remaining(0, 100, 10.0))
        first.update("a", Remaining(100, 100, 10.0))
        assert other.enter("a") == 0

    def test_a_call_that_wakes_up_late_does_not_delay_the_next(self, windows: list[Pace]) -> None:
        spacing = 0.2
        windows[0].update("a", Remaining(40, 40, 40 * spacing))
        while windows[0].enter("a") == 0:  # the first 33 need not wait
            last = time.monotonic()
        due = last + spacing
        for place in range(4):
            time.sleep(max(0.0, due + 0.008 - time.monotonic()))
            late = time.monotonic() - due
            assert windows[place % 2].enter("a") == 0
            due += spacing + max(0.0, late - MAX_LATE)  # a busy machine may wake us even later
        next_due = time.monotonic() + windows[0].enter("a")
        assert next_due == pytest.approx(due, abs=0.01)

    def test_no_window_holds_more_than_the_limit(self, windows: list[Pace]) -> None:
        """Threads of two processes, as fast as they can."""
        seconds, limit = 0.5, 20
        windows[0].update("a", Remaining(limit, limit, seconds))

        def call(place: int) -> float:
            pace_ = windows[place % 2]
            while (wait := pace_.enter("a")) > 0:
                time.sleep(min(wait, 0.05))
            return time.monotonic()

        with ThreadPoolExecutor(8) as pool:
            times = sorted(pool.map(call, range(60)))
        most = max(sum(at <= other < at + seconds for other in times) for at in times)
        assert most <= limit


class TestThroughRedis:
    def test_after_a_flush_a_process_still_knows_the_limit(self, home: Path) -> None:
        client = embedded_redis.client(embedded_redis.url(home))
        shared = SharedPace(client)
        shared.update("a", Remaining(3, 3, 10.0))
        client.flushall()
        assert [shared.enter("a") for _ in range(3)] == [0.0] * 3
        assert shared.enter("a") > 1

    def test_without_an_answer_each_process_goes_by_what_it_has_made(self, home: Path) -> None:
        shared = SharedPace(embedded_redis.client(embedded_redis.url(home)))
        shared.update("a", Remaining(3, 3, 10.0))
        assert [shared.enter("a") for _ in range(3)] == [0.0] * 3
        embedded_redis.stop(home)
        assert shared.enter("a") > 1

    def test_no_more_of_it_is_kept_than_a_window(self, home: Path) -> None:
        client = embedded_redis.client(embedded_redis.url(home))
        shared = SharedPace(client)
        shared.update("a", Remaining(1000, 1000, 0.2))
        for _ in range(100):
            shared.enter("a")
        time.sleep(0.5)
        shared.enter("a")
        assert client.zcard("hygiene:calls:a") == 1

    def test_two_clients_share_one_line(self, home: Path) -> None:
        clients = [SharedPace(embedded_redis.client(embedded_redis.url(home))) for _ in range(2)]
        waits = [clients[n % 2].reserve("twilio", 100) for n in range(6)]
        for place, wait in enumerate(waits):
            assert wait == pytest.approx(place * 100, abs=60)

    @pytest.mark.parametrize("workers", [1, 2])
    def test_the_limit_is_kept(self, home: Path, workers: int) -> None:
        """50 calls a second, by the slots that were given: when a thread wakes up for its own is
        the machine's affair. (That they are used to the full, `bench` measures.)"""
        clients = [
            SharedPace(embedded_redis.client(embedded_redis.url(home))) for _ in range(workers)
        ]

        def call(place: int) -> tuple[float, float]:
            waited: list[float] = []
            before = time.monotonic()
            rate_limit.wait(clients[place % workers], "twilio", 50, sleep=waited.append)
            return before + sum(waited), time.monotonic() + sum(waited)

        with ThreadPoolExecutor(16 * workers) as pool:
            slots = list(pool.map(call, range(100)))  # the earliest and the latest that each was
        for start, _ in slots:
            surely = sum(start <= earliest and latest < start + 1 for earliest, latest in slots)
            assert surely <= 50
        assert max(latest for _, latest in slots) - min(early for early, _ in slots) > 99 / 50

    def test_a_flushed_redis_loses_no_more_than_its_line(self, home: Path) -> None:
        client = embedded_redis.client(embedded_redis.url(home))
        shared = SharedPace(client)
        shared.reserve("a", 100)
        client.flushall()
        assert shared.reserve("a", 1) == 0

    def test_without_an_answer_each_process_paces_itself(self, home: Path) -> None:
        shared = SharedPace(embedded_redis.client(embedded_redis.url(home)))
        embedded_redis.stop(home)
        assert [round(shared.reserve("a", 0.5), 1) for _ in range(3)] == [0, 0.5, 1.0]


class TestWhichOne:
    def test_the_embedded_redis_where_it_runs(self, home: Path) -> None:
        settings = load({"HYGIENE_HOME": str(home)})
        assert isinstance(open_shared_pace(settings), SharedPace)
        embedded_redis.stop(home)
        assert isinstance(open_shared_pace(settings), LocalPace)

    def test_the_configured_one_also_when_it_is_away_just_now(self, tmp_path: Path) -> None:
        settings = load({"HYGIENE_HOME": str(tmp_path), "REDIS_URL": f"redis://{CLOSED_PORT}/0"})
        pace = open_shared_pace(settings)
        assert isinstance(pace, SharedPace)
        assert pace.reserve("a", 1) == 0
