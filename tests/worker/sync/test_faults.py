"""What goes wrong in a CRM while a run is under way: each case ends with the right state in the
CRM and a clear account of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from crms import Crm
from fixture_types import Sync

from connectors.errors import AuthError, QuotaError, SchemaError, UnavailableError
from worker.context import Context
from worker.store.tables import contacts, failures
from worker.store.tables import pages as table
from worker.sync.pages import process as page_work
from worker.sync.pages import runner
from worker.sync.read import reader
from worker.sync.runs import lifecycle, reader_lease, report
from worker.sync.runs.scope import Scope


def to_be_written(crm: Crm, skip: int = 0) -> str:
    """A record that a first sync has something to write to."""
    return [rid for rid in crm.ids() if crm.get(rid, f"phone/{crm.phone}")][skip]


def failure_kinds(result: dict[str, Any]) -> dict[str, str]:
    return {failure["id"]: failure["kind"] for failure in result["failures"]}


class TestPeopleAtWork:
    def test_a_contact_edited_while_the_run_is_under_way(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        target = to_be_written(crm)
        crm.meanwhile(crm.write_call, target, crm.edited({f"phone/{crm.phone}": "ask Kim"}))
        sync(ctx, crm.name)
        assert crm.get(target, f"phone/{crm.phone}") == "ask Kim"
        sync(ctx, crm.name)
        assert crm.get(target, crm.status) == "invalid"
        assert crm.all_checked()

    def test_a_contact_deleted_between_read_and_write(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        target = to_be_written(crm)
        crm.meanwhile(crm.write_call, target, {"delete": True})
        result = sync(ctx, crm.name)
        assert result["state"] == "done"
        assert result["contacts"]["gone"] == 1
        assert result["contacts"]["failed"] == 0
        assert failure_kinds(result) == {target: "gone"}
        assert crm.all_checked()
        with ctx.store.read() as connection:
            indexed = connection.scalars(sa.select(contacts.c.record_id)).all()
        assert target not in indexed

    def test_a_contact_merged_between_read_and_write(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        loser, winner = to_be_written(crm), to_be_written(crm, 1)
        crm.meanwhile(crm.write_call, loser, {"merge_into": winner})
        result = sync(ctx, crm.name)
        # HubSpot makes a third contact of both.
        assert result["contacts"]["gone"] == (1 if crm.name == "salesforce" else 2)
        # Salesforce says of a write only that the record is deleted.
        assert failure_kinds(result)[loser] == ("gone" if crm.name == "salesforce" else "merged")
        sync(ctx, crm.name)
        assert loser not in crm.ids()
        assert crm.all_checked()

    def test_deleted_contacts_of_a_rescan_are_counted_and_forgotten(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        target = to_be_written(crm)
        sync(ctx, crm.name)
        crm.act(target, {"delete": True})
        result = sync(ctx, crm.name, scope=Scope("ids", (target,)))
        assert result["contacts"]["gone"] == 1
        assert result["state"] == "done"


class TestRecordsThatRefuse:
    @pytest.fixture
    def salesforce(self, sandbox: Any) -> Crm:
        return Crm.all(sandbox)["salesforce"]

    def test_a_lock_that_goes_away_is_waited_for(
        self, ctx: Context, salesforce: Crm, sync: Sync
    ) -> None:
        target = to_be_written(salesforce)
        salesforce.act(target, {"lock": 2})
        result = sync(ctx, "salesforce")
        assert result["contacts"]["failed"] == 0
        assert salesforce.all_checked()

    def test_a_lock_that_stays_is_reported_and_the_next_run_tries_again(
        self, ctx: Context, salesforce: Crm, sync: Sync
    ) -> None:
        target = to_be_written(salesforce)
        salesforce.act(target, {"lock": 99})
        result = sync(ctx, "salesforce")
        assert failure_kinds(result) == {target: "locked"}
        assert result["contacts"]["failed"] == 1
        assert "UNABLE_TO_LOCK_ROW" in result["failures"][0]["message"]
        assert salesforce.all_checked(but=target)
        salesforce.act(target, {"lock": 0})
        again = sync(ctx, "salesforce")
        assert again["contacts"]["written"] == 1
        assert salesforce.all_checked()
        with ctx.store.read() as connection:
            assert not connection.execute(sa.select(failures)).all()

    def test_a_validation_rule_that_refuses_fails_its_record_alone(
        self, ctx: Context, salesforce: Crm, sync: Sync
    ) -> None:
        target = to_be_written(salesforce)
        salesforce.act(target, {"refuse": "Contacts of partners are read-only"})
        result = sync(ctx, "salesforce")
        assert failure_kinds(result) == {target: "validation"}
        assert "read-only" in result["failures"][0]["message"]
        assert result["failures"][0]["written"] == {}
        assert salesforce.get(target, salesforce.status) is None
        assert salesforce.all_checked(but=target)

    def test_a_picklist_without_our_value_costs_that_field_alone(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        field = crm.field(crm.status)
        target = to_be_written(crm)
        crm.edit(target, {f"phone/{crm.phone}": "none"})
        if crm.name == "salesforce":
            values = {"field": field, "change": {"values": ["valid", "unverified"]}}
        else:
            values = {"property": field, "options": ["valid", "unverified"]}
        crm.act(target, values)
        result = sync(ctx, crm.name)
        assert result["state"] == "done"
        assert any(field in note and "invalid" in note for note in result["notes"])
        assert failure_kinds(result)[target] == "picklist_value"
        assert crm.get(target, crm.status) is None
        assert crm.get(target, "reason")  # what can be written is written
        assert sum(crm.get(rid, crm.status) == "valid" for rid in crm.ids()) > 20

    def test_a_picklist_that_loses_our_value_while_the_run_is_under_way(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        field = crm.field(crm.status)
        target = to_be_written(crm)
        crm.edit(target, {f"phone/{crm.phone}": "none"})
        if crm.name == "salesforce":
            values = {"field": field, "change": {"values": ["valid", "unverified"]}}
        else:
            values = {"property": field, "options": ["valid", "unverified"]}
        crm.meanwhile(crm.write_call, target, values)
        result = sync(ctx, crm.name)
        assert result["state"] == "done"
        assert failure_kinds(result)[target] == "picklist_value"
        assert crm.get(target, crm.status) is None
        assert crm.get(target, "reason")
        others = [rid for rid in crm.ids() if crm.get(rid, crm.status) == "valid"]
        assert len(others) > 20


class TestFields:
    def test_a_missing_custom_field_is_named_at_the_start_and_left_out(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        field = crm.field("reason")
        drop = {"drop_field": field} if crm.name == "salesforce" else {"drop_property": field}
        crm.act(crm.ids()[0], drop)
        result = sync(ctx, crm.name)
        assert any(field in note for note in result["notes"])
        assert result["contacts"]["failed"] == 0
        assert crm.all_checked()

    def test_a_field_deleted_while_the_run_is_under_way_is_left_out_from_there_on(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        field = crm.field("reason")
        drop = {"drop_field": field} if crm.name == "salesforce" else {"drop_property": field}
        crm.meanwhile(crm.write_call, crm.ids()[0], drop)
        result = sync(ctx, crm.name)
        assert result["state"] == "done"
        assert crm.all_checked()

    def test_an_org_without_our_fields_is_refused_before_anything_is_read(
        self, make_context: Callable[..., Context], bare_sandbox: Any
    ) -> None:
        ctx = make_context(**bare_sandbox.env())
        for name, crm in Crm.all(bare_sandbox).items():
            with pytest.raises(SchemaError, match=f"hygiene crm setup {name}"):
                lifecycle.open_run(ctx, name, Scope("changed"))
            assert crm.writes == 0


class TestTheWayThere:
    def test_an_expired_session_is_renewed(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        if crm.name == "hubspot":
            return  # its tokens do not expire
        crm.meanwhile(crm.write_call, crm.ids()[0], {"expire_sessions": True})
        result = sync(ctx, crm.name)
        assert result["state"] == "done"
        assert result["contacts"]["failed"] == 0
        assert crm.all_checked()

    def test_a_429_with_retry_after_is_waited_for(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        body = {"status": "error", "message": "You have reached your ten_secondly_rolling limit.",
                "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"}  # fmt: skip
        for call in (crm.read_call, crm.write_call):
            crm.fault(call, "status", status=429, body=body, headers={"Retry-After": "1"})
        result = sync(ctx, crm.name)
        assert result["state"] == "done"
        assert result["seconds"] >= 2
        assert crm.all_checked()

    def test_a_run_stops_at_the_reserve_of_the_days_calls_and_resume_goes_on(
        self, ctx: Context, crm: Crm
    ) -> None:
        service: Any = crm.service
        run_id = lifecycle.open_run(ctx, crm.name, Scope("changed"))
        service.used, service.daily_limit = 850, 1000  # others called it too
        ctx.connector(crm.name, fresh=True)
        before = crm.writes
        with pytest.raises(QuotaError, match=r"20% are reserved for others"):
            runner.run_to_completion(ctx, run_id)
        assert crm.writes == before
        assert lifecycle.load(ctx, run_id).state == "failed"
        service.used = 0
        ctx.connector(crm.name, fresh=True)  # as after a minute: one call looks
        lifecycle.resume(ctx, run_id)
        runner.run_to_completion(ctx, run_id)
        assert lifecycle.load(ctx, run_id).state == "done"
        assert crm.all_checked()

    def test_a_503_is_tried_again(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        for call in (crm.read_call, crm.write_call):
            crm.fault(call, "status", status=503, times=2)
        result = sync(ctx, crm.name)
        assert result["state"] == "done"
        assert crm.all_checked()

    @pytest.mark.parametrize("kind", ["drop", "drop_after", "truncate"])
    def test_a_connection_cut_in_the_middle_of_a_page(
        self, ctx: Context, crm: Crm, sync: Sync, kind: str
    ) -> None:
        for call in (crm.read_call, crm.write_call):
            crm.fault(call, kind)
        result = sync(ctx, crm.name)
        assert result["state"] == "done"
        assert result["contacts"]["failed"] == 0
        assert crm.all_checked()
        assert sync(ctx, crm.name)["contacts"]["written"] == 0

    def test_a_crm_that_stays_away_ends_the_run_and_resume_goes_on(
        self, ctx: Context, crm: Crm
    ) -> None:
        crm.fault(crm.write_call, "status", status=503, times=999)
        run_id = lifecycle.open_run(ctx, crm.name, Scope("changed"))
        with pytest.raises(UnavailableError):
            runner.run_to_completion(ctx, run_id)
        failed = report.run_report(ctx, run_id)
        assert failed["state"] == "failed"
        assert "503" in failed["error"]
        crm.service.faults.clear()
        runner.run_to_completion(ctx, lifecycle.resume(ctx, run_id).id)
        assert report.run_report(ctx, run_id)["state"] == "done"
        assert crm.all_checked()

    def test_credentials_that_are_refused_say_what_to_do(
        self, make_context: Callable[..., Context], crm: Crm
    ) -> None:
        ctx = make_context(SALESFORCE_CLIENT_SECRET="wrong", HUBSPOT_ACCESS_TOKEN="wrong")
        with pytest.raises(AuthError, match=r"SALESFORCE_CLIENT|HUBSPOT_ACCESS_TOKEN"):
            lifecycle.open_run(ctx, crm.name, Scope("changed"))


class TestALeaseThatRanOut:
    def test_the_late_worker_does_not_spoil_what_the_second_one_recorded(
        self, make_context: Callable[..., Context], crm: Crm
    ) -> None:
        """A worker stalls in its write; another takes the page over and finishes it."""
        first, second = make_context(), make_context()
        second.owner = "elsewhere:1:x"  # another host: only the lease's end can free the page
        run_id = lifecycle.open_run(first, crm.name, Scope("changed"))
        reader_lease.claim(first, run_id)
        pages: list[int] = []
        reader.read_from_cursor(
            first,
            lifecycle.load(first, run_id),
            lambda _own, page, *_: pages.append(page.id),
            lambda: True,
        )
        stalled = first.connector(crm.name).write

        def stall(updates: Any, waiting: Any) -> Any:
            result = stalled(updates, waiting)
            with first.store.write() as connection:
                connection.execute(sa.update(table).values(lease_expires_at=first.now()))
            assert page_work.process(second, pages[0])
            return result

        first.connector(crm.name).write = stall  # type: ignore[method-assign]
        page_work.process(first, pages[0])
        del first.connector(crm.name).write  # type: ignore[attr-defined]
        for page_id in pages[1:]:
            page_work.process(first, page_id)
        assert lifecycle.finish_if_done(first, run_id)
        account = report.run_report(first, run_id, 1000)
        assert account["state"] == "done"
        assert not [w for w in account["writes"] if w["state"] == "pending"]
        # The second one read the page's contacts again; its record stands, not the late one's.
        with first.store.read() as connection:
            row = connection.execute(sa.select(table).where(table.c.id == pages[0])).one()
        assert (row.attempts, row.counts["api"]["read"]) == (2, 1)
        assert crm.all_checked()
