"""What a vendor of messages or calls is to us: who signed its webhook, and what that says.

A vendor is one file in this folder that derives from `Vendor`, and a line in `vendor_registry`.
docs/adding-a-vendor.md goes through it step by step; the suite in
`tests/worker/feedback/sources/test_vendor_conformance.py` runs over every vendor that is listed.

A vendor only reads. It returns what was said in the words below; `incoming` stores it, and what
follows from it is the same for all of them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qsl

from config.settings import Settings
from connectors.http.lenient_json import clean, decode
from worker.feedback.sources.delivery_codes import DeliveryFailure
from worker.phones import facts, folded_digits
from worker.phones.single_number import number_of

Keyword = Literal["", "STOP", "START", "HELP"]
# What a vendor may have made of a message itself, by its word for it.
KEYWORDS: Mapping[str, Keyword] = {"STOP": "STOP", "START": "START", "HELP": "HELP"}
# Seconds between the date of a signed request and our clock. HubSpot and Telnyx name five minutes.
MAX_CLOCK_DIFFERENCE = 300.0
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_BARE = re.compile(r"[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
# https://www.twilio.com/docs/glossary/what-alphanumeric-sender-id: at most 11 characters.
_SENDER_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}")
# What attachments are called, by the first part of their media type.
_MEDIA = {"image": "a picture", "video": "a video", "audio": "a voice message"}
_LAYOUTS = frozenset({"application/smil", "text/x-smil"})
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,120}")


class MalformedWebhookError(ValueError):
    """A request is not what the vendor's documents describe. It is answered with 400."""


class NotAPhoneNumberError(ValueError):
    """A message from a short code, a name or an app's id: no number that a contact could have.
    The sender is told that it has arrived, and nothing is kept."""


class ForgedWebhookError(ValueError):
    """A signature is missing, wrong or too old. It is answered with 403."""


class NotConfiguredError(ValueError):
    """The secret that a signature is checked with is not set. The sender is told 503, and most
    vendors try again then."""


class Proof(Enum):
    """How much of a request its signature proves.

    `SENDER`: only that the sender knows the secret. Whoever has seen one such request can write
    another one, so nothing that it says ever lifts a suppression (`incoming`).
    """

    BODY = "body"
    SENDER = "sender"


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    """A webhook as it came.

    `url`: the address that the vendor called, with its query, as the vendor knows it (PUBLIC_URL).
    `headers`: names in small letters. `at`: when it came, by the real clock, in seconds since 1970.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def is_json(self) -> bool:
        return "json" in self.headers.get("content-type", "").lower()

    def form(self) -> list[tuple[str, str]]:
        """Return the parameters of a form, in order. Raises `MalformedWebhookError`."""
        try:
            return parse_qsl(self.body.decode("ascii"), keep_blank_values=True, max_num_fields=200)
        except (UnicodeDecodeError, ValueError):
            raise MalformedWebhookError("The body is not a form.") from None

    def json(self) -> dict[str, Any]:
        """Return the body's JSON object. Raises `MalformedWebhookError`."""
        try:
            document = decode(self.body)
        except ValueError:
            raise MalformedWebhookError("The body is not JSON.") from None
        if not isinstance(document, dict):
            raise MalformedWebhookError("The body is not a JSON object.")
        return document

    def parameters(self) -> dict[str, str]:
        """Return the parameters of a form, also of one that came as a JSON object: a value that is
        neither text nor a number is no parameter. Raises `MalformedWebhookError`."""
        if not self.is_json:
            return {name: clean(value) for name, value in self.form()}
        return {
            name: str(value)
            for name, value in self.json().items()
            if isinstance(value, (str, int, float)) and not isinstance(value, bool)
        }


# -- what a request may say ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InboundText:
    """A message from a person.

    `key`: idempotency key, made of the vendor's id of the message. `source`: ends with " sms": the
    policy about a STOP by text goes by that. `keyword`: what the vendor itself made of the text,
    which then counts; "" = read it. `partial`: one part of a longer message, of which the other
    parts come alone, or a button, whose words are ours: it may stop, but lifts nothing. `app`:
    "whatsapp" or another that it came by; "" = SMS. `subject`: of an MMS: a phone may write "No
    subject" there, and a person all that they have to say. `unread`: what it holds whose words we
    cannot read, such as "a picture": a person looks at it, unless the words beside it are clear.
    """

    number: str
    key: str
    source: str
    text: str
    keyword: Keyword = ""
    partial: bool = False
    app: str = ""
    subject: str = ""
    unread: str = ""

    @property
    def words(self) -> str:
        """The subject and the text."""
        return joined_words(self.subject, self.text)


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """What became of a message that we sent: it arrived, or `failure` says why it did not. Neither:
    it is on its way. `at`: when, if the vendor says so."""

    number: str
    key: str
    vendor: str
    delivered: bool = False
    failure: DeliveryFailure | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyPress:
    """Keys that a person pressed during a call, to which they were asked."""

    number: str
    key: str
    source: str
    digits: str


@dataclass(frozen=True, slots=True)
class Disposition:
    """What an agent logged for a call: its disposition, outcome or tag, in their own words. It is
    read by the same settings as the outcomes of calls in a CRM."""

    number: str
    key: str
    vendor: str
    outcome: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OptOut:
    """A refusal that the vendor keeps in a list of its own. `channels`: "call", "text", both joined
    by a space; "" is both."""

    number: str
    key: str
    source: str
    channels: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """One of several entries is not as documented: the others are kept, and the sender is told
    400."""

    reason: str


Event = InboundText | DeliveryStatus | KeyPress | Disposition | OptOut | Unreadable


@dataclass(frozen=True, slots=True)
class Answer:
    """What the vendor is answered once everything is stored."""

    status: int = 204
    body: str = ""
    media_type: str = ""


class Vendor(ABC):
    """A vendor whose webhooks we take. Derive from it, and set or write:

    - `name`: in the addresses, in the keys and sources of reports; small letters.
    - `label`: as a person knows it.
    - `variable`: the environment variable that turns it on.
    - `paths`: what it may call, `/webhooks/NAME/PATH`, with a summary for the API's reference.
      `sms` takes messages, `status` what became of ours, `voice` keys pressed in a call, `call`
      what agents logged. A vendor that has one address for everything gets the same events read
      at each of its paths.
    - `require_signed`: who sent it.
    - `read`: what it says.
    - `answer`: only if the vendor wants another answer than 204.

    A key of an event begins with the vendor's name and holds the vendor's own id of the message or
    call, so that a request counts once, however often it is sent.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    variable: ClassVar[str]
    paths: ClassVar[Mapping[str, str]]

    @abstractmethod
    def require_signed(self, settings: Settings, request: IncomingRequest) -> Proof:
        """Return how much of the request is proven to be the vendor's.

        Raises `NotConfiguredError` without a secret, `ForgedWebhookError` for anybody else's
        request and one that is too old, `MalformedWebhookError` where nothing can be checked.
        Compare with `same`, never with `==`.
        """

    @abstractmethod
    def read(self, path: str, request: IncomingRequest) -> Iterable[Event]:
        """Return what a request says, in any order. What means nothing to us is left out.

        Unknown fields are ignored. Raises `MalformedWebhookError` for a request that is not as
        documented, `NotAPhoneNumberError` for one that is about no phone number. Where a request
        holds several entries, use `read_each`, so that one bad entry loses none of the others.
        """

    def answer(self, path: str, events: Iterable[Event], settings: Settings) -> Answer:
        """Return the answer to a request that was stored."""
        return Answer()

    def is_configured(self, settings: Settings) -> bool:
        """Return whether its secret is set."""
        return getattr(settings, self.name, None) is not None


# -- what vendors' files share ---------------------------------------------------------------


def same(given: str, expected: str) -> bool:
    """Compare a signature or secret in constant time."""
    return hmac.compare_digest(given.encode(), expected.encode())


def require_recent(
    timestamp: float, request: IncomingRequest, tolerance: float = MAX_CLOCK_DIFFERENCE
) -> None:
    """Raise `ForgedWebhookError` for a request that is dated (seconds since 1970) longer ago than
    `tolerance`, or ahead of our clock: else it could be sent again until then.

    A vendor that repeats a request for hours, and may not date it again, needs a tolerance as long
    as that: a STOP that waited for us must count. Whatever comes twice counts once anyway.
    """
    age = request.at - timestamp
    if not -MAX_CLOCK_DIFFERENCE <= age <= tolerance:
        raise ForgedWebhookError("The request is too old, or dated ahead of our clock.")


def seconds_of(text: str) -> float:
    """Read seconds since 1970. Raises `ForgedWebhookError`."""
    if not re.fullmatch(r"[0-9]{1,12}", text, re.ASCII):
        raise ForgedWebhookError("The request is not dated.")
    return float(text)


def phone_number(text: object, name: str, bare: bool = False) -> str:
    """Return a number in E.164.

    `bare`: the vendor writes numbers without the plus. Digits of another script are folded to 0-9,
    so that no opt-out is lost and nothing else is ever stored. Raises `NotAPhoneNumberError` for a
    short code or a name, otherwise `MalformedWebhookError`.

    >>> phone_number("+14155552671", "From"), phone_number("14155552671", "from", bare=True)
    ('+14155552671', '+14155552671')
    """
    number = folded_digits(text.strip()) if isinstance(text, str) else ""
    if bare and _BARE.fullmatch(number) and facts(f"+{number}").possible:
        return f"+{number}"
    if _SHORT_CODE.fullmatch(number) or _SENDER_NAME.fullmatch(number):
        raise NotAPhoneNumberError(f"{name} is a short code or a name")
    if not _E164.fullmatch(number) or not facts(number).possible:
        raise MalformedWebhookError(f"{name} is not a phone number")
    return number


def spelt_number(text: object, name: str) -> str:
    """Return a number that is written for people ("+1 800-555-0123"), in E.164. Raises
    `NotAPhoneNumberError` for a caller without a number, otherwise `MalformedWebhookError`."""
    if not isinstance(text, str) or not text.strip():
        raise MalformedWebhookError(f"{name} is missing")
    if text.strip().lower() in ("anonymous", "unknown", "private", "restricted"):
        raise NotAPhoneNumberError(f"{name} is not shown")
    bare = folded_digits(text.strip())
    number = number_of(f"+{bare}" if _BARE.fullmatch(bare) else text)
    if number is None or not facts(number).possible:
        raise MalformedWebhookError(f"{name} is not a phone number")
    return number


def message_id(value: object, name: str) -> str:
    """Return a vendor's id of a message or call. Who signed the request may give it any shape: no
    STOP is refused for that. Raises `MalformedWebhookError` where it is missing."""
    text = text_of(value)
    if not text:
        raise MalformedWebhookError(f"{name} is missing")
    if _ID.fullmatch(text):
        return text
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def object_of(value: object, name: str) -> Mapping[str, Any]:
    """Return an object inside of JSON. Raises `MalformedWebhookError`."""
    if not isinstance(value, dict):
        raise MalformedWebhookError(f"{name} is not an object")
    return value


def text_of(value: object) -> str:
    """Return a text or a number as text, and "" for anything else."""
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def joined_words(*parts: object) -> str:
    """Return the words of several fields of a message, each on a line of its own, once."""
    return "\n".join(dict.fromkeys(filter(str.strip, map(text_of, parts))))


def unread_media(words: str, media_types: Iterable[object]) -> str:
    """Return what of these attachments we cannot read: `InboundText.unread`.

    `words`: those that came with them; without any, an attachment is all that somebody said. A
    phone may send the words themselves as an attachment of plain text. The layout of an MMS
    (application/smil) says nothing.

    >>> unread_media("", ["application/smil", "image/gif"]), unread_media("Thanks", ["image/gif"])
    ('a picture', '')
    >>> unread_media("Re: your offer", ["text/plain"])
    'a file of text'
    """
    names = [text_of(entry).partition(";")[0].strip().lower() for entry in media_types]
    if "text/plain" in names:
        return "a file of text"
    if words.strip():
        return ""
    for name in names:
        if name not in _LAYOUTS:
            return _MEDIA.get(name.partition("/")[0], "a file")
    return ""


def time_of(value: object) -> datetime | None:
    """Read an ISO 8601 date, or seconds since 1970; None for anything else."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)


def read_each(
    entries: object, name: str, read_one: Callable[[Any], Event | None]
) -> Iterator[Event]:
    """Read the entries of a list one by one: a bad one is `Unreadable`, the others are kept."""
    if not isinstance(entries, list):
        raise MalformedWebhookError(f"{name} is not a list")
    for entry in entries:
        try:
            event = read_one(entry)
        except NotAPhoneNumberError:
            continue
        except MalformedWebhookError as error:
            event = Unreadable(str(error))
        if event is not None:
            yield event
