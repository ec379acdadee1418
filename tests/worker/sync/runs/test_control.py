"""A run is paused, goes on, is cancelled; an undo goes on after whoever was at it has died."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from crms import Crm
from fixture_types import MakeContext, Sync

from connectors.errors import ConnectorError
from worker.context import Context
from worker.store.tables import pages
from worker.store.tables import runs as run_table
from worker.sync.pages import runner
from worker.sync.runs import control, lifecycle, report
from worker.sync.runs.model import RunActiveError, RunOptions
from worker.sync.runs.scope import Scope
from worker.sync.undo import restore_writes, undo


class TestPausing:
    def test_stops_a_run_in_its_tracks_and_it_goes_on_to_the_same_end(
        self, ctx: Context, crm: Crm
    ) -> None:
        run_id = lifecycle.open_run(ctx, crm.name, Scope("everything"))
        seen = 0

        def after_a_page(_run: str) -> None:
            nonlocal seen
            seen += 1
            if seen == 1:
                control.pause(ctx, run_id, "kim")

        runner.run_to_completion(ctx, run_id, after_a_page, pages_at_once=1)
        assert lifecycle.load(ctx, run_id).state == "paused"
        lifecycle.resume(ctx, run_id)
        runner.run_to_completion(ctx, run_id)
        run = lifecycle.load(ctx, run_id)
        assert run.state == "done"
        assert "paused by kim" in run.notes
        assert crm.all_checked()

    def test_keeps_the_connector_for_it(self, ctx: Context, crm: Crm) -> None:
        run_id = lifecycle.open_run(ctx, crm.name, Scope("changed"))
        control.pause(ctx, run_id, "kim")
        with pytest.raises(RunActiveError, match=f"paused; to resume it: .* {run_id}"):
            lifecycle.open_run(ctx, crm.name, Scope("changed"))
        assert lifecycle.find_resumable(ctx, crm.name) is None  # the schedule leaves it alone
        assert lifecycle.active(ctx) == []
        assert lifecycle.resume(ctx, run_id).state == "running"

    def test_leaves_a_page_that_is_under_way_to_its_end(self, ctx: Context, crm: Crm) -> None:
        run_id = lifecycle.open_run(ctx, crm.name, Scope("everything"))
        first = crm.ids()[0]
        crm.meanwhile(crm.write_call, first, {"set": {}})

        def pause(_run: str) -> None:
            if lifecycle.load(ctx, run_id).active:
                control.pause(ctx, run_id, "kim")

        runner.run_to_completion(ctx, run_id, pause)
        with ctx.store.read() as connection:
            states = set(
                connection.scalars(sa.select(pages.c.owner).where(pages.c.run_id == run_id))
            )
        assert states == {None}

    def test_of_what_is_over_is_refused(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        run_id = sync(ctx, crm.name)["run"]
        for act in (control.pause, control.cancel):
            with pytest.raises(ConnectorError, match="is done"):
                act(ctx, run_id, "kim")


class TestCancelling:
    def test_loses_no_change(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        """What a cancelled run did not come to is read by the next."""
        run_id = lifecycle.open_run(ctx, crm.name, Scope("changed"))
        seen = 0

        def after_a_page(_run: str) -> None:
            nonlocal seen
            seen += 1
            if seen == 1:
                control.cancel(ctx, run_id, "kim")

        runner.run_to_completion(ctx, run_id, after_a_page, pages_at_once=1)
        assert lifecycle.load(ctx, run_id).state == "cancelled"
        sync(ctx, crm.name)
        assert crm.all_checked()

    def test_keeps_nothing_of_people_that_was_read_for_it(self, ctx: Context, crm: Crm) -> None:
        run_id = lifecycle.open_run(ctx, crm.name, Scope("ids", tuple(crm.ids()[:3])))
        control.cancel(ctx, run_id, "kim")
        with ctx.store.read() as connection:
            payloads = connection.scalars(
                sa.select(pages.c.payload).where(pages.c.run_id == run_id)
            )
            assert set(payloads) == {None}

    def test_frees_the_connector(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        run_id = lifecycle.open_run(ctx, crm.name, Scope("changed"))
        control.pause(ctx, run_id, "kim")
        control.cancel(ctx, run_id, "kim")
        assert sync(ctx, crm.name)["state"] == "done"


class TestUndo:
    def test_goes_on_where_another_worker_died(
        self, make_context: MakeContext, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ctx = make_context()
        before = crm.snapshot()
        run_id = sync(ctx, crm.name)["run"]
        undo_id = undo.begin(ctx, run_id, by="kim", why="a test")
        real = restore_writes.write
        calls = 0

        class Killed(BaseException):
            pass

        def dying(*args: Any, **kwargs: Any) -> None:
            nonlocal calls
            calls += 1
            real(*args, **kwargs)
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(restore_writes, "write", dying)
            patched.setattr(undo.reader_lease, "release", lambda *_given: None)  # it was kill -9
            with pytest.raises(Killed):
                undo.execute(ctx, undo_id)
        assert calls == 1
        other = make_context()
        with pytest.raises(RunActiveError):
            undo.execute(other, undo_id)  # the dead one may be alive for all that is known
        later = other.now() + timedelta(minutes=10)
        other.now = lambda: later
        undo.execute(other, undo_id)
        assert crm.snapshot() == before
        result = report.result(other, undo_id)
        assert result["state"] == "done"
        assert result["contacts"]["written"] > 0

    def test_says_who_asked_and_why(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        undo_id = undo.begin(ctx, sync(ctx, crm.name)["run"], by="kim", why="a test")
        (summary,) = report.summaries(ctx, [lifecycle.load(ctx, undo_id)])
        assert (summary["opened_by"], summary["purpose"], summary["kind"]) == (
            "kim",
            "a test",
            "undo",
        )

    def test_keeps_no_number_that_somebody_gives_as_the_reason(
        self, ctx: Context, crm: Crm
    ) -> None:
        run_id = lifecycle.open_run(
            ctx,
            crm.name,
            Scope("ids", (crm.ids()[0],)),
            RunOptions(opened_by="kim", purpose="+14155552671 called us"),
        )
        assert "4155552671" not in lifecycle.load(ctx, run_id).purpose
        assert "called us" in lifecycle.load(ctx, run_id).purpose

    def test_can_be_cancelled(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        undo_id = undo.begin(ctx, sync(ctx, crm.name)["run"])
        control.cancel(ctx, undo_id, "kim")
        undone = crm.snapshot()
        with ctx.store.write() as connection:  # the task comes all the same
            connection.execute(sa.update(run_table).values(reader_owner=None))
        undo.execute(ctx, undo_id)
        assert crm.snapshot() == undone
        assert lifecycle.load(ctx, undo_id).state == "cancelled"
