"""Patches of a product process: shorter intervals, another host name, another clock.

They do not change what the product does. A mutant does (`mutants`), if one is asked for.
"""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import Any


def apply_patches(overrides: dict[str, Any]) -> None:
    """Patch this process.

    `host`: the name of a machine of its own, where others cannot see whether its processes live.
    `skew`: seconds by which its clock is ahead. `mutant`: name of a broken build.
    """
    from worker import context
    from worker.queue import schedule
    from worker.sync.pages import lease
    from worker.verification import circuit_breaker, ledger

    schedule.REVIVE_EVERY = 1.0
    ledger.LEASE = timedelta(seconds=6)
    circuit_breaker.REJECTED_COOLDOWN = timedelta(seconds=2)
    lease.RENEW_EVERY = 1.0
    if host := overrides.get("host"):
        socket.gethostname = lambda: host
    if skew := overrides.get("skew"):
        init_context = context.Context.__init__

        def init_with_skew(self: Any, *args: Any, **more: Any) -> None:
            init_context(self, *args, **more)
            self.now = lambda: datetime.now(UTC) + timedelta(seconds=skew)

        context.Context.__init__ = init_with_skew  # type: ignore[method-assign]
    if mutant := overrides.get("mutant"):
        from chaos.mutants import MUTANTS

        MUTANTS[mutant].apply()
