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


def transport(verify: SSLContext, connections: int | None = None) -> httpx2.BaseTransport:
    """Return a transport for `httpx2.Client` whose connections keep to `whole_exchange`, and use no
    proxy of this machine. `connections`: at the same time; None: as many as are needed."""
    pool = httpcore2.ConnectionPool(
        ssl_context=verify, max_connections=connections, max_keepalive_connections=connections,
        network_backend=_Backend(),
    )  # fmt: skip
    return _Transport(pool)


class _Transport(httpx2.BaseTransport):
    """What `httpx2.HTTPTransport` does, over a pool that it cannot be given: its own takes no
    network backend."""

    def __init__(self, pool: httpcore2.ConnectionPool) -> None:
        self._connections = pool

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        assert isinstance(request.stream, httpx2.SyncByteStream)
        url = httpcore2.URL(
            scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port,
            target=request.url.raw_path,
        )  # fmt: skip
        sent = httpcore2.Request(
            request.method, url, headers=request.headers.raw, content=request.stream,
            extensions=request.extensions,
        )  # fmt: skip
        with _as_httpx():
            answer = self._connections.handle_request(sent)
        return httpx2.Response(
            answer.status, headers=answer.headers, stream=_Body(answer),
            extensions=answer.extensions,
        )  # fmt: skip

    def close(self) -> None:
        self._connections.close()


class _Body(httpx2.SyncByteStream):
    def __init__(self, answer: httpcore2.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


# Each error of httpcore2 that httpx2 has under the same name, the particular ones first.
_ERRORS: tuple[tuple[type[Exception], type[httpx2.TransportError]], ...] = (
    (httpcore2.ConnectTimeout, httpx2.ConnectTimeout),
    (httpcore2.ReadTimeout, httpx2.ReadTimeout),
    (httpcore2.WriteTimeout, httpx2.WriteTimeout),
    (httpcore2.PoolTimeout, httpx2.PoolTimeout),
    (httpcore2.TimeoutException, httpx2.TimeoutException),
    (httpcore2.ConnectError, httpx2.ConnectError),
    (httpcore2.ReadError, httpx2.ReadError),
    (httpcore2.WriteError, httpx2.WriteError),
    (httpcore2.NetworkError, httpx2.NetworkError),
    (httpcore2.ProxyError, httpx2.ProxyError),
    (httpcore2.UnsupportedProtocol, httpx2.UnsupportedProtocol),
    (httpcore2.LocalProtocolError, httpx2.LocalProtocolError),
    (httpcore2.RemoteProtocolError, httpx2.RemoteProtocolError),
    (httpcore2.ProtocolError, httpx2.ProtocolError),
)


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Raise what httpx2 raises for an error of httpcore2."""
    try:
        yield
    except Exception as error:
        for raised, meant in _ERRORS:
            if isinstance(error, raised):
                raise meant(str(error)) from error
        raise


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
