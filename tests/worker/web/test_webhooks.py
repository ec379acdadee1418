"""Webhooks over real HTTP: who may send them, what is stored before they are acknowledged."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from crms import Crm

from sandbox.run import Sandbox
from worker.feedback.apply import apply_waiting
from worker.store.tables import feedback, reached, reviews, touched
from worker.sync.context import Context
from worker.sync.spread import spread
from worker.web.signatures import twilio_signature

Serve = Callable[..., str]
Sync = Callable[..., dict[str, Any]]
TOKEN, SECRET = "twilio-auth-token", "hubspot-client-secret"
PUBLIC = "https://hygiene.example.com"
NUMBER = "+14155552671"
ENV = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": TOKEN, "HUBSPOT_CLIENT_SECRET": SECRET}


class Sender:
    """Sends as Twilio and HubSpot do; each argument can be wrong."""

    def __init__(self, url: str, public: str = PUBLIC) -> None:
        self.url, self.public = url, public

    def twilio(self, path: str, token: str = TOKEN, signed: str = "", **form: str) -> int:
        fields = {"MessageSid": "SM" + "1" * 32, "From": NUMBER, "To": NUMBER, **form}
        where = signed or f"{self.public}/webhooks/twilio/{path}"
        signature = twilio_signature(token, where, list(fields.items()))
        return requests.post(
            f"{self.url}/webhooks/twilio/{path}",
            data=fields,
            headers={"X-Twilio-Signature": signature},
        ).status_code

    def hubspot(
        self, events: Any, secret: str = SECRET, ago: float = 0.0, body: bytes | None = None
    ) -> int:
        sent = json.dumps(events).encode()
        stamp = str(int((time.time() - ago) * 1000))
        text = f"POST{self.public}/webhooks/hubspot{sent.decode()}{stamp}"
        made = base64.b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha256))
        return requests.post(
            f"{self.url}/webhooks/hubspot",
            data=body if body is not None else sent,
            headers={
                "X-HubSpot-Signature-v3": made.decode(),
                "X-HubSpot-Request-Timestamp": stamp,
                "Content-Type": "application/json",
            },
        ).status_code


@pytest.fixture
def sender(serve: Serve) -> Sender:
    return Sender(serve(PUBLIC_URL=PUBLIC, **ENV))


def rows(ctx: Context, table: sa.Table) -> list[Any]:
    with ctx.store.read() as connection:
        return list(connection.execute(sa.select(table)))


class TestTwilio:
    def test_a_signed_stop_is_stored_and_acknowledged(self, sender: Sender, ctx: Context) -> None:
        assert sender.twilio("sms", Body="STOP", OptOutType="STOP") == 200
        (row,) = rows(ctx, feedback)
        assert (row.kind, row.number, row.applied_at) == ("opt_out", NUMBER, None)

    def test_the_same_message_counts_once(self, sender: Sender, ctx: Context) -> None:
        for _ in range(5):
            assert sender.twilio("sms", Body="stop") == 200
        assert len(rows(ctx, feedback)) == 1

    def test_nothing_forged_is_stored(self, sender: Sender, ctx: Context) -> None:
        assert sender.twilio("sms", token="wrong", Body="STOP") == 403
        assert sender.twilio("sms", signed="https://elsewhere.example/sms", Body="STOP") == 403
        unsigned = requests.post(f"{sender.url}/webhooks/twilio/sms", data={"Body": "STOP"})
        assert unsigned.status_code == 403
        assert rows(ctx, feedback) == []

    def test_a_signature_of_other_words_is_no_signature(self, sender: Sender, ctx: Context) -> None:
        fields = {"MessageSid": "SM" + "1" * 32, "From": NUMBER, "Body": "hello"}
        where = f"{PUBLIC}/webhooks/twilio/sms"
        signature = twilio_signature(TOKEN, where, list(fields.items()))
        answer = requests.post(
            f"{sender.url}/webhooks/twilio/sms",
            data={**fields, "Body": "STOP"},
            headers={"X-Twilio-Signature": signature},
        )
        assert answer.status_code == 403
        assert rows(ctx, feedback) == []

    def test_a_port_written_out_is_the_same_address(self, sender: Sender) -> None:
        ported = "https://hygiene.example.com:443/webhooks/twilio/sms"
        assert sender.twilio("sms", signed=ported, Body="hi") == 200

    def test_without_a_public_address_its_own_counts(self, serve: Serve, ctx: Context) -> None:
        url = serve(**ENV)
        assert Sender(url, public=url).twilio("sms", Body="STOP") == 200

    def test_a_doubtful_reply_waits_for_a_person(self, sender: Sender, ctx: Context) -> None:
        assert sender.twilio("sms", Body="Is this the wrong number for support?") == 200
        assert rows(ctx, feedback) == []
        (row,) = rows(ctx, reviews)
        assert row.suggestion == "wrong_number"

    def test_a_message_without_its_sender_is_refused(self, sender: Sender, ctx: Context) -> None:
        assert sender.twilio("sms", Body="STOP", From="") == 400
        assert rows(ctx, feedback) == []

    def test_a_short_code_is_acknowledged_and_left(self, sender: Sender, ctx: Context) -> None:
        assert sender.twilio("sms", Body="STOP", From="24273") == 200
        assert rows(ctx, feedback) == []

    def test_what_arrived_makes_good_what_failed(self, sender: Sender, ctx: Context) -> None:
        assert sender.twilio("status", MessageStatus="undelivered", ErrorCode="30003") == 204
        assert sender.twilio("status", MessageStatus="delivered") == 204
        assert [row.number for row in rows(ctx, reached)] == [NUMBER]

    def test_without_a_token_nothing_is_taken(self, serve: Serve) -> None:
        assert Sender(serve(PUBLIC_URL=PUBLIC)).twilio("sms", Body="STOP") == 503

    def test_too_much_is_refused(self, sender: Sender) -> None:
        big = requests.post(f"{sender.url}/webhooks/twilio/sms", data=b"x" * 600_000)
        assert big.status_code == 413


class TestHubSpot:
    @staticmethod
    def event(record_id: str, name: str = "phone", **more: Any) -> dict[str, Any]:
        return {
            "eventId": 1, "subscriptionId": 2, "portalId": 62515, "appId": 4,
            "objectId": int(record_id),
            "subscriptionType": "contact.propertyChange", "propertyName": name,
            "propertyValue": "x", "occurredAt": int(time.time() * 1000), "attemptNumber": 0,
            "changeSource": "CRM_UI", **more,
        }  # fmt: skip

    def test_a_changed_number_is_looked_at_at_once(
        self, sender: Sender, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        sync(ctx, "hubspot")
        record_id = crm.ids()[0]
        crm.edit(record_id, {"phone/phone": "+1 415 555 2671"})
        assert sender.hubspot([self.event(record_id)]) == 204
        crm.service.counters.clear()
        assert spread(ctx, "hubspot") == 1
        assert crm.get(record_id, "e164/phone") == NUMBER
        # One to read and one to write; the account itself is asked for once, ever.
        routes = crm.service.counters.items()
        assert sum(n for route, n in routes if "account-info" not in route) == 2
        assert rows(ctx, touched) == []

    def test_an_opt_out_there_reaches_the_other_crm(
        self, sender: Sender, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        crms = Crm.all(sandbox)
        there = {}
        for crm in crms.values():
            there[crm.name] = crm.ids()[0]
            crm.edit(there[crm.name], {f"phone/{crm.phone}": NUMBER})
            sync(ctx, crm.name)
        crms["hubspot"].edit(there["hubspot"], {"wrong_number": True})
        name = "hygiene_wrong_number"
        assert sender.hubspot([self.event(there["hubspot"], name, propertyValue="true")]) == 204
        spread(ctx, "hubspot")
        apply_waiting(ctx)
        spread(ctx, "salesforce")
        assert crms["salesforce"].get(there["salesforce"], "wrong_number") is True

    def test_our_own_writes_coming_back_are_nobodys_word(
        self, sender: Sender, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        sync(ctx, "hubspot")
        record_id = crm.ids()[0]
        events = [self.event(record_id, name) for name in ("hygiene_wrong_number", "phone")]
        assert sender.hubspot([*events, *events]) == 204
        before = crm.writes
        spread(ctx, "hubspot")
        assert crm.writes == before
        assert rows(ctx, feedback) == []

    def test_other_properties_and_objects_are_left(self, sender: Sender, ctx: Context) -> None:
        other = self.event("5", subscriptionType="deal.propertyChange")
        assert sender.hubspot([self.event("5", "firstname"), other]) == 204
        assert rows(ctx, touched) == []

    def test_nothing_forged_altered_or_late_is_taken(self, sender: Sender, ctx: Context) -> None:
        event = [self.event("5")]
        assert sender.hubspot(event, secret="wrong") == 403
        assert sender.hubspot(event, body=b'[{"objectId": 6}]') == 403
        assert sender.hubspot(event, ago=301) == 403
        assert sender.hubspot(event, ago=290) == 204
        assert [row.record_id for row in rows(ctx, touched)] == ["5"]

    def test_what_is_cut_short_is_refused(self, sender: Sender) -> None:
        assert sender.hubspot("not events") == 400

    def test_a_contact_erased_there_is_erased_here(
        self, sender: Sender, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        from worker.feedback import suppress
        from worker.store.tables import contact_numbers

        crm = Crm.all(sandbox)["hubspot"]
        record_id = crm.ids()[0]
        crm.edit(record_id, {"phone/phone": NUMBER, "phone/mobilephone": ""})
        sync(ctx, "hubspot")
        erased = self.event(record_id, subscriptionType="contact.privacyDeletion")
        assert sender.hubspot([erased]) == 204
        assert NUMBER not in [row.number for row in rows(ctx, contact_numbers)]
        assert [one.reason for one in suppress.listed(ctx, NUMBER)] == ["erasure"]
