"""Connect to the mail server of SMTP_URL, encrypted, within the deadline of the whole call."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import unquote, urlsplit

from connectors.http.deadline import clocked_file, connected

_TIMEOUT = 15.0  # seconds, for each step
# For the answer to the data: a server that looks into messages before it takes them needs longer.
# RFC 5321, 4.5.3.2.6 has ten minutes; the deadline of the whole call may be shorter.
_DATA_TIMEOUT = 60.0
_READY_FOR_DATA = 354


class Client(smtplib.SMTP):
    """An SMTP client that connects, and reads what a server says, within the deadline
    of the whole. `data_begun`: whether the server was ready for a message: from then on, one whose
    answer is lost may have been taken. Before, none was (RFC 5321, 4.1.1.4)."""

    data_begun = False

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect, for smtplib. Its TLS checks the name that it was made with."""

        def connect(address: str, remaining: float | None) -> socket.socket:
            within = timeout if remaining is None else min(timeout, remaining)
            connection: socket.socket = super(Client, self)._get_socket(address, port, within)  # type: ignore[misc]
            return connection

        return connected(host, port, connect)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = clocked_file(self.sock)
        reply = super().getreply()
        if reply[0] == _READY_FOR_DATA and self.sock is not None:
            self.data_begun = True
            self.sock.settimeout(_DATA_TIMEOUT)
            self.file = None  # it has the former time-out
        return reply


class _TlsClient(Client, smtplib.SMTP_SSL):
    pass


@contextmanager
def connected_to(smtp_url: str) -> Iterator[Client]:
    """Yield a client that is connected, encrypted (but for this machine) and logged in. Raises
    `OSError` and `SMTPException`."""
    parts = urlsplit(smtp_url)
    host = parts.hostname or ""
    loopback = host in ("127.0.0.1", "localhost", "::1")
    context = ssl.create_default_context()
    client: Client
    if parts.scheme == "smtps":
        client = _TlsClient(host, parts.port or 465, timeout=_TIMEOUT, context=context)
    else:
        client = Client(host, parts.port or 587, timeout=_TIMEOUT)
    try:
        if parts.scheme == "smtp" and not loopback:
            client.starttls(context=context)  # refuses to go on without it
        if parts.username:
            client.login(unquote(parts.username), unquote(parts.password or ""))
        yield client
    finally:
        # What was accepted is sent, however a server says goodbye.
        with suppress(smtplib.SMTPException, OSError):
            client.quit()
        client.close()
