"""Texts by Twilio: https://www.twilio.com/docs/messaging/api/message-resource ("Create a Message").

`POST /2010-04-01/Accounts/{AccountSid}/Messages.json` with a form answers 201 and the message,
whose `sid` is kept. Errors are JSON with `code`, `message` and `status`; codes:
https://www.twilio.com/docs/api/errors. 429 is error 20429: nothing was created
(https://www.twilio.com/docs/api/errors/20429). What becomes of a message later comes by
`StatusCallback` to /webhooks/twilio/status.

Written by these pages, and not tried with an account.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, ClassVar

import orjson
import requests

from config.settings import Settings
from connectors.http.client import retry_after
from connectors.http.deadline import session, whole_call
from connectors.http.no_answer import never_sent
from worker.asking.model import AskChannel
from worker.asking.senders.base import Message, Result, Sender, Taken
from worker.feedback.sources.delivery_codes import FailureMeaning, parse_error_code

_CONNECT, _READ, _WHOLE = 5.0, 15.0, 30.0  # seconds
_MOST_BYTES = 256 * 1024  # of an answer
_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
# Seconds that a message may wait in Twilio's queue: 1 to 36,000, formerly 14,400 (ValidityPeriod).
_SHORTEST, _LONGEST = 1, 14_400
_OF_RECIPIENT: tuple[FailureMeaning, ...] = ("opt_out", "dead", "no_text", "failing")


class TwilioSms(Sender):
    channel: ClassVar[AskChannel] = "text"
    vendor: ClassVar[str] = "twilio"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._session = session()

    @classmethod
    def problem(cls, settings: Settings) -> str:
        account = settings.twilio
        if account is None or not account.account_sid:
            return "set TWILIO_ACCOUNT_SID, with TWILIO_AUTH_TOKEN or an API key"
        if not (account.messaging_service_sid or account.from_number):
            return "set TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM_NUMBER, to send texts"
        return ""

    def send(self, message: Message) -> Result:
        account = self.settings.twilio
        assert account is not None, "`problem` is asked first"
        seconds = int(message.valid_for.total_seconds())
        form = {
            "To": message.to,
            "Body": message.text,
            "StatusCallback": f"{self.settings.public_url}/webhooks/twilio/status",
            "ValidityPeriod": str(min(_LONGEST, max(_SHORTEST, seconds))),
        }
        if account.messaging_service_sid:
            form["MessagingServiceSid"] = account.messaging_service_sid
        else:
            form["From"] = account.from_number
        url = f"{account.api_url}/2010-04-01/Accounts/{account.account_sid}/Messages.json"
        try:
            with whole_call(_WHOLE), self._session.post(
                url, data=form, auth=account.login, timeout=(_CONNECT, _READ),
                allow_redirects=False, stream=True,
            ) as response:  # fmt: skip
                body = response.raw.read(_MOST_BYTES, decode_content=True)
        except Exception as error:  # of requests, urllib3 or the socket
            return _no_answer(error)
        return _result(response, _json(body))

    def close(self) -> None:
        self._session.close()


def _no_answer(error: Exception) -> Result:
    if never_sent(error):
        return Result(Taken.NOT_SENT, problem="Twilio was not reached", wait=timedelta(minutes=1))
    return Result(Taken.UNCERTAIN, problem=f"Twilio gave no answer ({type(error).__name__})")


def _result(response: requests.Response, data: Any) -> Result:
    status = response.status_code
    answer = data if isinstance(data, dict) else {}
    if 200 <= status < 300:
        sid = str(answer.get("sid", ""))
        if _SID.fullmatch(sid):
            return Result(Taken.SENT, sid)
        return Result(Taken.UNCERTAIN, problem="Twilio's answer cannot be read")
    if status >= 500:
        return Result(Taken.UNCERTAIN, problem=f"Twilio has a fault (HTTP {status})")
    if status == 429:
        seconds = retry_after(response.headers.get("Retry-After")) or 10.0
        wait = timedelta(seconds=min(seconds, 3600.0))
        return Result(Taken.NOT_SENT, problem="Twilio asks us to slow down", wait=wait)
    code = answer.get("code")
    if status != 400 or not isinstance(code, int):
        return Result(Taken.NOT_SENT, problem=_blocked(status, code), blocked=True)
    failure = parse_error_code(str(code))
    if failure.meaning in _OF_RECIPIENT:
        return Result(Taken.REFUSED, problem=f"Twilio: {failure.evidence}", failure=failure)
    if failure.meaning == "sender":
        problem = f"Twilio refuses our messages: {failure.evidence}"
        return Result(Taken.NOT_SENT, problem=problem, blocked=True)
    return Result(Taken.REFUSED, problem=f"Twilio refused a message (error {code})")


def _blocked(status: int, code: object) -> str:
    if status in (401, 403):
        return f"Twilio does not accept our credentials (HTTP {status}); check TWILIO_ACCOUNT_SID"
    named = f", error {code}" if isinstance(code, int) else ""
    return f"Twilio refuses our calls (HTTP {status}{named}); check TWILIO_API_URL and the account"


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        return None
