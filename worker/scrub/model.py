"""What a scrub is asked and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Protocol

from msgspec import Struct

ScrubChannel = Literal["call", "text"]
MAX_NUMBERS = 10_000  # of one request, and in one snapshot


class Reason(StrEnum):
    """Why a number must not be contacted, the strongest first: the first that holds is given."""

    UNREADABLE = "unreadable"  # it is not one number that can be read
    ERASURE = "erasure"
    COMPLAINT = "complaint"
    OPT_OUT = "opt_out"
    WRONG_NUMBER = "wrong_number"
    LIST = "list"  # imported by `hygiene suppressions import`
    REGISTRY = "registry"  # a list with an authority
    PENDING_REVIEW = "pending_review"  # a reply that may be an opt-out waits for a person
    REASSIGNED = "reassigned"  # somebody else may have the number now
    STALE_REGISTRY = "stale_registry"  # it may have been listed since the registry's last file
    TAKES_NO_TEXTS = "takes_no_texts"
    INVALID = "invalid"
    OUTSIDE_HOURS = "outside_hours"


STRENGTH = {reason: place for place, reason in enumerate(Reason)}


class Window(Protocol):
    """The calling hours that hold for a number. `rule`: what they follow from."""

    @property
    def zone(self) -> str | None: ...
    @property
    def open_now(self) -> bool: ...
    @property
    def opens_at(self) -> datetime | None: ...
    @property
    def closes_at(self) -> datetime | None: ...
    @property
    def rule(self) -> str: ...


# Returns the calling hours of (number in E.164, state, country, time).
CallingHours = Callable[[str, str, str, datetime], Window]


class Question(Struct, frozen=True):
    """A number in any spelling. `country`: of one without a country code. `contact`: whose it is,
    as connector/object/id; "" = whoever has it."""

    number: str
    channel: ScrubChannel
    country: str = ""
    contact: str = ""


class Answer(Struct, frozen=True):
    """`reason`, `since`: why it must not be contacted, and since when, where that is known.

    `valid_until`: how long the answer may be used. `registry`: the one that decides. `window`: the
    calling hours of a number that may be contacted but for them; None where none are known.
    """

    number: str
    e164: str | None
    channel: ScrubChannel
    allow: bool
    valid_until: datetime
    reason: Reason | None = None
    since: datetime | None = None
    registry: str | None = None
    window: Window | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "e164": self.e164,
            "channel": self.channel,
            "allow": self.allow,
            "reason": self.reason.value if self.reason else None,
            "since": self.since.isoformat() if self.since else None,
            "valid_until": self.valid_until.isoformat(),
            "registry": self.registry,
            "window": _window_json(self.window),
        }


def _window_json(window: Window | None) -> dict[str, Any] | None:
    if window is None:
        return None
    return {
        "zone": window.zone,
        "open_now": window.open_now,
        "opens_at": window.opens_at.isoformat() if window.opens_at else None,
        "closes_at": window.closes_at.isoformat() if window.closes_at else None,
        "rule": window.rule,
    }
