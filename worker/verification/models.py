"""Questions, answers and verifications: the vocabulary into which all answers come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from config.verification import CheckLevel
from worker.phones import LineType

Verdict = Literal["valid", "invalid", "unreachable", "unknown"]
# What the network said of the line: in service (and the handset on or off just now), or not.
Live = Literal["", "active", "reachable", "unreachable", "inactive"]
CHECK_LEVELS: tuple[CheckLevel, ...] = ("format", "line_type", "live", "reassigned")


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
    `reassigned`: None = it does not know. `raw_answer`: its own answer, kept for the record.
    `charged`: how many times the price it took, 0 where it took nothing.
    """

    number: str
    verdict: Verdict
    line_type: LineType = "unknown"
    carrier: str = ""
    country: str = ""
    live: Live = ""
    reassigned: bool | None = None
    detail: str = ""
    raw_answer: str = ""
    since: date | None = None
    charged: int = 1


class Verification(Struct, frozen=True):
    """An answer on record: who gave it, how deep it looked, when, for how much, until when.

    `since`: the date that was asked about, in ISO form, "" where none was.
    """

    number: str
    provider: str
    package: str
    check_level: CheckLevel
    verdict: Verdict
    line_type: LineType
    at: datetime
    expires_at: datetime
    country: str = ""
    carrier: str = ""
    live: Live = ""
    reassigned: bool | None = None
    since: str = ""
    cost: Decimal = Decimal(0)
    detail: str = ""
    raw_answer: str = ""

    def covers(self, since: date | None) -> bool:
        """Whether this answers the question since when the number is somebody else's.

        Not given away since January holds for any later date too; given away since June holds for
        any earlier one.
        """
        if self.check_level != "reassigned":
            return True
        if since is None or not self.since:
            return False
        asked = date.fromisoformat(self.since)
        if self.reassigned is None:
            return asked == since
        return since <= asked if self.reassigned else since >= asked


@dataclass(frozen=True, slots=True)
class Product:
    """What is bought for a check level. An answer of one package does not stand for another's.

    `price`: list price of one lookup in USD; 0 = free.
    """

    package: str
    price: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """The state of our account. `credits`: lookups that can still be made; None = not known."""

    credits: int | None = None
