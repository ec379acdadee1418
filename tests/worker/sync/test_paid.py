"""Paid verification from end to end: what the CRM is told, what it costs, and when it is asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from constants import NEW_YORK, NUMBER
from crms import Crm
from fixture_types import Sync
from limits import lower_limits
from queue_tasks import tasks

from sandbox.run import Sandbox
from worker.context import Context
from worker.queries.number import number_details
from worker.queue import dedupe
from worker.store.tables import lookup_retries, verifications
from worker.sync.runs import control, lifecycle, select
from worker.sync.runs.scope import Scope
from worker.verification import spend_report

QUICK = "[verification.providers.twilio]\nper_second = 5000\n"


@pytest.fixture
def crm(sandbox: Sandbox) -> Crm:
    return Crm.all(sandbox)["hubspot"]


@pytest.fixture
def paid_context(make_context: Callable[..., Context], sandbox: Sandbox) -> Callable[..., Context]:
    """A context with Twilio Lookup; the first two contacts hold a number that is known here."""

    def make(toml: str = "", *providers: str, **env: str) -> Context:
        keys = {k: v for k, v in sandbox.env("twilio", *providers).items() if "HUBSPOT" not in k}
        return make_context(QUICK + toml, **keys, **env)

    return make


@pytest.fixture
def contact_ids(crm: Crm) -> list[str]:
    """Two contacts that share a number, one with another; the rest hold none."""
    ids = crm.ids()
    for record_id in ids:
        crm.edit(record_id, {"phone/phone": "", "phone/mobilephone": ""})
    first, second, third = ids[:3]
    crm.edit(first, {"phone/phone": "(415) 555-2671"})
    crm.edit(second, {"phone/phone": NUMBER})
    crm.edit(third, {"phone/phone": NEW_YORK})
    for record_id in (first, second, third):
        crm.edit(record_id, {})
        crm.service.act(crm.object, record_id, {"set": {"country": "United States"}})
    return ids[:3]


class TestWhatTheCrmIsTold:
    @pytest.mark.parametrize(
        ("line", "status", "line_type", "reason"),
        [
            ({"kind": "landline"}, "valid", "landline", "valid number"),
            ({"kind": "voip"}, "valid", "voip", "valid number"),
            ({"in_plan": False, "problem": "INVALID_BUT_POSSIBLE"}, "invalid", None,
             r"in a range .* not assigned \(Twilio Lookup\)"),
        ],
    )  # fmt: skip
    def test_what_twilio_found(
        self, paid_context: Any, crm: Crm, contact_ids: list[str], sync: Sync, sandbox: Sandbox,
        line: dict[str, Any], status: str, line_type: str | None, reason: str,
    ) -> None:  # fmt: skip
        sandbox.network.set(NUMBER, **line)
        sync(paid_context(), "hubspot")
        for record_id in contact_ids[:2]:
            assert crm.get(record_id, "status/phone") == status
            assert crm.get(record_id, "line_type/phone") == line_type
            assert re.search(reason, crm.get(record_id, "reason"))

    def test_a_line_that_is_not_in_service_is_unreachable(
        self, paid_context: Any, crm: Crm, contact_ids: list[str], sync: Sync, sandbox: Sandbox
    ) -> None:
        toml = (
            '[[verification.steps]]\nprovider = "offline"\ncheck_level = "format"\n'
            '[[verification.steps]]\nprovider = "twilio"\n'
            '[[verification.steps]]\nprovider = "twilio"\ncheck_level = "live"\n'
            'line_types = ["mobile"]\n'
        )
        sandbox.network.set(NUMBER, kind="mobile", live="inactive")
        sandbox.network.set(NEW_YORK, kind="landline")
        sync(paid_context(toml), "hubspot")
        assert crm.get(contact_ids[0], "status/phone") == "unreachable"
        assert crm.get(contact_ids[0], "reason") == (
            "Phone: not in service (Twilio Lookup). Try another number or email."
        )
        assert crm.get(contact_ids[2], "status/phone") == "valid", (
            "a landline is not asked that deep"
        )
        assert sandbox.twilio.charged[NEW_YORK, "line_status"] == 0

    def test_a_number_that_was_given_to_somebody_else_is_wrong_for_who_had_it_before(
        self, paid_context: Any, crm: Crm, contact_ids: list[str], sync: Sync, sandbox: Sandbox
    ) -> None:
        """The same number, two contacts: one known since before the disconnection, one after."""
        from datetime import date

        sandbox.network.set(NUMBER, disconnected_on=date(2024, 6, 1))
        sandbox.network.set(NEW_YORK, disconnected_on=None)
        for record_id, day in zip(
            contact_ids, ("2024-01-10", "2025-02-20", "2024-01-10"), strict=True
        ):
            crm.service.act(crm.object, record_id, {"set": {"closedate": day}})
        toml = '[connectors.hubspot.objects.contacts]\nconsent_date = "closedate"\n'
        ctx = paid_context(toml, "rnd")
        assert sync(ctx, "hubspot")["lookups"]["rnd"]["asked"] == 3
        assert crm.get(contact_ids[0], "status/phone") == "wrong_number"
        assert crm.get(contact_ids[0], "wrong_number") is True
        assert "given to someone else after 10 January 2024" in crm.get(contact_ids[0], "reason")
        assert crm.get(contact_ids[1], "status/phone") == "valid"
        assert crm.get(contact_ids[2], "status/phone") == "valid"
        # A person's word beats it (promise 9): they cleared the flag, and it stays cleared.
        crm.edit(contact_ids[0], {"wrong_number": False})
        sync(ctx, "hubspot", "everything")
        assert crm.get(contact_ids[0], "status/phone") == "valid"
        assert not crm.get(contact_ids[0], "wrong_number")


class TestWhatItCosts:
    def test_a_number_is_looked_up_once_however_many_hold_it(
        self, paid_context: Any, crm: Crm, contact_ids: list[str], sync: Sync, sandbox: Sandbox
    ) -> None:
        account = sync(paid_context(), "hubspot")
        assert account["lookups"]["twilio"] == {
            "asked": 2, "reused": 0, "failed": 0, "cost": 0.016,
        }  # fmt: skip
        assert sandbox.twilio.charges == 2

    def test_across_crms_too(self, paid_context: Any, sync: Sync, sandbox: Sandbox) -> None:
        ctx = paid_context()
        for name in ("salesforce", "hubspot", "salesforce"):
            sync(ctx, name, "everything")
        assert set(sandbox.twilio.charged.values()) == {1}
        with ctx.store.read() as connection:
            spend = spend_report.report(
                connection, ctx.providers, ctx.settings.verification, ctx.now(), 3
            )
        assert spend["total"]["lookups"] >= sandbox.twilio.charges > 50
        assert spend["total"]["cost"] == pytest.approx(0.008 * sandbox.twilio.charges)

    def test_a_second_sync_costs_nothing(
        self, paid_context: Any, contact_ids: list[str], sync: Sync, sandbox: Sandbox
    ) -> None:
        ctx = paid_context()
        sync(ctx, "hubspot")
        charged = sandbox.twilio.charges
        again = sync(ctx, "hubspot", "everything")
        assert again["lookups"]["twilio"] == {"asked": 0, "reused": 3, "failed": 0, "cost": 0.0}
        assert again["contacts"]["changed"] == 0
        assert sandbox.twilio.charges == charged

    def test_a_dry_run_pays_nothing_and_says_what_a_real_one_would(
        self, paid_context: Any, contact_ids: list[str], sync: Sync, sandbox: Sandbox
    ) -> None:
        ctx = paid_context("[verification.budget]\nday_lookups = 1\n")
        dry = sync(ctx, "hubspot", dry_run=True)
        assert sandbox.twilio.charges == 0
        assert dry["forecast"] == {
            "lookups": 2, "cost": 0.016, "currency": "USD",
            "short": ["Twilio Lookup: today's budget now allows 1 of 2 lookups"],
        }  # fmt: skip
        real = sync(paid_context(), "hubspot")
        assert real["lookups"]["twilio"]["cost"] == dry["forecast"]["cost"]

    def test_a_ticked_recheck_asks_anew_once(
        self, paid_context: Any, crm: Crm, contact_ids: list[str], sync: Sync, sandbox: Sandbox
    ) -> None:
        ctx = paid_context()
        sync(ctx, "hubspot")
        crm.edit(contact_ids[0], {"recheck": True})
        sync(ctx, "hubspot")
        sync(ctx, "hubspot", "everything")
        assert sandbox.twilio.charged[NUMBER, "line_type_intelligence"] == 2
        assert sandbox.twilio.charged[NEW_YORK, "line_type_intelligence"] == 1


class TestWhenItCannotBeAsked:
    def test_a_cap_leaves_the_rest_unverified_and_the_run_goes_on(
        self, paid_context: Any, crm: Crm, contact_ids: list[str], sync: Sync
    ) -> None:
        ctx = paid_context("[verification.budget]\nday_lookups = 1\n")
        account = sync(ctx, "hubspot")
        assert account["state"] == "done"
        assert account["fields"] == {"valid": 2, "unverified": 1}
        (reason,) = {crm.get(record_id, "reason") for record_id in contact_ids} - {
            "Phone: valid number."
        }
        assert reason == (
            "Phone: not checked yet, because today's budget is used up. We will check it again."
        )

    def test_a_wrong_key_is_said_once_and_the_chain_goes_on(
        self, paid_context: Any, crm: Crm, contact_ids: list[str], sync: Sync, sandbox: Sandbox
    ) -> None:
        sandbox.twilio.logins.clear()
        account = sync(paid_context("", "numverify"), "hubspot")
        (note,) = [note for note in account["notes"] if "twilio" in note]
        assert "TWILIO_AUTH_TOKEN" in note
        assert account["fields"] == {"valid": 3}, "NumVerify told what Twilio could not"
        assert sandbox.numverify.charges == 2
        assert sandbox.twilio.counters.total() == 1, "asked once, at the start"

    def test_an_outage_changes_nothing_of_what_was_known(
        self, paid_context: Any, crm: Crm, contact_ids: list[str], sync: Sync, sandbox: Sandbox
    ) -> None:
        from sandbox.service import Fault

        sandbox.network.set(NUMBER, kind="voip")
        ctx = paid_context()
        sync(ctx, "hubspot")
        before = crm.snapshot()
        with ctx.store.write() as connection:  # all answers are over
            connection.execute(sa.update(verifications).values(expires_at=ctx.now()))
        sandbox.twilio.faults.append(Fault("/v2/", "status", status=503, times=999))
        account = sync(ctx, "hubspot", "everything")
        assert account["contacts"]["changed"] == 0
        assert crm.snapshot() == before


class TestWhatHappensMeanwhile:
    def test_an_edit_while_it_is_verified_is_seen_before_we_write(
        self, paid_context: Any, crm: Crm, contact_ids: list[str], sync: Sync, sandbox: Sandbox,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        """A page can wait for minutes for its answers; people go on working."""

        calls: list[int] = []

        async def edit_meanwhile() -> None:
            calls.append(1)
            if len(calls) == 2:  # the first one only looks whether our key is accepted
                crm.edit(contact_ids[2], {"phone/phone": "12"})

        monkeypatch.setattr(sandbox.twilio, "take_time", edit_meanwhile)
        sync(paid_context('[sync]\nreread_after = "0s"\n'), "hubspot", "everything")
        assert crm.get(contact_ids[2], "status/phone") == "invalid"
        assert crm.get(contact_ids[2], "e164/phone") is None
        assert sandbox.twilio.charges == 2, "and nothing was asked twice"


class TestReVerification:
    """Only what is due, most valuable first, within the budget; beat works through it."""

    @pytest.fixture
    def ctx(self, paid_context: Any, contact_ids: list[str], sync: Sync) -> Context:
        ctx: Context = paid_context(
            '[connectors.hubspot.objects.contacts]\ncontact_value = "annualrevenue"\n'
        )
        sync(ctx, "hubspot")
        return ctx

    def expire_answers(self, ctx: Context, *numbers: str, provider: str = "twilio") -> None:
        c = verifications.c
        with ctx.store.write() as connection:
            connection.execute(
                sa.update(verifications)
                .where(c.number.in_(numbers), c.provider == provider)
                .values(expires_at=ctx.now(), due_at=ctx.now())
            )

    def due_ids(self, ctx: Context, limit: int = 100) -> list[str]:
        with ctx.store.read() as connection:
            return [rid for _, rid in select.select_due(connection, ctx, "hubspot", limit)]

    def test_nothing_is_due_at_first(self, ctx: Context) -> None:
        assert self.due_ids(ctx) == []

    def test_only_what_is_over_is_asked_again(
        self, ctx: Context, contact_ids: list[str], sync: Sync, sandbox: Sandbox
    ) -> None:
        self.expire_answers(ctx, NUMBER)
        assert sorted(self.due_ids(ctx)) == sorted(contact_ids[:2]), "both who hold it"
        sync(ctx, "hubspot", scope=Scope("due", limit=100))
        assert sandbox.twilio.charged[NUMBER, "line_type_intelligence"] == 2
        assert sandbox.twilio.charged[NEW_YORK, "line_type_intelligence"] == 1
        assert self.due_ids(ctx) == []

    def test_the_most_valuable_come_first(
        self, ctx: Context, crm: Crm, contact_ids: list[str], sync: Sync
    ) -> None:
        for record_id, worth in zip(contact_ids, ("100", "", "90000"), strict=True):
            crm.service.act(crm.object, record_id, {"set": {"annualrevenue": worth}})
        sync(ctx, "hubspot", "everything")
        self.expire_answers(ctx, NUMBER, NEW_YORK)
        assert self.due_ids(ctx) == [contact_ids[2], contact_ids[0], contact_ids[1]]
        assert self.due_ids(ctx, 1) == [contact_ids[2]]

    def test_no_more_than_the_budget_can_pay_for(
        self, paid_context: Any, ctx: Context, contact_ids: list[str]
    ) -> None:
        """Two lookups were made today already."""
        self.expire_answers(ctx, NUMBER, NEW_YORK)
        for most, picked in ((2, 0), (3, 1), (10, 3)):
            poor = paid_context(f"[verification.budget]\nday_lookups = {most}\n")
            assert len(self.due_ids(poor)) == picked

    def test_what_got_no_answer_is_asked_again_after_a_while(
        self, paid_context: Any, contact_ids: list[str], sync: Sync, sandbox: Sandbox
    ) -> None:
        from sandbox.service import Fault

        ctx = paid_context('retry_after = "0s"\n'.join(["[verification]\n", ""]))
        fault = Fault("/v2/", "status", status=503, times=999)
        sandbox.twilio.faults.append(fault)
        sync(ctx, "hubspot", "everything")
        with ctx.store.write() as connection:
            connection.execute(
                sa.delete(verifications).where(verifications.c.provider != "offline")
            )
            rows = connection.execute(sa.select(lookup_retries.c.number)).all()
        sandbox.twilio.faults.clear()
        assert {row.number for row in rows} == {NUMBER, NEW_YORK}
        sync(ctx, "hubspot", scope=Scope("due", limit=100))
        assert sandbox.twilio.charges >= 2
        assert self.due_ids(ctx) == []

    def test_a_question_that_was_noted_as_open_after_its_answer_came_is_due_but_once(
        self, paid_context: Any, ctx: Context, contact_ids: list[str], sync: Sync, sandbox: Sandbox
    ) -> None:
        """One worker found the provider refusing in the moment in which another got the answer."""
        now = ctx.now()
        row = {
            "number": NUMBER, "provider": "twilio", "package": "line_type_intelligence",
            "reason": "does not accept our key", "at": now, "retry_at": now,
        }  # fmt: skip
        with ctx.store.write() as connection:
            connection.execute(sa.insert(lookup_retries).values(row))
        assert len(self.due_ids(ctx)) == 2
        charges = sandbox.twilio.charges
        sync(ctx, "hubspot", scope=Scope("due", limit=100))
        assert self.due_ids(ctx) == []
        assert sandbox.twilio.charges == charges

    def test_a_contact_that_waited_is_looked_at_when_another_brought_the_answer(
        self, paid_context: Any, crm: Crm, contact_ids: list[str], sync: Sync
    ) -> None:
        """The same number in the other CRM: answered there, while this contact waits here."""
        ctx = paid_context("[verification.budget]\nday_lookups = 0\n")
        sync(ctx, "hubspot", "everything")
        assert self.due_ids(ctx) == [], "there is no budget yet"
        rich = paid_context("[verification.budget]\nday_lookups = 1\n")
        sync(rich, "hubspot", scope=Scope("ids", (contact_ids[0],)))
        assert crm.get(contact_ids[0], "status/phone") == "valid"
        assert crm.get(contact_ids[1], "status/phone") == "unverified"
        assert self.due_ids(rich) == [contact_ids[1]]
        sync(rich, "hubspot", scope=Scope("due", limit=10))
        assert crm.get(contact_ids[1], "status/phone") == "valid"
        assert crm.get(contact_ids[2], "status/phone") == "unverified", (
            "its number is still to be paid"
        )

    def test_what_nobody_wants_to_know_any_more_is_due_no_more(
        self, paid_context: Any, ctx: Context, contact_ids: list[str], sync: Sync, sandbox: Sandbox
    ) -> None:
        self.expire_answers(ctx, NUMBER)
        toml = (
            '[[verification.steps]]\nprovider = "offline"\ncheck_level = "format"\n'
            '[[verification.steps]]\nprovider = "twilio"\ncountries = ["CA"]\n'
        )
        choosy = paid_context(toml)
        assert len(self.due_ids(choosy)) == 2
        sync(choosy, "hubspot", scope=Scope("due", limit=100))
        assert self.due_ids(choosy) == []
        assert sandbox.twilio.charged[NUMBER, "line_type_intelligence"] == 1

    def test_beat_starts_no_run_where_nothing_is_due(
        self, ctx: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened: list[str] = []
        monkeypatch.setattr(tasks, "context", lambda: ctx)
        monkeypatch.setattr(tasks, "settings", ctx.settings)
        monkeypatch.setattr(tasks, "go_on", opened.append)
        tasks.reverify("hubspot")
        assert opened == []
        self.expire_answers(ctx, NUMBER)
        tasks.reverify("hubspot")
        assert [lifecycle.load(ctx, run_id).scope.kind for run_id in opened] == ["due"]

    def test_what_is_due_while_another_run_is_under_way_is_looked_at_soon_after(
        self, ctx: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Beat sends a sync and a re-verification in the same moment, time after time."""
        opened: list[str] = []
        rung: list[str] = []
        monkeypatch.setattr(tasks, "context", lambda: ctx)
        monkeypatch.setattr(tasks, "settings", ctx.settings)
        monkeypatch.setattr(tasks, "go_on", lambda run_id, **_how: opened.append(run_id))
        monkeypatch.setattr(dedupe, "acknowledge", lambda *_what: None)
        monkeypatch.setattr(dedupe, "enqueue_once", lambda _task, connector: rung.append(connector))
        self.expire_answers(ctx, NUMBER)
        under_way = lifecycle.open_run(ctx, "hubspot", Scope("changed"))
        tasks.reverify("hubspot")
        tasks.revive()
        assert rung == ["hubspot"]
        control.cancel(ctx, under_way, "a test")
        opened.clear()
        tasks.reverify("hubspot")
        assert [lifecycle.load(ctx, run_id).scope.kind for run_id in opened] == ["due"]
        rung.clear()
        tasks.revive()
        assert rung == []


class TestTheDetailsOfANumber:
    def test_tells_who_said_what_when_for_how_much_and_what_was_written(
        self, paid_context: Any, crm: Crm, contact_ids: list[str], sync: Sync, sandbox: Sandbox
    ) -> None:
        sandbox.network.set(NUMBER, kind="voip", carrier="Bluebird Mobile")
        ctx = paid_context()
        run = sync(ctx, "hubspot")["run"]
        details = number_details(ctx, NUMBER)
        assert details["time_zones"] == ("America/Los_Angeles",)
        by_provider = {
            verification["provider"]: verification for verification in details["verifications"]
        }
        twilio = by_provider["twilio"]
        assert (twilio["verdict"], twilio["line_type"], twilio["cost"], twilio["counts"]) == (
            "valid", "voip", 0.008, True,
        )  # fmt: skip
        assert twilio["carrier"] == "Bluebird Mobile"
        assert "nonFixedVoip" in twilio["words"], "in its own words"
        assert by_provider["offline"]["line_type"] == "unknown"
        assert [
            (lookup["provider"], lookup["state"], lookup["run"]) for lookup in details["lookups"]
        ] == [("twilio", "answered", run)]
        assert {contact["id"] for contact in details["contacts"]} == set(contact_ids[:2])
        assert {write["after"]["status/phone"] for write in details["writes"]} == {"valid"}

    def test_tells_what_it_waits_for(
        self, paid_context: Any, contact_ids: list[str], sync: Sync
    ) -> None:
        ctx = paid_context("[verification.budget]\nday_lookups = 0\n")
        sync(ctx, "hubspot")
        (waiting,) = number_details(ctx, NUMBER)["waiting"]
        assert (waiting["provider"], waiting["reason"]) == ("twilio", "today's budget is used up")


class TestSegmentsUnderAudit:
    def test_are_looked_at_deeper(
        self, paid_context: Any, crm: Crm, contact_ids: list[str], sync: Sync, sandbox: Sandbox
    ) -> None:
        crm.service.act(crm.object, contact_ids[2], {"set": {"hs_analytics_source": "OFFLINE"}})
        toml = (
            '[verification]\naudit = ["source=OFFLINE"]\n'
            '[[verification.steps]]\nprovider = "offline"\ncheck_level = "format"\n'
            '[[verification.steps]]\nprovider = "twilio"\nonly_audited = true\n'
        )
        sync(paid_context(toml), "hubspot")
        assert {number for number, _ in sandbox.twilio.charged} == {NEW_YORK}


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    lower_limits(monkeypatch, lookup_busy_pause=0.01)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 422, 501])
def test_an_account_without_the_batch_query_gets_the_same_answers_for_the_same_money(
    sandbox: Sandbox, crm: Crm, paid_context: Callable[..., Context], contact_ids: list[str],
    sync: Sync, status: int,
) -> None:  # fmt: skip
    sandbox.twilio.has_batch = False
    sandbox.twilio.batch_refusal = status
    report = sync(paid_context(), "hubspot")
    assert [crm.get(record_id, "status/phone") for record_id in contact_ids] == ["valid"] * 3
    assert sandbox.twilio.charges == 2
    assert report["lookups"]["twilio"]["cost"] == 0.016
    assert report["lookups"]["twilio"]["failed"] == 0
