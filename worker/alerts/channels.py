"""Send alerts: by email (SMTP_URL) and by a webhook (ALERT_WEBHOOK_URL)."""

from __future__ import annotations

import smtplib
import socket
import ssl
from contextlib import suppress
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import requests

from config.settings import Settings
from connectors.http.deadline import clocked_file, connected, session, whole_call
from worker.alerts.rules import Alert

_TIMEOUT = 15.0  # seconds, for each step
_WHOLE = 60.0  # seconds, for all of it


class ChannelError(Exception):
    """An alert could not be sent. The text says why, without secrets."""


def channels(settings: Settings) -> list[str]:
    """Return the names of the channels that are set up."""
    found = []
    if settings.smtp_url and settings.alerts.email_to:
        found.append("email")
    if settings.alert_webhook_url:
        found.append("webhook")
    return found


def send(settings: Settings, channel: str, one: Alert) -> None:
    """Send an alert. Raises `ChannelError`."""
    link = f"{settings.public_url}{one.path}" if settings.public_url else one.path
    try:
        with whole_call(_WHOLE):
            if channel == "email":
                _email(settings, one, link)
            else:
                _webhook(settings.alert_webhook_url, one, link)
    except (OSError, smtplib.SMTPException, requests.RequestException) as error:
        raise ChannelError(f"{channel}: {type(error).__name__}") from error


class _Smtp(smtplib.SMTP):
    """An SMTP client that connects, and reads what a server says, within the deadline
    of the whole."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect, for smtplib. Its TLS checks the name that it was made with."""

        def connect(address: str, left: float | None) -> socket.socket:
            within = timeout if left is None else min(timeout, left)
            found: socket.socket = super(_Smtp, self)._get_socket(address, port, within)  # type: ignore[misc]
            return found

        return connected(host, port, connect)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = clocked_file(self.sock)
        return super().getreply()


class _SmtpTls(_Smtp, smtplib.SMTP_SSL):
    pass


def _email(settings: Settings, one: Alert, link: str) -> None:
    parts = urlsplit(settings.smtp_url)
    message = EmailMessage()
    message["Subject"] = f"Phone Hygiene: {one.text.splitlines()[0][:120]}"
    message["To"] = ", ".join(settings.alerts.email_to)
    message["From"] = settings.alerts.email_from or settings.alerts.email_to[0]
    message.set_content(f"{one.text}\n\n{link}\n")
    host = parts.hostname or ""
    loopback = host in ("127.0.0.1", "localhost", "::1")
    context = ssl.create_default_context()
    client: smtplib.SMTP
    if parts.scheme == "smtps":
        client = _SmtpTls(host, parts.port or 465, timeout=_TIMEOUT, context=context)
    else:
        client = _Smtp(host, parts.port or 587, timeout=_TIMEOUT)
    try:
        if parts.scheme == "smtp" and not loopback:
            client.starttls(context=context)  # refuses to go on without it
        if parts.username:
            client.login(unquote(parts.username), unquote(parts.password or ""))
        client.send_message(message)
    finally:
        # What was accepted is sent, however a server says goodbye.
        with suppress(smtplib.SMTPException, OSError):
            client.quit()
        client.close()


def _webhook(url: str, one: Alert, link: str) -> None:
    """Post a JSON that chat tools show as it is (`text`), with the parts for others."""
    body = {"text": f"{one.text} {link}", "kind": one.kind, "key": one.key, "link": link}
    # A redirect could lead anywhere: what was set is what is called.
    with session() as http:
        answer = http.post(url, json=body, timeout=_TIMEOUT, allow_redirects=False)
    if not 200 <= answer.status_code < 300:
        raise ChannelError(f"webhook: it answered {answer.status_code}")
