"""Settings of `[events]`: endpoints that events are sent to, and how."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from config.event_names import WEBHOOK, EventName
from config.plugins import systems
from config.section import Duration, Section

# A variable of a system with such an end holds a secret, and may stand in a file (NAME_FILE).
SECRET_ENDS: Final = ("_KEY", "_SECRET", "_TOKEN", "_JWT", "_PASSWORD")
# Where an address outside of `allow_addresses` is plain http.
PLAIN_HTTP: Final = (
    "plain http would show numbers to the network: use https, or add the address to "
    "events.allow_addresses"
)
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
KEPT_FOR_AT_LEAST: Final = timedelta(days=366)  # a cursor of the feed lasts for a year


def _as_network(value: object) -> object:
    """Take 127.0.0.1:8080 and localhost for what people mean by them."""
    return "127.0.0.0/8" if value == "localhost" else value


Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_as_network)]


class EndpointSettings(Section):
    """An endpoint, `[events.endpoints.NAME]`.

    A webhook has a `url`, and its secret comes from the environment: `secret_variable(NAME)`. Any
    other `kind` is a system, whose address and credentials come from the environment.
    """

    kind: str = WEBHOOK
    url: str = ""
    events: tuple[EventName, ...] = ()  # (): all
    hash_numbers: bool = False  # send a keyed hash instead of the number


class EventSettings(Section):
    """How events leave for other systems."""

    # Networks inside which endpoints may be: by default none that is not on the public internet.
    allow_addresses: tuple[Network, ...] = ()
    timeout: Duration = timedelta(seconds=15)
    connections: int = Field(4, ge=1, le=32)  # to one endpoint at the same time
    keep: Duration = timedelta(days=400)  # how long the log is kept
    endpoints: dict[str, EndpointSettings] = Field({})  # by name

    @property
    def kinds(self) -> set[str]:
        """Return the systems among the endpoints."""
        return {endpoint.kind for endpoint in self.endpoints.values()} - {WEBHOOK}


def secret_variable(endpoint: str) -> str:
    """Return the environment variable of an endpoint's secret.

    >>> secret_variable("dialer-eu")
    'EVENT_ENDPOINT_DIALER_EU_SECRET'
    """
    return f"EVENT_ENDPOINT_{endpoint.upper().replace('-', '_')}_SECRET"


def variable_prefix(kind: str) -> str:
    """Return how the environment variables of a kind of system begin.

    >>> variable_prefix("acme-dialer")
    'ACME_DIALER_'
    """
    return f"{kind.upper().replace('-', '_')}_"


def name_problem(name: str) -> str:
    """Return what is wrong with the name of an endpoint; "" if it is good."""
    if _NAME.fullmatch(name):
        return ""
    return "use a-z, 0-9 and -, at most 32 of them, a letter first"


def url_problem(url: str) -> str:
    """Return what is wrong with the address of an endpoint; "" if it is good as far as anybody can
    see without asking for it."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "not an address; write one like https://dialer.example.com/hooks/hygiene"
    if parts.scheme not in ("http", "https") or not host:
        return "not an address; write one like https://dialer.example.com/hooks/hygiene"
    if parts.username or parts.password:
        return "it holds a password; the signature tells the endpoint who calls"
    if len(url) > 500:
        return "longer than 500 characters"
    return ""


def is_allowed(
    address: IPv4Address | IPv6Address, allowed: Sequence[IPv4Network | IPv6Network]
) -> bool:
    """Return whether an address is in one of these networks, also one of IPv4 inside IPv6."""
    plain = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any((plain or address) in network for network in allowed)


def plain_http_problem(url: str, allowed: Sequence[IPv4Network | IPv6Network]) -> str:
    """Return why no event would be sent to an address by plain http, as far as anybody can see
    without asking for its name; "" if that is not seen. `allowed`: `allow_addresses`."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        return ""
    try:
        address = ip_address(parts.hostname or "")
    except ValueError:  # a name, which may lead into one of the networks
        return "" if allowed else PLAIN_HTTP
    return "" if is_allowed(address, allowed) else PLAIN_HTTP


def check(settings: EventSettings, secrets: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each mistake. `secrets`: those in the environment, by variable."""
    if timedelta(0) < settings.keep < KEPT_FOR_AT_LEAST:
        yield "events.keep: a cursor of the feed lasts for a year; write at least 366d, or 0d"
    for name, endpoint in settings.endpoints.items():
        where = f"events.endpoints.{name}"
        if problem := name_problem(name):
            yield f"{where}: {problem}"
            continue
        if endpoint.kind != WEBHOOK:
            yield from _system_problems(where, endpoint)
            continue
        problem = url_problem(endpoint.url)
        if problem := problem or plain_http_problem(endpoint.url, settings.allow_addresses):
            yield f"{where}.url: {problem}"
        if not secrets.get(secret_variable(name)):
            form = "whsec_ and 24 to 64 random bytes in base64"
            yield f"{secret_variable(name)}: missing; {where} needs it ({form})"
    known = {
        secret_variable(name): name
        for name, endpoint in settings.endpoints.items()
        if endpoint.kind == WEBHOOK
    }
    for variable in secrets:
        if variable not in known:
            names = ", ".join(known) or "none"
            yield f"{variable}: [events.endpoints] has no endpoint of this name (known: {names})"


def _system_problems(where: str, endpoint: EndpointSettings) -> Iterator[str]:
    if endpoint.kind not in systems():
        known = ", ".join((WEBHOOK, *systems()))
        yield f"{where}.kind: there is no system {endpoint.kind!r} (known: {known})"
    for name in ("url", "events", "hash_numbers"):
        if getattr(endpoint, name):
            yield f"{where}.{name}: it is for webhooks; leave it out"
