"""Emails by the mail server of SMTP_URL, with one-click unsubscribing.

RFC 8058: `List-Unsubscribe` holds an https address that a mail reader posts
`List-Unsubscribe=One-Click` to, and `List-Unsubscribe-Post` says so. Both must be covered by the
DKIM signature of the mail server, which is not ours to make (RFC 8058, section 4).

A server that answers to the data has taken the message or refused it. Where its answer is lost,
nobody knows: such a message counts as sent. Before the data, nothing was sent (RFC 5321, 4.1.1.4).
"""

from __future__ import annotations

import email.policy
import re
import smtplib
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import ClassVar
from urllib.parse import urlsplit

from config.settings import Settings
from connectors.http.deadline import whole_call
from worker.alerts import smtp
from worker.asking.model import AskChannel
from worker.asking.senders.base import Message, Result, Sender, Taken

_WHOLE = 60.0  # seconds, for one message
_SEVEN_BITS = email.policy.SMTP.clone(cte_type="7bit")  # not every server takes eight
_LATER = timedelta(minutes=5)
_CLOSING = 421
_STATUS = re.compile(r"5\.(\d{1,3})\.\d{1,3}", re.ASCII)  # RFC 3463, 2
_OF_ADDRESS = ("1",)  # RFC 3463, 3.2: the destination address
_DISABLED = "5.2.1"  # ... 3.3: the mailbox
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


class SmtpEmail(Sender):
    channel: ClassVar[AskChannel] = "email"
    vendor: ClassVar[str] = "smtp"

    @classmethod
    def problem(cls, settings: Settings) -> str:
        if not settings.smtp_url:
            return "set SMTP_URL, to send emails"
        if not settings.asking.email_from:
            return "set asking.email_from, the address that emails come from"
        public = urlsplit(settings.public_url)
        if public.scheme == "http" and public.hostname not in _THIS_MACHINE:
            return "set PUBLIC_URL to an https address: unsubscribing with one click needs it"
        if not settings.asking.postal_address:
            return "set asking.postal_address: commercial email must say where its sender is"
        return ""

    def send(self, message: Message) -> Result:
        client: smtp.Client | None = None
        try:
            mail = self.compose(message)
            with whole_call(_WHOLE), smtp.connected_to(self.settings.smtp_url) as client:
                client.send_message(mail, to_addrs=[message.to])
        except Exception as error:  # of smtplib, ssl or the socket; or of our settings
            return _result(error, client)
        return Result(Taken.SENT, message.identity)

    def compose(self, message: Message) -> EmailMessage:
        asking = self.settings.asking
        mail = EmailMessage(_SEVEN_BITS)
        mail["Subject"] = message.subject
        mail["From"] = asking.email_from
        mail["To"] = message.to
        mail["Date"] = formatdate(localtime=False)
        domain = parseaddr(asking.email_from)[1].rpartition("@")[2]
        mail["Message-ID"] = f"<{message.identity}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
        mail["List-Unsubscribe"] = _Unfolded("List-Unsubscribe", f"<{message.unsubscribe}>")
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        mail.set_content(message.text)
        mail.add_alternative(message.html, subtype="html")
        mail["Content-Language"] = message.language  # of the whole: parts are added before
        return mail


class _Unfolded(str):
    """The value of a header that stays one line: the email package folds what is longer than 78
    characters into encoded words, which no mail reader takes for an address (RFC 2047, 5)."""

    name: str

    def __new__(cls, name: str, value: str) -> _Unfolded:
        self = super().__new__(cls, value)
        self.name = name
        return self

    def fold(self, *, policy: email.policy.EmailPolicy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


def _result(error: Exception, client: smtp.Client | None) -> Result:
    """Return what an error means. `client`: None if there was no connection yet, or no login."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = max(error.recipients.values(), default=(550, b""))
        refused = _refused(code, "the mail server refused the address")
        return replace(refused, is_bad_address=_is_bad_address(code, text))
    if isinstance(error, smtplib.SMTPNotSupportedError) and client is not None:
        return Result(Taken.REFUSED, problem="the mail server cannot take the address")
    if isinstance(error, smtplib.SMTPDataError):
        return _refused(error.smtp_code, "the mail server refused the message")
    if client is not None and client.data_begun:
        problem = f"the mail server hung up after the data ({type(error).__name__})"
        return Result(Taken.UNCERTAIN, problem=problem)
    if isinstance(error, smtplib.SMTPResponseException) and _is_passing(error.smtp_code):
        problem = f"the mail server takes nothing for now (code {error.smtp_code})"
        return Result(Taken.NOT_SENT, problem=problem, wait=_LATER)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Result(Taken.NOT_SENT, problem="the mail server refuses our login: check SMTP_URL",
                      blocked=True)  # fmt: skip
    if isinstance(error, smtplib.SMTPSenderRefused):
        problem = f"the mail server refuses asking.email_from (code {error.smtp_code})"
        return Result(Taken.NOT_SENT, problem=problem, blocked=True)
    if isinstance(error, smtplib.SMTPException | OSError):
        problem = f"the mail server was not reached ({type(error).__name__})"
        return Result(Taken.NOT_SENT, problem=problem, wait=_LATER)
    problem = f"an email cannot be written ({type(error).__name__}): check SMTP_URL and [asking]"
    return Result(Taken.NOT_SENT, problem=problem, blocked=True)


def _refused(code: int, problem: str) -> Result:
    """Return what the refusal of an address or a message means: that is of this recipient alone. Of
    421, the server closes, which is of nobody (RFC 5321, 3.8)."""
    if _is_passing(code):
        return Result(Taken.NOT_SENT, problem=f"{problem} for now (code {code})", wait=_LATER,
                      is_of_recipient=code != _CLOSING)  # fmt: skip
    return Result(Taken.REFUSED, problem=f"{problem} (code {code})")


def _is_bad_address(code: int, text: bytes | str) -> bool:
    """Return whether a server refuses an address as such: there is no such mailbox or domain, or it
    is disabled. What refuses us, our message or its size says nothing of it (RFC 3463, 3)."""
    said = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    if status := _STATUS.match(said):
        return status.group(1) in _OF_ADDRESS or status.group(0) == _DISABLED
    return code in (550, 551, 553)  # RFC 5321, 4.2.3


def _is_passing(code: int) -> bool:
    """Return whether a code asks for another try later (RFC 5321, 4.2.1)."""
    return 400 <= code < 500
