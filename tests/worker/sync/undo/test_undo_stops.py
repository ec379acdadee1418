"""An undo never makes anybody contactable again (promise 3): what a report demands stays."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import reports
from constants import NUMBER, OTHER
from crms import Crm
from fixture_types import Sync

from worker.context import Context
from worker.suppression import imported_lists, suppressions
from worker.suppression.apply_reports import apply_pending
from worker.suppression.erasure import erase_number
from worker.sync.propagate import propagate
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope
from worker.sync.undo.model import UndoResult
from worker.sync.undo.undo import undo

STOPS = {
    "opt_out": ("do_not_contact", "do_not_call", "do_not_text"),
    "complaint": ("do_not_contact", "do_not_call", "do_not_text"),
    "wrong_number": ("wrong_number",),
}


def store_report(ctx: Context, kind: str, number: str = NUMBER, **fields: Any) -> None:
    """Store a report that is no repetition, whatever it says."""
    reports.store_report(ctx, kind, number, uuid.uuid4().hex, **fields)


def deliver(ctx: Context, crm: Crm) -> str:
    """Deliver what was reported; return the run that wrote it."""
    reports.deliver_reports(ctx, crm.name)
    return lifecycle.recent(ctx, reports=True)[0].id


def skipped_fields(done: UndoResult, why: str = "report") -> set[str]:
    return {skipped.field for skipped in done.kept if skipped.why == why}


@pytest.fixture
def contact_id(ctx: Context, crm: Crm, sync: Sync) -> str:
    """A contact that has NUMBER alone, and is in sync."""
    record_id = crm.ids()[0]
    names = {name for name in crm.records()[record_id] if "hone" in name and "__" not in name}
    empty = {f"phone/{name}": None for name in names if not name.startswith("hygiene")}
    crm.edit(record_id, {**empty, f"phone/{crm.phone}": NUMBER})
    sync(ctx, crm.name)
    return record_id


class TestAnUndo:
    @pytest.mark.parametrize("kind", STOPS)
    def test_of_a_run_that_delivered_a_stop_leaves_the_stop(
        self, ctx: Context, crm: Crm, contact_id: str, kind: str
    ) -> None:
        store_report(ctx, kind)
        done = undo(ctx, deliver(ctx, crm))
        for flag in STOPS[kind]:
            assert crm.get(contact_id, flag) is True
        assert crm.get(contact_id, crm.status) == (
            "wrong_number" if "w" in kind else "do_not_contact"
        )
        assert crm.get(contact_id, "reason")
        assert crm.get(contact_id, "best_phone") is None
        assert skipped_fields(done) >= {*STOPS[kind], crm.status, "reason", "best_phone"}
        (note,) = lifecycle.load(ctx, done.run).notes
        assert contact_id in note
        assert "a report in force demands it" in note

    def test_of_a_run_that_delivered_an_erasure_leaves_the_stop(
        self, ctx: Context, crm: Crm, contact_id: str, sync: Sync
    ) -> None:
        erase_number(ctx, NUMBER, "an admin")
        done = undo(ctx, sync(ctx, crm.name, "everything")["run"])
        assert crm.get(contact_id, "do_not_contact") is True
        assert "do_not_contact" in skipped_fields(done)

    @pytest.mark.parametrize("channel", ["call", "text"])
    def test_leaves_the_stop_of_one_channel(
        self, ctx: Context, crm: Crm, contact_id: str, channel: str
    ) -> None:
        store_report(ctx, "opt_out", channels=channel)
        done = undo(ctx, deliver(ctx, crm))
        assert crm.get(contact_id, f"do_not_{channel}") is True
        assert skipped_fields(done) == {f"do_not_{channel}"}

    def test_leaves_what_failed_messages_show(
        self, ctx: Context, crm: Crm, contact_id: str
    ) -> None:
        store_report(ctx, "undeliverable", severity="dead")
        store_report(ctx, "undeliverable", severity="no_text")
        undo(ctx, deliver(ctx, crm))
        assert crm.get(contact_id, crm.status) == "unreachable"
        assert crm.get(contact_id, "do_not_text") is True

    def test_of_a_sync_that_flagged_an_imported_list_leaves_the_flags(
        self, ctx: Context, crm: Crm, contact_id: str, sync: Sync
    ) -> None:
        imported_lists.import_list(ctx, [NUMBER], "registry", "call")
        done = undo(ctx, sync(ctx, crm.name, "everything")["run"])
        assert crm.get(contact_id, "do_not_call") is True
        assert "do_not_call" in skipped_fields(done)

    def test_of_a_sync_that_met_an_imported_contact_leaves_the_stop(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        store_report(ctx, "opt_out")
        apply_pending(ctx)
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        undo(ctx, sync(ctx, crm.name)["run"])
        assert crm.get(record_id, "do_not_contact") is True
        assert crm.get(record_id, crm.status) == "do_not_contact"

    def test_leaves_what_a_person_ticked_with_the_flags_that_followed(
        self, ctx: Context, crm: Crm, contact_id: str, sync: Sync
    ) -> None:
        crm.edit(contact_id, {"do_not_contact": True})
        undo(ctx, sync(ctx, crm.name)["run"])
        for flag in STOPS["opt_out"]:
            assert crm.get(contact_id, flag) is True
        assert crm.get(contact_id, crm.status) == "do_not_contact"

    def test_puts_back_what_a_report_set_that_was_taken_back_since(
        self, ctx: Context, crm: Crm, contact_id: str
    ) -> None:
        store_report(ctx, "opt_out", at=ctx.now() - timedelta(hours=2))
        run = deliver(ctx, crm)
        store_report(ctx, "opt_in")
        done = undo(ctx, run)
        assert not crm.get(contact_id, "do_not_contact")
        assert crm.get(contact_id, crm.status) == "valid"
        assert not done.kept

    def test_of_other_records_puts_all_back(
        self, ctx: Context, crm: Crm, contact_id: str, sync: Sync
    ) -> None:
        other = crm.ids()[1]
        crm.edit(other, {f"phone/{crm.phone}": OTHER})
        sync(ctx, crm.name)
        before = crm.snapshot()
        store_report(ctx, "opt_out")
        apply_pending(ctx)
        crm.edit(other, {f"phone/{crm.phone}": "call Maria"})
        undo(ctx, sync(ctx, crm.name, "everything")["run"])
        after = crm.snapshot()
        for record_id in crm.ids()[2:]:
            assert after[record_id] == before[record_id]
        assert crm.get(other, crm.status) == "valid"

    def test_says_so_in_a_dry_run_and_writes_nothing(
        self, ctx: Context, crm: Crm, contact_id: str
    ) -> None:
        store_report(ctx, "opt_out")
        run = deliver(ctx, crm)
        before = crm.snapshot()
        assert "do_not_contact" in skipped_fields(undo(ctx, run, dry_run=True))
        assert crm.snapshot() == before

    def test_does_not_put_back_a_number_that_must_not_be_dialed(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        """Its owner gave another one, and policy has it written into the field."""
        ctx = make_context('[feedback]\ncorrections = "replace"')
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        key = f"{crm.name}/{crm.object}/{record_id}"
        store_report(ctx, "corrected", contact=key, scope="person", new_number=OTHER)
        apply_pending(ctx)
        run = sync(ctx, crm.name, scope=Scope("ids", (record_id,)))["run"]
        assert crm.get(record_id, f"phone/{crm.phone}") == OTHER
        done = undo(ctx, run)
        assert crm.get(record_id, f"phone/{crm.phone}") == OTHER
        assert f"phone/{crm.phone}" in skipped_fields(done)

    def test_puts_back_a_spelling_of_the_same_number_beside_its_stop(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context("[policy]\nnormalize = true")
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": "+1 (415) 555-2671"})
        run = sync(ctx, crm.name)["run"]
        store_report(ctx, "opt_out")
        deliver(ctx, crm)
        undo(ctx, run)
        assert crm.get(record_id, f"phone/{crm.phone}") == "+1 (415) 555-2671"
        assert crm.get(record_id, "do_not_contact") is True

    def test_delivers_again_what_was_reported_while_it_was_at_work(
        self, ctx: Context, crm: Crm, contact_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first STOP was taken back; a second one is delivered, which finds the flag set."""
        store_report(ctx, "opt_out", at=ctx.now() - timedelta(hours=2))
        run = deliver(ctx, crm)
        store_report(ctx, "opt_in", at=ctx.now() - timedelta(hours=1))
        from worker.sync.undo import restore_writes

        write = restore_writes.write_all

        def meanwhile(*given: Any, **kwargs: Any) -> Any:
            monkeypatch.setattr(restore_writes, "write_all", write)
            store_report(ctx, "opt_out")
            deliver(ctx, crm)
            return write(*given, **kwargs)

        monkeypatch.setattr(restore_writes, "write_all", meanwhile)
        undo(ctx, run)
        assert not crm.get(contact_id, "do_not_contact")  # written over
        propagate(ctx, crm.name)
        assert crm.get(contact_id, "do_not_contact") is True

    def test_leaves_a_tick_that_no_sync_has_read_yet(
        self, ctx: Context, crm: Crm, contact_id: str, sync: Sync
    ) -> None:
        """It looks like what the run had written, which an opt-in cleared meanwhile."""
        store_report(ctx, "opt_out", at=ctx.now() - timedelta(hours=2))
        run = deliver(ctx, crm)
        store_report(ctx, "opt_in", at=ctx.now() - timedelta(hours=1))
        deliver(ctx, crm)
        assert not crm.get(contact_id, "do_not_contact")
        crm.edit(contact_id, {"do_not_contact": True})
        done = undo(ctx, run)
        assert "do_not_contact" in skipped_fields(done, "changed")
        propagate(ctx, crm.name)
        assert crm.get(contact_id, "do_not_contact") is True
        assert crm.get(contact_id, crm.status) == "do_not_contact"

    def test_twice_and_undone_itself_leaves_the_stop(
        self, ctx: Context, crm: Crm, contact_id: str
    ) -> None:
        store_report(ctx, "opt_out")
        run = deliver(ctx, crm)
        first = undo(ctx, run)
        undo(ctx, run)
        undo(ctx, first.run)
        for flag in STOPS["opt_out"]:
            assert crm.get(contact_id, flag) is True

    def test_has_a_flag_delivered_that_an_earlier_undo_took_away(
        self, ctx: Context, crm: Crm, contact_id: str, sync: Sync
    ) -> None:
        """As builds before this one did: the record says contactable, the list says no."""
        store_report(ctx, "opt_out")
        run = deliver(ctx, crm)
        with ctx.store.write() as connection:
            from worker.sync import contact_index

            off = dict.fromkeys((*STOPS["opt_out"], "wrong_number"), False)
            contact_index.remember_flags(connection, crm.name, crm.object, contact_id, off)
        crm.edit(contact_id, {**dict.fromkeys(STOPS["opt_out"], False)})
        undo(ctx, run)
        propagate(ctx, crm.name)
        assert crm.get(contact_id, "do_not_contact") is True


class TestAChannelWithoutAFlagOfItsOwn:
    @pytest.mark.parametrize(("channel", "own"), [("call", "do_not_call"), ("text", "do_not_text")])
    def test_is_closed_by_do_not_contact_and_opened_again(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync, channel: str, own: str
    ) -> None:
        ctx = make_context(f'[connectors.{crm.name}.fields]\n{own} = ""\n')
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        store_report(ctx, "opt_out", channels=channel, at=ctx.now() - timedelta(hours=1))
        run = deliver(ctx, crm)
        assert crm.get(record_id, "do_not_contact") is True
        undo(ctx, run)
        sync(ctx, crm.name, "everything")
        assert crm.get(record_id, "do_not_contact") is True
        assert [
            suppression.channels for suppression in suppressions.list_suppressions(ctx, NUMBER)
        ] == [channel]
        crm.edit(record_id, {"do_not_contact": False})
        sync(ctx, crm.name)
        sync(ctx, crm.name, "everything")
        assert not crm.get(record_id, "do_not_contact")
