"""Consent records that the worker writes: what a CRM that keeps such records offers for that.

A consent record is about a person, whom several records of the CRM may name. Nothing else depends
on it: what a CRM refuses of it is told, and costs nobody a flag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

# `ended`: an opt-out that is no longer in force, though nobody consented.
ConsentStatus = Literal["opt_out", "opt_in", "ended"]


@dataclass(frozen=True, slots=True)
class ConsentChange:
    """How the consent of a person for phones is to stand. `at`: since when, as somebody said it."""

    party: str
    status: ConsentStatus
    at: datetime


@dataclass(frozen=True, slots=True)
class ConsentResult:
    """What became of a change. `same`: our record said so already, or there was none that had to be
    changed. `unknown`: the answer does not tell."""

    state: Literal["written", "same", "refused", "unknown"]
    consent_id: str = ""
    message: str = ""


class ConsentWriter(Protocol):
    """`batch_size`: records, and changes, that one call takes. Every method raises
    `ConnectorError`."""

    batch_size: int

    def parties(self, object_name: str, record_ids: Sequence[str]) -> dict[str, str]:
        """Map those of these records that name a person to that person."""

    def records_of(self, parties: Sequence[str]) -> Mapping[str, Sequence[tuple[str, str]]]:
        """Map each person to the records that name them: (object, id)."""

    def write(self, changes: Sequence[ConsentChange]) -> list[ConsentResult]:
        """Write at most one change of a person; a result for each, in order.

        One record of ours is kept for a person. It is looked for first, so that what was sent
        before is not made twice; records that others made are left alone."""
