"""Twilio Lookup v2: line type and carrier, whether the line is in service, reassigned numbers.

Sources: Twilio's OpenAPI document of Lookup v2 (paths, the batch query, forms), its pages on line
type intelligence, line status and reassigned numbers (values, prices), its error dictionary. An
invalid number comes as HTTP 200 with `valid: false`; a package that could not be asked as an
`error_code` beside HTTP 200.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import orjson

from config.credentials import TwilioCredentials
from config.verification import CheckLevel
from worker.phones import LineType, facts
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
    raise_for_intermediary,
    raise_for_status_code,
    text,
)
from worker.verification.models import AccountStatus, Answer, Live, Product, Question, Verdict

log = logging.getLogger(__name__)

# List prices in USD of one lookup.
_PRODUCTS: dict[CheckLevel, Product] = {
    "format": Product("validation", Decimal(0)),
    "line_type": Product("line_type_intelligence", Decimal("0.008")),
    "live": Product("line_status", Decimal("0.007")),
    "reassigned": Product("reassigned_number", Decimal("0.02")),
}
_KINDS: dict[str, LineType] = {
    "landline": "landline",
    "mobile": "mobile",
    "fixedVoip": "voip",
    "nonFixedVoip": "voip",
    "personal": "other",
    "tollFree": "toll_free",
    "premium": "premium",
    "sharedCost": "other",
    "uan": "other",
    "voicemail": "other",
    "pager": "pager",
}
_LIVES: dict[str, Live] = {
    "active": "active",
    "reachable": "reachable",
    "unreachable": "unreachable",  # switched off or out of reach just now: a good number
    "inactive": "inactive",
}
_INVALID = {
    "TOO_SHORT": "is too short",
    "TOO_LONG": "is too long",
    "INVALID_LENGTH": "has a wrong number of digits",
    "INVALID_COUNTRY_CODE": "has a country code that does not exist",
    "INVALID_BUT_POSSIBLE": "is in no range that its country has given out",
    "NOT_A_NUMBER": "is not a phone number",
}
# Lookup's own codes, each with a page at https://www.twilio.com/docs/api/errors/CODE; regions:
# https://www.twilio.com/docs/lookup/using-lookup-with-twilio-regions. Nothing is charged for them.
# What a package cannot tell of this number, for a person: goes on from "this number".
_REGION = (
    "set TWILIO_LOOKUP_URL to https://lookups.dublin.ie1.twilio.com, with an API key of that region"
)
_UNKNOWN = {
    60600: "is given to no carrier that Twilio knows, or lies outside of its coverage (60600)",
    60601: "is Canadian, for which Twilio wants an approval of its own: apply to the CLNPC (60601)",
    60607: "is of a country for which Twilio does not sell this lookup (60607)",
    60610: "lies outside of Twilio's coverage for this lookup (60610)",
    60612: "is not a mobile number, as this lookup needs (60612)",
    60614: f"must be asked about in Twilio's region IE1 (60614): {_REGION}",
    60619: "cannot be asked about in the Twilio region that we ask (60619): use the host and the "
    "API key of a region that has this lookup",
}
# What passes by itself: the number is asked about again.
_LATER = frozenset({60608, 60613})
# Of the account: what it says, and what to do.
_ACCOUNT = {
    60606: "has the package {package} not enabled for this account (60606): most packages but "
    "line_type_intelligence want a registration (docs/verification.md)",
    60609: "has the package {package} not enabled for this account (60609): ask Twilio's sales",
    60622: "is asked with test credentials, which know Twilio's magic numbers alone (60622): use "
    "those of your live account",
    60699: "has turned Lookup off for this account (60699): write to Twilio's support",
}
_USED_UP = {
    20005: "says that the account is suspended (20005): top it up",
    60611: "says that the package's quota is reached (60611): write to Twilio's support",
}
_TOO_FAST = frozenset({20429, 60616, 60624})
_PROBE = "+14159929960"  # Twilio's own example; a lookup without packages is free
# What refuses our key, or passes by itself, says nothing of the batch query's path.
_NO_LOGIN = 20003
_PASSES = frozenset({401, 402, 407, 408, 409, 423, 425, 429})


class TwilioProvider:
    name = "twilio"
    label = "Twilio Lookup"
    local = False

    def __init__(self, credentials: TwilioCredentials, client: ProviderClient, batch: int) -> None:
        self.batch = batch
        self._login = credentials.login
        self._client = client

    def product(self, check_level: CheckLevel) -> Product | None:
        return _PRODUCTS.get(check_level)

    def supports(self, question: Question, check_level: CheckLevel) -> bool:
        if check_level == "reassigned":  # for US numbers only
            return question.since is not None and facts(question.number).region == "US"
        return True

    @guards_response
    def ask(self, questions: Sequence[Question], check_level: CheckLevel) -> list[Answer]:
        if len(questions) > 1 and self.batch > 1:
            reply = self._batch(questions, check_level)
            if not _refuses_batch(reply):
                return self._many(reply, questions, check_level)
            self.batch = 1  # this account has no batch query: one by one from now on
            log.info("twilio: no batch query (HTTP %d); numbers are asked one by one", reply.status)
        answers: list[Answer] = []
        for question in questions:
            try:
                answer = self._one(question, check_level)
            except ProviderError as error:
                error.after(answers, question)
                raise
            if answer is not None:
                answers.append(answer)
        return answers

    @guards_response
    def check(self) -> AccountStatus:
        reply = self._client.call(
            "GET", f"/v2/PhoneNumbers/{quote(_PROBE)}", lookups=0, paid=False, auth=self._login
        )
        _judge(reply)
        return AccountStatus()

    def close(self) -> None:
        self._client.close()

    def send(
        self, method: str, path: str, login: bool = True, paid: bool = False, **options: Any
    ) -> Response:
        """Make a call and return its answer, whatever its status (`probe`)."""
        auth = self._login if login else None
        return self._client.call(method, path, lookups=0, paid=paid, auth=auth, **options)

    # -- asking --------------------------------------------------------------------------

    @guards_response
    def _one(self, question: Question, check_level: CheckLevel) -> Answer | None:
        params = {}
        if check_level != "format":
            params["Fields"] = _PRODUCTS[check_level].package
        if question.since is not None and check_level == "reassigned":
            params["LastVerifiedDate"] = f"{question.since:%Y%m%d}"
        reply = self._client.call(
            "GET",
            f"/v2/PhoneNumbers/{quote(question.number)}",
            params=params,
            auth=self._login,
            paid=check_level != "format",
        )
        if reply.status != 200 and (code := _code(reply.data)) in _UNKNOWN:
            return _unknown(code, question, check_level)
        if reply.status == 404:
            raise_for_intermediary(reply)
            return None
        _judge(reply, check_level)
        return _answer(json_object(reply), question, check_level)

    def _batch(self, questions: Sequence[Question], check_level: CheckLevel) -> Response:
        entries = []
        for place, question in enumerate(questions):
            entry: dict[str, Any] = {"correlation_id": str(place), "phone_number": question.number}
            if check_level != "format":
                entry["fields"] = [_PRODUCTS[check_level].package]
            if question.since is not None and check_level == "reassigned":
                entry["reassigned_number"] = {"last_verified_date": f"{question.since:%Y%m%d}"}
            entries.append(entry)
        return self._client.call(
            "POST",
            "/v2/batch/query",
            lookups=len(questions),
            paid=check_level != "format",
            json={"phone_numbers": entries},
            auth=self._login,
        )

    def _many(
        self, reply: Response, questions: Sequence[Question], check_level: CheckLevel
    ) -> list[Answer]:
        _judge(reply, check_level)
        entries = json_object(reply).get("phone_numbers")
        if not isinstance(entries, list):
            raise AmbiguousResultError("gave an answer that cannot be read")
        known = [entry for entry in entries if isinstance(entry, dict)]
        by_id: dict[str, Any] = {str(row.get("correlation_id")): row for row in known}
        for row in known:  # two answers to one question are none
            if by_id.get(str(row.get("correlation_id"))) != row:
                by_id.pop(str(row.get("correlation_id")), None)
        answers: list[Answer] = []
        problem: ProviderError | None = None
        for place, question in enumerate(questions):
            entry = by_id.get(str(place))
            if entry is None or entry.get("phone_number") not in (None, question.number):
                continue
            try:
                answer = _answer_row(entry, question, check_level)
            except ProviderError as error:
                problem = problem or error
                continue
            if answer is not None:
                answers.append(answer)
        if problem is not None:
            raise problem.after(answers)
        return answers


def _refuses_batch(reply: Response) -> bool:
    """Return whether an answer to the batch query says that there is none, or not in this form:
    nothing was carried out or charged, and it says nothing about any number. The path is in
    Twilio's OpenAPI document and on no page of its documentation, so an account may be without it.
    """
    if reply.status < 300 or reply.status in _PASSES:
        return False
    code = _code(reply.data)
    ours = code == _NO_LOGIN or code in _ACCOUNT or code in _USED_UP or code in _TOO_FAST
    return not ours


def _judge(reply: Response, check_level: CheckLevel = "format") -> None:
    """Raise what an answer other than 200 means."""
    if reply.status == 200:
        return
    body = reply.data if isinstance(reply.data, dict) else {}
    code, message = _code(body), text(body.get("message"))
    _judge_code(code, check_level)
    if code == _NO_LOGIN:
        raise CredentialsRejectedError(f'does not accept our key: "{message}" ({code})')
    raise_for_status_code(reply, f"{message} ({code})" if code else message)


def _judge_code(code: int, check_level: CheckLevel) -> None:
    """Raise what a code says of our account; others say something of a number, or pass."""
    if code in _USED_UP:
        raise CreditExhaustedError(_USED_UP[code])
    if code in _ACCOUNT:
        raise CredentialsRejectedError(
            _ACCOUNT[code].format(package=_PRODUCTS[check_level].package)
        )
    if code in _TOO_FAST:
        raise UnavailableError(f"asks us to slow down ({code})")


def _code(data: object) -> int:
    """Return the error code of an answer, or of a part of one; 0 if there is none. Twilio writes it
    as a number or as text, depending on the package."""
    if not isinstance(data, dict):
        return 0
    for name in ("code", "error_code", "twilio_error_code"):
        value = data.get(name)
        if isinstance(value, (int, str)) and str(value).isdecimal():
            return int(value)
    return 0


def _unknown(
    code: int, question: Question, check_level: CheckLevel, raw_answer: str = ""
) -> Answer:
    """Return the answer for a number whose lookup cannot be made: it says nothing about the number,
    and costs nothing."""
    return Answer(
        number=question.number,
        verdict="unknown",
        detail=_UNKNOWN.get(code, f"could not be looked up ({code})"),
        since=question.since if check_level == "reassigned" else None,
        raw_answer=raw_answer,
        charged=0,
    )


def _answer_row(
    entry: Mapping[str, Any], question: Question, check_level: CheckLevel
) -> Answer | None:
    """Parse one number of the batch query. If its lookup failed, the code is beside it."""
    code = _code({"code": entry.get("twilio_error_code")})
    if not code:
        return _answer(entry, question, check_level)
    _judge_code(code, check_level)
    return _unknown(code, question, check_level) if code in _UNKNOWN else None


def _answer(data: Mapping[str, Any], question: Question, check_level: CheckLevel) -> Answer | None:
    """Parse one number's answer; None if it holds nothing that was asked for."""
    valid = data.get("valid")
    if not isinstance(valid, bool) or not _is_about(data, question):
        raise AmbiguousResultError("gave an answer that cannot be read")
    package = _PRODUCTS[check_level].package
    details = data.get(package) if check_level != "format" else {}
    raw_answer = {
        key: data.get(key) for key in ("valid", "validation_errors", package) if key in data
    }
    common: dict[str, Any] = {
        "number": question.number,
        "country": data.get("country_code") or "",
        "raw_answer": orjson.dumps(raw_answer).decode(),
        "since": question.since if check_level == "reassigned" else None,
    }
    if not valid:
        errors = data.get("validation_errors") or []
        known = [_INVALID[error] for error in errors if error in _INVALID]
        detail = known[0] if known else "is not valid"
        return Answer(verdict="invalid", detail=detail, charged=0, **common)
    if not isinstance(details, dict):
        return None
    if details.get("error_code") is not None:
        code = _code({"error_code": details["error_code"]})
        _judge_code(code, check_level)
        if code in _LATER:
            return None
        return _unknown(code, question, check_level, common["raw_answer"])
    return _by_check_level(details, check_level, common)


def _is_about(data: Mapping[str, Any], question: Question) -> bool:
    """Return whether an answer is about our number. Its country may write it differently by now
    (the 1 behind Mexico's 52): then its last digits are the same."""
    answered = str(data.get("phone_number") or question.number)
    return answered == question.number or answered[-8:] == question.number[-8:]


def _by_check_level(
    details: Mapping[str, Any], check_level: CheckLevel, common: dict[str, Any]
) -> Answer:
    if check_level == "line_type":
        return Answer(
            verdict="valid",
            line_type=_KINDS.get(str(details.get("type")), "unknown"),
            carrier=text(details.get("carrier_name")),
            **common,
        )
    if check_level == "live":
        live = _LIVES.get(str(details.get("status", "")).lower(), "")
        verdict: Verdict = "unreachable" if live == "inactive" else "valid" if live else "unknown"
        detail = "is not in service" if live == "inactive" else ""
        return Answer(verdict=verdict, live=live, detail=detail, **common)
    if check_level == "reassigned":
        reassigned = {"yes": True, "no": False}.get(str(details.get("is_number_reassigned")))
        return Answer(verdict="valid", reassigned=reassigned, **common)
    return Answer(verdict="valid", charged=1, **common)
