"""Messages that are no plain text: an MMS, a button, words below a picture, and what has no words
that we can read. The bodies are those of the vendors' documents and libraries, which the file of
each vendor names."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from constants import NUMBER

from worker.context import Context
from worker.feedback import reply_learning
from worker.feedback.models import ReviewDecision
from worker.feedback.review_queue import open_reviews, resolve_review
from worker.feedback.sources import incoming
from worker.feedback.sources.incoming import parse_text
from worker.feedback.sources.plivo import Plivo
from worker.feedback.sources.sinch import Sinch
from worker.feedback.sources.telnyx import Telnyx
from worker.feedback.sources.twilio import Twilio
from worker.feedback.sources.vendor import (
    InboundText,
    IncomingRequest,
    NotAPhoneNumberError,
    Vendor,
)
from worker.feedback.sources.vonage import Vonage

BARE = NUMBER[1:]
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def read(vendor: Vendor, body: Mapping[str, Any]) -> InboundText:
    headers = {"content-type": "application/json"}
    request = IncomingRequest("https://example.com", headers, json.dumps(body).encode(), 0.0)
    [event] = vendor.read("sms", request)
    assert isinstance(event, InboundText)
    assert event.number == NUMBER
    return event


def sinch_mms(**body: Any) -> dict[str, Any]:
    return {"type": "mo_media", "id": "01", "from": BARE, "to": "14155550100", "body": body}


def sinch_choice(data: str) -> dict[str, Any]:
    content = {"choice_response_message": {"message_id": "01", "postback_data": data}}
    identity = {"channel": "WHATSAPP", "identity": BARE}
    return {"message": {"id": "02", "contact_message": content, "channel_identity": identity}}


def vonage(kind: str, **words: Any) -> dict[str, Any]:
    return {"message_uuid": "01", "channel": "whatsapp", "from": BARE, "message_type": kind,
            kind: words}  # fmt: skip


def sinch(channel: str = "SMS", name: str = "message", **content: Any) -> dict[str, Any]:
    identity = {"channel": channel, "identity": BARE, "app_id": ""}
    return {name: {"id": "02", "contact_message": content, "channel_identity": identity}}


def plivo(**fields: str) -> dict[str, str]:
    return {"From": BARE, "To": "14155550100", "Units": "1", "MessageUUID": "01", **fields}


def telnyx(**payload: Any) -> dict[str, Any]:
    sent = {"id": "01", "from": {"phone_number": NUMBER}, "to": [], "text": "", **payload}
    return {"data": {"event_type": "message.received", "payload": sent}}


def twilio(**fields: str) -> dict[str, str]:
    return {"MessageSid": "SM" + "1" * 32, "From": NUMBER, "Body": "", **fields}


def picture(media_type: str) -> dict[str, str]:
    return {"url": "https://example.com/1", "content_type": media_type}


class TestAnMms:
    @pytest.mark.parametrize(
        ("vendor", "body"),
        [
            (Sinch(), sinch_mms(message="STOP", media=[])),
            (Sinch(), sinch_mms(subject="STOP", media=[picture("image/png")])),
            (Sinch(), sinch_mms(subject=None, message="STOP")),
            (Telnyx(), telnyx(type="MMS", text="STOP", media=[picture("image/png")])),
            (Telnyx(), telnyx(type="MMS", subject="STOP", media=[])),
            (Plivo(), plivo(Type="mms", Body="STOP", MediaCount="1", Media0="https://e.com/1")),
            (Plivo(), plivo(Type="mms", Text="", Body="STOP")),
            (Vonage(), vonage("content") | {"channel": "mms", "content": [
                {"type": "image", "url": "https://example.com/1"},
                {"type": "file", "url": "https://example.com/2", "caption": "STOP"}]}),
            (Twilio(), twilio(Body="STOP", NumMedia="1", MediaContentType0="image/gif")),
        ],
    )  # fmt: skip
    def test_says_what_its_subject_and_its_text_say(
        self, vendor: Vendor, body: dict[str, Any]
    ) -> None:
        event = read(vendor, body)
        assert (event.words, event.partial, event.unread) == ("STOP", False, "")

    @pytest.mark.parametrize("subject", ["NoSubject", "(no subject)", "Re: our offer", "Hello"])
    @pytest.mark.parametrize("make", [sinch_mms, telnyx])
    def test_that_says_stop_below_any_subject_is_a_stop(self, make: Any, subject: str) -> None:
        vendor = Sinch() if make is sinch_mms else Telnyx()
        words = {"message": "Stop"} if make is sinch_mms else {"text": "Stop"}
        parsed = parse_text(read(vendor, make(subject=subject, **words)), NOW)
        assert [report.kind for report in parsed.reports] == ["opt_out"]

    def test_lifts_nothing_against_its_subject(self) -> None:
        event = read(Sinch(), sinch_mms(subject="I did not say", message="START"))
        assert parse_text(event, NOW).reports == ()

    @pytest.mark.parametrize(
        ("subject", "message", "words"),
        [("Offer", "stop texting me", "Offer\nstop texting me"), (None, None, "")],
    )
    def test_is_shown_with_its_subject(self, subject: Any, message: Any, words: str) -> None:
        assert read(Sinch(), sinch_mms(subject=subject, message=message)).words == words


class TestARefusalThatPlivoRecognised:
    def test_counts_as_such(self) -> None:
        event = read(Plivo(), plivo(Text="Arrêt", MessageIntent="optout"))
        assert event.keyword == "STOP"

    @pytest.mark.parametrize("intent", ["optin", "help", "", "odd"])
    def test_is_the_only_word_of_it_that_counts(self, intent: str) -> None:
        """ "YES" answers our question; it is no consent to everything."""
        assert read(Plivo(), plivo(Text="Yes", MessageIntent=intent)).keyword == ""


class TestWhatHasNoWordsThatWeCanRead:
    @pytest.mark.parametrize(
        ("vendor", "body", "what"),
        [
            (Twilio(), twilio(NumMedia="1", MediaContentType0="image/gif"), "a picture"),
            (Twilio(), twilio(NumMedia="1"), "a file"),
            (Plivo(), plivo(Type="mms", MediaCount="1", Media1="https://e.com/1"), "a file"),
            (Plivo(), plivo(Type="whatsapp", ContentType="media", Media0="https://e.com/1",
                            MimeType="audio/ogg"), "a voice message"),
            (Plivo(), plivo(Type="whatsapp", ContentType="unknown"),
             "a message of a kind that Plivo does not know"),
            (Telnyx(), telnyx(media=[picture("video/mp4")]), "a video"),
            (Telnyx(), telnyx(text=None, type="RCS", body={"user_file": {"x": 1}}), "a file"),
            (Telnyx(), telnyx(subject="Re", media=[picture("text/plain; charset=utf-8")]),
             "a file of text"),
            (Sinch(), sinch_mms(message="", media=[picture("application/smil"),
                                                   picture("image/jpeg")]), "a picture"),
            (Sinch(), {"type": "mo_binary", "id": "01", "from": NUMBER, "body": "U1RPUA==",
                       "udh": "0605"}, "a binary message"),
            (Sinch(), sinch(media_message={"url": "https://e.com/1"}), "a picture or a file"),
            (Sinch(), sinch("RCS", fallback_message={"raw_message": ""}),
             "a message that Sinch cannot read"),
            (Vonage(), vonage("image", url="https://e.com/1"), "a picture"),
            (Vonage(), vonage("audio", url="https://e.com/1"), "a voice message"),
            (Vonage(), vonage("unsupported"), "a message of a kind that Vonage does not know"),
            (Vonage(), vonage("content") | {"content": [{"type": "video", "url": "u"}]},
             "a video"),
            (Vonage(), {"messageId": "01", "msisdn": BARE, "type": "binary", "data": "53544F50",
                        "udh": "06050415811581"}, "a binary message"),
        ],
    )  # fmt: skip
    def test_is_shown_to_a_person(self, vendor: Vendor, body: dict[str, Any], what: str) -> None:
        event = read(vendor, body)
        assert event.unread == what
        parsed = parse_text(event, NOW)
        assert parsed.reports == ()
        assert parsed.needs_review is not None

    @pytest.mark.parametrize(
        ("vendor", "body"),
        [
            (Vonage(), vonage("location", lat=1, long=2)),
            (Vonage(), vonage("order", catalog_id="1")),
            (Sinch(), sinch(location_message={"coordinates": {}})),
            (Sinch(), sinch_mms(message=None, media=[picture("application/smil")])),
            (Twilio(), twilio()),
            (Plivo(), plivo(Text="", MediaCount="0")),
        ],
    )
    def test_is_harmless_if_it_is_a_place_an_order_or_nothing(
        self, vendor: Vendor, body: dict[str, Any]
    ) -> None:
        event = read(vendor, body)
        assert (event.words, event.unread) == ("", "")
        assert parse_text(event, NOW).needs_review is None

    def test_needs_nobody_beside_words_that_are_clear(self) -> None:
        event = read(Telnyx(), telnyx(text="STOP", media=[picture("text/plain")]))
        parsed = parse_text(event, NOW)
        assert [report.kind for report in parsed.reports] == ["opt_out"]
        assert parsed.needs_review is None

    def test_is_described_in_the_review(self, make_context: Callable[..., Context]) -> None:
        ctx = make_context()
        picture_of_something = read(Vonage(), vonage("image", url="https://e.com/1"))
        incoming.receive(ctx, [picture_of_something, picture_of_something])
        [review] = open_reviews(ctx)
        assert review["text"] == ("[a picture, which cannot be read here: see the vendor's log]")
        assert (review["suggestion"], review["likelihood"]) == (None, 0)

    def test_teaches_nothing(self, make_context: Callable[..., Context]) -> None:
        """The description is ours: no reply holds its words."""
        ctx = make_context()
        incoming.receive(ctx, [read(Vonage(), vonage("image", url="https://e.com/1"))])
        [review] = open_reviews(ctx)
        resolve_review(ctx, review["id"], ReviewDecision.OPT_OUT, "ann")
        assert reply_learning.decided(ctx) == []


class TestAButton:
    @pytest.mark.parametrize(
        ("vendor", "body"),
        [
            (Sinch(), sinch_choice("stop_promotions")),
            (Vonage(), vonage("button", payload="2", text="stop promotions")),
            (Vonage(), vonage("reply", id="2", title="stop promotions")),
            (Sinch(), sinch("WHATSAPP", name="message_redaction", choice_response_message={
                "message_id": "1", "postback_data": "stop_promotions"})),
            (Telnyx(), telnyx(type="RCS", text=None, body={"suggestion_response": {
                "text": "stop promotions", "postback_data": ""}})),
            (Plivo(), plivo(Type="whatsapp", ContentType="button", Body="stop promotions")),
            (Twilio(), twilio(From=f"whatsapp:{NUMBER}", Body="stop promotions",
                              ButtonText="stop promotions", ButtonPayload="2")),
        ],
    )  # fmt: skip
    def test_may_stop_and_lifts_nothing(self, vendor: Vendor, body: dict[str, Any]) -> None:
        """Its words are ours: "Start" may begin a quiz."""
        event = read(vendor, body)
        assert (event.text, event.partial) == ("stop promotions", True)


@pytest.mark.parametrize(
    ("vendor", "body"),
    [
        *((Vonage(), vonage(kind, url="https://example.com/1", caption="STOP"))
          for kind in ("image", "video", "file")),
        (Vonage(), vonage("reaction", action="react", emoji="🛑")),
        (Sinch(), sinch("WHATSAPP", media_card_message={"caption": "STOP", "url": "u"})),
        (Sinch(), sinch(name="message_redaction", text_message={"text": "STOP"})),
        (Telnyx(), telnyx(type="RCS", text=None, body={"text": "STOP"})),
        (Plivo(), plivo(Type="whatsapp", ContentType="text", Body="STOP")),
    ],
)  # fmt: skip
def test_words_elsewhere_are_read(vendor: Vendor, body: dict[str, Any]) -> None:
    event = read(vendor, body)
    assert event.partial is False
    assert [report.kind for report in parse_text(event, NOW).reports] == ["opt_out"]


@pytest.mark.parametrize(
    "content",
    [
        {"fallback_message": {"raw_message": "STOP", "reason": {"code": "UNKNOWN"}}},
        {"channel_specific_message": {"message_type": "nfm_reply", "message": {
            "type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "STOP"}}}},
    ],
)  # fmt: skip
def test_what_the_vendor_could_not_tell_may_stop(content: dict[str, Any]) -> None:
    event = read(Sinch(), sinch("WHATSAPP", **content))
    assert (event.text, event.partial) == ("STOP", True)


class TestAUserOfWhatsApp:
    """Meta may show an id of the user instead of the number."""

    def test_is_known_by_the_number_where_it_is_shown(self) -> None:
        sender = {"user_id": "US.13491208655302741918", "wa_id": BARE}
        body = vonage("text") | {"text": "STOP", "from": "US.13491208655302741918"}
        assert read(Vonage(), body | {"whatsapp": {"sender": sender}}).text == "STOP"

    @pytest.mark.parametrize("whatsapp", [None, {}, {"sender": {"user_id": "US.1"}}])
    def test_has_no_number_otherwise(self, whatsapp: Any) -> None:
        """It is told that it has arrived: to repeat it for a day would not help."""
        body = vonage("text") | {"from": "US.13491208655302741918", "whatsapp": whatsapp}
        with pytest.raises(NotAPhoneNumberError):
            read(Vonage(), body)


@pytest.mark.parametrize("odd", ["STOP", ["STOP"], None, {"text": ["STOP"]}])
def test_what_is_not_as_documented_is_no_text(odd: Any) -> None:
    assert read(Vonage(), vonage("button") | {"button": odd}).text == ""
    message = sinch_choice("")
    message["message"]["contact_message"] = odd
    assert read(Sinch(), message).text == ""
