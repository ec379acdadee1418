"""The results of one call of `Chain.verify`: answers, numbers without one, and the lookups made."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from config.verification import CheckLevel
from config.verification import Verification as Settings
from worker.decisions import resolve
from worker.verification import ttl
from worker.verification.models import Answer, Question, Verification
from worker.verification.protocol import ChainStep


@dataclass
class Lookups:
    """Counters by provider: numbers asked, answers reused, numbers without an answer, money."""

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
    """What is known about some numbers now.

    `answers`: those that count, in the chain's order. `unanswered`: why a step that is wanted has
    not answered, as "Twilio Lookup did not answer".
    """

    answers: Mapping[str, tuple[Verification, ...]]
    unanswered: Mapping[str, str]
    lookups: Lookups


class Results:
    """The results of one call of `Chain.verify`, filled step by step."""

    def __init__(self, numbers: Iterable[str]) -> None:
        self.answers: dict[str, list[Verification]] = {number: [] for number in numbers}
        self.lookups = Lookups()
        self._unanswered: dict[str, dict[CheckLevel, str]] = {}  # number -> level -> reason

    def add(self, answers: Iterable[Verification]) -> None:
        """Add answers. Each also makes up for an earlier step of the same check level, or of less,
        that could not answer."""
        for answer in answers:
            self.answers[answer.number].append(answer)
            open_levels = self._unanswered.get(answer.number, {})
            for check_level in [
                check_level for check_level in open_levels if _makes_up_for(answer, check_level)
            ]:
                del open_levels[check_level]

    def record_failure(
        self, step: ChainStep, questions: Iterable[Question], reason: str, by_cap: bool = False
    ) -> None:
        """Record why a step gave no answer. `by_cap`: the reason names a cap, no provider."""
        text = reason if by_cap else f"{step.provider.label} {reason}"
        for question in questions:
            self._unanswered.setdefault(question.number, {})[step.check_level] = text

    def as_verified(self) -> Verified:
        unanswered = {n: next(iter(by.values())) for n, by in self._unanswered.items() if by}
        answers = {number: tuple(answers) for number, answers in self.answers.items()}
        return Verified(answers, unanswered, self.lookups)


def _makes_up_for(answer: Verification, check_level: CheckLevel) -> bool:
    """Return whether an answer says what a step of this check level could not be asked for."""
    if check_level == "reassigned":
        return answer.reassigned is not None
    return resolve.is_sufficient([answer], check_level)


def verification_of(
    step: ChainStep, answer: Answer, cost: Decimal, now: datetime, settings: Settings
) -> Verification:
    """Turn a provider's answer into a verification, with the time until which it counts."""
    expires_at = ttl.expires_at(
        answer, step.check_level, now, settings.counts_for, settings.ttl_jitter
    )
    if step.step.at_most_every is not None:  # what must not be asked sooner is not due sooner
        expires_at = max(expires_at, now + step.step.at_most_every)
    return Verification(
        number=answer.number,
        provider=step.name,
        package=step.package,
        check_level=step.check_level,
        verdict=answer.verdict,
        line_type=answer.line_type,
        at=now,
        expires_at=expires_at,
        country=answer.country,
        carrier=answer.carrier,
        live=answer.live,
        reassigned=answer.reassigned,
        since=answer.since.isoformat() if answer.since else "",
        cost=cost,
        detail=answer.detail,
        raw_answer=answer.raw_answer,
    )
