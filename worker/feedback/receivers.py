"""Which systems are told of what is said about numbers."""

from __future__ import annotations

from worker.context import Context

_FILE = "csv"


def crms_to_notify(ctx: Context) -> tuple[str, ...]:
    """Return the CRMs to which reports are delivered.

    A list on disk learns of them in its next run.
    """
    return tuple(name for name in ctx.settings.active_connectors if name != _FILE)
