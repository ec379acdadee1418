"""The state of each CRM on the overview."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fixture_types import Sync

from worker.context import Context
from worker.queries.overview import overview
from worker.store.tables import watermarks


def state_of(ctx: Context, name: str) -> str:
    (entry,) = (entry for entry in overview(ctx)["connectors"] if entry["name"] == name)
    return str(entry["state"])


def read_up_to(ctx: Context, name: str, age: timedelta) -> None:
    """As if the last run that moved the watermark had begun so long ago."""
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(watermarks)
            .where(watermarks.c.connector == name)
            .values(position=ctx.now() - age)
        )


@pytest.mark.parametrize(
    ("name", "minutes", "state"),
    [
        ("salesforce", 15, "well"), ("salesforce", 60, "late"),
        # Our own writes hold its watermark back for as long as searches may find changes late.
        ("hubspot", 60, "well"), ("hubspot", 100, "well"), ("hubspot", 120, "late"),
    ],
)  # fmt: skip
def test_a_crm_is_late_when_three_syncs_are_missing(
    make_context: Callable[..., Context], sync: Sync, name: str, minutes: int, state: str
) -> None:
    ctx = make_context(
        '[sync]\nevery = "15m"\noverlap = "5m"\n[connectors.hubspot]\nsearch_lag = "1h"'
    )
    sync(ctx, name)
    read_up_to(ctx, name, timedelta(minutes=minutes))
    assert state_of(ctx, name) == state
