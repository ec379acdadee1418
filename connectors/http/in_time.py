"""Give connections of httpx2 a deadline for a whole exchange.

Its time-outs apply to each read, so that a peer that sends a byte now and then, or one interim
answer (100 Continue) after the other, holds a thread for ever. Within `whole_exchange`, connecting,
sending and each read wait no longer than what is left of the exchange, however much arrives.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ssl import SSLContext
from typing import Any

import httpcore2
import httpx2

_until: ContextVar[float | None] = ContextVar("until", default=None)


@contextmanager
def whole_exchange(seconds: float) -> Iterator[None]:
    """Require an exchange to be over within so many seconds; else httpx2 raises its time-outs."""
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def transport(verify: SSLContext, connections: int | None = None) -> httpx2.HTTPTransport:
    """Return a transport for `httpx2.Client` whose connections keep to `whole_exchange`, and use no
    proxy of this machine. `connections`: at the same time; None: as many as are needed."""
    made = httpx2.HTTPTransport(verify=verify, trust_env=False)
    made._pool.close()
    made._pool = httpcore2.ConnectionPool(
        ssl_context=verify, max_connections=connections, max_keepalive_connections=connections,
        network_backend=_Backend(),
    )  # fmt: skip
    return made


def _left(timeout: float | None, error: type[Exception]) -> float | None:
    """Return how long to wait now. Raises `error` where no time is left."""
    until = _until.get()
    if until is None:
        return timeout
    left = until - time.monotonic()
    if left <= 0:
        raise error("the exchange was not over in time")
    return left if timeout is None else min(left, timeout)


class _Backend(httpcore2.NetworkBackend):
    def __init__(self) -> None:
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None,
        local_address: str | None = None, socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:  # fmt: skip
        seconds = _left(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._plain.connect_tcp(host, port, seconds, local_address, socket_options))


class _Stream(httpcore2.NetworkStream):
    def __init__(self, plain: httpcore2.NetworkStream) -> None:
        self._plain = plain

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._plain.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._plain.write(buffer, _left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._plain.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:  # fmt: skip
        seconds = _left(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._plain.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        return self._plain.get_extra_info(info)
