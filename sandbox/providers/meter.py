"""What the lookup services share: they charge, they have a rate limit, and they take their time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from typing import Any

from aiohttp import web

from sandbox.network import Network
from sandbox.service import Service


class LookupService(Service):
    """`latency`: seconds of each lookup. `per_second`: lookups in any second, 0 = no limit.

    `charged`: how often each (number, package) was charged.
    `arrivals`: when lookups were let in, for tests of pace.
    """

    def __init__(self, network: Network | None = None) -> None:
        super().__init__()
        self.network = network or Network()
        self.latency = 0.0
        self.per_second = 0
        self.charged: Counter[tuple[str, str]] = Counter()
        self.arrivals: deque[float] = deque()

    def act(self, object_name: str, record_id: str, action: dict[str, Any]) -> Any:
        """`{"set": {...}}` on a number makes its line so."""
        return str(self.network.set(record_id, **action["set"]))

    def charge(self, number: str, package: str) -> None:
        self.charged[number, package] += 1

    @property
    def charges(self) -> int:
        return self.charged.total()

    def over_limit(self, lookups: int = 1) -> bool:
        now = time.monotonic()
        while self.arrivals and self.arrivals[0] <= now - 1:
            self.arrivals.popleft()
        if self.per_second and len(self.arrivals) + lookups > max(self.per_second, lookups):
            self.refused["a second"] += 1
            return True
        if self.per_second:
            self.arrivals.extend([now] * lookups)
        return False

    async def take_time(self) -> None:
        if self.latency:
            await asyncio.sleep(self.latency)

    def meter_routes(self) -> list[web.RouteDef]:
        async def charges(_request: web.Request) -> web.Response:
            packages: Counter[str] = Counter()
            for (_number, package), times in self.charged.items():
                packages[package] += times
            return web.json_response({
                "total": self.charged.total(), "packages": dict(packages),
                "numbers": len({number for number, _ in self.charged}),
            })  # fmt: skip

        return [web.get("/_sandbox/charges", charges)]
