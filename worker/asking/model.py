"""The words of asking: campaigns, their messages, and why somebody is not asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from config.errors import HygieneError

AskChannel = Literal["text", "email"]
SEGMENT_KEYS = ("source", "campaign", "country", "month", "list")
MICROS = 1_000_000  # money is kept in millionths of the currency


class CampaignState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"  # by a person, or by itself: `error` says why
    STOPPED = "stopped"  # for good
    DONE = "done"  # everybody was asked, or left out


class MessageState(StrEnum):
    WAITING = "waiting"
    SENDING = "sending"  # claimed: it is sent once, or counts as sent
    SENT = "sent"
    UNCERTAIN = "uncertain"  # nobody knows whether it was sent: it counts as sent
    REFUSED = "refused"  # the vendor or the mail server did not take it
    WITHHELD = "withheld"  # it must not be sent; `reason` says why


# Somebody with such a message has been asked.
ASKED = (MessageState.SENDING, MessageState.SENT, MessageState.UNCERTAIN)


class Answer(StrEnum):
    """What a recipient said."""

    CONFIRMED = "confirmed"
    CORRECTED = "corrected"
    NOT_ME = "not_me"
    STOPPED = "stopped"


class LeftOut(StrEnum):
    """Why a contact is not asked, besides the reasons of a scrub (`worker.scrub.model.Reason`)."""

    NO_CONSENT = "no_consent"  # none is recorded, and the campaign names no other basis
    NOT_UNCERTAIN = "not_uncertain"  # neither unverified nor old enough
    BAD_STATUS = "bad_status"  # its field is invalid, unreachable, wrong, or not to be contacted
    ORGANISATION = "organisation"  # its record is a company's, and nobody's
    SHARED_NUMBER = "shared_number"  # several people are reached by it, or a company
    TAKES_NO_TEXTS = "takes_no_texts"  # a landline, or a number with an extension
    LOW_CONFIDENCE = "low_confidence"
    RECENTLY_ASKED = "recently_asked"
    RECENTLY_CONFIRMED = "recently_confirmed"
    SAME_PERSON = "same_person"  # who is asked already, by another record or with the same number
    NUMBER_CHANGED = "number_changed"
    CONTACT_GONE = "contact_gone"
    NO_EMAIL = "no_email"
    BAD_EMAIL = "bad_email"  # the CRM says that nothing reaches it
    EMAIL_REFUSED = "email_refused"  # by the server of its domain, when it was asked before
    EMAIL_REFUSAL_LIFTED = "email_refusal_lifted"  # it was; an admin lets it be asked again
    EMAIL_OPT_OUT = "email_opt_out"  # by the CRM: of this record, or of another with the address
    EMAIL_OPT_OUT_UNKNOWN = "email_opt_out_unknown"  # the CRM does not let us read it
    NO_NUMBER = "no_number"


class AskingError(HygieneError):
    """A campaign that cannot be begun or changed so."""

    exit_code = 2
    http_status = 422


class NoSuchCampaignError(HygieneError):
    exit_code = 2
    http_status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no ask campaign {name!r}; list them with: hygiene ask list")


@dataclass(frozen=True, slots=True)
class Selection:
    """Whom a campaign asks.

    `connector`: "" = all. `key`, `value`: a segment, "" = everybody. `unverified`, `older_than`
    (seconds): only contacts with a phone field that is unverified, or whose number nobody has
    confirmed for so long while the record is as old; with both, either is enough.
    """

    connector: str = ""
    key: str = ""
    value: str = ""
    unverified: bool = False
    older_than: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Selection:
        return cls(**data)

    @property
    def age(self) -> timedelta:
        return timedelta(seconds=self.older_than)

    def __str__(self) -> str:
        parts = [f"{self.key} = {self.value}" if self.key else "all contacts"]
        if self.connector:
            parts[0] += f" of {self.connector}"
        which = []
        if self.unverified:
            which.append("unverified")
        if self.older_than:
            which.append(f"not confirmed for {self.age.days} days")
        if which:
            parts.append(" or ".join(which))
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Request:
    """What an operator asks for. `basis`: the legal basis; "" = recorded consent to texts alone.
    `budget`: in millionths of the currency."""

    name: str
    channel: AskChannel
    selection: Selection
    budget: int
    basis: str = ""
    per_minute: int = 30


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as it is stored."""

    id: int
    name: str
    channel: AskChannel
    selection: Selection
    basis: str
    state: CampaignState
    per_minute: int
    budget: int
    spent: int
    next_at: datetime
    troubles: int
    error: str
    left_out: Mapping[str, int]
    created_at: datetime
    created_by: str
