"""Clocks that tests move forward instead of waiting."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from crms import Crm

from worker.context import Context


def advance_clock(ctx: Context, **span: Any) -> None:
    """Move our clock forward (`hours=1`). The CRM's clock stays where it is."""
    now, step = ctx.now, timedelta(**span)
    ctx.now = lambda: now() + step  # type: ignore[method-assign]


def a_later_second(crm: Crm) -> None:
    """Let the CRM's clock move on. Salesforce keeps the second of an edit alone."""
    time.sleep(1.1 if crm.name == "salesforce" else 0.01)


class SharedClock:
    """Moves the clock of a CRM and ours forward together."""

    def __init__(self, crm: Crm, *contexts: Context) -> None:
        self._crm = crm
        self.passed = timedelta(0)
        for ctx in contexts:
            self.attach(ctx)

    def attach(self, ctx: Context) -> Context:
        """Make the context go by this clock."""
        now = ctx.now
        ctx.now = lambda: now() + self.passed  # type: ignore[method-assign]
        return ctx

    def advance(self, **span: Any) -> None:
        self.passed += timedelta(**span)
        self._crm.service.clock.skew = self.passed
