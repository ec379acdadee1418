"""Fake providers: they count, fail and wait, which no stand-in can be made to do."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from config.verification import CheckLevel, Step
from worker.verification.errors import ProviderError
from worker.verification.models import AccountStatus, Answer, Product, Question
from worker.verification.protocol import ChainStep


class CountingProvider:
    """Counts what it is asked. `fail`: given a call's number, an error to raise, or None."""

    label = "the counting provider"
    local = False

    def __init__(
        self, name: str = "counting", batch: int = 1,
        fail: Callable[[int], ProviderError | None] = lambda _call: None,
        answer: Callable[[Question], Answer | None] | None = None,
        wait: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.name = name
        self.batch = batch
        self.asked: Counter[str] = Counter()
        self.calls = 0
        self.fail, self._answer, self._wait = fail, answer, wait
        self._lock = threading.Lock()

    def product(self, check_level: CheckLevel) -> Product | None:
        return Product(check_level, Decimal("0.01"))

    def supports(self, question: Question, check_level: CheckLevel) -> bool:
        return check_level != "reassigned" or question.since is not None

    def ask(self, questions: Sequence[Question], check_level: CheckLevel) -> list[Answer]:
        with self._lock:
            self.calls += 1
            call = self.calls
        error = self.fail(call)
        if error is not None and not error.charge_unknown:
            raise error
        with self._lock:
            self.asked.update(question.number for question in questions)
        self._wait()
        if error is not None:
            raise error
        answers = [(self._answer or self._valid)(question) for question in questions]
        return [answer for answer in answers if answer is not None]

    @staticmethod
    def _valid(question: Question) -> Answer:
        return Answer(question.number, "valid", "mobile", since=question.since, raw_answer="ok")

    def check(self) -> AccountStatus:
        return AccountStatus()

    def close(self) -> None:
        pass


class FileProvider(CountingProvider):
    """Takes files, which are done after `looks` polls."""

    def __init__(self, bulk_from: int = 2, looks: int = 1, **kwargs: Any) -> None:
        super().__init__("filing", **kwargs)
        self.bulk_from = bulk_from
        self.looks = looks
        self.files: dict[str, int] = {}

    def submit(self, questions: Sequence[Question], check_level: CheckLevel) -> str:
        self.asked.update(question.number for question in questions)
        job = f"file-{len(self.files)}"
        self.files[job] = self.looks
        return job

    def collect(
        self, job: str, questions: Sequence[Question], check_level: CheckLevel
    ) -> list[Answer] | None:
        self.files[job] -= 1
        if self.files[job] >= 0:
            return None
        return [self._valid(question) for question in questions]


def step(provider: Any, check_level: CheckLevel = "line_type", price: str | None = None,
         **fields: Any) -> ChainStep:  # fmt: skip
    offer = provider.product(check_level)
    assert offer is not None
    cost = offer.price if price is None else Decimal(price)
    return ChainStep(
        Step(provider=provider.name, check_level=check_level, **fields), provider, offer, cost
    )


def numbers(count: int, first: int = 2000) -> list[str]:
    return [f"+1415555{n:04d}" for n in range(first, first + count)]


__all__ = ["CountingProvider", "FileProvider", "numbers", "step"]
