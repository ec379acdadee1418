"""What a CRM could not take arrives later, and holds up nobody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from clocks import advance_clock
from constants import NUMBER
from crms import Crm
from fixture_types import Sync
from limits import lower_limits
from reports import contact_with_number, deliver_reports, delivery_states, store_report

from sandbox.run import Sandbox
from worker.context import Context
from worker.feedback import report_log as feedback_log
from worker.store import changed_records
from worker.store import outbox as delivering
from worker.suppression.apply_reports import apply_pending
from worker.sync import propagate as propagation
from worker.sync.pages import runner
from worker.sync.propagate import pending_connectors, propagate
from worker.sync.runs import lifecycle
from worker.sync.runs.model import RunOptions
from worker.sync.runs.scope import Scope


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


def test_a_report_that_comes_between_two_runs_goes_before_records(
    ctx: Context, sandbox: Sandbox, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = Crm.all(sandbox)["hubspot"]
    record_id = contact_with_number(ctx, crm, sync)
    lower_limits(monkeypatch, propagation_batch=2, propagation_apart=30.0)
    with ctx.store.write() as connection:
        changed_records.record(connection, "hubspot", "contacts", crm.ids()[:4], ctx.now())
    driven: list[str] = []

    def driving(own: Context, run_id: str, pages_at_once: int) -> None:
        runner.run_to_completion(own, run_id, pages_at_once=pages_at_once)
        driven.append(lifecycle.load(own, run_id).scope.kind)

    def wait(_seconds: float) -> None:
        if len(driven) == 1:  # somebody says STOP between the runs
            store_report(ctx, "opt_out")
            apply_pending(ctx)

    monkeypatch.setattr(propagation, "run_to_completion", driving)
    monkeypatch.setattr(propagation.stopping, "sleep", wait)
    propagate(ctx, "hubspot")
    assert driven[:2] == ["ids", "numbers"]
    assert crm.get(record_id, "do_not_contact") is True
