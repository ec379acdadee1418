"""Reports reach every record that holds the number, in every CRM, and stay there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
from clocks import advance_clock
from constants import NUMBER, OTHER, OTHER_PHONES
from crms import Crm
from fixture_types import Sync
from limits import lower_limits
from queue_tasks import tasks
from reports import deliver_reports, report_kinds, store_report

from connectors.errors import UnavailableError
from sandbox.hubspot import HubSpotService, Portal
from sandbox.run import Sandbox
from sandbox.salesforce import Org, SalesforceService
from sandbox.table import Clock
from worker.context import Context
from worker.feedback import report_log as feedback_log
from worker.feedback.models import ContactIdentity
from worker.queue import dedupe
from worker.store import changed_records
from worker.store import outbox as delivering
from worker.store.tables import deliveries, feedback, pages, suppressions, writes
from worker.suppression import imported_lists
from worker.suppression import suppressions as suppress
from worker.suppression.apply_reports import apply_pending, requeue_missed
from worker.sync import propagate as propagation
from worker.sync.pages import evaluate, results, runner
from worker.sync.pages import process as page_work
from worker.sync.propagate import pending_connectors, propagate
from worker.sync.read import reader
from worker.sync.runs import lifecycle, reader_lease, stored_pages
from worker.sync.runs.model import RunOptions
from worker.sync.runs.scope import Scope
from worker.sync.write import batcher


def contact_with_number(ctx: Context, crm: Crm, sync: Sync) -> str:
    """A contact that has NUMBER, and is in sync."""
    record_id = crm.ids()[0]
    crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
    sync(ctx, crm.name)
    return record_id


class TestAPersonWhoSaidNo:
    """It was the person, and not the number: it holds for whatever number the record gets."""

    def test_is_not_called_on_another_number(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        record_id = contact_with_number(ctx, crm, sync)
        crm.edit(record_id, {"do_not_contact": True})
        sync(ctx, crm.name)
        crm.edit(record_id, {f"phone/{crm.phone}": OTHER})
        sync(ctx, crm.name, "everything")
        assert crm.get(record_id, "do_not_contact")
        assert crm.get(record_id, crm.status) == "do_not_contact"

    @pytest.mark.parametrize("text", ["20155", None])
    def test_is_heard_where_the_record_has_no_number(
        self, ctx: Context, crm: Crm, sync: Sync, text: str | None
    ) -> None:
        record_id = contact_with_number(ctx, crm, sync)
        nothing = {f"phone/{name}": None for name in OTHER_PHONES[crm.name]}
        crm.edit(record_id, {f"phone/{crm.phone}": text, **nothing})
        sync(ctx, crm.name)
        crm.edit(record_id, {"do_not_call": True})
        for _ in range(2):
            sync(ctx, crm.name, "everything")
            assert crm.get(record_id, "do_not_call")
        assert not crm.get(record_id, "do_not_text")
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name, "everything")
        assert crm.get(record_id, "do_not_call")
        crm.edit(record_id, {"do_not_call": False})
        sync(ctx, crm.name, "everything")
        assert not crm.get(record_id, "do_not_call")

    def test_with_a_number_that_is_gone_from_the_record_is_flagged(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        """An agent logs a call to a number of before."""
        record_id = contact_with_number(ctx, crm, sync)
        key = f"{crm.name}/{crm.object}/{record_id}"
        store_report(ctx, "opt_out", OTHER, contact=key, scope="person", channels="call")
        deliver_reports(ctx)
        assert crm.get(record_id, "do_not_call")


def delivery_states(ctx: Context) -> dict[str, str]:
    with ctx.store.read() as connection:
        rows = connection.execute(sa.select(deliveries.c.connector, deliveries.c.state))
        return {row.connector: row.state for row in rows}


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


class TestAReport:
    def test_reaches_every_crm_with_a_call_to_read_and_one_to_write(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        store_report(ctx, "opt_out", evidence="replied STOP")
        assert deliver_reports(ctx) == 2
        for crm in crms:
            record_id = contact_ids[crm.name]
            assert crm.get(record_id, crm.status) == "do_not_contact"
            assert crm.get(record_id, "do_not_contact") is True
            assert "replied “STOP”" in crm.get(record_id, "reason")
            assert crm.calls == 2, dict(crm.service.counters)
        assert delivery_states(ctx) == {"salesforce": "done", "hubspot": "done"}

    def test_that_nobody_holds_costs_no_call(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        store_report(ctx, "opt_out", OTHER)
        assert deliver_reports(ctx) == 0
        assert delivery_states(ctx) == {"salesforce": "done", "hubspot": "done"}
        assert [crm.calls for crm in crms] == [0, 0]

    def test_counts_once_however_often_it_comes(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        for _ in range(3):
            store_report(ctx, "wrong_number", key="the same")
        deliver_reports(ctx)
        before = [crm.writes for crm in crms]
        store_report(ctx, "wrong_number", key="the same")
        deliver_reports(ctx)
        assert [crm.writes for crm in crms] == before == [1, 1]
        with ctx.store.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(feedback)) == 1

    def test_that_came_late_does_not_undo_what_was_said_after_it(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        now = ctx.now()
        store_report(ctx, "opt_out", at=now)
        deliver_reports(ctx)
        store_report(ctx, "opt_in", at=now - timedelta(hours=1))
        deliver_reports(ctx)
        assert all(crm.get(contact_ids[crm.name], "do_not_contact") for crm in crms)

    def test_flags_a_contact_that_is_imported_later(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str], sync: Sync
    ) -> None:
        store_report(ctx, "opt_out", OTHER)
        deliver_reports(ctx)
        for crm in crms:
            later = crm.ids()[3]
            crm.edit(later, {f"phone/{crm.phone}": OTHER})
            sync(ctx, crm.name)
            assert crm.get(later, crm.status) == "do_not_contact"

    def test_goes_with_the_number_and_comes_back_with_it(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str], sync: Sync
    ) -> None:
        store_report(ctx, "wrong_number")
        deliver_reports(ctx)
        for crm in crms:
            record_id = contact_ids[crm.name]
            assert crm.get(record_id, "wrong_number") is True
            crm.edit(record_id, {f"phone/{crm.phone}": OTHER})
            sync(ctx, crm.name)
            assert not crm.get(record_id, "wrong_number")
            crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
            sync(ctx, crm.name)
            assert crm.get(record_id, "wrong_number") is True

    def test_that_a_person_clears_in_one_crm_is_cleared_for_that_person_and_stays_so(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str], sync: Sync
    ) -> None:
        store_report(ctx, "wrong_number")
        deliver_reports(ctx)
        crms[0].edit(contact_ids["salesforce"], {"wrong_number": False})
        for _ in range(2):
            for crm in crms:
                sync(ctx, crm.name)
            deliver_reports(ctx)
        assert not crms[0].get(contact_ids["salesforce"], "wrong_number")
        assert crms[0].get(contact_ids["salesforce"], crms[0].status) == "valid"

    def test_that_is_lifted_is_lifted_everywhere(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        store_report(ctx, "opt_out")
        deliver_reports(ctx)
        (suppression,) = suppress.list_suppressions(ctx, NUMBER)
        lifted = suppress.lift(ctx, suppression.id, "admin", "asked us on the phone to call again")
        assert lifted.lifted_why == "asked us on the phone to call again"
        assert suppress.list_suppressions(ctx, NUMBER) == []
        deliver_reports(ctx)
        assert not any(crm.get(contact_ids[crm.name], "do_not_contact") for crm in crms)


class TestAStopByHand:
    """What an admin adds is the latest word, also for whom an earlier one was lifted."""

    def test_reaches_a_contact_that_was_excepted_from_an_earlier_one(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = contact_with_number(ctx, crm, sync)
        first = suppress.add(ctx, NUMBER, "opt_out", "", "a letter", "an admin")
        deliver_reports(ctx)
        crm.edit(record_id, dict.fromkeys(("do_not_contact", "do_not_call", "do_not_text"), False))
        sync(ctx, crm.name)
        assert not crm.get(record_id, "do_not_contact")
        second = suppress.add(ctx, NUMBER, "opt_out", "", "a second letter", "an admin")
        deliver_reports(ctx)
        assert crm.get(record_id, "do_not_contact") is True
        again = suppress.add(ctx, NUMBER, "opt_out", "", "the second letter again", "an admin")
        assert (again.id, again.id != first.id) == (second.id, True)

    def test_marks_a_number_wrong_again_for_who_confirmed_it(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = contact_with_number(ctx, crm, sync)
        suppress.add(ctx, NUMBER, "wrong_number", "", "a stranger", "an admin")
        deliver_reports(ctx)
        crm.edit(record_id, {"wrong_number": False})
        sync(ctx, crm.name)
        suppress.add(ctx, NUMBER, "wrong_number", "", "a stranger again", "an admin")
        deliver_reports(ctx)
        assert crm.get(record_id, "wrong_number") is True

    def test_of_one_person_counts_after_a_yes_with_another_number(self, ctx: Context) -> None:
        who = ContactIdentity("salesforce/Contact/1", "a person")
        first = suppress.add(ctx, NUMBER, "opt_out", "", "a letter", "an admin", who)
        store_report(ctx, "opt_in", OTHER, contact=who.key, scope="person", person=who.person)
        second = suppress.add(ctx, NUMBER, "opt_out", "", "a second letter", "an admin", who)
        assert second.id != first.id


class TestAMessageThatArrives:
    def test_makes_good_in_the_crms_what_failed_before(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        store_report(ctx, "undeliverable", severity="dead", at=ctx.now() - timedelta(hours=1))
        deliver_reports(ctx)
        assert all(crm.get(contact_ids[crm.name], crm.status) == "unreachable" for crm in crms)
        with ctx.store.write() as connection:
            feedback_log.record_delivery(connection, NUMBER, ctx.now(), ctx.now())
        deliver_reports(ctx)
        assert all(crm.get(contact_ids[crm.name], crm.status) == "valid" for crm in crms)

    def test_costs_nothing_where_none_failed(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        store_report(ctx, "opt_out")
        deliver_reports(ctx)
        calls = [crm.calls for crm in crms]
        assert all(calls)
        with ctx.store.write() as connection:
            feedback_log.record_delivery(connection, NUMBER, ctx.now(), ctx.now())
        deliver_reports(ctx)
        assert [crm.calls for crm in crms] == calls


class TestAnOutage:
    def test_of_one_crm_keeps_nothing_from_the_other_and_all_arrives_after_it(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        salesforce, hubspot = crms
        fault = hubspot.fault(".*", "status", status=503, times=10_000)
        store_report(ctx, "opt_out", key="first")
        deliver_reports(ctx)
        store_report(ctx, "opt_in", key="second", at=ctx.now() + timedelta(seconds=1))
        store_report(ctx, "wrong_number", key="third")
        deliver_reports(ctx)
        assert salesforce.get(contact_ids["salesforce"], "wrong_number") is True
        assert delivery_states(ctx)["hubspot"] == "pending"
        before = hubspot.calls
        deliver_reports(ctx)
        assert hubspot.calls == before  # it is left alone for a while
        hubspot.service.faults.remove(fault)
        advance_clock(ctx, minutes=3)
        deliver_reports(ctx)
        assert hubspot.get(contact_ids["hubspot"], "wrong_number") is True
        assert set(delivery_states(ctx).values()) == {"done"}
        assert hubspot.writes == 1  # what stands, at once: not each report by itself

    def test_opens_no_run_after_the_other(
        self, ctx: Context, crms: list[Crm], contact_ids: Any
    ) -> None:
        crms[1].fault(".*", "status", status=503, times=10_000)
        store_report(ctx, "opt_out")
        clock = ctx.now
        for minute in range(0, 30, 3):
            ctx.now = lambda minute=minute: clock() + timedelta(minutes=minute)  # type: ignore[misc]
            deliver_reports(ctx)
        assert (
            len([run for run in lifecycle.recent(ctx, reports=True) if run.kind == "reports"]) == 2
        )
        assert {run.kind for run in lifecycle.recent(ctx)} == {"sync"}

    def test_of_one_record_is_tried_again_until_it_takes_it(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        salesforce = crms[0]
        salesforce.service.org.locks[contact_ids["salesforce"]] = 1000
        store_report(ctx, "opt_out")
        deliver_reports(ctx)
        assert delivery_states(ctx) == {"salesforce": "pending", "hubspot": "done"}
        salesforce.service.org.locks.clear()
        advance_clock(ctx, minutes=1)
        deliver_reports(ctx)
        assert delivery_states(ctx)["salesforce"] == "done"
        assert salesforce.get(contact_ids["salesforce"], "do_not_contact") is True


def store_pages(ctx: Context, run_id: str) -> None:
    """Read all of a run, and process nothing."""
    reader_lease.claim(ctx, run_id)
    reader.read_from_cursor(ctx, lifecycle.load(ctx, run_id), lambda *_: None, lambda: True)
    reader_lease.release(ctx, run_id)


class TestASyncBesideIt:
    """A page that was decided before a report came, and is written after it."""

    def _page(self, ctx: Context, crm: Crm) -> tuple[str, int]:
        run_id = lifecycle.open_run(ctx, crm.name, Scope("everything"))
        store_pages(ctx, run_id)
        return run_id, stored_pages.list_pending(ctx, run_id)[0].id

    def _flagged_and_not_noted(
        self, ctx: Context, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> str:
        """A record whose flag a run has written; it failed before it noted that."""
        record_id = self._flagging_fails(ctx, crm, sync, monkeypatch, results, "commit")
        assert crm.get(record_id, "wrong_number") is True
        return record_id

    def _flagging_fails(
        self, ctx: Context, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch,
        module: ModuleType, step: str,
    ) -> str:  # fmt: skip
        """A record whose flag a run was to write; it failed for good at this step."""
        record_id = contact_with_number(ctx, crm, sync)
        store_report(ctx, "wrong_number")
        apply_pending(ctx)

        def fails(*_args: Any) -> None:
            raise UnavailableError(f"{crm.name}: away")

        with monkeypatch.context() as broken:
            broken.setattr(module, step, fails)
            with pytest.raises(UnavailableError):
                sync(ctx, crm.name, scope=Scope("ids", (record_id,)))
        return record_id

    def test_does_not_write_over_what_was_reported_meanwhile(
        self, ctx: Context, crm: Crm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        _, page = self._page(ctx, crm)
        written = page_work.write_all

        def late(*args: Any) -> Any:
            store_report(ctx, "opt_out")
            deliver_reports(ctx)  # the record is not even in the index yet
            return written(*args)

        monkeypatch.setattr(page_work, "write_all", late)
        page_work.process(ctx, page)
        monkeypatch.undo()
        assert crm.get(record_id, crm.status) == "valid"
        assert delivery_states(ctx)[crm.name] == "pending"
        deliver_reports(ctx)
        assert crm.get(record_id, crm.status) == "do_not_contact"
        assert delivery_states(ctx)[crm.name] == "done"

    def test_is_told_what_was_reported_in_the_moment_in_which_it_was_recorded(
        self, ctx: Context, crm: Crm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The page had looked for news before the report was there; the report had looked for
        holders before the page was in the index. Neither saw the other."""
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        _, page = self._page(ctx, crm)
        with monkeypatch.context() as at_once:
            at_once.setattr(results, "_requeue_new_reports", lambda *_args: None)
            written = page_work.write_all

            def late(*args: Any) -> Any:
                store_report(ctx, "opt_out")
                deliver_reports(ctx)
                return written(*args)

            at_once.setattr(page_work, "write_all", late)
            page_work.process(ctx, page)
        assert crm.get(record_id, crm.status) == "valid"
        with monkeypatch.context() as beat:
            rung: list[Any] = []
            beat.setattr(tasks, "context", lambda: ctx)
            beat.setattr(dedupe, "enqueue_once", lambda task, *_more: rung.append(task))
            beat.setattr(tasks, "go_on", lambda *_run, **_more: None)  # no Redis runs here
            tasks.revive()
            assert rung == [tasks.apply], "found by the task that beat sends each minute"
        deliver_reports(ctx)
        assert crm.get(record_id, crm.status) == "do_not_contact"
        assert requeue_missed(ctx) == 0, "it is held, and known to be"

    def test_remembers_the_flags_that_another_run_wrote_before_its_own_write(
        self, ctx: Context, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It has read that the flags are not set, and is done after they were."""
        record_id = contact_with_number(ctx, crm, sync)
        crm.edit(record_id, {"recheck": True})
        run_id, _ = self._page(ctx, crm)
        written = page_work.write_all
        reported: list[str] = []

        def late(*args: Any) -> Any:
            if not reported:
                reported.append("STOP")
                store_report(ctx, "opt_out")
                deliver_reports(ctx)
            return written(*args)

        with monkeypatch.context() as slow:
            slow.setattr(page_work, "write_all", late)
            runner.run_to_completion(ctx, run_id, pages_at_once=1)
        deliver_reports(ctx)
        sync(ctx, crm.name, scope=Scope("everything"))
        assert report_kinds(ctx) == ["opt_out"]
        assert crm.get(record_id, crm.status) == "do_not_contact"

    def test_opens_a_delivery_anew_also_while_its_run_ends(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        store_report(ctx, "opt_out")
        apply_pending(ctx)
        with ctx.store.write() as connection:
            (delivery,) = delivering.claimable(connection, "hubspot", ctx.now(), 10)
            delivering.claim(connection, [delivery], "a run")
            delivering.requeue(connection, "hubspot", [NUMBER], ctx.now())
            assert delivering.complete(connection, "hubspot", "a run", ctx.now()) == 0
        assert delivery_states(ctx)["hubspot"] == "pending"
        deliver_reports(ctx)
        assert delivery_states(ctx)["hubspot"] == "done"

    def test_does_not_take_our_flag_for_a_persons_word(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = contact_with_number(ctx, crm, sync)
        crm.edit(record_id, {"recheck": True})
        run_id, _ = self._page(ctx, crm)  # has read that the flags are not set
        store_report(ctx, "opt_out")
        deliver_reports(ctx)  # sets them
        runner.run_to_completion(ctx, run_id)
        assert report_kinds(ctx) == ["opt_out"]
        deliver_reports(ctx)
        sync(ctx, crm.name)
        assert crm.get(record_id, crm.status) == "do_not_contact"
        assert crm.get(record_id, "do_not_contact") is True

    def test_does_not_take_a_write_that_was_announced_before_it_for_a_persons_word(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        """A run of reports had begun before the sync was opened, and wrote after it had read."""
        record_id = contact_with_number(ctx, crm, sync)
        crm.edit(record_id, {"recheck": True})
        run_id, _ = self._page(ctx, crm)
        store_report(ctx, "wrong_number")
        deliver_reports(ctx)
        began = lifecycle.load(ctx, run_id).opened_at - timedelta(seconds=20)
        with ctx.store.write() as connection:
            connection.execute(
                sa.update(writes).where(writes.c.record_id == record_id).values(at=began)
            )
        runner.run_to_completion(ctx, run_id)
        sync(ctx, crm.name)
        assert report_kinds(ctx) == ["wrong_number"]
        assert crm.get(record_id, "wrong_number") is True

    def test_does_not_take_for_a_persons_word_what_a_run_wrote_that_failed_for_good(
        self, ctx: Context, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It wrote the flag, failed before it noted that, and another run came first."""
        record_id = self._flagged_and_not_noted(ctx, crm, sync, monkeypatch)
        advance_clock(ctx, hours=1)
        sync(ctx, crm.name, scope=Scope("everything"))
        assert report_kinds(ctx) == ["wrong_number"]
        crm.edit(record_id, {"wrong_number": False})
        sync(ctx, crm.name, scope=Scope("everything"))
        assert set(report_kinds(ctx)) == {"wrong_number", "confirmed"}, (
            "a person who clears it is heard"
        )

    def test_hears_a_person_who_clears_a_flag_that_its_run_never_noted(
        self, ctx: Context, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """To our index the flag was never set: what is cleared looks as it was all along."""
        record_id = self._flagged_and_not_noted(ctx, crm, sync, monkeypatch)
        crm.edit(record_id, {"wrong_number": False})
        advance_clock(ctx, hours=1)
        sync(ctx, crm.name, scope=Scope("everything"))
        assert set(report_kinds(ctx)) == {"wrong_number", "confirmed"}
        assert not crm.get(record_id, "wrong_number")

    def test_looks_once_for_what_a_run_that_failed_for_good_did_not_send(
        self, ctx: Context, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record_id = self._flagging_fails(ctx, crm, sync, monkeypatch, batcher, "write_all")
        assert not crm.get(record_id, "wrong_number")
        advance_clock(ctx, hours=1)
        sync(ctx, crm.name, scope=Scope("everything"))
        assert crm.get(record_id, "wrong_number") is True
        assert report_kinds(ctx) == ["wrong_number"], "and it is nobody else's word"
        query = sa.select(writes.c.state).where(writes.c.record_id == record_id)
        with ctx.store.read() as connection:
            delivery_states = connection.scalars(query.order_by(writes.c.id)).all()
        assert delivery_states == ["done", "failed", "done"]

    def test_leaves_a_record_alone_whose_flags_another_run_is_about_to_write(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        """Whether that has come there yet, and whether a person has undone it, nobody can tell."""
        record_id = contact_with_number(ctx, crm, sync)
        crm.edit(record_id, {f"phone/{crm.phone}": "+14155550199"})
        row = {
            "run_id": "another", "connector": crm.name, "object": crm.object, "before": {},
            "record_id": record_id, "after": {"wrong_number": True}, "state": "pending",
            "at": ctx.now(),
        }  # fmt: skip
        with ctx.store.write() as connection:
            connection.execute(sa.insert(writes).values(row))
        before = crm.writes
        sync(ctx, crm.name)
        assert crm.writes == before
        with ctx.store.write() as connection:
            connection.execute(sa.delete(writes).where(writes.c.run_id == "another"))
        advance_clock(ctx, seconds=10)
        propagate(ctx, crm.name)
        assert crm.writes > before

    def test_hears_a_person_who_ticks_a_flag_meanwhile(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = contact_with_number(ctx, crm, sync)
        store_report(ctx, "undeliverable", severity="dead")
        deliver_reports(ctx)  # another run writes to the record, just before
        crm.edit(record_id, {"wrong_number": True})
        sync(ctx, crm.name)
        assert set(report_kinds(ctx)) == {"undeliverable", "wrong_number"}
        assert crm.get(record_id, "wrong_number") is True

    def test_leaves_a_record_alone_that_another_run_is_writing_to(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        """Nobody can tell whose a flag is then: it is looked at again a little later."""
        record_id = contact_with_number(ctx, crm, sync)
        crm.edit(record_id, {"wrong_number": True})
        row = {
            "run_id": "another", "connector": crm.name, "object": crm.object, "before": {},
            "record_id": record_id, "after": {"reason": "x"}, "state": "pending", "at": ctx.now(),
        }  # fmt: skip
        with ctx.store.write() as connection:
            connection.execute(sa.insert(writes).values(row))
        sync(ctx, crm.name)
        assert report_kinds(ctx) == []
        assert crm.get(record_id, "wrong_number") is True, "it is not written over"
        with ctx.store.write() as connection:
            connection.execute(sa.delete(writes).where(writes.c.run_id == "another"))
        advance_clock(ctx, seconds=10)
        propagate(ctx, crm.name)
        assert set(report_kinds(ctx)) == {"wrong_number"}
        assert crm.get(record_id, crm.status) == "wrong_number"


class TestACrmWhoseClockIsSlow:
    @pytest.mark.parametrize("by", ["the run that read it", "a process that has asked nothing yet"])
    def test_still_lets_a_person_clear_a_flag(
        self, make_context: Callable[..., Context], by: str
    ) -> None:
        """Cleared after the reply that set it, though by the CRM's clock a minute before."""
        skew = Clock(timedelta(seconds=-60))
        slow = Sandbox(
            SalesforceService(Org(20, 4, clock=skew)), HubSpotService(Portal(20, clock=skew))
        )
        slow.begin()
        try:
            ctx = make_context(**slow.env())
            for crm, number in zip(Crm.all(slow).values(), (NUMBER, OTHER), strict=True):
                record_id = crm.ids()[0]
                others = {f"phone/{name}": None for name in OTHER_PHONES[crm.name]}
                crm.edit(record_id, {**others, f"phone/{crm.phone}": number})
                runner.run_to_completion(
                    ctx, lifecycle.open_run(ctx, crm.name, Scope("everything"))
                )
                store_report(ctx, "wrong_number", number)
                deliver_reports(ctx)
                assert crm.get(record_id, "wrong_number") is True
                # A thread that has made no call of its own yet knows it as well.
                ahead = ctx.borrow().open(crm.name).clock_offset()
                assert timedelta(seconds=-63) < ahead < timedelta(seconds=-57)
                crm.edit(record_id, {"wrong_number": False})
                with ctx.store.write() as connection:  # so long ago that nobody reads it again
                    long_ago = ctx.now() - timedelta(hours=1)
                    connection.execute(sa.update(writes).values(at=long_ago, settled_at=long_ago))
                run_id = lifecycle.open_run(ctx, crm.name, Scope("changed"))
                if by == "the run that read it":
                    runner.run_to_completion(ctx, run_id)
                else:
                    store_pages(ctx, run_id)
                    other = make_context(**slow.env())
                    for page in stored_pages.list_pending(ctx, run_id):
                        page_work.process(other, page.id)
                assert not crm.get(record_id, "wrong_number")
                assert crm.get(record_id, crm.status) == "valid"
        finally:
            slow.stop()


class TestARunOfReports:
    def test_that_nobody_waits_for_any_more_does_not_stop_the_next(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        """Its worker died, and what it had to deliver was opened anew meanwhile."""
        store_report(ctx, "opt_out")
        apply_pending(ctx)
        with ctx.store.write() as connection:
            (delivery,) = delivering.claimable(connection, "hubspot", ctx.now(), 10)
        run_id = lifecycle.open_run(
            ctx,
            "hubspot",
            Scope("numbers", (NUMBER,)),
            RunOptions(kind="reports"),
            on_opened=lambda connection, run: delivering.claim(connection, [delivery], run),
        )
        with ctx.store.write() as connection:
            delivering.requeue(connection, "hubspot", [NUMBER], ctx.now())
        assert "hubspot" in pending_connectors(ctx)
        deliver_reports(ctx)
        assert delivery_states(ctx)["hubspot"] == "done"
        assert lifecycle.load(ctx, run_id).state == "done"
        assert pending_connectors(ctx) == []


class TestAWorkerThatWasAway:
    def test_writes_nothing_once_its_page_is_somebody_elses(
        self, ctx: Context, crm: Crm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Frozen for longer than its lease, between deciding and writing."""
        run_id = lifecycle.open_run(ctx, crm.name, Scope("everything"))
        reader_lease.claim(ctx, run_id)
        reader.read_from_cursor(ctx, lifecycle.load(ctx, run_id), lambda *_: None, lambda: True)
        reader_lease.release(ctx, run_id)
        decide_all = evaluate.evaluate

        def slowly(*args: Any) -> Any:
            decided = decide_all(*args)
            with ctx.store.write() as connection:
                connection.execute(sa.update(pages).values(owner="another"))
            return decided

        monkeypatch.setattr(evaluate, "evaluate", slowly)
        crm.service.counters.clear()
        assert page_work.process(ctx, stored_pages.list_pending(ctx, run_id)[0].id) is False
        assert crm.writes == 0
        with ctx.store.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(writes)) == 0


class TestACorrection:
    def test_is_proposed_beside_the_field_once_it_is_verified(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str], sync: Sync
    ) -> None:
        for crm in crms:
            record_id = contact_ids[crm.name]
            key = f"{crm.name}/{crm.object}/{record_id}"
            store_report(ctx, "corrected", contact=key, scope="person", new_number=OTHER, key=key)
        deliver_reports(ctx)
        for crm in crms:
            record_id = contact_ids[crm.name]
            assert crm.get(record_id, f"phone/{crm.phone}") == NUMBER
            assert crm.get(record_id, "proposed_phone") == OTHER
            assert crm.get(record_id, crm.status) == "wrong_number"
            crm.edit(record_id, {f"phone/{crm.phone}": OTHER})  # a person takes it over
            sync(ctx, crm.name)
            assert crm.get(record_id, crm.status) == "valid"
            assert crm.get(record_id, "proposed_phone") is None

    def test_to_a_number_that_does_not_exist_is_not_proposed(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        crm = crms[0]
        key = f"{crm.name}/{crm.object}/{contact_ids[crm.name]}"
        store_report(ctx, "corrected", contact=key, scope="person", new_number="+1415555")
        deliver_reports(ctx)
        assert crm.get(contact_ids[crm.name], "proposed_phone") is None

    def test_that_a_person_clears_is_not_proposed_again(
        self, ctx: Context, crm: Crm, contact_ids: dict[str, str], sync: Sync
    ) -> None:
        record_id = contact_ids[crm.name]
        key = f"{crm.name}/{crm.object}/{record_id}"
        store_report(ctx, "corrected", contact=key, scope="person", new_number=OTHER)
        deliver_reports(ctx)
        crm.edit(record_id, {"proposed_phone": ""})
        sync(ctx, crm.name)
        sync(ctx, crm.name, "everything")
        assert crm.get(record_id, "proposed_phone") is None

    def test_replaces_the_number_where_policy_says_so(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context('[feedback]\ncorrections = "replace"')
        record_id = contact_with_number(ctx, crm, sync)
        key = f"{crm.name}/{crm.object}/{record_id}"
        store_report(ctx, "corrected", contact=key, scope="person", new_number=OTHER)
        deliver_reports(ctx)
        assert crm.get(record_id, f"phone/{crm.phone}") == OTHER
        assert crm.get(record_id, crm.status) == "valid"
        assert sync(ctx, crm.name, "everything")["contacts"]["changed"] == 0


class TestAList:
    def test_flags_those_who_are_on_it_and_those_who_come_later(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str], sync: Sync
    ) -> None:
        done = imported_lists.import_list(ctx, [NUMBER, OTHER], "national registry", "call")
        assert (done.added, done.held) == (2, 1)
        deliver_reports(ctx)
        for crm in crms:
            assert crm.get(contact_ids[crm.name], "do_not_call") is True
            assert not crm.get(contact_ids[crm.name], "do_not_contact")
            later = crm.ids()[4]
            crm.edit(later, {f"phone/{crm.phone}": OTHER})
            sync(ctx, crm.name)
            assert crm.get(later, "do_not_call") is True

    def test_of_one_channel_says_nothing_of_the_other_whatever_it_is_called(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        imported_lists.import_list(ctx, [NUMBER], "no sms", "text")
        deliver_reports(ctx)
        for crm in crms:
            assert crm.get(contact_ids[crm.name], "do_not_text") is True
            assert not crm.get(contact_ids[crm.name], "do_not_call")

    def test_with_a_long_name_loses_no_number(self, ctx: Context) -> None:
        numbers = [f"+1415555{n}" for n in range(2000, 2020)]
        assert imported_lists.import_list(ctx, numbers, "a list " * 40).added == 20
        assert len(suppress.list_suppressions(ctx)) == 20

    def test_that_is_imported_again_adds_nothing(
        self, ctx: Context, contact_ids: dict[str, str]
    ) -> None:
        imported_lists.import_list(ctx, [NUMBER], "a list")
        again = imported_lists.import_list(ctx, [NUMBER, OTHER], "a list")
        assert (again.added, again.known) == (1, 1)
        with ctx.store.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(suppressions)) == 2

    def test_loses_a_number_by_an_opt_in(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        imported_lists.import_list(ctx, [NUMBER], "a list")
        deliver_reports(ctx)
        store_report(ctx, "opt_in")
        deliver_reports(ctx)
        assert not any(crm.get(contact_ids[crm.name], "do_not_contact") for crm in crms)
        assert suppress.list_suppressions(ctx, NUMBER) == []


class TestAnEntryOfAListThatAnAdminLifts:
    """The list was wrong about the number; nobody has said that they want to be contacted."""

    def test_leaves_the_persons_own_stop(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str], sync: Sync
    ) -> None:
        store_report(ctx, "opt_out")
        imported_lists.import_list(ctx, [NUMBER], "a list")
        deliver_reports(ctx)
        (entry,) = suppress.list_suppressions(ctx, NUMBER, reason="list")
        suppress.lift(ctx, entry.id, "an admin", "the wrong file")
        deliver_reports(ctx)
        assert [suppression.reason for suppression in suppress.list_suppressions(ctx, NUMBER)] == [
            "opt_out"
        ]
        for crm in crms:
            sync(ctx, crm.name, "everything")
            assert crm.get(contact_ids[crm.name], "do_not_contact") is True

    def test_leaves_other_lists(self, ctx: Context) -> None:
        imported_lists.import_list(ctx, [NUMBER], "a list")
        imported_lists.import_list(ctx, [NUMBER], "another list", "call")
        entry = suppress.list_suppressions(ctx, NUMBER, reason="list")[0]
        suppress.lift(ctx, entry.id, "an admin", "the wrong file")
        deliver_reports(ctx)
        assert [suppression.source for suppression in suppress.list_suppressions(ctx, NUMBER)] == [
            "another list"
        ]

    def test_is_lifted_in_the_crms_and_no_report_is_made_of_it(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        imported_lists.import_list(ctx, [NUMBER], "a list")
        deliver_reports(ctx)
        (entry,) = suppress.list_suppressions(ctx, NUMBER)
        lifted = suppress.lift(ctx, entry.id, "an admin", "the wrong file")
        assert (lifted.lifted_by, lifted.lifted_why) == ("an admin", "the wrong file")
        deliver_reports(ctx)
        assert not any(crm.get(contact_ids[crm.name], "do_not_contact") for crm in crms)
        assert report_kinds(ctx) == []

    def test_stays_lifted_by_later_reports_and_by_the_same_list(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        imported_lists.import_list(ctx, [NUMBER], "a list")
        (entry,) = suppress.list_suppressions(ctx, NUMBER)
        suppress.lift(ctx, entry.id, "an admin", "the wrong file")
        store_report(ctx, "confirmed")
        deliver_reports(ctx)
        assert imported_lists.import_list(ctx, [NUMBER], "a list").known == 1
        deliver_reports(ctx)
        assert suppress.list_suppressions(ctx, NUMBER) == []
        assert not any(crm.get(contact_ids[crm.name], "do_not_contact") for crm in crms)


def test_a_report_does_not_wait_until_thousands_of_records_were_looked_at(
    ctx: Context, sandbox: Sandbox, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = Crm.all(sandbox)["hubspot"]
    record_id = contact_with_number(ctx, crm, sync)
    lower_limits(monkeypatch, propagation_batch=2)
    with ctx.store.write() as connection:
        changed_records.record(connection, "hubspot", "contacts", crm.ids()[:6], ctx.now())
    driven: list[str] = []

    def driving(own: Context, run_id: str, pages_at_once: int) -> None:
        runner.run_to_completion(own, run_id, pages_at_once=pages_at_once)
        driven.append(lifecycle.load(own, run_id).scope.kind)
        if len(driven) == 1:  # somebody says STOP meanwhile
            store_report(own, "opt_out")
            apply_pending(own)

    monkeypatch.setattr(propagation, "run_to_completion", driving)
    propagate(ctx, "hubspot")
    assert driven == ["ids", "numbers", "ids", "ids"]
    assert crm.get(record_id, "do_not_contact") is True
