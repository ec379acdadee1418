"""The precedence table: what a field's status is, and why.

    empty > do_not_contact > wrong_number > invalid > unreachable > unverified > valid

Which of several providers' answers decides a number is told in `weigh`.

A field may hold several numbers. A suppressed or wrong one marks the whole field, since whoever
reads the field may dial it; among the rest the best number stands for the field.
"""

from __future__ import annotations

from typing import NamedTuple, cast, get_args

from msgspec import structs

from worker.decisions import resolve
from worker.decisions.former_wording import former_sentence
from worker.decisions.model import (
    ContactFacts,
    Decision,
    FieldDecision,
    FieldFacts,
    NumberKnowledge,
    ProviderAnswer,
    Reason,
    Status,
    is_stopped,
)
from worker.decisions.reasons import reason_of, tells_hold
from worker.decisions.wording import render, sentence_in_any_language
from worker.phones import LineType, Number

# What kind of line most likely reaches a person; "unknown" is a line whose plan cannot tell.
_LINE_TYPE_PREFERENCE: tuple[LineType, ...] = (
    "mobile",
    "unknown",
    "landline",
    "voip",
    "other",
    "toll_free",
)
_ALL_STATUSES = get_args(Status)
_BEST_FIRST: tuple[Status, ...] = ("valid", "unverified", "unreachable", "invalid")


def decide(contact: ContactFacts) -> Decision:
    """Statuses, flags, best phone and a sentence why, from the facts alone."""
    decided = tuple([_decide_in_contact(contact, facts) for facts in contact.fields])
    numbers = [known for facts in contact.fields for known in facts.numbers]
    # One flag a channel: a person clears each for itself.
    flagged = contact.suppressed.union(*(known.suppressed for known in numbers))
    sentence = _reason(contact, decided, bool(flagged))
    return Decision(
        fields=decided,
        wrong_number=any(known.wrong for known in numbers),
        do_not_contact="any" in flagged,
        do_not_call="call" in flagged,
        do_not_text="text" in flagged,
        best_phone=_best_phone(
            decided, {known.number.e164 for known in numbers if known.confirmed}
        ),
        reason=sentence.text,
        why=sentence.why,
        same_reason=sentence.is_held_otherwise,
        waiting=any(known.pending_reason for known in numbers),
        proposed_phone=contact.proposed_phone,
    )


class _Said(NamedTuple):
    """The sentence for a person, and what it says.

    `is_held_otherwise`: the CRM holds it in another wording or language.
    """

    text: str | None
    why: Reason | None
    is_held_otherwise: bool = False


def _reason(contact: ContactFacts, decided: tuple[FieldDecision, ...], refuses_some: bool) -> _Said:
    """Where nothing new is known, since it could not be checked again, nothing new is said.

    `refuses_some`: some channel is closed; then nobody is advised to call or to write.
    """
    kept = any(field.unchanged for field in decided) and not _is_about_hold(contact, decided)
    same = all(
        field.status == facts.current_status
        for field, facts in zip(decided, contact.fields, strict=True)
    )
    if kept and same and contact.current_reason:
        return _Said(contact.current_reason, contact.current_why)
    person = contact.suppressed_reason if contact.suppressed else ""
    why = reason_of(decided, person, advise=not refuses_some, hold_reason=contact.held)
    if why is None:
        return _Said(None, None)
    text, current = render(why, contact.language), contact.current_reason
    return _Said(text, why, bool(current) and current != text and _says(contact, why, decided))


def _is_about_hold(contact: ContactFacts, decided: tuple[FieldDecision, ...]) -> bool:
    """Whether texts wait for a review, or a registry closes a channel, or the CRM's sentence still
    says so."""
    said_before = any(map(tells_hold, contact.current_why or ()))
    return said_before or bool(contact.held) or any(field.held or field.listed for field in decided)


def _says(contact: ContactFacts, why: Reason, decided: tuple[FieldDecision, ...]) -> bool:
    """Whether the CRM's sentence says this, in whatever wording or language.

    We know it of a sentence that we wrote last, by what we stored with it. Where that is lost, or
    was never stored, the sentence itself may tell. What a person has written says something else.
    """
    current = contact.current_reason or ""
    if contact.current_why is not None:
        return contact.current_why == why
    if any(map(tells_hold, why)):  # no former release said so
        return sentence_in_any_language(current, why)
    former = former_sentence(decided)
    if former is None and contact.suppressed:
        former = f"This person {contact.suppressed_reason}."
    return current == former or sentence_in_any_language(current, why)


def _decide_in_contact(contact: ContactFacts, facts: FieldFacts) -> FieldDecision:
    """A phone field; one without a number that can be read is not to be dialed either."""
    if facts.unread:
        return _with_hold(_decide_unread(facts, contact), facts)
    if facts.numbers or facts.reading.outcome == "empty" or not is_stopped(contact.suppressed):
        return _with_hold(decide_field(facts), facts)
    return FieldDecision(facts.name, "do_not_contact", reason=contact.suppressed_reason)


def _with_hold(decided: FieldDecision, facts: FieldFacts) -> FieldDecision:
    """Say of a field that it is not texted for now, or that a registry closes a channel, where
    nobody refused all contact there."""
    held = next((known.held for known in facts.numbers if known.held), "")
    listed = next((known.listed for known in facts.numbers if known.listed), "")
    if not (held or listed) or decided.status == "do_not_contact":
        return decided
    return structs.replace(decided, held=held, listed=listed)


def _decide_unread(facts: FieldFacts, contact: ContactFacts) -> FieldDecision:
    """A field that we cannot read just now stays as it is, but that nobody is to be contacted there
    who said no. What was lifted since is not called good unseen."""
    current = cast(Status, facts.current_status) if facts.current_status in _ALL_STATUSES else None

    def decided(status: Status | None, reason: str) -> FieldDecision:
        kept = status is not None and status == facts.current_status
        e164 = facts.current_e164
        if not kept and e164 is None:
            e164 = next((known.number.e164 for known in facts.numbers), None)
        return FieldDecision(
            facts.name, status, e164 if status else None,
            cast("LineType | None", facts.current_line_type), reason, kept,
        )  # fmt: skip

    for known in facts.numbers:
        if is_stopped(known.suppressed):
            return decided("do_not_contact", known.suppressed_reason)
    for known in facts.numbers:
        if known.wrong:
            return decided("wrong_number", known.wrong)
    if current and is_stopped(contact.suppressed):
        return decided("do_not_contact", contact.suppressed_reason)
    if current in ("do_not_contact", "wrong_number") and facts.numbers:
        return decided("unverified", "could not be read again: it is hidden from our user")
    return decided(current, "")


def decide_field(facts: FieldFacts) -> FieldDecision:
    """One phone field by itself: what `decide` says of it, without the contact around it."""
    reading = facts.reading
    if reading.outcome == "empty":
        return FieldDecision(facts.name, None)
    if not facts.numbers:
        status: Status = "unverified" if reading.outcome == "no_country" else "invalid"
        return FieldDecision(facts.name, status, reason=reading.reason)
    for known in facts.numbers:
        if is_stopped(known.suppressed):
            return _field_decision(facts, known, "do_not_contact", known.suppressed_reason)
    for known in facts.numbers:
        if known.wrong:
            return _field_decision(facts, known, "wrong_number", known.wrong)
    judged = [(known, *_verdict(facts, known)) for known in facts.numbers]
    known, status, reason, kept = min(
        judged, key=lambda entry: (_BEST_FIRST.index(entry[1]), _is_fax(entry[0].number))
    )
    return _field_decision(facts, known, status, reason, kept)


def _is_fax(number: Number) -> bool:
    return number.label.casefold().strip(".") in ("f", "fax", "telefax")


def _field_decision(
    facts: FieldFacts, known: NumberKnowledge, status: Status, reason: str, kept: bool = False
) -> FieldDecision:
    line_type = cast(LineType, resolve.line_type(known.answers, known.number.kind))
    if kept and facts.current_line_type:
        line_type = cast(LineType, facts.current_line_type)
    return FieldDecision(
        facts.name,
        status,
        known.number.e164 if known.number.valid or status != "invalid" else None,
        None if status == "invalid" and line_type == "unknown" else line_type,
        reason,
        kept,
    )


def _verdict(facts: FieldFacts, known: NumberKnowledge) -> tuple[Status, str, bool]:
    """A number's own status, why, and whether it is only kept as it was.

    Without a verdict, or with a good one that is not as deep as it was to be, it stays as it was
    (promise 6). That a number exists does not make it this person's: one that is read with low
    confidence is not valid (promise 15).
    """
    best = resolve.winning(known.answers)
    if _is_weak(known) and (best is None or best.verdict in ("valid", "unknown")):
        return "unverified", facts.reading.remark, False
    if best is not None and best.verdict == "valid" and not known.pending_reason:
        return "valid", _dissent_clause(known) or facts.reading.remark, False
    if best is not None and best.verdict in ("invalid", "unreachable"):
        status: Status = "invalid" if best.verdict == "invalid" else "unreachable"
        return status, _source_clause(best, known), False
    # Of a number that is not valid no E.164 is held.
    same = facts.current_e164 == known.number.e164 or (
        facts.current_e164 is None and facts.current_status == "invalid" and not known.number.valid
    )
    why = f": {known.pending_reason}" if known.pending_reason else ""
    if same:
        for kept in ("valid", "invalid", "unreachable"):
            if facts.current_status == kept:
                return kept, f"could not be checked again{why or ' just now'}", True
    return "unverified", f"could not be checked yet{why}", False


def _is_weak(known: NumberKnowledge) -> bool:
    return known.number.confidence == "low" and known.number.valid and not known.confirmed


def _source_clause(best: ProviderAnswer, known: NumberKnowledge) -> str:
    """Why a number is bad, by whose word, and who says otherwise."""
    detail = best.detail or f"is {best.verdict}"
    if best.check_level == "format":
        return detail
    others = _conflicting_sources(known)
    return f"{detail} ({best.label or best.provider}{f'; {others}' if others else ''})"


def _dissent_clause(known: NumberKnowledge) -> str:
    """That somebody calls a good number bad."""
    if not (others := _conflicting_sources(known)):
        return ""
    best = resolve.winning(known.answers)
    return f"counts as valid by {best.label or best.provider}, though {others}" if best else ""


def _conflicting_sources(known: NumberKnowledge) -> str:
    """Who else says otherwise. That the numbering plan has such numbers contradicts nobody."""
    if len(known.answers) < 2:  # the most of them: only the numbering plan was asked
        return ""
    best = resolve.winning(known.answers)
    return " and ".join(
        f"{answer.label or answer.provider} says {answer.verdict}"
        for answer in resolve.conflicting(known.answers)
        if answer.check_level != "format" and best is not None and answer.provider != best.provider
    )


def _best_phone(fields: tuple[FieldDecision, ...], confirmed: set[str]) -> str | None:
    usable = [field for field in fields if field.status == "valid" and field.e164]

    def rank(field: FieldDecision) -> tuple[bool, int]:
        kind = field.line_type or "unknown"
        return (
            field.e164 not in confirmed,
            _LINE_TYPE_PREFERENCE.index(kind)
            if kind in _LINE_TYPE_PREFERENCE
            else len(_LINE_TYPE_PREFERENCE),
        )

    return min(usable, key=rank).e164 if usable else None
