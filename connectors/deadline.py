"""Give connections a deadline for a whole call.

The time-outs of urllib3 and requests apply to each read: a server that sends a byte now and then
can hold a call forever (requests' documentation, "Timeouts"; urllib3's, `Timeout.total`). Within
`whole_call`, each read of an answer, including its first line and headers, waits no longer than the
time left for the call. Sending and the TLS handshake need nothing extra: Python's time-out covers
the whole of each (documentation of `socket.sendall`; `ssl.SSLSocket.do_handshake`).

The deadline grows by a second for each `SLOWEST` bytes received, so that a large result has time.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, cast

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

SLOWEST: Final = 16 * 1024  # bytes a second that an answer must bring in the long run

# -- deadlines -----------------------------------------------------------------------------


class Deadline:
    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self.received = 0  # bytes

    @property
    def left(self) -> float:
        return self._until + self.received / SLOWEST - time.monotonic()


_deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def whole_call(seconds: float) -> Iterator[None]:
    """Within this, an answer must be complete within so many seconds. A read that would take longer
    raises `TimeoutError`, which HTTP clients report as a read time-out."""
    token = _deadline.set(Deadline(seconds))
    try:
        yield
    finally:
        _deadline.reset(token)


class _Clocked(io.RawIOBase):
    """A socket's file that keeps to a deadline. `each`: seconds that one read may take."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        self._raw, self._sock, self._deadline = raw, sock, deadline
        self._each = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline.left
        if left <= 0:
            raise TimeoutError("the answer did not come whole in time")
        self._sock.settimeout(left if self._each is None else min(self._each, left))
        count = cast("int | None", self._raw.readinto(buffer))
        self._deadline.received += count or 0
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


def clocked_file(sock: socket.socket) -> io.BufferedIOBase:
    """Return what `sock.makefile("rb")` does, within the deadline of the current call."""
    return cast(io.BufferedIOBase, _clocked(sock.makefile("rb"), sock))


def _clocked(file: Any, sock: socket.socket) -> Any:
    deadline = _deadline.get()
    return file if deadline is None else io.BufferedReader(_Clocked(file.detach(), sock, deadline))


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        self.fp = _clocked(self.fp, sock)


# -- pools of connections ------------------------------------------------------------------


class _Http(HTTPConnection):
    response_class = _Response

    def connect(self) -> None:
        with _marked():
            super().connect()


class _Https(HTTPSConnection):
    response_class = _Response

    def connect(self) -> None:
        with _marked():
            super().connect()


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https


_POOLS: Final = {"http": _HttpPool, "https": _HttpsPool}


def keep_deadlines(manager: urllib3.PoolManager) -> None:
    """Make the connections of a pool manager, which must be unused so far, keep to `whole_call`."""
    manager.pool_classes_by_scheme = _POOLS


class Adapter(HTTPAdapter):
    """For `requests`: connections that keep to `whole_call`."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        keep_deadlines(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **more)
        if proxy.lower().startswith("http"):  # one of SOCKS has pools of its own
            keep_deadlines(manager)
        return manager


def session() -> requests.Session:
    made = requests.Session()
    for scheme in ("https://", "http://"):
        made.mount(scheme, Adapter())
    return made


UNSENT: Final = "hygiene_unsent"


@contextmanager
def _marked() -> Iterator[None]:
    """Mark errors raised within this as raised before any of the request was sent."""
    try:
        yield
    except Exception as error:
        setattr(error, UNSENT, True)
        raise
