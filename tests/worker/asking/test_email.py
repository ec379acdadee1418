"""By the mail server, with one-click unsubscribing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from asking_support import DAYTIME, TOML, index, messages, request
from channel_services import Mail
from clocks import advance_clock
from constants import BRITISH, CLOSED_PORT, NUMBER, PUBLIC_URL
from crms import Crm
from reports import store_report

from sandbox.run import Sandbox
from sandbox.service import Fault
from worker.asking import campaigns
from worker.asking.model import AskingError
from worker.asking.sending import send_due
from worker.context import Context

EMAIL = """
email_from = "Acme <numbers@acme.example>"
postal_address = "Acme, 1 Main Street, Springfield"
"""


@pytest.fixture
def mail() -> Iterator[Mail]:
    server = Mail()
    yield server
    server.stop()


@pytest.fixture
def mailing(make_context: Callable[..., Context], mail: Mail, sandbox: Sandbox) -> Context:
    """A context that may send emails, and a contact with a British landline in Austria."""
    toml = TOML.replace("[connectors", EMAIL + "[connectors")
    ctx = make_context(toml, PUBLIC_URL=PUBLIC_URL, SMTP_URL=mail.url)
    ctx.now = lambda: DAYTIME.replace(hour=12)
    crm = Crm.all(sandbox)["hubspot"]
    record = crm.ids()[0]
    values = {"phone": BRITISH, "mobilephone": "", "country": "Austria", "state": "",
              "email": "kim@example.com"}  # fmt: skip
    crm.act(record, {"set": values})
    index(ctx, record, BRITISH, {"phone": "valid"}, country="AT")
    return ctx


def start(ctx: Context) -> None:
    campaigns.start(ctx, request(channel="email", budget=0), "an admin")
    advance_clock(ctx, seconds=30)


def test_an_email_is_in_the_recipients_language_and_says_who_asks(
    mailing: Context, mail: Mail
) -> None:
    start(mailing)
    assert [send_due(mailing), send_due(mailing)] == [1, 0]
    [taken] = mail.got
    assert taken["To"] == "kim@example.com"
    assert taken["From"] == "Acme <numbers@acme.example>"
    assert taken["Subject"] == "Acme: Stimmt Ihre Telefonnummer noch?"
    shown = mail.shown(taken)
    assert "Acme hat eine Telefonnummer von Ihnen gespeichert." in shown
    assert "Acme, 1 Main Street, Springfield" in shown
    assert BRITISH not in str(taken)


def test_it_can_be_unsubscribed_from_with_one_click(mailing: Context, mail: Mail) -> None:
    start(mailing)
    send_due(mailing)
    [taken] = mail.got
    link = str(taken["List-Unsubscribe"]).strip()  # a long header may begin on its next line
    assert link.startswith(f"<{PUBLIC_URL}/confirm/")
    assert link.endswith("/unsubscribe>")
    assert taken["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link.removeprefix("<").removesuffix("/unsubscribe>") in mail.shown(taken)


@pytest.mark.parametrize("channels", ["call", "text", ""])
def test_who_refuses_calls_or_texts_gets_no_email(mailing: Context, channels: str) -> None:
    store_report(mailing, "opt_out", BRITISH, channels=channels)
    planned = campaigns.plan(mailing, request(channel="email"))
    assert dict(planned.left_out) == {"opt_out": 1}


def test_consent_to_email_is_not_on_record_so_a_basis_is_named(mailing: Context) -> None:
    with pytest.raises(AskingError, match="legal basis"):
        campaigns.plan(mailing, request(channel="email", basis=""))


def test_a_contact_without_an_address_is_left_out(
    mailing: Context, mail: Mail, sandbox: Sandbox
) -> None:
    start(mailing)
    crm = Crm.all(sandbox)["hubspot"]
    crm.act(crm.ids()[0], {"set": {"email": ""}})
    assert send_due(mailing) == 0
    assert messages(mailing)[0].reason == "no_email"
    assert mail.got == []


@pytest.mark.parametrize(
    ("trouble", "state", "campaign"),
    [
        ({"faults": [Fault("END", "drop_after")]}, "uncertain", "running"),
        ({"unknown": {"kim@example.com"}}, "refused", "running"),
        ({"reply": "451 try again later"}, "waiting", "paused"),
        ({"reply": "550 sender refused"}, "waiting", "paused"),
    ],
    ids=["lost", "unknown address", "later", "sender refused"],
)
def test_what_the_mail_server_says_decides_whether_it_is_tried_again(
    mailing: Context, mail: Mail, trouble: dict[str, object], state: str, campaign: str
) -> None:
    start(mailing)
    for name, value in trouble.items():
        setattr(mail, name, value)
    send_due(mailing)
    assert messages(mailing)[0].state == state
    assert campaigns.find(mailing, "spring").state == campaign
    assert NUMBER not in campaigns.find(mailing, "spring").error


def test_a_mail_server_that_is_away_loses_nothing(mailing: Context) -> None:
    start(mailing)
    away = {"smtp_url": f"smtp://{CLOSED_PORT}"}
    mailing.settings = mailing.settings.model_copy(update=away)
    send_due(mailing)
    assert messages(mailing)[0].state == "waiting"
    assert campaigns.find(mailing, "spring").state == "running"
