"""The promises of a sync, over both CRMs: nothing lost, no pointless write, undo, dry run."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from clocks import advance_clock
from constants import NUMBER
from crms import Crm
from fixture_types import Sync
from limits import lower_limits

from worker.context import Context
from worker.phones import parse_field
from worker.store.tables import failures, feedback, verifications, watermarks, writes
from worker.sync.pages import runner
from worker.sync.runs import lifecycle
from worker.sync.runs.model import RunActiveError
from worker.sync.runs.scope import Scope
from worker.sync.undo.undo import undo

GOOD, BAD = "+12012580123", "+1415555"


class TestNothingIsLost:
    def test_a_first_sync_reads_every_contact_and_writes_a_status_for_every_filled_phone(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        result = sync(ctx, crm.name)
        assert result["state"] == "done"
        assert result["contacts"]["read"] == 60
        for record_id, record in crm.records().items():
            filled = bool(str(record.get(crm.phone) or "").strip())
            assert bool(crm.get(record_id, crm.status)) == filled, record_id

    def test_a_change_after_a_run_is_found_by_the_next(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        target = crm.ids()[7]
        crm.edit(target, {f"phone/{crm.phone}": "call Maria"})
        result = sync(ctx, crm.name)
        assert crm.get(target, crm.status) == "invalid"
        assert result["contacts"]["written"] == 1

    def test_a_change_committed_late_with_an_older_stamp_is_found(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        sync(ctx, crm.name)
        target = crm.ids()[7]
        # Its stamp lies before the last run began; it was not to be seen then.
        crm.act(target, {"late": 60, "values": {crm.phone: "call Maria"}})
        # At the latest a run after the overlap reads it, since the watermark waited for that.
        sync(ctx, crm.name)
        advance_clock(ctx, minutes=6)
        sync(ctx, crm.name)
        assert crm.get(target, crm.status) == "invalid"

    def test_a_run_that_left_own_writes_out_does_not_move_the_watermark_past_a_late_change(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context('[sync]\noverlap = "4s"\n')
        sync(ctx, crm.name)
        sync(ctx, crm.name)
        target = crm.ids()[7]
        crm.act(target, {"late": 4, "values": {crm.phone: "call Maria"}})
        time.sleep(2.8)
        sync(ctx, crm.name)  # leaves the first run's writes out, and this one with them
        advance_clock(ctx, hours=1)  # past the overlap
        sync(ctx, crm.name)
        assert crm.get(target, crm.status) == "invalid"

    @pytest.mark.parametrize("minutes", [-90, 90])
    def test_a_clock_of_ours_that_is_wrong_makes_no_difference(
        self, ctx: Context, crm: Crm, sync: Sync, minutes: int
    ) -> None:
        advance_clock(ctx, minutes=minutes)
        sync(ctx, crm.name)
        target = crm.ids()[7]
        crm.edit(target, {f"phone/{crm.phone}": "call Maria"})
        sync(ctx, crm.name)
        assert crm.get(target, crm.status) == "invalid"

    def test_the_watermark_stays_where_it_was_while_a_run_is_unfinished(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        before = _watermarks(ctx, crm)
        advance_clock(ctx, hours=1)  # past the overlap
        crm.edit(crm.ids()[3], {f"phone/{crm.phone}": "none"})
        run_id = lifecycle.open_run(ctx, crm.name, Scope("changed"))
        crm.fault(crm.write_call, "status", status=503, times=99)
        with pytest.raises(Exception, match="503"):
            runner.run_to_completion(ctx, run_id)
        assert lifecycle.load(ctx, run_id).state == "failed"
        assert _watermarks(ctx, crm) == before
        crm.service.faults.clear()
        lifecycle.resume(ctx, run_id)
        runner.run_to_completion(ctx, run_id)
        assert lifecycle.load(ctx, run_id).state == "done"
        assert crm.get(crm.ids()[3], crm.status) == "invalid"
        assert _watermarks(ctx, crm) != before

    def test_a_page_that_cannot_be_done_is_set_aside_and_tried_by_the_next_run(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        poison = crm.ids()[2]

        def broken(raw: str, region: str | None) -> Any:
            if raw == "poison":
                raise RuntimeError("a fault of ours")
            return parse_field(raw, region)

        crm.edit(poison, {f"phone/{crm.phone}": "poison"})
        ctx.parse_field = broken
        result = sync(ctx, crm.name)
        assert result["state"] == "done"
        assert result["pages"]["parked"] == 1
        assert result["contacts"]["failed"] >= 1
        ctx.parse_field = parse_field
        again = sync(ctx, crm.name)
        assert again["contacts"]["failed"] == 0
        assert crm.get(poison, crm.status) == "invalid"
        with ctx.store.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(failures)) == 0

    def test_only_one_run_of_a_connector_at_a_time(self, ctx: Context, crm: Crm) -> None:
        lifecycle.open_run(ctx, crm.name, Scope("changed"))
        with pytest.raises(RunActiveError):
            lifecycle.open_run(ctx, crm.name, Scope("changed"))


def _watermarks(ctx: Context, crm: Crm) -> dict[str, datetime]:
    with ctx.store.read() as connection:
        rows = connection.execute(sa.select(watermarks).where(watermarks.c.connector == crm.name))
        return {row.object: row.position for row in rows}


class TestNoPointlessWrite:
    def test_a_second_run_writes_nothing_and_looks_nothing_up(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        crm.service.counters.clear()
        second = sync(ctx, crm.name)
        assert second["contacts"]["written"] == second["contacts"]["changed"] == 0
        assert second["lookups"]["offline"]["asked"] == 0
        assert crm.writes == 0

    def test_a_third_run_costs_at_most_three_calls(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        sync(ctx, crm.name)
        crm.service.counters.clear()
        third = sync(ctx, crm.name)
        assert crm.calls <= 3
        assert third["contacts"]["written"] == 0

    def test_also_a_full_run_over_an_unchanged_crm_writes_nothing(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        snapshot = crm.snapshot()
        crm.service.counters.clear()
        full = sync(ctx, crm.name, "everything")
        assert full["contacts"]["read"] == 60
        assert crm.writes == 0
        assert crm.snapshot() == snapshot

    def test_an_edit_between_our_read_and_our_write_is_not_missed(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        target = crm.ids()[5]
        crm.edit(target, {f"phone/{crm.phone}": GOOD})
        # While our update of this very record is on its way, a person types something else.
        crm.meanwhile(crm.write_call, target, crm.edited({f"phone/{crm.phone}": "wrong person"}))
        sync(ctx, crm.name)
        assert crm.get(target, crm.status) == "valid"  # of what we had read
        sync(ctx, crm.name)
        assert crm.get(target, crm.status) == "invalid"

    def test_an_edit_of_a_record_that_our_write_came_after_is_found_although_our_mark_is_on_it(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        sync(ctx, crm.name)
        target = crm.ids()[5]
        time.sleep(1.2)  # within a second of our own last write it is found after the overlap
        crm.edit(target, {f"phone/{crm.phone}": "wrong person"})  # keeps the first run's mark
        sync(ctx, crm.name)
        assert crm.get(target, crm.status) == "invalid"


class TestWhatAPersonTyped:
    def test_no_phone_field_is_ever_changed_by_default(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        before = {rid: record.get(crm.phone) for rid, record in crm.records().items()}
        sync(ctx, crm.name)
        assert {rid: record.get(crm.phone) for rid, record in crm.records().items()} == before

    def test_normalize_rewrites_valid_numbers_and_nothing_else(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context("[policy]\nnormalize = true\n")
        first, second = crm.ids()[:2]
        crm.edit(first, {f"phone/{crm.phone}": "+44 (0)20 7219 3000"})
        crm.edit(second, {f"phone/{crm.phone}": "+44 20 7219 3000 ask for Kim"})
        sync(ctx, crm.name)
        assert crm.get(first, f"phone/{crm.phone}") == "+442072193000"
        assert crm.get(second, f"phone/{crm.phone}") == "+44 20 7219 3000 ask for Kim"


class TestUndo:
    def test_it_puts_every_field_back(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        before = crm.snapshot()
        result = sync(ctx, crm.name)
        assert crm.snapshot() != before
        done = undo(ctx, result["run"])
        assert crm.snapshot() == before
        assert not done.kept
        assert not done.failed
        assert done.records == result["contacts"]["written"]

    def test_a_few_writes_at_a_time_however_many_there_are(
        self, ctx: Context, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lower_limits(monkeypatch, undo_batch=7)
        before = crm.snapshot()
        written = sync(ctx, crm.name)["contacts"]["written"]
        parts: list[int] = []
        done = undo(ctx, lifecycle.recent(ctx)[0].id, progress=parts.append)
        assert crm.snapshot() == before
        assert done.records == sum(parts) == written
        assert max(parts) <= 7

    def test_but_not_what_a_person_changed_since_and_it_says_which(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        before = crm.snapshot()
        result = sync(ctx, crm.name)
        target = next(rid for rid in crm.ids() if crm.get(rid, crm.status) == "valid")
        crm.edit(target, {"reason": "Asked her: this is right."})
        done = undo(ctx, result["run"])
        assert crm.get(target, "reason") == "Asked her: this is right."
        assert [(kept.record_id, kept.field) for kept in done.kept] == [(target, "reason")]
        after = crm.snapshot()
        del after[target][crm.field("reason")]
        assert after == before

    def test_twice_does_no_more_than_once(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        result = sync(ctx, crm.name)
        undo(ctx, result["run"])
        snapshot = crm.snapshot()
        assert undo(ctx, result["run"]).restored == 0
        assert crm.snapshot() == snapshot

    def test_a_flag_that_an_undo_takes_away_does_not_pass_for_a_persons_word(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        target = next(rid for rid in crm.ids() if crm.get(rid, f"phone/{crm.phone}"))
        crm.edit(target, {f"phone/{crm.phone}": GOOD})
        sync(ctx, crm.name)

        def receive(kind: str) -> None:
            with ctx.store.write() as connection:
                connection.execute(sa.insert(feedback).values(
                    key=f"sms:{kind}", kind=kind, number=GOOD, channels="", contact="",
                    source="sms", evidence="reply", at=datetime.now(UTC),
                ))  # fmt: skip

        receive("wrong_number")
        flagged = sync(ctx, crm.name, scope=Scope("ids", (target,)))
        assert crm.get(target, "wrong_number") is True
        receive("confirmed")
        undo(ctx, flagged["run"])
        assert not crm.get(target, "wrong_number")
        sync(ctx, crm.name, scope=Scope("ids", (target,)))
        with ctx.store.read() as connection:
            kinds = connection.scalars(sa.select(feedback.c.kind).order_by(feedback.c.id)).all()
        assert kinds == ["wrong_number", "confirmed"]


class TestDryRun:
    def test_it_writes_nothing_and_forecasts_what_the_real_run_then_does(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        before = crm.snapshot()
        forecast = sync(ctx, crm.name, dry_run=True)
        assert crm.writes == 0
        assert crm.snapshot() == before
        real = sync(ctx, crm.name)
        assert real["contacts"]["written"] == forecast["contacts"]["changed"]
        assert real["fields"] == forecast["fields"]
        assert real["lookups"]["offline"]["asked"] == forecast["lookups"]["offline"]["asked"]
        assert _what(real) == _what(forecast)

    def test_it_leaves_no_trace_that_changes_a_later_run(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        crm.edit(crm.ids()[0], {"wrong_number": True})
        sync(ctx, crm.name, dry_run=True)
        with ctx.store.read() as connection:
            for table in (feedback, verifications, watermarks):
                assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == 0


def _what(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What was (or would be) written, but for the run's mark and its time."""
    return {
        write["id"]: {k: v for k, v in write["after"].items() if k not in ("run", "checked_at")}
        for write in result["writes"]
    }


class TestAPersonsWord:
    def test_a_ticked_flag_is_a_report_and_stays(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        sync(ctx, crm.name)
        target = next(rid for rid in crm.ids() if crm.get(rid, crm.status) == "valid")
        crm.edit(target, {"wrong_number": True})
        sync(ctx, crm.name)
        assert crm.get(target, crm.status) == "wrong_number"
        assert crm.get(target, "wrong_number") is True

    def test_a_cleared_flag_is_not_set_again_on_the_same_evidence(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        target = next(rid for rid in crm.ids() if crm.get(rid, f"phone/{crm.phone}"))
        crm.edit(target, {f"phone/{crm.phone}": GOOD})
        crm.edit(target, {"wrong_number": True})
        sync(ctx, crm.name)
        assert crm.get(target, crm.status) == "wrong_number"
        crm.edit(target, {"wrong_number": False})
        for _ in range(3):
            sync(ctx, crm.name)
            assert crm.get(target, crm.status) == "valid"
            assert not crm.get(target, "wrong_number")

    def test_a_wrong_number_reaches_another_contact_that_is_looked_at_later(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        first, second = [r for r in crm.ids() if not crm.get(r, "phone/MobilePhone")][:2]
        for record_id in (first, second):
            crm.edit(record_id, {f"phone/{crm.phone}": GOOD})
        if crm.name == "hubspot":
            crm.edit(first, {"phone/mobilephone": ""})
        else:
            crm.edit(first, {"phone/HomePhone": None, "phone/OtherPhone": None})
        sync(ctx, crm.name)
        crm.edit(first, {"wrong_number": True})
        sync(ctx, crm.name)
        sync(ctx, crm.name, scope=Scope("numbers", (GOOD,)))
        assert crm.get(second, crm.status) == "wrong_number"

    def test_the_recheck_box_is_unticked_and_the_number_verified_anew(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        target = next(rid for rid in crm.ids() if crm.get(rid, crm.status) == "valid")
        crm.edit(target, {"recheck": True})
        result = sync(ctx, crm.name)
        assert not crm.get(target, "recheck")
        assert result["lookups"]["offline"]["asked"] >= 1


class TestAProviderThatFails:
    def test_leaves_statuses_as_they_were(
        self, ctx: Context, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from worker.verification.errors import ProviderError
        from worker.verification.providers.offline import OfflineProvider

        sync(ctx, crm.name)
        statuses = {rid: crm.get(rid, crm.status) for rid in crm.ids()}

        def broken(*_args: Any) -> Any:
            raise ProviderError("no answer")

        monkeypatch.setattr(OfflineProvider, "ask", broken)
        result = sync(ctx, crm.name, "everything", force=True)
        assert {rid: crm.get(rid, crm.status) for rid in crm.ids()} == statuses
        assert result["lookups"]["offline"]["failed"] > 0

    def test_never_makes_a_new_number_invalid(
        self, ctx: Context, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from worker.verification.errors import ProviderError
        from worker.verification.providers.offline import OfflineProvider

        def broken(*_args: Any) -> Any:
            raise ProviderError("no answer")

        target = crm.ids()[0]
        crm.edit(target, {f"phone/{crm.phone}": GOOD})
        monkeypatch.setattr(OfflineProvider, "ask", broken)
        sync(ctx, crm.name)
        assert crm.get(target, crm.status) == "unverified"


class TestEvidence:
    def test_a_local_number_without_a_country_is_read_by_the_email_and_the_reason_says_so(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        target = crm.ids()[0]
        names = getattr(ctx.settings.connectors, crm.name).objects[crm.object]
        others = [name for name in names.phones if name != crm.phone]
        empty = dict.fromkeys([*names.country, names.state, *others], None)
        values = {**empty, crm.phone: "030 901820", names.email: "kim@example.de"}
        crm.act(target, {"set": {key: value or "" for key, value in values.items()}})
        sync(ctx, crm.name)
        assert crm.get(target, f"e164/{crm.phone}") == "+4930901820"
        assert "Germany" in crm.get(target, "reason")
        assert "email" in crm.get(target, "reason")


class TestAnUndoOfARunThatWroteTwice:
    """As one does whose worker died, and that read the record anew."""

    def test_leaves_what_another_run_made_of_it_since(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = crm.ids()[0]
        first = self._written(ctx, crm, sync, record_id, NUMBER)
        second = self._written(ctx, crm, sync, record_id, "415555")
        with ctx.store.write() as connection:
            connection.execute(
                sa.update(writes).where(writes.c.run_id == second).values(run_id=first)
            )
        self._written(ctx, crm, sync, record_id, NUMBER)
        assert crm.get(record_id, crm.status) == "valid"
        undo(ctx, first)
        # The run had written "valid", then "invalid": what stands there is a later run's.
        assert crm.get(record_id, crm.status) == "valid"

    def test_puts_back_what_was_there_before_the_first(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = crm.ids()[0]
        before = crm.snapshot()[record_id]
        first = self._written(ctx, crm, sync, record_id, NUMBER)
        second = self._written(ctx, crm, sync, record_id, "415555")
        with ctx.store.write() as connection:
            connection.execute(
                sa.update(writes).where(writes.c.run_id == second).values(run_id=first)
            )
        undo(ctx, first)
        after = crm.snapshot()[record_id]
        typed = crm.field(f"phone/{crm.phone}")
        assert {**after, typed: None} == {**before, typed: None}

    @staticmethod
    def _written(ctx: Context, crm: Crm, sync: Sync, record_id: str, text: str) -> str:
        crm.edit(record_id, {f"phone/{crm.phone}": text})
        return str(sync(ctx, crm.name, "everything")["run"])
