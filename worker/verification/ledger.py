"""The ledger of paid lookups: nobody asks what another one is asking, and no cap is exceeded.

A lookup is *reserved* before it is made: its question is claimed and its price reserved, in one
transaction. It is *settled* afterwards, in one transaction too: the answer is stored, the price
becomes spent (or free again), and the claim is deleted. A worker that dies in between leaves its
claims. The next one to see them writes them off at their full price, since the provider may have
charged it. A file that was handed in is not lost: the next worker collects its answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.verification import Verification as Settings
from worker.store import Store, locks, pause
from worker.store.bulk import insert, upsert
from worker.store.invalidation import invalidate
from worker.store.locks import Lock
from worker.store.tables import lookup_retries, lookups, provider_states
from worker.verification import budget, circuit_breaker, claims, spend
from worker.verification.answer_cache import (
    clear_retries,
    load_answers,
    put_answers,
    stop_refreshing,
)
from worker.verification.budget import Used
from worker.verification.claims import key_of, unique_numbers
from worker.verification.models import Question, Verification
from worker.verification.protocol import ChainStep
from worker.verification.reservation import LookupOutcome, LookupRequest, Reservation

# A claim of a worker on another machine ends by itself; one of this machine's ends with it.
LEASE = timedelta(minutes=10)


class Ledger:
    """`alive`: whether the worker of this name is alive."""

    def __init__(
        self, store: Store, settings: Settings, alive: Callable[[str], bool],
        now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._store = store
        self._settings = settings
        self._alive = alive
        self._now = now

    # -- before --------------------------------------------------------------------------

    def reserve(
        self, step: ChainStep, questions: Sequence[Question], request: LookupRequest
    ) -> Reservation:
        """Claim what nobody else is asking, as far as the breaker and the caps allow.

        1. Take out what was answered in the meantime, and what another worker is asking.
        2. Ask the circuit breaker: closed, open, or one call to try.
        3. See how many lookups the caps allow, claim them, and reserve their price.

        Raises `PausedError` where a lookup would be paid for while everything is paused.
        """
        now = self._now()
        reservation = Reservation()
        with self._store.write() as connection:
            locks.acquire(connection, Lock.BOOKING_LOOKUPS)
            free = self._take_known_and_claimed(
                connection, step, questions, reservation, request, now
            )
            if not free:
                return reservation
            if (paused := pause.load(connection)) is not None:
                raise pause.PausedError(paused)
            permit = circuit_breaker.permit(connection, step.name, now)
            if not permit.allowed:
                reservation.left, reservation.refused, reservation.reason = (
                    free,
                    "breaker",
                    permit.reason,
                )
                return reservation
            room = min(len(free), step.provider.batch) if permit.trial else len(free)
            price = budget.millionths(step.price)
            limits = self.limits(connection, step, request, now)
            count, cap = budget.affordable(limits, price, room)
            if cap:
                reservation.refused, reservation.reason = "cap", f"{cap} is used up"
            reservation.left = free[count:]
            self._claim_and_reserve(
                connection, step, free[:count], reservation, request, price, now
            )
        return reservation

    def _take_known_and_claimed(
        self, connection: Connection, step: ChainStep, questions: Sequence[Question],
        reservation: Reservation, request: LookupRequest, now: datetime,
    ) -> list[Question]:  # fmt: skip
        """Note known answers and others' claims in `reservation`; return the other questions."""
        # Claims first: one that has gone since has left an answer, which is seen then. The other
        # way round PostgreSQL could show neither.
        claimed = claims.load(connection, step, questions)
        numbers = unique_numbers(questions)
        known = load_answers(connection, numbers, now, request.fresh_since, step)
        rest = _without_known(questions, known, reservation)

        def is_live(claim: Any) -> bool:
            # A claim of our own that we know nothing of is left from a failure of ours.
            ours = claim.owner == request.owner
            return claim.lease_expires_at > now and not ours and self._alive(claim.owner)

        by_claim = claims.sort_by_claim(rest, claimed, is_live)
        reservation.busy, reservation.files = by_claim.busy, by_claim.files
        for job, waiting in by_claim.files.items():
            claims.take_over(connection, step, job, waiting, request.owner, now + LEASE)
        _write_off(connection, by_claim.orphaned, now)
        return by_claim.free

    def limits(
        self, connection: Connection, step: ChainStep, request: LookupRequest, now: datetime
    ) -> list[budget.Limit]:
        """Return every cap that holds for a lookup of this step, with what is used of it."""
        tuning = self._settings.providers.get(step.name)
        overall, by_provider = spend.used_amounts(connection, now, request.run_id, step.name)
        limits = list(budget.limits(self._settings.budget, overall))
        if tuning is not None:
            limits += budget.limits(tuning.budget, by_provider, step.provider.label)
        if request.own_budgets:
            limits = [limit for limit in limits if limit.period != "run"]
        for own in request.own_budgets:
            own_used = spend.used_by_part(connection, now, own.run_ids)
            limits += budget.limits(own.caps, own_used, own.whose)
        credit = circuit_breaker.load(connection, step.name).credits
        if credit is not None:
            used = Used(0, spend.reserved_lookups(connection, step.name))
            name = f"the credit with {step.provider.label}"
            limits.append(budget.Limit(name, None, credit, used))
        return limits

    def _claim_and_reserve(
        self, connection: Connection, step: ChainStep, questions: list[Question],
        reservation: Reservation, request: LookupRequest, price: int, now: datetime,
    ) -> None:  # fmt: skip
        if not questions:
            return
        reservation.taken = claims.insert(
            connection, step, questions, request, price, now, now + LEASE
        )  # fmt: skip
        taken = set(reservation.taken)
        reservation.busy += [question for question in questions if question not in taken]
        if taken:
            amounts = {
                "reserved_money": price * len(reservation.taken),
                "reserved_lookups": len(reservation.taken),
            }
            spend.add(connection, budget.day_of(now), step.name, request.run_id, amounts)

    # -- meanwhile -----------------------------------------------------------------------

    def set_job(self, step: ChainStep, questions: Sequence[Question], job: str) -> None:
        """Store the name under which the provider knows the file with these questions."""
        with self._store.write() as connection:
            claims.set_job(connection, step, questions, job)

    def renew_claims(self, owner: str) -> None:
        """Extend this worker's claims. Called now and then while it waits for a file."""
        with self._store.write() as connection:
            claims.renew(connection, owner, self._now() + LEASE)

    def release_claims(self, step: ChainStep, job: str) -> None:
        """Leave an unfinished file to the next worker."""
        with self._store.write() as connection:
            claims.release_file(connection, step, job, self._now())

    # -- afterwards ----------------------------------------------------------------------

    def settle(
        self, step: ChainStep, asked: Sequence[Question], outcome: LookupOutcome,
        answers: Sequence[Verification], request: LookupRequest,
    ) -> None:  # fmt: skip
        """Store the answers and turn what was reserved into what was spent, in one transaction."""
        now = self._now()
        with self._store.write() as connection:
            mine = claims.load(connection, step, asked, request.owner)
            put_answers(connection, answers)
            invalidate(connection, (answer.number for answer in answers))
            insert(connection, lookups, [
                *(_answered_row(answer, step, request.run_id, now) for answer in answers),
                *(_charge_unknown_row(
                      step, question, request.run_id, reason, mine.get(key_of(question)), now)
                  for question, reason in outcome.charge_unknown.items()),
            ])  # fmt: skip
            for (day, run_id), amounts in _settled_amounts(mine, outcome).items():
                spend.add(connection, day, step.name, run_id, amounts)
            if request.retried:
                self._store_retries(connection, step, outcome, now)
            claims.delete(connection, step, mine)
            if outcome.succeeded:
                circuit_breaker.record_success(connection, step.name)
            else:
                circuit_breaker.record_failures(
                    connection, step.name, outcome.errors, now, self._settings
                )
            _use_credits(connection, step, sum(_charged(outcome).values()))

    def _store_retries(
        self, connection: Connection, step: ChainStep, outcome: LookupOutcome, now: datetime
    ) -> None:
        reasons = {**outcome.failed, **outcome.charge_unknown}
        record_retries(
            connection, step, {question.number: reason for question, reason in reasons.items()},
            now, now + self._settings.retry_after,
        )  # fmt: skip
        clear_retries(connection, step, sorted({answer.number for answer in outcome.answers}))

    def defer_questions(self, step: ChainStep, reason: str, questions: Sequence[Question]) -> None:
        """Store why questions could not be asked, and when to try again."""
        now = self._now()
        reasons = {question.number: reason for question in questions}
        with self._store.write() as connection:
            record_retries(connection, step, reasons, now, now + self._settings.retry_after)

    def clear_retries(self, step: ChainStep, numbers: Sequence[str]) -> None:
        """Delete the retries of these numbers: they have an answer, or need none."""
        with self._store.write() as connection:
            clear_retries(connection, step, numbers)

    def stop_refreshing(self, step: ChainStep, numbers: Sequence[str]) -> None:
        """Have this step's answers about these numbers not fall due again."""
        with self._store.write() as connection:
            stop_refreshing(connection, step, numbers, self._now())

    def settle_orphaned(self) -> int:
        """Write off the claims of workers that died. Return how many (beat, `doctor`)."""
        now = self._now()
        with self._store.write() as connection:
            locks.acquire(connection, Lock.BOOKING_LOOKUPS)
            rows = claims.without_a_file(connection)
            dead = [
                row for row in rows if row.lease_expires_at <= now or not self._alive(row.owner)
            ]
            _write_off(connection, dead, now)
        return len(dead)


def _write_off(connection: Connection, rows: Sequence[Any], now: datetime) -> None:
    """Count the claims of a dead worker as spent: the provider may have charged them."""
    if not rows:
        return
    insert(connection, lookups, [
        {
            "number": row.number, "provider": row.provider, "package": row.package,
            "since": row.since, "run_id": row.run_id, "state": "lost", "verdict": "",
            "detail": "its worker died while it was asked", "cost": budget.money(row.price),
            "at": now,
        }
        for row in rows
    ])  # fmt: skip
    amounts: dict[tuple[str, str, str], Counter[str]] = {}
    for row in rows:
        amounts.setdefault((row.day, row.provider, row.run_id), Counter()).update(
            money=row.price, lookups=1, lost=1, reserved_money=-row.price, reserved_lookups=-1
        )
        claims.delete_row(connection, row)
    for (day, provider, run_id), change in amounts.items():
        spend.add(connection, day, provider, run_id, change)


def record_retries(
    connection: Connection, step: ChainStep, reasons: Mapping[str, str], now: datetime,
    retry_at: datetime,
) -> None:  # fmt: skip
    """Store why numbers have no answer from a step (number -> reason), and when to try again."""
    upsert(
        connection,
        lookup_retries,
        [
            {
                "number": number, "provider": step.name, "package": step.package,
                "reason": reason[:255], "at": now, "retry_at": retry_at,
            }
            for number, reason in sorted(reasons.items())
        ],
    )  # fmt: skip


# -- settling ------------------------------------------------------------------------------


def _settled_amounts(
    mine: Mapping[claims.Key, Any], outcome: LookupOutcome
) -> dict[tuple[str, str], Counter[str]]:
    """Return the changes of the spend table, by day and run of the claims.

    Every claim's reservation is taken back. An answer costs its price as often as it was charged;
    one that may have been charged costs its price once.
    """
    charged = _charged(outcome)
    unknown = {key_of(question) for question in outcome.charge_unknown}
    amounts: dict[tuple[str, str], Counter[str]] = {}
    for key, claim in mine.items():
        change = amounts.setdefault((claim.day, claim.run_id), Counter())
        change["reserved_money"] -= claim.price
        change["reserved_lookups"] -= 1
        if key in charged:
            change["money"] += claim.price * charged[key]
            change["lookups"] += 1
        if key in unknown:
            change["money"] += claim.price
            change["lookups"] += 1
            change["lost"] += 1
    return amounts


def _charged(outcome: LookupOutcome) -> dict[claims.Key, int]:
    """Return how often each answer was charged, by number and date."""
    return {
        (answer.number, answer.since.isoformat() if answer.since else ""): answer.charged
        for answer in outcome.answers
    }


def _use_credits(connection: Connection, step: ChainStep, charged: int) -> None:
    if not charged:
        return
    c = provider_states.c
    connection.execute(
        sa.update(provider_states)
        .where(c.name == step.name, c.credits.is_not(None))
        .values(credits=c.credits - charged)
    )


def _without_known(
    questions: Sequence[Question], known: Sequence[Verification], reservation: Reservation
) -> list[Question]:
    """Note the answers that cover a question in `reservation`; return the questions without one."""
    by_number: dict[str, list[Verification]] = {}
    for answer in known:
        by_number.setdefault(answer.number, []).append(answer)
    rest = []
    for question in questions:
        covering = [v for v in by_number.get(question.number, ()) if v.covers(question.since)]
        if covering:
            reservation.known += [answer for answer in covering if answer not in reservation.known]
        else:
            rest.append(question)
    return rest


def _answered_row(
    answer: Verification, step: ChainStep, run_id: str, now: datetime
) -> dict[str, Any]:
    return {
        "number": answer.number, "provider": step.name, "package": step.package,
        "since": answer.since, "run_id": run_id, "state": "answered", "verdict": answer.verdict,
        "detail": answer.detail[:255], "cost": answer.cost, "at": now,
    }  # fmt: skip


def _charge_unknown_row(
    step: ChainStep, question: Question, run_id: str, reason: str, claim: Any, now: datetime
) -> dict[str, Any]:
    price = cast(int, claim.price) if claim is not None else budget.millionths(step.price)
    return {
        "number": question.number, "provider": step.name, "package": step.package,
        "since": key_of(question)[1], "run_id": run_id, "state": "lost", "verdict": "",
        "detail": reason[:255], "cost": budget.money(price), "at": now,
    }  # fmt: skip
