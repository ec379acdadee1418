"""Send messages: by email (SMTP_URL), by plain webhooks, to Slack and to Microsoft Teams."""

from __future__ import annotations

import email.policy
import hashlib
import json
import logging
import re
import smtplib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

import requests

from config.alerts import DEFAULT_ROUTE, url_variable
from config.settings import Settings
from connectors.http.client import retry_after
from connectors.http.deadline import session, whole_call
from worker.alerts import smtp
from worker.alerts.formats import teams as teams_format
from worker.alerts.formats.html import html
from worker.alerts.formats.plain import plain
from worker.alerts.formats.slack import slack
from worker.alerts.formats.teams import teams
from worker.alerts.message import Message

log = logging.getLogger(__name__)

_TIMEOUT = 15.0  # seconds, for each step
_WHOLE = 60.0  # seconds, for all of it
_REFUSED = (400, 413, 422)  # this message, not every one
_LONGEST_REST = 86_400.0  # seconds for which a service may ask to be left alone
_MOST_READ = 1000  # bytes of an answer
# What Slack says is one word: https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks
_WORD = re.compile(r"[a-z_]{3,40}")
_SEVEN_BITS = email.policy.SMTP.clone(cte_type="7bit")  # not every server takes eight
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class ChannelError(Exception):
    """A message could not be sent. The text says why, without secrets.

    `wait`: how long the service wants to be left alone. `refused`: it took exception to this
    message, and may take others.
    """

    def __init__(self, text: str, wait: timedelta | None = None, refused: bool = False) -> None:
        super().__init__(text)
        self.wait = wait
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Channel:
    """`url`: of a webhook. `to`: addresses of an email channel. `is_default`: set up by
    `email_to` or ALERT_WEBHOOK_URL, not under `[alerts.channels]`."""

    name: str
    kind: str
    url: str = ""
    to: tuple[str, ...] = ()
    is_default: bool = False


def channels(settings: Settings) -> list[str]:
    """Return the names of the channels that are set up."""
    return [*_default_channels(settings), *settings.alerts.channels]


def _default_channels(settings: Settings) -> list[str]:
    names = []
    if settings.smtp_url and settings.alerts.email_to:
        names.append("email")
    if settings.alert_webhook_url:
        names.append("webhook")
    return names


def route(settings: Settings, kind: str) -> list[str]:
    """Return the names of the channels that alerts of a kind go to."""
    routes = settings.alerts.routes
    names = routes.get(kind, routes.get(DEFAULT_ROUTE))
    return _default_channels(settings) if names is None else list(dict.fromkeys(names))


def digest_route(settings: Settings) -> list[str]:
    """Return the names of the channels that the weekly digest goes to. The plain webhook gets it
    only if it is named: a program that pages somebody may listen there."""
    alerts = settings.alerts
    if not alerts.digest.enabled:
        return []
    names = alerts.digest.channels or alerts.routes.get(DEFAULT_ROUTE)
    if names is None:
        names = tuple(name for name in _default_channels(settings) if name == "email")
    return list(dict.fromkeys(names))


def find(settings: Settings, name: str) -> Channel:
    """Return a channel that is set up, by its name."""
    alerts = settings.alerts
    if (table := alerts.channels.get(name)) is not None:
        url = settings.alert_channel_urls.get(url_variable(name), "")
        return Channel(name, table.kind, url, table.to)
    if name == "email":
        return Channel(name, "email", to=alerts.email_to, is_default=True)
    return Channel(name, "webhook", settings.alert_webhook_url, is_default=True)


def send(settings: Settings, channel: str, message: Message) -> None:
    """Send a message. Raises `ChannelError`."""
    configured = find(settings, channel)
    try:
        with whole_call(_WHOLE):
            if configured.kind == "email":
                _email(settings, configured, message)
            else:
                _post(configured, _BODIES[configured.kind](message))
    except smtplib.SMTPException as error:
        raise ChannelError(f"{channel}: {_mail_problem(configured, error)}") from error
    except (OSError, requests.RequestException) as error:
        text = f"no connection to {_SERVICES[configured.kind]} ({type(error).__name__})"
        raise ChannelError(f"{channel}: {text}. Check {_setting(configured)}") from error
    except ValueError as error:  # an address or a header that cannot be written
        text = f"an address cannot be used ({type(error).__name__})"
        where = _setting(configured)
        raise ChannelError(f"{channel}: {text}. Check {where}", refused=True) from error


# -- what went wrong, and what to do -------------------------------------------------------

_SERVICES = {
    "email": "the mail server",
    "slack": "Slack",
    "teams": "Microsoft Teams",
    "webhook": "the webhook",
}
_LATER = "The message is sent again later"
_FOR_GOOD = 500  # codes of a mail server from here on are no passing trouble (RFC 5321, 4.2.1)


def _setting(channel: Channel) -> str:
    """Return the variable that holds where a channel sends to."""
    if channel.kind == "email":
        return "SMTP_URL"
    return "ALERT_WEBHOOK_URL" if channel.is_default else url_variable(channel.name)


def _meaning(channel: Channel, status: int) -> str:
    """Return what a status means for a channel, and what to do; "" for an unusual one."""
    where = _setting(channel)
    if 300 <= status < 400:
        return f"it redirects, which is not followed. Set {where} to the final address and restart"
    if status in (401, 403):
        return f"it refuses this address. Check the webhook there, or set a new one in {where}"
    if status in (404, 405, 410):
        return (
            "nothing receives messages at this address any more. "
            f"Create a new webhook, set its address in {where} and restart"
        )
    if status == 429:
        return f"it receives too many messages. {_LATER}"
    if status in _REFUSED:
        return "it does not accept this message. Other messages are still sent"
    if status >= 500:
        return f"it has a fault of its own. {_LATER}"
    return ""


def _mail_problem(channel: Channel, error: smtplib.SMTPException) -> str:
    table = "[alerts]" if channel.is_default else f"[alerts.channels.{channel.name}]"
    addresses = "email_to" if channel.is_default else "to"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "the mail server refuses the login. Check the name and password in SMTP_URL"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        answer, remedy = f"refuses every recipient ({codes[0]})", f"Check {addresses} in {table}"
    elif isinstance(error, smtplib.SMTPSenderRefused):
        codes = [error.smtp_code]
        answer, remedy = f"refuses the sender ({codes[0]})", "Check email_from in [alerts]"
    elif isinstance(error, smtplib.SMTPResponseException):
        codes = [error.smtp_code]
        answer, remedy = f"refuses the message ({codes[0]})", "Its log says why"
    else:
        return f"the mail server broke off ({type(error).__name__}). {_LATER}"
    return f"the mail server {answer}. {remedy if min(codes) >= _FOR_GOOD else _LATER}"


# -- email ---------------------------------------------------------------------------------


def _email(settings: Settings, channel: Channel, message: Message) -> None:
    mail = compose(settings, channel, message)
    with smtp.connected_to(settings.smtp_url) as client:
        refused = client.send_message(mail)
        if refused:
            log.warning(
                "%s: the mail server takes mail for %d of %d addresses only",
                channel.name, len(channel.to) - len(refused), len(channel.to),
            )  # fmt: skip


def compose(settings: Settings, channel: Channel, message: Message) -> EmailMessage:
    """Return an email, with plain text and HTML. The same message has the same Message-ID, by which
    mail readers tell that it came twice."""
    sender = settings.alerts.email_from or (settings.alerts.email_to or channel.to)[0]
    mail = EmailMessage(_SEVEN_BITS)
    mail["Subject"] = f"Phone Hygiene: {_CONTROL.sub(' ', message.title)[:120]}"
    mail["To"] = ", ".join(channel.to)
    mail["From"] = sender
    mail["Date"] = formatdate(localtime=False)
    identity = hashlib.sha256(f"{channel.name}\n{message.key}".encode()).hexdigest()[:32]
    mail["Message-ID"] = f"<{identity}@{sender.rpartition('@')[2].rstrip('>') or 'localhost'}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
    mail.set_content(plain(message))
    mail.add_alternative(html(message), subtype="html")
    return mail


# -- webhooks ------------------------------------------------------------------------------

_BODIES: dict[str, Callable[[Message], bytes]] = {
    # A JSON that chat tools show as it is (`text`), with the parts for others.
    "webhook": lambda message: json.dumps(message.as_json()).encode(),
    "slack": lambda message: json.dumps(slack(message)).encode(),
    "teams": lambda message: teams_format.encode(teams(message)),
}


def _post(channel: Channel, body: bytes) -> None:
    # A redirect could lead anywhere: what was set is what is called.
    headers = {"Content-Type": "application/json; charset=utf-8"}
    with session() as http, http.post(
        channel.url, data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False,
        stream=True,
    ) as answer:  # fmt: skip
        status = answer.status_code
        if 200 <= status < 300:
            return
        meaning = _meaning(channel, status)
        raise ChannelError(
            f"{channel.name}: {_SERVICES[channel.kind]} answered {status}{_word(answer)}"
            + (f": {meaning}" if meaning else ""),
            _wait(answer.headers.get("Retry-After")),
            refused=status in _REFUSED,
        )


def _wait(header: str | None) -> timedelta | None:
    seconds = retry_after(header)
    return None if seconds is None else timedelta(seconds=min(seconds, _LONGEST_REST))


def _word(answer: Any) -> str:
    """Return the one word with which a service says what was wrong; nothing else that it says."""
    text = answer.raw.read(_MOST_READ, decode_content=True).decode("utf-8", "replace").strip()
    return f" ({text})" if _WORD.fullmatch(text) else ""
