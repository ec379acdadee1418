"""What every vendor of webhooks does. A new one passes by being listed in `vendor_cases.CASES`.

Over the one way in of all of them, a real database, and the stand-ins of the vendors.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from constants import NUMBER, OTHER, PUBLIC_URL, THIRD
from fastapi import HTTPException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vendor_cases import CASES, JustCallCase, Sent, TwilioCase, VendorCase

from config.settings import load
from worker.context import Context
from worker.feedback.sources.vendor import Answer, ForgedWebhookError, IncomingRequest, Proof
from worker.feedback.sources.vendor_registry import VENDORS
from worker.store.tables import call_outcomes, feedback, last_delivered, reviews
from worker.web import webhooks

DISPOSITIONS = {"Wrong Number": "wrong_number", "Do not call": "opt_out",
                "Disconnected": "undeliverable"}  # fmt: skip
ids = [type(case).__name__ for case in CASES]
every = pytest.mark.parametrize("case", CASES, ids=ids)


def that_send(what: Callable[[VendorCase], Sent | None]) -> pytest.MarkDecorator:
    chosen = [case for case in CASES if what(case) is not None]
    return pytest.mark.parametrize("case", chosen, ids=[type(case).__name__ for case in chosen])


texting = that_send(lambda case: case.text(NUMBER, "STOP"))
calling = that_send(lambda case: case.call(NUMBER, "x"))


class Way:
    """The way in of one vendor's requests, as its route takes them."""

    def __init__(self, ctx: Context, case: VendorCase) -> None:
        self.ctx, self.case = ctx, case
        self.vendor = VENDORS[case.name]
        self.notified = 0

    def url(self, sent: Sent) -> str:
        return f"{PUBLIC_URL}/webhooks/{self.case.name}/{sent.path}"

    def send(self, sent: Sent | None, ago: float = 0.0, wrong: bool = False) -> int:
        assert sent is not None
        return self.put(self.case.sign(sent, self.url(sent), time.time() - ago, wrong))

    def put(self, sent: Sent) -> int:
        answer = self.answer(sent)
        return answer if isinstance(answer, int) else answer.status

    def answer(self, sent: Sent) -> Answer | int:
        headers = {name.lower(): value for name, value in sent.headers.items()}
        headers["content-type"] = sent.content_type
        request = IncomingRequest(self.url(sent), headers, sent.body, time.time())
        try:
            return webhooks.receive(self.ctx, self.vendor, sent.path, request, self._notify)
        except HTTPException as error:
            return error.status_code

    def _notify(self) -> None:
        self.notified += 1

    def stored(self, table: sa.Table = feedback) -> list[Any]:
        with self.ctx.store.read() as connection:
            return list(connection.execute(sa.select(table)))


@pytest.fixture
def way(make_context: Callable[..., Context], case: VendorCase) -> Way:
    return Way(make_context(PUBLIC_URL=PUBLIC_URL, **case.env), case)


def sample(case: VendorCase) -> Sent:
    """A request that makes one report: an opt-out."""
    sent = case.text(NUMBER, "STOP") or case.call(NUMBER, "Do not call")
    assert sent is not None
    return sent


def test_every_vendor_that_is_listed_has_a_stand_in() -> None:
    missing = VENDORS.keys() - {case.name for case in CASES}
    assert not missing, f"write a VendorCase for {missing} in tests/support/vendor_cases.py"


def test_every_vendor_is_described_in_the_documents(shared_docs: str) -> None:
    for vendor in VENDORS.values():
        assert f"\n### {vendor.label}" in shared_docs or f"\n## {vendor.label}" in shared_docs
        assert vendor.variable in shared_docs


@pytest.fixture
def shared_docs() -> str:
    from constants import DOCS

    return (DOCS / "vendors.md").read_text(encoding="utf-8")


@every
class TestASignature:
    def test_that_is_good_is_taken(self, way: Way, case: VendorCase) -> None:
        assert 200 <= way.send(sample(case)) < 300
        (row,) = way.stored()
        assert (row.kind, row.number) == ("opt_out", NUMBER)
        assert row.key.startswith(f"{case.name}:")
        assert way.notified == 1

    def test_of_somebody_else_is_refused(self, way: Way, case: VendorCase) -> None:
        assert way.send(sample(case), wrong=True) == 403
        assert way.stored() == way.stored(reviews) == way.stored(call_outcomes) == []

    def test_that_is_missing_is_refused(self, way: Way, case: VendorCase) -> None:
        assert way.put(sample(case).encoded()) == 403
        assert way.stored() == []

    @pytest.mark.parametrize("noise", ["", "\x00", "ü", "a" * 9000, "=,=", "Bearer", "Basic !"])
    def test_that_is_noise_is_refused(self, way: Way, case: VendorCase, noise: str) -> None:
        good = case.sign(sample(case), way.url(sample(case)), time.time())
        secret_fields = {"sig", "token"} & good.fields.keys()
        for name in (*good.headers, *secret_fields):
            headers = {**good.headers, name: noise} if name in good.headers else good.headers
            fields = {**good.fields, name: noise} if name in secret_fields else good.fields
            bad = replace(good, headers=headers, fields=fields)
            if name.endswith("-version"):  # JustCall's, which says nothing
                continue
            assert way.put(bad.encoded() if secret_fields else bad) in (400, 403), name
        assert way.stored() == []

    def test_of_another_body_is_refused(self, way: Way, case: VendorCase) -> None:
        if not case.proves_body:
            pytest.skip("its signature does not cover the body: see TestWhatIsNotProven")
        good = case.sign(sample(case), way.url(sample(case)), time.time())
        assert (
            way.put(replace(good, body=good.body.replace(NUMBER[1:].encode(), OTHER[1:].encode())))
            == 403
        )
        assert way.stored() == []

    @pytest.mark.parametrize("beyond", [60.0, 10 * 86_400.0])
    def test_that_is_old_or_dated_ahead_is_refused(
        self, way: Way, case: VendorCase, beyond: float
    ) -> None:
        if case.tolerance is None:
            pytest.skip("its signature holds no time")
        assert way.send(sample(case), ago=case.tolerance + beyond) == 403
        assert way.send(sample(case), ago=-(300.0 + beyond)) == 403
        assert way.stored() == []

    def test_counts_as_long_as_the_vendor_repeats_it(self, way: Way, case: VendorCase) -> None:
        assert 200 <= way.send(sample(case), ago=(case.tolerance or 86_400.0) - 60.0) < 300
        assert len(way.stored()) == 1

    def test_is_not_checked_without_its_secret(
        self, make_context: Callable[..., Context], case: VendorCase
    ) -> None:
        bare = Way(make_context(PUBLIC_URL=PUBLIC_URL), case)
        assert bare.send(sample(case)) == 503
        assert bare.stored() == []


@every
class TestARequest:
    def test_counts_once_however_often_it_comes(self, way: Way, case: VendorCase) -> None:
        for ago in (0, 10, 20):
            assert 200 <= way.send(sample(case), ago=ago) < 300
        assert len(way.stored()) == 1
        assert way.notified == 1

    def test_with_fields_that_nobody_knows_is_read(self, way: Way, case: VendorCase) -> None:
        sent = sample(case)
        assert 200 <= way.send(replace(sent, fields={**sent.fields, "new_field": "x"})) < 300
        assert len(way.stored()) == 1

    @pytest.mark.parametrize(
        "fields", [{}, {"x": "1"}, {"data": []}, {"data": {"payload": []}}, {"message": {}},
                   {"type": "mo_text"}, {"message_uuid": []}, {"msisdn": "1"}],
        ids=str,
    )  # fmt: skip
    def test_that_is_signed_and_says_nothing_gets_a_clear_answer(
        self, way: Way, case: VendorCase, fields: dict[str, Any]
    ) -> None:
        for path in way.vendor.paths:
            sent = replace(sample(case), path=path, fields=fields)
            assert way.send(sent) in (200, 204, 400)
        assert way.stored() == []

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"null", b"\xff", b"{", b"[" * 5000, b"%", b"a=b"]
    )
    def test_with_a_junk_body_is_refused(self, way: Way, case: VendorCase, body: bytes) -> None:
        for kind in ("application/json", "application/x-www-form-urlencoded"):
            good = case.sign(sample(case), way.url(sample(case)), time.time())
            junk = replace(good, body=body, content_type=kind)
            assert way.put(junk) in ((400, 403) if case.proves_body else (200, 204, 400, 403))
        assert way.stored() == []


@every
@settings(
    max_examples=15, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(body=st.binary(max_size=300), header=st.text(max_size=40))
def test_random_bytes_store_nothing(way: Way, case: VendorCase, body: bytes, header: str) -> None:
    good = case.sign(sample(case), way.url(sample(case)), time.time())
    headers = dict.fromkeys(good.headers, header) or {"authorization": header}
    for content in ("application/json", "application/x-www-form-urlencoded"):
        for path in way.vendor.paths:
            sent = replace(good, path=path, body=body, headers=headers, content_type=content)
            assert way.put(sent) in (400, 403)
    assert way.stored() == []


@texting
class TestAMessage:
    @pytest.mark.parametrize("text", ["STOP", "stop", "please don't text me anymore"])
    def test_that_refuses_is_an_opt_out(self, way: Way, case: VendorCase, text: str) -> None:
        way.send(case.text(NUMBER, text))
        (row,) = way.stored()
        assert (row.kind, row.number, row.source) == ("opt_out", NUMBER, f"{case.name} sms")
        assert "text" in row.channels.split()

    def test_goes_through_the_reader_of_replies(self, way: Way, case: VendorCase) -> None:
        way.send(case.text(NUMBER, "wrong number, stop texting me"))
        assert {row.kind for row in way.stored()} == {"wrong_number", "opt_out"}

    def test_that_is_doubtful_waits_for_a_person(self, way: Way, case: VendorCase) -> None:
        for _ in range(2):
            way.send(case.text(NUMBER, "Is this the wrong number for support?"))
        assert way.stored() == []
        (row,) = way.stored(reviews)
        assert (row.suggestion, row.number) == ("wrong_number", NUMBER)

    def test_that_is_harmless_says_that_somebody_is_there(self, way: Way, case: VendorCase) -> None:
        assert 200 <= way.send(case.text(NUMBER, "see you on Monday")) < 300
        assert way.stored() == way.stored(reviews) == []
        assert [row.number for row in way.stored(last_delivered)] == [NUMBER]

    def test_start_revives_consent_only_if_it_is_proven(self, way: Way, case: VendorCase) -> None:
        way.send(case.text(NUMBER, "START"))
        kinds = [row.kind for row in way.stored()]
        waiting = [row.suggestion for row in way.stored(reviews)]
        assert (kinds, waiting) == ((["opt_in"], []) if case.proves_body else ([], ["opt_in"]))

    @pytest.mark.parametrize("sender", ["12345", "AMAZON"])
    def test_from_a_short_code_or_a_name_is_acknowledged_and_left(
        self, way: Way, case: VendorCase, sender: str
    ) -> None:
        assert 200 <= way.send(case.text(sender, "STOP")) < 300
        assert way.stored() == []

    @pytest.mark.parametrize("sender", ["", "+1", "+1415555267\x00", "+04155552671", "()"])
    def test_from_no_number_is_refused(self, way: Way, case: VendorCase, sender: str) -> None:
        assert way.send(case.text(sender, "STOP")) == 400
        assert way.stored() == []

    def test_comes_in_any_order(self, way: Way, case: VendorCase) -> None:
        texts = [(NUMBER, "STOP", "1"), (OTHER, "wrong number", "2"), (THIRD, "stop", "3")]
        for number, text, key in (*reversed(texts), *texts):
            way.send(case.text(number, text, key))
        rows = {row.number: row.kind for row in way.stored()}
        assert rows == {NUMBER: "opt_out", OTHER: "wrong_number", THIRD: "opt_out"}
        assert len(way.stored()) == 3


@texting
class TestAStatus:
    def test_of_a_message_that_arrived(self, way: Way, case: VendorCase) -> None:
        assert 200 <= way.send(case.delivered(NUMBER)) < 300
        assert way.stored() == []
        assert [row.number for row in way.stored(last_delivered)] == [NUMBER]

    def test_of_a_number_out_of_service(self, way: Way, case: VendorCase) -> None:
        if not case.dead:
            pytest.skip("no code of its documents says so")
        way.send(case.failed(NUMBER, case.dead))
        (row,) = way.stored()
        assert (row.kind, row.grade, row.source) == ("undeliverable", "dead", case.name)
        assert case.dead in row.evidence

    def test_of_somebody_who_opted_out(self, way: Way, case: VendorCase) -> None:
        if not case.opted_out:
            pytest.skip("no code of its documents says so")
        way.send(case.failed(NUMBER, case.opted_out))
        (row,) = way.stored()
        assert (row.kind, row.channels, row.source) == ("opt_out", "text", f"{case.name} sms")

    @pytest.mark.parametrize("unknown", [False, True])
    def test_of_another_failure_says_nothing_about_the_number(
        self, way: Way, case: VendorCase, unknown: bool
    ) -> None:
        way.send(case.failed(NUMBER, "987654" if unknown else case.harmless))
        (row,) = way.stored()
        assert (row.kind, row.grade) == ("undeliverable", "")

    def test_that_comes_twice_counts_once(self, way: Way, case: VendorCase) -> None:
        for _ in range(3):
            way.send(case.failed(NUMBER, case.harmless))
        way.send(case.failed(NUMBER, case.harmless, key="2"))
        assert len(way.stored()) == 2


@calling
class TestACall:
    @pytest.mark.parametrize("outcome", DISPOSITIONS)
    def test_is_read_by_the_same_words_as_those_of_a_crm(
        self, way: Way, case: VendorCase, outcome: str
    ) -> None:
        way.send(case.call(NUMBER, outcome))
        (row,) = way.stored()
        assert (row.kind, row.number) == (DISPOSITIONS[outcome], NUMBER)
        assert row.source == f"{case.name} call"
        if row.kind == "opt_out":
            assert row.channels == "call"

    def test_of_an_unknown_outcome_is_counted_and_listed(self, way: Way, case: VendorCase) -> None:
        way.send(case.call(NUMBER, "Rings for ever"))
        assert way.stored() == []
        (row,) = way.stored(call_outcomes)
        assert (row.connector, row.name, row.calls) == (case.name, "Rings for ever", 1)

    def test_never_revives_consent(self, way: Way, case: VendorCase) -> None:
        for word in ("START", "opt in", "confirmed", "call back"):
            way.send(case.call(NUMBER, word))
        assert way.stored() == []


class TestWhatIsNotProven:
    """A signature of JustCall, or one of Plivo's version 2, says nothing of the body: whoever has
    seen one can write another body. All that can do is stop somebody."""

    @pytest.mark.parametrize("case", [JustCallCase()], ids=["JustCallCase"])
    def test_is_bound_to_our_address(self, way: Way, case: VendorCase) -> None:
        elsewhere = case.sign(sample(case), "https://elsewhere.example.com/hook", time.time())
        assert way.put(elsewhere) == 403
        assert way.stored() == []

    @pytest.mark.parametrize(
        "case", [case for case in CASES if not case.proves_body],
        ids=[type(case).__name__ for case in CASES if not case.proves_body],
    )  # fmt: skip
    def test_lifts_no_suppression(self, way: Way, case: VendorCase) -> None:
        way.send(sample(case))
        for text in ("START", "unstop", "opt me back in", "yes this is me"):
            sent = case.text(NUMBER, text, "2") or case.call(NUMBER, text, "2")
            way.send(sent)
        assert {row.kind for row in way.stored()} == {"opt_out"}


@pytest.mark.parametrize("case", [TwilioCase()], ids=["TwilioCase"])
class TestAKeyInACall:
    @staticmethod
    def pressed(digits: str, **fields: str) -> Sent:
        about = {"CallSid": "CA" + "1" * 32, "From": OTHER, "To": NUMBER,
                 "Direction": "outbound-api", "Digits": digits}  # fmt: skip
        return Sent("voice", {**about, **fields}, "application/x-www-form-urlencoded")

    def answer(self, way: Way, sent: Sent) -> Answer:
        answer = way.answer(way.case.sign(sent, way.url(sent), time.time()))
        assert isinstance(answer, Answer)
        return answer

    def test_for_it_is_an_opt_out_of_calls_and_confirmed(self, way: Way, case: VendorCase) -> None:
        answer = self.answer(way, self.pressed("9"))
        (row,) = way.stored()
        assert (row.kind, row.number, row.channels) == ("opt_out", NUMBER, "call")
        assert (answer.status, answer.media_type) == (200, "text/xml")
        assert "<Say>You will not be called again. Goodbye.</Say>" in answer.body

    def test_of_a_caller_is_the_callers(self, way: Way, case: VendorCase) -> None:
        self.answer(way, self.pressed("9", Direction="inbound"))
        assert [row.number for row in way.stored()] == [OTHER]

    @pytest.mark.parametrize("digits", ["", "1", "99", "#"])
    def test_for_something_else_changes_nothing(
        self, way: Way, case: VendorCase, digits: str
    ) -> None:
        assert "Say" not in self.answer(way, self.pressed(digits)).body
        assert way.stored() == []

    def test_is_what_the_settings_say(
        self, make_context: Callable[..., Context], case: VendorCase
    ) -> None:
        toml = '[feedback]\nopt_out_keys = ["1", "*"]\nopt_out_keys_answer = "Gone & done <ok>"\n'
        way = Way(make_context(toml, PUBLIC_URL=PUBLIC_URL, **case.env), case)
        assert "Say" not in self.answer(way, self.pressed("9")).body
        assert "<Say>Gone &amp; done &lt;ok&gt;</Say>" in self.answer(way, self.pressed("*")).body
        assert len(way.stored()) == 1


def test_the_published_example_of_justcall_is_taken() -> None:
    """https://developer.justcall.io/docs/dynamic-webhook-signatures, word for word."""
    address = "https://webhook.site/3bcea770-370a-4b09-8b66-426f687e08a4"
    headers = {
        "x-justcall-signature": "56761bae5b27a784a3ddd2af828bc5def7176bc0a8650199b04c737bd39bbecf",
        "x-justcall-request-timestamp": "2024-03-21 17:08:22",
    }
    body = json.dumps({"webhook_url": address, "type": "call.completed", "data": {}}).encode()
    at = datetime(2024, 3, 21, 17, 8, 30, tzinfo=UTC).timestamp()
    secrets = load({"JUSTCALL_API_SECRET": "ea39089c40790e9dc7a080ec95e849b8fa0fa5fb"})
    request = IncomingRequest(address, headers, body, at)
    assert VENDORS["justcall"].require_signed(secrets, request) is Proof.SENDER
    with pytest.raises(ForgedWebhookError):
        VENDORS["justcall"].require_signed(secrets, replace(request, at=at + 6000))
