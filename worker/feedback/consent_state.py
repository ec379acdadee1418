"""What the reports about a number come to, as seen from one contact. Pure.

Reports are kept for good and weighed anew each time, in the order in which they were said: so it
does not matter in which order, or how often, they reached us.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from config.settings import Settings
from worker.decisions.model import ALL_CHANNELS, CALL_AND_TEXT, Channel
from worker.feedback.models import ContactIdentity, Feedback
from worker.store.pseudonyms import ERASED_PREFIX

LIFT_KEY_PREFIX = (
    "lift:"  # begins the key of an admin's word on one entry of the list, which follows
)
MERGED_KEY_PREFIX = (
    "merged:"  # begins the key of what was said of a record that lives on in another one
)
_STOPS = ("opt_out", "complaint", "erasure")
# What a suppression for each of these reasons is lifted by. A confirmation says who somebody is,
# not that they want to be contacted: it lifts no opt-out.
LIFTED_BY = {
    "opt_out": ("opt_in",),
    "complaint": ("opt_in",),
    "erasure": ("opt_in",),
    "wrong_number": ("confirmed",),
    "corrected": ("confirmed",),
}


# What an opt-in opens, by the words of `Feedback.channels`. Who agrees to calls is not to be left
# alone altogether; who clears one flag of a record, and leaves another, has said that flag alone.
_FLAGS = frozenset({"do_not_contact", "do_not_call", "do_not_text"})
_OPENS: dict[str, frozenset[Channel]] = {
    "call": frozenset({"call", "any"}),
    "text": frozenset({"text", "any"}),
    "do_not_contact": frozenset({"any"}),
    "do_not_call": frozenset({"call"}),
    "do_not_text": frozenset({"text"}),
}


@dataclass(frozen=True, slots=True)
class Rules:
    """Policy as far as it bears on reports."""

    text_stops_calls: bool = True
    unreachable_after: int = 3  # messages that failed ...
    unreachable_over: timedelta = timedelta(days=3)  # ... from the first to the last of them
    shared_from: int = 3  # persons with one number in one CRM: a switchboard, a family


def rules_from_settings(settings: Settings) -> Rules:
    """How reports are weighed, by the operator's settings."""
    return Rules(
        settings.policy.opt_out_text_stops_calls,
        settings.feedback.unreachable_after,
        settings.feedback.unreachable_over,
        settings.feedback.shared_from,
    )


@dataclass(frozen=True, slots=True)
class Holders:
    """Who holds a number, as far as the index knows."""

    identities: tuple[ContactIdentity, ...] = ()

    def has_others(self, who: ContactIdentity) -> bool:
        return any(one.key != who.key and not _same_person(one, who) for one in self.identities)

    @property
    def person_count(self) -> int:
        """How many persons one CRM has with it, at least."""
        persons: dict[str, set[str]] = {}
        for one in self.identities:
            if one.person:
                persons.setdefault(one.key.partition("/")[0], set()).add(one.person)
        return max(map(len, persons.values()), default=0)


NO_HOLDERS = Holders()


@dataclass(frozen=True, slots=True)
class ConsentState:
    """What stands against (or for) a number in one contact, in the words of a decision.

    `unreachable`: evidence that messages do not arrive, last at `unreachable_at`.
    `corrected_to`: the number that the person gave instead of this one.
    """

    wrong: str = ""
    suppressed: frozenset[Channel] = frozenset()
    suppressed_reason: str = ""
    confirmed: bool = False
    confirmed_at: datetime | None = None
    unreachable: str = ""
    unreachable_at: datetime | None = None
    corrected_to: str = ""


@dataclass
class _Failing:
    """Messages that failed since the last one that arrived."""

    reports: list[Feedback] = field(default_factory=list)

    def verdict(self, rules: Rules) -> Feedback | None:
        """The last of them, where they prove that nobody is reached."""
        if not self.reports:
            return None
        first, last = self.reports[0], self.reports[-1]
        often = len(self.reports) >= rules.unreachable_after
        long = last.at - first.at >= rules.unreachable_over
        dead = any(report.severity == "dead" for report in self.reports)
        return last if dead or (often and long) else None


def evaluate(
    reports: Sequence[Feedback],
    identity: ContactIdentity,
    rules: Rules = Rules(),
    holders: Holders = NO_HOLDERS,
    last_delivered: datetime | None = None,
) -> ConsentState:
    """Weigh the reports about a number for one contact. `reached_at`: when a message last arrived.

    A wrong number holds for every contact with that number, but for one whose person confirmed it:
    later, or before where others hold the number too. A confirmation of the number as a whole is
    ended by the next report that it is wrong, but for the contact that it was said on. Where a
    number is shared, a report on one contact is about that person alone. An opt-out stands until an
    opt-in that concerns the contact.
    """
    wrong, why = "", ""
    closed: set[Channel] = set()
    cleared: set[Channel] = set()  # of these, whose flags a person cleared, and left another one
    refused: set[Channel] = set()  # of these, what was refused in another way than by a text
    any_opened = False  # a person cleared *do not contact*, whatever is left of the others
    confirmed_at: datetime | None = None
    confirmed_here = False  # on this contact, not on another one with the number
    corrected_to = ""
    failing, no_text = _Failing(), ""
    for report in sorted(reports, key=sort_key):
        if not concerns(report, identity, holders, rules):
            continue
        channels = channels_of(report, rules)
        match report.kind:
            case "wrong_number" | "corrected":
                mine = bool(report.contact) and is_about(report, identity)
                if confirmed_here and not mine and holders.has_others(identity):
                    continue  # somebody else's; this person's own word stands
                wrong, confirmed_at = f"reaches somebody else ({describe(report)})", None
                confirmed_here = False
                if report.kind == "corrected":
                    corrected_to = report.new_number
                    wrong = f"was replaced by its owner ({describe(report)})"
            case "confirmed":
                wrong, corrected_to, confirmed_at = "", "", report.at
                confirmed_here = is_about(report, identity)
                failing.reports.clear()
            case "opt_out" | "complaint" | "erasure":
                closed |= channels
                cleared -= channels
                if not is_by_text(report):
                    refused |= channels
                any_opened = False
                if closed - cleared >= CALL_AND_TEXT:  # no to each, one after the other
                    closed.add("any")
                    cleared.discard("any")
                why = f"must not be contacted ({describe(report)})"
            case "opt_in":
                any_opened = any_opened or "any" in channels
                if report.channels in _FLAGS:
                    cleared |= channels
                else:
                    if is_by_text(report):
                        channels -= refused - _OPENS["text"]
                    if "any" in closed & channels:  # what is left needs its own flag again
                        cleared.clear()
                    closed -= channels
                    refused -= channels
            case "undeliverable":
                if last_delivered is None or report.at > last_delivered:
                    if report.severity == "no_text":
                        no_text = f"takes no texts ({describe(report)})"
                    elif report.severity:
                        failing.reports.append(report)
    suppressed = closed - cleared
    last = failing.verdict(rules)
    if no_text and "text" not in suppressed:
        suppressed.add("text")
        why = why if len(suppressed) > 1 else no_text
    if suppressed >= CALL_AND_TEXT and not any_opened:
        suppressed.add("any")
    return ConsentState(
        wrong,
        frozenset(suppressed),
        why if suppressed else "",
        confirmed_at is not None,
        confirmed_at,
        f"cannot be reached ({describe(last)})" if last else "",
        last.at if last else None,
        corrected_to,
    )


def concerns(
    report: Feedback,
    identity: ContactIdentity,
    holders: Holders = NO_HOLDERS,
    rules: Rules = Rules(),
) -> bool:
    """Whether a report says something of this contact."""
    if is_about(report, identity):
        return True
    if report.scope != "number":
        return False
    shared = holders.person_count >= rules.shared_from
    if not report.contact or report.kind in _STOPS or not shared:
        return True
    return not report.person and not identity.person


def is_about(report: Feedback, identity: ContactIdentity) -> bool:
    """Whether a report was made on this contact, or on another one of the same person."""
    if report.contact and report.contact == identity.key:
        return True
    return report.scope != "contact" and identity.is_person(report.person)


def _same_person(one: ContactIdentity, other: ContactIdentity) -> bool:
    return other.is_person(one.person) or one.is_person(other.person)


def is_by_text(report: Feedback) -> bool:
    """Whether somebody said it in a text, about texts: policy may have it count for calls too."""
    listed = report.key.startswith("list:")  # whatever the list is called
    return report.source.endswith("sms") and "text" in report.channels.split() and not listed


def channels_opened_by(
    opt_in: Feedback, stop_was_by_text: bool, rules: Rules = Rules()
) -> frozenset[Channel]:
    """What an opt-in opens of what a stop closed. A text (START) takes back what a text stopped; of
    what was refused in another way, it opens texts alone: nobody is called who refused calls."""
    if is_by_text(opt_in) and not stop_was_by_text:
        return _OPENS["text"]
    return channels_of(opt_in, rules)


def channels_of(report: Feedback, rules: Rules = Rules()) -> frozenset[Channel]:
    """The channels that a report closes or opens."""
    words = report.channels.split()
    if not words or (rules.text_stops_calls and is_by_text(report)):
        return ALL_CHANNELS
    if report.kind == "opt_in":
        return frozenset[Channel]().union(*(_OPENS[word] for word in words))
    said = cast(frozenset[Channel], frozenset(words))
    return ALL_CHANNELS if said >= CALL_AND_TEXT else said


@dataclass(frozen=True, slots=True)
class Lift:
    """What ended a suppression."""

    at: datetime
    by: str
    reason: str


def apply_lifts(
    report: Feedback, later: Collection[Feedback], rules: Rules = Rules()
) -> tuple[frozenset[Channel], Lift | None]:
    """What of a suppression that came of `report` still stands, and what ended it if nothing does.

    A report about the number as a whole is lifted only by one that is too: what lifts it for one
    person is an exception for that person (see `standing`).
    """
    left = channels_of(report, rules)
    for other in sorted(later, key=sort_key):
        if other.channels in _FLAGS:
            continue  # it opened no channel: another flag was left
        if sort_key(other) <= sort_key(report) or other.kind not in LIFTED_BY[report.kind]:
            continue
        if other.scope != "number" and not _about_the_same(report, other):
            continue
        left -= channels_opened_by(other, is_by_text(report), rules)
        if not left:
            return left, Lift(other.at, other.source, other.evidence)
    return left, None


def _about_the_same(report: Feedback, other: Feedback) -> bool:
    if not report.contact or (report.scope == "number" and report.kind in _STOPS):
        return False
    if report.person and report.person == other.person:
        return True
    if report.contact.startswith(
        ERASED_PREFIX
    ):  # all erased contacts are called so: none is another
        return bool(report.id) and other.key.startswith(f"{LIFT_KEY_PREFIX}feedback:{report.id}:")
    return report.contact == other.contact


def describe(report: Feedback) -> str:
    """A report in words, for a person."""
    return f"{report.evidence or report.source}, {report.at:%d %b %Y}"


def sort_key(report: Feedback) -> tuple[datetime, bool, int]:
    """As they were said. Of two at the same moment the one that stops comes last: safe is safe.

    What was said of a record that was merged counts for the other one from when we learned of the
    merge: an opt-in before that was about the other one alone.
    """
    at, received = report.at, report.received_at
    if received is not None and report.key.startswith(MERGED_KEY_PREFIX):
        at = max(at, received)
    return at, report.kind in _STOPS, report.id
