"""However many forms ask at once, no budget is exceeded, and a sync keeps its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from captures import add_key, settings_for
from fake_providers import CountingProvider, numbers, step

from worker.capture.answers import by_the_plan
from worker.capture.lookups import Lookups
from worker.capture.model import Asker
from worker.context import Context
from worker.verification import budget, spend
from worker.verification.conditions import Subject
from worker.verification.registry import ChainPlan
from worker.verification.reservation import LookupRequest


@pytest.fixture
def make(tmp_path: Path, either_database_url: str) -> Iterator[Callable[[], Context]]:
    opened: list[Context] = []

    def web_process() -> Context:
        opened.append(Context.create(settings_for(tmp_path, either_database_url)))
        return opened[-1]

    yield web_process
    for ctx in opened:
        ctx.close()


def test_two_processes_spend_no_more_than_the_keys_budget(make: Callable[[], Context]) -> None:
    provider = CountingProvider()
    web = [make(), make()]
    for ctx in web:
        ctx.providers = ChainPlan((step(provider),))
    asker = Asker(add_key(web[0], day_budget=Decimal("0.05"), month_budget=Decimal(1)))
    lookups = [Lookups(ctx) for ctx in web]
    begun = [
        lookups[place % 2].begin(asker, by_the_plan(number, None))
        for place, number in enumerate(numbers(14))
    ]
    answers = []
    for lookup in begun:
        if lookup is not None:
            lookup.future.result(30)
            answers.append(lookup.leave("x"))
    assert sum(answer is not None and answer.checked == "line_type" for answer in answers) == 5
    assert provider.asked.total() == 5
    with web[0].store.read() as connection:
        used = spend.used_by_part(connection, web[0].now(), "capture:")["day"]
    assert used == budget.Used(50_000, 5)
    # What is left of the whole budget is there for a sync.
    request = LookupRequest("20261128-120000-abcdef", f"{web[0].owner}:sync")
    verified = web[0].chain().verify([Subject(n) for n in numbers(20, 3000)], request)
    assert verified.lookups.asked["counting"] == 20
    for pool in lookups:
        pool.close()


def test_more_than_can_wait_are_not_begun(
    make: Callable[[], Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.capture.lookups._IN_FLIGHT", 2)
    ctx = make()
    ctx.providers = ChainPlan((step(CountingProvider()),))
    lookups = Lookups(ctx)
    with ctx.store.write():  # nobody can reserve anything meanwhile
        begun = [lookups.begin(Asker(), by_the_plan(number, None)) for number in numbers(3)]
    assert [lookup is not None for lookup in begun] == [True, True, False]
    for lookup in begun:
        if lookup is not None:
            lookup.future.result(30)
    lookups.close()
