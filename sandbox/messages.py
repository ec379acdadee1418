"""A stand-in for Twilio Programmable Messaging: create a message.

https://www.twilio.com/docs/messaging/api/message-resource; error codes of its dictionary,
https://www.twilio.com/docs/api/errors, each with the message that stands there.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from aiohttp import web

from sandbox.providers.twilio import API_KEY, API_SECRET, SID, TOKEN, error
from sandbox.service import Service, answer

SERVICE = "MG" + "0" * 32
FROM = "+14155550100"
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_LONGEST = 1600  # characters of a body


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message that the service has taken, as it was asked for."""

    sid: str
    to: str
    body: str
    sender: str
    status_callback: str
    validity_period: str


class MessagesService(Service):
    """`sent`: the messages, in order. `opted_out`: numbers that replied STOP to the sender;
    `landlines`: that take no texts. `suspended`: the account is out of money. `limit`: messages
    that are taken before the account is over its rate; 0 = any number."""

    name = "messages"

    def __init__(self) -> None:
        super().__init__()
        self.logins = {SID: TOKEN, API_KEY: API_SECRET}
        self.sent: list[SentMessage] = []
        self.opted_out: set[str] = set()
        self.landlines: set[str] = set()
        self.suspended = False
        self.limit = 0

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/2010-04-01/Accounts/{account}/Messages.json", self.create)]

    async def create(self, request: web.Request) -> web.Response:
        if not self._logged_in(request.headers.get("Authorization", "")):
            return error(401, 20003, "Authenticate")
        if request.match_info["account"] != SID:
            return error(404, 20404, f"The requested resource {request.path} was not found")
        if self.suspended:
            return error(403, 20005, "Account not active")
        if self.limit and len(self.sent) >= self.limit:
            response = error(429, 20429, "Too Many Requests")
            response.headers["Retry-After"] = "1"
            return response
        form = {name: str(value) for name, value in (await request.post()).items()}
        return self._refused(form) or self._taken(form)

    def _refused(self, form: dict[str, str]) -> web.Response | None:
        to, sender = form.get("To", ""), form.get("From", "")
        service = form.get("MessagingServiceSid", "")
        if not to:
            return error(400, 21604, "A 'To' phone number is required.")
        if not (sender or service):
            return error(400, 21603, "A 'From' phone number is required.")
        if service and service != SERVICE:
            return error(400, 21701, "The Messaging Service does not exist")
        if sender and sender != FROM:
            return error(400, 21606, "The 'From' phone number provided is not a valid "
                         "message-capable Twilio phone number for this destination")  # fmt: skip
        if not form.get("Body"):
            return error(400, 21602, "Message body is required.")
        if len(form["Body"]) > _LONGEST:
            return error(400, 21617, "The concatenated message body exceeds the 1600 character "
                         "limit")  # fmt: skip
        if not _E164.fullmatch(to):
            return error(400, 21211, "Invalid 'To' Phone Number")
        if to in self.opted_out:
            return error(400, 21610, "Attempt to send to unsubscribed recipient")
        if to in self.landlines:
            return error(400, 21614, "'To' number is not a valid mobile number")
        return None

    def _taken(self, form: dict[str, str]) -> web.Response:
        sid = f"SM{uuid.uuid4().hex}"
        service = form.get("MessagingServiceSid")
        self.sent.append(
            SentMessage(
                sid, form["To"], form["Body"], service or form["From"],
                form.get("StatusCallback", ""), form.get("ValidityPeriod", ""),
            )
        )  # fmt: skip
        now = format_datetime(datetime.now(UTC))
        return answer(
            {
                "account_sid": SID, "api_version": "2010-04-01", "body": form["Body"],
                "date_created": now, "date_sent": None, "date_updated": now,
                "direction": "outbound-api", "error_code": None, "error_message": None,
                "from": None if service else form["From"], "messaging_service_sid": service,
                "num_media": "0", "num_segments": "0" if service else "1", "price": None,
                "price_unit": None if service else "USD", "sid": sid,
                "status": "accepted" if service else "queued", "subresource_uris": {},
                "to": form["To"], "uri": f"/2010-04-01/Accounts/{SID}/Messages/{sid}.json",
            },
            201,
        )  # fmt: skip

    def _logged_in(self, header: str) -> bool:
        scheme, _, coded = header.partition(" ")
        try:
            user, _, password = base64.b64decode(coded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return scheme == "Basic" and self.logins.get(user) == password
