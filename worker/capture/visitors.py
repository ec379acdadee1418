"""Tell one visitor of a form from another by their address, behind proxies too (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from config.events import Network

_ONE_VISITOR = 64  # bits of an IPv6 address that a connection is given as a whole


def visitor_of(peer: str, forwarded_for: str, proxies: Sequence[Network]) -> str:
    """Return the address of a visitor; of IPv6 its /64 network.

    `peer`: who is connected. Each proxy adds the address that was connected to it at the end of
    `X-Forwarded-For`, so the last one that is no proxy of ours is the visitor's; what stands before
    it may be invented.

    >>> from ipaddress import ip_network
    >>> own = [ip_network("10.0.0.0/8")]
    >>> visitor_of("10.0.0.9", "1.2.3.4, 198.51.100.7, 10.0.0.3", own)
    '198.51.100.7'
    >>> visitor_of("203.0.113.5", "198.51.100.7", own)
    '203.0.113.5'
    """
    hops = [part.strip() for part in forwarded_for[-1000:].split(",")]
    address = _parsed(peer)
    while address is not None and hops and _is_proxy(address, proxies):
        before = _parsed(hops.pop())
        if before is None:
            break
        address = before
    if address is None:
        return ""
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address) >> _ONE_VISITOR << _ONE_VISITOR, _ONE_VISITOR)))
    return str(address)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_proxy(address: IPv4Address | IPv6Address, proxies: Sequence[Network]) -> bool:
    return any(address in network for network in proxies if network.version == address.version)
