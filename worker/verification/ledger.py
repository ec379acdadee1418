"""The ledger of paid lookups: nobody asks what another is asking, and nothing goes over a cap.

A lookup is *booked* before it is made: its question is claimed and its price reserved, in one
transaction. It is *settled* afterwards, in one transaction too: the answer is kept, the price
becomes spent (or free again), the claim goes. A worker that dies in between leaves its claims; the
next one to see them settles them as lost, at their full price, since the provider may have charged
it. What was handed in as a file is not lost: whoever comes next fetches its answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from config.verification import Verification as Settings
from worker.store import Store, locks
from worker.store.bulk import chunks, insert, upsert
from worker.store.invalidation import invalidate
from worker.store.locks import Lock
from worker.store.tables import lookup_claims, lookup_retries, lookups, provider_states, spend
from worker.verification import budget, circuit_breaker
from worker.verification.answer_cache import forget_unanswered, keep, recalled, retire
from worker.verification.budget import Used
from worker.verification.errors import ProviderError
from worker.verification.models import Answer, Question, Verification
from worker.verification.protocol import ChainStep

# A claim of a worker on another machine ends by itself; one of this machine's ends with it.
LEASE = timedelta(minutes=10)

Refusal = Literal["", "cap", "breaker"]


@dataclass(frozen=True, slots=True)
class Occasion:
    """For which run it is asked, by whom, and what still counts.

    `owner`: asks one thing after the other; it is alive as long as its process.
    `fresh_since`: answers given before do not count (a forced look); None = as long as they do.
    `for_due`: it is because they are due; what is not wanted any more is due no more.
    """

    run_id: str
    owner: str
    fresh_since: datetime | None = None
    for_due: bool = False


@dataclass
class Booking:
    """What came of wanting to ask some questions.

    `taken`: ours to ask. `known`: answered meanwhile. `busy`: being asked by somebody else.
    `files`: handed in by somebody who died; ours to fetch. `left`: the rest, for the next time, or
    not to be asked at all where it is `refused`, for a `reason` that goes on from the provider's
    name.
    """

    taken: list[Question] = field(default_factory=list)
    known: list[Verification] = field(default_factory=list)
    busy: list[Question] = field(default_factory=list)
    files: dict[str, list[Question]] = field(default_factory=dict)
    left: list[Question] = field(default_factory=list)
    refused: Refusal = ""
    reason: str = ""


@dataclass
class Outcome:
    """What became of questions that were asked. Every one is in exactly one of the three."""

    answers: list[Answer] = field(default_factory=list)
    lost: dict[Question, str] = field(default_factory=dict)
    failed: dict[Question, str] = field(default_factory=dict)
    errors: list[ProviderError] = field(default_factory=list)
    succeeded: bool = False  # a call brought an answer


class Ledger:
    def __init__(
        self, store: Store, settings: Settings, alive: Callable[[str], bool],
        now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._store = store
        self._settings = settings
        self._alive = alive
        self._now = now

    # -- before --------------------------------------------------------------------------

    def book(self, step: ChainStep, questions: Sequence[Question], occasion: Occasion) -> Booking:
        """Claim what nobody else is asking, as far as the caps and the breaker allow."""
        now = self._now()
        made = Booking()
        with self._store.write() as connection:
            locks.acquire(connection, Lock.BOOKING_LOOKUPS)
            # Claims first: one that has gone since has left an answer, which is seen then. The
            # other way round PostgreSQL could show neither.
            claimed = self._claimed(connection, step, questions)
            known = recalled(connection, _numbers(questions), now, occasion.fresh_since, step)
            rest = _without_known(questions, known, made)
            rest = self._without_claimed(connection, step, rest, claimed, made, now, occasion)
            if not rest:
                return made
            permit = circuit_breaker.permit(connection, step.name, now)
            if not permit.allowed:
                made.left, made.refused, made.reason = rest, "breaker", permit.reason
                return made
            wanted = min(len(rest), step.provider.batch) if permit.trial else len(rest)
            price = budget.millionths(step.price)
            limits = self._limits(connection, step, occasion.run_id, now)
            number, cap = budget.affordable(limits, price, wanted)
            made.taken = self._claim(connection, step, rest[:number], occasion, price, now)
            made.left = rest[number:]
            if cap:
                made.refused, made.reason = "cap", f"{cap} is used up"
            taken = set(made.taken)
            made.busy += [one for one in rest[:number] if one not in taken]
            self._reserve(connection, step, occasion.run_id, price, len(made.taken), now)
        return made

    def _claimed(
        self, connection: Connection, step: ChainStep, questions: Sequence[Question]
    ) -> dict[tuple[str, str], Any]:
        """The claims on these questions, by number and date."""
        found: dict[tuple[str, str], Any] = {}
        for some in chunks(_numbers(questions)):
            for row in connection.execute(_claims_of(step).where(lookup_claims.c.number.in_(some))):
                found[row.number, row.since] = row
        return found

    def _without_claimed(
        self,
        connection: Connection,
        step: ChainStep,
        questions: Sequence[Question],
        claimed: Mapping[tuple[str, str], Any],
        made: Booking,
        now: datetime,
        occasion: Occasion,
    ) -> list[Question]:
        """Questions that nobody is asking. Claims of the dead are settled, or taken over."""
        held = {one: claimed[_key(one)] for one in questions if _key(one) in claimed}
        dead = []
        for question, row in held.items():
            # A claim of our own that we know nothing of is left from a failure of ours.
            ours = row.owner == occasion.owner
            if row.until > now and not ours and self._alive(row.owner):
                made.busy.append(question)
            elif row.job:
                made.files.setdefault(row.job, []).append(question)
            else:
                dead.append(row)
        for job, waiting in made.files.items():
            self._take_over(connection, step, job, waiting, now, occasion)
        self._bury(connection, dead, now)
        waiting_for = {*made.busy, *(one for some in made.files.values() for one in some)}
        return [one for one in questions if one not in waiting_for]

    def _take_over(
        self, connection: Connection, step: ChainStep, job: str, questions: Sequence[Question],
        now: datetime, occasion: Occasion,
    ) -> None:  # fmt: skip
        for some in chunks(_numbers(questions)):
            connection.execute(
                sa.update(lookup_claims)
                .where(*_of(step), lookup_claims.c.job == job, lookup_claims.c.number.in_(some))
                .values(owner=occasion.owner, until=now + LEASE)
            )

    def _limits(
        self, connection: Connection, step: ChainStep, run_id: str, now: datetime
    ) -> list[budget.Limit]:
        tuning = self._settings.providers.get(step.name)
        own = tuning.budget if tuning is not None else None
        used, used_here = used_so_far(connection, now, run_id, step.name)
        found = list(budget.limits(self._settings.budget, used))
        if own is not None:
            found += budget.limits(own, used_here, step.provider.label)
        credit = circuit_breaker.load(connection, step.name).credits
        if credit is not None:
            reserved = sa.select(sa.func.coalesce(sa.func.sum(spend.c.reserved_lookups), 0))
            held = connection.scalar(reserved.where(spend.c.provider == step.name)) or 0
            name = f"the credit with {step.provider.label}"
            found.append(budget.Limit(name, None, credit, Used(0, int(held))))
        return found

    def _claim(
        self, connection: Connection, step: ChainStep, questions: Sequence[Question],
        occasion: Occasion, price: int, now: datetime,
    ) -> list[Question]:  # fmt: skip
        if not questions:
            return []
        rows = [
            {
                "number": one.number,
                "provider": step.name,
                "package": step.package,
                "since": _since(one),
                "owner": occasion.owner,
                "until": now + LEASE,
                "run_id": occasion.run_id,
                "day": budget.day_of(now),
                "price": price,
                "job": "",
            }
            for one in sorted(questions, key=_key)  # one order for all: no deadlock
        ]
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        statement = (
            dialect.insert(lookup_claims)
            .on_conflict_do_nothing()
            .returning(lookup_claims.c.number, lookup_claims.c.since)
        )
        mine: set[tuple[str, str]] = set()
        for some in chunks(rows, 90):  # SQLite allows 999 values in a statement
            mine.update((row.number, row.since) for row in connection.execute(
                statement.values(list(some))))  # fmt: skip
        return [one for one in questions if _key(one) in mine]

    def _reserve(
        self, connection: Connection, step: ChainStep, run_id: str, price: int, number: int,
        now: datetime,
    ) -> None:  # fmt: skip
        if number:
            change = {"reserved_money": price * number, "reserved_lookups": number}
            _add(connection, budget.day_of(now), step.name, run_id, change)

    # -- meanwhile -----------------------------------------------------------------------

    def handed_in(self, step: ChainStep, questions: Sequence[Question], job: str) -> None:
        """A file with these questions is with the provider: remember under which name."""
        with self._store.write() as connection:
            for some in chunks(_numbers(questions)):
                connection.execute(
                    sa.update(lookup_claims)
                    .where(*_of(step), lookup_claims.c.number.in_(some))
                    .values(job=job)
                )

    def still_here(self, owner: str) -> None:
        """Our claims go on; said now and then by whoever waits for a file."""
        with self._store.write() as connection:
            connection.execute(
                sa.update(lookup_claims)
                .where(lookup_claims.c.owner == owner)
                .values(until=self._now() + LEASE)
            )

    def leave(self, step: ChainStep, job: str) -> None:
        """A file that is not done yet is left for whoever comes next."""
        with self._store.write() as connection:
            connection.execute(
                sa.update(lookup_claims)
                .where(*_of(step), lookup_claims.c.job == job)
                .values(owner="", until=self._now())
            )

    # -- afterwards ----------------------------------------------------------------------

    def settle(
        self, step: ChainStep, asked: Sequence[Question], outcome: Outcome,
        made: Sequence[Verification], occasion: Occasion,
    ) -> None:  # fmt: skip
        """Keep the answers and turn what was reserved into what was spent."""
        now = self._now()
        numbers = _numbers(asked)
        charged = {(one.number, _iso(one.since)): one.charged for one in outcome.answers}
        with self._store.write() as connection:
            held: list[Any] = []
            for some in chunks(numbers):
                held += connection.execute(
                    _claims_of(step).where(
                        lookup_claims.c.number.in_(some), lookup_claims.c.owner == occasion.owner
                    )
                ).all()
            mine = {(row.number, row.since): row for row in held}
            keep(connection, made)
            invalidate(connection, (one.number for one in made))
            insert(connection, lookups, [
                *(_entry(one, step, occasion.run_id, now) for one in made),
                *(_lost_entry(step, one, occasion.run_id, reason, mine.get(_key(one)), now)
                  for one, reason in outcome.lost.items()),
            ])  # fmt: skip
            for (day, run_id), some_rows in _grouped(mine.values()).items():
                change: Counter[str] = Counter()
                for row in some_rows:
                    change["reserved_money"] -= row.price
                    change["reserved_lookups"] -= 1
                    key = (row.number, row.since)
                    if key in charged:
                        change["money"] += row.price * charged[key]
                        change["lookups"] += 1
                for one in outcome.lost:
                    row = mine.get(_key(one))
                    if row is not None and row in some_rows:
                        change["money"] += row.price
                        change["lookups"] += 1
                        change["lost"] += 1
                _add(connection, day, step.name, run_id, change)
            self._remember_unanswered(connection, step, outcome, now)
            self._release(connection, step, mine)
            if outcome.succeeded:
                circuit_breaker.note_success(connection, step.name)
            else:
                circuit_breaker.note_failures(
                    connection, step.name, outcome.errors, now, self._settings
                )
            spent = sum(charged.values())
            if spent:
                connection.execute(
                    sa.update(provider_states)
                    .where(
                        provider_states.c.name == step.name, provider_states.c.credits.is_not(None)
                    )
                    .values(credits=provider_states.c.credits - spent)
                )

    def _release(
        self, connection: Connection, step: ChainStep, mine: Iterable[tuple[str, str]]
    ) -> None:
        by_since: dict[str, list[str]] = {}
        for number, since in mine:
            by_since.setdefault(since, []).append(number)
        for since, numbers in by_since.items():
            for some in chunks(numbers):
                connection.execute(
                    sa.delete(lookup_claims).where(
                        *_of(step), lookup_claims.c.since == since, lookup_claims.c.number.in_(some)
                    )
                )

    def _remember_unanswered(
        self, connection: Connection, step: ChainStep, outcome: Outcome, now: datetime
    ) -> None:
        reasons = {**outcome.failed, **outcome.lost}
        note_unanswered(
            connection, step, {one.number: reason for one, reason in reasons.items()},
            now, now + self._settings.ask_again_after,
        )  # fmt: skip
        forget_unanswered(connection, step, sorted({one.number for one in outcome.answers}))

    def not_asked(self, step: ChainStep, reason: str, questions: Sequence[Question]) -> None:
        """Remember what could not be asked, and when it is worth another try."""
        now = self._now()
        again = now + self._settings.ask_again_after
        reasons = {one.number: reason for one in questions}
        with self._store.write() as connection:
            note_unanswered(connection, step, reasons, now, again)

    def answered(self, step: ChainStep, numbers: Sequence[str]) -> None:
        """Nothing is open about these numbers any more."""
        with self._store.write() as connection:
            forget_unanswered(connection, step, numbers)

    def retire(self, step: ChainStep, numbers: Sequence[str]) -> None:
        with self._store.write() as connection:
            retire(connection, step, numbers, self._now())

    def settle_dead(self) -> int:
        """Settle the claims of workers that died; returns how many were lost (beat, `doctor`)."""
        now = self._now()
        with self._store.write() as connection:
            locks.acquire(connection, Lock.BOOKING_LOOKUPS)
            rows = connection.execute(
                sa.select(lookup_claims).where(lookup_claims.c.job == "")
            ).all()
            dead = [row for row in rows if row.until <= now or not self._alive(row.owner)]
            self._bury(connection, dead, now)
        return len(dead)

    def _bury(self, connection: Connection, rows: Sequence[Any], now: datetime) -> None:
        """Claims whose worker died: the provider may have charged them, so they count as spent."""
        if not rows:
            return
        reason = "its worker died while it was asked"
        insert(connection, lookups, [
            {
                "number": row.number, "provider": row.provider, "package": row.package,
                "since": row.since, "run_id": row.run_id, "state": "lost", "verdict": "",
                "detail": reason, "cost": budget.money(row.price), "at": now,
            }
            for row in rows
        ])  # fmt: skip
        counted: dict[tuple[str, str, str], Counter[str]] = {}
        for row in rows:
            change = counted.setdefault((row.day, row.provider, row.run_id), Counter())
            change.update(
                money=row.price, lookups=1, lost=1, reserved_money=-row.price, reserved_lookups=-1
            )
            connection.execute(
                sa.delete(lookup_claims).where(
                    lookup_claims.c.number == row.number,
                    lookup_claims.c.provider == row.provider,
                    lookup_claims.c.package == row.package,
                    lookup_claims.c.since == row.since,
                )
            )
        for (day, provider, run_id), change in counted.items():
            _add(connection, day, provider, run_id, change)


# -- what was spent ------------------------------------------------------------------------


def used_so_far(
    connection: Connection, now: datetime, run_id: str, provider: str
) -> tuple[dict[budget.Period, Used], dict[budget.Period, Used]]:
    """Spent and reserved today, this month and in this run: by all, and by one provider."""
    c = spend.c
    today, month = budget.day_of(now), budget.month_of(now)
    within = {
        "day": c.day == today,
        "month": sa.and_(c.day >= month, c.day <= f"{month[:7]}-31"),
        "run": c.run_id == run_id,
    }
    sums = []
    for condition in within.values():
        for also in (sa.true(), c.provider == provider):
            both = sa.and_(condition, also)
            for amount in (c.money + c.reserved_money, c.lookups + c.reserved_lookups):
                sums.append(sa.func.coalesce(sa.func.sum(sa.case((both, amount), else_=0)), 0))
    row = connection.execute(sa.select(*sums).where(sa.or_(within["month"], within["run"]))).one()
    everybody: dict[budget.Period, Used] = {}
    here: dict[budget.Period, Used] = {}
    for place, period in enumerate(budget.PERIODS):
        values = [int(value) for value in row[place * 4 : place * 4 + 4]]
        everybody[period], here[period] = Used(*values[:2]), Used(*values[2:])
    return everybody, here


def note_unanswered(
    connection: Connection, step: ChainStep, reasons: Mapping[str, str], now: datetime,
    again_at: datetime,
) -> None:  # fmt: skip
    upsert(
        connection,
        lookup_retries,
        [
            {
                "number": number, "provider": step.name, "package": step.package,
                "reason": reason[:255], "at": now, "again_at": again_at,
            }
            for number, reason in sorted(reasons.items())
        ],
    )  # fmt: skip


def _add(
    connection: Connection, day: str, provider: str, run_id: str, change: Mapping[str, int]
) -> None:
    """Add to a row of the spend table, which comes to be where there is none."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    amounts = ("money", "reserved_money", "lookups", "reserved_lookups", "lost")
    values = {name: change.get(name, 0) for name in amounts}
    made = dialect.insert(spend).values(day=day, provider=provider, run_id=run_id, **values)
    connection.execute(
        made.on_conflict_do_update(
            index_elements=["day", "provider", "run_id"],
            set_={name: spend.c[name] + made.excluded[name] for name in amounts},
        )
    )


# -- small things --------------------------------------------------------------------------


def _iso(since: Any) -> str:
    return since.isoformat() if since else ""


def _since(question: Question) -> str:
    return _iso(question.since)


def _key(question: Question) -> tuple[str, str]:
    return question.number, _since(question)


def _numbers(questions: Iterable[Question]) -> list[str]:
    return list(dict.fromkeys(one.number for one in questions))


def _of(step: ChainStep) -> tuple[sa.ColumnElement[bool], ...]:
    return lookup_claims.c.provider == step.name, lookup_claims.c.package == step.package


def _claims_of(step: ChainStep) -> sa.Select[Any]:
    return sa.select(lookup_claims).where(*_of(step))


def _without_known(
    questions: Sequence[Question], known: Sequence[Verification], made: Booking
) -> list[Question]:
    by_number: dict[str, list[Verification]] = {}
    for one in known:
        by_number.setdefault(one.number, []).append(one)
    rest = []
    for question in questions:
        found = [v for v in by_number.get(question.number, ()) if v.covers(question.since)]
        if found:
            made.known += [one for one in found if one not in made.known]
        else:
            rest.append(question)
    return rest


def _grouped(rows: Iterable[Any]) -> dict[tuple[str, str], list[Any]]:
    groups: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        groups.setdefault((row.day, row.run_id), []).append(row)
    return groups


def _entry(made: Verification, step: ChainStep, run_id: str, now: datetime) -> dict[str, Any]:
    return {
        "number": made.number, "provider": step.name, "package": step.package,
        "since": made.since, "run_id": run_id, "state": "answered", "verdict": made.verdict,
        "detail": made.detail[:255], "cost": made.cost, "at": now,
    }  # fmt: skip


def _lost_entry(
    step: ChainStep, question: Question, run_id: str, reason: str, claim: Any, now: datetime
) -> dict[str, Any]:
    price = cast(int, claim.price) if claim is not None else budget.millionths(step.price)
    return {
        "number": question.number, "provider": step.name, "package": step.package,
        "since": _since(question), "run_id": run_id, "state": "lost", "verdict": "",
        "detail": reason[:255], "cost": budget.money(price), "at": now,
    }  # fmt: skip
