"""Weigh all reports about a number, as seen from one contact. Pure.

Reports are kept for ever and weighed again each time, in the order in which they were made. So it
does not matter in which order, or how often, they reached us. `evaluate` holds the rules of consent
(promises 7 and 8).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

from config.owners import organisation_objects
from config.settings import Settings
from worker.decisions.model import ALL_CHANNELS, CALL_AND_TEXT, Channel, blocked
from worker.feedback import former_accounts, ownership
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind
from worker.registries.model import KEY_PREFIX as REGISTRY_KEY_PREFIX
from worker.store.pseudonyms import ERASED_PREFIX

LIFT_KEY_PREFIX = (
    "lift:"  # begins the key of an admin's word on one entry of the list, which follows
)
ACTION_KEY_PREFIX = "action:"  # begins the keys of what an action on many contacts said
# Follows in the key of a lift that takes back what an action of ours added, and that is dated right
# behind it (`worker.suppression.undo_action`).
UNDO_MARK = "undo"
MERGED_KEY_PREFIX = (
    "merged:"  # begins the key of what was said of a record that lives on in another one
)
READING_KEY_PREFIX = (
    "reading:"  # begins the key of what was said of a number that a field was read as before
)
REVIEW_KEY_PREFIX = "review:"  # begins the key of what a person read in a reply
HOLD_KEY_PREFIX = "review-hold:"  # begins the key of a hold (`review_holds`), which is no report
_CARRIED_KEY_PREFIXES = (MERGED_KEY_PREFIX, READING_KEY_PREFIX)
# Opt-ins that end a suppression, and of which nobody can say that the person agreed to anything:
# an admin lifted it, an action was undone, a CRM user cleared a flag, or it was said of another
# record or number.
_NO_CONSENT = (LIFT_KEY_PREFIX, ACTION_KEY_PREFIX, *_CARRIED_KEY_PREFIXES, "crm:")
_STOPS = (FeedbackKind.OPT_OUT, FeedbackKind.COMPLAINT, FeedbackKind.ERASURE)
# What a suppression for each of these reasons is lifted by. A confirmation says who somebody is,
# not that they want to be contacted: it lifts no opt-out.
LIFTED_BY = {
    FeedbackKind.OPT_OUT: (FeedbackKind.OPT_IN,),
    FeedbackKind.COMPLAINT: (FeedbackKind.OPT_IN,),
    FeedbackKind.ERASURE: (FeedbackKind.OPT_IN,),
    FeedbackKind.WRONG_NUMBER: (FeedbackKind.CONFIRMED,),
    FeedbackKind.CORRECTED: (FeedbackKind.CONFIRMED,),
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
    """The settings that decide how reports are weighed."""

    text_stops_calls: bool = True
    unreachable_after: int = 3  # messages that failed ...
    unreachable_over: timedelta = timedelta(days=3)  # ... from the first to the last of them
    shared_from: int = 3  # persons with one number in one CRM: a switchboard, a family
    # By name; another list closes the channels that it had when it was imported.
    registries: tuple[tuple[str, RegistryRule], ...] = ()
    # Objects whose numbers are organisations' ("salesforce/Account"): see `ownership`.
    organisations: tuple[str, ...] = ()

    def registry(self, name: str) -> RegistryRule | None:
        return next((rule for known, rule in self.registries if known == name), None)


@dataclass(frozen=True, slots=True)
class RegistryRule:
    """What a registry closes. `consent_overrides`: not for whoever opted in to the channel."""

    channels: frozenset[Channel]
    consent_overrides: bool = False


def rules_from_settings(settings: Settings) -> Rules:
    """Return the rules that the operator's settings make."""
    return Rules(
        settings.policy.opt_out_text_stops_calls,
        settings.feedback.unreachable_after,
        settings.feedback.unreachable_over,
        settings.feedback.shared_from,
        tuple(
            (name, RegistryRule(_and_any(registry.channels), registry.consent_overrides))
            for name, registry in sorted(settings.registries.items())
        ),
        organisation_objects(settings),
    )


def _and_any(words: Iterable[str]) -> frozenset[Channel]:
    channels = cast(frozenset[Channel], frozenset(words))
    return ALL_CHANNELS if channels >= CALL_AND_TEXT else channels


@dataclass(frozen=True, slots=True)
class Holders:
    """Who holds a number, according to the index."""

    identities: tuple[ContactIdentity, ...] = ()

    def has_others(self, who: ContactIdentity, organisations: Collection[str] = ()) -> bool:
        """Return whether somebody else holds it too; `organisations` are nobody."""
        return any(
            identity.key != who.key
            and not _same_person(identity, who)
            and not ownership.is_organisation(identity.key, organisations)
            for identity in self.identities
        )

    @property
    def person_count(self) -> int:
        """Return how many persons hold it in one CRM, at least."""
        persons: dict[str, set[str]] = {}
        for identity in self.identities:
            if identity.person:
                persons.setdefault(identity.key.partition("/")[0], set()).add(identity.person)
        return max(map(len, persons.values()), default=0)


NO_HOLDERS = Holders()


@dataclass(frozen=True, slots=True)
class ConsentState:
    """What speaks against (or for) contacting a number in one contact, in a decision's terms.

    `held`: that texts wait for the review of a reply, where nobody refused them. `listed`: that a
    registry closes a channel, where the person has not refused it.
    `unreachable`: evidence that messages do not arrive, last seen at `unreachable_at`.
    `corrected_to`: the number that the person gave instead of this one.
    """

    wrong: str = ""
    suppressed: frozenset[Channel] = frozenset()
    suppressed_reason: str = ""
    held: str = ""
    listed: str = ""
    confirmed: bool = False
    confirmed_at: datetime | None = None
    unreachable: str = ""
    unreachable_at: datetime | None = None
    corrected_to: str = ""


def evaluate(
    reports: Sequence[Feedback],
    identity: ContactIdentity,
    rules: Rules = Rules(),
    holders: Holders = NO_HOLDERS,
    last_delivered: datetime | None = None,
) -> ConsentState:
    """Weigh the reports about a number for one contact, in the order in which they were made.

    A report that does not concern the contact is skipped (`concerns`). Every other one changes the
    state by the rule for its kind, a method of `_Weighing`:

    - wrong number, correction: `wrong_number`
    - confirmation: `confirmation`
    - opt-out, complaint, erasure: `stop`
    - a flag of ours that a CRM user cleared while another one stayed: `flag_cleared`
    - any other opt-in: `opt_in`
    - undelivered message: `failed_message`
    - a reply that waits for review, which is no report yet: `hold`
    - a listing on a registry, which is none either: `listing`

    `last_delivered`: when a message last arrived.
    """
    if not reports:
        return _NO_REPORTS
    weighing = _Weighing(identity, rules, holders, last_delivered)
    for report in sorted(reports, key=sort_key):
        if not concerns(report, identity, holders, rules):
            continue
        if report.key.startswith(HOLD_KEY_PREFIX):
            weighing.hold(report)
            continue
        if report.key.startswith(REGISTRY_KEY_PREFIX):
            weighing.listing(report)
            continue
        match report.kind:
            case FeedbackKind.WRONG_NUMBER | FeedbackKind.CORRECTED:
                weighing.wrong_number(report)
            case FeedbackKind.CONFIRMED:
                weighing.confirmation(report)
            case FeedbackKind.OPT_OUT | FeedbackKind.COMPLAINT | FeedbackKind.ERASURE:
                weighing.stop(report)
            case FeedbackKind.OPT_IN if report.channels in _FLAGS:
                weighing.flag_cleared(report)
            case FeedbackKind.OPT_IN:
                weighing.opt_in(report)
            case FeedbackKind.UNDELIVERABLE:
                weighing.failed_message(report)
    state = weighing.state()
    others = ownership.stops_of_others(reports, identity.key, rules.organisations)
    for organisation, said in others.items():
        state = _with_stop_of(state, evaluate(said, ContactIdentity(organisation), rules))
    for said in former_accounts.stops(reports, identity.key):
        opt_ins = [
            report
            for report in reports
            if report.kind == FeedbackKind.OPT_IN and concerns(report, identity, holders, rules)
        ]
        state = _with_stop_of(state, evaluate([*said, *opt_ins], identity, rules, holders))
    return state


def _with_stop_of(state: ConsentState, other: ConsentState) -> ConsentState:
    """Add what another record says against contact by its number: an organisation's own, or one of
    a former account."""
    if other.suppressed <= state.suppressed:
        return state
    both = (state.suppressed, other.suppressed)
    suppressed = state.suppressed | other.suppressed
    if suppressed >= CALL_AND_TEXT and not any(each >= CALL_AND_TEXT for each in both):
        suppressed |= ALL_CHANNELS
    reason = state.suppressed_reason or other.suppressed_reason
    return replace(state, suppressed=suppressed, suppressed_reason=reason)


_NO_REPORTS = ConsentState()


def is_consent(report: Feedback) -> bool:
    """Return whether a report is a recorded yes of the person's own, and not only the end of a
    suppression."""
    return report.kind == FeedbackKind.OPT_IN and not report.key.startswith(_NO_CONSENT)


@dataclass(slots=True)
class _Weighing:
    """The state of one contact after the reports so far. Each rule takes the next report."""

    identity: ContactIdentity
    rules: Rules
    holders: Holders
    last_delivered: datetime | None
    wrong: str = ""
    corrected_to: str = ""
    confirmed_at: datetime | None = None
    confirmed_here: bool = False  # on this contact, not on another one with the number
    closed: set[Channel] = field(default_factory=set)
    # Of the closed channels, those whose flags a person cleared while another flag stayed.
    cleared: set[Channel] = field(default_factory=set)
    # Of the closed channels, those that were refused in another way than by a text.
    refused: set[Channel] = field(default_factory=set)
    any_opened: bool = False  # a person cleared *do not contact*, whatever is left of the others
    stop_reason: str = ""
    failures: list[Feedback] = field(default_factory=list)  # since the last confirmation
    no_text: str = ""
    held: str = ""
    # Channels to which the person has said yes, and not no since.
    consented: set[Channel] = field(default_factory=set)
    listings: list[Feedback] = field(default_factory=list)

    def wrong_number(self, report: Feedback) -> None:
        """Apply a wrong-number report, which holds for every contact with that number.

        The exception: this contact's person confirmed the number, and others hold it too. Then it
        is wrong for the others, unless the report was made on this very contact. A confirmation of
        the number as a whole ends with the next report that it is wrong.
        """
        reported_here = bool(report.contact) and is_about(report, self.identity)
        organisations = self.rules.organisations
        meant_others = ownership.is_organisation(
            report.contact, organisations
        ) or self.holders.has_others(self.identity, organisations)
        if self.confirmed_here and not reported_here and meant_others:
            return
        self.wrong = f"reaches somebody else ({describe(report)})"
        self.confirmed_at, self.confirmed_here = None, False
        if report.kind == FeedbackKind.CORRECTED:
            self.corrected_to = report.new_number
            self.wrong = f"was replaced by its owner ({describe(report)})"

    def confirmation(self, report: Feedback) -> None:
        """Apply a confirmation: it lifts a wrong number, a correction and failures, but
        no opt-out."""
        self.wrong, self.corrected_to, self.confirmed_at = "", "", report.at
        self.confirmed_here = is_about(report, self.identity)
        self.failures.clear()

    def stop(self, report: Feedback) -> None:
        """Apply an opt-out, which stands until an opt-in that concerns the contact.

        Somebody who refuses calls and texts one after the other refuses all contact.
        """
        channels = channels_of(report, self.rules)
        self.closed |= channels
        self.consented -= channels
        self.cleared -= channels
        if not is_by_text(report):
            self.refused |= channels
        self.any_opened = False
        if self.closed - self.cleared >= CALL_AND_TEXT:
            self.closed.add("any")
            self.cleared.discard("any")
        self.stop_reason = f"must not be contacted ({describe(report)})"

    def flag_cleared(self, report: Feedback) -> None:
        """Apply a cleared flag while another flag stays: it opens no more than that flag closed."""
        channels = channels_of(report, self.rules)
        self.any_opened = self.any_opened or "any" in channels
        self.cleared |= channels
        self._release(channels)

    def opt_in(self, report: Feedback) -> None:
        """Apply an opt-in: it opens its channels. One by text (START) opens only what a text had
        stopped.

        Of what was refused in another way, START opens texts alone: nobody is called who refused
        calls.
        """
        channels = channels_of(report, self.rules)
        self.any_opened = self.any_opened or "any" in channels
        if is_consent(report):
            self.consented |= _OPENS["text"] if is_by_text(report) else channels
        self._release(channels)
        if is_by_text(report):
            channels -= self.refused - _OPENS["text"]
        if "any" in self.closed & channels:  # what is left needs its own flag again
            self.cleared.clear()
        self.closed -= channels
        self.refused -= channels

    def hold(self, report: Feedback) -> None:
        """Apply a reply that waits for review: no texts, until it is decided or somebody opts in
        later."""
        self.held = f"is not texted ({describe(report)})"

    def listing(self, report: Feedback) -> None:
        """Apply a listing on a registry. It is weighed last (`_by_registries`): it stands as long
        as the list holds the number, whatever was said before or after it."""
        self.listings.append(report)

    def _by_registries(self) -> tuple[set[Channel], str]:
        """Return the channels that registries close, and by which of them the first is closed.

        An opt-in changes nothing about that, unless the operator's settings let it.
        """
        closed: set[Channel] = set()
        first = ""
        for report in self.listings:
            rule = self.rules.registry(report.source)
            channels = rule.channels if rule else channels_of(report, self.rules)
            if rule and rule.consent_overrides:
                channels -= self.consented
            if blocked(channels):
                closed |= channels
                first = first or describe(report)
        return closed, first

    def _release(self, channels: frozenset[Channel]) -> None:
        if "text" in channels:
            self.held = ""

    def failed_message(self, report: Feedback) -> None:
        """Apply a failed message, unless a later one arrived. Its error code says how much it
        counts."""
        if self.last_delivered is not None and report.at <= self.last_delivered:
            return
        if report.severity == "no_text":
            self.no_text = f"takes no texts ({describe(report)})"
        elif report.severity:
            self.failures.append(report)

    def state(self) -> ConsentState:
        """Return the state. A number that takes no texts, or is held, must not be texted, even if
        nobody opted out."""
        suppressed, reason = self.closed - self.cleared, self.stop_reason
        hold_reason = "" if "text" in suppressed or "any" in suppressed else self.held
        if (no_text := self.no_text or self.held) and "text" not in suppressed:
            suppressed.add("text")
            reason = reason if len(suppressed) > 1 else no_text
        by_registries, source = self._by_registries()
        listed = ""
        if new := blocked(frozenset(by_registries)) - blocked(frozenset(suppressed)):
            if new | blocked(frozenset(suppressed)) >= CALL_AND_TEXT:
                reason = f"must not be contacted ({source})"
            else:
                listed = f"is not {'called' if 'call' in new else 'texted'} ({source})"
                reason = reason or listed
        suppressed |= by_registries
        if suppressed >= CALL_AND_TEXT and not self.any_opened:
            suppressed.add("any")
        unreachable = _proof_of_unreachable(self.failures, self.rules)
        return ConsentState(
            wrong=self.wrong,
            suppressed=frozenset(suppressed),
            suppressed_reason=reason if suppressed else "",
            held=hold_reason,
            listed=listed,
            confirmed=self.confirmed_at is not None,
            confirmed_at=self.confirmed_at,
            unreachable=f"cannot be reached ({describe(unreachable)})" if unreachable else "",
            unreachable_at=unreachable.at if unreachable else None,
            corrected_to=self.corrected_to,
        )


def _proof_of_unreachable(failures: Sequence[Feedback], rules: Rules) -> Feedback | None:
    """Return the last failure if the failures prove that nobody is reached, otherwise None.

    One error code that says that the number is dead is enough; others must have come often and over
    a long enough time (`Rules`).
    """
    if not failures:
        return None
    first, last = failures[0], failures[-1]
    often = len(failures) >= rules.unreachable_after
    long = last.at - first.at >= rules.unreachable_over
    dead = any(report.severity == "dead" for report in failures)
    return last if dead or (often and long) else None


def concerns(
    report: Feedback,
    identity: ContactIdentity,
    holders: Holders = NO_HOLDERS,
    rules: Rules = Rules(),
) -> bool:
    """Return whether a report says something about this contact."""
    if is_about(report, identity):
        return True
    if report.scope != "number":
        return False
    if not report.contact or report.kind in _STOPS:
        return True
    crosses = ownership.crosses(report, identity.key, rules.organisations)
    if crosses is not None:
        return crosses
    if not _is_shared(report, holders, rules):
        return True
    return not report.person and not identity.person


def _is_shared(report: Feedback, holders: Holders, rules: Rules) -> bool:
    """Return whether so many people have the number that a report on one means no other."""
    if holders.person_count >= rules.shared_from:
        return True
    keys = (identity.key for identity in holders.identities)
    is_of_line = report.kind == FeedbackKind.UNDELIVERABLE
    return not is_of_line and ownership.is_switchboard(keys, rules.organisations)


def is_about(report: Feedback, identity: ContactIdentity) -> bool:
    """Return whether a report was made on this contact, or on another record of the same person."""
    if report.contact and report.contact == identity.key:
        return True
    return report.scope != "contact" and identity.is_person(report.person)


def _same_person(who: ContactIdentity, other: ContactIdentity) -> bool:
    return other.is_person(who.person) or who.is_person(other.person)


def is_by_text(report: Feedback) -> bool:
    """Return whether somebody said it in a text, about texts: policy may apply it to calls too."""
    listed = report.key.startswith(("list:", REGISTRY_KEY_PREFIX))  # whatever the list is called
    return report.source.endswith("sms") and "text" in report.channels.split() and not listed


def channels_opened_by(
    opt_in: Feedback, stop_was_by_text: bool, rules: Rules = Rules()
) -> frozenset[Channel]:
    """Return which of the channels that a stop closed an opt-in opens.

    A text (START) takes back what a text stopped. Of what was refused in another way, it opens
    texts alone: nobody is called who refused calls.
    """
    if is_by_text(opt_in) and not stop_was_by_text:
        return _OPENS["text"]
    return channels_of(opt_in, rules)


def channels_of(report: Feedback, rules: Rules = Rules()) -> frozenset[Channel]:
    """Return the channels that a report closes or opens."""
    words = report.channels.split()
    if not words or (rules.text_stops_calls and is_by_text(report)):
        return ALL_CHANNELS
    if report.kind == FeedbackKind.OPT_IN:
        return frozenset[Channel]().union(*(_OPENS[word] for word in words))
    channels = cast(frozenset[Channel], frozenset(words))
    return ALL_CHANNELS if channels >= CALL_AND_TEXT else channels


@dataclass(frozen=True, slots=True)
class Lift:
    """What ended a suppression."""

    at: datetime
    by: str
    reason: str


def apply_lifts(
    report: Feedback, later: Collection[Feedback], rules: Rules = Rules()
) -> tuple[frozenset[Channel], Lift | None]:
    """Return what still stands of a suppression that `report` made, and what ended it if nothing
    does.

    A report about the number as a whole is lifted only by another one about the number as a whole:
    what lifts it for one person is an exception for that person (see `evaluate`).
    """
    channels = channels_of(report, rules)
    for other in sorted(later, key=sort_key):
        if other.channels in _FLAGS:
            continue  # it opened no channel: another flag was left
        if sort_key(other) <= sort_key(report) or other.kind not in LIFTED_BY[report.kind]:
            continue
        if other.scope != "number" and not _about_the_same(report, other):
            continue
        channels -= channels_opened_by(other, is_by_text(report), rules)
        if not channels:
            return channels, Lift(_lifted_at(other), other.source, other.evidence)
    return channels, None


def _lifted_at(lift: Feedback) -> datetime:
    """Return when a suppression was lifted: an undo is dated earlier than it was done."""
    is_undo = lift.key.startswith(LIFT_KEY_PREFIX) and f":{UNDO_MARK}:" in lift.key
    return lift.received_at if is_undo and lift.received_at else lift.at


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
    """Describe a report in words, for a person. They go into a sentence in the CRM: control
    characters of a message are left out, of which some turn the text behind them round."""
    said = report.evidence or report.source
    if not said.isprintable():
        said = " ".join("".join(" " if _is_control(ch) else ch for ch in said).split())
    return f"{said}, {report.at:%d %b %Y}"


def _is_control(character: str) -> bool:
    """Return whether a character has no form of its own; joiners within emoji and words stay."""
    return unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") and character not in (
        "\u200c", "\u200d",
    )  # fmt: skip


def sort_key(report: Feedback) -> tuple[datetime, bool, int]:
    """Sort reports in the order in which they were made. Of two at the same moment, the one that
    stops contact comes last, to be safe.

    What was said about a merged record counts for the surviving one from when we learned of the
    merge: an opt-in before that was about the surviving record alone. The same holds of a number
    that a field is not read as any more.
    """
    at, received = report.at, report.received_at
    if received is not None and report.key.startswith(_CARRIED_KEY_PREFIXES):
        at = max(at, received)
    return at, report.kind in _STOPS, report.id
