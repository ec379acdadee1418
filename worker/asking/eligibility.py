"""Decide whether somebody may be asked: by the scrub, and by what a question needs besides.

Whether a number may be contacted is decided by `worker.scrub.decide` alone. It is asked twice: for
this person, and for anybody who may be reached by the number, since a text reaches whoever has it.
What the person said by another of their numbers counts too: a STOP is not evaded that way.
For an email it is asked about calls and texts alike: who has refused either is left alone. In
doubt, nobody is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.engine import Connection

from worker.asking.candidates import Candidate, numbers_of_people
from worker.asking.consent import has_agreed_to_texts
from worker.asking.model import ASKED, AskChannel, LeftOut, MessageState, Selection
from worker.context import Context
from worker.decisions import resolve
from worker.feedback import ownership
from worker.feedback.consent_state import NO_HOLDERS, Holders, Rules, rules_from_settings
from worker.feedback.models import ContactIdentity
from worker.phones import facts, parse_field
from worker.phones.plan_changes import equal_forms
from worker.scrub import evidence as known
from worker.scrub.decide import Circumstances, decide
from worker.scrub.evidence import Evidence
from worker.scrub.model import CallingHours, Question, Reason, ScrubChannel, Window
from worker.store.array_param import any_of
from worker.store.tables import ask_messages

_ASKABLE = ("valid", "unverified")  # statuses of a phone field
_NO_TEXTS = ("landline", "toll_free", "premium", "pager")  # types of line
# A person's own word, or what may be one: it holds for all of their numbers.
_OF_PERSON = (Reason.ERASURE, Reason.COMPLAINT, Reason.OPT_OUT, Reason.PENDING_REVIEW)
_OF_TEXT: tuple[ScrubChannel, ...] = ("text",)
_OF_EMAIL: tuple[ScrubChannel, ...] = ("call", "text")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a campaign asks of its recipients. `basis`: "" = recorded consent."""

    channel: AskChannel
    basis: str
    selection: Selection


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason`: why somebody is not asked, "" if they may be. `window`: the calling hours that were
    looked at, if any."""

    reason: str = ""
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known of some candidates. `numbers`: all of each person's numbers, by contact.
    `asked`: numbers and recipients that another campaign, or this one, asked not long ago.
    `refused`: recipients whose address their mail server has refused for good."""

    evidence: Evidence
    numbers: Mapping[str, Collection[str]]
    asked: Collection[str]
    refused: Collection[str]


@dataclass(frozen=True, slots=True)
class Moment:
    """When, and by which rules, it is decided. `hours`: None = calling hours are not looked at."""

    now: datetime
    wait_for: timedelta
    valid_for: timedelta
    rules: Rules = field(default_factory=Rules)
    hours: CallingHours | None = None


def moment(ctx: Context, hours: CallingHours | None = None) -> Moment:
    settings = ctx.settings
    return Moment(
        ctx.now(), settings.asking.wait_for, settings.scrub.valid_for,
        rules_from_settings(settings), hours,
    )  # fmt: skip


def load(
    ctx: Context,
    connection: Connection,
    candidates: Sequence[Candidate],
    at: Moment,
    own: int | None = None,
) -> Knowledge:
    """Read what is known of candidates, in the caller's transaction. `own`: the id of a message
    that is about to be sent, which does not count as asked."""
    of_people = numbers_of_people(connection, candidates)
    numbers = list(dict.fromkeys(candidate.number for candidate in candidates))
    all_numbers = list(dict.fromkeys(number for of in of_people.values() for number in sorted(of)))
    contacts = {candidate.contact for candidate in candidates}
    evidence = known.load_in(ctx, connection, all_numbers, contacts, at.rules)
    m = ask_messages.c
    forms = {form for number in numbers for form in equal_forms(number)}
    names = {candidate.recipient for candidate in candidates}
    query = sa.select(m.number, m.recipient, m.state).where(
        sa.or_(any_of(m.number, sorted(forms)), any_of(m.recipient, names)),
        sa.or_(
            sa.and_(m.state.in_(ASKED), m.claimed_at > at.now - at.wait_for),
            sa.and_(m.state == MessageState.REFUSED, m.reason == LeftOut.EMAIL_REFUSED),
        ),
        m.id != (own or 0),
    )
    asked: set[str] = set()
    refused: set[str] = set()
    for row in connection.execute(query):
        if row.state == MessageState.REFUSED:
            refused.add(row.recipient)  # another person with the number has another address
        else:
            asked |= {row.number, row.recipient}
    return Knowledge(evidence, of_people, asked, refused)


def judge(candidate: Candidate, terms: Terms, about: Knowledge, at: Moment) -> Verdict:
    """Decide whether a candidate may be asked now."""
    evidence, number = about.evidence, candidate.number
    who = evidence.known_contacts.get(candidate.contact)
    if who is None:
        return Verdict(LeftOut.CONTACT_GONE)
    if ownership.is_organisation(candidate.contact, at.rules.organisations):
        return Verdict(LeftOut.ORGANISATION)
    scrubbed = _scrub(candidate, terms.channel, evidence, at)
    if scrubbed.reason and scrubbed.reason != Reason.OUTSIDE_HOURS:
        return scrubbed
    for other in about.numbers.get(candidate.contact, ()):
        if other != number:
            said = _scrub(replace(candidate, number=other), terms.channel, evidence, at)
            if said.reason in _OF_PERSON:
                return said
    if candidate.status not in _ASKABLE:
        return Verdict(LeftOut.BAD_STATUS)
    holders = evidence.holders.get(number, NO_HOLDERS)
    keys = [identity.key for identity in holders.identities]
    of_company = ownership.is_switchboard(keys, at.rules.organisations)
    if of_company or people_of(holders) >= at.rules.shared_from:
        return Verdict(LeftOut.SHARED_NUMBER)
    if terms.channel == "text" and (candidate.extension or is_without_texts(number, evidence)):
        return Verdict(LeftOut.TAKES_NO_TEXTS)
    if not terms.basis and not _has_consented(number, who, evidence, at.rules):
        return Verdict(LeftOut.NO_CONSENT)
    if {*equal_forms(number), candidate.recipient} & set(about.asked):
        return Verdict(LeftOut.RECENTLY_ASKED)
    if terms.channel == "email" and candidate.recipient in about.refused:
        return Verdict(LeftOut.EMAIL_REFUSED)
    confirmed_at = evidence.reports.evaluate(number, who, at.rules).confirmed_at
    if confirmed_at is not None and confirmed_at > at.now - at.wait_for:
        return Verdict(LeftOut.RECENTLY_CONFIRMED)
    if not _is_uncertain(candidate, confirmed_at, terms.selection, at.now):
        return Verdict(LeftOut.NOT_UNCERTAIN)
    return scrubbed


def _scrub(candidate: Candidate, channel: AskChannel, evidence: Evidence, at: Moment) -> Verdict:
    """Ask the scrub for this person and for anybody with the number; hours are looked at last."""
    numbers = parse_field(candidate.number, None).numbers
    number = numbers[0] if len(numbers) == 1 else None
    scrub_channels = _OF_TEXT if channel == "text" else _OF_EMAIL
    verdict = Verdict()
    for contact in (candidate.contact, ""):
        for scrub_channel in scrub_channels:
            question = Question(candidate.number, scrub_channel, contact=contact)
            circumstances = Circumstances(at.now, at.valid_for, at.rules, at.hours)
            answer = decide(question, number, evidence, circumstances)
            if answer.allow:
                verdict = verdict if verdict.reason else Verdict(window=answer.window)
            elif answer.reason == Reason.OUTSIDE_HOURS:
                verdict = Verdict(answer.reason, answer.window)
            elif channel == "text" or answer.reason != Reason.TAKES_NO_TEXTS:
                return Verdict(str(answer.reason))
    return verdict


def people_of(holders: Holders) -> int:
    """Return how many people hold a number in one CRM; each record without an email is one."""
    by_connector: dict[str, set[str]] = {}
    for who in holders.identities:
        by_connector.setdefault(who.key.partition("/")[0], set()).add(who.person or who.key)
    return max(map(len, by_connector.values()), default=0)


def is_without_texts(number: str, evidence: Evidence) -> bool:
    answers = evidence.verifications.get(number, ())
    return resolve.line_type(answers, facts(number).kind) in _NO_TEXTS


def _has_consented(number: str, who: ContactIdentity, evidence: Evidence, rules: Rules) -> bool:
    reports = evidence.reports
    said = {report.key: report for report in reports.about(number)}
    for other in reports.numbers_by_contact.get(who.key, ()):
        said |= {report.key: report for report in reports.about(other) if not report.number}
    holders = evidence.holders.get(number, NO_HOLDERS)
    return has_agreed_to_texts(said.values(), who, rules, holders)


def _is_uncertain(
    candidate: Candidate, confirmed_at: datetime | None, selection: Selection, now: datetime
) -> bool:
    """Return whether a campaign that asks about uncertain numbers means this one."""
    if not selection.unverified and not selection.older_than:
        return True
    if selection.unverified and candidate.status == "unverified":
        return True
    if not selection.older_than:
        return False
    since = now - selection.age
    is_old = not candidate.month or candidate.month <= f"{since:%Y-%m}"
    return is_old and (confirmed_at is None or confirmed_at <= since)
