"""A record that an answer of HubSpot holds twice is one record. Salesforce says how many records a
query found, so that such an answer is not believed there."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from crms import Crm
from fixture_types import Sync

from sandbox.run import Sandbox
from sandbox.service import Fault
from worker.context import Context
from worker.store.tables import writes
from worker.sync.runs.scope import Scope


@pytest.fixture
def crm(sandbox: Sandbox) -> Crm:
    return Crm.all(sandbox)["hubspot"]


def writes_of(ctx: Context, run: str) -> list[int]:
    """How many writes of the run each record has."""
    c = writes.c
    query = sa.select(sa.func.count()).where(c.run_id == run).group_by(c.record_id)
    with ctx.store.read() as connection:
        return [*connection.scalars(query)]


def test_it_is_counted_and_written_once(ctx: Context, crm: Crm, sync: Sync) -> None:
    crm.service.faults.append(Fault(crm.read_call, "repeat", times=3))
    result = sync(ctx, crm.name)
    assert result["contacts"]["read"] == len(crm.ids())
    assert {*writes_of(ctx, result["run"])} == {1}


def test_also_where_it_was_read_by_its_id(ctx: Context, crm: Crm, sync: Sync) -> None:
    crm.service.faults.append(Fault("batch/read", "repeat", times=3))
    result = sync(ctx, crm.name, scope=Scope("ids", tuple(crm.ids()[:3])))
    assert result["contacts"]["read"] == 3
    assert {*writes_of(ctx, result["run"])} == {1}
