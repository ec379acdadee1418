"""The mail server answers as the RFCs say that a mail server does."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from tls import Ca

from sandbox.mail import LOGIN, PASSWORD, MailServer
from sandbox.service import Fault

KIM = "kim@example.com"


@pytest.fixture
def server() -> Iterator[MailServer]:
    running = MailServer()
    yield running
    running.stop()


def client_of(server: MailServer) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", server.port, timeout=5)


def mail(text: str = "How are you?") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "us@example.com", KIM, "Hello"
    message["Date"], message["Message-ID"] = "Sun, 29 Nov 2026 12:00:00 +0000", "<1@example.com>"
    message.set_content(text)
    return message


def code_of(server: MailServer, *commands: str) -> int:
    """Return the code of the last of some commands."""
    with client_of(server) as client:
        replies = [client.docmd(command) for command in commands]
    return replies[-1][0]


def test_a_message_is_taken_as_it_was_sent(server: MailServer) -> None:
    with client_of(server) as client:
        client.send_message(mail("A line.\n.\n..and the end"))
    [taken] = server.sent
    assert taken.to == (KIM,)
    assert taken.sender == "us@example.com"
    assert taken.message.get_content().splitlines() == ["A line.", ".", "..and the end"]


@pytest.mark.parametrize(
    ("commands", "code"),
    [
        (("RCPT TO:<a@example.com>",), 503),
        (("DATA",), 503),
        (("MAIL FROM:<a@example.com>", "MAIL FROM:<a@example.com>"), 503),
        (("MAIL FROM:<a@example.com>", "RSET", "RCPT TO:<b@example.com>"), 503),
        (("MAIL a@example.com",), 501),
        (("SEND hello",), 500),
        (("VRFY kim",), 252),
        (("MAIL FROM:<a@example.com> SIZE=99999999",), 552),
        (("STARTTLS",), 502),
    ],
)
def test_commands_out_of_order_are_refused(
    server: MailServer, commands: tuple[str, ...], code: int
) -> None:
    assert code_of(server, "EHLO x.example", *commands) == code


def test_an_address_beyond_ascii_needs_smtputf8(server: MailServer) -> None:
    with (
        socket.create_connection(("127.0.0.1", server.port), 5) as raw,
        raw.makefile("rwb") as file,
    ):
        file.readline()
        file.write("MAIL FROM:<жим@example.com>\r\n".encode())
        file.flush()
        assert file.readline().startswith(b"553 5.6.7")


@pytest.mark.parametrize(
    ("line", "answer"),
    [(b"x" * 999 + b"\r\n", b"500"), (b"x\n.\n", b"550"), ("ж\r\n".encode(), b"554")],
    ids=["too long", "no CR", "eight bits"],
)
def test_data_that_is_no_mail_is_refused(server: MailServer, line: bytes, answer: bytes) -> None:
    with (
        socket.create_connection(("127.0.0.1", server.port), 5) as raw,
        raw.makefile("rwb") as file,
    ):
        file.write(b"HELO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")
        file.write(mail().as_bytes().replace(b"\n", b"\r\n") + line + b".\r\n")
        file.flush()
        replies = [file.readline() for _ in range(6)]
    assert replies[-1].startswith(answer)
    assert server.sent == []
    assert server.refused == [("b@example.com", int(answer))]


def test_recipients_are_refused_by_name(server: MailServer) -> None:
    server.unknown, server.full, server.greylisted = {"a@x.example"}, {"b@x.example"}, {KIM}
    for address, code in (("a@x.example", 550), ("b@x.example", 452), (KIM, 450), (KIM, 250)):
        path = ("MAIL FROM:<us@example.com>", f"RCPT TO:<{address}>")
        assert code_of(server, "EHLO x", *path) == code
    assert server.refused == [("a@x.example", 550), ("b@x.example", 452), (KIM, 450)]


@pytest.mark.parametrize(("kind", "taken"), [("drop", 0), ("drop_after", 1)])
def test_a_connection_may_end_before_the_answer_and_the_mail_be_taken_or_not(
    server: MailServer, kind: str, taken: int
) -> None:
    server.faults.append(Fault("^END", kind))
    with pytest.raises(smtplib.SMTPServerDisconnected), client_of(server) as client:
        client.send_message(mail())
    assert len(server.sent) == taken


def test_mail_may_be_taken_without_an_answer_once(server: MailServer) -> None:
    server.unanswered = {KIM}
    with pytest.raises(smtplib.SMTPServerDisconnected), client_of(server) as client:
        client.send_message(mail())
    with client_of(server) as client:
        client.send_message(mail())
    assert len(server.sent) == 2


def test_a_server_that_closes_says_so_and_does(server: MailServer) -> None:
    server.faults.append(Fault("^MAIL", "status", status=421))
    with pytest.raises(smtplib.SMTPSenderRefused), client_of(server) as client:
        client.send_message(mail())
    assert server.sent == []


def test_who_may_send_logs_in(server: MailServer) -> None:
    server.logins = {LOGIN: PASSWORD}
    assert code_of(server, "EHLO x", "MAIL FROM:<a@example.com>") == 530
    for mechanism in ("plain", "login"):
        with client_of(server) as client:
            client.ehlo()
            client.user, client.password = LOGIN, PASSWORD
            code, _text = client.auth(mechanism, getattr(client, f"auth_{mechanism}"))
            assert code == 235
    with client_of(server) as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login(LOGIN, "wrong")


def test_nothing_is_taken_before_tls_where_it_is_offered(tmp_path: Path) -> None:
    ca = Ca(tmp_path)
    server = MailServer(logins={LOGIN: PASSWORD}, tls=ca.context())
    try:
        assert code_of(server, "EHLO x", "MAIL FROM:<a@example.com>") == 530
        with client_of(server) as client:
            client.starttls(context=ssl.create_default_context(cafile=str(ca.path)))
            client.login(LOGIN, PASSWORD)
            client.send_message(mail())
        assert len(server.sent) == 1
    finally:
        server.stop()
