"""Ask the providers in order, each only for what is wanted and not yet answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal

from config.verification import Verification as Settings
from worker.verification.answer_cache import AnswerCache, ForecastAnswerCache
from worker.verification.conditions import Subject, wants
from worker.verification.errors import ProviderError
from worker.verification.ledger import Ledger
from worker.verification.models import Question, Verification
from worker.verification.paid_step import PaidStep, VerifyCall
from worker.verification.protocol import ChainStep
from worker.verification.reservation import LookupRequest
from worker.verification.results import Results, Verified, verification_of

# Why a number got no answer that only a changed reading of its field brought.
UNPAID = (
    "its field is read differently now, and no new lookup is paid for that "
    "(verification.pay_for_changed_readings)"
)


class Chain:
    """The chain of steps, and what they need. With a forecast's cache, it is a dry run."""

    def __init__(
        self,
        steps: Sequence[ChainStep],
        cache: AnswerCache,
        ledger: Ledger,
        settings: Settings,
        now: Callable[[], datetime],
    ) -> None:
        self.steps = tuple(steps)
        self.cache = cache
        self.ledger = ledger
        self.settings = settings
        self.now = now
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def verify(
        self,
        subjects: Sequence[Subject],
        request: LookupRequest,
        heartbeat: Callable[[], None] = lambda: None,
    ) -> Verified:
        """Return verifications of each number, cached or new, and what that took.

        `heartbeat` is called often while it waits: for slots, for other workers, for files. A dry
        run counts paid steps with their price, once for each number, and does not ask them.
        """
        return _ChainRun(self, subjects, request, heartbeat).run()

    def pool(self, step: ChainStep) -> ThreadPoolExecutor:
        if step.name not in self._pools:
            self._pools[step.name] = ThreadPoolExecutor(self.at_once(step), step.name)
        return self._pools[step.name]

    def at_once(self, step: ChainStep) -> int:
        tuning = self.settings.providers.get(step.name)
        return tuning.at_once if tuning else 1

    def close(self) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=False)
        self._pools.clear()


class _ChainRun:
    """One call of `Chain.verify`."""

    def __init__(
        self,
        chain: Chain,
        subjects: Sequence[Subject],
        request: LookupRequest,
        heartbeat: Callable[[], None],
    ) -> None:
        self._chain = chain
        self._subjects = subjects
        self._request = request
        self._results = Results(subject.number for subject in subjects)
        self._call = VerifyCall(
            chain.ledger, chain.settings, chain.now, request, self._results, heartbeat
        )
        # Depths for which a dry run assumes an answer, by number.
        self._assumed: dict[str, set[str]] = defaultdict(set)
        # Answers that count already, by (provider, package) and number. A step's are used when its
        # turn comes.
        self._cached: dict[tuple[str, str], dict[str, list[Verification]]] = {}
        self._forecast = chain.cache if isinstance(chain.cache, ForecastAnswerCache) else None
        self._unpaid = {subject.number for subject in subjects if subject.unpaid}

    @property
    def _numbers(self) -> list[str]:
        return list(self._results.answers)

    @property
    def _refreshes(self) -> bool:
        """Return whether this call asks because answers are due, and so decides what is
        due again."""
        return self._request.for_due and self._forecast is None

    def run(self) -> Verified:
        self._load_cached(None)
        steps = {(step.name, step.package) for step in self._chain.steps}
        for key, by_number in self._cached.items():
            if key not in steps:  # a provider that was turned off since: its answers still count
                for number, answers in by_number.items():
                    self._results.answers[number] += answers
        for step in self._chain.steps:
            self._run_step(step)
        return self._results.as_verified()

    def _load_cached(self, step: ChainStep | None) -> None:
        cache, now = self._chain.cache, self._chain.now()
        for answer in cache.get(self._numbers, now, self._request.fresh_since, step):
            by_number = self._cached.setdefault((answer.provider, answer.package), {})
            answers = by_number.setdefault(answer.number, [])
            if answer not in answers:
                answers.append(answer)

    # -- one step ------------------------------------------------------------------------

    def _run_step(self, step: ChainStep) -> None:
        """Ask a step about every number for which it is wanted and has no answer that counts."""
        self._use_cached(step)
        subjects = [
            subject
            for subject in self._subjects
            if wants(
                step.step, subject, self._by_others(step, subject), self._assumed[subject.number]
            )
        ]
        if self._refreshes and len(subjects) < len(self._subjects):
            self._stop_refreshing_all_but(step, subjects)
        tried: set[Question] = set()
        while questions := self._next_questions(step, subjects, tried):
            self._ask(step, questions)
            if step.check_level != "reassigned":
                break  # there is one question about each number
            tried.update(questions)
        if self._refreshes:
            self._clear_answered(step, subjects)

    def _use_cached(self, step: ChainStep) -> None:
        """Add a step's cached answers. They count even if the step would not be asked now."""
        if step.step.at_most_every is not None:
            self._load_cached(step)
        cached = self._cached.get((step.name, step.package), {})
        if step.provider.local:
            cached = _of_this_edition(step, cached)
        for subject in self._subjects:
            self._results.answers[subject.number] += cached.get(subject.number, ())
        self._results.lookups.reused[step.name] += len(cached)

    def _stop_refreshing_all_but(self, step: ChainStep, subjects: Sequence[Subject]) -> None:
        numbers = {subject.number for subject in subjects}
        self._chain.ledger.stop_refreshing(step, [n for n in self._numbers if n not in numbers])

    def _clear_answered(self, step: ChainStep, subjects: Sequence[Subject]) -> None:
        """Clear the retries of numbers with an answer: another worker may have stored one just
        before somebody recorded that there was none."""
        still_open = {question.number for question in self._next_questions(step, subjects, ())}
        answered = [number for number in self._numbers if number not in still_open]
        self._chain.ledger.clear_retries(step, answered)

    def _by_others(self, step: ChainStep, subject: Subject) -> list[Verification]:
        answers = self._results.answers[subject.number]
        return [answer for answer in answers if not _is_of(step, answer)] if answers else []

    def _next_questions(
        self, step: ChainStep, subjects: Sequence[Subject], tried: Collection[Question]
    ) -> list[Question]:
        """Return the next question about each number. Only about dates is there more than one.

        The earliest date goes first: not given away since then answers all later ones.
        """
        questions = []
        check_level, supports = step.check_level, step.provider.supports
        for subject in subjects:
            answers = [
                answer for answer in self._results.answers[subject.number] if _is_of(step, answer)
            ]
            for day in sorted(subject.dates) if check_level == "reassigned" else (None,):
                if answers and any(answer.covers(day) for answer in answers):
                    continue
                question = Question(subject.number, day)
                if question not in tried and supports(question, check_level):
                    questions.append(question)
                break
        return questions

    # -- asking --------------------------------------------------------------------------

    def _ask(self, step: ChainStep, questions: list[Question]) -> None:
        if not step.provider.local and self._unpaid:
            questions = self._without_unpaid(step, questions)
        if not questions:
            return
        if step.provider.local:
            self._ask_local(step, questions)
        elif self._forecast is not None:
            self._count(self._forecast, step, questions)
        else:
            chain = self._chain
            PaidStep(self._call, step, chain.pool(step), chain.at_once(step)).run(questions)

    def _without_unpaid(self, step: ChainStep, questions: list[Question]) -> list[Question]:
        unpaid = [question for question in questions if question.number in self._unpaid]
        self._results.record_failure(step, unpaid, UNPAID, by_cap=True)
        return [question for question in questions if question.number not in self._unpaid]

    def _ask_local(self, step: ChainStep, questions: list[Question]) -> None:
        """Ask a provider in this process, for nothing: no claim and no reservation."""
        lookups = self._results.lookups
        try:
            answers = step.provider.ask(questions, step.check_level)
        except ProviderError as error:
            lookups.failed[step.name] += len(questions)
            self._results.record_failure(step, questions, error.reason)
            return
        now, free, settings = self._chain.now(), Decimal(0), self._chain.settings
        verifications = [verification_of(step, answer, free, now, settings) for answer in answers]
        self._chain.cache.put(verifications)
        self._results.add(verifications)
        lookups.asked[step.name] += len(questions)
        lookups.failed[step.name] += len(questions) - len(verifications)

    def _count(
        self, forecast: ForecastAnswerCache, step: ChainStep, questions: list[Question]
    ) -> None:
        """Count what a dry run would ask, and what that would cost."""
        lookups = self._results.lookups
        for question in questions:
            self._assumed[question.number].add(step.check_level)
            since = question.since.isoformat() if question.since else ""
            if not forecast.counted(question.number, step.name, step.package, since):
                lookups.asked[step.name] += 1
                lookups.cost[step.name] += step.price
        if self._request.fresh_since is not None:
            # Where an answer that still counts is asked for anew, assume that it stays the same.
            numbers = [question.number for question in questions]
            self._results.add(forecast.get(numbers, self._chain.now(), None, step))


def _of_this_edition(
    step: ChainStep, answers: dict[str, list[Verification]]
) -> dict[str, list[Verification]]:
    """Return the answers that rest on what a local provider knows today.

    Numbering plans change with each release of libphonenumber. Its answers cost nothing, so those
    of another release are not worth keeping: the numbers are looked at again, and only contacts
    whose verdict is another one are written. A provider without an `edition` has but one.
    """
    edition = getattr(step.provider, "edition", "")
    if not edition:
        return answers
    return {
        number: [answer for answer in of_number if answer.raw_answer == edition]
        for number, of_number in answers.items()
        if any(answer.raw_answer == edition for answer in of_number)
    }


def _is_of(step: ChainStep, answer: Verification) -> bool:
    return answer.provider == step.name and answer.package == step.package
