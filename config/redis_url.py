"""Complete REDIS_URL with explicit TLS options.

Clients treat a plain `rediss://` differently: redis-py checks the server's certificate, Celery
does not. So we put the options into the address, in a form that both understand, and every client
that is built from it behaves the same.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_SCHEMES = ("redis", "rediss", "redis+socket")
_CHECKS = {"required": "required", "none": "none"}
_HOSTNAME = {"true": "true", "false": "false"}


class RedisUrlError(ValueError):
    """The text says what to write instead."""


def explicit(url: str, cert_reqs: str = "") -> str:
    """Return the address with `ssl_cert_reqs` and `ssl_check_hostname`; raises `RedisUrlError`.

    `cert_reqs`: the default if the address says nothing; "" = the certificate is checked.

    >>> explicit("rediss://cache.example:6379/0")
    'rediss://cache.example:6379/0?ssl_cert_reqs=required&ssl_check_hostname=true'
    >>> explicit("rediss://cache.example?ssl_cert_reqs=CERT_NONE")
    'rediss://cache.example?ssl_cert_reqs=none&ssl_check_hostname=false'
    >>> explicit("redis://127.0.0.1/0")
    'redis://127.0.0.1/0'
    """
    try:
        parts = urlsplit(url)
        _port_number = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in _SCHEMES:
        raise RedisUrlError("write redis://HOST:PORT/0 or rediss://..., or leave it out")
    if parts.scheme != "rediss":
        return url
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    requirement = query.pop("ssl_cert_reqs", "") or cert_reqs or "required"
    check = _CHECKS.get(requirement.casefold().removeprefix("cert_"))
    if check is None:
        raise RedisUrlError(f"ssl_cert_reqs must be required or none (it says {requirement!r})")
    host = _HOSTNAME.get(query.pop("ssl_check_hostname", "true").casefold())
    if host is None:
        raise RedisUrlError("ssl_check_hostname must be true or false")
    ca = query.get("ssl_ca_certs", "")
    if ca and not Path(ca).is_file():
        raise RedisUrlError(f"ssl_ca_certs: there is no file {ca}")
    query |= {"ssl_cert_reqs": check, "ssl_check_hostname": "false" if check == "none" else host}
    return urlunsplit(parts._replace(query=urlencode(query, safe="/")))


def is_unchecked(url: str) -> bool:
    """Return whether the server's certificate at such an address is not checked."""
    query = dict(parse_qsl(urlsplit(url).query))
    return query.get("ssl_cert_reqs") == "none" or query.get("ssl_check_hostname") == "false"
