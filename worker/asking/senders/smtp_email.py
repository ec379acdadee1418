"""Emails by the mail server of SMTP_URL, with one-click unsubscribing.

RFC 8058: `List-Unsubscribe` holds an https address that a mail reader posts
`List-Unsubscribe=One-Click` to, and `List-Unsubscribe-Post` says so. Both must be covered by the
DKIM signature of the mail server, which is not ours to make (RFC 8058, section 4).

A server that answers to the data has taken the message or refused it. Where its answer is lost,
nobody knows: such a message counts as sent.
"""

from __future__ import annotations

import email.policy
import smtplib
from datetime import timedelta
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import ClassVar

from config.settings import Settings
from connectors.http.deadline import whole_call
from worker.alerts import smtp
from worker.asking.model import AskChannel
from worker.asking.senders.base import Message, Result, Sender, Taken

_WHOLE = 60.0  # seconds, for one message
_SEVEN_BITS = email.policy.SMTP.clone(cte_type="7bit")  # not every server takes eight
_LATER = timedelta(minutes=5)


class SmtpEmail(Sender):
    channel: ClassVar[AskChannel] = "email"
    vendor: ClassVar[str] = "smtp"

    @classmethod
    def problem(cls, settings: Settings) -> str:
        if not settings.smtp_url:
            return "set SMTP_URL, to send emails"
        if not settings.asking.email_from:
            return "set asking.email_from, the address that emails come from"
        if not settings.asking.postal_address:
            return "set asking.postal_address: commercial email must say where its sender is"
        return ""

    def send(self, message: Message) -> Result:
        try:
            mail = self.compose(message)
        except ValueError:  # an address that cannot be written into a header
            return Result(Taken.REFUSED, problem="the email address cannot be used")
        connected = False
        try:
            with whole_call(_WHOLE), smtp.connected_to(self.settings.smtp_url) as client:
                connected = True
                client.send_message(mail)
        except (smtplib.SMTPException, OSError) as error:
            return _result(error, connected)
        return Result(Taken.SENT, message.identity)

    def compose(self, message: Message) -> EmailMessage:
        """Return the mail. Raises `ValueError` for an address that is none."""
        asking = self.settings.asking
        mail = EmailMessage(_SEVEN_BITS)
        mail["Subject"] = message.subject
        mail["From"] = asking.email_from
        mail["To"] = message.to
        mail["Date"] = formatdate(localtime=False)
        domain = parseaddr(asking.email_from)[1].rpartition("@")[2] or "localhost"
        mail["Message-ID"] = f"<{message.identity}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
        mail["List-Unsubscribe"] = f"<{message.unsubscribe}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        mail.set_content(f"{message.text}\n\n{asking.postal_address}\n")
        return mail


def _result(error: Exception, connected: bool) -> Result:
    """Return what an error of the mail server means, by whether it was an answer."""
    if not connected:
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return Result(Taken.NOT_SENT, problem="the mail server refuses our login: check "
                          "SMTP_URL", blocked=True)  # fmt: skip
        problem = f"the mail server was not reached ({type(error).__name__})"
        return Result(Taken.NOT_SENT, problem=problem, wait=_LATER)
    if isinstance(error, smtplib.SMTPNotSupportedError):  # an address beyond ASCII
        return Result(Taken.REFUSED, problem="the mail server cannot take the address")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _text in error.recipients.values()]
        return _refused(max(codes, default=550), "the mail server refused the address")
    if isinstance(error, smtplib.SMTPSenderRefused):
        problem = f"the mail server refuses asking.email_from (code {error.smtp_code})"
        return Result(Taken.NOT_SENT, problem=problem, blocked=True)
    if isinstance(error, smtplib.SMTPDataError):
        return _refused(error.smtp_code, "the mail server refused the message")
    return Result(Taken.UNCERTAIN, problem=f"the mail server hung up ({type(error).__name__})")


def _refused(code: int, problem: str) -> Result:
    """A code of 4xx asks for another try later (RFC 5321, 4.2.1)."""
    if 400 <= code < 500:
        return Result(Taken.NOT_SENT, problem=f"{problem} for now (code {code})", wait=_LATER)
    return Result(Taken.REFUSED, problem=f"{problem} (code {code})")
