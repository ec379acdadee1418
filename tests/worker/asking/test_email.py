"""By the mail server, with one-click unsubscribing."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from asking_support import index, messages, request
from channel_services import Mail
from clocks import advance_clock
from constants import BRITISH, CLOSED_PORT, NUMBER, PUBLIC_URL
from crms import Crm
from email_desk import HUBSPOT_ALONE, LONDON, OpenDesk
from limits import lower_limits
from pydantic import ValidationError
from reports import store_report
from tls import Ca

from config.asking import AskingSettings
from sandbox.mail import LOGIN, PASSWORD, MailServer
from sandbox.run import Sandbox
from sandbox.service import Fault
from worker.asking import campaigns
from worker.asking.model import AskingError
from worker.asking.sending import send_due
from worker.context import Context
from worker.store.tables import contacts


@pytest.fixture
def mailing(open_desk: OpenDesk) -> Context:
    """A context that may send emails, and a contact with a British landline in Austria."""
    desk = open_desk(HUBSPOT_ALONE)
    desk.contact("hubspot")
    return desk.ctx


def start(ctx: Context) -> None:
    campaigns.start(ctx, request(channel="email", budget=0), "an admin")
    advance_clock(ctx, seconds=30)


def log_in(ctx: Context, mail: MailServer, password: str = PASSWORD) -> None:
    url = mail.url.replace("//", f"//{LOGIN}:{quote(password)}@")
    ctx.settings = ctx.settings.model_copy(update={"smtp_url": url})


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


def test_it_needs_an_https_address_for_that(mailing: Context) -> None:
    """RFC 8058, 3.1."""
    update = {"public_url": "http://hygiene.example"}
    mailing.settings = mailing.settings.model_copy(update=update)
    with pytest.raises(AskingError, match="PUBLIC_URL to an https address"):
        campaigns.plan(mailing, request(channel="email"))


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


class TestWhatTheMailServerAnswers:
    """Whether a message is tried again: only where it surely was not sent."""

    @pytest.mark.parametrize(
        ("step", "status", "state", "campaign"),
        [
            ("CONNECT", 421, "waiting", "running"),
            ("EHLO", 421, "waiting", "running"),
            ("MAIL", 421, "waiting", "running"),
            ("MAIL", 451, "waiting", "running"),
            ("MAIL", 550, "waiting", "paused"),  # our sender is refused: an operator must see to it
            ("RCPT", 421, "waiting", "running"),
            ("RCPT", 450, "waiting", "running"),
            ("RCPT", 452, "waiting", "running"),
            ("RCPT", 550, "refused", "running"),
            ("DATA", 451, "waiting", "running"),
            ("DATA", 554, "refused", "running"),
            ("END", 421, "waiting", "running"),
            ("END", 451, "waiting", "running"),
            ("END", 552, "refused", "running"),
            ("END", 554, "refused", "running"),
        ],
    )
    def test_decides_it(
        self, mailing: Context, mail: Mail, step: str, status: int, state: str, campaign: str
    ) -> None:
        start(mailing)
        mail.faults.append(Fault(step, "status", status=status))
        send_due(mailing)
        assert messages(mailing)[0].state == state
        assert campaigns.find(mailing, "spring").state == campaign
        assert NUMBER not in campaigns.find(mailing, "spring").error

    @pytest.mark.parametrize("step", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"])
    def test_is_not_waited_for_where_the_message_was_not_handed_over(
        self, mailing: Context, mail: Mail, step: str
    ) -> None:
        """RFC 5321, 4.1.1.4: a server sends nothing before it has seen the end of the data."""
        start(mailing)
        mail.faults.append(Fault(step, "drop"))
        send_due(mailing)
        assert messages(mailing)[0].state == "waiting"
        advance_clock(mailing, minutes=6)
        send_due(mailing)
        assert messages(mailing)[0].state == "sent"
        assert len(mail.got) == 1

    @pytest.mark.parametrize("kind", ["drop", "drop_after"])
    def test_is_never_known_once_it_hangs_up_after_the_data(
        self, mailing: Context, mail: Mail, kind: str
    ) -> None:
        """Then the message counts as sent; and if it was, its link can be answered."""
        start(mailing)
        mail.faults.append(Fault("END", kind))
        send_due(mailing)
        assert messages(mailing)[0].state == "uncertain"
        assert messages(mailing)[0].code_hash is not None
        advance_clock(mailing, hours=2)
        assert send_due(mailing) == 0
        assert len(mail.got) == (kind == "drop_after")

    @pytest.mark.parametrize(("code", "campaign"), [(454, "running"), (535, "paused")])
    def test_pauses_a_campaign_for_a_wrong_password_and_for_no_passing_fault(
        self, mailing: Context, mail: Mail, code: int, campaign: str
    ) -> None:
        """RFC 4954, 6: 454 is a temporary authentication failure."""
        start(mailing)
        mail.logins = {LOGIN: PASSWORD}
        log_in(mailing, mail)
        mail.faults.append(Fault("AUTH", "status", status=code, times=9))
        send_due(mailing)
        assert messages(mailing)[0].state == "waiting"
        assert campaigns.find(mailing, "spring").state == campaign

    def test_is_not_asked_for_with_a_password_that_cannot_be_sent(
        self, mailing: Context, mail: Mail
    ) -> None:
        start(mailing)
        mail.logins = {LOGIN: PASSWORD}
        log_in(mailing, mail, "gänsefüßchen")
        send_due(mailing)
        assert messages(mailing)[0].state == "waiting"
        assert campaigns.find(mailing, "spring").state == "paused"

    @pytest.mark.parametrize(("data", "state"), [(10.0, "sent"), (0.3, "uncertain")])
    def test_to_the_data_is_waited_for_longer_than_any_other(
        self, mailing: Context, mail: Mail, monkeypatch: pytest.MonkeyPatch, data: float, state: str
    ) -> None:
        """A server that looks into messages takes its time."""
        lower_limits(monkeypatch, mail_step=0.5, mail_data=data)
        start(mailing)
        mail.faults.append(Fault("END", "delay", seconds=1.2))
        send_due(mailing)
        assert messages(mailing)[0].state == state

    def test_about_one_recipient_holds_up_no_other(
        self, mailing: Context, mail: Mail, sandbox: Sandbox
    ) -> None:
        """Greylisting (RFC 6647) refuses each new recipient for a while."""
        second = Crm.all(sandbox)["hubspot"].ids()[1]
        values = {"phone": LONDON, "mobilephone": "", "email": "lee@example.com",
                  "country": "Austria", "state": ""}  # fmt: skip
        Crm.all(sandbox)["hubspot"].act(second, {"set": values})
        index(mailing, second, LONDON, {"phone": "valid"})
        mail.greylisted = {"kim@example.com"}
        start(mailing)
        send_due(mailing)
        assert [message["To"] for message in mail.got] == ["lee@example.com"]
        advance_clock(mailing, minutes=6)
        send_due(mailing)
        assert [message["To"] for message in mail.got] == ["lee@example.com", "kim@example.com"]


class TestAnAddressThatWasRefusedForGood:
    @pytest.fixture
    def refused(self, mailing: Context, mail: Mail) -> Context:
        mail.unknown = {"kim@example.com"}
        start(mailing)
        send_due(mailing)
        mail.unknown = set()
        return mailing

    def test_is_not_asked_again_by_another_campaign(self, refused: Context, mail: Mail) -> None:
        assert (messages(refused)[0].state, messages(refused)[0].reason) == (
            "refused", "email_refused")  # fmt: skip
        advance_clock(refused, days=400)
        planned = campaigns.plan(refused, request(name="summer", channel="email"))
        assert dict(planned.left_out) == {"email_refused": 1}
        assert mail.got == []

    def test_is_asked_again_once_the_contact_has_another_one(
        self, refused: Context, mail: Mail, sandbox: Sandbox
    ) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        crm.act(crm.ids()[0], {"set": {"email": "lee@example.com"}})
        with refused.store.write() as connection:  # as the next sync has it
            connection.execute(sa.update(contacts).values(person="another"))
        campaigns.start(refused, request(name="summer", channel="email", budget=0), "an admin")
        advance_clock(refused, seconds=30)
        send_due(refused)
        assert [message["To"] for message in mail.got] == ["lee@example.com"]

    @pytest.mark.parametrize(
        ("answer", "is_bad"),
        [
            ("550 5.1.1 no such user", True), ("550 5.1.10 null MX", True),
            ("550 5.2.1 disabled", True), ("550 no such user", True), ("553 unknown", True),
            ("550 5.7.1 your address is on a list", False), ("550 5.7.26 no DKIM", False),
            ("552 5.2.2 full", False), ("554 5.7.1 go away", False), ("552 full", False),
            ("550 5.4.1 relay denied", False),
        ],
    )  # fmt: skip
    def test_is_known_by_the_answer(
        self, mailing: Context, mail: Mail, monkeypatch: pytest.MonkeyPatch, answer: str,
        is_bad: bool,
    ) -> None:  # fmt: skip
        """What refuses us, and not the address, counts for nothing later (RFC 3463, 3)."""
        monkeypatch.setattr(mail, "at_recipient", lambda _address: answer)
        start(mailing)
        send_due(mailing)
        [message] = messages(mailing)
        assert (message.state, message.reason) == ("refused", "email_refused" if is_bad else "")


class TestAnotherMachine:
    """Mail to it is encrypted, or not sent."""

    ADDRESS = "127.0.0.2"  # this machine, by a name that the product does not know as such

    @pytest.mark.parametrize("offers", ["nothing", "a certificate of nobody"])
    def test_that_cannot_prove_who_it_is_gets_nothing(
        self, mailing: Context, tmp_path: Path, offers: str
    ) -> None:
        start(mailing)
        tls = Ca(tmp_path).context(self.ADDRESS) if offers != "nothing" else None
        server = MailServer(self.ADDRESS, logins={LOGIN: PASSWORD}, tls=tls)
        log_in(mailing, server)
        send_due(mailing)
        server.stop()
        assert messages(mailing)[0].state == "waiting"
        assert server.counters["AUTH"] == server.counters["MAIL"] == 0

    def test_gets_it_encrypted(
        self, mailing: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ca = Ca(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(ca.path))
        start(mailing)
        tls = ca.context(self.ADDRESS)
        server = MailServer(self.ADDRESS, logins={LOGIN: PASSWORD}, tls=tls)
        log_in(mailing, server)
        send_due(mailing)
        server.stop()
        assert messages(mailing)[0].state == "sent"
        assert len(server.sent) == server.counters["STARTTLS"] == server.counters["AUTH"] == 1


class TestAnAddress:
    """What an email field of a CRM holds may come from a form that anybody can fill in."""

    @pytest.mark.parametrize(
        "typed",
        [
            "kim@example.com, lee@example.com", "kim@example.com;lee@example.com",
            "=?utf-8?q?lee=40example.org=2Ckim?=@example.com", "mailto:kim@example.com",
            "friends:kim@example.com", "kim@example.com(lee@example.org)",
            "kim@example.com\r\nBcc: lee@example.org", "kim@example.com\u2028Bcc:lee@example.org",
            "kim\x00@example.com", "kim\u200b@example.com", "kim@[192.0.2.1].example",
            "k" * 65 + "@example.com", "kim@" + "x" * 64 + ".example",
        ],
    )  # fmt: skip
    def test_that_is_not_one_plain_address_gets_no_email(
        self, mailing: Context, mail: Mail, sandbox: Sandbox, typed: str
    ) -> None:
        start(mailing)
        crm = Crm.all(sandbox)["hubspot"]
        crm.act(crm.ids()[0], {"set": {"email": typed}})
        send_due(mailing)
        assert mail.sent == []
        assert mail.counters["RCPT"] == 0
        assert messages(mailing)[0].reason == "no_email"

    def test_with_a_domain_of_another_script_is_written_as_every_server_knows_it(
        self, mailing: Context, mail: Mail, sandbox: Sandbox
    ) -> None:
        """RFC 5890, 2.3.2.1: the A-label needs no SMTPUTF8."""
        start(mailing)
        crm = Crm.all(sandbox)["hubspot"]
        crm.act(crm.ids()[0], {"set": {"email": "kim@straße.example"}})
        send_due(mailing)
        [taken] = mail.sent
        assert taken.to == ("kim@xn--strae-oqa.example",)
        assert b"To: kim@xn--strae-oqa.example\r\n" in taken.raw

    @pytest.mark.parametrize("takes_utf8", [False, True])
    def test_beyond_ascii_is_for_servers_that_take_it(
        self, mailing: Context, mail: Mail, sandbox: Sandbox, takes_utf8: bool
    ) -> None:
        start(mailing)
        mail.takes_utf8 = takes_utf8
        crm = Crm.all(sandbox)["hubspot"]
        crm.act(crm.ids()[0], {"set": {"email": "жим@example.com"}})
        send_due(mailing)
        assert [taken.to for taken in mail.sent] == [("жим@example.com",)] * takes_utf8
        assert messages(mailing)[0].state == ("sent" if takes_utf8 else "refused")


class TestTheSendersAddress:
    @pytest.mark.parametrize(
        "text",
        [
            "", "numbers@acme.example", "Acme <numbers@acme.example>",
            '"Acme, Inc." <numbers@acme.example>', "Müller & Söhne <numbers@acme.example>",
        ],
    )  # fmt: skip
    def test_may_have_a_name(self, text: str) -> None:
        assert AskingSettings(email_from=text).email_from == text

    @pytest.mark.parametrize(
        "text",
        [
            "Acme", "Acme, Inc. <numbers@acme.example>", "a@acme.example, b@acme.example",
            "Acme\u2028 <numbers@acme.example>", "Acme\r\nBcc: x@y.example <a@acme.example>",
            "numbers@müller.example", "numbers@localhost", "group: a@acme.example, b@acme.example;",
            "@acme.example", "Acme <numbers@acme.example",
        ],
    )  # fmt: skip
    def test_is_refused_where_mail_servers_would_refuse_it(self, text: str) -> None:
        with pytest.raises(ValidationError):
            AskingSettings(email_from=text)


class TestItsHeaders:
    def test_hold_the_unsubscribe_address_as_it_is_however_long(
        self, mailing: Context, mail: Mail
    ) -> None:
        """An address that is folded as encoded words is none to a mail reader."""
        host = "https://phone-numbers.customer-success.a-company-with-a-long-name.example"
        mailing.settings = mailing.settings.model_copy(update={"public_url": host})
        start(mailing)
        send_due(mailing)
        [taken] = mail.sent
        found = re.search(rb"\r\nList-Unsubscribe:\s*<(\S+)>\r\n", taken.raw)
        assert found is not None
        assert found[1].decode().startswith(f"{host}/confirm/")

    @pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\u2028", "\x85", "\x0b", "\x00"])
    def test_are_one_line_each_whatever_the_company_is_called(
        self, mailing: Context, mail: Mail, end: str
    ) -> None:
        feedback = mailing.settings.feedback.model_copy(
            update={"company": f"Acme{end}Bcc: lee@example.org"}
        )
        mailing.settings = mailing.settings.model_copy(update={"feedback": feedback})
        start(mailing)
        send_due(mailing)
        [taken] = mail.sent
        assert taken.to == ("kim@example.com",)
        assert taken.message["Bcc"] is None
        assert taken.message["Subject"].startswith("Acme Bcc: lee@example.org: Stimmt")

    def test_name_a_message_alike_at_each_attempt_and_no_other_so(
        self, mailing: Context, mail: Mail
    ) -> None:
        """RFC 5322, 3.6.4: also not that of another installation, whose mail comes from the same
        address."""
        identities = []
        for campaign in ("spring", "autumn"):
            campaigns.start(mailing, request(name=campaign, channel="email", budget=0), "an admin")
            advance_clock(mailing, seconds=30)
            seen: list[str] = []
            mail.at_message = lambda message, to=seen: (
                to.append(message["Message-ID"])
                or (  # type: ignore[method-assign,misc]
                    "451 later" if len(to) == 1 else ""
                )
            )
            send_due(mailing)
            advance_clock(mailing, minutes=6)
            send_due(mailing)
            assert len(seen) == 2
            assert seen[0] == seen[1]
            identities.append(seen[0])
            advance_clock(mailing, days=36)
        assert len(set(identities)) == 2
        assert not re.fullmatch(r"<ask-\d+-\d+@.*", identities[0])

    def test_say_that_a_machine_wrote_it_and_in_which_language(
        self, mailing: Context, mail: Mail
    ) -> None:
        start(mailing)
        send_due(mailing)
        [taken] = mail.got
        assert taken["Auto-Submitted"] == "auto-generated"
        assert taken["Content-Language"] == "de"
        assert taken["Date"] is not None


class TestItsPage:
    """The HTML part, for readers that show no plain text."""

    def test_says_the_same_in_the_same_language(self, mailing: Context, mail: Mail) -> None:
        start(mailing)
        send_due(mailing)
        [taken] = mail.got
        assert taken.get_content_type() == "multipart/alternative"
        page, shown = mail.page(taken), mail.shown(taken)
        words = " ".join(" ".join(page.words).split())
        for line in filter(None, shown.splitlines()):
            assert line in words
        assert page.loads == []
        assert page.tags.isdisjoint({"script", "img", "link", "form"})
        assert set(page.links) <= set(shown.splitlines())
        assert b'lang=3D"de"' in taken.as_bytes() or b'lang="de"' in taken.as_bytes()

    def test_takes_no_command_from_the_companys_name(self, mailing: Context, mail: Mail) -> None:
        feedback = mailing.settings.feedback.model_copy(update={"company": "<a href=//x>R&D</a>"})
        mailing.settings = mailing.settings.model_copy(update={"feedback": feedback})
        start(mailing)
        send_due(mailing)
        [taken] = mail.got
        assert all(link.startswith(PUBLIC_URL) for link in mail.page(taken).links)


def test_a_mail_server_that_is_away_loses_nothing_however_long(
    mailing: Context, mail: Mail
) -> None:
    start(mailing)
    away = {"smtp_url": f"smtp://{CLOSED_PORT}"}
    there = mailing.settings
    mailing.settings = there.model_copy(update=away)
    for _ in range(12):
        assert send_due(mailing) == 1
        advance_clock(mailing, minutes=6)
    assert messages(mailing)[0].state == "waiting"
    assert campaigns.find(mailing, "spring").state == "running"
    mailing.settings = there
    send_due(mailing)
    assert len(mail.got) == 1


def test_who_is_put_off_again_and_again_is_given_up(
    mailing: Context, mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time they are waited for twice as long; the test's minutes are five of the product's."""
    lower_limits(monkeypatch, mail_retry=timedelta(minutes=1))
    start(mailing)
    mail.full = {"kim@example.com"}
    waits = []
    for _ in range(10):
        assert send_due(mailing) == 1
        waits.append(messages(mailing)[0].not_before - mailing.now())
        advance_clock(mailing, seconds=waits[-1].total_seconds() + 61)
    assert messages(mailing)[0].state == "refused"
    assert [wait // timedelta(minutes=1) for wait in waits[:8]] == [1, 2, 4, 8, 16, 32, 32, 32]
