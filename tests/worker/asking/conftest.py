"""Specification of `worker.asking`.

Read in this order:

    test_texts.py      the words of a message, its language and its price
    test_campaigns.py  who is asked, who is left out, and what a plan says
    test_sending.py    once to a person, whatever dies; never over budget; stopped by a STOP
    test_clarifying.py the one text after an opt-out, and its answer
    test_answers.py    what recipients said, by their page or by a reply
    test_addresses.py  an email field is one plain address, or none
    test_email.py      by the mail server, with one-click unsubscribing
    test_refusals.py   an admin lets somebody be asked by email again
    test_email_opt_outs.py  who has opted out of email in the CRM
    test_email_subscriptions.py  who has opted out of a subscription type of HubSpot
    test_email_privacy.py  whom Salesforce's privacy records and bounces keep from an email
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from asking_support import DAYTIME, TOML, Ask, index, request
from channel_services import Mail
from clocks import advance_clock
from constants import PUBLIC_URL
from crms import Crm
from email_desk import BOTH, Desk, OpenDesk

from sandbox.run import Sandbox
from worker.asking import campaigns
from worker.asking.model import Campaign
from worker.context import Context


@pytest.fixture
def asking_ctx(make_context: Callable[..., Context], sandbox: Sandbox) -> Context:
    """A context that may send texts, at a time at which California may be called."""
    ctx = make_context(TOML, PUBLIC_URL=PUBLIC_URL, **sandbox.env("messages"))
    ctx.now = lambda: DAYTIME
    return ctx


@pytest.fixture
def people(asking_ctx: Context, sandbox: Sandbox) -> Callable[..., list[str]]:
    """Give contacts of HubSpot these numbers, in the CRM and in our index; their record ids."""

    def give(*numbers: str, statuses: Mapping[str, str] | None = None, **more: Any) -> list[str]:
        crm = Crm.all(sandbox)["hubspot"]
        ids = crm.ids()[: len(numbers)]
        for record_id, number in zip(ids, numbers, strict=True):
            values = {"phone": number, "mobilephone": "", "country": "United States", "state": ""}
            crm.act(record_id, {"set": values})
            index(asking_ctx, record_id, number, statuses or {"phone": "valid"}, **more)
        return ids

    return give


@pytest.fixture
def ask(asking_ctx: Context) -> Ask:
    """Start a campaign by text, on a named basis unless told otherwise, half a minute ago: its pace
    lets some messages through at once."""

    def start(**more: Any) -> Campaign:
        started = campaigns.start(asking_ctx, request(**more), "an admin")
        advance_clock(asking_ctx, seconds=30)
        return started

    return start


@pytest.fixture
def mail() -> Iterator[Mail]:
    server = Mail()
    yield server
    server.stop()


@pytest.fixture
def open_desk(make_context: Callable[..., Context], mail: Mail, sandbox: Sandbox) -> OpenDesk:
    """Open a desk that sends by this mail server, with settings, at noon."""

    def opened(toml: str) -> Desk:
        ctx = make_context(toml, PUBLIC_URL=PUBLIC_URL, SMTP_URL=mail.url)
        ctx.now = lambda: DAYTIME.replace(hour=12)
        return Desk(ctx, sandbox, mail)

    return opened


@pytest.fixture
def desk(open_desk: OpenDesk) -> Desk:
    return open_desk(BOTH)
