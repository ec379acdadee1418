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
    `skew`: seconds by which its clock is ahead. `readings`: texts that this release reads as other
    numbers (E.164) than ours does. `mutant`: name of a broken build.
    """
    from worker import context
    from worker.alerts import smtp
    from worker.asking import claims, sending
    from worker.asking.senders import smtp_email
    from worker.events import delivery, outgoing
    from worker.queue import schedule
    from worker.sync.pages import lease
    from worker.sync.stream import state, subscriber
    from worker.verification import circuit_breaker, ledger

    schedule.REVIVE_EVERY = 1.0
    outgoing.RETRY_AFTER = (timedelta(seconds=1),)
    delivery._BACKOFF_INITIAL = timedelta(seconds=0.3)
    delivery._BACKOFF_MAX = timedelta(seconds=1)
    delivery._LEASE = timedelta(seconds=6)
    delivery._LONGEST_BATCH = 1.0
    ledger.LEASE = timedelta(seconds=6)
    circuit_breaker.REJECTED_COOLDOWN = timedelta(seconds=2)
    lease.RENEW_EVERY = 1.0
    state.LEASE = timedelta(seconds=6)
    subscriber.TEND_EVERY = subscriber.STANDBY_EVERY = 0.3
    subscriber.BEGIN_EVERY = 1.0
    subscriber.BACKOFF_FIRST, subscriber.BACKOFF_MAX = 0.2, 1.0
    claims._BACKOFF, claims._BACKOFF_MAX = timedelta(seconds=0.3), timedelta(seconds=1)
    claims._LONGEST_SENDING = timedelta(seconds=8)
    smtp._TIMEOUT = smtp._DATA_TIMEOUT = 2.0
    smtp_email._LATER = timedelta(seconds=0.3)
    sending._hours_of = lambda _ctx, _recipient: None  # type: ignore[assignment,return-value]
    if host := overrides.get("host"):
        socket.gethostname = lambda: host
    if skew := overrides.get("skew"):
        init_context = context.Context.__init__

        def init_with_skew(self: Any, *args: Any, **kwargs: Any) -> None:
            init_context(self, *args, **kwargs)
            self.now = lambda: datetime.now(UTC) + timedelta(seconds=skew)

        context.Context.__init__ = init_with_skew  # type: ignore[method-assign]
    if readings := overrides.get("readings"):
        _read_differently(readings)
    if mutant := overrides.get("mutant"):
        from chaos.mutants import MUTANTS

        MUTANTS[mutant].apply()


def _read_differently(readings: dict[str, str]) -> None:
    """Be a release that reads these texts as other numbers, and so looks at every contact anew."""
    from worker import context
    from worker.phones import parse_field
    from worker.phones.model import ParsedField
    from worker.sync.read import change_detection

    def parse(text: str, region: str | None) -> ParsedField:
        return parse_field(readings.get(text, text), region)

    init_context = context.Context.__init__

    def init_with_readings(self: Any, *args: Any, **kwargs: Any) -> None:
        init_context(self, *args, **kwargs)
        self.parse_field = parse

    context.Context.__init__ = init_with_readings  # type: ignore[method-assign]
    code_version = change_detection._code_version
    version = f"{code_version()} {sorted(readings.items())}"
    change_detection._code_version = lambda: version  # type: ignore[assignment]
