"""Why a contact's fields say what they say, free of any language.

A reason is kept as keys with parameters. `worker.decisions.wording` makes a sentence of it, in one
place, for the language that a connector is set to. So a new wording or another language changes
nothing that was decided.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from worker.decisions.model import FieldDecision, Part, Reason, Status
from worker.decisions.phrases import parse


@lru_cache(maxsize=256)
def label(field: str) -> str:
    """A phone field's name as a person would say it.

    >>> label("MobilePhone"), label("phone"), label("Direct_Line__c")
    ('Mobile phone', 'Phone', 'Direct line')
    """
    text = field.removesuffix("__c").replace("_", " ")
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).strip()
    text = re.sub(r"(?i)^mobilephone$", "mobile phone", text)
    return text[:1].upper() + text[1:].lower()


def reason_of(
    fields: Iterable[FieldDecision], person: str = "", advise: bool = True, hold_reason: str = ""
) -> Reason | None:
    """Return what is wrong, field by field, and which are not texted for now, or not called because
    of a registry; where all is well, the remarks, or that they are valid.

    `person`: what is said of the person, for a contact without any number. `advise`: nobody has
    said no to any channel. `hold_reason`: why the person is not texted for now, whatever number it
    is. None: nothing is there.
    """
    present = [field for field in fields if field.status is not None]
    on_hold = [Part("", "valid", parse(hold_reason), advise)] if hold_reason else []
    on_hold += [
        Part(field.name, "valid", parse(phrase), advise)
        for field in present
        for phrase in (field.held, field.listed)
        if phrase
    ]
    chosen = [field for field in present if field.status != "valid"] or [
        field for field in present if field.reason
    ]
    if not chosen and not on_hold:
        chosen = present
    if not chosen and not on_hold:
        return (Part("", "do_not_contact", parse(person)),) if person else None
    parts = [
        Part(
            field.name,
            field.status or "valid",
            parse(field.reason) if field.reason else None,
            advise or field.status == "do_not_contact",
        )
        for field in chosen
    ]
    return (*parts, *on_hold)


def tells_hold(part: Part) -> bool:
    """Whether it is said that texts wait for a review, or that a registry closes a channel."""
    return part.phrase is not None and part.phrase.key in ("held_by", "not_called_by")


def of_field(reason: Reason | None, field: str, status: Status) -> Reason:
    """Return what a contact's reason says of one phone field; a good one among others that are not
    is not named there."""
    parts = tuple(part for part in reason or () if part.field == field)
    return parts or (Part(field, status),)


def encode(reason: Reason | None) -> str:
    """Return a reason as a text to store; "" for none."""
    return msgspec.json.encode(reason).decode() if reason else ""


def decode(text: str) -> Reason | None:
    """Read what `encode` made; None where it is empty, or by a release that writes it otherwise."""
    try:
        return _decoder.decode(text) or None
    except msgspec.DecodeError:
        return None


@lru_cache(maxsize=4096)  # most contacts of a page have one of few reasons
def tie(sentence: str | None, reason: Reason | None) -> str:
    """Return a reason to store with the sentence that was made of it; "" where it is not known."""
    return f"{_hash(sentence)}{encode(reason)}" if sentence and reason else ""


def untie(sentence: str | None, stored: str) -> Reason | None:
    """Return what a sentence says, by what `tie` stored with it; None if it is another sentence.

    So a sentence that a person has changed, or another release has written, is not taken for ours.
    """
    known = bool(sentence) and stored.startswith(_hash(sentence))
    return decode(stored[_HASH:]) if known else None


def _hash(sentence: str | None) -> str:
    return hashlib.blake2b((sentence or "").encode(), digest_size=_HASH // 2).hexdigest()


_HASH = 16  # characters of the sentence's hash, in front of the reason
_decoder = msgspec.json.Decoder(tuple[Part, ...])
