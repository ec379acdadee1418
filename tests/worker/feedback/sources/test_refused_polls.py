"""Calls that a CRM refuses to list: smaller queries, and an operator who is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from agents import Agent
from constants import NUMBER
from crms import Crm
from fixture_types import Sync
from limits import lower_limits

from sandbox.run import Sandbox
from worker.alerts import rules
from worker.context import Context
from worker.feedback.sources.dispositions import poll, poll_all
from worker.ops import doctor
from worker.segments import counters
from worker.store.tables import feedback, poll_cursors

TASKS = {"salesforce": r"FROM.Task", "hubspot": r"/calls/search"}
TOO_LARGE = [{"errorCode": "OPERATION_TOO_LARGE", "message": "exceeded 100000 distinct who/what's"}]


def refused(crm: Crm, match: str, times: int = 10**6) -> Any:
    status, body = (400, TOO_LARGE) if crm.name == "salesforce" else (504, None)
    return crm.fault(match, "status", status=status, body=body, times=times)


def logged(sandbox: Sandbox, crm: Crm, ctx: Context, sync: Sync) -> None:
    """Somebody logged a call with a contact that we know, and its outcome: a wrong number."""
    record_id = crm.ids()[0]
    crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
    sync(ctx, crm.name)
    Agent(sandbox, crm).log_call(record_id, "Wrong number")


def reports(ctx: Context) -> int:
    with ctx.store.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(feedback)) or 0


@pytest.mark.parametrize("code", ["OPERATION_TOO_LARGE", "QUERY_TIMEOUT"])
def test_tasks_are_read_by_id_where_no_window_is_small_enough(
    ctx: Context, sandbox: Sandbox, sync: Sync, code: str
) -> None:
    crm = Crm.all(sandbox)["salesforce"]
    logged(sandbox, crm, ctx, sync)
    body = [{"errorCode": code, "message": "too much"}]
    no_slice = r"FROM.Task(?!.*LIMIT.500)"
    crm.fault(no_slice, "status", status=400, body=body, times=10**6)
    from datetime import timedelta

    with ctx.store.write() as connection:  # a first look would go through 90 days by the hour
        row = {"name": "calls:salesforce", "position": ctx.now() - timedelta(hours=2)}
        connection.execute(sa.insert(poll_cursors).values(row))
    assert poll(ctx, "salesforce") > 0


def test_a_refusal_in_the_middle_loses_no_call(ctx: Context, sandbox: Sandbox, sync: Sync) -> None:
    crm = Crm.all(sandbox)["salesforce"]
    logged(sandbox, crm, ctx, sync)
    for record_id in crm.ids()[1:7]:
        Agent(sandbox, crm).log_call(record_id, "Wrong number")
    sandbox.salesforce.page_limit = 2
    refused(crm, r"/query/\w+-2$", times=1)
    outcomes = list(ctx.open("salesforce").call_outcomes(ctx.now().replace(year=2020)) or ())
    assert len({outcome.id for outcome in outcomes}) == 7


def test_hubspot_is_asked_for_fewer_calls_at_a_time(
    ctx: Context, sandbox: Sandbox, sync: Sync
) -> None:
    crm = Crm.all(sandbox)["hubspot"]
    logged(sandbox, crm, ctx, sync)
    refused(crm, TASKS["hubspot"], times=4)  # as often as one call is tried
    assert poll(ctx, "hubspot") == 1


def test_hubspot_is_not_asked_again_for_as_many_calls_as_it_did_not_manage(
    ctx: Context, sandbox: Sandbox, sync: Sync
) -> None:
    crm = Crm.all(sandbox)["hubspot"]
    logged(sandbox, crm, ctx, sync)
    for record_id in crm.ids()[1:31]:
        Agent(sandbox, crm).log_call(record_id, "Wrong number")
    refused(crm, TASKS["hubspot"], times=4)
    before = crm.service.counters["POST /crm/objects/2026-09/calls/search"]
    assert len(list(ctx.open("hubspot").call_outcomes(ctx.now().replace(year=2020)) or ())) == 31
    assert crm.service.counters["POST /crm/objects/2026-09/calls/search"] - before == 4 + 2


def test_an_operator_is_told_when_it_goes_on_and_no_longer_when_it_is_over(
    ctx: Context, crm: Crm, sync: Sync, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged(sandbox, crm, ctx, sync)
    lower_limits(monkeypatch, salesforce_task_windows=())
    refused(crm, TASKS[crm.name])

    def setback_texts() -> list[str]:
        return [alert.text for alert in rules.current(ctx) if alert.kind == "setback"]

    poll_all(ctx)
    assert setback_texts() == []
    poll_all(ctx)
    poll_all(ctx)
    (text,) = setback_texts()
    assert text.startswith(f"{crm.name}: could not read what was logged of calls, 3 times in a row")
    shown = [check.text for check in doctor.examine(ctx.settings) if check.name == "background"]
    assert shown == [text]
    crm.service.faults.clear()
    poll_all(ctx)
    assert setback_texts() == []
    assert reports(ctx) > 0


def test_a_list_that_cannot_be_read_is_told_too(make_context: Callable[..., Context]) -> None:
    ctx = make_context('[segments]\nlists = ["hubspot:No such list"]\n')
    for _ in range(3):
        counters.count(ctx)
    assert [alert.kind for alert in rules.current(ctx) if alert.kind == "setback"] == ["setback"]
