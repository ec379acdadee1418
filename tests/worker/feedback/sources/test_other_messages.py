"""Messages that are no plain text: an MMS, a button, words below a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from constants import NUMBER

from worker.feedback.sources.sinch import Sinch
from worker.feedback.sources.vendor import InboundText, IncomingRequest, Vendor
from worker.feedback.sources.vonage import Vonage

BARE = NUMBER[1:]


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


class TestAnMms:
    @pytest.mark.parametrize(
        ("body", "text"),
        [
            ({"message": "STOP", "media": []}, "STOP"),
            ({"subject": "STOP", "media": [{"url": "https://example.com/1"}]}, "STOP"),
            ({"subject": "Offer", "message": "stop texting me"}, "Offer\nstop texting me"),
            ({"subject": None, "message": None}, ""),
        ],
    )  # fmt: skip
    def test_says_what_its_subject_and_its_text_say(self, body: dict[str, Any], text: str) -> None:
        event = read(Sinch(), sinch_mms(**body))
        assert (event.text, event.partial) == (text, False)


class TestAButton:
    @pytest.mark.parametrize(
        ("vendor", "body"),
        [
            (Sinch(), sinch_choice("stop_promotions")),
            (Vonage(), vonage("button", payload="2", text="stop promotions")),
            (Vonage(), vonage("reply", id="2", title="stop promotions")),
        ],
    )
    def test_may_stop_and_lifts_nothing(self, vendor: Vendor, body: dict[str, Any]) -> None:
        """Its words are ours: "Start" may begin a quiz."""
        event = read(vendor, body)
        assert (event.text, event.partial) == ("stop promotions", True)


@pytest.mark.parametrize("kind", ["image", "video", "file"])
def test_words_below_a_picture_are_read(kind: str) -> None:
    event = read(Vonage(), vonage(kind, url="https://example.com/1", caption="STOP"))
    assert (event.text, event.partial) == ("STOP", False)


@pytest.mark.parametrize("odd", ["STOP", ["STOP"], None, {"text": ["STOP"]}])
def test_what_is_not_as_documented_is_no_text(odd: Any) -> None:
    assert read(Vonage(), vonage("button") | {"button": odd}).text == ""
    message = sinch_choice("")
    message["message"]["contact_message"] = odd
    assert read(Sinch(), message).text == ""
