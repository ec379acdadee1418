"""What the HubSpot app calls, over real HTTP with real signatures: a workflow's step, the card."""

from __future__ import annotations

import base64
import hmac
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from clocks import advance_clock
from constants import HUBSPOT_SECRET, NEW_YORK, NUMBER, PUBLIC_URL
from crms import Crm
from fixture_types import Serve, Sync
from processes import until

from sandbox.hubspot.app_calls import AppCalls, encoded, signed_v2, signed_v3
from sandbox.run import Sandbox
from worker.access import audit
from worker.context import Context
from worker.feedback import rechecks
from worker.ops import retention
from worker.store.tables import lookups
from worker.store.tables import rechecks as table
from worker.suppression.erasure import erase_contact
from worker.sync.propagate import pending_connectors, propagate
from worker.web.hubspot.portal import Portal
from worker.web.signatures import is_hubspot, is_hubspot_v2

Make = Callable[..., Context]
ENV = {"PUBLIC_URL": PUBLIC_URL, "HUBSPOT_CLIENT_SECRET": HUBSPOT_SECRET}
BLOCKED = {"hs_execution_state": "BLOCK", "hs_expiration_duration": "PT1H"}
COMPLETE = "POST /automation/actions/callbacks/"


@pytest.fixture
def app_calls(sandbox: Sandbox) -> AppCalls:
    return sandbox.hubspot.app_calls


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An account in which the app is installed."""
    started = Sandbox.start(contacts=30, leads=4)
    started.hubspot.scopes.add("automation")
    yield started
    started.stop()


@pytest.fixture
def crm(sandbox: Sandbox) -> Crm:
    return Crm.all(sandbox)["hubspot"]


class HubSpot:
    """Sends as HubSpot does; each argument can be wrong."""

    def __init__(self, url: str, app_calls: AppCalls) -> None:
        self.url, self.app_calls = url, app_calls

    def post(
        self, path: str, body: Any, version: str = "v3", secret: str = HUBSPOT_SECRET,
        ago: float = 0.0, query: str = "", sent: bytes | None = None, **extra: str,
    ) -> requests.Response:  # fmt: skip
        signed, public = encoded(body), f"{PUBLIC_URL}/webhooks/hubspot/{path}{query}"
        if version == "v3":
            headers = signed_v3(secret, public, signed, ago=ago)
        else:
            headers = signed_v2(secret, public, signed)
        return requests.post(
            f"{self.url}/webhooks/hubspot/{path}{query}",
            data=signed if sent is None else sent,
            headers={**headers, **extra},
        )

    def step(self, step: dict[str, Any], **how: Any) -> dict[str, Any]:
        """A workflow carries out our action; its outputs, or that it waits."""
        response = self.post("recheck", step, **{"version": "v2", **how})
        assert response.status_code == 200, response.text
        self.app_calls.answered(step, response.json())
        return dict(response.json()["outputFields"])

    def card(self, record_id: str, path: str = "card", **how: Any) -> requests.Response:
        shown = {"objectId": int(record_id), "objectTypeId": "0-1"}
        return self.post(path, shown, **{"query": self.app_calls.card_query(), **how})


@pytest.fixture
def hubspot(serve: Serve, app_calls: AppCalls) -> HubSpot:
    return HubSpot(serve(**ENV), app_calls)


def stored_rechecks(ctx: Context) -> list[Any]:
    with ctx.store.read() as connection:
        return list(connection.execute(sa.select(table).order_by(table.c.at)))


def contact_with_numbers(ctx: Context, crm: Crm, sync: Sync, **phones: str) -> str:
    """A contact with these numbers, in sync."""
    record_id = crm.ids()[0]
    given = {"phone": NUMBER, "mobilephone": "", **phones}
    crm.edit(record_id, {f"phone/{name}": number for name, number in given.items()})
    sync(ctx, "hubspot")
    return record_id


class TestAWorkflowsStep:
    def test_waits_until_the_numbers_were_verified_and_then_has_status_and_reason(
        self, hubspot: HubSpot, ctx: Context, crm: Crm, sync: Sync, app_calls: AppCalls
    ) -> None:
        record_id = contact_with_numbers(ctx, crm, sync, mobilephone="+1415555")
        step = app_calls.step(record_id)
        assert hubspot.step(step) == BLOCKED
        assert "hubspot" in pending_connectors(ctx)
        assert propagate(ctx, "hubspot") == 1
        done = app_calls.completed[step["callbackId"]]
        assert (done["status"], done["hs_execution_state"]) == ("invalid", "SUCCESS")
        assert done["reason"] == crm.get(record_id, "reason")
        assert pending_connectors(ctx) == []

    def test_for_one_phone_has_the_status_of_that_phone(
        self, hubspot: HubSpot, ctx: Context, crm: Crm, sync: Sync, app_calls: AppCalls
    ) -> None:
        record_id = contact_with_numbers(ctx, crm, sync, mobilephone="+1415555")
        steps = [app_calls.step(record_id, phone) for phone in ("phone", "mobilephone")]
        for step in steps:
            assert hubspot.step(step) == BLOCKED
        propagate(ctx, "hubspot")
        statuses = [app_calls.completed[step["callbackId"]]["status"] for step in steps]
        assert statuses == ["valid", "invalid"]

    def test_counts_once_however_often_it_is_sent(
        self, hubspot: HubSpot, ctx: Context, crm: Crm, sync: Sync, app_calls: AppCalls
    ) -> None:
        record_id = contact_with_numbers(ctx, crm, sync)
        step = app_calls.step(record_id)
        for _ in range(3):
            assert hubspot.step(step) == BLOCKED
        propagate(ctx, "hubspot")
        # HubSpot had missed our answer, and sends it once more: it has its outputs at once.
        again = hubspot.step(step)
        assert (again["status"], again["hs_execution_state"]) == ("valid", "SUCCESS")
        assert len(stored_rechecks(ctx)) == 1
        assert pending_connectors(ctx) == []
        assert hubspot.step(app_calls.step(record_id)) == BLOCKED  # the next time it is enrolled
        assert len(stored_rechecks(ctx)) == 2

    def test_is_taken_with_either_signature(
        self, hubspot: HubSpot, crm: Crm, app_calls: AppCalls, ctx: Context
    ) -> None:
        for version in ("v2", "v3"):
            hubspot.step(app_calls.step(crm.ids()[0]), version=version)
        assert len(stored_rechecks(ctx)) == 2

    @pytest.mark.parametrize(
        "wrong",
        [
            {"version": "v2", "secret": "another"},
            {"version": "v3", "secret": "another"},
            {"version": "v3", "ago": 301},
            {"version": "v3", "ago": -360},
            {"version": "v2", "sent": b'{"callbackId":"x","object":{"objectId":1}}'},
            {"version": "v3", "sent": b'{"callbackId":"x","object":{"objectId":1}}'},
            {"version": "v2", "X-HubSpot-Signature-Version": "v1"},
            # A newer signature that is wrong is not made good by an older one that is right.
            {"version": "v2", "X-HubSpot-Signature-v3": "wrong"},
            {"version": "v2", "X-HubSpot-Signature": ""},
            {"version": "v2", "X-HubSpot-Signature": "\xe9"},
            {"version": "v2", "query": "?x=1", "sent": b""},
        ],
    )  # fmt: skip
    def test_that_is_forged_or_old_is_refused(
        self, hubspot: HubSpot, ctx: Context, app_calls: AppCalls, wrong: dict[str, Any]
    ) -> None:
        step = app_calls.step("101")
        assert hubspot.post("recheck", step, **wrong).status_code == 403
        assert stored_rechecks(ctx) == []

    def test_is_refused_without_a_secret(self, serve: Serve, app_calls: AppCalls) -> None:
        plain = HubSpot(serve(PUBLIC_URL=PUBLIC_URL), app_calls)
        assert plain.post("recheck", app_calls.step("101")).status_code == 503

    @pytest.mark.parametrize(
        "body",
        [
            {}, [], "text", {"callbackId": "", "object": {"objectId": 1}},
            {"callbackId": "a" * 256, "object": {"objectId": 1}},
            {"callbackId": "a", "object": {"objectId": "1 OR 1"}},
            {"callbackId": "a", "object": {"objectId": -1}},
            {"callbackId": "a", "object": {"objectId": 10**21}},
            {"callbackId": "a", "object": {"objectId": True}},
        ],
    )  # fmt: skip
    def test_of_another_form_is_refused(self, hubspot: HubSpot, ctx: Context, body: Any) -> None:
        answer = hubspot.post("recheck", body)
        assert answer.status_code == 422
        assert "1 OR 1" not in answer.text
        assert stored_rechecks(ctx) == []

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"inputFields": {"phone": "fax"}}, "It watches phone, mobilephone"),
            ({"object": {"objectId": 5, "objectType": "COMPANY"}}, "for contacts"),
        ],
    )
    def test_that_makes_no_sense_fails_at_once_with_a_reason(
        self, hubspot: HubSpot, ctx: Context, app_calls: AppCalls, change: Any, reason: str
    ) -> None:
        outputs = hubspot.step(app_calls.step("101", **change))
        assert outputs["hs_execution_state"] == "FAIL_CONTINUE"
        assert reason in outputs["reason"]
        assert stored_rechecks(ctx) == []

    def test_for_a_contact_that_is_not_there_fails_with_a_reason(
        self, hubspot: HubSpot, ctx: Context, crm: Crm, sync: Sync, app_calls: AppCalls
    ) -> None:
        sync(ctx, "hubspot")
        step = app_calls.step("987654321")
        assert hubspot.step(step) == BLOCKED
        propagate(ctx, "hubspot")
        done = app_calls.completed[step["callbackId"]]
        assert done["hs_execution_state"] == "FAIL_CONTINUE"
        assert "no such contact" in done["reason"]

    def test_for_a_contact_that_we_have_not_seen_yet_reads_it(
        self, hubspot: HubSpot, ctx: Context, crm: Crm, app_calls: AppCalls
    ) -> None:
        record_id = crm.ids()[0]
        crm.edit(record_id, {"phone/phone": NUMBER, "phone/mobilephone": ""})
        step = app_calls.step(record_id)
        hubspot.step(step)
        propagate(ctx, "hubspot")
        assert app_calls.completed[step["callbackId"]]["status"] == "valid"
        assert crm.get(record_id, "status/phone") == "valid"

    def test_of_another_account_is_refused(
        self, hubspot: HubSpot, ctx: Context, app_calls: AppCalls
    ) -> None:
        assert Portal(ctx).learn() == app_calls.portal_id
        other = AppCalls(portal_id=99)
        assert hubspot.post("recheck", other.step("101")).status_code == 403
        assert stored_rechecks(ctx) == []
        assert hubspot.step(app_calls.step("101")) == BLOCKED


class TestNumbersOfARecheck:
    @pytest.fixture
    def paid(self, make_context: Make, sandbox: Sandbox) -> Context:
        return make_context(**sandbox.env("twilio"))

    def lookups(self, ctx: Context) -> Counter[str]:
        with ctx.store.read() as connection:
            return Counter(connection.scalars(sa.select(lookups.c.number)))

    def test_are_verified_anew_though_an_answer_counts(
        self, hubspot: HubSpot, paid: Context, crm: Crm, sync: Sync, app_calls: AppCalls
    ) -> None:
        record_id = contact_with_numbers(paid, crm, sync)
        before = self.lookups(paid)
        sync(paid, "hubspot", "everything")
        assert self.lookups(paid) == before  # what counts is not asked twice
        hubspot.step(app_calls.step(record_id))
        propagate(paid, "hubspot")
        assert self.lookups(paid) - before == {NUMBER: 1}

    def test_are_those_of_the_phone_that_is_meant_alone(
        self, hubspot: HubSpot, paid: Context, crm: Crm, sync: Sync, app_calls: AppCalls
    ) -> None:
        record_id = contact_with_numbers(paid, crm, sync, mobilephone=NEW_YORK)
        before = self.lookups(paid)
        hubspot.step(app_calls.step(record_id, "mobilephone"))
        propagate(paid, "hubspot")
        assert self.lookups(paid) - before == {NEW_YORK: 1}
        hubspot.step(app_calls.step(record_id, "all"))
        propagate(paid, "hubspot")
        assert self.lookups(paid) - before == {NEW_YORK: 2, NUMBER: 1}

    def test_are_not_paid_for_beyond_the_budget(
        self, hubspot: HubSpot, make_context: Make, sandbox: Sandbox, crm: Crm, sync: Sync,
        app_calls: AppCalls,
    ) -> None:  # fmt: skip
        poor = make_context("[verification.budget]\nday = 0.0\n", **sandbox.env("twilio"))
        record_id = contact_with_numbers(poor, crm, sync)
        step = app_calls.step(record_id)
        hubspot.step(step)
        propagate(poor, "hubspot")
        assert not self.lookups(poor)
        assert app_calls.completed[step["callbackId"]]["hs_execution_state"] == "SUCCESS"


class TestTheOutcome:
    """What a workflow waits for reaches it, or is given up with a word."""

    def step(
        self, hubspot: HubSpot, ctx: Context, crm: Crm, app_calls: AppCalls, count: int = 1
    ) -> list[str]:
        steps = [app_calls.step(record_id) for record_id in crm.ids()[:count]]
        for step in steps:
            hubspot.step(step)
        return [step["callbackId"] for step in steps]

    def test_is_told_later_where_hubspot_is_away(
        self, hubspot: HubSpot, ctx: Context, crm: Crm, app_calls: AppCalls
    ) -> None:
        (callback,) = self.step(hubspot, ctx, crm, app_calls)
        crm.fault(COMPLETE, "status", times=4)
        propagate(ctx, "hubspot")
        assert callback not in app_calls.completed
        assert pending_connectors(ctx) == []  # not at once
        advance_clock(ctx, minutes=5)
        assert pending_connectors(ctx) == ["hubspot"]
        propagate(ctx, "hubspot")
        assert callback in app_calls.completed

    def test_needs_the_scope_automation_and_says_so(
        self, hubspot: HubSpot, ctx: Context, crm: Crm, app_calls: AppCalls, sandbox: Sandbox,
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        (callback,) = self.step(hubspot, ctx, crm, app_calls)
        sandbox.hubspot.scopes.discard("automation")
        propagate(ctx, "hubspot")
        assert "it lacks the scope automation" in caplog.text
        assert callback not in app_calls.completed
        assert stored_rechecks(ctx)[0].answered_at is None

    def test_that_nobody_waits_for_holds_up_no_other(
        self, hubspot: HubSpot, ctx: Context, crm: Crm, app_calls: AppCalls
    ) -> None:
        over, *rest = self.step(hubspot, ctx, crm, app_calls, 3)
        app_calls.waiting.discard(over)  # its workflow was deleted, say
        propagate(ctx, "hubspot")
        assert set(app_calls.completed) == set(rest)
        assert all(row.answered_at is not None for row in stored_rechecks(ctx))

    def test_of_many_is_told_in_few_calls(
        self, hubspot: HubSpot, ctx: Context, crm: Crm, app_calls: AppCalls
    ) -> None:
        callbacks = self.step(hubspot, ctx, crm, app_calls, 20)
        propagate(ctx, "hubspot")
        assert set(app_calls.completed) == set(callbacks)
        assert app_calls.completions == 1


class TestTheCard:
    def test_shows_what_was_written_without_a_number(
        self, hubspot: HubSpot, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = contact_with_numbers(ctx, crm, sync)
        crm.edit(record_id, {"phone/phone": "+1415555"})
        sync(ctx, "hubspot")
        answer = hubspot.card(record_id)
        shown = answer.json()
        assert shown["known"]
        assert not shown["waiting"]
        changes = [change for entry in shown["history"] for change in entry["changes"]]
        assert {"key": "status/phone", "from": "valid", "to": "invalid"} in changes
        assert {change["key"] for change in changes} <= {
            "status/phone", "status/mobilephone", "line_type/phone", "line_type/mobilephone",
            "wrong_number", "do_not_contact", "do_not_call", "do_not_text",
        }  # fmt: skip
        assert "invalid" in shown["history"][0]["text"] or shown["history"][0]["text"]
        assert NUMBER.lstrip("+") not in answer.text
        assert "415555" not in answer.text

    def test_knows_nothing_of_a_contact_that_was_never_seen(self, hubspot: HubSpot) -> None:
        assert hubspot.card("987654321").json() == {
            "known": False, "waiting": False, "recheckedAt": None, "problem": None, "history": [],
        }  # fmt: skip

    def test_button_has_the_numbers_verified_anew_once(
        self, hubspot: HubSpot, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = contact_with_numbers(ctx, crm, sync)
        for _ in range(3):
            assert hubspot.card(record_id, "card/recheck").json()["waiting"]
        (row,) = stored_rechecks(ctx)
        assert (row.record_id, row.asked_by, row.callback) == (record_id, "HubSpot user 4711", "")
        assert propagate(ctx, "hubspot") == 1
        shown = hubspot.card(record_id).json()
        assert (shown["waiting"], shown["recheckedAt"] is not None) == (False, True)
        hubspot.card(record_id, "card/recheck")  # a moment later: it was made just now
        assert len(stored_rechecks(ctx)) == 1
        (entry,) = audit.entries(ctx.store)
        assert (entry["who"], entry["action"], entry["target"]) == (
            "HubSpot user 4711", "contact.recheck", f"hubspot/contacts/{record_id}",
        )  # fmt: skip

    def test_button_works_again_after_a_minute(
        self, hubspot: HubSpot, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = contact_with_numbers(ctx, crm, sync)
        hubspot.card(record_id, "card/recheck")
        propagate(ctx, "hubspot")
        with ctx.store.write() as connection:
            connection.execute(sa.update(table).values(at=ctx.now() - timedelta(seconds=61)))
        assert hubspot.card(record_id, "card/recheck").json()["waiting"]
        assert len(stored_rechecks(ctx)) == 2

    @pytest.mark.parametrize("path", ["card", "card/recheck"])
    @pytest.mark.parametrize(
        "wrong",
        [
            {"secret": "another"}, {"ago": 301}, {"ago": -360}, {"ago": -86_400}, {"version": "v2"},
            {"sent": b'{"objectId":6}'}, {"X-HubSpot-Request-Timestamp": "soon"},
            {"X-HubSpot-Signature-v3": ""},
        ],
    )  # fmt: skip
    def test_is_refused_to_anybody_but_hubspot(
        self, hubspot: HubSpot, ctx: Context, path: str, wrong: dict[str, Any]
    ) -> None:
        assert hubspot.card("101", path, **wrong).status_code == 403
        assert stored_rechecks(ctx) == []

    def test_is_refused_to_another_account(
        self, hubspot: HubSpot, ctx: Context, app_calls: AppCalls
    ) -> None:
        assert hubspot.card("101").status_code == 200  # the account is asked for meanwhile
        until(lambda: Portal(ctx).known() == app_calls.portal_id, "the account")
        other = AppCalls(portal_id=99).card_query()
        for path in ("card", "card/recheck"):
            assert hubspot.card("101", path, query=other).status_code == 403
        assert stored_rechecks(ctx) == []

    def test_is_for_contacts(self, hubspot: HubSpot, ctx: Context, app_calls: AppCalls) -> None:
        body = {"objectId": 101, "objectTypeId": "0-2"}
        answer = hubspot.post("card", body, query=app_calls.card_query())
        assert answer.status_code == 422

    def test_leaves_no_number_and_no_address_of_a_person_in_the_log(
        self, hubspot: HubSpot, ctx: Context, crm: Crm, sync: Sync, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG, "worker")
        record_id = contact_with_numbers(ctx, crm, sync)
        hubspot.card(record_id)
        hubspot.card(record_id, "card/recheck")
        propagate(ctx, "hubspot")
        ours = "\n".join(
            record.getMessage() for record in caplog.records if record.name.startswith("worker")
        )
        assert NUMBER.lstrip("+") not in ours
        assert "kim" not in ours


class TestTheAccount:
    def test_of_the_stand_in_is_that_of_hubspots_document(
        self, sandbox: Sandbox, shared: Callable[[str], Path]
    ) -> None:
        document = json.loads(shared("specs/hubspot/2026-09/accountInfo.json").read_bytes())
        form = document["components"]["schemas"]["PortalInformationResponse"]
        env = sandbox.env()
        answer = requests.get(
            f"{env['HUBSPOT_API_URL']}/account-info/2026-09/details",
            headers={"Authorization": f"Bearer {env['HUBSPOT_ACCESS_TOKEN']}"},
        ).json()
        assert set(form["required"]) <= set(answer) <= set(form["properties"])
        assert answer["accountType"] in form["properties"]["accountType"]["enum"]

    def test_is_asked_once_and_kept_for_the_token(
        self, ctx: Context, make_context: Make, sandbox: Sandbox, app_calls: AppCalls
    ) -> None:
        asked = "GET /account-info/2026-09/details"
        assert Portal(ctx).known() is None
        assert [Portal(ctx).learn() for _ in range(3)] == [app_calls.portal_id] * 3
        assert sandbox.hubspot.counters[asked] == 2, "until HubSpot has said the same twice"
        sandbox.hubspot.tokens.add("another")
        assert Portal(make_context(HUBSPOT_ACCESS_TOKEN="another")).known() is None

    def test_that_hubspot_does_not_tell_is_asked_for_again_after_a_while(
        self, ctx: Context, sandbox: Sandbox, app_calls: AppCalls
    ) -> None:
        sandbox.hubspot.scopes.discard("oauth")
        portal = Portal(ctx)
        assert portal.learn() is None
        sandbox.hubspot.scopes.add("oauth")
        assert portal.learn() is None
        advance_clock(ctx, minutes=11)
        assert portal.learn() == app_calls.portal_id

    def test_that_is_another_one_erases_nobody_here(
        self, hubspot: HubSpot, ctx: Context, crm: Crm, sync: Sync, app_calls: AppCalls
    ) -> None:
        """The app, installed in a second account to try it, sends that account's events here."""
        record_id = contact_with_numbers(ctx, crm, sync)
        Portal(ctx).learn()
        event = {"subscriptionType": "contact.privacyDeletion", "objectId": int(record_id)}
        requests_of = [{**event, "portalId": 99}, {**event, "portalId": app_calls.portal_id}]
        known = []
        for payload in requests_of:
            url, body = f"{PUBLIC_URL}/webhooks/hubspot", encoded([payload])
            sent = requests.post(
                f"{hubspot.url}/webhooks/hubspot",
                data=body,
                headers=signed_v3(HUBSPOT_SECRET, url, body),
            )
            assert sent.status_code == 204
            known.append(hubspot.card(record_id).json()["known"])
        assert known == [True, False]


class TestSignatures:
    # The examples of HubSpot's own page and of its client packages.
    DOCUMENTED = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
    URL = "https://www.example.com/webhook_uri"
    BODY = b'{"example_field":"example_value"}'

    def test_version_2_is_that_of_hubspots_examples(self) -> None:
        signature = "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900"
        assert is_hubspot_v2(self.DOCUMENTED, self.URL, self.BODY, signature)
        assert not is_hubspot_v2(self.DOCUMENTED, self.URL, self.BODY + b" ", signature)
        fetched = "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"
        assert is_hubspot_v2(self.DOCUMENTED, self.URL, b"", fetched, "GET")
        assert not is_hubspot_v2(self.DOCUMENTED, self.URL, b"", fetched, "POST")

    def test_a_body_that_is_no_text_is_nobodys(self) -> None:
        """Version 2 is a plain hash, which can be lengthened by bytes that are no text."""
        headers = signed_v2(self.DOCUMENTED, self.URL, self.BODY)
        given = headers["X-HubSpot-Signature"]
        assert not is_hubspot_v2(self.DOCUMENTED, self.URL, self.BODY + b"\x80\x00", given)

    @pytest.mark.parametrize(
        "signed", ["https://x.example/a?b=%20@c", "https://x.example/a?b=%20%40c"]
    )
    def test_version_3_is_of_the_address_written_out_or_as_it_was_called(self, signed: str) -> None:
        headers = signed_v3("secret", signed, b"{}")
        given, stamp = headers["X-HubSpot-Signature-v3"], headers["X-HubSpot-Request-Timestamp"]
        assert is_hubspot("secret", "https://x.example/a?b=%20%40c", b"{}", given, stamp)
        assert not is_hubspot("secret", "https://x.example/a?b=%20%40d", b"{}", given, stamp)

    @pytest.mark.parametrize("ahead", [0, 30, 240])
    def test_version_3_allows_for_clocks_that_differ_a_little(self, ahead: int) -> None:
        url = "https://x.example/a"
        for ago in (ahead, -ahead):
            headers = signed_v3("secret", url, b"{}", ago=ago)
            given, stamp = headers["X-HubSpot-Signature-v3"], headers["X-HubSpot-Request-Timestamp"]
            assert is_hubspot("secret", url, b"{}", given, stamp)

    @pytest.mark.parametrize("stamp", [
        "", "soon", "nan", "inf", "1e300", "-1", "9" * 400, "{ahead}", "{now}.5", " {now}",
        "+{now}", "{seconds}", "{arabic}",
    ])  # fmt: skip
    def test_version_3_knows_one_way_to_write_a_time(self, stamp: str) -> None:
        """Rightly signed each time: it is the time alone that is refused."""
        now = int(time.time() * 1000)
        arabic = str(now).translate({ord("0") + n: 0x660 + n for n in range(10)})
        written = stamp.format(now=now, seconds=now // 1000, ahead=now + 86_400_000, arabic=arabic)
        url = "https://x.example/a"
        text = f"POST{url}{{}}{written}"
        given = base64.b64encode(hmac.digest(b"secret", text.encode(), "sha256")).decode()
        assert not is_hubspot("secret", url, b"{}", given, written)


def test_requests_are_kept_as_long_as_runs_and_go_with_the_contact(
    hubspot: HubSpot, ctx: Context, crm: Crm, sync: Sync, app_calls: AppCalls
) -> None:
    record_id = contact_with_numbers(ctx, crm, sync)
    old, new = app_calls.step(record_id), app_calls.step(record_id)
    for step in (old, new):
        hubspot.step(step)
        propagate(ctx, "hubspot")
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(table)
            .where(table.c.callback == old["callbackId"])
            .values(answered_at=ctx.now() - timedelta(days=731))
        )
    assert retention.purge_expired(ctx)["rechecks"] == 1
    assert [row.callback for row in stored_rechecks(ctx)] == [new["callbackId"]]
    erase_contact(ctx, "hubspot", "contacts", record_id, "erased in HubSpot")
    assert stored_rechecks(ctx) == []


def test_a_worker_that_dies_in_between_loses_no_request(
    hubspot: HubSpot, ctx: Context, crm: Crm, sync: Sync, app_calls: AppCalls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    record_id = contact_with_numbers(ctx, crm, sync)
    step = app_calls.step(record_id)
    hubspot.step(step)

    def die(*_args: Any) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rechecks, "complete", die)
        with pytest.raises(KeyboardInterrupt):
            propagate(ctx, "hubspot")
    assert pending_connectors(ctx) == ["hubspot"]
    propagate(ctx, "hubspot")
    assert app_calls.completed[step["callbackId"]]["status"] == "valid"
