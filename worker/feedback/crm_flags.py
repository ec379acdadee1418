"""Make reports of flags that CRM users tick and clear (promise 9: a person's word beats ours).

If a flag differs from what we last saw or wrote, somebody else has changed it: that is a report.
When a contact is seen for the first time, a flag that is set is a report too, and one that is not
set says nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from connectors.records import Contact, Value
from worker.decisions.diff import FLAGS
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind, Scope

_CHANNELS = {"do_not_contact": "call text", "do_not_call": "call", "do_not_text": "text"}
_OWN = {"do_not_call": "call", "do_not_text": "text"}  # the flags of one channel each
_WORDS = {
    "wrong_number": "wrong number",
    "do_not_contact": "do not contact",
    "do_not_call": "do not call",
    "do_not_text": "do not text",
}


_BY_USER = " user"  # ends the source of what a CRM user said


class FlagHistory(msgspec.Struct, frozen=True):
    """What we know of a contact's flags from before.

    `last_seen`: the flags as we last saw or wrote them; None for a contact that is read for the
    first time. `former_numbers`: other numbers with which this contact was stopped; whoever clears
    a flag takes it back for those as well. `late_flags`: flags and values that a write of ours may
    have brought after we had given it up; these are nobody's word. One that was set keeps its
    effect, and the evidence says so; one that was cleared is no report.
    """

    last_seen: Mapping[str, bool] | None = None
    former_numbers: Sequence[str] = ()
    late_flags: Collection[tuple[str, bool]] = ()


def flags_of(current: Mapping[str, Value]) -> dict[str, bool]:
    """Return the flags that a contact's record holds, of those that the CRM has."""
    return {flag: bool(current[flag]) for flag in FLAGS if flag in current}


def _channels(flag: str, ticked: bool, current: Mapping[str, Value]) -> str:
    """Return what a changed flag says, as a value of `Feedback.channels`.

    A channel is opened only if no flag that closes it is left: in doubt, the user has said no more
    than this one flag does. `current`: the flags as they are, or, if they are hidden from us, as we
    last saw them.
    """
    if ticked or flag not in _CHANNELS:
        return _CHANNELS.get(flag, "")
    if flag != "do_not_contact":
        return flag if current.get("do_not_contact") else _OWN[flag]
    open_now = [channel for own, channel in _OWN.items() if not current.get(own)]
    return " ".join(open_now) or flag


def reports_from_flags(
    connector: str,
    contact: Contact,
    identity: ContactIdentity,
    history: FlagHistory,
    numbers: Sequence[str],
    now: datetime,
    clock_offset: timedelta = timedelta(0),
) -> list[Feedback]:
    """Make reports of the differences between a contact's flags and what we last knew of them.

    Whoever changed *do not contact* has said so for each channel: the flags of one channel that
    changed with it are no reports of their own.

    `clock_offset`: how far the CRM's clock is ahead of ours. Whoever clears a flag says it after
    what set the flag, even if the CRM's clock is slow.
    """
    current, before = contact.current, history.last_seen or {}
    changed = {
        flag: bool(current[flag])
        for flag in FLAGS
        if flag in current and bool(current[flag]) != before.get(flag, False)
    }
    if not changed:
        return []  # nearly all
    if changed.get("do_not_contact") is not None:
        for flag in _OWN:
            if changed.get(flag) == changed["do_not_contact"]:
                del changed[flag]
    late_flags, modified = history.late_flags, contact.modified_at
    stamp = (modified or now).isoformat()
    return [
        Feedback(
            key=f"crm:{identity.key}:{flag}:{_verb(ticked)}:{number}:{stamp}",
            kind=_kind(flag, ticked),
            number=number,
            source=_machine(connector)
            if (flag, ticked) in late_flags
            else f"{connector}{_BY_USER}",
            at=modified - clock_offset if modified else now,
            channels=_channels(flag, ticked, {**before, **current}),
            contact=identity.key,
            scope=_scope(flag, numbers),
            person=identity.person,
            evidence=_evidence(connector, flag, ticked, history),
        )
        for flag, ticked in changed.items()
        if ticked or (flag, ticked) not in late_flags
        for number in _numbers_meant(flag, ticked, numbers, history.former_numbers)
    ]


def _machine(connector: str) -> str:
    """Return the source of what nobody said just now. One that ends with "sms" would be a text."""
    return f"{connector} crm" if connector.endswith("sms") else connector


def is_by_user(report: Feedback) -> bool:
    """Whether a CRM user said it, by a flag."""
    return report.source.endswith(_BY_USER)


def _verb(ticked: bool) -> str:
    return "ticked" if ticked else "cleared"


def _kind(flag: str, ticked: bool) -> FeedbackKind:
    if flag == "wrong_number":
        return FeedbackKind.WRONG_NUMBER if ticked else FeedbackKind.CONFIRMED
    return FeedbackKind.OPT_OUT if ticked else FeedbackKind.OPT_IN


def _scope(flag: str, numbers: Sequence[str]) -> Scope:
    """Return whom a flag concerns.

    If the contact has a single number, *wrong number* is about the number, for everybody who holds
    it. If it has several, nobody says which one is wrong: then the report is about that person
    alone.
    """
    return "number" if flag == "wrong_number" and len(numbers) == 1 else "person"


def _numbers_meant(
    flag: str, ticked: bool, numbers: Sequence[str], former_numbers: Sequence[str]
) -> Sequence[str]:
    """Return the numbers that a changed flag is about.

    A contact without a readable number gets a report about its record alone (number ""): somebody
    who must not be contacted stays so without a number too, because one may come.
    """
    meant = numbers or ([""] if flag in _CHANNELS else [])
    if _kind(flag, ticked) == FeedbackKind.OPT_IN:
        return list(dict.fromkeys((*meant, *former_numbers)))
    return meant


def _evidence(connector: str, flag: str, ticked: bool, history: FlagHistory) -> str:
    if (flag, ticked) in history.late_flags:
        return f"'{_WORDS[flag]}' was set in {connector}, perhaps by a late write of ours"
    if history.last_seen is None or flag not in history.last_seen:
        # Nobody can tell who changed it: it may be what we set before an erasure.
        return f"'{_WORDS[flag]}' was {_verb(ticked)} in {connector} when it was first read"
    return f"somebody {_verb(ticked)} '{_WORDS[flag]}' in {connector}"
