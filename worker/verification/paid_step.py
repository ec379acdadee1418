"""Ask one paid step: reserve in the ledger, send, settle, until every question is dealt with."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from config import stopping
from config.stopping import Stopped
from config.verification import Verification as Settings
from worker.verification import dispatch
from worker.verification.ledger import Ledger
from worker.verification.models import Question
from worker.verification.protocol import ChainStep
from worker.verification.reservation import LookupOutcome, LookupRequest, Reservation
from worker.verification.results import Results, verification_of

# Seconds between two tries while another worker asks all our questions. The first is short, since
# most calls are.
_FIRST_PAUSE, _MAX_PAUSE = 0.1, 5.0
_MAX_FILE_WAIT = 30 * 60.0  # seconds that a page waits for a file before it goes on without it


@dataclass(frozen=True, slots=True)
class VerifyCall:
    """What one call of `Chain.verify` works with. `heartbeat` is called often while it waits."""

    ledger: Ledger
    settings: Settings
    now: Callable[[], datetime]
    request: LookupRequest
    results: Results
    heartbeat: Callable[[], None]


class PaidStep:
    """The open questions of one step, and its calls under way.

    These steps are repeated, each in a short transaction of its own:

    1. Reserve the next questions in the ledger, as many as there is room for calls.
    2. Send those that are ours; collect files whose worker died; put back the rest.
    3. Settle a group of calls that came back, or wait while another worker asks all of them.

    If the provider takes files and there are many questions, a file is handed in instead of calls.
    """

    def __init__(
        self, call: VerifyCall, step: ChainStep, pool: ThreadPoolExecutor, at_once: int
    ) -> None:
        self._call = call
        self._step = step
        self._in_flight = dispatch.InFlightCalls(step, pool, at_once)
        self._queue: deque[Question] = deque()
        self._by_file = False

    def run(self, questions: Sequence[Question]) -> None:
        """Ask the questions. If it is interrupted, settle what was sent before it raises."""
        self._queue.extend(questions)
        self._by_file = 0 < getattr(self._step.provider, "bulk_from", 0) <= len(questions)
        try:
            self._ask_all()
        except BaseException:
            if self._in_flight:
                self._settle(*self._in_flight.cancel())
            raise

    def _ask_all(self) -> None:
        pause = _FIRST_PAUSE
        while self._queue or self._in_flight:
            stopping.check()
            self._call.heartbeat()
            all_busy = self._reserve_and_send()
            if self._in_flight:
                asked, outcome = self._in_flight.next_results()
                if asked:
                    self._settle(asked, outcome)
            elif all_busy:
                stopping.sleep(pause)
            pause = min(_MAX_PAUSE, pause * 1.5) if all_busy else _FIRST_PAUSE

    # -- reserving and sending -----------------------------------------------------------

    def _reserve_and_send(self) -> bool:
        """Take the next questions. Return whether other workers are asking all of them."""
        open_count = len(self._queue)
        size = open_count if self._by_file else min(self._in_flight.room, open_count)
        if not size:
            return False
        questions = [self._queue.popleft() for _ in range(size)]
        reservation = self._call.ledger.reserve(self._step, questions, self._call.request)
        self._call.results.add(reservation.known)
        reused = {answer.number for answer in reservation.known}
        self._call.results.lookups.reused[self._step.name] += len(reused)
        for job, waiting in reservation.files.items():
            self._collect_file(job, waiting)
        self._send(reservation.taken)
        self._put_back(reservation)
        return len(reservation.busy) == size

    def _send(self, questions: list[Question]) -> None:
        if self._by_file and len(questions) > self._step.provider.batch:
            self._submit_file(questions)
        elif questions:
            self._in_flight.send(questions)

    def _put_back(self, reservation: Reservation) -> None:
        """Queue questions to be asked later, or give up on them if a cap or the breaker refused."""
        if reservation.refused:
            self._give_up(reservation, [*reservation.left, *self._queue])
            self._queue.clear()
        else:
            self._queue.extend(reservation.left)
        self._queue.extend(reservation.busy)

    def _give_up(self, reservation: Reservation, questions: list[Question]) -> None:
        step, results = self._step, self._call.results
        results.lookups.failed[step.name] += len(questions)
        if self._call.request.retried:
            self._call.ledger.defer_questions(step, reservation.reason, questions)
        by_cap = reservation.refused == "cap"
        results.record_failure(step, questions, reservation.reason, by_cap)

    # -- files ---------------------------------------------------------------------------

    def _submit_file(self, questions: Sequence[Question]) -> None:
        step, ledger = self._step, self._call.ledger
        job, outcome = dispatch.submit_file(
            step, questions, lambda name: ledger.set_job(step, questions, name)
        )
        if job:
            self._collect_file(job, questions)
        else:
            self._settle(questions, outcome)

    def _collect_file(self, job: str, questions: Sequence[Question]) -> None:
        step, ledger = self._step, self._call.ledger
        try:
            outcome = dispatch.collect_file(
                step, job, questions, self._keep_claims_alive, _MAX_FILE_WAIT
            )
        except Stopped:
            ledger.release_claims(step, job)  # whoever takes the page up collects it
            raise
        if outcome is not None:
            self._settle(questions, outcome)
            return
        ledger.release_claims(step, job)
        reason = "has not finished our file yet"
        if self._call.request.retried:
            ledger.defer_questions(step, reason, questions)
        self._call.results.lookups.failed[step.name] += len(questions)
        self._call.results.record_failure(step, questions, reason)

    def _keep_claims_alive(self) -> None:
        stopping.check()
        self._call.heartbeat()
        self._call.ledger.renew_claims(self._call.request.owner)

    # -- settling ------------------------------------------------------------------------

    def _settle(self, asked: Sequence[Question], outcome: LookupOutcome) -> None:
        """Store the answers and their cost in the ledger, then count them."""
        step, call, now = self._step, self._call, self._call.now()
        answers = [
            verification_of(step, answer, step.price * answer.charged, now, call.settings)
            for answer in outcome.answers
        ]
        call.ledger.settle(step, asked, outcome, answers, call.request)
        call.results.add(answers)
        lookups = call.results.lookups
        lookups.asked[step.name] += len(asked)
        lookups.cost[step.name] += sum((answer.cost for answer in answers), Decimal(0))
        lookups.cost[step.name] += step.price * len(outcome.charge_unknown)
        for reasons in (outcome.failed, outcome.charge_unknown):
            lookups.failed[step.name] += len(reasons)
            for question, reason in reasons.items():
                call.results.record_failure(step, [question], reason)
