"""NumVerify (APILayer): line type and carrier of numbers worldwide.

It has three hosts. apilayer.net/api and api.apilayer.net/numverify take the key as `access_key` in
the query; api.apilayer.com/number_verification takes it in the header `apikey`. Sources:
https://numverify.com/documentation (the first host, forms, error codes),
https://docs.apilayer.com/numverify/docs/api-key-authentication and
https://docs.apilayer.com/apilayer/docs/getting-started-6 (the second),
https://marketplace.apilayer.com/number_verification-api (the third, whose gateway answers 401 and
429 by itself). Errors come as HTTP 200 with `success: false` and a code. APILayer's newer services
have a name instead of the code, and a status of their own; these are read as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import orjson

from config.credentials import NumVerifyCredentials
from config.verification import CheckLevel
from connectors.http.client import RetryableError
from worker.phones import LineType
from worker.verification.errors import (
    AmbiguousResultError,
    CredentialsRejectedError,
    CreditExhaustedError,
    ProviderError,
    UnavailableError,
)
from worker.verification.http_client import (
    ProviderClient,
    Response,
    guards_response,
    json_object,
    raise_for_status_code,
    text,
    with_path,
)
from worker.verification.models import AccountStatus, Answer, Product, Question

# The Basic plan at its list price, 14.99 USD for 5,000 lookups.
_PRODUCT = Product("validate", Decimal("0.003"))
_KINDS: dict[str, LineType] = {
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
    404: "does not know this address: is NUMVERIFY_URL right?",
}
_RESTRICTED, _USED_UP, _TOO_FAST, _NO_NUMBER = 105, 104, 106, 210
# 105 stands for two things, which its `type` tells apart.
_HTTPS = (
    "take a plan with https, or a key of "
    "https://api.apilayer.com/number_verification and set NUMVERIFY_URL to that"
)
_NO_HTTPS = f"says that your plan has no https (105): {_HTTPS}"
_NO_FUNCTION = (
    f"does not sell this function with our plan (105). Where your plan has no https: {_HTTPS}"
)
_BY_TYPE = {
    "missing_access_key": 101,
    "invalid_access_key": 101,
    "inactive_user": 102,
    "invalid_api_function": 103,
    "usage_limit_reached": 104,
    "https_access_restricted": 105,
    "function_access_restricted": 105,
    "rate_limit_reached": 106,
    "404_not_found": 404,
    "no_phone_number_provided": 210,
    "non_numeric_phone_number_provided": 211,
    "invalid_country_code": 310,
}
_LEFT = ("x-ratelimit-remaining-month", "x-quota-remaining")


class NumVerifyProvider:
    name = "numverify"
    label = "NumVerify"
    local = False
    batch = 1

    def __init__(self, credentials: NumVerifyCredentials, client: ProviderClient) -> None:
        self._client = client
        by_header = urlsplit(credentials.url).path.rstrip("/").endswith("/number_verification")
        self._headers = {"apikey": credentials.access_key} if by_header else {}
        self._query = {} if by_header else {"access_key": credentials.access_key}

    def product(self, check_level: CheckLevel) -> Product | None:
        return _PRODUCT if check_level == "line_type" else None

    def supports(self, question: Question, check_level: CheckLevel) -> bool:
        return True

    @guards_response
    def ask(self, questions: Sequence[Question], check_level: CheckLevel) -> list[Answer]:
        return [self._one(question) for question in questions]

    @guards_response
    def check(self) -> AccountStatus:
        """Check the key, at no cost: without a number, an accepted key gets the error that there is
        none."""
        reply = self._call({}, paid=False)
        if (_error(reply) or (0, ""))[0] != _NO_NUMBER:
            _judge(reply)
        return AccountStatus(_left(reply))

    def close(self) -> None:
        self._client.close()

    def send(
        self, method: str, path: str, login: bool = True, paid: bool = False, **options: Any
    ) -> Response:
        """Make a call and return its answer, whatever its status (`probe`)."""
        params = {**(self._query if login else {}), **options.pop("params", {})}
        headers = self._headers if login else {}
        return self._client.call(
            method, path, lookups=0, paid=paid, params=params, headers=headers, **options
        )

    def _one(self, question: Question) -> Answer:
        reply = self._call({"number": question.number.removeprefix("+")}, paid=True)
        _judge(reply)
        data = json_object(reply)
        valid = data.get("valid")
        if not isinstance(valid, bool) or not _same(data.get("number"), question.number):
            raise AmbiguousResultError("gave an answer that cannot be read")
        raw_answer = {
            key: data.get(key) for key in ("valid", "country_code", "carrier", "line_type")
        }
        return Answer(
            number=question.number,
            verdict="valid" if valid else "invalid",
            line_type=_KINDS.get(str(data.get("line_type")), "unknown"),
            carrier=text(data.get("carrier")),
            country=text(data.get("country_code"), 2),
            detail="" if valid else "is not a number that exists",
            raw_answer=orjson.dumps(raw_answer).decode(),
        )

    def _call(self, query: dict[str, str], paid: bool) -> Response:
        return self._client.call(
            "GET",
            "/validate",
            lookups=1 if paid else 0,
            paid=paid,
            judge=_later,
            params={**self._query, **query},
            headers=self._headers,
        )


_PATHS = {"api.apilayer.com": "/number_verification", "api.apilayer.net": "/numverify"}


def base_url(url: str) -> str:
    """Return the address below which `validate` lies. A host alone gets the path that
    it has there.

    >>> base_url("https://api.apilayer.com"), base_url("http://127.0.0.1:9000")
    ('https://api.apilayer.com/number_verification', 'http://127.0.0.1:9000/api')
    >>> base_url("https://api.apilayer.net"), base_url("https://apilayer.net/api/validate")
    ('https://api.apilayer.net/numverify', 'https://apilayer.net/api')
    """
    url = url.rstrip("/").removesuffix("/validate")
    return with_path(url, _PATHS.get(urlsplit(url).hostname or "", "/api"))


def _same(answered: Any, number: str) -> bool:
    return str(answered or "").lstrip("+") == number.lstrip("+")


def _error(reply: Response) -> tuple[int, str] | None:
    """Return code and type of an error, whatever its status; 0 if it has no code, None if it is no
    error.

    In the newer form the code is the type, and there is no `success`.
    """
    data = reply.data if isinstance(reply.data, dict) else {}
    error = data.get("error")
    if data.get("success") is not False and not (isinstance(error, dict) and "valid" not in data):
        return None
    details = error if isinstance(error, dict) else {}
    code, kind = str(details.get("code", "")), text(details.get("type"))
    if code.isdecimal():
        return int(code), kind
    kind = code or kind
    return _BY_TYPE.get(kind, 0), kind


def _later(reply: Response) -> None:
    """Return what the usual reading of a status would miss: a quota behind a 429, a limit behind a
    200."""
    message = text(reply.data.get("message")) if isinstance(reply.data, dict) else ""
    code, _kind = _error(reply) or (0, "")
    if code == _USED_UP or (reply.status == 429 and ("month" in message or "quota" in message)):
        raise CreditExhaustedError("says that this month's lookups are used up (104)")
    if code == _TOO_FAST:
        raise RetryableError("asks us to slow down (106)")


def _judge(reply: Response) -> None:
    error = _error(reply)
    if error is not None and (error[0] or reply.status == 200):
        raise _problem(*error)
    message = text(reply.data.get("message")) if isinstance(reply.data, dict) else ""
    raise_for_status_code(reply, message)


def _problem(code: int, kind: str) -> ProviderError:
    if code == _RESTRICTED:
        no_https = kind == "https_access_restricted"
        return CredentialsRejectedError(_NO_HTTPS if no_https else _NO_FUNCTION)
    if code in _REFUSED:
        return CredentialsRejectedError(f"{_REFUSED[code]} ({code})")
    return UnavailableError(f"answered with error {code or kind or 'without a code'}")


def _left(reply: Response) -> int | None:
    for name in _LEFT:
        value = reply.headers.get(name, "")
        if value.isdigit():
            return int(value)
    return None
