"""Decide whether a number may be contacted. Pure.

Whoever names the contact is answered for that person: a confirmation of theirs may beat a wrong
number that somebody else reported. Whoever does not is answered for anybody who may be reached by
the number: what was said of one of its holders counts. In doubt, the answer is no.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

from worker.decisions import resolve
from worker.decisions.model import blocked
from worker.feedback.consent_state import (
    HOLD_KEY_PREFIX,
    NO_HOLDERS,
    ConsentState,
    Rules,
    apply_lifts,
    channels_of,
    concerns,
    sort_key,
)
from worker.feedback.field_notes import STOPS, FieldNote
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind
from worker.phones import Number, facts
from worker.registries.model import KEY_PREFIX as REGISTRY_KEY_PREFIX
from worker.registries.model import Registry
from worker.scrub.evidence import Evidence
from worker.scrub.model import (
    STRENGTH,
    Answer,
    CallingHours,
    Question,
    Reason,
    ScrubChannel,
    Window,
)
from worker.scrub.readings import Reading

_ANYBODY = ContactIdentity("")
_STOPS = (FeedbackKind.OPT_OUT, FeedbackKind.COMPLAINT, FeedbackKind.ERASURE)
# What somebody said, or lists: it holds for whoever may be meant.
_SAID = frozenset({
    Reason.ERASURE, Reason.COMPLAINT, Reason.OPT_OUT, Reason.LIST, Reason.REGISTRY,
    Reason.PENDING_REVIEW,
})  # fmt: skip
_WRONG = (FeedbackKind.WRONG_NUMBER, FeedbackKind.CORRECTED)


class Denial(NamedTuple):
    """One reason not to contact somebody."""

    reason: Reason
    since: datetime | None = None
    registry: str | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What holds for all answers of a scrub. `hours` None: calling hours are not looked at."""

    now: datetime
    valid_for: timedelta
    rules: Rules
    hours: CallingHours | None = None


def decide_all(
    question: Question, reading: Reading, evidence: Evidence, about: Circumstances
) -> Answer:
    """Answer one question. What somebody has said against contact by a number that the text may
    mean as well denies, too."""
    number = reading.number
    answer = decide(question, number, evidence, about, reading.note)
    if number is None or not answer.allow:
        return answer
    for other in reading.others:
        if evidence.knows_nothing_of(other):
            continue
        meant = Number(other, region=facts(other).region, valid=True)
        asked = Question(question.number, question.channel, question.country)
        found = decide(asked, meant, evidence, replace(about, hours=None))
        if found.reason in _SAID:
            return _answer(
                question, number.e164, found.valid_until,
                Denial(found.reason, found.since, found.registry),
            )  # fmt: skip
    return answer


def decide(
    question: Question,
    number: Number | None,
    evidence: Evidence,
    about: Circumstances,
    note: FieldNote | None = None,
) -> Answer:
    """Answer one question. `number`: as it is read; None where it is not one number. `note`: what
    the words beside it say ("415-555-2671 DO NOT CALL")."""
    valid_until = about.now + about.valid_for
    if number is None:
        return _answer(question, None, valid_until, Denial(Reason.UNREADABLE))
    covering = evidence.covering(number.region, question.channel)
    denials = list(_denials(question, number, evidence, covering, about))
    denials += _by_note(question, note)
    if denials:
        strongest = min(denials, key=lambda denial: (STRENGTH[denial.reason], _when(denial)))
        return _answer(question, number.e164, valid_until, strongest)
    for registry in covering:
        if (stale_at := registry.stale_at) is not None and about.now < stale_at < valid_until:
            valid_until = stale_at
    window: Window | None = None
    if about.hours is not None:
        window = about.hours(number.e164, "", number.region, about.now)
        if not window.open_now:
            if window.opens_at is not None:
                valid_until = min(valid_until, window.opens_at)
            return _answer(question, number.e164, valid_until, Denial(Reason.OUTSIDE_HOURS), window)
        if window.closes_at is not None:
            valid_until = min(valid_until, window.closes_at)
    return _answer(question, number.e164, valid_until, None, window)


def _by_note(question: Question, note: FieldNote | None) -> Iterator[Denial]:
    """Yield what people wrote beside the number. A note that a person has to read first counts as
    an open review; so does one that says that the line is dead."""
    if note is None:
        return
    if not note.clear or "disconnected" in note.meanings:
        yield Denial(Reason.PENDING_REVIEW)
        return
    for meaning in note.meanings:
        if meaning == "wrong_number":
            yield Denial(Reason.WRONG_NUMBER)
        elif question.channel in STOPS[meaning].split():
            yield Denial(Reason.OPT_OUT)


def _when(denial: Denial) -> float:
    return denial.since.timestamp() if denial.since else float("inf")


def _answer(
    question: Question,
    e164: str | None,
    valid_until: datetime,
    denial: Denial | None,
    window: Window | None = None,
) -> Answer:
    if denial is None:
        return Answer(question.number, e164, question.channel, True, valid_until, window=window)
    return Answer(
        question.number, e164, question.channel, False, valid_until, denial.reason, denial.since,
        denial.registry, window,
    )  # fmt: skip


def _denials(
    question: Question,
    number: Number,
    evidence: Evidence,
    covering: Sequence[Registry],
    about: Circumstances,
) -> Iterator[Denial]:
    e164, channel = number.e164, question.channel
    if not number.valid:
        yield Denial(Reason.INVALID)
    for registry in covering:
        if registry.denies_when_stale and registry.is_stale(about.now):
            yield Denial(Reason.STALE_REGISTRY, registry.stale_at, registry.name)
    if not question.contact and evidence.knows_nothing_of(e164):
        return
    named = evidence.known_contacts.get(question.contact)
    if named is None or not _holds(named, e164, evidence):
        # Nobody is named, or somebody whom we do not know, or who does not have this number: what
        # holds for any holder holds.
        for row in evidence.suppressions.get(e164, ()):
            if channel in row.channels.split():
                yield Denial(Reason(row.reason), row.since)
        people = _anybody(question, e164, evidence)
        if named is not None:
            people = list(dict.fromkeys((*people, named)))
    else:
        people = [named]
    confirmed_at: datetime | None = None
    for who in people:
        state = yield from _of_person(who, e164, channel, evidence, about.rules)
        if who == named:
            confirmed_at = state.confirmed_at
    for report in evidence.reports.about(e164):
        if report.key.startswith(HOLD_KEY_PREFIX):
            yield Denial(Reason.PENDING_REVIEW, report.at)
    yield from _by_verifications(e164, evidence, confirmed_at)


def _holds(who: ContactIdentity, e164: str, evidence: Evidence) -> bool:
    """Return whether a person has a number, by our index: with this record or another one."""
    holders = evidence.holders.get(e164, NO_HOLDERS).identities
    return any(
        holder.key == who.key or (holder.person and holder.person == who.person)
        for holder in holders
    )


def _anybody(question: Question, e164: str, evidence: Evidence) -> list[ContactIdentity]:
    """Return everybody who may be meant: who holds the number, who was reported with it, and
    somebody of whom we know nothing."""
    people = {_ANYBODY: None}
    if question.contact:
        people[ContactIdentity(question.contact)] = None
    if holders := evidence.holders.get(e164):
        people |= dict.fromkeys(holders.identities)
    for report in evidence.reports.about(e164):
        if report.contact or report.person:
            people[ContactIdentity(report.contact, report.person)] = None
    return list(people)


def _of_person(
    who: ContactIdentity, e164: str, channel: ScrubChannel, evidence: Evidence, rules: Rules
) -> Generator[Denial, None, ConsentState]:
    """Yield why a person must not be contacted by a number; return their consent state."""
    reports = evidence.reports
    state = reports.evaluate(e164, who, rules)
    whole = ConsentState()
    if who.key in reports.numbers_by_contact:
        whole = reports.evaluate_contact(who, rules)
    said = [*reports.about(e164)]
    for other in reports.numbers_by_contact.get(who.key, ()):
        said += reports.about(other)
    if channel in blocked(state.suppressed | whole.suppressed):
        yield from _stops(who, said, channel, evidence, rules)
    if state.wrong:
        times = [
            sort_key(report)[0]
            for report in said
            if report.kind in _WRONG and concerns(report, who, rules=rules)
        ]
        yield Denial(Reason.WRONG_NUMBER, max(times, default=None))
    if (hold := evidence.held_contacts.get(who.key)) is not None:
        yield Denial(Reason.PENDING_REVIEW, hold.at)
    return state


def _stops(
    who: ContactIdentity,
    said: Sequence[Feedback],
    channel: ScrubChannel,
    evidence: Evidence,
    rules: Rules,
) -> Iterator[Denial]:
    """Yield why a channel is closed. It is known to be closed, so at least one reason is given."""
    found: list[Denial] = []
    lifted: list[Denial] = []
    for report in said:
        holders = evidence.holders.get(report.number, NO_HOLDERS)
        about_them = concerns(report, who, holders, rules)
        if report.key.startswith(HOLD_KEY_PREFIX) or not about_them:
            continue
        if report.key.startswith(REGISTRY_KEY_PREFIX):
            rule = rules.registry(report.source)
            if channel in blocked(rule.channels if rule else channels_of(report, rules)):
                found.append(Denial(Reason.REGISTRY, report.at, report.source))
        elif report.kind == FeedbackKind.UNDELIVERABLE and report.severity == "no_text":
            found.append(Denial(Reason.TAKES_NO_TEXTS, report.at))
        elif report.kind in _STOPS and channel in blocked(channels_of(report, rules)):
            is_entry = report.key.startswith("list:")
            denial = Denial(Reason.LIST if is_entry else Reason(report.kind), report.at)
            left, _ = apply_lifts(report, said, rules)
            (found if channel in blocked(left) else lifted).append(denial)
    if any(report.key.startswith(HOLD_KEY_PREFIX) for report in said) and not found:
        return  # the reply that waits for review has a denial of its own
    yield from found or lifted or [Denial(Reason.OPT_OUT)]


def _by_verifications(
    e164: str, evidence: Evidence, confirmed_at: datetime | None
) -> Iterator[Denial]:
    """Yield what providers said that still counts."""
    answers = evidence.verifications.get(e164, ())
    best = resolve.winning(answers)
    if best is not None and best.verdict == "invalid":
        yield Denial(Reason.INVALID, best.at)
    for answer in answers:
        if answer.check_level != "reassigned" or not answer.reassigned or not answer.since:
            continue
        # A confirmation after the day that was asked about is of whoever has the number now.
        if confirmed_at is None or confirmed_at.date() <= date.fromisoformat(answer.since):
            yield Denial(Reason.REASSIGNED, answer.at)
