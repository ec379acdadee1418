"""What a provider is, and the one vocabulary into which all answers come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

from worker.phones import Kind

Verdict = Literal["valid", "invalid", "unreachable", "unknown"]


class ProviderError(Exception):
    """A provider gave no usable answer. Never says anything about a number (promise 6)."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What one provider said of one number at one time, and until when that counts.

    `words`: the provider's own answer, kept for the record; `detail`: a phrase for a person.
    """

    number: str
    provider: str
    package: str
    verdict: Verdict
    line_type: Kind
    at: datetime
    until: datetime
    country: str = ""
    carrier: str = ""
    reassigned: bool | None = None
    cost: Decimal = Decimal(0)
    detail: str = ""
    words: str = ""


class Provider(Protocol):
    """One way to verify numbers. A new one is a file with this shape and a registration line."""

    name: str
    package: str  # what is bought: answers of different packages do not stand for each other
    price: Decimal  # a number, in the configured currency; 0 = free

    def verify(self, numbers: Sequence[str], now: datetime) -> list[Verification]:
        """One verification for each number that could be judged; raises `ProviderError`.

        A number left out was not judged, and stays as it was.
        """
