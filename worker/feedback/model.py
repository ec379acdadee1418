"""Feedback: a report about a number, or about one contact's use of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

FeedbackKind = Literal[
    "opt_out",
    "opt_in",
    "wrong_number",
    "confirmed",
    "corrected",
    "undeliverable",
    "complaint",
    "erasure",
]


@dataclass(frozen=True, slots=True)
class Feedback:
    """`key`: idempotency key; the same report counts once. `contact`: "connector/object/id" when
    it is about one contact alone, "" when it is about the number, whoever holds it.
    `channels`: "call", "text" or both joined by a space, for opt_out and opt_in.
    `evidence`: what was seen, for a person.
    """

    key: str
    kind: FeedbackKind
    number: str
    source: str
    at: datetime
    channels: str = ""
    contact: str = ""
    evidence: str = ""
