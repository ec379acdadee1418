"""What CRM users say by ticking and clearing our flags (promise 9: a person's word beats ours).

A flag that differs from what we last saw or wrote was changed by somebody else: a report. The
first time a contact is seen, a flag that is set is one too, a flag that is not says nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

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


def flags_of(held: Mapping[str, Value]) -> dict[str, bool]:
    """The flags that a contact's record holds, those that the CRM has."""
    return {flag: bool(held[flag]) for flag in FLAGS if flag in held}


def _channels(flag: str, ticked: bool, held: Mapping[str, Value]) -> str:
    """What a change of a flag says, in the words of `Feedback.channels`. A channel is opened only
    where no flag that closes it is left: in doubt a person has said no more than that one flag.
    `held`: the flags as they are, or as we last saw those that are hidden from us."""
    if ticked or flag not in _CHANNELS:
        return _CHANNELS.get(flag, "")
    if flag != "do_not_contact":
        return flag if held.get("do_not_contact") else _OWN[flag]
    open_now = [channel for own, channel in _OWN.items() if not held.get(own)]
    return " ".join(open_now) or flag


def reports_from_flags(
    connector: str,
    contact: Contact,
    identity: ContactIdentity,
    last_seen: Mapping[str, bool] | None,
    numbers: Sequence[str],
    now: datetime,
    clock_offset: timedelta = timedelta(0),
    former_numbers: Sequence[str] = (),
    late_flags: Collection[tuple[str, bool]] = (),
) -> list[Feedback]:
    """Feedback from the difference between a contact's flags and what we last knew of them.

    A contact without a number that can be read is told of by its record alone (number "").
    A contact with several numbers does not say which one is wrong: then the report is about that
    person alone; with a single one it is about the number, whoever holds it.

    `clock_offset`: how far the CRM's clock is ahead of ours. Who clears a flag says it after what
    set the flag, also where the CRM's clock is slow. `former_numbers`: other numbers with which
    this contact was stopped; who clears a flag takes it back of those as well. `late_flags`: flags
    and values that a write of ours may have brought after we had given it up; these are nobody's
    word. One that is set keeps its effect, and the evidence says so; one that is cleared says
    nothing.
    """
    found: list[Feedback] = []
    held, before = contact.held, last_seen or {}
    changed = {
        flag: bool(held[flag])
        for flag in FLAGS
        if flag in held and bool(held[flag]) != before.get(flag, False)
    }
    if not changed:
        return found  # nearly all
    modified = contact.modified_at
    stamp = (modified or now).isoformat()
    if changed.get("do_not_contact") is not None:
        # The one flag for all channels: what it says of the others is no report of its own.
        for flag in _OWN:
            if changed.get(flag) == changed["do_not_contact"]:
                del changed[flag]
    for flag, value in changed.items():
        if flag == "wrong_number":
            kind: FeedbackKind = "wrong_number" if value else "confirmed"
        else:
            kind = "opt_out" if value else "opt_in"
        scope: Scope = "number" if flag == "wrong_number" and len(numbers) == 1 else "person"
        done = "ticked" if value else "cleared"
        evidence = f"somebody {done} '{_WORDS[flag]}' in {connector}"
        source = f"{connector} user"
        if (flag, value) in late_flags:
            if not value:
                continue
            evidence = f"'{_WORDS[flag]}' was set in {connector}, perhaps by a late write of ours"
            source = connector
        if (
            last_seen is None or flag not in last_seen
        ):  # by whom, nobody can tell: it may be what we set before an erasure
            evidence = f"'{_WORDS[flag]}' was {done} in {connector} when it was first read"
        # Who is not to be contacted is so without a number as well: one may come.
        about = numbers or ([""] if flag in _CHANNELS else [])
        if kind == "opt_in":
            about = list(dict.fromkeys((*about, *former_numbers)))
        for number in about:
            found.append(
                Feedback(
                    key=f"crm:{identity.key}:{flag}:{done}:{number}:{stamp}"[:255],
                    kind=kind,
                    number=number,
                    source=source,
                    at=modified - clock_offset if modified else now,
                    channels=_channels(flag, value, {**before, **held}),
                    contact=identity.key,
                    scope=scope,
                    person=identity.person,
                    evidence=evidence,
                )
            )
    return found
