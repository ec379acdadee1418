"""Endpoints and vendors that answer whatever harms: slowly, without end, or nonsense.

Each is a bare socket that plays a script, so that no library of a server tidies it up.
"""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from config.events import EventSettings
from worker.events.outgoing import Attempt
from worker.events.sending import Sender, asked_wait
from worker.events.systems.base import NotNowError, VendorError
from worker.events.systems.client import VendorClient

SECRET = "whsec_" + "c2VjcmV0IG9mIDI0IGJ5dGVzIGxvbmc="
SECONDS = 1.0  # of the exchange
Play = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def peer(play: Play) -> Iterator[str]:
    """Yield the address of a server that reads a request and then plays."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            with suppress(OSError):
                connection, _ = listening.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(10)
            connection.recv(65536)
            play(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
        listening.close()


def says(*parts: bytes) -> Play:
    return lambda connection: connection.sendall(b"".join(parts))


def drips(text: bytes) -> Play:
    """Send a byte every now and then, each well within the time-out of a read."""

    def play(connection: socket.socket) -> None:
        for place in range(len(text)):
            connection.sendall(text[place : place + 1])
            time.sleep(0.3)

    return play


def without_end(head: bytes, part: bytes, pause: float = 0.0) -> Play:
    def play(connection: socket.socket) -> None:
        connection.sendall(head)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            connection.sendall(part)
            time.sleep(pause)

    return play


def post(url: str) -> Attempt:
    settings = EventSettings(timeout=timedelta(seconds=SECONDS), allow_addresses=("127.0.0.1",))
    sender = Sender(settings)
    try:
        return sender.send(f"{url}/hooks", "msg_1", b"{}", [SECRET])
    finally:
        sender.close()


def call(url: str) -> object:
    client = VendorClient(url, timedelta(seconds=SECONDS), lambda: datetime.now(UTC))
    try:
        return client.call("POST", "/list", json={}).data
    finally:
        client.close()


ENDLESS = [
    pytest.param(drips(OK * 9), id="a byte at a time"),
    pytest.param(without_end(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="interim answers"),
    pytest.param(without_end(b"", b"HTTP/1.1 102 Wait\r\n\r\n", 0.2), id="slow interim answers"),
    pytest.param(without_end(b"HTTP/1.1 200 OK\r\n", b"X-A: 1\r\n"), id="headers"),
    pytest.param(without_end(b"HTTP/1.1 200 OK\r\n", b"X-A: 1\r\n", 0.2), id="slow headers"),
    pytest.param(lambda _connection: time.sleep(20), id="silence"),
]


@pytest.mark.parametrize("play", ENDLESS)
class TestAnAnswerWithoutEnd:
    def test_of_an_endpoint_ends_in_time(self, play: Play) -> None:
        begun = time.monotonic()
        with peer(play) as url:
            attempt = post(url)
        assert not attempt.delivered
        assert time.monotonic() - begun < SECONDS + 2

    def test_of_a_vendor_ends_in_time(self, play: Play) -> None:
        begun = time.monotonic()
        with peer(play) as url, pytest.raises(NotNowError):
            call(url)
        assert time.monotonic() - begun < SECONDS + 2


class TestTheBodyOfAnAnswer:
    def test_is_not_waited_for_from_an_endpoint(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        begun = time.monotonic()
        with peer(without_end(head, b"5\r\nhello\r\n")) as url:
            assert post(url).delivered
        assert time.monotonic() - begun < SECONDS

    @pytest.mark.parametrize("pause", [0.0, 0.2])
    def test_without_end_ends_in_time_at_a_vendor(self, pause: float) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        part = b"10000\r\n" + b"[" * 65536 + b"\r\n" if not pause else b"1\r\n[\r\n"
        begun = time.monotonic()
        with peer(without_end(head, part, pause)) as url, pytest.raises(NotNowError):
            call(url)
        assert time.monotonic() - begun < SECONDS + 2

    @pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br", b"zstd"])
    def test_that_is_packed_is_not_unpacked(self, encoding: bytes) -> None:
        """A thousandth of its size: a limit that counts what arrives says nothing about it."""
        packed = gzip.compress(b" " * 50_000_000 + b"{}", 9)
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
        with peer(says(head % (encoding, len(packed)), packed)) as url:
            assert call(url) is None


NONSENSE = [
    b"", b"\x00" * 40, b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 200\r\nContent-Length: -1\r\n\r\n", b"HTTP/1.1 99 X\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nX-\xff: \xfe\r\n\r\n", b"HTTP/1.1 200 OK\r\n \r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    b"HTTP/1.1 999 X\r\n\r\n", b"HTTP/1.1 000 X\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("said", NONSENSE)
def test_nonsense_is_told_and_never_raised(said: bytes) -> None:
    with peer(says(said)) as url:
        assert not post(url).delivered
        with pytest.raises(VendorError):
            call(url)


SILLY_WAITS = [
    "-1", "0", "1e9", "99999999999999999999", "inf", "nan", "soon", "\u0663", "",
    "Mon, 01 Jan 99999999999 00:00:00 GMT", "Mon, 01 Jan 2026 00:00:00 +99999999999999",
    "Mon, 01 Jan 0001 00:00:00 +2359", "Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 99 Foo 2026",
]  # fmt: skip


@pytest.mark.parametrize("asked", SILLY_WAITS)
def test_no_wait_that_is_asked_for_stops_us(asked: str) -> None:
    wait = asked_wait(asked, datetime.now(UTC))
    assert wait is None or timedelta(seconds=1) <= wait <= timedelta(hours=1)
    head = f"HTTP/1.1 429 Wait\r\nRetry-After: {asked}\r\nContent-Length: 0\r\n\r\n".encode()
    with peer(says(head)) as url:
        assert (post(url).status, post(url).delivered) == (429, False)
        with pytest.raises(NotNowError, match="slow down"):
            call(url)


ERRORS_IN_200 = [
    b'{"error": "quota exceeded"}',
    b'{"error": {"code": 7, "message": "quota exceeded"}}',
    b'{"errors": [{"detail": "quota exceeded"}], "data": null}',
    b'{"errors": {"0": "quota exceeded"}}',
]


@pytest.mark.parametrize("body", ERRORS_IN_200)
@pytest.mark.parametrize("status", [200, 202])
def test_a_good_status_with_an_error_confirms_nothing(body: bytes, status: int) -> None:
    head = f"HTTP/1.1 {status} OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with peer(says(head, body)) as url, pytest.raises(NotNowError, match="answered with an error"):
        call(url)


@pytest.mark.parametrize("body", [b'{"error": null}', b'{"errors": []}', b'{"errors": ""}'])
def test_an_empty_error_is_none(body: bytes) -> None:
    with peer(says(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body)) as url:
        call(url)


def test_an_address_that_cannot_be_asked_for_is_told() -> None:
    for url in ("http://127.0.0.1:1/\x7f\x01", "http://127.0.0.1:99999", "http://[::1", "http://"):
        assert not post(url).delivered
