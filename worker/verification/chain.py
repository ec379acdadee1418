"""Asks the providers in order, and only for what is wanted, not known, and still counts."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from config import stopping
from config.stopping import Stopped
from config.verification import Depth
from config.verification import Verification as Settings
from worker.decisions import resolve
from worker.verification import dispatch, ttl
from worker.verification.answer_cache import ForecastMemory, Memory
from worker.verification.conditions import Subject, wants
from worker.verification.errors import ProviderError
from worker.verification.ledger import Booking, Ledger, Occasion, Outcome
from worker.verification.models import Answer, Question, Verification
from worker.verification.protocol import ChainStep

# Seconds until what another worker is asking is looked at again: soon at first, for a call.
_BUSY_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_PATIENCE = 30 * 60.0  # seconds that a page waits for a file, before it goes on without


@dataclass
class Lookups:
    """Counters by provider: numbers asked, answers reused, numbers that got no answer, money."""

    asked: Counter[str] = field(default_factory=Counter)
    reused: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    cost: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def add(self, other: Lookups) -> None:
        self.asked.update(other.asked)
        self.reused.update(other.reused)
        self.failed.update(other.failed)
        for name, cost in other.cost.items():
            self.cost[name] += cost

    def as_dict(self, names: Iterable[str]) -> dict[str, dict[str, object]]:
        return {
            name: {
                "asked": self.asked[name],
                "reused": self.reused[name],
                "failed": self.failed[name],
                "cost": str(self.cost.get(name, Decimal(0))),
            }
            for name in dict.fromkeys(names)
        }


@dataclass
class Verified:
    """What is known of some numbers now. `said`: answers that count, in the chain's order.
    `missing`: why a step that is wanted has not answered, as "Twilio Lookup did not answer"."""

    said: Mapping[str, tuple[Verification, ...]]
    missing: Mapping[str, str]
    lookups: Lookups


class Chain:
    """The steps, and what they need at hand. `dry_run` when the memory is a forecast's."""

    def __init__(
        self,
        steps: Sequence[ChainStep],
        memory: Memory,
        ledger: Ledger,
        settings: Settings,
        now: Callable[[], datetime],
    ) -> None:
        self.steps = tuple(steps)
        self._memory = memory
        self.ledger = ledger
        self._settings = settings
        self._now = now
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def verify(
        self,
        subjects: Sequence[Subject],
        occasion: Occasion,
        heartbeat: Callable[[], None] = lambda: None,
    ) -> Verified:
        """Verifications of each number, remembered or new, and what that took.

        `heartbeat` is called often while it waits: for slots, for other workers, for files. In a
        dry run paid steps are counted with their price, once a number, and not asked.
        """
        return _Pass(self, subjects, occasion, heartbeat).through()

    def pool(self, step: ChainStep) -> ThreadPoolExecutor:
        if step.name not in self._pools:
            self._pools[step.name] = ThreadPoolExecutor(self.at_once(step), step.name)
        return self._pools[step.name]

    def at_once(self, step: ChainStep) -> int:
        tuning = self._settings.providers.get(step.name)
        return tuning.at_once if tuning else 1

    def close(self) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=False)
        self._pools.clear()


class _Pass:
    """One call of `Chain.verify`."""

    def __init__(
        self, chain: Chain, subjects: Sequence[Subject], occasion: Occasion,
        heartbeat: Callable[[], None],
    ) -> None:  # fmt: skip
        self._chain = chain
        self._subjects = subjects
        self._occasion = occasion
        self._heartbeat = heartbeat
        self._lookups = Lookups()
        self._said: dict[str, list[Verification]] = {one.number: [] for one in subjects}
        self._missing: dict[str, dict[Depth, str]] = {}  # number -> depth -> why
        self._assumed: dict[str, set[str]] = defaultdict(set)
        # What counts already, by step: it is said when its step's turn comes.
        self._known: dict[tuple[str, str], dict[str, list[Verification]]] = {}
        self._forecast = chain._memory if isinstance(chain._memory, ForecastMemory) else None

    def through(self) -> Verified:
        chain, numbers = self._chain, list(self._said)
        self._recall(None, numbers)
        mine = {(step.name, step.package) for step in chain.steps}
        for key, by_number in self._known.items():
            if key not in mine:  # a provider that was turned off since: it still counts
                for number, found in by_number.items():
                    self._said[number] += found
        for step in chain.steps:
            self._take(step)
        missing = {number: next(iter(why.values())) for number, why in self._missing.items() if why}
        return Verified({n: tuple(s) for n, s in self._said.items()}, missing, self._lookups)

    def _recall(self, step: ChainStep | None, numbers: Sequence[str]) -> None:
        memory, now = self._chain._memory, self._chain._now()
        for old in memory.recall(numbers, now, self._occasion.fresh_since, step):
            by_number = self._known.setdefault((old.provider, old.package), {})
            held = by_number.setdefault(old.number, [])
            if old not in held:
                held.append(old)

    # -- one step ------------------------------------------------------------------------

    def _take(self, step: ChainStep) -> None:
        """Ask a step about all numbers for which it is wanted and does not count already."""
        if step.step.at_most_every is not None:
            self._recall(step, list(self._said))
        known = self._known.get((step.name, step.package), {})
        for subject in self._subjects:
            # What was answered before counts also where the step would not be asked now.
            self._said[subject.number] += known.get(subject.number, ())
        self._lookups.reused[step.name] += len(known)
        wanted = [
            one
            for one in self._subjects
            if wants(step.step, one, self._others(step, one), self._assumed[one.number])
        ]
        if self._occasion.for_due and self._forecast is None and len(wanted) < len(self._subjects):
            asked = {one.number for one in wanted}
            self._chain.ledger.retire(step, [n for n in self._said if n not in asked])
        tried: set[Question] = set()
        while pending := self._pending(step, wanted, tried):
            self._ask(step, pending)
            if step.depth != "reassigned":
                break  # there is one question about each number
            tried.update(pending)
        if self._occasion.for_due and self._forecast is None:
            # Another worker's answer may have come just before somebody noted that there was none.
            still_open = {question.number for question in self._pending(step, wanted, ())}
            self._chain.ledger.answered(step, [n for n in self._said if n not in still_open])

    def _others(self, step: ChainStep, subject: Subject) -> list[Verification]:
        said = self._said[subject.number]
        return [one for one in said if not _is_of(step, one)] if said else []

    def _pending(
        self, step: ChainStep, wanted: Sequence[Subject], tried: Collection[Question]
    ) -> list[Question]:
        """The next question about each number; only of dates is there more than one.

        The earliest date goes first: not given away since then answers for all later ones.
        """
        pending = []
        depth, suits = step.depth, step.provider.suits
        for subject in wanted:
            said = [one for one in self._said[subject.number] if _is_of(step, one)]
            for day in sorted(subject.dates) if depth == "reassigned" else (None,):
                if said and any(one.covers(day) for one in said):
                    continue
                question = Question(subject.number, day)
                if question not in tried and suits(question, depth):
                    pending.append(question)
                break
        return pending

    def _ask(self, step: ChainStep, questions: list[Question]) -> None:
        if step.provider.local:
            self._ask_local(step, questions)
        elif self._forecast is not None:
            self._count(step, questions)
        else:
            self._ask_booked(step, questions)

    def _ask_local(self, step: ChainStep, questions: list[Question]) -> None:
        try:
            answers = step.provider.ask(questions, step.depth)
        except ProviderError as error:
            self._lookups.failed[step.name] += len(questions)
            self._miss(step, questions, error.reason)
            return
        now, free = self._chain._now(), Decimal(0)
        made = [self._made(step, answer, free, now) for answer in answers]
        self._chain._memory.keep(made)
        self._note(step, made)
        self._lookups.asked[step.name] += len(questions)
        self._lookups.failed[step.name] += len(questions) - len(made)

    def _count(self, step: ChainStep, questions: list[Question]) -> None:
        """A dry run: what would be asked, and what that would cost."""
        assert self._forecast is not None
        for one in questions:
            self._assumed[one.number].add(step.depth)
            since = one.since.isoformat() if one.since else ""
            if not self._forecast.counted(one.number, step.name, step.package, since):
                self._lookups.asked[step.name] += 1
                self._lookups.cost[step.name] += step.price
        if self._occasion.fresh_since is not None:
            # What is asked anew, though an answer still counts, most likely answers as it did.
            numbers = [one.number for one in questions]
            before = self._chain._memory.recall(numbers, self._chain._now(), None, step)
            self._note(step, before)

    # -- booked ----------------------------------------------------------------------------

    def _ask_booked(self, step: ChainStep, questions: list[Question]) -> None:
        flight = dispatch.Flight(step, self._chain.pool(step), self._chain.at_once(step))
        try:
            self._fly(step, flight, deque(questions), self._is_bulk(step, questions))
        except BaseException:
            if flight:
                self._settle(step, *flight.abandon())
            raise

    def _fly(
        self, step: ChainStep, flight: dispatch.Flight, todo: deque[Question], bulk: bool
    ) -> None:
        """Book and ask until nothing is left to ask, and everything that was asked is settled."""
        pause = _BUSY_PAUSE
        while todo or flight:
            stopping.check()
            self._heartbeat()
            size = len(todo) if bulk else min(flight.room, len(todo))
            idle = False
            if size:
                booking = self._book(step, flight, todo, size, bulk)
                idle = len(booking.busy) == size
            if flight:
                asked, outcome = flight.land()
                if asked:
                    self._settle(step, asked, outcome)
            elif idle:  # all of them are being asked by somebody else: wait for the answers
                stopping.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 1.5) if idle else _BUSY_PAUSE

    def _book(
        self, step: ChainStep, flight: dispatch.Flight, todo: deque[Question], size: int, bulk: bool
    ) -> Booking:
        """Take the next questions as far as they may be asked, and send them on their way."""
        some = [todo.popleft() for _ in range(size)]
        booking = self._chain.ledger.book(step, some, self._occasion)
        self._note(step, booking.known)
        self._lookups.reused[step.name] += len({one.number for one in booking.known})
        for job, waiting in booking.files.items():
            self._fetch(step, job, waiting)
        if bulk and len(booking.taken) > step.provider.batch:
            self._hand_in(step, booking.taken)
        elif booking.taken:
            flight.send(booking.taken)
        if booking.refused:
            self._refuse(step, booking, [*booking.left, *todo])
            todo.clear()
        else:
            todo.extend(booking.left)
        todo.extend(booking.busy)
        return booking

    def _is_bulk(self, step: ChainStep, questions: Sequence[Question]) -> bool:
        bulk_from = getattr(step.provider, "bulk_from", 0)
        return 0 < bulk_from <= len(questions)

    def _hand_in(self, step: ChainStep, questions: Sequence[Question]) -> None:
        ledger = self._chain.ledger
        job, outcome = dispatch.hand_in(
            step, questions, lambda name: ledger.handed_in(step, questions, name)
        )
        if job:
            self._fetch(step, job, questions)
        else:
            self._settle(step, questions, outcome)

    def _fetch(self, step: ChainStep, job: str, questions: Sequence[Question]) -> None:
        ledger, owner = self._chain.ledger, self._occasion.owner

        def alive() -> None:
            stopping.check()
            self._heartbeat()
            ledger.still_here(owner)

        try:
            outcome = dispatch.fetch(step, job, questions, alive, _PATIENCE)
        except Stopped:
            ledger.leave(step, job)  # whoever takes the page up fetches it
            raise
        if outcome is not None:
            self._settle(step, questions, outcome)
            return
        ledger.leave(step, job)
        reason = "has not finished our file yet"
        ledger.not_asked(step, reason, questions)
        self._lookups.failed[step.name] += len(questions)
        self._miss(step, questions, reason)

    def _settle(self, step: ChainStep, asked: Sequence[Question], outcome: Outcome) -> None:
        now = self._chain._now()
        made = [
            self._made(step, answer, step.price * answer.charged, now) for answer in outcome.answers
        ]
        self._chain.ledger.settle(step, asked, outcome, made, self._occasion)
        self._note(step, made)
        self._lookups.asked[step.name] += len(asked)
        self._lookups.cost[step.name] += sum((one.cost for one in made), Decimal(0))
        self._lookups.cost[step.name] += step.price * len(outcome.lost)
        for reasons in (outcome.failed, outcome.lost):
            self._lookups.failed[step.name] += len(reasons)
            for question, reason in reasons.items():
                self._miss(step, [question], reason)

    def _refuse(self, step: ChainStep, booking: Booking, questions: list[Question]) -> None:
        self._lookups.failed[step.name] += len(questions)
        self._chain.ledger.not_asked(step, booking.reason, questions)
        self._miss(step, questions, booking.reason, by_cap=booking.refused == "cap")

    # -- noting --------------------------------------------------------------------------

    def _made(self, step: ChainStep, answer: Answer, cost: Decimal, now: datetime) -> Verification:
        settings = self._chain._settings
        until = ttl.until(answer, step.depth, now, settings.counts_for, settings.spread)
        if step.step.at_most_every is not None:  # what must not be asked sooner is not due sooner
            until = max(until, now + step.step.at_most_every)
        return Verification(
            number=answer.number,
            provider=step.name,
            package=step.package,
            depth=step.depth,
            verdict=answer.verdict,
            line_type=answer.line_type,
            at=now,
            until=until,
            country=answer.country,
            carrier=answer.carrier,
            live=answer.live,
            reassigned=answer.reassigned,
            since=answer.since.isoformat() if answer.since else "",
            cost=cost,
            detail=answer.detail,
            words=answer.words,
        )

    def _note(self, step: ChainStep, made: Iterable[Verification]) -> None:
        """Said: and what a step before could not tell, at this depth or less deep, is told now."""
        for one in made:
            self._said[one.number].append(one)
            missed = self._missing.get(one.number, {})
            for depth in [depth for depth in missed if _makes_up_for(one, depth)]:
                del missed[depth]

    def _miss(
        self, step: ChainStep, questions: Iterable[Question], reason: str, by_cap: bool = False
    ) -> None:
        why = reason if by_cap else f"{step.provider.label} {reason}"
        for one in questions:
            self._missing.setdefault(one.number, {})[step.depth] = why


def _is_of(step: ChainStep, answer: Verification) -> bool:
    return answer.provider == step.name and answer.package == step.package


def _makes_up_for(answer: Verification, depth: Depth) -> bool:
    """Whether an answer tells what a step of this depth could not be asked for."""
    if depth == "reassigned":
        return answer.reassigned is not None
    return resolve.deep_enough([answer], depth)
