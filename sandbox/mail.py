"""A stand-in for a mail server that takes mail from a program: RFC 5321, and what goes with it.

It answers what the RFCs say, each code where it stands there:

- 220, 250, 354, 221, and 503 for commands in another order: RFC 5321, 4.2 and 4.3.2; 421 for a
  server that closes, at any moment: 3.8 and 4.2.3; 500 for a line over 1,000 octets: 4.5.3.1.6;
  550 for a line that ends in LF alone: 2.3.8, and what Postfix answers since "SMTP smuggling".
- 550 5.1.1 for an unknown mailbox, 452 4.2.2 for a full one: RFC 5321, 4.2.3; RFC 3463, 3.2, 3.3.
- 450 4.7.1 for a recipient who is not known here yet (greylisting): RFC 6647, 2 and 5.
- 552 5.3.4 for a message that is too big: RFC 1870, 6; 553 5.6.7 for an address beyond ASCII
  where SMTPUTF8 is not offered: RFC 6531, 3.5.
- 235, 334, 530 5.7.0, 535 5.7.8, 454 4.7.0 of AUTH: RFC 4954, 4 and 6; STARTTLS: RFC 3207, 4.

A connection may end at any moment. Where it ends after the end of the data and before the answer,
the client cannot know whether the message was taken (RFC 1047).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import BinaryIO

from sandbox.service import Fault

LOGIN, PASSWORD = "sandbox-mailer", "sandbox-mail-password"
_PATH = re.compile(rb"(?:FROM|TO):<([^<>]*)>(.*)", re.IGNORECASE | re.DOTALL)
_WORDS = {
    421: "4.3.2 Service not available, closing transmission channel",
    450: "4.7.1 Greylisted, please try again later",
    451: "4.3.0 Requested action aborted: local error in processing",
    452: "4.3.1 Insufficient system storage",
    454: "4.7.0 Temporary authentication failure",
    535: "5.7.8 Authentication credentials invalid",
    550: "5.1.1 Requested action not taken: mailbox unavailable",
    552: "5.2.2 Requested mail action aborted: exceeded storage allocation",
    554: "5.7.1 Transaction failed",
}


@dataclass(frozen=True, slots=True)
class TakenMail:
    """A message that the server has taken: its envelope, and what it says."""

    at: float  # by time.time()
    sender: str
    to: tuple[str, ...]
    message: EmailMessage
    raw: bytes


class MailServer:
    """A server at a port of its own, with a thread for each connection.

    `sent`: what was taken, in order. `refused`: who was refused by name, with the code.
    `unknown`, `full`: addresses that take nothing. `greylisted`: those that are refused once.
    `unanswered`: those whose mail is taken once, and the connection ended before the answer.
    `logins`: who may send; empty = anybody. `tls`: offers STARTTLS, and takes nothing without.
    `faults`: matched against the command ("MAIL FROM:<...>"), "CONNECT", or "END TO:<...>" once
    the data has ended. Of `Fault`, `status`, `delay`, `delay_after`, `drop` and `drop_after`.
    """

    max_line = 1000  # octets of a line with its end: RFC 5321, 4.5.3.1.6

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, logins: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self.logins = dict(logins or {})
        self.tls = tls
        self.takes_utf8 = False
        self.max_size = 10_000_000
        self.sent: list[TakenMail] = []
        self.refused: list[tuple[str, int]] = []
        self.counters: Counter[str] = Counter()
        self.faults: list[Fault] = []
        self.unknown: set[str] = set()
        self.full: set[str] = set()
        self.greylisted: set[str] = set()
        self.unanswered: set[str] = set()
        self.lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listening = socket.create_server((host, port))
        self.port: int = self._listening.getsockname()[1]
        self.url = f"smtp://{host}:{self.port}"
        threading.Thread(target=self._serve, daemon=True, name="mail").start()

    @property
    def url_with_login(self) -> str:
        user, password = next(iter(self.logins.items()))
        return self.url.replace("//", f"//{user}:{password}@")

    def stop(self) -> None:
        self._listening.close()
        with self.lock:
            for connection in self._sockets:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._connected, args=(connection,), daemon=True).start()

    def _connected(self, connection: socket.socket) -> None:
        with self.lock:
            self._sockets.add(connection)
        session = _Session(self, connection)
        try:
            session.speak()
        except (OSError, _HangUp):
            pass
        finally:
            with self.lock:
                self._sockets.discard(connection)
            session.close()

    # -- what it decides, for subclasses too ------------------------------------------------

    def at_sender(self, _address: str) -> str:
        """Return why a sender is refused, as an answer; "" if not."""
        return ""

    def at_recipient(self, address: str) -> str:
        """Return why a recipient is refused, as an answer; "" if not."""
        with self.lock:
            if address in self.unknown:
                return f"550 {_WORDS[550]}"
            if address in self.full:
                return "452 4.2.2 Mailbox full"
            if address in self.greylisted:
                self.greylisted.discard(address)
                return f"450 {_WORDS[450]}"
        return ""

    def at_message(self, message: EmailMessage) -> str:
        """Return why a message is refused, as an answer; "" if not."""
        required = ("From", "To", "Date", "Message-ID", "Subject")
        if any(message[name] is None for name in required):
            return "554 5.6.0 A header is missing"
        if message.defects or any(part.defects for part in message.walk()):
            return "554 5.6.0 Malformed message"
        return ""


class _HangUp(Exception):
    """The server ends the connection without a word."""


class _Session:
    """One connection: what was said so far."""

    def __init__(self, server: MailServer, connection: socket.socket) -> None:
        self._server = server
        self._connection = connection
        self._file: BinaryIO = connection.makefile("rb")
        self._is_encrypted = False
        self._user = ""
        self._sender: str | None = None
        self._recipients: list[str] = []

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
            self._connection.close()

    def speak(self) -> None:
        if not self._say(self._faulty("CONNECT", lambda: "220 mail.example ESMTP ready")):
            return
        while line := self._file.readline(8192):
            command = line.rstrip(b"\r\n")
            verb = command.partition(b" ")[0].upper().decode("ascii", "replace")
            self._server.counters[verb] += 1
            rest = command.partition(b" ")[2].decode("utf-8", "replace")
            if verb == "AUTH":  # a password is no part of a step's name
                rest = rest.partition(" ")[0]
            step = f"{verb} {rest}".strip()
            reply = self._faulty(step, lambda: self._carry_out(verb, command))  # noqa: B023
            self._note_refusal(verb, command, reply)
            if not self._say(reply) or verb == "QUIT":
                return
            if verb == "STARTTLS" and reply.startswith("220"):
                self._encrypt()
            if verb == "DATA" and reply.startswith("354") and not self._say(self._receive()):
                return

    def _say(self, text: str) -> bool:
        """Send an answer; return whether the conversation goes on after it."""
        self._connection.sendall(text.replace("\n", "\r\n").encode() + b"\r\n")
        return not text.startswith(("421", "554 5.3.2"))

    def _faulty(self, step: str, carry_out: Callable[[], str]) -> str:
        """Carry a step out, unless a fault is there for it; return the answer."""
        server, wait_after, hangs_up = self._server, 0.0, False
        for fault in list(server.faults):
            with server.lock:
                strikes = fault.strikes(step)
            if not strikes:
                continue
            if fault.kind == "status":
                return f"{fault.status} {fault.body or _WORDS.get(fault.status, 'Fault')}"
            if fault.kind == "drop":
                raise _HangUp
            if fault.kind == "delay":
                time.sleep(fault.seconds)
            elif fault.kind == "delay_after":
                wait_after = fault.seconds
            else:
                hangs_up = True
        reply = carry_out()
        time.sleep(wait_after)
        if hangs_up:
            raise _HangUp
        return reply

    def _note_refusal(self, verb: str, command: bytes, reply: str) -> None:
        if verb not in ("RCPT", "DATA", "END") or reply.startswith(("2", "3")):
            return
        addresses = [self._path(command)[0]] if verb == "RCPT" else self._recipients
        with self._server.lock:
            self._server.refused += [(address, int(reply[:3])) for address in addresses]

    def _carry_out(self, verb: str, command: bytes) -> str:
        known: dict[str, Callable[[bytes], str]] = {
            "EHLO": self._greet, "HELO": self._greet, "STARTTLS": self._start_tls,
            "AUTH": self._authenticate, "MAIL": self._mail, "RCPT": self._recipient,
            "DATA": self._data, "RSET": self._reset, "NOOP": lambda _command: "250 2.0.0 OK",
            "VRFY": lambda _command: "252 2.5.0 Cannot VRFY user",
            "QUIT": lambda _command: "221 2.0.0 Bye",
        }  # fmt: skip
        if verb not in known:
            return "500 5.5.2 Command unrecognized"
        if self._server.tls and not self._is_encrypted and verb in ("AUTH", "MAIL"):
            return "530 5.7.0 Must issue a STARTTLS command first"
        return known[verb](command)

    def _greet(self, command: bytes) -> str:
        self._reset(command)
        if command[:4].upper() == b"HELO":
            return "250 mail.example"
        lines = ["mail.example", f"SIZE {self._server.max_size}", "ENHANCEDSTATUSCODES"]
        if self._server.takes_utf8:
            lines += ["8BITMIME", "SMTPUTF8"]
        if self._server.tls and not self._is_encrypted:
            lines.append("STARTTLS")
        elif self._server.logins:
            lines.append("AUTH PLAIN LOGIN")
        return "\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"])

    def _start_tls(self, _command: bytes) -> str:
        if not self._server.tls or self._is_encrypted:
            return "502 5.5.1 Command not implemented"
        return "220 2.0.0 Ready to start TLS"

    def _encrypt(self) -> None:
        assert self._server.tls is not None
        self._file.close()
        self._connection = self._server.tls.wrap_socket(self._connection, server_side=True)
        self._file = self._connection.makefile("rb")
        self._is_encrypted = True
        self._user, self._sender = "", None  # RFC 3207, 4.2: what was said before is forgotten

    def _authenticate(self, command: bytes) -> str:
        words = command.decode("ascii", "replace").split()
        mechanism = words[1].upper() if len(words) > 1 else ""
        if self._user:
            return "503 5.5.1 Already authenticated"
        try:
            if mechanism == "PLAIN":
                given = _decoded(words[2] if len(words) > 2 else self._challenge(""))
                _, user, password = given.split("\0")
            elif mechanism == "LOGIN":
                user = _decoded(words[2] if len(words) > 2 else self._challenge("Username:"))
                password = _decoded(self._challenge("Password:"))
            else:
                return "504 5.5.4 Unrecognized authentication type"
        except (ValueError, binascii.Error):
            return "501 5.5.2 Cannot decode response"
        if self._server.logins.get(user) != password:
            return f"535 {_WORDS[535]}"
        self._user = user
        return "235 2.7.0 Authentication successful"

    def _challenge(self, text: str) -> str:
        self._say(f"334 {base64.b64encode(text.encode()).decode()}")
        return self._file.readline(8192).decode("ascii", "replace").strip()

    def _mail(self, command: bytes) -> str:
        if self._server.logins and not self._user:
            return "530 5.7.0 Authentication required"
        if self._sender is not None:
            return "503 5.5.1 Nested MAIL command"
        address, refusal = self._path(command)
        refusal = refusal or self._server.at_sender(address)
        if not refusal:
            self._sender = address
        return refusal or "250 2.1.0 Sender OK"

    def _recipient(self, command: bytes) -> str:
        if self._sender is None:
            return "503 5.5.1 Need MAIL command"
        address, refusal = self._path(command)
        refusal = refusal or self._server.at_recipient(address)
        if not refusal:
            self._recipients.append(address)
        return refusal or "250 2.1.5 Recipient OK"

    def _path(self, command: bytes) -> tuple[str, str]:
        """Return the address of a path, and why it is refused."""
        path = _PATH.fullmatch(command.partition(b" ")[2].strip())
        if path is None:
            return "", "501 5.5.4 Syntax error in parameters"
        address, rest = path[1].decode("utf-8", "replace"), path[2].upper()
        if not address.isascii() and not (self._server.takes_utf8 and self._utf8(rest)):
            return address, "553 5.6.7 Address needs SMTPUTF8"
        size = re.search(rb"SIZE=(\d+)", rest)
        if size is not None and int(size[1]) > self._server.max_size:
            return address, "552 5.3.4 Message too big for system"
        return address, ""

    def _utf8(self, parameters: bytes) -> bool:
        return b"SMTPUTF8" in parameters or self._sender is not None

    def _data(self, _command: bytes) -> str:
        if not self._recipients:
            return "503 5.5.1 Need RCPT command"
        return "354 Start mail input; end with <CRLF>.<CRLF>"

    def _reset(self, _command: bytes) -> str:
        self._sender, self._recipients = None, []
        return "250 2.0.0 OK"

    def _receive(self) -> str:
        """Read the data to its end, and take the message, or say why not."""
        raw, problem = b"", ""
        while (line := self._file.readline()) != b".\r\n":
            if not line:
                raise _HangUp  # RFC 5321, 3.8: what is not complete was not sent
            if len(line) > self._server.max_line:
                problem = "500 5.5.2 Line too long"
            elif not line.endswith(b"\r\n") or b"\r" in line[:-2]:
                problem = "550 5.5.2 Bare <LF> or <CR> received"
            elif not self._server.takes_utf8 and not line.isascii():
                problem = "554 5.6.1 Message is not of seven bits"
            raw += line.removeprefix(b".")
        addresses = "> TO:<".join(self._recipients)
        reply = self._faulty(f"END TO:<{addresses}>", lambda: self._take(raw, problem))
        self._note_refusal("END", b"", reply)
        with self._server.lock:
            if lost := self._server.unanswered.intersection(self._recipients):
                self._server.unanswered -= lost
                raise _HangUp
        self._reset(b"")
        return reply

    def _take(self, raw: bytes, problem: str) -> str:
        message = message_from_bytes(raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        if len(raw) > self._server.max_size:
            problem = problem or "552 5.3.4 Message too big for system"
        if problem := problem or self._server.at_message(message):
            return problem
        taken = TakenMail(
            time.time(), self._sender or "", tuple(self._recipients), message, raw
        )  # fmt: skip
        with self._server.lock:
            self._server.sent.append(taken)
        return "250 2.0.0 OK: queued"


def _decoded(text: str) -> str:
    return base64.b64decode(text, validate=True).decode()
