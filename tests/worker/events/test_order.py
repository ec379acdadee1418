"""Whatever happens, an endpoint hears of each change, in order, and knows the truth in the end.

A state machine: people suppress and lift, endpoints fail and recover, workers die before they have
recorded what they sent, time passes, somebody retries and replays.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from clocks import advance_clock
from event_receivers import receiving
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.worker.events.conftest import LOOPBACK, subscribe
from worker.context import Context
from worker.events import delivery, delivery_log
from worker.events import endpoints as directory
from worker.feedback.models import SuppressionReason
from worker.suppression import suppressions

NUMBERS = [f"+1415555267{last}" for last in range(2)]
NAME = "dialer"


class Events(RuleBasedStateMachine):
    """What happened, by number, as the model has it, and what the endpoint has heard."""

    make: Callable[[], Context]

    def __init__(self) -> None:
        super().__init__()
        self.ctx = self.make()
        self.stack = ExitStack()
        self.receiver = self.stack.enter_context(receiving())
        self.standing: dict[str, suppressions.Suppression] = {}
        self.happened: dict[str, list[str]] = {number: [] for number in NUMBERS}
        self.replayed = False
        subscribe(self.ctx, self.receiver, "number.suppressed", "number.lifted", name=NAME)

    def teardown(self) -> None:
        self.stack.close()
        self.ctx.close()

    @rule(number=st.sampled_from(NUMBERS))
    def suppress(self, number: str) -> None:
        if number not in self.standing:
            advance_clock(self.ctx, seconds=1)
            self.standing[number] = suppressions.add(
                self.ctx, number, SuppressionReason.OPT_OUT, "", "by letter", "kim"
            )
            self.happened[number].append("number.suppressed")

    @rule(number=st.sampled_from(NUMBERS))
    def lift(self, number: str) -> None:
        if number in self.standing:
            advance_clock(self.ctx, seconds=1)
            suppressions.lift(self.ctx, self.standing.pop(number).id, "kim", "a mistake")
            self.happened[number].append("number.lifted")

    @rule(status=st.sampled_from([204, 204, 500, 429, 302, 401]))
    def endpoint_answers(self, status: int) -> None:
        self.receiver.status = status

    @rule(sequence=st.sampled_from([0, 1, 2]))
    def endpoint_fails_on_one_event_of_each_number(self, sequence: int) -> None:
        self.receiver.refuses = lambda message: message["data"]["sequence"] == sequence

    @rule(span=st.sampled_from([{"seconds": 10}, {"minutes": 10}, {"days": 1}, {"days": 4}]))
    def time_passes(self, span: dict[str, int]) -> None:
        advance_clock(self.ctx, **span)

    @rule()
    def workers_deliver(self) -> None:
        delivery.deliver(self.ctx, seconds=5)

    @rule()
    def a_worker_dies_before_it_records_what_it_sent(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(delivery, "_record", die)
            try:
                delivery.deliver(self.ctx, seconds=5)
            except Died:
                self.replayed = True  # what it had sent is sent again

    @rule()
    def somebody_retries_what_is_parked(self) -> None:
        for parked in delivery_log.list_deliveries(self.ctx, NAME, "parked"):
            delivery_log.retry(self.ctx, parked.id)

    @rule()
    def somebody_pauses_and_resumes(self) -> None:
        directory.pause(self.ctx, NAME)
        delivery.deliver(self.ctx, seconds=5)
        directory.resume(self.ctx, NAME)

    @rule(hours=st.sampled_from([1, 100]))
    def somebody_replays(self, hours: int) -> None:
        delivery_log.replay(self.ctx, NAME, self.ctx.now() - timedelta(hours=hours))
        self.replayed = True

    @invariant()
    def nothing_came_before_its_turn(self) -> None:
        """First hearings of a number's events are a beginning of what happened to it."""
        for number, happened in self.happened.items():
            heard = self.first_hearings(number)
            assert heard == happened[: len(heard)], (number, heard, happened)

    @invariant()
    def without_reason_nothing_came_twice(self) -> None:
        if not self.replayed:
            assert len(self.receiver.ids) == len(set(self.receiver.ids))

    def first_hearings(self, number: str) -> list[str]:
        seen: dict[int, str] = {}
        for message in self.receiver.messages:
            if message["data"]["number"] == number:
                seen.setdefault(message["data"]["sequence"], message["type"])
        assert list(seen) == sorted(seen), "first heard in another order"
        return list(seen.values())

    def finish(self) -> None:
        """Once the endpoint answers again, it hears all of it, and knows how each number stands."""
        self.receiver.status, self.receiver.refuses = 204, lambda _message: False
        directory.resume(self.ctx, NAME)
        delivery.deliver(self.ctx, seconds=20)
        for number, happened in self.happened.items():
            assert self.first_hearings(number) == happened
        last: dict[str, Any] = {}
        for message in self.receiver.messages:
            last[message["data"]["number"]] = message["data"]["state"]["suppressed"]
        for number, suppressed in last.items():
            assert suppressed == (number in self.standing)


class Died(Exception):
    pass


def die(*_args: object) -> None:
    raise Died


class ToTheEnd(Events):
    def teardown(self) -> None:
        self.finish()
        super().teardown()


def test_an_endpoint_hears_all_of_it_in_order(
    make_context: Callable[..., Context], empty_database: Path
) -> None:
    class Machine(ToTheEnd):
        @staticmethod
        def make() -> Context:
            folder = Path(tempfile.mkdtemp())
            shutil.copy(empty_database, folder / "events.db")
            return make_context(LOOPBACK, DATABASE_URL=f"sqlite:///{folder / 'events.db'}",
                                HYGIENE_HOME=str(folder))  # fmt: skip

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=12, stateful_step_count=25, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
