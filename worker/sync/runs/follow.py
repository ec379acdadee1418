"""Following runs that workers elsewhere carry out, by looking at the tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from config import stopping
from worker.context import Context
from worker.sync.runs import lifecycle

_LOOK_EVERY = 0.5  # seconds


def follow(
    ctx: Context,
    run_ids: Sequence[str],
    progress: Callable[[str], None],
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Wait until all runs have ended; `watch` may raise, to give up waiting. Raises `Stopped`."""
    open_ones = list(run_ids)
    while open_ones:
        watch()
        for run_id in list(open_ones):
            progress(run_id)
            if not lifecycle.load(ctx, run_id).active:
                open_ones.remove(run_id)
        if open_ones:
            stopping.sleep(_LOOK_EVERY)
