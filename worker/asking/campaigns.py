"""Plan, start, pause, resume and stop ask campaigns, and say how they are doing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.settings import Settings
from worker.asking import candidates, eligibility, email_opt_outs
from worker.asking.candidates import Candidate
from worker.asking.eligibility import Moment, Terms
from worker.asking.model import (
    ASKED,
    MICROS,
    Answer,
    AskingError,
    Campaign,
    CampaignState,
    LeftOut,
    MessageState,
    NoSuchCampaignError,
    Request,
    Selection,
)
from worker.asking.pricing import language_for, price_of
from worker.asking.senders import SENDERS
from worker.context import Context
from worker.decisions import resolve
from worker.phones import facts
from worker.store.bulk import insert
from worker.store.tables import ask_campaigns, ask_messages

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")
_MOST_PER_MINUTE = 3000  # Twilio's fastest numbers send 100 a second at most


@dataclass
class Plan:
    """What a campaign would do. `contacts`: that were looked at; `price`: of all messages, in
    millionths; `affordable`: how many of them the budget pays for; `notes`: what keeps people from
    being asked, and what to do about it."""

    contacts: int = 0
    messages: int = 0
    price: int = 0
    affordable: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def as_json(self, currency: str) -> dict[str, Any]:
        return {
            "contacts": self.contacts,
            "messages": self.messages,
            "cost": self.price / MICROS,
            "currency": currency,
            "within_budget": self.affordable,
            "left_out": dict(self.left_out.most_common()),
            "languages": dict(self.languages.most_common()),
            "notes": self.notes,
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How a campaign is doing: messages by state, and what their recipients did."""

    states: dict[str, int]
    answers: dict[str, int]
    reasons: dict[str, int]
    opened: int

    @property
    def sent(self) -> int:
        return sum(self.states.get(state, 0) for state in ASKED)

    @property
    def waiting(self) -> int:
        return self.states.get(MessageState.WAITING, 0)

    def as_json(self) -> dict[str, Any]:
        return {
            "waiting": self.waiting,
            "sent": self.sent,
            "uncertain": self.states.get(MessageState.UNCERTAIN, 0),
            "refused": self.states.get(MessageState.REFUSED, 0),
            "withheld": self.states.get(MessageState.WITHHELD, 0),
            "reasons": self.reasons,
            "opened": self.opened,
            **{answer.value: self.answers.get(answer, 0) for answer in Answer},
        }


def missing_settings(settings: Settings) -> list[str]:
    """Return what has to be set before any campaign can start; a sender, if there is none."""
    senders = [sender.problem(settings) for sender in SENDERS.values()]
    return [*_not_set(settings), *(senders if all(senders) else [])]


def _not_set(settings: Settings) -> list[str]:
    problems = []
    if not settings.public_url:
        problems.append("set PUBLIC_URL: the address of the recipients' pages")
    if not settings.feedback.company:
        problems.append("set feedback.company: a message must say who sends it")
    return problems


def check(settings: Settings, request: Request) -> None:
    """Raise `AskingError`, one line for each thing that is wrong or not set."""
    problems = []
    if not _NAME.fullmatch(request.name):
        problems.append(
            "name: use at most 60 lowercase letters, digits, dots, hyphens and underscores"
        )
    problems += _not_set(settings)
    if problem := SENDERS[request.channel].problem(settings):
        problems.append(problem)
    if request.channel == "email" and not request.basis:
        problems.append(
            "name the legal basis: consent to calls and texts is recorded, consent to email is not"
        )
    if request.basis and len(request.basis.strip()) < 3:
        problems.append("basis: name the legal basis in words")
    if request.budget < 0:
        problems.append("budget: an amount of money from 0 on")
    if not 1 <= request.per_minute <= _MOST_PER_MINUTE:
        problems.append(f"pace: from 1 to {_MOST_PER_MINUTE} messages a minute")
    if problems:
        raise AskingError("\n".join(problems))


def plan(ctx: Context, request: Request) -> Plan:
    """Return what a campaign would do, from our own tables: it writes, sends and costs nothing.

    When a message is sent, all of it is decided again, with the record as the CRM has it then.
    """
    check(ctx.settings, request)
    planned = Plan()
    for _chosen in _choose(ctx, request, planned):
        pass
    if request.channel == "email":
        planned.notes = [
            f"{name}: {problem}"
            for name in ctx.settings.active_connectors
            if request.selection.connector in ("", name)
            for problem in email_opt_outs.problems(ctx, name)
        ]
    return planned


def start(ctx: Context, request: Request, by: str) -> Campaign:
    """Store a campaign with its recipients; the workers send. Raises `AskingError`."""
    check(ctx.settings, request)
    planned, now = Plan(), ctx.now()
    chosen = list(_choose(ctx, request, planned))
    if not chosen:
        raise AskingError(
            f"nobody can be asked: of {planned.contacts:,} contacts all are left out "
            f"({', '.join(f'{name} {n:,}' for name, n in planned.left_out.most_common())})"
        )
    row = {
        "name": request.name, "channel": request.channel,
        "selection": request.selection.as_json(), "basis": request.basis.strip()[:255],
        "state": CampaignState.RUNNING, "per_minute": request.per_minute,
        "budget": request.budget, "spent": 0, "next_at": now, "troubles": 0, "error": "",
        "left_out": dict(planned.left_out), "created_at": now, "created_by": by[:120],
    }  # fmt: skip
    with ctx.store.write() as connection:
        if _find(connection, request.name) is not None:
            raise AskingError(f"there is an ask campaign {request.name!r} already")
        new = connection.execute(sa.insert(ask_campaigns).values(**row))
        campaign_id = new.inserted_primary_key[0] if new.inserted_primary_key else 0
        insert(connection, ask_messages, [_message(campaign_id, c, now) for c in chosen])
    return find(ctx, request.name)


def _message(campaign_id: int, candidate: Candidate, now: datetime) -> dict[str, Any]:
    return {
        "campaign_id": campaign_id, "connector": candidate.connector,
        "object": candidate.object, "record_id": candidate.record_id,
        "recipient": candidate.recipient, "number": candidate.number,
        "state": MessageState.WAITING, "reason": "", "not_before": now, "attempts": 0,
        "owner": None, "claimed_at": None, "price": 0, "code_hash": None, "vendor_id": "",
        "opened_at": None, "answer": "", "answered_at": None,
    }  # fmt: skip


def _choose(ctx: Context, request: Request, planned: Plan) -> Iterator[Candidate]:
    """Yield whom a campaign may ask, one number a person, and count what is left out."""
    at = eligibility.moment(ctx)
    terms = Terms(request.channel, request.basis, request.selection)
    taken: set[str] = set()
    budget, _keys = request.budget, ctx.keys  # the keys are read before the snapshot begins
    with ctx.store.snapshot() as connection:
        selected = candidates.select(connection, ctx.settings.active_connectors, request.selection)
        for contacts in selected:
            planned.contacts += len(contacts)
            several = [candidate for of_contact in contacts for candidate in of_contact]
            known = eligibility.load(ctx, connection, several, at)
            for of_contact in contacts:
                chosen, reason = _best(of_contact, terms, known, at, taken)
                if chosen is None:
                    planned.left_out[str(reason)] += 1
                    continue
                taken |= {chosen.number, chosen.recipient}
                language = language_for(ctx.settings, chosen.number, chosen.country)
                price = price_of(ctx.settings, request.channel, chosen.number, language)
                planned.messages += 1
                planned.price += price
                planned.languages[language] += 1
                planned.affordable += planned.price <= budget
                yield chosen


def _best(
    of_contact: Sequence[Candidate],
    terms: Terms,
    known: eligibility.Knowledge,
    at: Moment,
    taken: set[str],
) -> tuple[Candidate | None, str]:
    """Return the number by which to ask a contact, a mobile one first; or why there is none."""

    def is_other(candidate: Candidate) -> bool:
        answers = known.evidence.verifications.get(candidate.number, ())
        return resolve.line_type(answers, facts(candidate.number).kind) != "mobile"

    first = ""
    for candidate in sorted(of_contact, key=is_other):
        verdict = eligibility.judge(candidate, terms, known, at)
        reason = verdict.reason
        if not reason and {candidate.number, candidate.recipient} & taken:
            reason = LeftOut.SAME_PERSON
        if not reason:
            return candidate, ""
        first = first or reason
    return None, first or LeftOut.NO_NUMBER


# -- what is stored --------------------------------------------------------------------------


def from_row(row: Any) -> Campaign:
    values = {column.key: getattr(row, column.key) for column in ask_campaigns.columns}
    return Campaign(
        **{
            **values,
            "selection": Selection.from_json(row.selection),
            "state": CampaignState(row.state),
        }
    )


def _find(connection: Connection, name: str) -> Campaign | None:
    row = connection.execute(
        sa.select(ask_campaigns).where(ask_campaigns.c.name == name)
    ).one_or_none()
    return None if row is None else from_row(row)


def find(ctx: Context, name: str) -> Campaign:
    """Return a campaign. Raises `NoSuchCampaignError`."""
    with ctx.store.read() as connection:
        campaign = _find(connection, name)
    if campaign is None:
        raise NoSuchCampaignError(name)
    return campaign


def list_campaigns(ctx: Context, running: bool = False) -> list[Campaign]:
    """Return all campaigns, or those that are running, the newest first."""
    c = ask_campaigns.c
    query = sa.select(ask_campaigns).order_by(c.id.desc())
    if running:
        query = query.where(c.state == CampaignState.RUNNING)
    with ctx.store.read() as connection:
        return [from_row(row) for row in connection.execute(query)]


def progress(ctx: Context, campaign_ids: Sequence[int]) -> dict[int, Progress]:
    """Return how campaigns are doing, by their ids."""
    m, count = ask_messages.c, sa.func.count()
    query = (
        sa.select(
            m.campaign_id, m.state, m.answer, m.reason, count.label("messages"),
            sa.func.count(m.opened_at).label("opened"),
        )
        .where(m.campaign_id.in_(campaign_ids))
        .group_by(m.campaign_id, m.state, m.answer, m.reason)
    )  # fmt: skip
    states: dict[int, Counter[str]] = {key: Counter() for key in campaign_ids}
    answers: dict[int, Counter[str]] = {key: Counter() for key in campaign_ids}
    reasons: dict[int, Counter[str]] = {key: Counter() for key in campaign_ids}
    opened: Counter[int] = Counter()
    with ctx.store.read() as connection:
        for row in connection.execute(query):
            states[row.campaign_id][row.state] += row.messages
            opened[row.campaign_id] += row.opened
            if row.answer:
                answers[row.campaign_id][row.answer] += row.messages
            if row.reason:
                reasons[row.campaign_id][row.reason] += row.messages
    return {
        key: Progress(dict(states[key]), dict(answers[key]), dict(reasons[key]), opened[key])
        for key in campaign_ids
    }


def as_json(campaign: Campaign, done: Progress, currency: str) -> dict[str, Any]:
    return {
        "name": campaign.name,
        "channel": campaign.channel,
        "asks": str(campaign.selection),
        "basis": campaign.basis or "recorded consent",
        "state": campaign.state.value,
        "error": campaign.error,
        "per_minute": campaign.per_minute,
        "budget": campaign.budget / MICROS,
        "spent": campaign.spent / MICROS,
        "currency": currency,
        "created_at": campaign.created_at.isoformat(),
        "created_by": campaign.created_by,
        "left_out": dict(campaign.left_out),
        **done.as_json(),
    }


def pause(ctx: Context, name: str) -> Campaign:
    """Send nothing for now. A message that is claimed already is completed."""
    return _move(ctx, name, CampaignState.PAUSED, (CampaignState.RUNNING,))


def resume(ctx: Context, name: str) -> Campaign:
    return _move(ctx, name, CampaignState.RUNNING, (CampaignState.PAUSED,))


def stop(ctx: Context, name: str) -> Campaign:
    """End a campaign for good. Links that were sent can still be answered."""
    return _move(ctx, name, CampaignState.STOPPED, (CampaignState.RUNNING, CampaignState.PAUSED))


def _move(ctx: Context, name: str, to: CampaignState, allowed: Sequence[CampaignState]) -> Campaign:
    c = ask_campaigns.c
    values: dict[str, Any] = {"state": to, "error": "", "troubles": 0}
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(ask_campaigns).where(c.name == name, c.state.in_(allowed)).values(**values)
        )
    campaign = find(ctx, name)
    if campaign.state != to:
        raise AskingError(f"{name} is {campaign.state}: it cannot become {to}")
    return campaign
