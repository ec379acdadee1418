"""Carry reports that a command stored to the CRMs, and events to their endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from worker.cli.output import console

if TYPE_CHECKING:
    from worker.context import Context


later_option = click.option(
    "--later", is_flag=True, help="Only store; the workers update the CRMs within seconds."
)


_SECONDS_FOR_EVENTS = 5.0


def propagate_now(ctx: Context) -> dict[str, Any]:
    """Apply what waits, tell all CRMs at the same time, and then the endpoints of events. What
    cannot be told now is for the workers."""
    from worker.events import delivery, endpoints
    from worker.store import pause
    from worker.suppression.apply_reports import apply_pending
    from worker.sync.propagate import pending_connectors, propagate

    apply_pending(ctx)
    if (paused := pause.find(ctx.store)) is not None:
        console.info(
            f"{paused.text}. It counts for our own list; the CRMs and endpoints get it when "
            "you resume: hygiene resume"
        )
    pending = pending_connectors(ctx)
    confirmed = dict(zip(pending, ctx.for_each(pending, propagate), strict=True))
    endpoints.apply_settings(ctx)
    return {"confirmed": confirmed, "events": delivery.deliver(ctx, _SECONDS_FOR_EVENTS)}
