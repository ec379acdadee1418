"""How much of a limit our pace uses, and how few calls are refused, against a CRM that counts calls
as they arrive: a simulation in simulated time, with calls that take longer or shorter to arrive."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from connectors.http.pacing import RateWindow, Remaining

LIMIT, WINDOW = 190, 10.0  # calls and seconds: HubSpot's
SECONDS = 300.0
AT_ONCE = 8  # calls of ours that wait for an answer
DELAYED = 0.01  # the share of calls that lose a packet on the way


@dataclass
class Crm:
    """Counts calls in a rolling window, and refuses those that are too many."""

    times: deque[float] = field(default_factory=deque)

    def takes(self, now: float) -> bool:
        while self.times and self.times[0] <= now - WINDOW:
            self.times.popleft()
        if len(self.times) >= LIMIT:
            return False
        self.times.append(now)
        return True

    @property
    def remaining(self) -> int:
        return LIMIT - len(self.times)


@dataclass
class Simulation:
    """We call as often as the pace lets us; others make `others` calls a second at random."""

    others: float
    seed: int
    late: float = 0.0  # seconds that a waiting thread wakes up late, on average
    taken: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.crm, self.window = Crm(), RateWindow()
        self.in_flight = 0
        self.waiting = False
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[float], None]]] = []

    def run(self) -> Simulation:
        self._at(0.0, self._try)
        if self.others:
            self._at(self.rng.expovariate(self.others), self._other_calls)
        while self._events:
            now, _, happen = heapq.heappop(self._events)
            if now > SECONDS:
                break
            happen(now)
        return self

    @property
    def share(self) -> float:
        """Of the calls that the limit allows: a window at once, and a steady rate from then on."""
        return self.taken / (LIMIT + LIMIT / WINDOW * (SECONDS - WINDOW))

    def _at(self, when: float, happen: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), happen))

    def _on_the_way(self) -> float:
        late = self.rng.uniform(0.2, 1.0) if self.rng.random() < DELAYED else 0.0
        return self.rng.lognormvariate(0, 0.6) * 0.05 + late

    def _try(self, now: float) -> None:
        self.waiting = False
        if self.in_flight == AT_ONCE:
            return
        wait = self.window.enter(now)
        if wait <= 0:
            self.in_flight += 1
            self._at(now + self._on_the_way(), self._arrive)
        self.waiting = True
        late = self.rng.expovariate(1 / self.late) if self.late else 0.0
        self._at(now + min(max(wait, 0.001), 0.25) + late, self._try)

    def _arrive(self, now: float) -> None:
        if self.crm.takes(now):
            self.taken += 1
        else:
            self.refused += 1
        remaining = self.crm.remaining
        self._at(now + 0.05 + self._on_the_way(), lambda at: self._answer(at, remaining))

    def _answer(self, now: float, remaining: int) -> None:
        self.in_flight -= 1
        self.window.update(Remaining(remaining, LIMIT, WINDOW), now)
        if not self.waiting:
            self._try(now)

    def _other_calls(self, now: float) -> None:
        self.crm.takes(now)
        self._at(now + self.rng.expovariate(self.others), self._other_calls)


@pytest.mark.parametrize("late", [0.0, 0.002, 0.005])
@pytest.mark.parametrize("seed", range(5))
def test_alone_we_use_97_percent_and_nothing_is_refused(seed: int, late: float) -> None:
    simulation = Simulation(others=0, seed=seed, late=late).run()
    assert simulation.share >= 0.97
    assert simulation.refused == 0


@pytest.mark.parametrize(("others", "refused"), [(0.2, 0.002), (2.0, 0.002), (5.0, 0.01)])
@pytest.mark.parametrize("late", [0.0, 0.005])
@pytest.mark.parametrize("seed", range(3))
def test_beside_others_few_calls_are_refused(
    others: float, refused: float, late: float, seed: int
) -> None:
    simulation = Simulation(others, seed, late).run()
    assert simulation.refused <= simulation.taken * refused
    assert simulation.share >= 0.93 - others / (LIMIT / WINDOW)
