"""Give connections a deadline for a whole call.

The time-outs of urllib3 and requests apply to each read: a server that sends a byte now and then
can hold a call forever (requests' documentation, "Timeouts"; urllib3's, `Timeout.total`). Within
`whole_call`, each read of an answer, including its first line and headers, waits no longer than the
time left for the call. The same goes for finding the host's addresses and connecting to them.
Sending and the TLS handshake need nothing extra: Python's time-out covers the whole of each
(documentation of `socket.sendall`; `ssl.SSLSocket.do_handshake`).

The deadline grows by a second for each `SLOWEST` bytes received, so that a large result has time.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeVar, cast

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError
from urllib3.util.connection import allowed_gai_family

from connectors.http.resolving import addresses_of

T = TypeVar("T")
_SHORTEST: Final = 0.001  # seconds: 0 would mean "do not wait at all"
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
    """Require answers to be complete within so many seconds. A read that would take longer raises
    `TimeoutError`, which HTTP clients report as a read time-out."""
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
        seconds = self._deadline.left
        if seconds <= 0:
            raise TimeoutError("the answer was not complete in time")
        self._sock.settimeout(seconds if self._each is None else min(self._each, seconds))
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
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = _clocked(self.fp, sock)


# -- pools of connections ------------------------------------------------------------------


def connected(host: str, port: int, connect: Callable[[str, float | None], T]) -> T:
    """Look up a host and connect to the first of its addresses that answers, within the deadline of
    the current call. `connect(address, seconds)`: raises what `HTTPConnection` or `socket` raise;
    `seconds`: what is left of the call, None without a deadline. Raises `socket.gaierror`."""
    deadline = _deadline.get()
    if deadline is None or _is_address(host):
        return connect(host, None if deadline is None else max(_SHORTEST, deadline.left))
    problem: Exception | None = None
    for address in addresses_of(host, port, deadline.left, allowed_gai_family()):
        if (seconds := deadline.left) <= 0:
            break
        try:
            return connect(address, seconds)
        except (OSError, urllib3.exceptions.HTTPError) as error:
            problem = error
    raise problem or TimeoutError(f"there was no connection to {host} in time")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


class _InTime(HTTPConnection):
    """A connection that is made within the deadline of the current call. TLS still checks the name:
    only `_dns_host`, which urllib3 keeps for the look-up, is an address meanwhile."""

    def _new_conn(self) -> socket.socket:
        name, timeout = self._dns_host, self.timeout

        def connect(address: str, seconds: float | None) -> socket.socket:
            self._dns_host = address
            if seconds is not None and isinstance(timeout, int | float):
                self.timeout = min(timeout, seconds)
            try:
                return super(_InTime, self)._new_conn()
            finally:
                self._dns_host, self.timeout = name, timeout

        try:
            return connected(name, self.port or self.default_port, connect)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, str(error)) from error
        except UnicodeError:  # no name of a host: said as urllib3 says it
            return super()._new_conn()


class _Http(_InTime):
    response_class = _Response

    def connect(self) -> None:
        with _marked():
            super().connect()


class _Https(_InTime, HTTPSConnection):
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
    """An adapter for `requests` whose connections keep to `whole_call`."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        keep_deadlines(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if proxy.lower().startswith("http"):  # one of SOCKS has pools of its own
            keep_deadlines(manager)
        return manager


def session() -> requests.Session:
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, Adapter())
    return session


UNSENT: Final = "hygiene_unsent"


@contextmanager
def _marked() -> Iterator[None]:
    """Mark errors raised within this as raised before any of the request was sent."""
    try:
        yield
    except Exception as error:
        setattr(error, UNSENT, True)
        raise
