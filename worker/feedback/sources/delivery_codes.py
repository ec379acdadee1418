"""Map error codes of undelivered messages to what they mean.

Twilio's status webhook, `POST /api/feedback` and `hygiene feedback import` read a code here and
nowhere else; the codes of another vendor stand in that vendor's file. The codes below are those of
Twilio's dictionary, each described on its own page below https://www.twilio.com/docs/api/errors.
docs/feedback.md shows the table to people.

Two rules apply where a page leaves a choice. A code that may mean that the recipient does not want
our messages stops them. A code that may just as well be about us says nothing about the number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from worker.feedback.models import Severity
from worker.phones import folded_digits

# Of the recipient: opted out; the number is out of service; it may be, if that goes on; it gets no
# texts. Of something else: the app that the message went by (WhatsApp, RCS, Messenger), a filter of
# Twilio's or the carrier's, our account, number or permission, this one message.
FailureMeaning = Literal[
    "opt_out", "dead", "failing", "no_text", "channel", "filtered", "sender", "message"
]
SEVERITIES: dict[FailureMeaning, Severity] = {
    "dead": "dead",
    "failing": "failing",
    "no_text": "no_text",
}

CODES: dict[str, tuple[FailureMeaning, str]] = {
    # The recipient has said no: to texts, or in an app. Our channels are calls and texts: what is
    # said in an app stops texts, and calls where the policy says so, as a STOP does.
    "21610": ("opt_out", "opted out by a reply such as STOP"),
    "63014": ("opt_out", "blocked our messages, or opted out of them, in the app"),
    "63033": ("opt_out", "opted out of our messages in WhatsApp"),
    # The number.
    "21211": ("dead", "the number is not valid"),
    "21217": ("dead", "the number is not valid"),
    "30005": ("dead", "unknown destination: the number may no longer exist"),
    "30003": ("failing", "the handset cannot be reached"),
    "21214": ("failing", "the number cannot be reached by a call"),
    "21268": ("no_text", "a premium-rate or information number"),
    "21614": ("no_text", "the number is not a mobile number"),
    "21635": ("no_text", "the number is a landline"),
    "30004": ("no_text", "blocked for this number: it may be on a do-not-call list, or have "
              "replied STOP to a toll-free number"),
    "30006": ("no_text", "a landline, or a carrier that cannot be reached"),
    "60205": ("no_text", "the number is a landline"),
    # The app: whoever has no WhatsApp or RCS has a phone all the same.
    "63003": ("channel", "the app does not know this address"),
    "63024": ("channel", "not reachable in WhatsApp"),
    "63032": ("channel", "WhatsApp delivers no such message to this user"),
    "63035": ("channel", "RCS does not reach this user from our agent"),
    "63036": ("channel", "not reachable by RCS just now"),
    "63049": ("channel", "Meta chose not to deliver this marketing message"),
    "63106": ("channel", "the number has no RCS"),
    # A filter.
    "30007": ("filtered", "filtered by Twilio or the carrier"),
    "30038": ("filtered", "filtered: it holds a one-time passcode"),
    "30039": ("filtered", "filtered to prevent a loop of messages"),
    "30450": ("filtered", "blocked for a short time to prevent SMS pumping"),
    "30453": ("filtered", "held back for some hours to prevent fraud"),
    "63013": ("filtered", "against the policy of the app"),
    "63026": ("filtered", "flagged as spam in the app"),
    # Our account, our number, our permission, our region.
    "21210": ("sender", "the number that we called from is not verified"),
    "21212": ("sender", "the number that we sent from is not valid"),
    "21215": ("sender", "our account may not call this country"),
    "21216": ("sender", "Twilio does not let our account call this number"),
    "21219": ("sender", "a trial account calls verified numbers only"),
    "21267": ("sender", "a trial account has no alphanumeric sender"),
    "21401": ("sender", "our number cannot send texts"),
    "21407": ("sender", "our number cannot receive texts"),
    "21408": ("sender", "our account may not text this country"),
    "21421": ("sender", "a number of ours is not valid"),
    "21606": ("sender", "our number cannot text this destination"),
    "21608": ("sender", "a trial account texts verified numbers only"),
    "21611": ("sender", "too many messages wait for our number"),
    "21612": ("sender", "not reachable from the number that we sent from"),
    "21657": ("sender", "our sender ID is not valid there"),
    "21659": ("sender", "we sent from a number that is not Twilio's"),
    "21660": ("sender", "we sent from a number of another account"),
    "21661": ("sender", "our number cannot send texts"),
    "21703": ("sender", "our Messaging Service has no number for this destination"),
    "21704": ("sender", "our Messaging Service has no numbers"),
    "30001": ("sender", "the queue was full"),
    "30002": ("sender", "our account is suspended"),
    "30018": ("sender", "our sender ID is not registered there"),
    "30022": ("sender", "our rate limit was exceeded"),
    "30023": ("sender", "our daily limit was exceeded"),
    "30024": ("sender", "our sender ID is not provisioned with the carrier"),
    "30027": ("sender", "our daily limit with T-Mobile was reached"),
    "30032": ("sender", "our toll-free number is not verified"),
    "30033": ("sender", "our A2P 10DLC campaign is suspended"),
    "30034": ("sender", "our number is not registered for A2P 10DLC"),
    "30035": ("sender", "our number is still being configured"),
    "30037": ("sender", "our account may not send messages"),
    "30040": ("sender", "our sender ID is not registered there"),
    "30041": ("sender", "our number is not registered for the United Kingdom"),
    "30042": ("sender", "our sender ID is too generic"),
    "30454": ("sender", "our trial account has sent all that it may"),
    "63001": ("sender", "the app refused our login"),
    "63002": ("sender", "the app does not know our address"),
    "63007": ("sender", "our address belongs to no app"),
    "63008": ("sender", "the app is not set up rightly"),
    "63015": ("sender", "the app's sandbox reaches only who has joined it"),
    "63016": ("sender", "outside of the window for free-form messages: send a template"),
    "63017": ("sender", "our rate limit was exceeded"),
    "63018": ("sender", "our rate limit in the app was exceeded"),
    "63020": ("sender", "our Business Manager account has a problem"),
    "63022": ("sender", "our display name's certificate is not valid"),
    "63038": ("sender", "our daily limit was exceeded"),
    "63039": ("sender", "Facebook warns our page"),
    "63051": ("sender", "our WhatsApp account is locked"),
    "63058": ("sender", "WhatsApp does not serve this country"),
    "63109": ("sender", "our sender has moved to another account"),
    "63111": ("sender", "our sender's number was returned"),
    "63112": ("sender", "Meta has disabled our account"),
    # Only this message.
    "21265": ("message", "sent to a short code"),
    "21266": ("message", "sent from a number to itself"),
    "30008": ("message", "an unknown error"),
    "30009": ("message", "a part of the message was lost"),
    "30010": ("message", "the message was too dear"),
    "30011": ("message", "the number takes no MMS"),
    "30017": ("message", "the carrier's network was congested"),
    "30019": ("message", "the message was too large"),
    "30036": ("message", "the message expired"),
    "30410": ("message", "the carrier did not answer in time"),
    "63005": ("message", "the app did not accept the content"),
    "63006": ("message", "the content could not be formatted for the app"),
    "63009": ("message", "the app had a fault"),
    "63010": ("message", "Twilio had a fault"),
    "63011": ("message", "Twilio could not process it"),
    "63012": ("message", "the app had a fault"),
    "63019": ("message", "the media could not be fetched"),
    "63021": ("message", "the app did not accept the content"),
    "63023": ("message", "an unknown error in the app"),
    "63027": ("message", "the template does not exist in this language"),
    "63028": ("message", "the template wants another number of parameters"),
    "63029": ("message", "the template could not be fetched"),
    "63030": ("message", "a parameter does not fit the kind of message"),
    "63031": ("message", "sent from an address to itself"),
    "63034": ("message", "the media was too large"),
    "63037": ("message", "the media could not be uploaded"),
    "63040": ("message", "the template was rejected"),
    "63041": ("message", "the template is paused"),
    "63042": ("message", "the template is disabled"),
}  # fmt: skip
_UNKNOWN: tuple[FailureMeaning, str] = ("message", "no reason that we know")
# Of several codes in one field the one that stops most counts.
_MOST_SEVERE_FIRST: tuple[FailureMeaning, ...] = ("opt_out", "dead", "no_text", "failing")
_CODE = re.compile(r"(?<!\d)\d{5}(?!\d)")


@dataclass(frozen=True, slots=True)
class DeliveryFailure:
    """What an error code means.

    `code`: "" if there was none. `description`: continues "message failed: ", or for an opt-out a
    sentence about the recipient.
    """

    code: str
    meaning: FailureMeaning
    description: str

    @property
    def is_opt_out(self) -> bool:
        return self.meaning == "opt_out"

    @property
    def severity(self) -> Severity:
        """Return how bad it is for the number; "" if it says nothing about it."""
        return SEVERITIES.get(self.meaning, "")

    @property
    def evidence(self) -> str:
        """Return a sentence for a person."""
        code = f" ({self.code})" if self.code else ""
        return f"{'' if self.is_opt_out else 'message failed: '}{self.description}{code}"


def look_up(code: str, codes: Mapping[str, tuple[FailureMeaning, str]]) -> DeliveryFailure:
    """Return the meaning of another vendor's code, by that vendor's table. A code that is not in
    it says only that the message failed.

    >>> look_up("9", {"9": ("opt_out", "asked not to be texted")}).is_opt_out
    True
    >>> look_up("8", {}).severity
    ''
    """
    return DeliveryFailure(code[:60], *codes.get(code, _UNKNOWN))


def parse_error_code(text: str) -> DeliveryFailure:
    """Return the meaning of an error code of Twilio, in any spelling: "21610", "Error 21610",
    "21610.0".

    >>> parse_error_code("Error 21610").meaning
    'opt_out'
    >>> parse_error_code("30003.0").severity, parse_error_code("").severity
    ('failing', '')
    """
    codes = _CODE.findall(folded_digits(text))
    known = [code for code in codes if code in CODES]
    if not known:
        return DeliveryFailure(codes[0] if codes else "", *_UNKNOWN)
    code = min(known, key=_severity_rank)
    return DeliveryFailure(code, *CODES[code])


def _severity_rank(code: str) -> int:
    meaning = CODES[code][0]
    return (
        _MOST_SEVERE_FIRST.index(meaning)
        if meaning in _MOST_SEVERE_FIRST
        else len(_MOST_SEVERE_FIRST)
    )
