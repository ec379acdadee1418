"""Which systems receive the reports about numbers."""

from __future__ import annotations

from config import connections
from worker.context import Context


def crms_to_notify(ctx: Context) -> tuple[str, ...]:
    """Return the CRMs to which reports are delivered.

    A list on disk learns of them in its next run.
    """
    return tuple(n for n in ctx.settings.active_connectors if not connections.is_file(n))
