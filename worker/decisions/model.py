"""What a decision is made from, and what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from worker.phones import LineType, Number, ParsedField

Status = Literal["valid", "invalid", "unreachable", "wrong_number", "do_not_contact", "unverified"]
# The number reaches nobody, or somebody else. A number that must not be contacted is not bad.
BAD_STATUSES: tuple[Status, ...] = ("invalid", "wrong_number", "unreachable")
# "any": contact by whatever channel; what stands against it is the CRM's *do not contact*.
Channel = Literal["call", "text", "any"]
CALL_AND_TEXT: frozenset[Channel] = frozenset({"call", "text"})
ALL_CHANNELS: frozenset[Channel] = CALL_AND_TEXT | {"any"}
Value = str | bool | None
# Of the sentence for a person that stands in the CRM.
Language = Literal["en", "es", "fr", "de", "pt", "it", "pl", "ru", "uk"]


def blocked(suppressed: frozenset[Channel]) -> frozenset[Channel]:
    """Of calls and texts, those that must not be made."""
    return CALL_AND_TEXT if "any" in suppressed else suppressed


def is_stopped(suppressed: frozenset[Channel]) -> bool:
    """Whether neither calls nor texts are allowed."""
    return blocked(suppressed) >= CALL_AND_TEXT


class ProviderAnswer(Struct, frozen=True):
    """A verification as far as deciding needs it. `detail`: a phrase such as "is too short".

    `check_level`: what it checked (see `worker.decisions.resolve`). `label`: what people call the
    provider.
    """

    provider: str
    verdict: Literal["valid", "invalid", "unreachable", "unknown"]
    line_type: LineType = "unknown"
    detail: str = ""
    check_level: Literal["format", "line_type", "live", "reassigned"] = "format"
    label: str = ""


class NumberKnowledge(Struct, frozen=True):
    """All that is known of one number, as seen from one contact.

    `answers`: in the order of the chain. `pending_reason`: why a step that is wanted has not
    answered, "" when none is.
    `wrong`: evidence that it is wrong for this contact, "" when there is none.
    `suppressed`: channels that must not be used for it; `suppressed_reason`: by what.
    `held`: why it is not texted for now, though nobody has refused texts; "" when it is.
    `listed`: that a registry closes one of the channels, which the person has not refused.
    `confirmed`: the person confirmed it.
    """

    number: Number
    answers: tuple[ProviderAnswer, ...] = ()
    pending_reason: str = ""
    wrong: str = ""
    suppressed: frozenset[Channel] = frozenset()
    suppressed_reason: str = ""
    confirmed: bool = False
    held: str = ""
    listed: str = ""


class FieldFacts(Struct, frozen=True):
    """One phone field. `current_...`: what the CRM says of it now. `unread`: it is hidden from our
    user, and `numbers` are those that stood there when it was last read."""

    name: str
    reading: ParsedField
    numbers: tuple[NumberKnowledge, ...] = ()
    current_status: str | None = None
    current_e164: str | None = None
    current_line_type: str | None = None
    unread: bool = False


class Phrase(Struct, frozen=True, array_like=True):
    """Something that is said of a number, free of any language: a key of the catalogue
    (`worker.decisions.wording`), and its parameters by name, of which some are phrases in turn."""

    key: str
    args: tuple[tuple[str, str | Phrase], ...] = ()


class Part(Struct, frozen=True, array_like=True):
    """What is said of one phone field. `field` "": of the person. `phrase` None: its status says it
    all. `advise`: it may be said what to do; not where that would ask somebody to make contact with
    a person who said no to some channel."""

    field: str
    status: Status
    phrase: Phrase | None = None
    advise: bool = True


# Why a contact's fields say what they say, for a person; a sentence in no language yet.
Reason = tuple[Part, ...]


class ContactFacts(Struct, frozen=True):
    """All that a contact's decision is made from.

    `current_reason`: the sentence that the CRM holds now. `current_why`: what that sentence says,
    None where that is not known: we did not write it, or a person has changed it.
    `language`: of the sentence to write. `proposed_phone`: a verified number that the person gave
    instead of one of these. `suppressed`: channels by which this person is not to be contacted,
    whatever numbers there are. `held`: why they are not texted for now, whatever number it is.
    """

    fields: tuple[FieldFacts, ...]
    current_reason: str | None = None
    current_why: Reason | None = None
    language: Language = "en"
    proposed_phone: str | None = None
    suppressed: frozenset[Channel] = frozenset()
    suppressed_reason: str = ""
    held: str = ""


class FieldDecision(Struct, frozen=True):
    """`status` None = the field is empty. `e164`, `line_type`: of the number that stands for it.

    `reason`: an English phrase for programs, which goes on from "this field ..."; what a person
    reads in the CRM is made of it by `worker.decisions.reasons` and `worker.decisions.wording`.
    `unchanged`: it could not be checked again, and is what it was. `held`: a phrase as well, why
    it is not texted for now; `listed`: why it is not called, or not texted, by a registry.
    """

    name: str
    status: Status | None
    e164: str | None = None
    line_type: LineType | None = None
    reason: str = ""
    unchanged: bool = False
    held: str = ""
    listed: str = ""


class Decision(Struct, frozen=True):
    """`reason`: the sentence for a person. `why`: what it says, None where that is not known.
    `same_reason`: the CRM holds another sentence that says the same.
    `waiting`: a step that is wanted has not answered about some number of the contact.
    `skipped`: a quiet first sync leaves the record alone (`worker.decisions.quiet`)."""

    fields: tuple[FieldDecision, ...]
    wrong_number: bool
    do_not_contact: bool
    do_not_call: bool
    do_not_text: bool
    best_phone: str | None
    reason: str | None
    waiting: bool = False
    proposed_phone: str | None = None
    skipped: bool = False
    why: Reason | None = None
    same_reason: bool = False


@dataclass(frozen=True, slots=True)
class WritePolicy:
    """`labels`: phone field -> the name a person knows it by, for the reason sentence."""

    normalize: bool = False
    checked_at_refresh: timedelta = timedelta(days=180)
    labels: Mapping[str, str] = field(default_factory=dict)
    now: datetime = datetime.min
    run: str = ""
