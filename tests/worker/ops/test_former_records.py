"""Records of a connection that was removed can be dropped from our index, and nobody's no with
them: it holds for whoever has the number elsewhere, and in that CRM should it ever come back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from clocks import advance_clock
from constants import NUMBER, OTHER
from crms import Crm
from fixture_types import Sync
from merging import set_only_number, status
from reports import deliver_reports, report_kinds, store_report, stored_reports

from sandbox.run import Sandbox
from worker.access import audit
from worker.alerts import rules
from worker.cli.main import main
from worker.context import Context
from worker.duplicates import grouping
from worker.ops import doctor, doctor_checks, former_records
from worker.ops.former_records import StillReadError
from worker.ops.retention import purge_expired
from worker.queries.overview import overview
from worker.segments import counters, isolation, queries
from worker.store import changed_records, tables
from worker.store.tables import (
    app_state,
    contact_numbers,
    contacts,
    deliveries,
    duplicate_groups,
    segment_counts,
    watermarks,
)
from worker.suppression.apply_reports import apply_pending
from worker.suppression.evidence import number_evidence
from worker.sync.runs import audits, lifecycle
from worker.sync.runs.model import RunActiveError
from worker.sync.runs.scope import Scope

Make = Callable[..., Context]


@pytest.fixture
def crms(sandbox: Sandbox) -> dict[str, Crm]:
    return Crm.all(sandbox)


@pytest.fixture
def both(make_context: Make, either_database_url: str) -> Context:
    """An installation with both CRMs."""
    return make_context(DATABASE_URL=either_database_url)


@pytest.fixture
def removed(make_context: Make, sandbox: Sandbox, both: Context) -> Callable[[], Context]:
    """Open the context of the same installation after HubSpot was removed from it."""
    gone = {name: "" for name in sandbox.env() if name.startswith("HUBSPOT")}
    return lambda: make_context(**gone, DATABASE_URL=both.settings.database_url)


@pytest.fixture
def ids(both: Context, crms: dict[str, Crm], sync: Sync) -> dict[str, str]:
    """A contact of each CRM that holds NUMBER; all is synced."""
    ids = {name: crm.ids()[0] for name, crm in crms.items()}
    for name, crm in crms.items():
        set_only_number(crm, ids[name], NUMBER)
        sync(both, name)
    return ids


def held(ctx: Context, connector: str, table: sa.Table = contacts) -> int:
    with ctx.store.read() as connection:
        query = sa.select(sa.func.count()).select_from(table)
        return connection.scalar(query.where(table.c.connector == connector)) or 0


def drop(ctx: Context, connector: str = "hubspot", object_name: str = "") -> former_records.Dropped:
    return list(former_records.drop(ctx, connector, object_name, "an admin"))[-1]


class TestDropping:
    def test_takes_them_out_of_the_index_and_what_is_counted_of_it(
        self, both: Context, ids: dict[str, str], removed: Callable[[], Context]
    ) -> None:
        counters.count(both)
        grouping.count(both)
        with both.store.write() as connection:
            changed_records.record(connection, "hubspot", "contacts", ["1", "2"], both.now())
            connection.execute(
                sa.delete(app_state).where(app_state.c.name.startswith("secret-key-print:"))
            )
        ctx = removed()
        before, numbers = held(ctx, "hubspot"), held(ctx, "hubspot", contact_numbers)
        ours = held(ctx, "salesforce")
        dropped = drop(ctx)
        assert (dropped.contacts, dropped.numbers) == (before, numbers)
        for table in (contacts, contact_numbers, tables.changed_records, watermarks):
            assert held(ctx, "hubspot", table) == 0
        assert held(ctx, "salesforce") == ours > 0
        assert counters.count_if_needed(ctx)
        assert grouping.count_if_needed(ctx)
        assert held(ctx, "hubspot", segment_counts) == 0
        with ctx.store.read() as connection:
            named = set(connection.scalars(sa.select(duplicate_groups.c.connectors)))
        assert not any("hubspot" in names for names in named)
        [entry] = [e for e in audit.entries(ctx.store) if e["action"] == "crm.drop_records"]
        assert entry["who"] == "an admin"
        assert entry["target"].startswith(f"hubspot: {before} contacts")

    def test_leaves_what_was_said(
        self, both: Context, crms: dict[str, Crm], ids: dict[str, str],
        removed: Callable[[], Context], sync: Sync,
    ) -> None:  # fmt: skip
        store_report(both, "opt_out", OTHER)
        store_report(both, "opt_out", NUMBER, contact=f"hubspot/contacts/{ids['hubspot']}")
        deliver_reports(both)
        evidence = number_evidence(both, NUMBER)
        ctx = removed()
        drop(ctx)
        assert number_evidence(ctx, NUMBER) == evidence
        assert len(stored_reports(ctx)) == 2
        other = crms["salesforce"].ids()[1]
        set_only_number(crms["salesforce"], other, OTHER)
        sync(ctx, "salesforce")
        assert status(crms["salesforce"], other) == "do_not_contact"
        assert status(crms["salesforce"], ids["salesforce"]) == "do_not_contact"

    def test_ends_what_waits_for_them(
        self, both: Context, ids: dict[str, str], removed: Callable[[], Context]
    ) -> None:
        ctx = removed()
        store_report(ctx, "opt_out", NUMBER)
        deliver_reports(ctx, "salesforce")
        assert [check.text for check in doctor_checks.check_connections_off(ctx)]
        assert overview(ctx)["needs"]["former"] == [{"connector": "hubspot"}]
        assert drop(ctx).waiting == 1
        assert not list(doctor_checks.check_connections_off(ctx))
        assert overview(ctx)["needs"]["former"] == []
        store_report(ctx, "opt_in", NUMBER)
        deliver_reports(ctx, "salesforce")
        assert held(ctx, "hubspot", deliveries) == 0

    @pytest.mark.parametrize("purged", [False, True])
    def test_and_a_connection_that_comes_back_is_read_anew(
        self, both: Context, crms: dict[str, Crm], ids: dict[str, str],
        removed: Callable[[], Context], sync: Sync, purged: bool,
    ) -> None:  # fmt: skip
        """What stands is written there again; a flag of ours is nobody's word, however long it was
        away; what somebody had ticked still is theirs."""
        crm, ticked = crms["hubspot"], crms["hubspot"].ids()[1]
        set_only_number(crm, ticked, OTHER)
        sync(both, "hubspot")
        crm.edit(ticked, {"wrong_number": True})
        sync(both, "hubspot")
        assert report_kinds(both) == ["wrong_number"]
        store_report(both, "opt_out", NUMBER)
        deliver_reports(both)
        ctx = removed()
        drop(ctx)
        store_report(ctx, "opt_in", NUMBER)
        deliver_reports(ctx, "salesforce")
        kinds = report_kinds(ctx)
        if purged:
            advance_clock(ctx, days=1000)
            purge_expired(ctx)
            both.now = ctx.now
        set_only_number(crm, crm.ids()[2], NUMBER)
        sync(both, "hubspot")
        assert report_kinds(both) == kinds  # nobody said anything
        assert status(crm, ids["hubspot"]) != "do_not_contact" != status(crm, crm.ids()[2])
        assert crm.get(ids["hubspot"], "do_not_contact") is False
        assert crm.get(ticked, "wrong_number") is True
        assert held(both, "hubspot") == len(crm.ids())

    def test_goes_on_where_it_was_killed_and_can_be_taken_back_there(
        self, both: Context, crms: dict[str, Crm], ids: dict[str, str],
        removed: Callable[[], Context], sync: Sync, monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        monkeypatch.setattr(former_records, "_AT_ONCE", 5)
        ctx = removed()
        every = held(ctx, "hubspot")
        for dropped in former_records.drop(ctx, "hubspot", "", "an admin"):
            if dropped.contacts:
                break
        assert held(ctx, "hubspot") == every - 5
        assert held(ctx, "hubspot", watermarks) == 0
        sync(both, "hubspot")  # it is back: all are known again
        assert held(both, "hubspot") == every
        assert drop(removed()).contacts == every

    def test_an_object_that_is_no_longer_read(self, both: Context, ids: dict[str, str]) -> None:
        with pytest.raises(StillReadError, match="Lead"):
            drop(both, "salesforce", "Lead")
        c = contacts.c
        with both.store.write() as connection:
            connection.execute(
                sa.update(contacts).where(c.object == "Lead").values(object="Old__c")
            )
        [told] = doctor_checks.check_connections_off(both)
        assert "--object Old__c" in told.text
        every = held(both, "salesforce")
        assert 0 < drop(both, "salesforce", "Old__c").contacts < every
        assert not list(doctor_checks.check_connections_off(both))


class TestIsolatedSegments:
    @pytest.fixture
    def isolated(self, both: Context, ids: dict[str, str]) -> dict[str, int]:
        """A segment of each CRM; their isolations."""
        counters.count(both)
        found = {}
        for name in ids:
            month = next(segment["value"] for segment in queries.list_segments(both, "month")
                         if segment["connector"] == name)  # fmt: skip
            one = isolation.isolate(both, name, "month", month, "bought")
            assert one is not None
            found[name] = one.id
        return found

    def test_of_a_removed_connection_hold_up_no_audit(
        self, both: Context, removed: Callable[[], Context], isolated: dict[str, int]
    ) -> None:
        ctx = removed()
        [run_id] = audits.next_audits(ctx)
        assert lifecycle.load(ctx, run_id).connector == "salesforce"

    def test_that_were_released_hold_up_no_audit_either(
        self, both: Context, make_context: Make, sandbox: Sandbox, isolated: dict[str, int]
    ) -> None:
        gone = {name: "" for name in sandbox.env() if name.startswith("HUBSPOT")}
        flag = '[connectors.hubspot.fields]\nisolated = "hygiene_isolated"\n'
        ctx = make_context(flag, **gone, DATABASE_URL=both.settings.database_url)
        isolation.release(ctx, isolated["hubspot"], "kim", "it was cleaned")
        [run_id] = audits.next_audits(ctx)
        assert lifecycle.load(ctx, run_id).connector == "salesforce"

    def test_end_with_the_records(
        self, both: Context, removed: Callable[[], Context], isolated: dict[str, int]
    ) -> None:
        """It has no effect on contacting any more, and would be told of for ever."""
        ctx = removed()
        shown = {entry["connector"] for entry in overview(ctx)["needs"]["isolated"]}
        assert shown == {"hubspot", "salesforce"}
        assert drop(ctx).isolations == 1
        [ended] = [one for one in isolation.history(ctx) if one.connector == "hubspot"]
        assert (ended.released_by, ended.released_at is not None) == ("an admin", True)
        assert "dropped" in ended.released_why
        assert [one.connector for one in isolation.active(ctx)] == ["salesforce"]
        told = [e for e in audit.entries(ctx.store) if e["action"] == "segment.release"]
        assert [entry["who"] for entry in told] == ["an admin"]
        assert told[0]["target"].startswith("hubspot month=")
        assert [alert.path for alert in rules._isolated(ctx)] == ["/segments"]

    def test_end_also_where_there_are_no_records(
        self, both: Context, removed: Callable[[], Context], isolated: dict[str, int]
    ) -> None:
        ctx = removed()
        with ctx.store.write() as connection:
            for table in (contact_numbers, contacts):
                connection.execute(sa.delete(table).where(table.c.connector == "hubspot"))
        [told] = doctor_checks.check_connections_off(ctx)
        assert "1 isolated segment" in told.text
        assert overview(ctx)["needs"]["former"] == [{"connector": "hubspot"}]
        assert drop(ctx).isolations == 1
        assert not list(doctor_checks.check_connections_off(ctx))
        assert overview(ctx)["needs"]["former"] == []

    def test_are_none_of_a_connection_that_is_off_but_judged_anew_once_it_is_back(
        self, both: Context, removed: Callable[[], Context], isolated: dict[str, int],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        def exceeding(counts: dict[tuple[str, str], object], *_limits: object) -> list[object]:
            return [key for key in counts if key[0] == "hubspot"]

        monkeypatch.setattr(isolation, "exceeds_threshold", exceeding)
        ctx = removed()
        isolation.release(ctx, isolated["hubspot"], "kim", isolation.CONNECTION_REMOVED)
        assert isolation.isolate_bad_segments(ctx) == []
        assert isolation.isolate_bad_segments(both) != []  # nobody said that it is good again

    def test_stay_while_the_connection_is_on(self, both: Context, isolated: dict[str, int]) -> None:
        c = contacts.c
        with both.store.write() as connection:
            connection.execute(
                sa.update(contacts).where(c.object == "Lead").values(object="Old__c")
            )
        drop(both, "salesforce", "Old__c")
        assert len(isolation.active(both)) == 2


class TestItIsRefused:
    def test_while_the_connection_is_on(self, both: Context, ids: dict[str, str]) -> None:
        before = held(both, "hubspot")
        with pytest.raises(StillReadError, match="hubspot is still connected"):
            drop(both)
        assert held(both, "hubspot") == before

    def test_while_a_run_of_it_is_under_way(
        self, both: Context, ids: dict[str, str], removed: Callable[[], Context]
    ) -> None:
        lifecycle.open_run(both, "hubspot", Scope("everything"))
        ctx = removed()
        with pytest.raises(RunActiveError):
            drop(ctx)
        assert held(ctx, "hubspot") > 0


class TestTheCommand:
    @pytest.fixture
    def hygiene(self, both: Context, sandbox: Sandbox, tmp_path: Path) -> Callable[..., Result]:
        env = {n: value for n, value in sandbox.env().items() if not n.startswith("HUBSPOT")}
        env |= {
            "DATABASE_URL": both.settings.database_url, "HYGIENE_HOME": str(both.settings.home),
            "REDIS_URL": "", "COLUMNS": "300",
        }  # fmt: skip

        def run(*args: str, exit_code: int = 0) -> Result:
            result = CliRunner().invoke(main, args, env=env, prog_name="hygiene")
            assert result.exit_code == exit_code, result.output
            assert "Traceback" not in result.output
            return result

        return run

    def test_looks_first_and_then_drops(
        self, both: Context, ids: dict[str, str], hygiene: Callable[..., Result]
    ) -> None:
        before = held(both, "hubspot")
        shown = hygiene("crm", "drop-records", "hubspot", "--dry-run", "--json")
        looked_at = json.loads(shown.stdout)
        assert (looked_at["dry_run"], looked_at["contacts"]) == (True, before)
        assert held(both, "hubspot") == before
        refused = hygiene("crm", "drop-records", "hubspot", exit_code=2)
        assert "--dry-run, and then give --yes" in refused.stderr
        done = json.loads(hygiene("crm", "drop-records", "hubspot", "--yes", "--json").stdout)
        assert done == {**looked_at, "dry_run": False}
        assert held(both, "hubspot") == 0
        assert "nothing of hubspot" in hygiene("crm", "drop-records", "hubspot", "--yes").output

    def test_says_what_is_there_and_what_stays(
        self, both: Context, ids: dict[str, str], hygiene: Callable[..., Result]
    ) -> None:
        store_report(both, "opt_out", NUMBER)
        deliver_reports(both)
        shown = hygiene("crm", "drop-records", "hubspot", "--dry-run")
        assert "suppressions in force, which stay: 1" in shown.output
        for name in ("salesforce", "nobody"):
            hygiene("crm", "drop-records", name, "--yes", exit_code=2)


class TestWithoutAnyCrm:
    """The last connection was removed too, or the only one has lost its table."""

    @pytest.fixture
    def env(self, both: Context, ids: dict[str, str], sandbox: Sandbox) -> dict[str, str]:
        store_report(both, "opt_out", NUMBER)  # it waits for both
        gone = {name: "" for name in sandbox.env() if name.startswith(("HUBSPOT", "SALESFORCE"))}
        return gone | {"DATABASE_URL": both.settings.database_url}

    def test_the_doctor_and_the_overview_name_them(
        self, env: dict[str, str], make_context: Make
    ) -> None:
        ctx = make_context(**env)
        apply_pending(ctx)
        assert not ctx.settings.active_connectors
        checks = list(doctor.examine(ctx.settings))
        assert "no CRM is connected" in next(c.text for c in checks if c.name == "connectors")
        for name in ("hubspot", "salesforce"):
            texts = [check.text for check in checks if check.name == name]
            assert any("our index holds" in text for text in texts)
            assert any("has not been told 1 report" in text for text in texts)
            assert all(f"hygiene crm drop-records {name} --dry-run" in text for text in texts)
        both_named = [{"connector": "hubspot"}, {"connector": "salesforce"}]
        assert overview(ctx)["needs"]["former"] == both_named

    def test_the_commands_name_and_drop_them(self, env: dict[str, str], both: Context) -> None:
        env |= {"HYGIENE_HOME": str(both.settings.home), "REDIS_URL": "", "COLUMNS": "300"}

        def run(*args: str) -> str:
            result = CliRunner().invoke(main, args, env=env, prog_name="hygiene")
            assert result.exit_code == 0, result.output
            return result.output

        assert "hygiene crm drop-records salesforce --dry-run" in run("overview")
        for name in ("hubspot", "salesforce"):
            run("crm", "drop-records", name, "--yes")
            assert held(both, name) == 0
        assert "drop-records" not in run("overview")
