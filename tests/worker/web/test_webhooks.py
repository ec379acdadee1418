"""Webhooks over real HTTP: who may send them, what is stored before they are acknowledged."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from constants import HUBSPOT_SECRET, NUMBER, PUBLIC_URL, TWILIO_TOKEN
from crms import Crm
from fixture_types import Serve, Sync
from vendor_cases import CASES, VendorCase

from sandbox.run import Sandbox
from worker.context import Context
from worker.feedback.sources.twilio import twilio_signature
from worker.store.tables import changed_records, feedback, last_delivered, reviews
from worker.suppression.apply_reports import apply_pending
from worker.sync.propagate import propagate

ENV = {
    "TWILIO_ACCOUNT_SID": "AC1",
    "TWILIO_AUTH_TOKEN": TWILIO_TOKEN,
    "HUBSPOT_CLIENT_SECRET": HUBSPOT_SECRET,
}


STOP = {"MessageSid": "SM" + "1" * 32, "From": NUMBER, "To": NUMBER, "OptOutType": "STOP"}


class Sender:
    """Sends as Twilio and HubSpot do; each argument can be wrong."""

    def __init__(self, url: str, public: str = PUBLIC_URL) -> None:
        self.url, self.public = url, public

    def twilio(self, path: str, token: str = TWILIO_TOKEN, signed: str = "", **form: str) -> int:
        fields = {"MessageSid": "SM" + "1" * 32, "From": NUMBER, "To": NUMBER, **form}
        where = signed or f"{self.public}/webhooks/twilio/{path}"
        signature = twilio_signature(token, where, list(fields.items()))
        return requests.post(
            f"{self.url}/webhooks/twilio/{path}",
            data=fields,
            headers={"X-Twilio-Signature": signature},
        ).status_code

    def hubspot(
        self, events: Any, secret: str = HUBSPOT_SECRET, ago: float = 0.0, body: bytes | None = None
    ) -> int:
        sent = json.dumps(events).encode()
        stamp = str(int((time.time() - ago) * 1000))
        text = f"POST{self.public}/webhooks/hubspot{sent.decode()}{stamp}"
        signature = base64.b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha256))
        return requests.post(
            f"{self.url}/webhooks/hubspot",
            data=body if body is not None else sent,
            headers={
                "X-HubSpot-Signature-v3": signature.decode(),
                "X-HubSpot-Request-Timestamp": stamp,
                "Content-Type": "application/json",
            },
        ).status_code


@pytest.fixture
def sender(serve: Serve) -> Sender:
    return Sender(serve(PUBLIC_URL=PUBLIC_URL, **ENV))


def all_rows(ctx: Context, table: sa.Table) -> list[Any]:
    with ctx.store.read() as connection:
        return list(connection.execute(sa.select(table)))


class TestTwilio:
    def test_a_signed_stop_is_stored_and_acknowledged(self, sender: Sender, ctx: Context) -> None:
        assert sender.twilio("sms", Body="STOP", OptOutType="STOP") == 200
        (row,) = all_rows(ctx, feedback)
        assert (row.kind, row.number, row.applied_at) == ("opt_out", NUMBER, None)

    def test_the_same_message_counts_once(self, sender: Sender, ctx: Context) -> None:
        for _ in range(5):
            assert sender.twilio("sms", Body="stop") == 200
        assert len(all_rows(ctx, feedback)) == 1

    def test_nothing_forged_is_stored(self, sender: Sender, ctx: Context) -> None:
        assert sender.twilio("sms", token="wrong", Body="STOP") == 403
        assert sender.twilio("sms", signed="https://elsewhere.example/sms", Body="STOP") == 403
        unsigned = requests.post(f"{sender.url}/webhooks/twilio/sms", data={"Body": "STOP"})
        assert unsigned.status_code == 403
        assert all_rows(ctx, feedback) == []

    def test_a_signature_of_other_words_is_no_signature(self, sender: Sender, ctx: Context) -> None:
        fields = {"MessageSid": "SM" + "1" * 32, "From": NUMBER, "Body": "hello"}
        where = f"{PUBLIC_URL}/webhooks/twilio/sms"
        signature = twilio_signature(TWILIO_TOKEN, where, list(fields.items()))
        answer = requests.post(
            f"{sender.url}/webhooks/twilio/sms",
            data={**fields, "Body": "STOP"},
            headers={"X-Twilio-Signature": signature},
        )
        assert answer.status_code == 403
        assert all_rows(ctx, feedback) == []

    def test_a_port_written_out_is_the_same_address(self, sender: Sender) -> None:
        ported = "https://hygiene.example.com:443/webhooks/twilio/sms"
        assert sender.twilio("sms", signed=ported, Body="hi") == 200

    @pytest.mark.parametrize("public", [PUBLIC_URL, f"{PUBLIC_URL}:443", f"{PUBLIC_URL}:8443"])
    @pytest.mark.parametrize("signed", [PUBLIC_URL, ""])
    def test_any_port_may_be_signed_or_left_out(
        self, serve: Serve, public: str, signed: str
    ) -> None:
        sender = Sender(serve(PUBLIC_URL=public, **ENV), public=signed or public)
        assert sender.twilio("sms", Body="hi") == 200

    def test_another_port_is_another_address(self, serve: Serve) -> None:
        sender = Sender(serve(PUBLIC_URL=f"{PUBLIC_URL}:8443", **ENV), public=f"{PUBLIC_URL}:9443")
        assert sender.twilio("sms", Body="STOP") == 403

    def test_without_a_public_address_its_own_counts(self, serve: Serve, ctx: Context) -> None:
        url = serve(**ENV)
        assert Sender(url, public=url).twilio("sms", Body="STOP") == 200

    def test_a_doubtful_reply_waits_for_a_person(self, sender: Sender, ctx: Context) -> None:
        assert sender.twilio("sms", Body="Is this the wrong number for support?") == 200
        assert all_rows(ctx, feedback) == []
        (row,) = all_rows(ctx, reviews)
        assert row.suggestion == "wrong_number"

    def test_a_message_without_its_sender_is_refused(self, sender: Sender, ctx: Context) -> None:
        assert sender.twilio("sms", Body="STOP", From="") == 400
        assert all_rows(ctx, feedback) == []

    def test_a_short_code_is_acknowledged_and_left(self, sender: Sender, ctx: Context) -> None:
        assert sender.twilio("sms", Body="STOP", From="24273") == 200
        assert all_rows(ctx, feedback) == []

    def test_what_arrived_makes_good_what_failed(self, sender: Sender, ctx: Context) -> None:
        assert sender.twilio("status", MessageStatus="undelivered", ErrorCode="30003") == 204
        assert sender.twilio("status", MessageStatus="delivered") == 204
        assert [row.number for row in all_rows(ctx, last_delivered)] == [NUMBER]

    @pytest.mark.parametrize(
        "sender_as_sent", ["+١٤١٥٥٥٥٢٦٧١", "＋１４１５５５５２６７１", "+1415५५५२६७१"]
    )
    def test_digits_of_another_script_are_stored_as_ours(
        self, sender: Sender, ctx: Context, sender_as_sent: str
    ) -> None:
        assert sender.twilio("sms", Body="STOP", From=sender_as_sent) == 200
        assert sender.twilio("status", MessageStatus="failed", ErrorCode="30005",
                             To=f"whatsapp:{sender_as_sent}") == 204  # fmt: skip
        assert [row.number for row in all_rows(ctx, feedback)] == [NUMBER, NUMBER]
        assert [row.number for row in all_rows(ctx, last_delivered)] == [NUMBER]

    @pytest.mark.parametrize(
        "sender_as_sent",
        ["+1415555267¹", "+1(415)555-2671", "+1 415 555 2671", "+1415555267①", "+١٤١٥٥٥٥٢٦٧١x",
         "14155552671", "4155552671", "+04155552671", "+1415555267\x00", "+1415555\u200b2671"],
    )  # fmt: skip
    def test_other_odd_senders_are_refused(
        self, sender: Sender, ctx: Context, sender_as_sent: str
    ) -> None:
        assert sender.twilio("sms", Body="STOP", From=sender_as_sent) == 400
        assert all_rows(ctx, feedback) == []

    @pytest.mark.parametrize(
        "address", ["messenger:1234567890123456", "client:alice", "sip:alice@sip.example.com"]
    )
    def test_an_address_of_another_app_is_nobodys(
        self, sender: Sender, ctx: Context, address: str
    ) -> None:
        assert sender.twilio("sms", Body="STOP", From=address) == 200
        assert all_rows(ctx, feedback) == []

    @pytest.mark.parametrize("code", ["21610", "63014", "63033"])
    def test_a_recipient_who_opted_out_before_is_opted_out(
        self, sender: Sender, ctx: Context, code: str
    ) -> None:
        to = f"whatsapp:{NUMBER}"
        assert sender.twilio("status", MessageStatus="failed", ErrorCode=code, To=to) == 204
        (row,) = all_rows(ctx, feedback)
        assert (row.kind, row.number, row.channels) == ("opt_out", NUMBER, "text")
        assert code in row.evidence

    def test_without_a_token_nothing_is_taken(self, serve: Serve) -> None:
        assert Sender(serve(PUBLIC_URL=PUBLIC_URL)).twilio("sms", Body="STOP") == 503

    def test_too_much_is_refused(self, sender: Sender) -> None:
        big = requests.post(f"{sender.url}/webhooks/twilio/sms", data=b"x" * 600_000)
        assert big.status_code == 413


class TestTwilioWithJson:
    """A request with JSON is signed over its address, which holds the hash of its body."""

    @staticmethod
    def send(
        url: str, body: bytes, hashed: bytes | None = None, query: str | None = None,
        token: str = TWILIO_TOKEN, content: str = "application/json", **headers: str,
    ) -> int:  # fmt: skip
        digest = hashlib.sha256(body if hashed is None else hashed).hexdigest()
        path = "/webhooks/twilio/sms" + (f"?bodySHA256={digest}" if query is None else query)
        signature = twilio_signature(token, PUBLIC_URL + path, [])
        sent = {"X-Twilio-Signature": signature, "Content-Type": content, **headers}
        return requests.post(url + path, data=body, headers=sent).status_code

    def test_is_read_like_a_form(self, sender: Sender, ctx: Context) -> None:
        assert self.send(sender.url, json.dumps(STOP).encode()) == 200
        (row,) = all_rows(ctx, feedback)
        assert (row.kind, row.number) == ("opt_out", NUMBER)

    def test_may_come_with_other_parameters_in_the_address(
        self, sender: Sender, ctx: Context
    ) -> None:
        body = json.dumps(STOP).encode()
        query = f"?tenant=a%20b&bodySHA256={hashlib.sha256(body).hexdigest()}"
        content = "application/json; charset=utf-8"
        assert self.send(sender.url, body, query=query, content=content) == 200
        assert len(all_rows(ctx, feedback)) == 1

    def test_is_refused_when_its_body_is_another_one(self, sender: Sender, ctx: Context) -> None:
        body = json.dumps(STOP).encode()
        assert self.send(sender.url, body, hashed=b"{}") == 403
        assert self.send(sender.url, body, query="") == 403, "the body is not signed at all"
        digests = (hashlib.sha256(b"{}").hexdigest(), hashlib.sha256(body).hexdigest())
        twice = "?bodySHA256={}&bodySHA256={}".format(*digests)
        assert self.send(sender.url, body, query=twice) == 403
        assert self.send(sender.url, body, token="wrong") == 403
        assert all_rows(ctx, feedback) == []

    def test_is_not_taken_for_a_form(self, sender: Sender, ctx: Context) -> None:
        """The signature of an address alone proves no form."""
        form = b"MessageSid=SM1111111111&From=%2B14155552671&OptOutType=STOP"
        sent = self.send(sender.url, form, content="application/x-www-form-urlencoded")
        assert sent == 403
        assert all_rows(ctx, feedback) == []

    @pytest.mark.parametrize("body", [b"", b"[1]", b"nonsense", b"null", b'"STOP"', b"\xff"])
    def test_that_is_no_object_is_refused(self, sender: Sender, ctx: Context, body: bytes) -> None:
        assert self.send(sender.url, body) == 400
        assert all_rows(ctx, feedback) == []

    def test_values_of_other_kinds_are_no_parameters(self, sender: Sender, ctx: Context) -> None:
        odd = {**STOP, "OptOutType": ["STOP"], "Body": {"text": "STOP"}, "NumMedia": 0}
        assert self.send(sender.url, json.dumps(odd).encode()) == 200
        assert all_rows(ctx, feedback) == []


class TestTwilioWithASharedKey:
    """A Webhook Rule of the account has requests signed with a key of its own, by SHA-256."""

    NEW, OLD = "shared-key-secret-new", "shared-key-secret-old"
    SHA256 = "key=webhooks_shared_key_01,algorithm=HMAC_SHA256"

    @pytest.fixture
    def url(self, serve: Serve) -> str:
        keys = f"{self.NEW},{self.OLD}"
        return serve(PUBLIC_URL=PUBLIC_URL, **ENV, TWILIO_WEBHOOK_SHARED_KEY=keys)

    @staticmethod
    def send(url: str, key: str, digest: str, settings: str | None, body: str = "STOP") -> int:
        fields = {"MessageSid": "SM" + "1" * 32, "From": NUMBER, "Body": body}
        where = f"{PUBLIC_URL}/webhooks/twilio/sms"
        signature = twilio_signature(key, where, list(fields.items()), digest)
        headers = {"X-Twilio-Signature": signature}
        if settings is not None:
            headers["X-Twilio-Webhooks-Signature-Settings"] = settings
        return requests.post(f"{url}/webhooks/twilio/sms", data=fields, headers=headers).status_code

    @pytest.mark.parametrize("key", [NEW, OLD])
    @pytest.mark.parametrize("algorithm", ["HMAC_SHA256", "HMAC_SHA1"])
    def test_is_accepted_with_either_key(
        self, url: str, ctx: Context, key: str, algorithm: str
    ) -> None:
        digest = algorithm.removeprefix("HMAC_").lower()
        assert self.send(url, key, digest, f"key=k, algorithm={algorithm}") == 200
        assert [row.kind for row in all_rows(ctx, feedback)] == ["opt_out"]

    def test_the_auth_token_still_signs_what_no_rule_matches(self, url: str, ctx: Context) -> None:
        assert self.send(url, TWILIO_TOKEN, "sha1", None) == 200
        assert len(all_rows(ctx, feedback)) == 1

    @pytest.mark.parametrize(
        ("key", "digest", "settings"),
        [
            ("guessed", "sha256", SHA256), (NEW, "sha1", SHA256), (TWILIO_TOKEN, "sha256", SHA256),
            (TWILIO_TOKEN, "sha256", None), (NEW, "sha1", None),
            (NEW, "sha256", "key=k,algorithm=HMAC_MD5"), (NEW, "sha256", "key=k"),
            (NEW, "sha256", ""), ("", "sha256", SHA256),
        ],
    )  # fmt: skip
    def test_nothing_else_is(
        self, url: str, ctx: Context, key: str, digest: str, settings: str | None
    ) -> None:
        assert self.send(url, key, digest, settings) == 403
        assert all_rows(ctx, feedback) == []

    def test_without_the_key_nothing_is_taken(self, sender: Sender, ctx: Context) -> None:
        assert self.send(sender.url, TWILIO_TOKEN, "sha256", self.SHA256) == 503
        assert all_rows(ctx, feedback) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: type(case).__name__)
def test_every_vendor_has_its_address(serve: Serve, ctx: Context, case: VendorCase) -> None:
    """What each of them does is specified in `test_vendor_conformance.py`; this is over HTTP."""
    url = serve(PUBLIC_URL=PUBLIC_URL, **case.env)
    message = case.text(NUMBER, "STOP") or case.call(NUMBER, "Do not call")
    assert message is not None
    path = f"/webhooks/{case.name}/{message.path}"
    for wrong in (True, False):
        sent = case.sign(message, PUBLIC_URL + path, time.time(), wrong)
        headers = {**sent.headers, "Content-Type": sent.content_type}
        answer = requests.post(url + path, data=sent.body, headers=headers)
        assert answer.status_code in ((403,) if wrong else (200, 204)), answer.text
    assert [row.kind for row in all_rows(ctx, feedback)] == ["opt_out"]
    assert requests.get(url + path).status_code == 405


class TestHubSpot:
    @staticmethod
    def event(record_id: str, name: str = "phone", **fields: Any) -> dict[str, Any]:
        return {
            "eventId": 1, "subscriptionId": 2, "portalId": 62515, "appId": 4,
            "objectId": int(record_id),
            "subscriptionType": "contact.propertyChange", "propertyName": name,
            "propertyValue": "x", "occurredAt": int(time.time() * 1000), "attemptNumber": 0,
            "changeSource": "CRM_UI", **fields,
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
        assert propagate(ctx, "hubspot") == 1
        assert crm.get(record_id, "e164/phone") == NUMBER
        # One to read and one to write; the account itself is asked for once, ever.
        routes = crm.service.counters.items()
        assert sum(n for route, n in routes if "account-info" not in route) == 2
        assert all_rows(ctx, changed_records) == []

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
        propagate(ctx, "hubspot")
        apply_pending(ctx)
        propagate(ctx, "salesforce")
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
        propagate(ctx, "hubspot")
        assert crm.writes == before
        assert all_rows(ctx, feedback) == []

    def test_other_properties_and_objects_are_left(self, sender: Sender, ctx: Context) -> None:
        other = self.event("5", subscriptionType="deal.propertyChange")
        assert sender.hubspot([self.event("5", "firstname"), other]) == 204
        assert all_rows(ctx, changed_records) == []

    def test_nothing_forged_altered_late_or_early_is_taken(
        self, sender: Sender, ctx: Context
    ) -> None:
        event = [self.event("5")]
        assert sender.hubspot(event, secret="wrong") == 403
        assert sender.hubspot(event, body=b'[{"objectId": 6}]') == 403
        assert sender.hubspot(event, ago=301) == 403
        for ahead in (360, 3600, 86_400):  # else it could be sent again until then
            assert sender.hubspot(event, ago=-ahead) == 403
        assert sender.hubspot(event, ago=290) == 204
        assert [row.record_id for row in all_rows(ctx, changed_records)] == ["5"]

    def test_what_is_cut_short_is_refused(self, sender: Sender) -> None:
        assert sender.hubspot("not events") == 400

    def test_a_contact_erased_there_is_erased_here(
        self, sender: Sender, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        from worker.store.tables import contact_numbers
        from worker.suppression import suppressions

        crm = Crm.all(sandbox)["hubspot"]
        record_id = crm.ids()[0]
        crm.edit(record_id, {"phone/phone": NUMBER, "phone/mobilephone": ""})
        sync(ctx, "hubspot")
        erased = self.event(record_id, subscriptionType="contact.privacyDeletion")
        assert sender.hubspot([erased]) == 204
        assert NUMBER not in [row.number for row in all_rows(ctx, contact_numbers)]
        assert [
            suppression.reason for suppression in suppressions.list_suppressions(ctx, NUMBER)
        ] == ["erasure"]
