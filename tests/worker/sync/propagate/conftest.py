"""Specification of `worker.sync.propagate`.

Read in this order:

    test_reports.py       a report reaches every record with its number
    test_outages.py       what a CRM could not take arrives later
    test_beside_syncs.py  reports and a sync at the same time
    test_deferred_records.py  what is confirmed of a record that was left alone for a moment
    test_corrections.py   a number that somebody gave as the right one
    test_lists.py         imported lists
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from crms import Crm
from fixture_types import Sync
from reports import contact_with_number

from sandbox.run import Sandbox
from worker.context import Context


@pytest.fixture
def ctx(make_context: Callable[..., Context], either_database_url: str) -> Context:
    return make_context(DATABASE_URL=either_database_url)


@pytest.fixture
def crms(sandbox: Sandbox) -> list[Crm]:
    return list(Crm.all(sandbox).values())


@pytest.fixture
def contact_ids(ctx: Context, crms: list[Crm], sync: Sync) -> dict[str, str]:
    """A contact in each CRM that has NUMBER; all are in sync."""
    ids = {}
    for crm in crms:
        ids[crm.name] = contact_with_number(ctx, crm, sync)
        crm.service.counters.clear()
    return ids
