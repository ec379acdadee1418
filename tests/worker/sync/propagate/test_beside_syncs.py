"""A sync that is under way and a report that comes meanwhile do not take each other for people."""

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
from in_flight import write_in_flight
from queue_tasks import tasks
from reports import (
    contact_with_number,
    deliver_reports,
    delivery_states,
    report_kinds,
    store_report,
)

from connectors.errors import UnavailableError
from sandbox.hubspot import HubSpotService, Portal
from sandbox.run import Sandbox
from sandbox.salesforce import Org, SalesforceService
from sandbox.table import Clock
from worker.context import Context
from worker.queue import dedupe
from worker.store import outbox as delivering
from worker.store.tables import pages, writes
from worker.suppression.apply_reports import apply_pending, requeue_missed
from worker.sync.pages import evaluate, results, runner
from worker.sync.pages import process as page_work
from worker.sync.propagate import propagate
from worker.sync.read import reader
from worker.sync.runs import lifecycle, reader_lease, stored_pages
from worker.sync.runs.scope import Scope
from worker.sync.write import batcher


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
        end = write_in_flight(ctx, crm, record_id, {"wrong_number": True})
        before = crm.writes
        sync(ctx, crm.name)
        assert crm.writes == before
        end()
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
        end = write_in_flight(ctx, crm, record_id, {"reason": "x"})
        sync(ctx, crm.name)
        assert report_kinds(ctx) == []
        assert crm.get(record_id, "wrong_number") is True, "it is not written over"
        end()
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
