"""Reports reach every record that holds the number, in every CRM, and stay there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from clocks import advance_clock
from constants import NUMBER, OTHER, OTHER_PHONES
from crms import Crm
from fixture_types import Sync
from limits import lower_limits
from reports import contact_with_number, deliver_reports, delivery_states, store_report

from worker.context import Context
from worker.feedback.models import ContactIdentity
from worker.store import outbox
from worker.store.tables import feedback
from worker.suppression import suppressions as suppress
from worker.suppression.apply_reports import apply_pending
from worker.sync import propagate as propagation
from worker.sync.pages import evaluate
from worker.sync.propagate import propagate
from worker.sync.runs import lifecycle, reader_lease
from worker.sync.runs.model import RunOptions
from worker.sync.runs.scope import Scope


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


class TestReportsThatComeTogether:
    """A run costs as much for one report as for ten, so two do not begin at once."""

    def test_share_a_run(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        lower_limits(monkeypatch, propagation_apart=30.0)
        store_report(ctx, "wrong_number", key="first")
        apply_pending(ctx)
        waits: list[float] = []

        def wait(seconds: float) -> None:
            waits.append(seconds)
            store_report(ctx, "opt_out", key=f"third{len(waits)}")
            apply_pending(ctx)

        monkeypatch.setattr(propagation.stopping, "sleep", wait)
        after_runs: list[str] = []

        def after_run() -> None:
            if not after_runs:
                store_report(ctx, "confirmed", key="second")
                apply_pending(ctx)
            after_runs.append("")

        propagate(ctx, crms[0].name, after_run)
        assert len(after_runs) == 2
        assert len(waits) == 1
        assert 20 < waits[0] <= 30
        assert crms[0].get(contact_ids[crms[0].name], "do_not_contact") is True

    def test_do_not_make_one_wait_that_comes_alone(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        lower_limits(monkeypatch, propagation_apart=30.0)
        monkeypatch.setattr(propagation.stopping, "sleep", lambda _: pytest.fail("it waits"))
        for kind, minutes in (("opt_out", 1), ("opt_in", 3)):
            advance_clock(ctx, minutes=minutes)
            store_report(ctx, kind, at=ctx.now())
            apply_pending(ctx)
            for crm in crms:
                propagate(ctx, crm.name)
                flag = crm.get(contact_ids[crm.name], "do_not_contact")
                assert bool(flag) is (kind == "opt_out")


class TestAWorkerThatCarriesReports:
    def test_is_left_to_carry_those_that_come_meanwhile(
        self, ctx: Context, make_context: Callable[..., Context], crms: list[Crm],
        contact_ids: dict[str, str], monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        crm = crms[0]
        another = make_context(DATABASE_URL=ctx.settings.database_url)
        seen: list[bool] = []

        def evaluating(*args: Any) -> Any:
            seen.append(propagation.is_under_way(another, crm.name))
            if len(seen) == 1:
                store_report(another, "opt_out", key="second")
                apply_pending(another)
            return evaluate_page(*args)

        evaluate_page = evaluate.evaluate
        monkeypatch.setattr(evaluate, "evaluate", evaluating)
        store_report(ctx, "wrong_number", key="first")
        apply_pending(ctx)
        propagate(ctx, crm.name)
        assert len(seen) > 1
        assert all(seen)
        assert not propagation.is_under_way(another, crm.name)
        assert crm.get(contact_ids[crm.name], "do_not_contact") is True

    def test_is_nobody_once_it_has_died(
        self, ctx: Context, make_context: Callable[..., Context], crms: list[Crm],
        contact_ids: dict[str, str],
    ) -> None:  # fmt: skip
        crm = crms[0]
        another = make_context(DATABASE_URL=ctx.settings.database_url)
        store_report(ctx, "opt_out")
        apply_pending(ctx)
        with ctx.store.write() as connection:
            (delivery,) = outbox.claimable(connection, crm.name, ctx.now(), 10)
        run_id = lifecycle.open_run(
            ctx, crm.name, Scope("numbers", (NUMBER,)), RunOptions(kind="reports"),
            on_opened=lambda connection, run: outbox.claim(connection, [delivery], run),
        )  # fmt: skip
        assert not propagation.is_under_way(another, crm.name)
        reader_lease.claim(ctx, run_id)
        assert propagation.is_under_way(another, crm.name)
        advance_clock(another, hours=1)
        assert not propagation.is_under_way(another, crm.name)
        assert crm.name in propagation.pending_connectors(another)
