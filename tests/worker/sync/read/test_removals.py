"""A full read that would drop many contacts from the index asks first."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from clocks import advance_clock
from constants import NUMBER
from crms import Crm
from fixture_types import Sync
from limits import lower_limits

from sandbox.run import Sandbox
from worker.context import Context
from worker.store.tables import (
    absent_records,
    contact_numbers,
    contacts,
    deliveries,
    failures,
    feedback,
    pages,
    removal_holds,
    watermarks,
    writes,
)
from worker.suppression import suppressions
from worker.suppression.apply_reports import apply_pending
from worker.sync import contact_index
from worker.sync.pages import runner
from worker.sync.propagate import propagate
from worker.sync.read import change_detection, reader, removals
from worker.sync.runs import lifecycle, reader_lease, report
from worker.sync.runs.model import RunOptions
from worker.sync.runs.removal_holds import load as load_holds
from worker.sync.runs.scope import Scope

# Of 48 and of 60 contacts: the limit is six.
GUARD = "[sync]\nmax_removals = 0.125\nmax_removals_floor = 4\n"
LIMIT = {"salesforce": 6, "hubspot": 7}


@pytest.fixture
def ctx(make_context: Callable[..., Context], either_database_url: str) -> Context:
    return make_context(GUARD, DATABASE_URL=either_database_url)


def indexed_ids(ctx: Context, crm: Crm, table: sa.Table = contacts) -> set[str]:
    """Records of the CRM's main object that our index has."""
    query = sa.select(table.c.record_id).where(table.c.object == crm.object)
    with ctx.store.read() as connection:
        return set(connection.scalars(query))


def removals_on_hold(ctx: Context) -> dict[str, int]:
    with ctx.store.read() as connection:
        return {hold.object: hold.records for hold in load_holds(connection)}


def count_rows(ctx: Context, table: sa.Table) -> int:
    with ctx.store.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def sync_accepting_removals(ctx: Context, crm: Crm, dry_run: bool = False) -> dict[str, Any]:
    """A full read that an operator told to carry removals out."""
    run_id = lifecycle.open_run(
        ctx, crm.name, Scope("everything"), RunOptions(dry_run=dry_run, accept_removals=True)
    )
    runner.run_to_completion(ctx, run_id)
    return report.run_report(ctx, run_id)


def removal(result: dict[str, Any], crm: Crm) -> dict[str, Any]:
    (entry,) = [entry for entry in result["removals"] if entry["object"] == crm.object]
    return entry


class TestAFullReadThatWouldRemoveMany:
    @pytest.mark.parametrize("which", ["first", "last", "spread"])
    def test_removes_nothing_and_says_why(
        self, ctx: Context, crm: Crm, sync: Sync, which: str
    ) -> None:
        sync(ctx, crm.name)
        before, ids = indexed_ids(ctx, crm), crm.ids()
        numbers = indexed_ids(ctx, crm, contact_numbers)
        crm.hide({"first": ids[:20], "last": ids[-20:], "spread": ids[::2][:20]}[which])
        result = sync(ctx, crm.name, "everything")
        assert indexed_ids(ctx, crm) == before
        assert indexed_ids(ctx, crm, contact_numbers) == numbers
        assert result["state"] == "done"
        assert result["contacts"]["gone"] == 0
        entry = removal(result, crm)
        assert (entry["state"], entry["records"], entry["limit"]) == ("held", 20, LIMIT[crm.name])
        (note,) = result["notes"]
        assert "20 of the" in note
        assert f"hygiene crm check {crm.name}" in note
        assert f"hygiene sync {crm.name} --accept-removals" in note
        assert removals_on_hold(ctx) == {crm.object: 20}
        assert count_rows(ctx, absent_records) == 0

    def test_does_the_contacts_that_it_read_and_lets_increments_go_on(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        ids = crm.ids()
        crm.hide(ids[:20])
        crm.edit(ids[30], {f"phone/{crm.phone}": "ask Kim"})
        with ctx.store.read() as connection:
            marks = set(connection.scalars(sa.select(watermarks.c.full_at)))
        sync(ctx, crm.name, "everything")
        assert crm.get(ids[30], crm.status) == "invalid"
        with ctx.store.read() as connection:
            assert not marks & set(connection.scalars(sa.select(watermarks.c.full_at)))
        time.sleep(1.2)  # CRMs' clocks are known by the second
        crm.edit(ids[31], {f"phone/{crm.phone}": "ask Kim"})
        assert sync(ctx, crm.name)["state"] == "done"
        assert crm.get(ids[31], crm.status) == "invalid"
        assert removals_on_hold(ctx), "an increment says nothing of what was held"

    def test_an_empty_answer_is_held_whatever_the_number(
        self, make_context: Callable[..., Context], either_database_url: str, crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(
            "[sync]\nmax_removals = 1.0\nmax_removals_floor = 1000\n",
            DATABASE_URL=either_database_url,
        )
        sync(ctx, crm.name)
        before = indexed_ids(ctx, crm)
        crm.hide(crm.ids())
        result = sync(ctx, crm.name, "everything")
        assert indexed_ids(ctx, crm) == before
        assert removal(result, crm)["state"] == "held"
        assert (
            f"brought no records, while our index has {len(before)} contacts" in result["notes"][0]
        )
        assert removals_on_hold(ctx) == {crm.object: len(before)}

    def test_an_empty_crm_and_an_empty_index_agree(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        crm.hide(crm.ids())
        sync(ctx, crm.name)
        result = sync(ctx, crm.name, "everything")
        assert result["removals"] == []
        assert not removals_on_hold(ctx)

    def test_the_limit_itself_is_allowed(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        sync(ctx, crm.name)
        ids, limit = crm.ids(), LIMIT[crm.name]
        crm.hide(ids[:limit])
        result = sync(ctx, crm.name, "everything")
        assert result["contacts"]["gone"] == limit
        assert removal(result, crm)["state"] == "removed"
        assert not indexed_ids(ctx, crm) & set(ids[:limit])
        assert not indexed_ids(ctx, crm, contact_numbers) & set(ids[:limit])

    def test_one_more_than_the_limit_is_not(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        sync(ctx, crm.name)
        crm.hide(crm.ids()[: LIMIT[crm.name] + 1])
        assert removal(sync(ctx, crm.name, "everything"), crm)["state"] == "held"

    def test_a_rescan_of_everything_is_a_full_read_too(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        before = indexed_ids(ctx, crm)
        crm.hide(crm.ids()[:20])
        result = sync(ctx, crm.name, "everything", force=True)
        assert removal(result, crm)["state"] == "held"
        assert indexed_ids(ctx, crm) == before

    def test_each_object_has_its_own_limit(
        self, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        crm = Crm.all(sandbox)["salesforce"]
        sync(ctx, "salesforce")
        leads = [r["Id"] for r in sandbox.salesforce.org.tables["Lead"].after_id(None)]
        crm.hide([*crm.ids()[:3], *leads[:5]])
        result = sync(ctx, "salesforce", "everything")
        states = {
            entry["object"]: (entry["state"], entry["records"]) for entry in result["removals"]
        }
        assert states == {"Contact": ("removed", 3), "Lead": ("held", 5)}
        assert removals_on_hold(ctx) == {"Lead": 5}

    def test_is_held_also_where_bulk_jobs_read(
        self, make_context: Callable[..., Context], sandbox: Sandbox, sync: Sync
    ) -> None:
        ctx = make_context(GUARD + "[connectors.salesforce]\nbulk_from = 1\n")
        crm = Crm.all(sandbox)["salesforce"]
        sync(ctx, "salesforce")
        before = indexed_ids(ctx, crm)
        crm.hide(crm.ids()[:20])
        assert removal(sync(ctx, "salesforce", "everything"), crm)["state"] == "held"
        assert indexed_ids(ctx, crm) == before

    def test_memory_stays_flat_where_much_is_absent(
        self, ctx: Context, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """More than a page may list: the database copies the ids itself."""
        monkeypatch.setattr(change_detection, "MAX_ABSENT", 3)
        lower_limits(monkeypatch, removal_batch=4)
        listed: list[int] = []
        collect = removals.collect

        def counted(connection: Any, run_id: str, object_name: str, ids: Any) -> None:
            listed.append(len(ids))
            collect(connection, run_id, object_name, ids)

        monkeypatch.setattr(removals, "collect", counted)
        sync(ctx, crm.name)
        before, ids = indexed_ids(ctx, crm), crm.ids()
        crm.hide(ids[5:])
        result = sync(ctx, crm.name, "everything")
        assert max(listed, default=0) <= 3
        assert indexed_ids(ctx, crm) == before
        assert removals_on_hold(ctx) == {crm.object: len(ids) - 5}
        # Held as soon as the limit was passed: the CRM was not asked for all of them.
        asked = result["api_calls"]["read"]
        assert sync_accepting_removals(ctx, crm)["contacts"]["gone"] == len(ids) - 5
        assert indexed_ids(ctx, crm) == set(ids[:5])
        assert asked < 30


class TestWhatTheCrmItselfTells:
    def test_counts_in_nothing(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        """Deleted and merged records, told by the CRM when it is asked for them by id."""
        sync(ctx, crm.name)
        ids = crm.ids()
        for record_id in ids[:20]:
            crm.act(record_id, {"delete": True})
        crm.act(ids[20], {"merge_into": ids[21]})
        hidden = ids[30 : 30 + LIMIT[crm.name]]
        crm.hide(hidden)
        result = sync(ctx, crm.name, "everything")
        merged = {ids[20]} if crm.name == "salesforce" else {*ids[20:22]}  # HubSpot makes a third
        gone = {*ids[:20], *merged, *hidden}
        assert result["contacts"]["gone"] == len(gone)
        assert removal(result, crm)["state"] == "removed"
        assert removal(result, crm)["records"] == len(hidden)
        assert not indexed_ids(ctx, crm) & gone
        assert not removals_on_hold(ctx)

    def test_is_removed_also_where_the_rest_is_held(
        self, ctx: Context, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sync(ctx, crm.name)
        before, ids = indexed_ids(ctx, crm), crm.ids()
        for record_id in ids[:10]:
            crm.act(record_id, {"delete": True})
        crm.hide(ids[10:30])
        result = sync(ctx, crm.name, "everything")
        assert before - indexed_ids(ctx, crm) == set(ids[:10])
        assert removal(result, crm)["records"] == 20
        assert removals_on_hold(ctx) == {crm.object: 20}

    def test_converted_leads_are_gone(self, ctx: Context, sandbox: Sandbox, sync: Sync) -> None:
        sync(ctx, "salesforce")
        leads = [r["Id"] for r in sandbox.salesforce.org.tables["Lead"].after_id(None)]
        person = Crm.all(sandbox)["salesforce"].ids()[0]
        for lead in leads[:8]:
            sandbox.salesforce.act("Lead", lead, {"convert": person})
        result = sync(ctx, "salesforce", "everything")
        assert result["contacts"]["gone"] == 8
        assert not removals_on_hold(ctx)


class TestAReadThatWasCutShort:
    def test_brings_what_it_left_out_by_its_id(
        self, ctx: Context, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The records are there, and the list left them out: nothing is removed, all are done."""
        sync(ctx, crm.name)
        before, ids = indexed_ids(ctx, crm), crm.ids()
        crm.edit(ids[40], {f"phone/{crm.phone}": "ask Kim"})
        connector = ctx.connector(crm.name)
        read = type(connector).read

        def short(self: Any, object_name: str, *args: Any, **kwargs: Any) -> Any:
            for page in read(self, object_name, *args, **kwargs):
                keep = [contact for contact in page.contacts if contact.id not in ids[35:]]
                yield type(page)(keep, page.cursor, page.remaining, page.deleted_ids)

        monkeypatch.setattr(type(connector), "read", short)
        result = sync(ctx, crm.name, "everything")
        assert indexed_ids(ctx, crm) == before
        assert not removals_on_hold(ctx)
        assert crm.get(ids[40], crm.status) == "invalid"
        assert result["contacts"]["read"] >= len(ids)


class TestAccepting:
    def test_carries_out_what_was_held_and_clears_it(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        ids = crm.ids()
        crm.hide(ids[:20])
        sync(ctx, crm.name, "everything")
        result = sync_accepting_removals(ctx, crm)
        assert removal(result, crm)["state"] == "removed"
        assert removal(result, crm)["accepted"]
        assert result["contacts"]["gone"] == 20
        assert indexed_ids(ctx, crm) == set(ids[20:])
        assert not removals_on_hold(ctx)

    def test_goes_no_further_than_what_was_shown_and_the_limit(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        before, ids, limit = indexed_ids(ctx, crm), crm.ids(), LIMIT[crm.name]
        crm.hide(ids[:20])
        sync(ctx, crm.name, "everything")
        crm.hide(ids[20 : 20 + limit + 1])
        result = sync_accepting_removals(ctx, crm)
        assert removal(result, crm)["state"] == "held"
        assert "20 were accepted" in result["notes"][0]
        assert removals_on_hold(ctx) == {crm.object: 20 + limit + 1}
        assert indexed_ids(ctx, crm) == before
        assert removal(sync_accepting_removals(ctx, crm), crm)["state"] == "removed"
        assert len(before - indexed_ids(ctx, crm)) == 20 + limit + 1

    def test_without_anything_held_takes_the_operator_at_their_word(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        ids = crm.ids()
        crm.hide(ids[:20])
        assert sync_accepting_removals(ctx, crm)["contacts"]["gone"] == 20
        assert indexed_ids(ctx, crm) == set(ids[20:])

    def test_an_empty_read_is_accepted_too(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        sync(ctx, crm.name)
        before = indexed_ids(ctx, crm)
        crm.hide(crm.ids())
        sync(ctx, crm.name, "everything")
        assert sync_accepting_removals(ctx, crm)["contacts"]["gone"] == len(before)
        assert indexed_ids(ctx, crm) == set()
        assert not removals_on_hold(ctx)

    def test_does_not_accept_for_an_object_that_was_not_shown(
        self, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        crm = Crm.all(sandbox)["salesforce"]
        sync(ctx, "salesforce")
        crm.hide(crm.ids()[:20])
        sync(ctx, "salesforce", "everything")
        leads = [r["Id"] for r in sandbox.salesforce.org.tables["Lead"].after_id(None)]
        crm.hide(leads)
        result = sync_accepting_removals(ctx, crm)
        states = {entry["object"]: entry["state"] for entry in result["removals"]}
        assert states == {"Contact": "removed", "Lead": "held"}

    def test_a_hold_is_cleared_when_the_records_are_back(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        hidden = crm.hide(crm.ids()[:20])
        sync(ctx, crm.name, "everything")
        crm.show(hidden)
        sync(ctx, crm.name, "everything")
        assert not removals_on_hold(ctx)

    def test_a_hold_that_goes_on_keeps_its_beginning_and_tells_the_new_number(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        crm.hide(crm.ids()[:20])
        sync(ctx, crm.name, "everything")
        with ctx.store.read() as connection:
            (first,) = load_holds(connection)
        crm.hide(crm.ids()[20:25] if crm.name == "salesforce" else crm.ids()[:5])
        sync(ctx, crm.name, "everything")
        with ctx.store.read() as connection:
            (second,) = load_holds(connection)
        assert second.records == 25
        assert second.since == first.since
        assert second.at > first.at


class TestADryRun:
    def test_removes_and_holds_nothing_and_says_what_it_would(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        before, ids = indexed_ids(ctx, crm), crm.ids()
        crm.act(ids[25], {"delete": True})
        crm.hide(ids[:3])
        few = removal(sync(ctx, crm.name, "everything", dry_run=True), crm)
        assert (few["state"], few["records"]) == ("would_remove", 3)
        crm.hide(ids[3:20])
        many = removal(sync(ctx, crm.name, "everything", dry_run=True), crm)
        assert (many["state"], many["records"]) == ("would_hold", 20)
        entry = removal(sync_accepting_removals(ctx, crm, dry_run=True), crm)
        assert (entry["state"], entry["records"]) == ("would_remove", 20)
        assert indexed_ids(ctx, crm) == before
        assert count_rows(ctx, removal_holds) == count_rows(ctx, absent_records) == 0

    def test_of_what_is_held_clears_nothing(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        sync(ctx, crm.name)
        hidden = crm.hide(crm.ids()[:20])
        sync(ctx, crm.name, "everything")
        crm.show(hidden)
        sync(ctx, crm.name, "everything", dry_run=True)
        assert removals_on_hold(ctx)


class TestRecordsThatCameBack:
    def test_one_that_was_recorded_since_the_read_began_stays(
        self, ctx: Context, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another run sees it between its page and the decision; the CRM is no longer asked."""
        sync(ctx, crm.name)
        ids = crm.ids()
        crm.hide(ids[:3])
        remove_batch = removals.Decision._remove_batch

        def meanwhile(self: removals.Decision) -> bool:
            with ctx.store.write() as connection:
                connection.execute(
                    sa.update(contacts)
                    .where(contacts.c.record_id == ids[1])
                    .values(checked_at=ctx.now())
                )
            return remove_batch(self)

        monkeypatch.setattr(removals.Decision, "_remove_batch", meanwhile)
        result = sync(ctx, crm.name, "everything")
        assert result["contacts"]["gone"] == 2
        assert ids[1] in indexed_ids(ctx, crm)
        assert not indexed_ids(ctx, crm) & {ids[0], ids[2]}


class Killed(BaseException):
    """The process is gone at this very point."""


def dies(*_args: Any) -> None:
    raise Killed


class TestAProcessThatDies:
    """Before and after each transaction of the decision, and of the read before it."""

    @pytest.mark.parametrize("accept", [False, True])
    def test_at_any_step_decides_the_same(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync, accept: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        lower_limits(monkeypatch, removal_batch=4)
        ctx = make_context(GUARD)
        sync(ctx, crm.name)
        before, ids = indexed_ids(ctx, crm), crm.ids()
        for record_id in ids[:5]:
            crm.act(record_id, {"delete": True})
        hidden = ids[10:20] if accept else ids[10 : 10 + LIMIT[crm.name]]
        crm.hide(hidden)
        run_id = lifecycle.open_run(
            ctx, crm.name, Scope("everything"), RunOptions(accept_removals=accept)
        )
        note, deaths = reader._update_run, itertools.count()
        die_at = {"before": -1, "after": -1}
        calls = itertools.count()

        def dying(connection: Any, *args: Any, **values: Any) -> None:
            number = next(calls)
            if number == die_at["before"]:
                next(deaths)
                raise Killed
            note(connection, *args, **values)

        monkeypatch.setattr(reader, "_update_run", dying)
        for step in range(200):
            die_at["before"] = step
            calls = itertools.count()
            # What a process had done up to this point is committed; the rest is for the next one.
            life = make_context(GUARD)
            try:
                if not reader_lease.claim(life, run_id):
                    with life.store.write() as connection:
                        connection.execute(
                            sa.update(lifecycle.runs).values(
                                reader_owner=None, reader_lease_expires_at=None
                            )
                        )
                runner.run_to_completion(life, run_id, pages_at_once=1)
            except Killed:
                continue
            break
        else:
            pytest.fail("it never ended")
        assert next(deaths) > 3
        result = report.run_report(ctx, run_id)
        gone = {*ids[:5], *hidden}
        assert before - indexed_ids(ctx, crm) == gone
        assert result["contacts"]["gone"] == len(gone)
        assert removal(result, crm)["records"] == len(hidden)
        assert count_rows(ctx, absent_records) == 0

    def test_a_run_of_the_release_before_goes_on(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        """Its places say nothing of what is new; what it has removed by itself is gone."""
        sync(ctx, crm.name)
        before, ids = indexed_ids(ctx, crm), crm.ids()
        crm.hide(ids[:20])
        run_id = lifecycle.open_run(ctx, crm.name, Scope("everything"))
        reading = lifecycle.load(ctx, run_id).reading
        for entry in reading:
            if entry["object"] == crm.object:
                entry.update(cursor=None, done=True, last=ids[-1])
        with ctx.store.write() as connection:
            connection.execute(sa.update(lifecycle.runs).values(reading=reading))
            contact_index.forget(connection, crm.name, crm.object, ids[:2])
        runner.run_to_completion(ctx, run_id)
        assert lifecycle.load(ctx, run_id).state == "done"
        assert before - indexed_ids(ctx, crm) == set(ids[:2])
        assert not removals_on_hold(ctx)

    def test_a_cancelled_run_leaves_nothing_behind(
        self, ctx: Context, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from worker.sync.runs import control

        sync(ctx, crm.name)
        before = indexed_ids(ctx, crm)
        crm.hide(crm.ids()[:20])
        run_id = lifecycle.open_run(ctx, crm.name, Scope("everything"))

        def stopped(_self: removals.Decision, _may: Any) -> bool:
            control.cancel(ctx, run_id, "somebody")
            return False

        monkeypatch.setattr(removals.Decision, "run", stopped)
        runner.run_to_completion(ctx, run_id)
        assert lifecycle.load(ctx, run_id).state == "cancelled"
        assert indexed_ids(ctx, crm) == before
        assert count_rows(ctx, absent_records) == 0


class TestResuming:
    def test_accepting_resumes_no_run_that_does_not_accept(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        plain = lifecycle.open_run(ctx, crm.name, Scope("everything"))
        assert lifecycle.find_resumable(ctx, crm.name, full=True) is not None
        assert lifecycle.find_resumable(ctx, crm.name, full=True, accept_removals=True) is None
        lifecycle.fail(ctx, plain, "the CRM was away")
        run_id = lifecycle.open_run(
            ctx, crm.name, Scope("everything"), RunOptions(accept_removals=True)
        )
        lifecycle.fail(ctx, run_id, "the CRM was away")
        again = lifecycle.find_resumable(ctx, crm.name, full=True, accept_removals=True)
        assert again is not None
        assert again.id == run_id
        assert again.accepts_removals


class TestRecordsByTheirIds:
    """A rescan, a retried page or a report asks for records by id."""

    def test_one_that_cannot_be_seen_stays_in_the_index(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        before, ids = indexed_ids(ctx, crm), crm.ids()
        crm.hide(ids[:2])
        crm.act(ids[2], {"delete": True})
        result = sync(ctx, crm.name, scope=Scope("ids", tuple(ids[:4])))
        assert before - indexed_ids(ctx, crm) == {ids[2]}
        assert result["contacts"]["gone"] == 1
        assert result["not_visible"] == 2
        assert result["contacts"]["failed"] == 0
        with ctx.store.read() as connection:
            rows = connection.execute(sa.select(failures)).all()
        assert {(row.record_id, row.kind, row.retry) for row in rows} == {
            (ids[0], "not_visible", False), (ids[1], "not_visible", False),
        }  # fmt: skip
        assert sync(ctx, crm.name)["not_visible"] == 0, "no loop tries it again"

    def test_is_worked_on_again_once_it_is_seen(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        sync(ctx, crm.name)
        ids = crm.ids()
        hidden = crm.hide(ids[:2])
        sync(ctx, crm.name, scope=Scope("ids", tuple(ids[:2])))
        crm.show(hidden)
        sync(ctx, crm.name, "everything")
        assert count_rows(ctx, failures) == 0

    def test_what_a_full_read_removes_leaves_no_failure_behind(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        ids = crm.ids()
        crm.hide(ids[:2])
        sync(ctx, crm.name, scope=Scope("ids", tuple(ids[:2])))
        assert sync(ctx, crm.name, "everything")["contacts"]["gone"] == 2
        assert count_rows(ctx, failures) == 0

    def test_an_id_that_nobody_knows_is_only_counted(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        nobody = "003000000000000AAA" if crm.name == "salesforce" else "999999999"
        result = sync(ctx, crm.name, scope=Scope("ids", (nobody,)))
        assert result["not_visible"] == 1
        assert count_rows(ctx, failures) == 0

    def test_a_write_that_is_refused_as_if_it_were_gone_is_looked_into(
        self, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        crm = Crm.all(sandbox)["salesforce"]
        sync(ctx, "salesforce")
        target = crm.ids()[0]
        crm.edit(target, {f"phone/{crm.phone}": "ask Kim"})
        crm.meanwhile(crm.write_call, target, {"hide": True})
        result = sync(ctx, "salesforce")
        assert target in indexed_ids(ctx, crm)
        assert result["contacts"]["gone"] == 0
        assert {failure["id"]: failure["kind"] for failure in result["failures"]} == {
            target: "not_visible"
        }

    def test_a_report_is_not_confirmed_for_a_contact_that_cannot_be_seen(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        target = crm.ids()[0]
        crm.edit(target, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        hidden = crm.hide([target])
        suppressions.add(ctx, NUMBER, "opt_out", "", "said STOP", "test")
        apply_pending(ctx)
        propagate(ctx, crm.name)
        query = sa.select(deliveries).where(deliveries.c.connector == crm.name)
        with ctx.store.read() as connection:
            waiting = connection.execute(query).one()
        assert (waiting.state, waiting.holders) == ("pending", 1)
        assert "does not see this record" in waiting.error
        assert target in indexed_ids(ctx, crm, contact_numbers)
        crm.show(hidden)
        advance_clock(ctx, hours=7)
        propagate(ctx, crm.name)
        with ctx.store.read() as connection:
            assert connection.execute(query).one().state == "done"
        assert crm.get(target, "do_not_contact") is True

    def test_what_was_announced_to_one_is_settled_when_it_is_seen_again(
        self, ctx: Context, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The worker dies after the CRM had its write and before that was noted, and the record is
        hidden then. Our own flag is no person's word, also weeks later."""
        from worker.sync.pages import lease, results

        target = crm.ids()[0]
        crm.edit(target, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        suppressions.add(ctx, NUMBER, "opt_out", "", "said STOP", "test")
        run_id = lifecycle.open_run(ctx, crm.name, Scope("ids", (target,)))
        with monkeypatch.context() as killed:
            killed.setattr(results, "commit", dies)
            killed.setattr(lease, "release", lambda *_args, **_more: None)
            with pytest.raises(Killed):
                runner.run_to_completion(ctx, run_id, pages_at_once=1)
        assert crm.get(target, "do_not_contact") is True
        hidden = crm.hide([target])
        runner.run_to_completion(ctx, lifecycle.resume(ctx, run_id).id, pages_at_once=1)
        with ctx.store.read() as connection:
            states = set(
                connection.scalars(sa.select(writes.c.state).where(writes.c.run_id == run_id))
            )
            reports = count_rows(ctx, feedback)
        assert states == {"pending"}, "nobody can tell whether it was written"
        crm.show(hidden)
        sync(ctx, crm.name, "everything")
        assert count_rows(ctx, feedback) == reports, "no report of a CRM user came of our own flag"
        with ctx.store.read() as connection:
            states = set(
                connection.scalars(sa.select(writes.c.state).where(writes.c.run_id == run_id))
            )
        assert states == {"done"}

    def test_what_was_announced_is_not_given_up_when_a_record_vanishes_meanwhile(
        self, ctx: Context, sandbox: Sandbox, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A full read brings the record; when it is looked at once more, our user has lost it."""
        from worker.sync.pages import lease, results

        crm = Crm.all(sandbox)["salesforce"]
        target = crm.ids()[0]
        crm.edit(target, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, "salesforce")
        suppressions.add(ctx, NUMBER, "opt_out", "", "said STOP", "test")
        run_id = lifecycle.open_run(ctx, "salesforce", Scope("ids", (target,)))
        with monkeypatch.context() as killed:
            killed.setattr(results, "commit", dies)
            killed.setattr(lease, "release", lambda *_args, **_more: None)
            with pytest.raises(Killed):
                runner.run_to_completion(ctx, run_id, pages_at_once=1)
        lifecycle.fail(ctx, run_id, "its machine is gone")
        with ctx.store.write() as connection:  # and its lease has ended
            connection.execute(sa.update(pages).values(owner=None, lease_expires_at=None))
        crm.meanwhile(r"Id(%20|\+)IN", target, {"hide": True})
        sync(ctx, "salesforce", "everything")
        of_run = sa.select(writes.c.state).where(writes.c.run_id == run_id)
        with ctx.store.read() as connection:
            assert connection.scalar(of_run) == "pending"
        crm.show({})
        reports = count_rows(ctx, feedback)
        sync(ctx, "salesforce", "everything")
        with ctx.store.read() as connection:
            assert connection.scalar(of_run) == "done"
        assert count_rows(ctx, feedback) == reports

    def test_an_undo_says_what_it_could_not_put_back(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        from worker.sync.undo.undo import undo

        run_id = sync(ctx, crm.name)["run"]
        written = [write["id"] for write in report.run_report(ctx, run_id, 1000)["writes"]]
        chosen = [record_id for record_id in crm.ids() if record_id in written][:3]
        crm.act(chosen[0], {"delete": True})
        crm.hide(chosen[1:])
        done = undo(ctx, run_id)
        assert done.gone == [chosen[0]]
        assert sorted(done.not_visible) == sorted(chosen[1:])


class TestTwoReaders:
    def test_one_that_has_lost_its_lease_removes_nothing(
        self, ctx: Context, crm: Crm, sync: Sync, make_context: Callable[..., Context],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        sync(ctx, crm.name)
        before, ids = indexed_ids(ctx, crm), crm.ids()
        crm.hide(ids[:3])
        run_id = lifecycle.open_run(ctx, crm.name, Scope("everything"))
        remove_batch = removals.Decision._remove_batch

        def robbed(self: removals.Decision) -> bool:
            with ctx.store.write() as connection:
                connection.execute(sa.update(lifecycle.runs).values(reader_owner="somebody else"))
            return remove_batch(self)

        assert reader_lease.claim(ctx, run_id)
        with monkeypatch.context() as patch:
            patch.setattr(removals.Decision, "_remove_batch", robbed)
            run = lifecycle.load(ctx, run_id)
            assert not reader.read_from_cursor(ctx, run, lambda *_: None, lambda: True)
        assert indexed_ids(ctx, crm) == before
        with ctx.store.write() as connection:
            connection.execute(
                sa.update(lifecycle.runs).values(reader_owner=None, reader_lease_expires_at=None)
            )
        runner.run_to_completion(ctx, run_id)
        assert before - indexed_ids(ctx, crm) == set(ids[:3])
        assert report.run_report(ctx, run_id)["contacts"]["gone"] == 3
