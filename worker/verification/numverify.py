"""NumVerify (APILayer): kind of line and carrier of numbers worldwide.

It has two hosts: apilayer.net, which takes the key as `access_key` in the query, and
api.apilayer.com/number_verification, which takes it in the header `apikey`. Sources: its
documentation (forms, error codes); the gateway of the second host answers 401 and 429 by itself.
Its errors come as HTTP 200 with `success: false`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import orjson

from config.settings import NumVerifyCredentials
from config.verification import Depth
from connectors.calls import TryAgainError
from worker.phones import Kind
from worker.verification.base import (
    Account,
    Answer,
    LostError,
    NoCreditError,
    Offer,
    ProviderError,
    Question,
    RefusedError,
    UnavailableError,
)
from worker.verification.http import (
    Door,
    Reply,
    readable,
    refused_by_status,
    text,
    whole,
    with_path,
)

# The Basic plan at its list price, 14.99 USD for 5,000 lookups.
_OFFER = Offer("validate", Decimal("0.003"))
_KINDS: dict[str, Kind] = {
    "mobile": "mobile",
    "landline": "landline",
    "voip": "voip",
    "toll_free": "toll_free",
    "premium_rate": "premium",
    "paging": "pager",
    "satellite": "other",
    "special_services": "other",
}
_REFUSED = {
    101: "does not accept our key",
    102: "says that our account is not active",
    103: "does not know this function: is NUMVERIFY_URL right?",
    105: "does not sell this with our plan",
    404: "does not know this address: is NUMVERIFY_URL right?",
}
_USED_UP, _TOO_FAST, _NO_NUMBER = 104, 106, 210
_LEFT = ("x-ratelimit-remaining-month", "x-quota-remaining")


class NumVerifyProvider:
    name = "numverify"
    label = "NumVerify"
    local = False
    batch = 1

    def __init__(self, credentials: NumVerifyCredentials, door: Door) -> None:
        self._door = door
        by_header = urlsplit(credentials.url).path.rstrip("/").endswith("/number_verification")
        self._headers = {"apikey": credentials.access_key} if by_header else {}
        self._query = {} if by_header else {"access_key": credentials.access_key}

    def offers(self, depth: Depth) -> Offer | None:
        return _OFFER if depth == "line_type" else None

    def suits(self, question: Question, depth: Depth) -> bool:
        return True

    @readable
    def ask(self, questions: Sequence[Question], depth: Depth) -> list[Answer]:
        return [self._one(question) for question in questions]

    @readable
    def check(self) -> Account:
        """Without a number it says, for nothing, that there is none: with a key that it takes."""
        reply = self._call({}, paid=False)
        if _error(reply) != _NO_NUMBER:
            _judge(reply)
        return Account(_left(reply))

    def close(self) -> None:
        self._door.close()

    def _one(self, question: Question) -> Answer:
        reply = self._call({"number": question.number.removeprefix("+")}, paid=True)
        _judge(reply)
        data = whole(reply)
        valid = data.get("valid")
        if not isinstance(valid, bool) or not _same(data.get("number"), question.number):
            raise LostError("gave an answer that cannot be read")
        kept = {key: data.get(key) for key in ("valid", "country_code", "carrier", "line_type")}
        return Answer(
            number=question.number,
            verdict="valid" if valid else "invalid",
            line_type=_KINDS.get(str(data.get("line_type")), "unknown"),
            carrier=text(data.get("carrier")),
            country=text(data.get("country_code"), 2),
            detail="" if valid else "is not a number that exists",
            words=orjson.dumps(kept).decode(),
        )

    def _call(self, query: dict[str, str], paid: bool) -> Reply:
        return self._door.call(
            "GET",
            "/validate",
            lookups=1 if paid else 0,
            paid=paid,
            judge=_later,
            params={**self._query, **query},
            headers=self._headers,
        )


def base_url(url: str) -> str:
    """Where `validate` lies: a host alone is given the path that it has there.

    >>> base_url("https://api.apilayer.com"), base_url("http://127.0.0.1:9000")
    ('https://api.apilayer.com/number_verification', 'http://127.0.0.1:9000/api')
    """
    gateway = urlsplit(url).hostname == "api.apilayer.com"
    return with_path(url, "/number_verification" if gateway else "/api")


def _same(said: Any, number: str) -> bool:
    return str(said or "").lstrip("+") == number.lstrip("+")


def _error(reply: Reply) -> int | None:
    """The code of an error, which comes with HTTP 200; None where there is none."""
    if not isinstance(reply.data, dict) or reply.data.get("success") is not False:
        return None
    error = reply.data.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) else 0


def _later(reply: Reply) -> None:
    """What the usual reading of a status would miss: a quota behind a 429, a limit behind a 200."""
    said = text(reply.data.get("message")) if isinstance(reply.data, dict) else ""
    if reply.status == 429 and ("month" in said or "quota" in said):
        raise NoCreditError("says that this month's lookups are used up")
    if _error(reply) == _TOO_FAST:
        raise TryAgainError("asks us to slow down (106)")


def _judge(reply: Reply) -> None:
    said = text(reply.data.get("message")) if isinstance(reply.data, dict) else ""
    refused_by_status(reply, said)
    code = _error(reply)
    if code is None:
        return
    raise _problem(code)


def _problem(code: int) -> ProviderError:
    if code in _REFUSED:
        return RefusedError(f"{_REFUSED[code]} ({code})")
    if code == _USED_UP:
        return NoCreditError("says that this month's lookups are used up (104)")
    return UnavailableError(f"answered with error {code}")


def _left(reply: Reply) -> int | None:
    for name in _LEFT:
        value = reply.headers.get(name, "")
        if value.isdigit():
            return int(value)
    return None
