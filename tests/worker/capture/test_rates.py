"""Rates hold for all web processes together, and for each alone while Redis is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.capture import rates
from worker.capture.rates import LocalRates, Rate, Rates
from worker.store import embedded_redis


@pytest.fixture(params=["one process", "redis"])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Rates] | list[LocalRates]]:
    """Two that count together: web processes, or threads of one."""
    if request.param == "one process":
        one = LocalRates()
        yield [one, one]
        return
    embedded_redis.ensure(tmp_path)
    yield [Rates(embedded_redis.url(tmp_path)) for _ in range(2)]
    embedded_redis.stop(tmp_path)


def test_no_more_than_the_rate_get_through_however_many_ask_at_once(
    two: list[Rates] | list[LocalRates],
) -> None:
    waits: list[float] = []
    rate = [Rate("shop", 10), Rate("shop:visitor", 8)]

    def ask(counter: Rates | LocalRates) -> None:
        for _ in range(6):
            waits.append(counter.take(rate))

    threads = [threading.Thread(target=ask, args=(two[place % 2],)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waits.count(0.0) == 8
    assert all(0 < wait <= rates.WINDOW for wait in waits if wait)
    # What one visitor was refused was not counted for the others.
    other = [Rate("shop", 10), Rate("shop:other", 8)]
    assert [two[0].take(other) == 0 for _ in range(4)] == [True, True, False, False]


def test_a_place_is_free_again_after_a_minute(
    two: list[Rates] | list[LocalRates], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "WINDOW", 0.3)
    rate = [Rate("shop", 1)]
    assert two[0].take(rate) == 0
    wait = two[1].take(rate)
    assert 0 < wait <= 0.3
    time.sleep(wait + 0.05)
    assert two[1].take(rate) == 0


def test_a_redis_that_is_away_holds_nobody_up(tmp_path: Path) -> None:
    counter = Rates(embedded_redis.url(tmp_path))
    begun = time.monotonic()
    assert [counter.take([Rate("shop", 2)]) == 0 for _ in range(3)] == [True, True, False]
    assert time.monotonic() - begun < 2
