"""What a provider is, and the one vocabulary into which all answers come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, Protocol, Self

from msgspec import Struct

from config.redaction import mask
from config.verification import Depth, Step
from worker.phones import Kind

Verdict = Literal["valid", "invalid", "unreachable", "unknown"]
# What the network said of the line: in service (and the handset on or off just now), or not.
Live = Literal["", "active", "reachable", "unreachable", "inactive"]
DEPTHS: tuple[Depth, ...] = ("format", "line_type", "live", "reassigned")


# -- what can go wrong ---------------------------------------------------------------------


class ProviderError(Exception):
    """A provider gave no usable answer. Never says anything about a number (promise 6).

    The text goes on from the provider's name: "did not answer in time". `lost`: the call may have
    been carried out, and charged, all the same. Where several numbers were asked about one by one,
    `answers` holds those that came before it, which were paid for, and `question` is the one that
    it is about: the others were not asked.
    """

    lost = False

    def __init__(self, reason: str) -> None:
        self.reason = mask(reason)  # it may quote what it was sent
        self.answers: tuple[Answer, ...] = ()
        self.question: Question | None = None
        super().__init__(self.reason)

    def after(self, answers: Sequence[Answer], question: Question | None = None) -> Self:
        """Note the answers that were paid for before it, and the question that it is about."""
        self.answers, self.question = tuple(answers), question
        return self


class UnavailableError(ProviderError):
    """It did not answer, or answered that it cannot just now."""


class LostError(ProviderError):
    """The answer to a call that was sent did not reach us, or not in a form that can be read."""

    lost = True


class RefusedError(ProviderError):
    """It does not accept our key, or the key may not do this: an operator has to act."""


class NoCreditError(ProviderError):
    """What was bought of it is used up."""


# -- questions and answers -----------------------------------------------------------------


class Question(Struct, frozen=True):
    """A number, with what the contacts that hold it say of how to ask.

    `since`: when the number was last surely its person's (last contact, consent), for providers
    that tell whether it was reassigned. `value`: what the most valuable of its contacts is worth.
    `audited`: one of them is in a segment under audit.
    """

    number: str
    since: date | None = None
    value: float | None = None
    audited: bool = False


class Answer(Struct, frozen=True):
    """What a provider said of one number.

    `detail`: a phrase for a person that goes on from "this number ...": "is not in service".
    `reassigned`: None = it does not know. `words`: its own answer, kept for the record.
    `charged`: how many times the price it took, 0 where it took nothing.
    """

    number: str
    verdict: Verdict
    line_type: Kind = "unknown"
    carrier: str = ""
    country: str = ""
    live: Live = ""
    reassigned: bool | None = None
    detail: str = ""
    words: str = ""
    since: date | None = None
    charged: int = 1


class Verification(Struct, frozen=True):
    """An answer on record: who gave it, how deep it looked, when, for how much, until when.

    `since`: the date that was asked about, in ISO form, "" where none was.
    """

    number: str
    provider: str
    package: str
    depth: Depth
    verdict: Verdict
    line_type: Kind
    at: datetime
    until: datetime
    country: str = ""
    carrier: str = ""
    live: Live = ""
    reassigned: bool | None = None
    since: str = ""
    cost: Decimal = Decimal(0)
    detail: str = ""
    words: str = ""

    def covers(self, since: date | None) -> bool:
        """Whether this answers the question since when the number is somebody else's.

        Not given away since January holds for any later date too; given away since June holds for
        any earlier one.
        """
        if self.depth != "reassigned":
            return True
        if since is None or not self.since:
            return False
        asked = date.fromisoformat(self.since)
        if self.reassigned is None:
            return asked == since
        return since <= asked if self.reassigned else since >= asked


# -- providers -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offer:
    """What is bought for a depth. Answers of different packages do not stand for each other.

    `price`: list price of one lookup in USD; 0 = free.
    """

    package: str
    price: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Account:
    """How we stand with a provider. `credits`: lookups that can still be made; None = not told."""

    credits: int | None = None


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
