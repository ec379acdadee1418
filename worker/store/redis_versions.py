"""Tell which Redis or Valkey a server is, and which known vulnerabilities that version has.

`FIXED` lists, for each line of releases, the first version without the ones that we know of.
They let somebody who may send commands to the server run code as its user. The sources are the
projects' release notes, looked up in November 2026:

- October 2025, CVE-2025-49844 (Lua scripts) and three more: Redis 6.2.20, 7.2.11, 7.4.6, 8.0.4 and
  8.2.2 (https://github.com/docker-library/official-images/pull/20011); Valkey 7.2.11, 8.0.6 and
  8.1.4 (https://github.com/valkey-io/valkey/releases/tag/8.1.4).
- May 2026, CVE-2026-23479, CVE-2026-25243 and CVE-2026-23631: Redis from 7.2.0 to 8.6.2
  (https://www.sentinelone.com/vulnerability-database/cve-2026-23479/); Valkey 7.2.13, 8.0.9 (8.0.8
  was revoked, https://github.com/redis-rs/redis-rs/pull/2102), 8.1.7 and 9.0.4.
- July 2026, the newest that name every line: `_REDIS` and `_VALKEY` below.

A distributor may fix a version and keep its number (Debian's 7.0.15-1~deb12u10 is one), and so may
a hosting provider, so the number alone does not prove that a server is vulnerable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Number = tuple[int, int, int]

OLDEST: Number = (6, 0, 0)  # of Redis, to work with at all


@dataclass(frozen=True, slots=True)
class Version:
    product: str  # Redis, Valkey, or a server that speaks their protocol
    number: Number

    def __str__(self) -> str:
        return f"{self.product} {'.'.join(map(str, self.number))}"


class Fix(NamedTuple):
    """The first release of a line that has none of the vulnerabilities known to us."""

    number: Number
    source: str


_REDIS = "https://github.com/docker-library/official-images/pull/21922"
_VALKEY = "https://github.com/tazama-lf/tazama-stack/issues/267"

FIXED: Mapping[str, tuple[Fix, ...]] = {
    # Other lines (7.0, 8.0) get no releases any more. 8.10 began after these fixes.
    "Redis": (
        Fix((6, 2, 23), _REDIS),
        Fix((7, 2, 15), _REDIS),
        Fix((7, 4, 10), _REDIS),
        Fix((8, 2, 8), _REDIS),
        Fix((8, 4, 5), _REDIS),
        Fix((8, 6, 5), _REDIS),
        Fix((8, 8, 1), _REDIS),
    ),
    "Valkey": (
        Fix((7, 2, 14), _VALKEY),
        Fix((8, 0, 10), _VALKEY),
        Fix((8, 1, 9), _VALKEY),
        Fix((9, 0, 5), _VALKEY),
        Fix((9, 1, 1), "https://github.com/valkey-io/valkey/releases/tag/9.1.1"),
    ),
}
# The first release of each line with the fix of October 2025, the one to name.
_LUA: Mapping[str, tuple[Number, ...]] = {
    "Redis": ((6, 2, 20), (7, 2, 11), (7, 4, 6), (8, 0, 4), (8, 2, 2)),
    "Valkey": ((7, 2, 11), (8, 0, 6), (8, 1, 4)),
}
_SAID = re.compile(r"(Redis|Valkey) server v=(\d+)\.(\d+)\.(\d+)")


def parse_version(text: str) -> Version | None:
    """Read what `redis-server --version` prints.

    >>> str(parse_version("Valkey server v=9.1.2 sha=00000000:1 malloc=libc bits=64"))
    'Valkey 9.1.2'
    >>> parse_version("usage: redis-server [-h]")
    """
    match = _SAID.search(text)
    return Version(match[1], _number(".".join(match.groups()[1:]))) if match else None


def version_of(info: Mapping[str, Any]) -> Version:
    """Read the answer to INFO. Valkey also names the Redis that it is compatible with.

    >>> str(version_of({"redis_version": "7.2.4", "server_name": "valkey",
    ...                 "valkey_version": "8.1.8"}))
    'Valkey 8.1.8'
    >>> str(version_of({"redis_version": "7.4.0", "dragonfly_version": "df-v1.31.0"}))
    'Dragonfly 1.31.0'
    """
    for name, product in (("valkey_version", "Valkey"), ("dragonfly_version", "Dragonfly")):
        if name in info:
            return Version(product, _number(info[name]))
    return Version("Redis", _number(info.get("redis_version", "")))


def _number(text: object) -> Number:
    """Return the first three numbers; 0 for what is missing."""
    parts = [int(part) for part in re.findall(r"\d+", str(text))[:3]]
    major, minor, patch = (*parts, 0, 0, 0)[:3]
    return major, minor, patch


def is_too_old(version: Version) -> bool:
    """Return whether it lacks what the queue needs."""
    return version.product == "Redis" and version.number < OLDEST


def known_vulnerabilities(version: Version) -> str:
    """Say what a version is known to be vulnerable to, and what to use instead; "" for nothing.

    >>> known_vulnerabilities(Version("Redis", (6, 2, 14)))
    'Redis 6.2.14 has known vulnerabilities (CVE-2025-49844 and later ones): use 6.2.23 or newer'
    >>> known_vulnerabilities(Version("Redis", (7, 4, 9)))
    'Redis 7.4.9 has known vulnerabilities (fixed in July 2026): use 7.4.10 or newer'
    >>> known_vulnerabilities(Version("Redis", (7, 0, 15)))
    'Redis 7.0.15 has known vulnerabilities (CVE-2025-49844 and later ones): use 7.2.15 or newer'
    >>> known_vulnerabilities(Version("Valkey", (9, 1, 2)))
    ''
    """
    fixes = [fix.number for fix in FIXED.get(version.product, ())]
    if not any(version.number < number for number in fixes):
        return ""  # newer than all, or a product that we know nothing of
    line = version.number[:2]
    better = [number for number in fixes if number[:2] >= line]
    if better[0][:2] == line and version.number >= better[0]:
        return ""
    lua = [number for number in _LUA[version.product] if number[:2] == line]
    has_lua_fix = version.number >= lua[0] if lua else line > _LUA[version.product][-1][:2]
    which = "fixed in July 2026" if has_lua_fix else "CVE-2025-49844 and later ones"
    use = ".".join(map(str, better[0]))
    return f"{version} has known vulnerabilities ({which}): use {use} or newer"
