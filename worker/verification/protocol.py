"""What every provider offers to the chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from config.verification import Depth, Step
from worker.verification.models import Account, Answer, Offer, Question


class Provider(Protocol):
    """One way to verify numbers. A new one is a file with this shape and a registration line."""

    name: str
    label: str  # as a person knows it: "Twilio Lookup"
    batch: int  # questions that one call takes
    local: bool  # answers in this process, for nothing: there is nothing to share or to save

    def offers(self, depth: Depth) -> Offer | None:
        """What it sells for this depth; None where it looks nothing up of that kind."""

    def suits(self, question: Question, depth: Depth) -> bool:
        """Whether it can answer this at all: US numbers only, a date needed."""

    def ask(self, questions: Sequence[Question], depth: Depth) -> list[Answer]:
        """One call's worth (at most `batch`) of answers, in any order.

        A number left out was not answered, and nothing was charged for it. Raises a
        `ProviderError` where the call as a whole brought nothing, and where it broke off: then
        the answers that it had brought go with it (`ProviderError.after`).
        """

    def check(self) -> Account:
        """Whether it accepts our key, at no cost; raises `ProviderError`."""

    def close(self) -> None: ...


class BulkProvider(Provider, Protocol):
    """A provider that also takes a file: hand it in, ask whether it is done, fetch the answers."""

    bulk_from: int  # questions from which the file is worth it; 0 = never

    def submit(self, questions: Sequence[Question], depth: Depth) -> str:
        """Hand in a file; its charge begins here. Returns the name under which to ask for it."""

    def collect(self, job: str, questions: Sequence[Question], depth: Depth) -> list[Answer] | None:
        """The answers of a file that was handed in, also by another process; None = not yet."""


@dataclass(frozen=True, slots=True)
class ChainStep:
    """A step of the chain, ready to be asked."""

    step: Step
    provider: Provider
    offer: Offer
    price: Decimal

    @property
    def name(self) -> str:
        return self.provider.name

    @property
    def depth(self) -> Depth:
        return self.step.depth

    @property
    def package(self) -> str:
        return self.offer.package

    def __str__(self) -> str:
        return f"{self.name} ({self.depth})"
