"""What a process of the product is told to believe of the world: its host, its clock, its hurry.

Nothing here changes what the product does; `mutants` does, and only when it is asked to.
"""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import Any


def dress(world: dict[str, Any]) -> None:
    """`host`: a machine of its own, whose dead nobody else can see. `skew`: its clock, seconds
    ahead. `mutant`: a broken build."""
    from worker import context
    from worker.queue import schedule
    from worker.sync.pages import evaluate
    from worker.verification import circuit_breaker, ledger

    schedule.REVIVE_EVERY = 1.0
    ledger.LEASE = timedelta(seconds=6)
    circuit_breaker.REFUSED_REST = timedelta(seconds=2)
    evaluate.HEARTBEAT = 1.0
    if host := world.get("host"):
        socket.gethostname = lambda: host
    if skew := world.get("skew"):
        made = context.Context.__init__

        def init(self: Any, *args: Any, **more: Any) -> None:
            made(self, *args, **more)
            self.now = lambda: datetime.now(UTC) + timedelta(seconds=skew)

        context.Context.__init__ = init  # type: ignore[method-assign]
    if mutant := world.get("mutant"):
        from chaos.mutants import MUTANTS

        MUTANTS[mutant].break_it()
