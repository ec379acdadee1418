"""A CRM's limits, kept by what it says of them: a reserve of the day's calls, and a steady pace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from crms import Crm
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings
from connectors import build
from connectors.errors import QuotaError
from connectors.http.pacing import LocalPace, Remaining
from connectors.http.rate_limits import DAY, Limits, Quota
from connectors.hubspot import client as hubspot_client
from connectors.protocol import Connector
from connectors.salesforce import client as salesforce_client
from sandbox.run import Sandbox


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def quota(clock: Clock, api_reserve: float = 0.2) -> Quota:
    return Quota("hubspot", api_reserve, None, clock.sleep, lambda: clock.now)


def of_day(remaining: int, limit: int = 1000) -> Limits:
    return Limits(day=Remaining(remaining, limit, DAY))


def of_window(remaining: int, limit: int = 100) -> Limits:
    return Limits(window=Remaining(remaining, limit, 10.0))


class TestTheReserve:
    def test_nothing_is_known_before_the_first_answer(self, clock: Clock) -> None:
        quota(clock).wait()
        assert clock.slept == []

    def test_calls_go_on_above_it_and_stop_at_it(self, clock: Clock) -> None:
        kept = quota(clock)
        kept.record(of_day(201))
        kept.wait()
        kept.record(of_day(200))
        with pytest.raises(QuotaError, match=r"200 of today's 1,000 .* 20% .*hubspot\.api_reserve"):
            kept.wait()

    def test_after_a_minute_one_call_looks_whether_there_are_more(self, clock: Clock) -> None:
        kept = quota(clock)
        kept.record(of_day(10))
        clock.now += 59
        with pytest.raises(QuotaError):
            kept.wait()
        clock.now += 1
        kept.wait()
        kept.record(of_day(10))
        with pytest.raises(QuotaError):
            kept.wait()

    def test_none_can_be_wanted(self, clock: Clock) -> None:
        kept = quota(clock, api_reserve=0)
        kept.record(of_day(1))
        kept.wait()
        kept.record(of_day(0))
        with pytest.raises(QuotaError):
            kept.wait()

    def test_what_says_nothing_of_the_day_changes_nothing(self, clock: Clock) -> None:
        kept = quota(clock)
        kept.record(of_day(10))
        kept.record(Limits())
        with pytest.raises(QuotaError):
            kept.wait()


class TestThePace:
    def test_there_is_no_wait_while_the_limit_is_far(self, clock: Clock) -> None:
        kept = quota(clock)
        kept.wait()
        kept.record(of_window(20))
        kept.wait()
        assert clock.slept == []

    def test_near_it_calls_go_one_by_one_at_the_pace_it_allows(self, clock: Clock) -> None:
        """A limit of 100 in 10 seconds is one every 0.1 seconds; the last few go slower, since
        others make calls too."""
        kept = quota(clock)
        kept.record(of_window(90))
        kept.wait()
        for remaining, apart in ((19, 0.1), (10, 0.1), (8, 0.1), (2, 0.4), (1, 0.8)):
            kept.record(of_window(remaining))
            before = clock.now
            kept.wait()
            assert clock.now - before == pytest.approx(apart, abs=0.002), remaining

    def test_a_call_without_its_answer_counts_already(self, clock: Clock) -> None:
        kept = quota(clock)
        kept.record(of_window(2))
        start, waits = clock.now, []
        for _ in range(3):
            kept.wait()
            waits.append(clock.now - start)
        assert waits == pytest.approx([0.4, 1.2, 10], abs=0.002)

    def test_our_own_calls_are_free_again_when_their_window_is_over(self, clock: Clock) -> None:
        kept = quota(clock)
        kept.record(of_window(100))
        start = clock.now
        for _ in range(80):
            kept.wait()
        clock.now += 5
        kept.record(of_window(0))
        for _ in range(60):
            kept.wait()
        assert clock.now - start == pytest.approx(10.15, abs=0.01)

    def test_at_it_all_wait_until_the_window_is_over(self, clock: Clock) -> None:
        kept = quota(clock)
        kept.record(of_window(0))
        start = clock.now
        for _ in range(20):
            kept.wait()
        assert clock.now == start + 10

    def test_what_was_said_a_window_ago_no_longer_holds(self, clock: Clock) -> None:
        kept = quota(clock)
        kept.record(of_window(0))
        clock.now += 10
        kept.wait()
        assert clock.slept == []

    @given(st.integers(-10, 1000), st.integers(1, 500), st.floats(0, 100))
    def test_it_never_waits_longer_than_the_window(
        self, remaining: int, limit: int, later: float
    ) -> None:
        clock = Clock()
        kept = quota(clock)
        kept.record(of_window(remaining, limit))
        clock.now += later
        kept.wait()
        assert all(0 < seconds <= 10 for seconds in clock.slept)


class TestWhatTheySay:
    @pytest.mark.parametrize(
        ("header", "day"),
        [
            ("api-usage=18/5000", Remaining(4982, 5000, DAY)),
            ("api-usage=10018/100000; api-bursts=1/750", Remaining(89982, 100000, DAY)),
            ("api-usage=25/5000; per-app-api-usage=200/250(appName=sample-connected-app)",
             Remaining(50, 250, DAY)),
            ("api-usage=5003/5000", Remaining(0, 5000, DAY)),
            ("api-usage=0/0", None),
            ("", None),
            ("soon", None),
        ],
    )  # fmt: skip
    def test_salesforce(self, header: str, day: Remaining | None) -> None:
        assert salesforce_client.limits(header) == Limits(day)

    def test_hubspot(self) -> None:
        headers = {
            "X-HubSpot-RateLimit-Daily": "250000", "X-HubSpot-RateLimit-Daily-Remaining": "249999",
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000", "X-HubSpot-RateLimit-Max": "190",
            "X-HubSpot-RateLimit-Remaining": "12",
        }  # fmt: skip
        assert hubspot_client.limits(headers) == Limits(
            Remaining(249_999, 250_000, DAY), Remaining(12, 190, 10.0)
        )
        assert hubspot_client.limits({}) == Limits()

    @given(st.dictionaries(st.sampled_from(
        ["X-HubSpot-RateLimit-Daily", "X-HubSpot-RateLimit-Daily-Remaining",
         "X-HubSpot-RateLimit-Max", "X-HubSpot-RateLimit-Remaining",
         "X-HubSpot-RateLimit-Interval-Milliseconds"]), st.text()))  # fmt: skip
    def test_nonsense_says_nothing(self, headers: dict[str, str]) -> None:
        hubspot_client.limits(headers)
        salesforce_client.limits(" ".join(headers.values()))


@pytest.fixture(params=["salesforce", "hubspot"])
def crm(request: pytest.FixtureRequest, sandbox: Sandbox) -> Crm:
    return Crm.all(sandbox)[request.param]


@pytest.fixture
def connector(crm: Crm, make_settings: Callable[..., Settings]) -> Iterator[Connector]:
    opened = build(crm.name, make_settings())
    opened.apply_schema(opened.describe())
    yield opened
    opened.close()


def read_all(connector: Connector, crm: Crm) -> Any:
    return list(connector.read(crm.object))


def read_on(connector: Connector, crm: Crm) -> None:
    for _ in range(100):
        read_all(connector, crm)


class TestAgainstTheStandIns:
    def test_reading_stops_before_the_reserve_is_touched(
        self, connector: Connector, crm: Crm
    ) -> None:
        service: Any = crm.service
        service.daily_limit = service.used + 100
        for _ in range(39):  # two calls each in HubSpot: it counts its contacts by a search
            read_all(connector, crm)
        with pytest.raises(QuotaError, match="runs resume"):
            read_on(connector, crm)
        remaining = service.daily_limit - service.used
        # The few calls that are no reading (HubSpot's count) are made all the same.
        assert remaining == pytest.approx(service.daily_limit * 0.2, abs=3)

    def test_a_check_is_still_made(self, connector: Connector, crm: Crm) -> None:
        service: Any = crm.service
        service.used, service.daily_limit = 900, 1000
        read_all(connector, crm)
        with pytest.raises(QuotaError):
            read_all(connector, crm)
        assert connector.describe()

    def test_a_short_limit_is_used_and_not_run_into(
        self, sandbox: Sandbox, make_settings: Callable[..., Settings], monkeypatch: Any
    ) -> None:
        """Eight at once, each far faster than is allowed, and hardly one is told to slow down."""
        crm = Crm.all(sandbox)["hubspot"]
        opened = build("hubspot", make_settings())
        opened.apply_schema(opened.describe())
        service: Any = crm.service
        service.ten_second_limit = 100
        started = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(read_all, opened, crm) for _ in range(130)]:
                done.result()
        opened.close()
        again = opened.calls["read"] - 130
        assert again <= 1, "on a busy machine one may arrive later than it was made, and be refused"
        assert time.monotonic() - started > 3, "130 of 100 in 10 seconds must have waited"


class TestTheLimitOfAllWorkers:
    """They share what they count; here by one clock, through Redis in test_rate_limit.py."""

    def processes(self, clock: Clock, count: int) -> list[Quota]:
        shared = LocalPace(lambda: clock.now)
        return [Quota("hubspot", 0.2, shared, clock.sleep, lambda: clock.now) for _ in range(count)]

    def test_near_a_limit_two_processes_together_keep_its_pace(self, clock: Clock) -> None:
        both = self.processes(clock, 2)
        start = clock.now
        for turn in range(20):
            each = both[turn % 2]
            each.record(of_window(19))  # as the account counts them, whoever calls
            each.wait()
        assert clock.now - start >= 18 * 0.1 - 0.01

    def test_far_from_a_limit_nobody_waits(self, clock: Clock) -> None:
        first, other = self.processes(clock, 2)
        first.record(of_window(90))
        other.wait()
        assert clock.slept == []

    def test_a_process_that_has_called_nobody_yet_knows_of_the_limit(self, clock: Clock) -> None:
        first, new = self.processes(clock, 2)
        first.wait()
        first.record(of_window(0))
        new.wait()
        assert sum(clock.slept) == pytest.approx(10, abs=0.01)

    def test_a_call_of_a_worker_that_was_killed_is_counted(self, clock: Clock) -> None:
        """Its answer never came, so nobody was told what was left after it."""
        killed, other = self.processes(clock, 2)
        other.record(of_window(10, limit=10))
        for _ in range(9):
            killed.wait()
        before = clock.now
        other.wait()
        other.wait()
        assert clock.now - before >= 5, "only one of ten was left"

    def test_a_check_waits_for_it_too_though_it_may_take_of_the_reserve(self, clock: Clock) -> None:
        (kept,) = self.processes(clock, 1)
        kept.record(of_day(1))
        kept.record(of_window(0))
        kept.wait(from_reserve=True)
        assert sum(clock.slept) == pytest.approx(10, abs=0.01)

    def test_checks_wait_for_it_as_reads_do(
        self, sandbox: Sandbox, make_settings: Callable[..., Settings], clock: Clock
    ) -> None:
        """Each new process begins with a few of them, and many may begin at once."""
        shared_quota = Quota("hubspot", 0.2, None, clock.sleep, lambda: clock.now)
        shared_quota.record(of_window(0))
        opened = build("hubspot", make_settings(), shared_quota)
        assert opened.describe()
        opened.close()
        assert sum(clock.slept) == pytest.approx(10, abs=0.01)

    def test_hubspots_searches_always_wait_their_turn(
        self, sandbox: Sandbox, make_context: Callable[..., Any]
    ) -> None:
        """Of their own limit, five a second, no answer tells."""
        ctx = make_context()
        sandbox.hubspot.search_per_second = 5
        opened = ctx.connector("hubspot")
        (first,) = [c for page in opened.read("contacts") for c in page.contacts][:1]
        before = opened.calls["read"]
        searched = sandbox.hubspot.counters["POST /crm/objects/2026-09/contacts/search"]
        with ThreadPoolExecutor(6) as pool:
            searches = [
                pool.submit(lambda: list(opened.read("contacts", since=first.modified_at)))
                for _ in range(9)
            ]
            assert all(search.result() for search in searches)
        searches = sandbox.hubspot.counters["POST /crm/objects/2026-09/contacts/search"]
        assert opened.calls["read"] - before == searches - searched == 9, (
            "none was told to slow down"
        )
