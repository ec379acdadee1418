"""An undo takes back what its run has written, and nothing of what the CRM refused it."""

from __future__ import annotations

import pytest
from crms import Crm
from fixture_types import Sync

from sandbox.run import Sandbox
from worker.context import Context
from worker.sync.runs import report
from worker.sync.runs.scope import Scope
from worker.sync.undo.undo import undo


@pytest.fixture
def salesforce(sandbox: Sandbox) -> Crm:
    return Crm.all(sandbox)["salesforce"]


class TestOfARunWhoseRecordTheCrmRefused:
    def test_leaves_what_a_later_run_has_written(
        self, ctx: Context, sandbox: Sandbox, salesforce: Crm, sync: Sync
    ) -> None:
        target = next(i for i in salesforce.ids() if salesforce.get(i, "phone/Phone"))
        salesforce.act(target, {"refuse": "read-only"})
        refused = sync(ctx, "salesforce")
        sandbox.salesforce.org.refusals.clear()
        sync(ctx, "salesforce", scope=Scope("ids", (target,)))
        written = salesforce.get(target, salesforce.status)
        done = undo(ctx, refused["run"])
        assert written is not None
        assert salesforce.get(target, salesforce.status) == written
        assert not [skipped for skipped in done.kept if skipped.id == target]

    def test_takes_back_the_fields_that_went_through(
        self, ctx: Context, salesforce: Crm, sync: Sync
    ) -> None:
        target = next(i for i in salesforce.ids() if salesforce.get(i, "phone/Phone"))
        field = salesforce.field(salesforce.status)
        salesforce.edit(target, {"phone/Phone": "none"})  # invalid, which the picklist lacks
        values = {"field": field, "change": {"values": ["valid", "unverified"]}}
        salesforce.meanwhile(salesforce.write_call, target, values)
        result = sync(ctx, "salesforce")
        failure = next(each for each in result["failures"] if each["id"] == target)
        assert failure["kind"] == "picklist_value"
        assert "reason" in failure["written"]
        assert salesforce.status not in failure["written"]
        assert salesforce.get(target, "reason")
        undo(ctx, result["run"])
        assert not salesforce.get(target, "reason")
        rows = report.writes_of(ctx, result["run"])
        assert all(row.before.keys() == row.after.keys() for row in rows)
