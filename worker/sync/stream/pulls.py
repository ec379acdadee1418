"""Pull what events did not tell: a sync of what changed since the watermark, begun at once.

A pull is wanted until a sync was opened *after* it was wanted: one that was under way may have read
past the record already. If such a sync fails, it is resumed like any other, and the sync on
schedule is the net below.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from worker.context import Context
from worker.store.tables import runs, watermarks
from worker.sync.stream import state


def begin_wanted(ctx: Context, connector: str, begin: Callable[[str], None]) -> bool:
    """Begin the pull that a connector's streams want; return whether one is still wanted.

    `begin`: opens a sync, or has a worker do so; it does nothing while another one is under way.
    Before the first sync of all there is no watermark to pull from; that one reads everything.
    """
    pull = state.wanted_pull(ctx, connector)
    if pull is None:
        return False
    opened_since = sa.select(runs.c.id).where(
        runs.c.connector == connector, runs.c.kind == "sync", runs.c.dry_run.is_(False),
        runs.c.opened_at > pull.at,
    )  # fmt: skip
    synced = sa.select(watermarks.c.object).where(watermarks.c.connector == connector)
    with ctx.store.read() as connection:
        begun = connection.scalar(opened_since.limit(1)) is not None
        ever_synced = connection.scalar(synced.limit(1)) is not None
    if begun:
        state.pull_begun(ctx, connector, pull)
        return False
    if ever_synced:
        begin(connector)
    return True
