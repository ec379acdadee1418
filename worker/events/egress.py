"""Connect to endpoints on the public internet only, but for networks that the operator allows.

An address that people enter could lead to a database or a cloud's metadata service inside our own
network. So the name is resolved here, each address is checked, and the connection goes to the
checked address: a name that resolves differently a moment later leads nowhere else.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

from config.events import PLAIN_HTTP, is_allowed
from connectors.http.resolving import addresses_of

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]
Resolve = Callable[[str, int], Sequence[str]]

_SOON = 3.0  # seconds that a person waits for a name server

# Addresses of IPv6 in which one of IPv4 is reached: RFC 6052, NAT64.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# RFC 5214, ISATAP: the middle of an address whose last 32 bits are one of IPv4.
_ISATAP = (0x00005EFE, 0x02005EFE)
# What Python's own table does not have, or not in each version since 3.11, of IANA's registries
# (https://www.iana.org/assignments/iana-ipv4-special-registry and .../iana-ipv6-special-registry):
# protocol assignments, in which clouds have kept metadata (192.0.0.192); 6to4, which reaches any
# address of IPv4 (RFC 3056), and its relays, deprecated by RFC 7526; documentation, RFC 9637. And
# site-local addresses, deprecated by RFC 3879.
_ALSO_INSIDE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)


class EgressRefusedError(Exception):
    """The address must not be called; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect to. `host`: as in the address, for the Host header and the certificate."""

    scheme: str
    host: str
    port: int
    address: str
    path: str

    @property
    def url(self) -> str:
        literal = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{literal}:{self.port}{self.path}"

    @property
    def host_header(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"http": 80, "https": 443}[self.scheme]
        return name if self.port == usual else f"{name}:{self.port}"


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host, as the machine's resolver gives them. Raises `OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def resolve_soon(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host, for somebody who waits. Raises `OSError`, also where the
    machine's resolver does not answer within 3 seconds."""
    return addresses_of(host, port, _SOON)


def no_address(error: OSError) -> str:
    """Say that a name has no address, and why."""
    return f"its name has no address ({error.strerror or 'lookup failed'})"


def check(url: str, allowed: Networks, lookup: Resolve = resolve) -> Target:
    """Return where to connect to. Raises `EgressRefusedError`, or `OSError` if the name has no
    address.

    All addresses of the name must be good, so that nobody hides a bad one among others.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in lookup(host, port)]
    if not addresses:
        raise EgressRefusedError(f"{host} has no address")
    inside = [address for address in addresses if is_inside(address)]
    for address in inside:
        if not is_allowed(address, allowed):
            raise EgressRefusedError(
                f"{_named(host, address)} not on the public internet; if that is meant, add it to "
                f'events.allow_addresses ("{address}")'
            )
    if parts.scheme == "http" and not all(is_allowed(address, allowed) for address in addresses):
        raise EgressRefusedError(PLAIN_HTTP)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, str(addresses[0]), path)


def _named(host: str, address: Address) -> str:
    return f"{host} is" if host == str(address) else f"{host} is {address}, which is"


def is_inside(address: Address) -> bool:
    """Return whether an address is anything but a public one, also one inside another."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is None and (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_inside(inner)
    if any(address in network for network in _ALSO_INSIDE):
        return True
    return not address.is_global or address.is_multicast or address.is_reserved
