"""Paid lookups of captures: in threads of their own, so that nobody waits for a slow provider.

They go through the chain and the ledger like any other: never paid twice, never over a budget, and
left to the circuit breaker. A form is answered after a set time whatever a provider does; what
comes later is stored for whoever asks again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from config.errors import HygieneError
from config.verification import Caps
from worker.capture import answers, polls
from worker.capture.keys import ALL_CAPTURES, run_id
from worker.capture.model import Answer, Asker
from worker.context import Context
from worker.store import pause
from worker.store.machine_faults import trouble
from worker.verification import budget, circuit_breaker
from worker.verification.conditions import Subject
from worker.verification.reservation import LookupRequest, OwnBudget

log = logging.getLogger(__name__)

_THREADS = 8  # lookups at once of this process
_IN_FLIGHT = 32  # lookups under way or waiting for a thread; more are not begun
_LONGEST = 60.0  # seconds after which a lookup is given up, which others may be asking for


class _TookTooLongError(Exception):
    """A lookup is given up; what was sent for it has been settled."""


class Lookup:
    """A lookup under way. Its answer goes to the request, or, once that has gone, to the poll."""

    def __init__(self, planned: Answer, store: Callable[[str, Answer], None]) -> None:
        self.planned = planned
        self._store = store
        self._lock = threading.Lock()
        self._answer: Answer | None = None
        self._poll_id = ""
        self.future: Future[None]

    def leave(self, poll_id: str) -> Answer | None:
        """Return the answer if it is here. Else it is stored under this id when it comes."""
        with self._lock:
            self._poll_id = poll_id
            return self._answer

    def finish(self, answer: Answer) -> None:
        with self._lock:
            self._answer = answer
            poll_id = self._poll_id
        if poll_id:
            self._store(poll_id, answer)


class Lookups:
    """The lookups of this process."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._pool = ThreadPoolExecutor(_THREADS, "capture")
        self._room = threading.BoundedSemaphore(_IN_FLIGHT)

    def begin(self, asker: Asker, planned: Answer) -> Lookup | None:
        """Begin to look a number up; None if no lookup is to be made or can be made now.

        For a form, whether one can be made is decided before anything known of the number is
        looked at: a used-up budget must not tell which numbers we know.
        """
        if asker.key is not None and not (asker.key.pays and self._can_pay(asker)):
            return None
        if not self._room.acquire(blocking=False):
            return None
        lookup = Lookup(planned, lambda poll_id, answer: polls.store(self._ctx, poll_id, answer))
        try:
            lookup.future = self._pool.submit(self._run, asker, lookup)
        except BaseException:
            self._room.release()
            raise
        lookup.future.add_done_callback(lambda _done: self._room.release())
        return lookup

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    # -- in a thread of the pool -----------------------------------------------------------

    def _run(self, asker: Asker, lookup: Lookup) -> None:
        answer = lookup.planned  # by the plan, where nothing better comes
        try:
            answer = self._ask(asker, lookup.planned)
        except (HygieneError, _TookTooLongError) as error:
            log.info("a number of a form was not looked up: %s", str(error) or "it took too long")
        except Exception as error:  # of a thread: nobody else would hear of it
            _report("a number of a form could not be looked up", error)
        try:
            lookup.finish(answer)
        except Exception as error:  # likewise; whoever asks again is told that nothing is known
            _report("the late answer to a form could not be stored", error)

    def _ask(self, asker: Asker, planned: Answer) -> Answer:
        ctx = self._ctx.borrow()
        until = time.monotonic() + _LONGEST

        def heartbeat() -> None:
            if time.monotonic() > until:
                raise _TookTooLongError

        try:
            owner = f"{ctx.owner}:{threading.get_ident()}"
            verified = ctx.chain().verify(
                [Subject(planned.e164)], self._request(asker, owner), heartbeat
            )
        finally:
            self._ctx.give_back(ctx)
        return answers.by_lookups(planned, verified.answers.get(planned.e164, ()))

    # -- money -----------------------------------------------------------------------------

    def _request(self, asker: Asker, owner: str) -> LookupRequest:
        capture = self._ctx.settings.capture
        budgets = [OwnBudget(ALL_CAPTURES, "captures", capture.budget)]
        if (key := asker.key) is not None:
            caps = Caps(day=key.day_budget, month=key.month_budget)
            budgets.append(OwnBudget(run_id(key.id), f"the capture key {key.name}", caps))
        return LookupRequest(run_id(asker.id), owner, own_budgets=tuple(budgets), retried=False)

    def _can_pay(self, asker: Asker) -> bool:
        """Return whether some paid step could be asked now. The ledger decides again, with its
        lock: this only has to be right when nothing changes meanwhile."""
        ctx, now = self._ctx, self._ctx.now()
        request = self._request(asker, ctx.owner)
        with ctx.store.read() as connection:
            if pause.load(connection) is not None:
                return False
            for step in ctx.providers.steps:
                state = circuit_breaker.load(connection, step.name)
                resting = state.is_open and (state.retry_at is None or state.retry_at > now)
                if step.provider.local or resting:
                    continue
                limits = ctx.ledger.limits(connection, step, request, now)
                if budget.affordable(limits, budget.millionths(step.price), 1)[0]:
                    return True
        return False


def _report(what: str, error: Exception) -> None:
    known_fault = trouble(error)
    if known_fault is None:
        log.error("%s", what, exc_info=error)
    else:
        log.error("%s: %s", what, known_fault.line)
