"""Outcomes of calls that people log in the CRM, read from the CRM over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from agents import OUTCOME_IDS, Agent
from clocks import SharedClock, advance_clock
from constants import NUMBER, OTHER
from crms import Crm
from fixture_types import Sync
from reports import report_kinds

from connectors.records import CallOutcome
from sandbox.run import Sandbox
from worker.context import Context
from worker.feedback.sources.dispositions import poll, poll_all
from worker.suppression.apply_reports import apply_pending
from worker.sync.propagate import propagate

NO_OVERLAP = '[sync]\noverlap = "0s"\n[connectors.hubspot]\nsearch_lag = "0s"'


@pytest.fixture
def agent(sandbox: Sandbox, crm: Crm) -> Agent:
    return Agent(sandbox, crm)


@pytest.fixture
def contact_id(ctx: Context, crm: Crm, sync: Sync) -> str:
    record_id = crm.ids()[0]
    crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
    if crm.name == "salesforce":
        others = {"MobilePhone": None, "HomePhone": None, "OtherPhone": None}
        crm.act(record_id, {"set": others})
    else:
        crm.act(record_id, {"set": {"mobilephone": ""}})
    sync(ctx, crm.name)
    return record_id


class TestAnOutcome:
    @pytest.mark.parametrize(
        ("outcome", "canonical"), [("Wrong number", "wrong_number"), ("Do not call", "do_not_call")]
    )
    def test_reaches_the_contact(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str, outcome: str, canonical: str
    ) -> None:
        agent.log_call(contact_id, outcome)
        assert poll(ctx, crm.name) == 1
        apply_pending(ctx)
        propagate(ctx, crm.name)
        assert crm.get(contact_id, canonical) is True
        assert outcome in crm.get(contact_id, "reason") or canonical == "do_not_call"

    def test_with_a_name_of_the_companys_own_reaches_the_contact(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str, sandbox: Sandbox
    ) -> None:
        name = "Wrong number - do not contact"
        sandbox.hubspot.portal.dispositions["of-our-own"] = name
        agent.log_call(contact_id, name if crm.name == "salesforce" else "of-our-own")
        assert poll(ctx, crm.name) == 2
        apply_pending(ctx)
        propagate(ctx, crm.name)
        flags = ("wrong_number", "do_not_contact", "do_not_call", "do_not_text")
        assert [crm.get(contact_id, flag) for flag in flags] == [True] * 4
        assert poll(ctx, crm.name) == 0

    def test_of_somebody_without_a_number_holds_for_the_contact(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str, sync: Sync
    ) -> None:
        crm.edit(contact_id, {f"phone/{crm.phone}": None})
        sync(ctx, crm.name)
        agent.log_call(contact_id, "Do not call")
        assert poll(ctx, crm.name) == 1
        apply_pending(ctx)
        propagate(ctx, crm.name)
        crm.edit(contact_id, {f"phone/{crm.phone}": OTHER})
        sync(ctx, crm.name)
        assert crm.get(contact_id, "do_not_call") is True

    def test_counts_once_however_often_it_is_read(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        agent.log_call(contact_id, "Wrong number")
        assert [poll(ctx, crm.name) for _ in range(3)] == [1, 0, 0]

    def test_that_says_nothing_of_the_number_is_left(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        agent.log_call(contact_id, "Busy")
        agent.log_call(contact_id, "Connected")
        assert poll(ctx, crm.name) == 0
        assert report_kinds(ctx) == []

    def test_of_somebody_who_was_not_read_yet_counts_after_the_next_sync(
        self, make_context: Callable[..., Context], crm: Crm, agent: Agent, sync: Sync
    ) -> None:
        """Somebody is added and called before a sync has seen them."""
        ctx = make_context(NO_OVERLAP)
        poll(ctx, crm.name)
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        agent.log_call(record_id, "Do not call", number="")
        agent.log_call(crm.ids()[1], "Busy")
        assert poll(ctx, crm.name) == 0
        sync(ctx, crm.name)
        assert poll(ctx, crm.name) >= 1
        assert "opt_out" in report_kinds(ctx)
        assert poll(ctx, crm.name) == 0

    def test_is_not_read_again_but_for_the_overlap(
        self, make_context: Callable[..., Context], crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        ctx = make_context(NO_OVERLAP)
        for _ in range(5):
            agent.log_call(contact_id, "Wrong number")
        crm.service.clock.skew = timedelta(seconds=10)  # they are not of this very second
        opened = ctx.open(crm.name)
        read: list[CallOutcome] = []
        asked: list[datetime] = []
        outcomes = opened.call_outcomes

        def counted(since: datetime, only: str = "") -> Iterator[CallOutcome]:
            if not only:
                asked.append(since)
            for outcome in outcomes(since, only) or ():
                read.append(outcome)
                yield outcome

        opened.call_outcomes = counted  # type: ignore[method-assign]
        poll(ctx, crm.name)
        assert len(read) == 5
        latest = max(outcome.modified for outcome in read)
        poll(ctx, crm.name)
        assert asked[1] == latest

    def test_means_what_the_settings_say(
        self, make_context: Callable[..., Context], crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        ctx = make_context('[feedback.dispositions]\nwrong_number = ["BUSY"]')
        agent.log_call(contact_id, "Busy")
        agent.log_call(contact_id, "Wrong number")
        assert poll(ctx, crm.name) == 1

    def test_of_a_crm_that_is_away_waits_and_is_not_lost(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        agent.log_call(contact_id, "Wrong number")
        fault = crm.fault(".*", "status", status=503, times=10_000)
        assert poll_all(ctx) == 0
        crm.service.faults.remove(fault)
        assert poll_all(ctx) == 1

    def test_logged_long_ago_is_not_dug_up(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        agent.log_call(contact_id, "Wrong number")
        advance_clock(ctx, days=120)
        assert poll(ctx, crm.name) == 0


class TestHubSpot:
    @pytest.fixture
    def crm(self, sandbox: Sandbox) -> Crm:
        return Crm.all(sandbox)["hubspot"]

    def test_tells_which_of_several_numbers_was_called(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str, sync: Sync
    ) -> None:
        crm.edit(contact_id, {"phone/mobilephone": OTHER})
        sync(ctx, crm.name)
        agent.log_call(contact_id, "Wrong number", OTHER)
        poll(ctx, crm.name)
        apply_pending(ctx)
        propagate(ctx, crm.name)
        assert crm.get(contact_id, "status/phone") == "valid"
        assert crm.get(contact_id, "status/mobilephone") == "wrong_number"

    def test_reads_many_pages(self, ctx: Context, crm: Crm, agent: Agent, contact_id: str) -> None:
        for _ in range(130):
            agent.log_call(contact_id, "Busy")
        agent.log_call(contact_id, "Wrong number")
        assert poll(ctx, crm.name) == 1

    def test_without_the_list_of_outcomes_the_usual_ones_are_known(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        crm.fault("GET /calling/v1/dispositions", "status", status=404, times=10)
        agent.log_call(contact_id, "Wrong number")
        assert poll(ctx, crm.name) == 1

    @pytest.mark.parametrize("minutes", [7, 30, 59])
    def test_reads_a_call_that_searches_find_late(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str, minutes: int
    ) -> None:
        clock = SharedClock(crm, ctx)
        poll(ctx, crm.name)
        crm.service.search_lag = minutes * 60.0
        agent.log_call(contact_id, "Wrong number")
        crm.service.search_lag = 0.5
        for _ in range(3):
            clock.advance(minutes=minutes / 4)
            agent.log_call(contact_id, "Busy")  # others are found at once, and the place moves on
            clock.advance(seconds=1)
            assert poll(ctx, crm.name) == 0
        clock.advance(minutes=minutes / 4)
        assert poll(ctx, crm.name) == 1
        assert poll(ctx, crm.name) == 0

    def test_reads_a_call_that_is_changed_while_a_long_read_goes_on(
        self, make_context: Callable[..., Context], crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        """Calls are read by their ids: a change of one that was passed is none of this read. The
        place stays before it, though another call was changed later than that."""
        ctx = make_context(NO_OVERLAP)
        clock = SharedClock(crm, ctx)
        poll(ctx, crm.name)
        for _ in range(401):
            crm.service.calls.log({"hs_call_disposition": OUTCOME_IDS["Busy"]}, [contact_id])
        first, last = crm.service.portal.calls.get("500000"), crm.service.portal.calls.get("500400")
        clock.advance(hours=1)
        search = "POST .*/calls/search"
        wrong = {"hs_call_disposition": OUTCOME_IDS["Wrong number"]}
        act = {"object": "calls", "id": first["id"], "set": wrong}
        crm.fault(search, "act", nth=2, action=act)
        later = {"object": "calls", "id": last["id"], "set": {"hs_call_title": "edited"}}
        crm.fault(search, "act", nth=3, action=later)
        assert poll(ctx, crm.name) == 0
        clock.advance(minutes=5)
        assert poll(ctx, crm.name) == 1

    def test_reads_a_call_that_is_put_to_a_contact_afterwards(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        """That leaves the time of its last change as it was."""
        record_id = crm.service.calls.log({"hs_call_disposition": OUTCOME_IDS["Do not call"]}, [])
        clock = SharedClock(crm, ctx)
        assert poll(ctx, crm.name) == 0
        clock.advance(minutes=20)
        agent.log_call(contact_id, "Busy")
        assert poll(ctx, crm.name) == 0
        crm.service.calls.act(record_id, {"associate": contact_id})
        assert poll(ctx, crm.name) == 1
