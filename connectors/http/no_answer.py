"""Explain why a call got no answer: by an error that may pass, or by a permanent one.

A handshake that is cut off does not mean a bad certificate: proxies in front of a service cut one
now and then (hubspot-api-python issue 380). Python tells the two apart: `ssl` raises
`SSLCertVerificationError` for a certificate that was checked and refused.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Final, Literal

import requests
import urllib3

from connectors.errors import ConnectorError
from connectors.http.client import RetryableError
from connectors.http.deadline import UNSENT

PROXY_LOGIN: Final = (
    "the proxy requires a login (HTTP 407): put the user and password into HTTPS_PROXY "
    "(http://USER:PASSWORD@HOST:PORT)"
)

Tls = Literal["untrusted", "none", "broken"]
# What OpenSSL says of an answer that is no TLS at all; the last ones by version.
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNKNOWN_PROTOCOL")


def causes(error: BaseException) -> Iterator[BaseException]:
    """Return an error and all the errors that caused it: clients wrap them in several ways."""
    todo: list[BaseException] = [error]
    seen: set[int] = set()
    while todo:
        cause = todo.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = (cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args)
        todo += [other for other in inner if isinstance(other, BaseException)]


def never_sent(error: BaseException) -> bool:
    """Return whether there was no connection yet, so that nothing can have been carried out."""
    return any(getattr(cause, UNSENT, False) for cause in causes(error))


def is_late(error: BaseException) -> bool:
    kinds = (TimeoutError, urllib3.exceptions.TimeoutError, requests.exceptions.Timeout)
    return any(isinstance(cause, kinds) for cause in causes(error))


def tls_problem(error: BaseException) -> tuple[Tls, str] | None:
    """Return what went wrong with TLS, with OpenSSL's word for it; None if it was
    something else.

    `untrusted`: the certificate was checked and refused. `none`: the server speaks no TLS.
    `broken`: a handshake or a connection was cut, or refused by the other side; that may pass.
    """
    ssl_errors = [cause for cause in causes(error) if isinstance(cause, ssl.SSLError)]
    for ssl_error in ssl_errors:
        if isinstance(ssl_error, ssl.SSLCertVerificationError):
            return "untrusted", str(getattr(ssl_error, "verify_message", "") or ssl_error)
    for ssl_error in ssl_errors:
        reason = str(ssl_error.reason or "")
        if reason in _NO_TLS:
            return "none", reason
    for ssl_error in ssl_errors:
        return "broken", str(ssl_error.reason or type(ssl_error).__name__)
    broken = any(isinstance(cause, urllib3.exceptions.SSLError) for cause in causes(error))
    return ("broken", "no reason given") if broken else None


def explain(name: str, error: BaseException, address: str) -> ConnectorError | RetryableError:
    """Explain to an operator why a call got no answer: by an error that may pass, or by a permanent
    one.

    `name`: the connector's. `address`: what was called.
    """
    if (tls := tls_problem(error)) is not None:
        kind, reason = tls
        if kind == "untrusted":
            return ConnectorError(
                f"{name}: the certificate is not trusted ({address}: {reason}); if a proxy of "
                "yours opens TLS, set REQUESTS_CA_BUNDLE and SSL_CERT_FILE to its CA"
            )
        if kind == "none":
            return ConnectorError(
                f"{name}: {address} does not use TLS ({reason}); is it the port of plain http, or "
                "of a proxy? See the address in the settings, and HTTPS_PROXY"
            )
        return _cut(f"the TLS connection to {address} broke ({reason})", error)
    text = " ".join(map(str, causes(error))).lower()
    if "407" in text and "tunnel" in text:
        return ConnectorError(f"{name}: {PROXY_LOGIN}")
    if is_late(error):
        return _cut(f"no answer from {address} in time", error)
    if "refused" in text or "resolve" in text or "name or service" in text:
        return RetryableError(f"nothing answers at {address}; is the address right?", rejected=True)
    return _cut(f"the connection to {address} broke", error)


def _cut(reason: str, error: BaseException) -> RetryableError:
    unsent = never_sent(error)
    return RetryableError(reason, unanswered=not unsent, rejected=unsent)
