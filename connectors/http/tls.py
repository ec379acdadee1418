"""One TLS context for all connections of a process."""

from __future__ import annotations

import ssl
from functools import cache

import httpx2


@cache
def tls_context(trust_env: bool) -> ssl.SSLContext:
    """Return httpx's own context, which checks certificates and names; built once.

    Each `httpx2.Client` without one reads the list of certificate authorities again: some 30 ms of
    processor time. `trust_env`: as for the client, whether SSL_CERT_FILE and SSL_CERT_DIR count,
    which are read once.
    """
    return httpx2.create_ssl_context(trust_env=trust_env)
