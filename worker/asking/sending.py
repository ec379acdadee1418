"""Send what is due of ask campaigns: read the record, claim, send, record, one after the other.

The message is stored before it is sent (`campaigns.start`) and claimed in a transaction that
decides all of it again (`claims`). Between the claim and the call nothing waits.
"""

from __future__ import annotations

import logging
import time
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from config import stopping
from connectors.errors import ConnectorError
from worker.asking import answers, campaigns, claims, eligibility, emails, records
from worker.asking.claims import Offer, Step
from worker.asking.links import new_code
from worker.asking.model import Campaign
from worker.asking.pricing import language_for, link_of, price_of, text_of
from worker.asking.records import Recipient
from worker.asking.senders import open_sender
from worker.asking.senders.base import Message, Result, Sender
from worker.context import Context
from worker.feedback import intake
from worker.feedback.sources.incoming import failure_report
from worker.feedback.sources.vendor import DeliveryStatus
from worker.scrub.hours import calling_hours
from worker.scrub.model import CallingHours, Window
from worker.store import pause

log = logging.getLogger(__name__)

_SLICE = 15.0  # seconds for which one task goes on
_AT_ONCE = 50  # records that are read from the CRM at once
_VALID_FOR = timedelta(hours=4)


def has_work(ctx: Context) -> bool:
    """Return whether a campaign is running."""
    return bool(campaigns.list_campaigns(ctx, running=True))


def send_due(ctx: Context, seconds: float = _SLICE) -> int:
    """Send what is due, for so long; return how many messages were claimed.

    Answers are counted also while everything is paused.
    """
    if lost := claims.settle_orphaned(ctx):
        log.warning("%d messages were being sent by workers that died; they count as sent", lost)
    answers.collect(ctx)
    end, sent = time.monotonic() + seconds, 0
    for campaign in campaigns.list_campaigns(ctx, running=True):
        if pause.is_on(ctx.store) or stopping.requested() or time.monotonic() >= end:
            break
        sent += _send_campaign(ctx, campaign, end)
    return sent


def _send_campaign(ctx: Context, campaign: Campaign, end: float) -> int:
    room = claims.room(campaign, ctx.now())
    if not room:
        return 0
    with ctx.store.read() as connection:
        rows = claims.due(connection, campaign, ctx.now(), min(_AT_ONCE, room * 2))
    if not rows:
        claims.finish_if_done(ctx, campaign)
        return 0
    try:
        recipients = records.read(ctx, rows, campaign.channel)
    except ConnectorError as error:
        log.warning("ask campaign %s: %s", campaign.name, error)
        claims.postpone(ctx, campaign, str(error))
        return 0
    sent = 0
    with closing(open_sender(campaign.channel, ctx.settings)) as sender:
        if problem := sender.problem(ctx.settings):
            claims.postpone(ctx, campaign, problem)
            return 0
        for row in rows:
            if time.monotonic() >= end or stopping.requested():
                break
            step = _ask(ctx, campaign, row, recipients[row.id], sender)
            sent += step is Step.CLAIMED
            if step is Step.HALTED:
                break
    return sent


def _ask(ctx: Context, campaign: Campaign, row: Any, recipient: Recipient, sender: Sender) -> Step:
    """Ask one person, unless something stands against it."""
    if recipient.reason:
        claims.withhold(ctx, row.id, recipient.reason)
        return Step.PASSED
    settings, code = ctx.settings, new_code()
    language = language_for(settings, row.number, recipient.country)
    price = price_of(settings, campaign.channel, row.number, language)
    at = eligibility.moment(ctx, _hours_of(ctx, recipient))
    claim = claims.claim(ctx, campaign.id, Offer(row.id, code, price), at)
    if claim.step is not Step.CLAIMED:
        return claim.step
    message = Message(
        identity=identity_of(ctx, campaign, row.id),
        to=row.number if campaign.channel == "text" else recipient.email,
        text=text_of(settings, campaign.channel, language, code),
        valid_for=_valid_for(claim.window, at.now),
        subject=emails.subject(settings, language),
        unsubscribe=f"{link_of(settings, code)}/unsubscribe",
        html=emails.html(settings, language, link_of(settings, code)),
        language=language,
    )
    result = sender.send(message)
    _report_failure(ctx, row, sender, result)
    claims.settle(ctx, row.id, result)
    if result.problem:
        log.warning("ask campaign %s: %s", campaign.name, result.problem)
    return Step.CLAIMED


def identity_of(ctx: Context, campaign: Campaign, message: int) -> str:
    """Return what names a message: the same at each attempt, and never that of another
    installation, whose campaigns and messages are counted from 1 as well."""
    unique = ctx.keys.short_hash(f"{campaign.name} {campaign.created_at.timestamp()}")
    return f"ask-{campaign.id}-{message}-{unique}"


def _hours_of(ctx: Context, recipient: Recipient) -> CallingHours:
    """Return what tells the calling hours of a recipient: by number, and by the record's place."""
    of_number = calling_hours(ctx)

    def hours(number: str, _state: str, region: str, at: datetime) -> Window:
        return of_number(number, recipient.state, recipient.country or region, at)

    return hours


def _valid_for(window: Window | None, now: datetime) -> timedelta:
    """Return how long a message may wait in a queue: not past the calling hours."""
    closes_at = window.closes_at if window is not None else None
    return min(_VALID_FOR, closes_at - now) if closes_at else _VALID_FOR


def _report_failure(ctx: Context, row: Any, sender: Sender, result: Result) -> None:
    """Store what a refusal says of the number, before it is settled: an opt-out at the vendor is
    one with us."""
    if result.failure is None:
        return
    now = ctx.now()
    event = DeliveryStatus(
        row.number, f"{sender.vendor}:ask:{row.id}", sender.vendor, failure=result.failure
    )
    intake.store_reports(ctx, [failure_report(event, now, now)])
