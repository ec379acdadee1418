"""Pause and resume everything, as a person asks for it: with an entry in the audit log."""

from __future__ import annotations

from worker.access import audit
from worker.context import Context
from worker.store import pause
from worker.store.pause import Pause


def pause_all(ctx: Context, by: str, reason: str) -> Pause:
    """Pause everything that writes or sends, and return the pause; one in force stays."""
    begun, is_new = pause.begin(ctx.store, ctx.now(), by, reason)
    if is_new:
        audit.note(ctx.store, ctx.now(), by, "pause", "everything", reason)
    return begun


def resume_all(ctx: Context, by: str, reason: str = "") -> Pause | None:
    """End the pause, and return it; None if nothing was paused. What waits goes on within a minute,
    as beat enqueues it (`hygiene.revive`, `hygiene.apply`)."""
    ended = pause.end(ctx.store)
    if ended is not None:
        audit.note(ctx.store, ctx.now(), by, "resume", "everything", reason)
    return ended
