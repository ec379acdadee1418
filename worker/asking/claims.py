"""Claim a message before it is sent, and settle what became of it.

A claim decides all of it again in one transaction: the switch that pauses everything, the state of
the campaign, its pace and its budget, and whether this person may be asked. It holds the lock under
which stops are stored, so a STOP is either seen here or comes after the claim.

From the claim on, a message counts as asked and its price as spent. It is given back only where it
surely was not sent. So whatever process dies, and wherever, nobody is asked twice, and no budget is
exceeded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.asking import campaigns, candidates, eligibility
from worker.asking.eligibility import Moment, Terms
from worker.asking.links import code_hash
from worker.asking.model import ASKED, Campaign, CampaignState, LeftOut, MessageState
from worker.asking.senders.base import Result, Taken
from worker.context import Context
from worker.leases import is_alive
from worker.scrub.model import Reason, Window
from worker.store import locks, pause
from worker.store.locks import Lock
from worker.store.tables import ask_campaigns, ask_messages

_BURST = timedelta(seconds=30)  # for which a pace may be made up
_NO_HOURS_KNOWN = timedelta(hours=12)  # until it is looked again whether somebody may be asked
_LONGEST_SENDING = timedelta(minutes=10)  # far longer than a call may take
_TROUBLES = 5  # messages in a row that nobody took: the campaign pauses itself
_MOST_ATTEMPTS = 10  # that a recipient's own server puts off; one of ours that is away counts not
_BACKOFF = timedelta(minutes=1)
_BACKOFF_MAX = timedelta(hours=1)
_MOST_DOUBLINGS = 5  # of what a message waits for its recipient's server: 5 minutes to 2.7 hours


class Step(Enum):
    """What came of trying to claim a message."""

    CLAIMED = "claimed"
    PASSED = "passed"  # it is withheld, waits, or is somebody else's: go on with the next one
    HALTED = "halted"  # nothing more of this campaign is sent now


@dataclass(frozen=True, slots=True)
class Offer:
    """A message that is to be sent: with the code of its link, and its price in millionths."""

    message: int
    code: str
    price: int


@dataclass(frozen=True, slots=True)
class Claim:
    step: Step
    window: Window | None = None  # the calling hours of a message that is claimed


def due(connection: Connection, campaign: Campaign, now: datetime, limit: int) -> list[Any]:
    """Return messages that may be due, the first stored first."""
    m = ask_messages.c
    query = (
        sa.select(ask_messages)
        .where(m.campaign_id == campaign.id, m.state == MessageState.WAITING, m.not_before <= now)
        .order_by(m.not_before, m.id)
        .limit(limit)
    )
    return list(connection.execute(query))


def room(campaign: Campaign, now: datetime) -> int:
    """Return how many messages the pace of a campaign lets through now."""
    begins = max(campaign.next_at, now - _BURST)
    return max(0, int((now - begins) / _interval(campaign)) + 1) if begins <= now else 0


def _interval(campaign: Campaign) -> timedelta:
    return timedelta(minutes=1) / campaign.per_minute


def claim(ctx: Context, campaign_id: int, offer: Offer, at: Moment) -> Claim:
    """Claim a message if it may be sent now; else say whether to go on with the next one."""
    _keys = ctx.keys  # read before the transaction begins
    with ctx.store.write() as connection:
        locks.acquire(connection, Lock.CLAIMING_QUESTIONS)
        locks.acquire(connection, Lock.DATING_REPORTS)
        campaign = _load_running(connection, campaign_id)
        if campaign is None or pause.load(connection) is not None or campaign.next_at > at.now:
            return Claim(Step.HALTED)
        row = _load_waiting(connection, offer.message)
        if row is None:
            return Claim(Step.PASSED)
        candidate = candidates.load(connection, row)
        if candidate is None:
            return _withhold(connection, row.id, LeftOut.NUMBER_CHANGED)
        terms = Terms(campaign.channel, campaign.basis, campaign.selection)
        known = eligibility.load(ctx, connection, [candidate], at, own=row.id)
        verdict = eligibility.judge(candidate, terms, known, at)
        if verdict.reason == Reason.OUTSIDE_HOURS:
            return _wait_for_hours(connection, row.id, verdict.window, at.now)
        if verdict.reason:
            return _withhold(connection, row.id, verdict.reason)
        if campaign.spent + offer.price > campaign.budget:
            _halt(connection, campaign, "its budget is used up")
            return Claim(Step.HALTED)
        taken = sa.update(ask_messages).where(ask_messages.c.id == row.id)
        connection.execute(
            taken.values(
                state=MessageState.SENDING, owner=ctx.owner, claimed_at=at.now,
                price=offer.price, code_hash=code_hash(offer.code), attempts=row.attempts + 1,
                recipient=candidate.recipient,
            )
        )  # fmt: skip
        of_campaign = sa.update(ask_campaigns).where(ask_campaigns.c.id == campaign.id)
        connection.execute(
            of_campaign.values(
                spent=campaign.spent + offer.price,
                next_at=max(campaign.next_at, at.now - _BURST) + _interval(campaign),
            )
        )
        return Claim(Step.CLAIMED, verdict.window)


def withhold(ctx: Context, message: int, reason: str) -> None:
    """Leave out a message of which the CRM's record says that it must not be sent."""
    with ctx.store.write() as connection:
        if _load_waiting(connection, message) is not None:
            _withhold(connection, message, reason)


def _load_running(connection: Connection, campaign_id: int) -> Campaign | None:
    c = ask_campaigns.c
    query = sa.select(ask_campaigns).where(c.id == campaign_id, c.state == CampaignState.RUNNING)
    row = connection.execute(query.with_for_update()).one_or_none()
    return None if row is None else campaigns.from_row(row)


def _load_waiting(connection: Connection, message: int) -> Any:
    m = ask_messages.c
    query = sa.select(ask_messages).where(m.id == message, m.state == MessageState.WAITING)
    return connection.execute(query.with_for_update()).one_or_none()


def _withhold(connection: Connection, message: int, reason: str) -> Claim:
    values: dict[str, Any] = {"state": MessageState.WITHHELD, "reason": str(reason)}
    connection.execute(sa.update(ask_messages).where(ask_messages.c.id == message).values(**values))
    return Claim(Step.PASSED)


def _wait_for_hours(
    connection: Connection, message: int, window: Window | None, now: datetime
) -> Claim:
    opens_at = window.opens_at if window is not None else None
    connection.execute(
        sa.update(ask_messages)
        .where(ask_messages.c.id == message)
        .values(not_before=opens_at or now + _NO_HOURS_KNOWN)
    )
    return Claim(Step.PASSED)


def _halt(connection: Connection, campaign: Campaign, why: str) -> None:
    values: dict[str, Any] = {"state": CampaignState.PAUSED, "error": why[:255]}
    connection.execute(
        sa.update(ask_campaigns).where(ask_campaigns.c.id == campaign.id).values(**values)
    )


# -- afterwards --------------------------------------------------------------------------------


def settle(ctx: Context, message: int, result: Result) -> None:
    """Record what became of a claimed message."""
    m, now = ask_messages.c, ctx.now()
    with ctx.store.write() as connection:
        locks.acquire(connection, Lock.CLAIMING_QUESTIONS)
        row = connection.execute(sa.select(ask_messages).where(m.id == message)).one_or_none()
        if row is None or row.state not in ASKED:
            return  # its contact was erased meanwhile
        campaign = connection.execute(
            sa.select(ask_campaigns).where(ask_campaigns.c.id == row.campaign_id)
        ).one()
        has_had_enough = result.is_of_recipient and row.attempts >= _MOST_ATTEMPTS
        is_final = result.taken != Taken.NOT_SENT or has_had_enough
        values: dict[str, Any] = {"owner": None, "vendor_id": result.vendor_id[:64]}
        spent = campaign.spent
        if result.taken in (Taken.SENT, Taken.UNCERTAIN):
            values["state"] = MessageState(result.taken.value)
        else:  # surely not sent: the money is there again
            spent -= row.price
            values |= {"price": 0, "code_hash": None, "claimed_at": None}
            values["state"] = MessageState.REFUSED if is_final else MessageState.WAITING
            if is_final and result.is_bad_address:
                values["reason"] = LeftOut.EMAIL_REFUSED
            if result.is_of_recipient:
                values["not_before"] = now + _wait(result, row.attempts)
        connection.execute(sa.update(ask_messages).where(m.id == message).values(**values))
        connection.execute(
            sa.update(ask_campaigns)
            .where(ask_campaigns.c.id == campaign.id)
            .values(spent=spent, **_health(campaign, result, now))
        )


def _wait(result: Result, attempts: int) -> timedelta:
    """Return how long a message waits by itself: twice as long after each attempt."""
    return (result.wait or _BACKOFF) * (1 << min(attempts - 1, _MOST_DOUBLINGS))


def _health(campaign: Any, result: Result, now: datetime) -> dict[str, Any]:
    """Return how a campaign goes on after a message: at once, later, or paused by itself."""
    is_about_recipient = result.failure is not None
    if result.taken == Taken.SENT or is_about_recipient:
        return {"troubles": 0, "error": campaign.error if campaign.state == "paused" else ""}
    troubles = campaign.troubles + 1
    wait = result.wait or min(_BACKOFF * 2 ** min(troubles - 1, 10), _BACKOFF_MAX)
    values: dict[str, Any] = {"troubles": troubles, "error": result.problem[:255]}
    is_of_one = result.is_of_recipient and troubles < _TROUBLES
    if result.taken != Taken.REFUSED and not is_of_one:
        values["next_at"] = max(campaign.next_at, now + wait)
    # What was surely not sent can be tried for ever; what was refused or lost cannot.
    is_lost = result.taken != Taken.NOT_SENT and troubles >= _TROUBLES
    if (result.blocked or is_lost) and campaign.state == CampaignState.RUNNING:
        values["state"] = CampaignState.PAUSED
    return values


def postpone(ctx: Context, campaign: Campaign, why: str) -> None:
    """Send nothing of a campaign for a while: the CRM cannot be read, say."""
    c, now = ask_campaigns.c, ctx.now()
    wait = min(_BACKOFF * 2 ** min(campaign.troubles, 10), _BACKOFF_MAX)
    values: dict[str, Any] = {
        "next_at": now + wait, "error": why[:255], "troubles": campaign.troubles + 1,
    }  # fmt: skip
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(ask_campaigns)
            .where(c.id == campaign.id, c.state == CampaignState.RUNNING)
            .values(**values)
        )


def settle_orphaned(ctx: Context) -> int:
    """Settle messages whose sender has died between claim and record: nobody knows whether they
    were sent, so they count as sent. Returns how many."""
    m, now = ask_messages.c, ctx.now()
    query = sa.select(m.id, m.owner, m.claimed_at).where(m.state == MessageState.SENDING)
    with ctx.store.read() as connection:
        rows = connection.execute(query).all()
    orphaned = [
        row.id for row in rows if not is_alive(row.owner) or row.claimed_at < now - _LONGEST_SENDING
    ]
    if not orphaned:
        return 0
    values: dict[str, Any] = {"state": MessageState.UNCERTAIN, "owner": None}
    with ctx.store.write() as connection:
        settled = connection.execute(
            sa.update(ask_messages)
            .where(m.id.in_(orphaned), m.state == MessageState.SENDING)
            .values(**values)
        )
        return settled.rowcount


def finish_if_done(ctx: Context, campaign: Campaign) -> None:
    """End a campaign of which no message waits."""
    m, c = ask_messages.c, ask_campaigns.c
    open_messages = sa.exists().where(
        m.campaign_id == c.id, m.state.in_((MessageState.WAITING, MessageState.SENDING))
    )
    values: dict[str, Any] = {"state": CampaignState.DONE, "error": ""}
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(ask_campaigns)
            .where(c.id == campaign.id, c.state == CampaignState.RUNNING, ~open_messages)
            .values(**values)
        )
