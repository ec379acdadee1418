"""Outcomes of calls without a name or a meaning: they are said, wait, and count in the end."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from agents import OUTCOME_IDS, Agent
from clocks import SharedClock
from constants import NUMBER, OTHER
from crms import Crm
from fixture_types import MakeContext, Sync
from reports import report_kinds

from connectors.errors import AuthError, UnavailableError
from sandbox.run import Sandbox
from worker.alerts import rules
from worker.context import Context
from worker.feedback.sources import call_outcomes
from worker.feedback.sources.dispositions import poll, poll_all
from worker.ops import doctor_checks
from worker.store.tables import call_outcomes as table
from worker.store.tables import poll_cursors
from worker.suppression.apply_reports import apply_pending
from worker.sync.propagate import propagate

LIST, OPTIONS = "GET /calling/v1/dispositions", "GET .*/calls/hs_call_disposition"
REFUSALS = (401, 403, 404, "page", {"message": "moved"})


@pytest.fixture
def agent(sandbox: Sandbox, crm: Crm) -> Agent:
    return Agent(sandbox, crm)


@pytest.fixture
def contact_id(ctx: Context, crm: Crm, sync: Sync) -> str:
    """A contact with one number."""
    record_id = crm.ids()[0]
    crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
    fields = ("MobilePhone", "HomePhone", "OtherPhone")
    empty = {"mobilephone": ""} if crm.name == "hubspot" else dict.fromkeys(fields)
    crm.act(record_id, {"set": empty})
    sync(ctx, crm.name)
    return record_id


def refuse(crm: Crm, how: Any) -> None:
    for match in (LIST, OPTIONS):
        if how == "page":
            crm.fault(match, "page", times=9999)
        elif isinstance(how, int):
            crm.fault(match, "status", status=how, times=9999)
        else:
            crm.fault(match, "status", status=200, body=how, times=9999)


def doctor_text(ctx: Context) -> str:
    return "\n".join(check.text for check in doctor_checks.check_call_outcomes(ctx))


def alerts(ctx: Context) -> list[str]:
    return [alert.text for alert in rules.current(ctx) if alert.kind == "call_outcomes"]


def calls_by_outcome(ctx: Context) -> dict[str, int]:
    with ctx.store.read() as connection:
        return {row.name or row.outcome: row.calls for row in call_outcomes.load(connection)
                if row.calls}  # fmt: skip


class TestAnOutcomeWithoutAName:
    @pytest.fixture
    def crm(self, sandbox: Sandbox) -> Crm:
        return Crm.all(sandbox)["hubspot"]

    @pytest.mark.parametrize("how", REFUSALS)
    def test_waits_and_counts_when_the_name_is_known_months_later(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str, how: Any
    ) -> None:
        clock = SharedClock(crm, ctx)
        refuse(crm, how)
        agent.log_call(contact_id, "Do not call")
        assert poll(ctx, "hubspot") == 0
        for _ in range(5):
            clock.advance(days=30)
            agent.log_call(contact_id, "Busy")
            poll(ctx, "hubspot")
        assert report_kinds(ctx) == []
        crm.service.faults.clear()
        assert poll(ctx, "hubspot") == 1
        assert report_kinds(ctx) == ["opt_out"]
        apply_pending(ctx)
        propagate(ctx, "hubspot")
        assert crm.get(contact_id, "do_not_call") is True
        assert poll(ctx, "hubspot") == 0

    def test_holds_up_no_other_call(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        clock = SharedClock(crm, ctx)
        refuse(crm, 403)
        agent.log_call(contact_id, "Do not call")
        clock.advance(hours=3)
        agent.log_call(contact_id, "Wrong number", OTHER)
        clock.advance(minutes=1)
        assert poll(ctx, "hubspot") == 1
        with ctx.store.read() as connection:
            position = connection.scalar(sa.select(poll_cursors.c.position))
        assert position is not None
        assert ctx.now() - position < timedelta(hours=1)

    def test_takes_no_more_room_however_many_calls_wait(
        self, ctx: Context, crm: Crm, contact_id: str
    ) -> None:
        refuse(crm, 403)
        for _ in range(500):
            crm.service.calls.log({"hs_call_disposition": OUTCOME_IDS["Do not call"]}, [contact_id])
        poll(ctx, "hubspot")
        with ctx.store.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(table)) <= 2
        assert calls_by_outcome(ctx) == {OUTCOME_IDS["Do not call"]: 500}

    @pytest.mark.parametrize("how", REFUSALS)
    def test_is_told_to_an_operator(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str, how: Any,
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        refuse(crm, how)
        poll(ctx, "hubspot")
        assert alerts(ctx) == []  # nothing is lost yet
        assert "only standard call outcomes are known by name" in doctor_text(ctx)
        agent.log_call(contact_id, "Do not call")
        agent.log_call(contact_id, "Do not call")
        with caplog.at_level(logging.WARNING):
            poll(ctx, "hubspot")
        assert "2 calls have outcomes whose name" in caplog.text
        assert "2 calls have outcomes whose name is not known" in doctor_text(ctx)
        (text,) = alerts(ctx)
        assert "hygiene feedback outcomes" in text
        poll(ctx, "hubspot")
        assert alerts(ctx) == [text]
        crm.service.faults.clear()
        poll(ctx, "hubspot")
        assert (alerts(ctx), doctor_text(ctx)) == ([], "")

    def test_may_be_given_a_meaning_by_its_id(
        self, ctx: Context, make_context: MakeContext, crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        """The way out where HubSpot tells the names to nobody any more."""
        refuse(crm, 404)
        agent.log_call(contact_id, "Do not call")
        assert poll(ctx, "hubspot") == 0
        words = f'do_not_call = ["{OUTCOME_IDS["Do not call"].upper()}"]'
        ctx = make_context(f"[feedback.dispositions]\n{words}")
        assert poll(ctx, "hubspot") == 1
        assert report_kinds(ctx) == ["opt_out"]
        assert alerts(ctx) == []

    def test_that_an_earlier_release_passed_over_is_made_up_for(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        """It moved its place on, and noted nothing."""
        agent.log_call(contact_id, "Do not call")
        clock = SharedClock(crm, ctx)
        clock.advance(days=20)
        with ctx.store.write() as connection:
            place = {"name": "calls:hubspot", "position": ctx.now()}
            connection.execute(sa.insert(poll_cursors).values(place))
        assert poll(ctx, "hubspot") == 1
        assert report_kinds(ctx) == ["opt_out"]

    def test_whose_calls_cannot_be_read_just_now_is_tried_again_and_holds_up_no_other(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        clock = SharedClock(crm, ctx)
        refuse(crm, 404)
        agent.log_call(contact_id, "Do not call")
        poll(ctx, "hubspot")
        clock.advance(days=2)
        agent.log_call(contact_id, "Busy")
        poll(ctx, "hubspot")
        crm.service.faults.clear()
        agent.log_call(contact_id, "Wrong number", OTHER)
        crm.fault("POST .*/calls/search", "status", nth=2, times=50, status=503)
        assert poll(ctx, "hubspot") == 1
        assert report_kinds(ctx) == ["wrong_number"]
        crm.service.faults.clear()
        assert poll(ctx, "hubspot") == 1
        assert report_kinds(ctx) == ["wrong_number", "opt_out"]

    def test_a_dead_token_moves_nothing(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        agent.log_call(contact_id, "Do not call")
        tokens = set(crm.service.tokens)
        crm.service.tokens.clear()
        with pytest.raises(AuthError):
            poll(ctx, "hubspot")
        assert poll_all(ctx) == 0
        with ctx.store.read() as connection:
            assert list(connection.scalars(sa.select(poll_cursors.c.name))) == ["calls:salesforce"]
        assert (calls_by_outcome(ctx), doctor_text(ctx)) == ({}, "")
        crm.service.tokens |= tokens
        assert poll(ctx, "hubspot") == 1


class TestAnOutcomeWithoutAMeaning:
    OWN = "Never again"

    @pytest.fixture(autouse=True)
    def own(self, crm: Crm) -> None:
        """An outcome of the account's own, of which our settings say nothing."""
        if crm.name == "hubspot":
            crm.service.portal.dispositions[self.OWN_ID] = self.OWN

    OWN_ID = "3d7f0a51-9c1e-4a53-8f0e-0b2c8d6e4a77"

    def log(self, crm: Crm, agent: Agent, contact_id: str, number: str = NUMBER) -> None:
        agent.log_call(contact_id, self.OWN_ID if crm.name == "hubspot" else self.OWN, number)

    def test_is_listed_with_its_calls(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        for _ in range(3):
            self.log(crm, agent, contact_id)
        agent.log_call(contact_id, "Busy")
        agent.log_call(contact_id, "Wrong number")
        for _ in range(3):
            poll(ctx, crm.name)
        assert calls_by_outcome(ctx) == {self.OWN: 3, "Busy": 1, "Wrong number": 1}
        assert f"without a meaning: “{self.OWN}” (3);" in doctor_text(ctx)
        assert alerts(ctx) == []

    def test_counts_for_calls_that_were_seen_before(
        self, ctx: Context, make_context: MakeContext, crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        clock = SharedClock(crm, ctx)
        self.log(crm, agent, contact_id)
        poll(ctx, crm.name)
        clock.advance(days=40)
        self.log(crm, agent, contact_id)
        poll(ctx, crm.name)
        assert report_kinds(ctx) == []
        later = make_context('[feedback.dispositions]\ndo_not_call = ["never-again"]')
        later.now = ctx.now  # type: ignore[method-assign]
        assert poll(later, crm.name) == 2
        assert report_kinds(ctx) == ["opt_out", "opt_out"]
        assert poll(later, crm.name) == 0
        assert doctor_text(later) == ""

    def test_counts_for_calls_of_one_that_was_harmless(
        self, ctx: Context, make_context: MakeContext, crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        agent.log_call(contact_id, "Busy")
        poll(ctx, crm.name)
        assert doctor_text(ctx) == ""
        ctx = make_context('[feedback.dispositions]\ndisconnected = ["busy"]')
        assert poll(ctx, crm.name) == 1
        assert report_kinds(ctx) == ["undeliverable"]

    def test_counts_anew_where_a_meaning_was_wrong(
        self, ctx: Context, make_context: MakeContext, crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        self.log(crm, agent, contact_id)
        ctx = make_context('[feedback.dispositions]\nwrong_number = ["never again"]')
        poll(ctx, crm.name)
        ctx = make_context('[feedback.dispositions]\ndo_not_call = ["never again"]')
        assert poll(ctx, crm.name) == 1
        assert report_kinds(ctx) == ["wrong_number", "opt_out"]
        assert poll(ctx, crm.name) == 0

    def test_is_not_kept_without_end(
        self, ctx: Context, crm: Crm, agent: Agent, contact_id: str,
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        """Somebody writes another text into each call."""
        monkeypatch.setattr(call_outcomes, "MAX_OUTCOMES", 3)
        for n in range(5):
            agent.log_call(contact_id, f"remark {n}")
        agent.log_call(contact_id, "Wrong number")
        assert poll(ctx, crm.name) == 1
        with ctx.store.read() as connection:
            assert len(call_outcomes.load(connection)) == 3
        assert "have outcomes beyond" in caplog.text

    def test_is_not_shown_of_a_crm_that_is_turned_off(
        self, ctx: Context, make_context: MakeContext, crm: Crm, agent: Agent, contact_id: str
    ) -> None:
        self.log(crm, agent, contact_id)
        poll(ctx, crm.name)
        ctx = make_context(f"[connectors.{crm.name}]\nenabled = false")
        assert doctor_text(ctx) == ""


def test_a_read_that_fails_counts_nothing(
    ctx: Context, crm: Crm, agent: Agent, contact_id: str
) -> None:
    agent.log_call(contact_id, "Wrong number")
    crm.fault("calls/search|query", "status", times=50, status=503)
    with pytest.raises(UnavailableError):
        poll(ctx, crm.name)
    assert calls_by_outcome(ctx) == {}
