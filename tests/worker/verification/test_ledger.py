"""Never pay twice, never over a cap: many workers, both databases, workers that die."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from fake_providers import CountingProvider, FileProvider, numbers, step
from limits import lower_limits

from config.verification import Budget, Caps, ProviderTuning
from config.verification import Verification as Settings
from worker.store import Store
from worker.store.engine import open_store
from worker.store.tables import lookup_claims, lookup_retries, lookups, spend
from worker.verification.answer_cache import DatabaseAnswerCache
from worker.verification.chain import Chain
from worker.verification.conditions import Subject
from worker.verification.dispatch import InFlightCalls
from worker.verification.errors import AmbiguousResultError, ProviderError, UnavailableError
from worker.verification.ledger import LEASE, Ledger
from worker.verification.models import Answer, Question, Verification
from worker.verification.protocol import ChainStep
from worker.verification.providers.offline import OfflineProvider
from worker.verification.reservation import LookupRequest
from worker.verification.results import Lookups

NO_CAP = Budget(day=None, month=None)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def store(either_database_url: str) -> Iterator[Store]:
    opened = open_store(either_database_url)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dead_owners() -> set[str]:
    """Owners that are not alive."""
    return set()


Make = Callable[..., Chain]


@pytest.fixture
def make(store: Store, clock: Clock, dead_owners: set[str]) -> Iterator[Make]:
    chains = []

    def chain(*steps: ChainStep, **settings: Any) -> Chain:
        settings.setdefault("budget", NO_CAP)
        settings.setdefault(
            "providers", {chain_step.name: ProviderTuning(at_once=4) for chain_step in steps}
        )
        chosen = Settings(**settings)
        ledger = Ledger(store, chosen, lambda owner: owner not in dead_owners, clock)
        chains.append(Chain(steps, DatabaseAnswerCache(store), ledger, chosen, clock))
        return chains[-1]

    yield chain
    for opened in chains:
        opened.close()


def subjects(wanted: list[str]) -> list[Subject]:
    return [Subject(number) for number in wanted]


def verify(chain: Chain, wanted: list[str], owner: str = "me", **fields: Any) -> Lookups:
    return chain.verify(subjects(wanted), LookupRequest("run", owner, **fields)).lookups


def money(store: Store) -> dict[str, int]:
    names = ("money", "reserved_money", "lookups", "reserved_lookups", "lost")
    with store.read() as connection:
        query = sa.select(*(sa.func.coalesce(sa.func.sum(spend.c[name]), 0) for name in names))
        return dict(zip(names, map(int, connection.execute(query).one()), strict=True))


def count_rows(store: Store, table: sa.Table) -> int:
    with store.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def finish_lookups(chain: Chain, wanted: list[str], owner: str) -> None:
    """What a worker does with the answers to what it booked."""
    step, request = chain.steps[0], LookupRequest("run", owner)
    taken = [Question(number) for number in wanted]
    flight = InFlightCalls(step, chain.pool(step), 1)
    flight.send(taken)
    while flight:
        asked, outcome = flight.next_results()
        answers = [
            Verification(a.number, step.name, step.package, "line_type", a.verdict, a.line_type,
                         chain.ledger._now(), chain.ledger._now() + timedelta(days=9))
            for a in outcome.answers
        ]  # fmt: skip
        chain.ledger.settle(step, asked, outcome, answers, request)


class TestNeverPaidTwice:
    def test_what_counts_is_not_asked_again(self, make: Make, clock: Clock, store: Store) -> None:
        provider = CountingProvider()
        chain = make(step(provider))
        verify(chain, numbers(5))
        clock.now += timedelta(days=71)  # less than a mobile's 90 days and a spread of a fifth
        result = verify(chain, numbers(6))
        assert sum(provider.asked.values()) == 6
        assert (result.asked["counting"], result.reused["counting"]) == (1, 5)
        clock.now += timedelta(days=20)
        verify(chain, numbers(5))
        assert sum(provider.asked.values()) == 11

    def test_a_forced_look_asks_again_but_once(self, make: Make, clock: Clock) -> None:
        """A page that is taken up again, or a number on two pages, is not paid for twice."""
        provider = CountingProvider()
        chain = make(step(provider))
        verify(chain, numbers(3))
        clock.now += timedelta(minutes=1)
        opened = clock.now
        for _ in range(3):
            clock.now += timedelta(seconds=1)
            verify(chain, numbers(3), fresh_since=opened)
        assert set(provider.asked.values()) == {2}

    def test_not_sooner_than_at_most_every_so_often_whatever_is_forced(
        self, make: Make, clock: Clock
    ) -> None:
        provider = CountingProvider()
        chain = make(step(provider, at_most_every=timedelta(days=120)))
        verified = chain.verify(subjects(numbers(3)), LookupRequest("run", "me"))
        ends = {
            answer.expires_at - clock.now
            for answers in verified.answers.values()
            for answer in answers
        }
        assert ends == {timedelta(days=120)}, "nor is it due sooner"
        clock.now += timedelta(days=119)
        verify(chain, numbers(3), fresh_since=clock.now)
        assert set(provider.asked.values()) == {1}
        clock.now += timedelta(days=2)
        verify(chain, numbers(3), fresh_since=clock.now)
        assert set(provider.asked.values()) == {2}

    def test_workers_that_need_the_same_number_share_one_lookup(
        self, make: Make, store: Store
    ) -> None:
        """Eight at once, each with most of the same numbers, in different orders."""
        provider = CountingProvider(wait=lambda: time.sleep(0.003))
        chains = [make(step(provider)) for _ in range(8)]
        wanted = numbers(60)

        def work(place: int) -> dict[str, Any]:
            mine = wanted[place * 5 :] + wanted[: place * 5]
            done = chains[place].verify(subjects(mine), LookupRequest("run", f"worker-{place}"))
            return dict(done.answers)

        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(work, range(8)))
        assert set(provider.asked) == set(wanted)
        assert set(provider.asked.values()) == {1}
        for answers in results:
            assert all(len(answers[number]) == 1 for number in wanted), "and each has the answer"
        assert money(store) == {
            "money": 60 * 10_000, "reserved_money": 0, "lookups": 60, "reserved_lookups": 0,
            "lost": 0,
        }  # fmt: skip
        assert count_rows(store, lookup_claims) == 0

    def test_packages_do_not_stand_for_each_other(self, make: Make) -> None:
        provider = CountingProvider()
        chain = make(step(provider), step(provider, "live"))
        verify(chain, numbers(2))
        verify(chain, numbers(2))
        assert set(provider.asked.values()) == {2}


class TestWorkersThatDie:
    def reserve_lookups(self, chain: Chain, wanted: list[str], owner: str) -> None:
        """As far as a worker gets that dies while it waits for the answer."""
        questions = [Question(number) for number in wanted]
        taken = chain.ledger.reserve(chain.steps[0], questions, LookupRequest("run", owner)).taken
        assert len(taken) == len(wanted)

    def test_their_lookups_count_as_spent_and_are_made_again(
        self, make: Make, store: Store, dead_owners: set[str]
    ) -> None:
        provider = CountingProvider()
        chain = make(step(provider))
        self.reserve_lookups(chain, numbers(3), "doomed")
        assert money(store)["reserved_lookups"] == 3
        dead_owners.add("doomed")
        verify(chain, numbers(5))
        spent = money(store)
        assert (spent["lookups"], spent["lost"], spent["reserved_lookups"]) == (8, 3, 0)
        assert spent["money"] == 8 * 10_000
        with store.read() as connection:
            states = connection.scalars(sa.select(lookups.c.state)).all()
        assert sorted(states) == ["answered"] * 5 + ["lost"] * 3, "each accounted for"

    def test_of_another_machine_when_their_lease_ends(
        self, make: Make, store: Store, clock: Clock
    ) -> None:
        provider = CountingProvider()
        chain = make(step(provider))
        self.reserve_lookups(chain, numbers(2), "elsewhere")
        clock.now += LEASE + timedelta(seconds=1)
        verify(chain, numbers(2))
        assert money(store)["lost"] == 2

    def test_the_living_are_waited_for(self, make: Make, store: Store, clock: Clock) -> None:
        provider = CountingProvider()
        first, other = make(step(provider)), make(step(provider))
        self.reserve_lookups(first, numbers(1), "slow")
        ended = threading.Event()
        results: list[Lookups] = []

        def wait() -> None:
            results.append(verify(other, numbers(1), "patient"))
            ended.set()

        thread = threading.Thread(target=wait)
        thread.start()
        assert not ended.wait(0.3), "it does not ask what another is asking"
        assert not provider.asked
        # The slow one gets its answer after all.
        finish_lookups(first, numbers(1), "slow")
        assert ended.wait(10)
        thread.join()
        assert (results[0].asked["counting"], results[0].reused["counting"]) == (0, 1)

    def test_beat_settles_what_nobody_asks_about_again(
        self, make: Make, store: Store, dead_owners: set[str]
    ) -> None:
        chain = make(step(CountingProvider()))
        self.reserve_lookups(chain, numbers(4), "doomed")
        assert chain.ledger.settle_orphaned() == 0
        dead_owners.add("doomed")
        assert chain.ledger.settle_orphaned() == 4
        assert chain.ledger.settle_orphaned() == 0
        assert money(store)["lost"] == 4


class TestFiles:
    def test_are_used_for_many_numbers_and_not_for_few(self, make: Make, store: Store) -> None:
        provider = FileProvider(bulk_from=10)
        chain = make(step(provider))
        verify(chain, numbers(3))
        assert (provider.calls, provider.files) == (3, {})
        verify(chain, numbers(30, 3000))
        assert len(provider.files) == 1
        assert money(store)["lookups"] == 33

    def test_of_a_worker_that_died_are_fetched_not_paid_again(
        self, make: Make, store: Store, dead_owners: set[str]
    ) -> None:
        provider = FileProvider(bulk_from=2)
        chain = make(step(provider))
        questions = [Question(number) for number in numbers(20)]
        request = LookupRequest("run", "doomed")
        taken = chain.ledger.reserve(chain.steps[0], questions, request).taken
        job = provider.submit(taken, "line_type")
        chain.ledger.set_job(chain.steps[0], taken, job)
        dead_owners.add("doomed")
        assert chain.ledger.settle_orphaned() == 0, "it is not lost"
        verified = chain.verify(subjects(numbers(20)), LookupRequest("run", "heir"))
        assert all(len(answers) == 1 for answers in verified.answers.values())
        assert set(provider.asked.values()) == {1}
        spent = money(store)
        assert (spent["lookups"], spent["lost"], spent["reserved_lookups"]) == (20, 0, 0)

    def test_that_take_too_long_are_left_and_fetched_the_next_time(
        self, make: Make, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lower_limits(monkeypatch, lookup_file_patience=0.0)
        provider = FileProvider(bulk_from=2, looks=1)
        chain = make(step(provider))
        first = chain.verify(subjects(numbers(5)), LookupRequest("run", "me"))
        assert set(first.unanswered.values()) == {
            "the counting provider has not finished our file yet"
        }
        assert count_rows(store, lookup_retries) == 5
        second = chain.verify(subjects(numbers(5)), LookupRequest("run", "me"))
        assert not second.unanswered
        assert set(provider.asked.values()) == {1}
        assert count_rows(store, lookup_retries) == count_rows(store, lookup_claims) == 0


class TestNeverOverTheCap:
    @pytest.mark.parametrize(
        ("caps", "allowed"),
        [
            (Budget(day=Decimal("0.25"), month=None), 25),
            (Budget(day=None, month=Decimal("0.17")), 17),
            (Budget(day=None, month=None, run=Decimal("0.09")), 9),
            (Budget(day=None, month=None, day_lookups=11), 11),
            (Budget(day=None, month=None, month_lookups=0), 0),
        ],
    )
    def test_with_many_workers_at_once(
        self, make: Make, store: Store, caps: Budget, allowed: int
    ) -> None:
        provider = CountingProvider(wait=lambda: time.sleep(0.002))
        chains = [make(step(provider), budget=caps) for _ in range(6)]

        def work(place: int) -> Any:
            mine = numbers(10, 2000 + place * 10)
            return chains[place].verify(subjects(mine), LookupRequest("run", f"worker-{place}"))

        with ThreadPoolExecutor(6) as pool:
            results = list(pool.map(work, range(6)))
        assert sum(provider.asked.values()) == allowed
        missing = [why for result in results for why in result.unanswered.values()]
        assert len(missing) == 60 - allowed
        assert all("budget is used up" in why for why in missing)
        assert money(store)["lookups"] == allowed
        assert count_rows(store, lookup_retries) == 60 - allowed

    def test_of_one_provider_alone(self, make: Make, store: Store) -> None:
        """The other steps go on."""
        dear, cheap = CountingProvider("dear"), CountingProvider("cheap")
        chain = make(
            step(dear), step(cheap, only_undecided=True),
            providers={"dear": ProviderTuning(budget=Caps(day_lookups=3)), "cheap": {}},
        )  # fmt: skip
        verified = chain.verify(subjects(numbers(10)), LookupRequest("run", "me"))
        assert (sum(dear.asked.values()), sum(cheap.asked.values())) == (3, 7)
        assert not verified.unanswered, "what the first could not be asked, the second has told"

    def test_what_is_reserved_counts_as_used(self, make: Make, store: Store) -> None:
        chain = make(step(CountingProvider()), budget=Budget(day_lookups=4, day=None, month=None))
        questions = [Question(number) for number in numbers(3)]
        chain.ledger.reserve(chain.steps[0], questions, LookupRequest("run", "other"))
        verified = chain.verify(subjects(numbers(5, 3000)), LookupRequest("run", "me"))
        assert len(verified.unanswered) == 4

    def test_a_new_day_brings_new_budget_and_a_month_does_not_end_with_it(
        self, make: Make, clock: Clock
    ) -> None:
        provider = CountingProvider()
        caps = Budget(day_lookups=4, month_lookups=6, day=None, month=None)
        chain = make(step(provider), budget=caps)
        verify(chain, numbers(10))
        clock.now += timedelta(days=1)
        verify(chain, numbers(10))
        assert sum(provider.asked.values()) == 6
        clock.now += timedelta(days=10)
        verify(chain, numbers(10))
        assert sum(provider.asked.values()) == 10

    def test_a_clock_that_is_set_back_spends_nothing_twice(self, make: Make, clock: Clock) -> None:
        provider = CountingProvider()
        chain = make(step(provider), budget=Budget(month_lookups=5, day=None, month=None))
        verify(chain, numbers(5))
        clock.now -= timedelta(days=2)
        assert len(chain.verify(subjects(numbers(9)), LookupRequest("run", "me")).unanswered) == 4
        assert sum(provider.asked.values()) == 5

    def test_credit_with_the_provider_is_respected(self, make: Make, store: Store) -> None:
        from worker.verification import circuit_breaker

        provider = CountingProvider()
        chain = make(step(provider))
        with store.write() as connection:
            circuit_breaker.record_check(connection, "counting", "key", 3, datetime.now(UTC))
        verified = chain.verify(subjects(numbers(5)), LookupRequest("run", "me"))
        assert sum(provider.asked.values()) == 3
        assert set(verified.unanswered.values()) == {
            "the credit with the counting provider is used up"
        }
        with store.read() as connection:
            assert circuit_breaker.load(connection, "counting").credits == 0


class TestAnswersThatDoNotCome:
    def test_nothing_is_charged_for_a_call_that_failed(self, make: Make, store: Store) -> None:
        provider = CountingProvider(
            fail=lambda call: UnavailableError("has a fault") if call == 1 else None
        )
        chain = make(step(provider), providers={"counting": ProviderTuning(at_once=1)})
        verified = chain.verify(subjects(numbers(3)), LookupRequest("run", "me"))
        assert len(verified.unanswered) == 1
        assert money(store)["lookups"] == 2
        assert count_rows(store, lookup_retries) == 1

    def test_a_lost_answer_is_spent_and_not_asked_for_again_at_once(
        self, make: Make, store: Store
    ) -> None:
        provider = CountingProvider(
            fail=lambda call: AmbiguousResultError("broke off") if call == 1 else None
        )
        chain = make(step(provider), providers={"counting": ProviderTuning(at_once=1)})
        result = verify(chain, numbers(3))
        assert set(provider.asked.values()) == {1}
        assert (money(store)["lookups"], money(store)["lost"]) == (3, 1)
        assert result.cost["counting"] == Decimal("0.03")

    def test_what_a_call_brought_before_it_broke_off_is_kept_and_paid_once(
        self, make: Make, store: Store
    ) -> None:
        """Of three asked one by one the second is lost: the first counts, the third waits."""
        wanted = numbers(3)

        def broken(_call: int) -> ProviderError:
            came = Answer(wanted[0], "valid", "mobile", raw_answer="ok")
            return AmbiguousResultError("broke off").after([came], Question(wanted[1]))

        chain = make(step(CountingProvider(batch=3, fail=broken)))
        verified = chain.verify(subjects(wanted), LookupRequest("run", "me"))
        assert [number for number, answers in verified.answers.items() if answers] == wanted[:1]
        assert set(verified.unanswered) == set(wanted[1:])
        assert (money(store)["lookups"], money(store)["lost"]) == (2, 1)
        assert money(store)["reserved_lookups"] == 0
        again = make(step(CountingProvider(batch=3)))
        assert verify(again, wanted).asked["counting"] == 2, "the first is not asked again"

    def test_the_next_step_takes_over_where_it_may(self, make: Make) -> None:
        broken = CountingProvider("broken", fail=lambda _call: UnavailableError("has a fault"))
        other = CountingProvider("other")
        chain = make(step(broken), step(other, only_undecided=True))
        verified = chain.verify(subjects(numbers(3)), LookupRequest("run", "me"))
        assert set(other.asked.values()) == {1}
        assert not verified.unanswered

    def test_an_error_of_ours_says_nothing_of_a_number(self, make: Make, store: Store) -> None:
        def explode(_question: Question) -> Any:
            raise ValueError("a bug")

        chain = make(step(OfflineProvider(), "format"), step(CountingProvider(answer=explode)))
        verified = chain.verify(subjects(numbers(2)), LookupRequest("run", "me"))
        assert {v.verdict for answers in verified.answers.values() for v in answers} == {"valid"}
        assert len(verified.unanswered) == 2
        assert money(store)["reserved_lookups"] == 0

    def test_an_answer_later_takes_it_off_the_list(self, make: Make, store: Store) -> None:
        provider = CountingProvider(
            fail=lambda call: UnavailableError("has a fault") if call < 4 else None
        )
        chain = make(step(provider))
        verify(chain, numbers(3))
        assert count_rows(store, lookup_retries) == 3
        verify(chain, numbers(3))
        assert count_rows(store, lookup_retries) == 0
