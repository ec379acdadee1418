"""What the chain requires of a provider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from config.verification import CheckLevel, Step
from worker.verification.models import AccountStatus, Answer, Product, Question


class Provider(Protocol):
    """A way to verify numbers. A new one is a file with this shape and a registration line."""

    name: str
    label: str  # as a person knows it: "Twilio Lookup"
    batch: int  # questions that one call takes
    local: bool  # answers in this process, for nothing: there is nothing to share or to save

    def product(self, check_level: CheckLevel) -> Product | None:
        """Return what it sells for this check level; None if it has no such lookup."""

    def supports(self, question: Question, check_level: CheckLevel) -> bool:
        """Return whether it can answer this at all: US numbers only, a date needed."""

    def ask(self, questions: Sequence[Question], check_level: CheckLevel) -> list[Answer]:
        """Return the answers of one call (at most `batch`), in any order.

        A number that is left out was not answered, and nothing was charged for it. Raises a
        `ProviderError` if the whole call failed, or if it broke off: then the error carries the
        answers that came before (`ProviderError.after`).
        """

    def check(self) -> AccountStatus:
        """Check at no cost whether it accepts our key; raises `ProviderError`."""

    def close(self) -> None: ...


class BulkProvider(Provider, Protocol):
    """A provider that also takes a file: hand it in, ask whether it is done, fetch the answers."""

    bulk_from: int  # questions from which the file is worth it; 0 = never

    def submit(self, questions: Sequence[Question], check_level: CheckLevel) -> str:
        """Hand in a file, which is charged from now on. Returns the name under which to
        ask for it."""

    def collect(
        self, job: str, questions: Sequence[Question], check_level: CheckLevel
    ) -> list[Answer] | None:
        """Return the answers of a file that this or another process handed in; None = not yet."""


@dataclass(frozen=True, slots=True)
class ChainStep:
    """A step of the chain with its provider, product and price."""

    step: Step
    provider: Provider
    product: Product
    price: Decimal

    @property
    def name(self) -> str:
        return self.provider.name

    @property
    def check_level(self) -> CheckLevel:
        return self.step.check_level

    @property
    def package(self) -> str:
        return self.product.package

    def __str__(self) -> str:
        return f"{self.name} ({self.check_level})"
