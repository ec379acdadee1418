"""Outcomes of calls that people log in the CRM, read from the CRM over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from crms import Crm

from connectors.base import CallOutcome
from sandbox.hubspot.portal import DISPOSITIONS
from sandbox.run import Sandbox
from worker.feedback.apply import apply_waiting
from worker.feedback.dispositions import poll, poll_all
from worker.store.tables import feedback
from worker.sync.context import Context
from worker.sync.spread import spread

Sync = Callable[..., dict[str, Any]]
NUMBER, OTHER = "+14155552671", "+14155552672"


class Agent:
    """Logs calls as people do."""

    def __init__(self, sandbox: Sandbox, crm: Crm) -> None:
        self.sandbox, self.crm = sandbox, crm

    def logs(self, record_id: str, outcome: str, number: str = NUMBER) -> None:
        if self.crm.name == "salesforce":
            self.sandbox.salesforce.org.create(
                "Task",
                {"WhoId": record_id, "CallDisposition": outcome, "Subject": "Call",
                 "Status": "Completed", "TaskSubtype": "Call"},
            )  # fmt: skip
            return
        ids = {label: key for key, label in DISPOSITIONS.items()}
        body = {
            "properties": {"hs_call_disposition": ids[outcome], "hs_call_direction": "OUTBOUND",
                           "hs_call_to_number": number, "hs_timestamp": "2026-01-01T00:00:00Z"},
            "associations": [{"to": {"id": record_id}, "types": []}],
        }  # fmt: skip
        answer = requests.post(
            f"{self.sandbox.hubspot_url}/crm/objects/2026-09/calls",
            json=body,
            headers={"Authorization": "Bearer sandbox-private-app-token"},
        )
        assert answer.status_code == 201


@pytest.fixture
def agent(sandbox: Sandbox, crm: Crm) -> Agent:
    return Agent(sandbox, crm)


@pytest.fixture
def held(ctx: Context, crm: Crm, sync: Sync) -> str:
    record_id = crm.ids()[0]
    crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
    if crm.name == "salesforce":
        others = {"MobilePhone": None, "HomePhone": None, "OtherPhone": None}
        crm.act(record_id, {"set": others})
    else:
        crm.act(record_id, {"set": {"mobilephone": ""}})
    sync(ctx, crm.name)
    return record_id


def kinds(ctx: Context) -> list[str]:
    with ctx.store.read() as connection:
        return list(connection.scalars(sa.select(feedback.c.kind).order_by(feedback.c.id)))


class TestAnOutcome:
    @pytest.mark.parametrize(
        ("outcome", "canonical"), [("Wrong number", "wrong_number"), ("Do not call", "do_not_call")]
    )
    def test_reaches_the_contact(
        self, ctx: Context, crm: Crm, agent: Agent, held: str, outcome: str, canonical: str
    ) -> None:
        agent.logs(held, outcome)
        assert poll(ctx, crm.name) == 1
        apply_waiting(ctx)
        spread(ctx, crm.name)
        assert crm.get(held, canonical) is True
        assert outcome in crm.get(held, "reason") or canonical == "do_not_call"

    def test_counts_once_however_often_it_is_read(
        self, ctx: Context, crm: Crm, agent: Agent, held: str
    ) -> None:
        agent.logs(held, "Wrong number")
        assert [poll(ctx, crm.name) for _ in range(3)] == [1, 0, 0]

    def test_that_says_nothing_of_the_number_is_left(
        self, ctx: Context, crm: Crm, agent: Agent, held: str
    ) -> None:
        agent.logs(held, "Busy")
        agent.logs(held, "Connected")
        assert poll(ctx, crm.name) == 0
        assert kinds(ctx) == []

    def test_of_somebody_who_was_not_read_yet_counts_after_the_next_sync(
        self, make_context: Callable[..., Context], crm: Crm, agent: Agent, sync: Sync
    ) -> None:
        """Somebody is added and called before a sync has seen them."""
        ctx = make_context('[sync]\noverlap = "0s"')
        poll(ctx, crm.name)
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        agent.logs(record_id, "Do not call", number="")
        agent.logs(crm.ids()[1], "Busy")
        assert poll(ctx, crm.name) == 0
        sync(ctx, crm.name)
        assert poll(ctx, crm.name) >= 1
        assert "opt_out" in kinds(ctx)
        assert poll(ctx, crm.name) == 0

    def test_is_not_read_again_but_for_the_overlap(
        self, make_context: Callable[..., Context], crm: Crm, agent: Agent, held: str
    ) -> None:
        ctx = make_context('[sync]\noverlap = "0s"')
        for _ in range(5):
            agent.logs(held, "Wrong number")
        opened = ctx.open(crm.name)
        read: list[CallOutcome] = []
        asked: list[datetime] = []
        outcomes = opened.outcomes

        def counted(since: datetime) -> Iterator[CallOutcome]:
            asked.append(since)
            for outcome in outcomes(since) or ():
                read.append(outcome)
                yield outcome

        opened.outcomes = counted  # type: ignore[method-assign]
        poll(ctx, crm.name)
        assert len(read) == 5
        latest = max(outcome.modified for outcome in read)
        poll(ctx, crm.name)
        assert asked[1] == latest

    def test_means_what_the_settings_say(
        self, make_context: Callable[..., Context], crm: Crm, agent: Agent, held: str
    ) -> None:
        ctx = make_context('[feedback.dispositions]\nwrong_number = ["BUSY"]')
        agent.logs(held, "Busy")
        agent.logs(held, "Wrong number")
        assert poll(ctx, crm.name) == 1

    def test_of_a_crm_that_is_away_waits_and_is_not_lost(
        self, ctx: Context, crm: Crm, agent: Agent, held: str
    ) -> None:
        agent.logs(held, "Wrong number")
        fault = crm.fault(".*", "status", status=503, times=10_000)
        assert poll_all(ctx) == 0
        crm.service.faults.remove(fault)
        assert poll_all(ctx) == 1

    def test_logged_long_ago_is_not_dug_up(
        self, ctx: Context, crm: Crm, agent: Agent, held: str
    ) -> None:
        agent.logs(held, "Wrong number")
        clock = ctx.now
        ctx.now = lambda: clock() + timedelta(days=120)
        assert poll(ctx, crm.name) == 0


class TestHubSpot:
    @pytest.fixture
    def crm(self, sandbox: Sandbox) -> Crm:
        return Crm.all(sandbox)["hubspot"]

    def test_tells_which_of_several_numbers_was_called(
        self, ctx: Context, crm: Crm, agent: Agent, held: str, sync: Sync
    ) -> None:
        crm.edit(held, {"phone/mobilephone": OTHER})
        sync(ctx, crm.name)
        agent.logs(held, "Wrong number", OTHER)
        poll(ctx, crm.name)
        apply_waiting(ctx)
        spread(ctx, crm.name)
        assert crm.get(held, "status/phone") == "valid"
        assert crm.get(held, "status/mobilephone") == "wrong_number"

    def test_reads_many_pages(self, ctx: Context, crm: Crm, agent: Agent, held: str) -> None:
        for _ in range(130):
            agent.logs(held, "Busy")
        agent.logs(held, "Wrong number")
        assert poll(ctx, crm.name) == 1

    def test_without_the_list_of_outcomes_the_usual_ones_are_known(
        self, ctx: Context, crm: Crm, agent: Agent, held: str
    ) -> None:
        crm.fault("GET /calling/v1/dispositions", "status", status=404, times=10)
        agent.logs(held, "Wrong number")
        assert poll(ctx, crm.name) == 1
