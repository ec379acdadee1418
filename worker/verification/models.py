"""Questions, answers and verifications: the form that all providers' answers take."""

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
    """A number, with what decides how it is asked about, from the contacts that hold it.

    `since`: when the number was last surely its person's (last contact, consent), for providers
    that tell whether it was reassigned. `value`: what the most valuable of its contacts is worth.
    `audited`: one of them is in a segment under audit.
    """

    number: str
    since: date | None = None
    value: float | None = None
    audited: bool = False


class Answer(Struct, frozen=True):
    """What a provider said about one number.

    `detail`: a phrase for a person that continues "this number ...": "is not in service".
    `reassigned`: None = the provider does not know. `raw_answer`: its own answer, kept for the
    record. `charged`: how many times the price it charged, 0 if nothing.
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
    """A stored answer: who gave it, what was checked, when, at what cost, and until
    when it counts.

    `since`: the date that was asked about, in ISO form, "" if there was none.
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
        """Return whether this answers whether the number has had another holder since a date.

        Not reassigned since January holds for any later date too; reassigned since June holds for
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
    """The state of our account. `credits`: lookups that can still be made; None = unknown."""

    credits: int | None = None
