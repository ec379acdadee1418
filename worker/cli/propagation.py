"""Carry reports that a command stored to the CRMs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from worker.context import Context


later_option = click.option(
    "--later", is_flag=True, help="Only store; the workers update the CRMs within seconds."
)


def propagate_now(ctx: Context) -> dict[str, Any]:
    """Apply what waits, and tell the CRMs now; what cannot be told now is for the workers."""
    from worker.suppression.apply_reports import apply_pending
    from worker.sync.propagate import pending_connectors, propagate

    apply_pending(ctx)
    confirmed = {name: propagate(ctx, name) for name in pending_connectors(ctx)}
    return {"confirmed": confirmed}
