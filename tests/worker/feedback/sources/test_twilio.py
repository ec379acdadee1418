"""What Twilio tells us, in the words of our vocabulary."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from constants import NOW, NUMBER
from vendor_webhooks import status_report

from worker.feedback.sources import twilio
from worker.feedback.sources.incoming import ParsedReply, happened_at, parse_text
from worker.feedback.sources.vendor import MalformedWebhookError, NotAPhoneNumberError

SID = "SM" + "0" * 32
FROM = {"From": NUMBER, "To": "+14155550100", "MessageSid": SID}
TO = {"From": "+14155550100", "To": NUMBER, "MessageSid": SID}


def read(form: dict[str, str], now: datetime) -> ParsedReply:
    return parse_text(twilio.read_sms(form), now)


class TestAnInboundMessage:
    @pytest.mark.parametrize(("kind", "reported"), [("STOP", "opt_out"), ("START", "opt_in")])
    def test_that_twilio_read_itself_is_taken_at_its_word(self, kind: str, reported: str) -> None:
        heard = read({**FROM, "Body": "Nope", "OptOutType": kind}, NOW)
        (report,) = heard.reports
        assert (report.kind, report.number, report.channels) == (reported, NUMBER, "text")

    def test_that_asks_for_help_is_no_report(self) -> None:
        assert read({**FROM, "Body": "HELP", "OptOutType": "HELP"}, NOW).reports == ()

    def test_in_words_is_read(self) -> None:
        heard = read({**FROM, "Body": "wrong number, stop texting me"}, NOW)
        assert {report.kind for report in heard.reports} == {"wrong_number", "opt_out"}
        assert len({report.key for report in heard.reports}) == 2

    def test_that_is_unclear_is_for_a_person(self) -> None:
        heard = read({**FROM, "Body": "how do I unsubscribe?"}, NOW)
        assert heard.reports == ()
        assert heard.needs_review is not None

    def test_from_whatsapp_is_from_the_number(self) -> None:
        form = {**FROM, "From": "whatsapp:+14155552671", "Body": "stop"}
        assert twilio.read_sms(form).number == NUMBER

    @pytest.mark.parametrize("sender", ["12345", "AMAZON"])
    def test_from_a_short_code_or_a_name_is_nobodys(self, sender: str) -> None:
        with pytest.raises(NotAPhoneNumberError):
            read({**FROM, "From": sender, "Body": "stop"}, NOW)

    @pytest.mark.parametrize("lacks", ["From", "MessageSid"])
    def test_that_lacks_something_is_refused(self, lacks: str) -> None:
        with pytest.raises(MalformedWebhookError):
            read({key: v for key, v in FROM.items() if key != lacks}, NOW)

    @pytest.mark.parametrize("sid", ["SM1", "SM_test-1", "x" * 200, "número 1"])
    def test_counts_whatever_the_shape_of_its_id(self, sid: str) -> None:
        key = twilio.read_sms({**FROM, "MessageSid": sid, "Body": "stop"}).key
        other = twilio.read_sms({**FROM, "MessageSid": f"{sid}2", "Body": "stop"}).key
        assert key != other
        assert max(len(key), len(other)) < 140


class TestAStatusCallback:
    def test_of_a_message_that_arrived_says_that_the_number_is_reached(self) -> None:
        outcome = twilio.read_status({**TO, "MessageStatus": "delivered"})
        assert outcome.delivered
        assert outcome.failure is None

    @pytest.mark.parametrize("state", ["queued", "sending", "sent", "accepted", ""])
    def test_on_the_way_says_nothing(self, state: str) -> None:
        outcome = twilio.read_status({**TO, "MessageStatus": state})
        assert (outcome.delivered, outcome.failure) == (False, None)

    @pytest.mark.parametrize(
        ("code", "grade"),
        [("30005", "dead"), ("21211", "dead"), ("30003", "failing"), ("30006", "no_text"),
         ("21614", "no_text"), ("30007", ""), ("30008", ""), ("99999", ""), ("", "")],
    )  # fmt: skip
    def test_of_one_that_failed_is_graded_by_its_code(self, code: str, grade: str) -> None:
        form = {**TO, "MessageStatus": "undelivered", "ErrorCode": code}
        report = status_report(form, NOW)
        assert report is not None
        assert (report.kind, report.severity) == ("undeliverable", grade)

    def test_of_one_to_somebody_who_opted_out_is_an_opt_out(self) -> None:
        form = {**TO, "MessageStatus": "failed", "ErrorCode": "21610"}
        report = status_report(form, NOW)
        assert report is not None
        assert report.kind == "opt_out"

    def test_is_of_the_moment_that_the_carrier_says_where_that_can_be(self) -> None:
        form = {**TO, "MessageStatus": "delivered", "RawDlrDoneDate": "2611241130"}
        assert happened_at(twilio.read_status(form), NOW) == datetime(
            2026, 11, 24, 11, 30, tzinfo=UTC
        )
        for odd in ("2603050000", "1901010000", "soon"):
            assert happened_at(twilio.read_status({**form, "RawDlrDoneDate": odd}), NOW) == NOW

    def test_sent_twice_is_one_report(self) -> None:
        form = {**TO, "MessageStatus": "undelivered", "ErrorCode": "30003"}
        first, second = status_report(form, NOW), status_report(form, NOW)
        assert first is not None
        assert second is not None
        assert first.key == second.key
