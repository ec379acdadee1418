"""The precedence table: what a field's status is, and why.

    empty > do_not_contact > wrong_number > invalid > unreachable > unverified > valid

A field may hold several numbers. A suppressed or wrong one marks the whole field, since whoever
reads the field may dial it; among the rest the best number stands for the field.
"""

from __future__ import annotations

from worker.decisions.model import (
    ALL_CHANNELS,
    ContactFacts,
    Decision,
    FieldDecision,
    FieldFacts,
    NumberKnowledge,
    Status,
)
from worker.decisions.reasons import sentence
from worker.phones import Kind, Number

# What kind of line most likely reaches a person; "unknown" is a line whose plan cannot tell.
_REACH: tuple[Kind, ...] = ("mobile", "unknown", "landline", "voip", "other", "toll_free")
_BEST_FIRST: tuple[Status, ...] = ("valid", "unverified", "unreachable", "invalid")


def decide(contact: ContactFacts) -> Decision:
    """Statuses, flags, best phone and a sentence why, from the facts alone."""
    decided = tuple(_field(facts) for facts in contact.fields)
    numbers = [known for facts in contact.fields for known in facts.numbers]
    blocked = frozenset(channel for known in numbers for channel in known.suppressed)
    return Decision(
        fields=decided,
        wrong_number=any(known.wrong for known in numbers),
        do_not_contact=any(known.suppressed >= ALL_CHANNELS for known in numbers),
        do_not_call="call" in blocked,
        do_not_text="text" in blocked,
        best_phone=_best(decided, {known.number.e164 for known in numbers if known.confirmed}),
        reason=sentence(decided),
    )


def _field(facts: FieldFacts) -> FieldDecision:
    reading = facts.reading
    if reading.outcome == "empty":
        return FieldDecision(facts.name, None)
    if not facts.numbers:
        status: Status = "unverified" if reading.outcome == "no_country" else "invalid"
        return FieldDecision(facts.name, status, reason=reading.reason)
    for known in facts.numbers:
        if known.suppressed >= ALL_CHANNELS:
            return _made(facts, known, "do_not_contact", known.suppressed_why)
    for known in facts.numbers:
        if known.wrong:
            return _made(facts, known, "wrong_number", known.wrong)
    judged = [(known, *_verdict(facts, known)) for known in facts.numbers]
    known, status, reason = min(
        judged, key=lambda entry: (_BEST_FIRST.index(entry[1]), _is_fax(entry[0].number))
    )
    return _made(facts, known, status, reason)


def _is_fax(number: Number) -> bool:
    return number.label.casefold().strip(".") in ("f", "fax", "telefax")


def _made(facts: FieldFacts, known: NumberKnowledge, status: Status, reason: str) -> FieldDecision:
    line_type = next(
        (said.line_type for said in reversed(known.said) if said.line_type != "unknown"),
        known.number.kind,
    )
    return FieldDecision(
        facts.name,
        status,
        known.number.e164 if known.number.valid or status != "invalid" else None,
        None if status == "invalid" and line_type == "unknown" else line_type,
        reason,
    )


def _verdict(facts: FieldFacts, known: NumberKnowledge) -> tuple[Status, str]:
    """A number's own status. Without any verdict it stays as it was (promise 6)."""
    for verdict in ("invalid", "unreachable"):
        for said in known.said:
            if said.verdict == verdict:
                return verdict, said.detail or f"is {verdict} ({said.provider})"
    if any(said.verdict == "valid" for said in known.said):
        return "valid", facts.reading.remark
    # Of a number that is not valid no E.164 is held.
    same = facts.held_e164 == known.number.e164 or (
        facts.held_e164 is None and facts.held_status == "invalid" and not known.number.valid
    )
    if same:
        for held in ("valid", "invalid", "unreachable"):
            if facts.held_status == held:
                return held, "could not be checked again just now"
    return "unverified", "could not be checked yet"


def _best(fields: tuple[FieldDecision, ...], confirmed: set[str]) -> str | None:
    usable = [field for field in fields if field.status == "valid" and field.e164]

    def rank(field: FieldDecision) -> tuple[bool, int]:
        kind = field.line_type or "unknown"
        return (field.e164 not in confirmed, _REACH.index(kind) if kind in _REACH else len(_REACH))

    return min(usable, key=rank).e164 if usable else None
