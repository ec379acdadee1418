"""What every provider does, and how the chain asks them. A new provider passes by being listed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest

from worker.phones import Kind
from worker.store.db import open_store
from worker.verification.base import Provider, ProviderError, Verdict, Verification
from worker.verification.chain import Chain
from worker.verification.memory import ForecastMemory, StoredMemory, history
from worker.verification.offline import OfflineProvider

NOW = datetime(2026, 11, 24, tzinfo=UTC)
NUMBERS = ["+442072194272", "+14155552671", "+4915112345678", "+1415555"]


@pytest.fixture(params=["offline"])
def provider(request: pytest.FixtureRequest) -> Provider:
    return {"offline": OfflineProvider(timedelta(days=180), timedelta(days=90))}[request.param]


class TestEveryProvider:
    def test_answers_in_the_one_vocabulary(self, provider: Provider) -> None:
        for said in provider.verify(NUMBERS, NOW):
            assert said.verdict in get_args(Verdict)
            assert said.line_type in get_args(Kind)
            assert (said.provider, said.package) == (provider.name, provider.package)
            assert said.words

    def test_says_until_when_an_answer_counts(self, provider: Provider) -> None:
        assert all(said.at == NOW < said.until for said in provider.verify(NUMBERS, NOW))

    def test_answers_only_for_what_it_was_asked(self, provider: Provider) -> None:
        assert {said.number for said in provider.verify(NUMBERS, NOW)} <= set(NUMBERS)
        assert provider.verify([], NOW) == []

    def test_tells_a_good_number_from_a_bad_one(self, provider: Provider) -> None:
        said = {one.number: one.verdict for one in provider.verify(NUMBERS, NOW)}
        assert said["+14155552671"] == "valid"
        assert said["+1415555"] == "invalid"


class Counting:
    name, package, price = "counting", "format", Decimal("0.01")

    def __init__(self, broken: bool = False) -> None:
        self.asked: list[str] = []
        self.broken = broken

    def verify(self, numbers: Sequence[str], now: datetime) -> list[Verification]:
        self.asked += numbers
        if self.broken:
            raise ProviderError("time-out")
        until = now + timedelta(days=30)
        return [
            Verification(n, self.name, self.package, "valid", "mobile", now, until, words="ok")
            for n in numbers
        ]


@pytest.fixture
def store(either_database_url: str) -> Any:
    opened = open_store(either_database_url)
    yield opened
    opened.close()


class TestTheChain:
    def test_does_not_ask_for_what_still_counts(self, store: Any) -> None:
        step = Counting()
        chain = Chain((step,), StoredMemory(store))
        chain.verify(NUMBERS, NOW)
        _, lookups = chain.verify([*NUMBERS, "+33142685300"], NOW + timedelta(days=29))
        assert step.asked == [*NUMBERS, "+33142685300"]
        assert (lookups.asked["counting"], lookups.reused["counting"]) == (1, 4)

    def test_asks_again_when_it_no_longer_counts_or_is_forced(self, store: Any) -> None:
        step = Counting()
        chain = Chain((step,), StoredMemory(store))
        chain.verify(NUMBERS[:1], NOW)
        chain.verify(NUMBERS[:1], NOW + timedelta(days=31))
        chain.verify(NUMBERS[:1], NOW + timedelta(days=31), force=True)
        assert len(step.asked) == 3

    def test_a_provider_without_answer_leaves_the_numbers_unsaid(self, store: Any) -> None:
        said, lookups = Chain((Counting(broken=True),), StoredMemory(store)).verify(NUMBERS, NOW)
        assert all(not found for found in said.values())
        assert lookups.failed["counting"] == len(NUMBERS)
        assert history(store, NUMBERS[0]) == []

    def test_a_dry_run_keeps_nothing(self, store: Any) -> None:
        Chain((Counting(),), ForecastMemory(store)).verify(NUMBERS, NOW, dry_run=True)
        assert list(StoredMemory(store).recall(NUMBERS, NOW)) == []
