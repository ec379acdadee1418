"""Twilio Lookup v2: kind of line and carrier, whether the line is in service, reassigned numbers.

Sources: Twilio's OpenAPI document of Lookup v2 (paths, the batch query, forms), its pages on line
type intelligence, line status and reassigned numbers (values, prices), its error dictionary.
A number that is not valid comes as HTTP 200 with `valid: false`; a package that could not be asked
as an `error_code` beside HTTP 200.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import orjson

from config.settings import TwilioCredentials
from config.verification import Depth
from worker.phones import Kind, facts
from worker.verification.base import (
    Account,
    Answer,
    Live,
    LostError,
    NoCreditError,
    Offer,
    Question,
    RefusedError,
    Verdict,
)
from worker.verification.http import Door, Reply, readable, refused_by_status, text, whole

# List prices in USD of one lookup.
_OFFERS: dict[Depth, Offer] = {
    "format": Offer("validation", Decimal(0)),
    "line_type": Offer("line_type_intelligence", Decimal("0.008")),
    "live": Offer("line_status", Decimal("0.007")),
    "reassigned": Offer("reassigned_number", Decimal("0.02")),
}
_KINDS: dict[str, Kind] = {
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
# What a package says of a number that it knows nothing about. Nothing is charged for these.
_UNKNOWN = {
    60600: "lies outside of Twilio's coverage",
    60601: "is Canadian, for which Twilio wants an approval of its own",
    60612: "is not a mobile number, as this lookup needs",
}
_NOT_ENABLED = 60606
_SUSPENDED = 20005
_PROBE = "+14159929960"  # Twilio's own example; a lookup without packages is free
_NO_BATCH = frozenset({403, 404, 405, 501})


class TwilioProvider:
    name = "twilio"
    label = "Twilio Lookup"
    local = False

    def __init__(self, credentials: TwilioCredentials, door: Door, batch: int) -> None:
        self.batch = batch
        self._login = credentials.login
        self._door = door

    def offers(self, depth: Depth) -> Offer | None:
        return _OFFERS.get(depth)

    def suits(self, question: Question, depth: Depth) -> bool:
        if depth == "reassigned":  # for US numbers only
            return question.since is not None and facts(question.number).region == "US"
        return True

    @readable
    def ask(self, questions: Sequence[Question], depth: Depth) -> list[Answer]:
        if len(questions) > 1 and self.batch > 1:
            reply = self._batch(questions, depth)
            if reply.status not in _NO_BATCH:
                return self._many(reply, questions, depth)
            self.batch = 1  # this account has no batch query: one by one from now on
        answers = [self._one(question, depth) for question in questions]
        return [answer for answer in answers if answer is not None]

    @readable
    def check(self) -> Account:
        reply = self._door.call(
            "GET", f"/v2/PhoneNumbers/{quote(_PROBE)}", lookups=0, paid=False, auth=self._login
        )
        _judge(reply)
        return Account()

    def close(self) -> None:
        self._door.close()

    # -- asking --------------------------------------------------------------------------

    def _one(self, question: Question, depth: Depth) -> Answer | None:
        params = {}
        if depth != "format":
            params["Fields"] = _OFFERS[depth].package
        if question.since is not None and depth == "reassigned":
            params["LastVerifiedDate"] = f"{question.since:%Y%m%d}"
        reply = self._door.call(
            "GET",
            f"/v2/PhoneNumbers/{quote(question.number)}",
            params=params,
            auth=self._login,
            paid=depth != "format",
        )
        if reply.status == 404:
            return None
        _judge(reply)
        return _answer(whole(reply), question, depth)

    def _batch(self, questions: Sequence[Question], depth: Depth) -> Reply:
        wanted = []
        for place, question in enumerate(questions):
            entry: dict[str, Any] = {"correlation_id": str(place), "phone_number": question.number}
            if depth != "format":
                entry["fields"] = [_OFFERS[depth].package]
            if question.since is not None and depth == "reassigned":
                entry["reassigned_number"] = {"last_verified_date": f"{question.since:%Y%m%d}"}
            wanted.append(entry)
        return self._door.call(
            "POST",
            "/v2/batch/query",
            lookups=len(questions),
            paid=depth != "format",
            json={"phone_numbers": wanted},
            auth=self._login,
        )

    def _many(self, reply: Reply, questions: Sequence[Question], depth: Depth) -> list[Answer]:
        _judge(reply)
        entries = whole(reply).get("phone_numbers")
        if not isinstance(entries, list):
            raise LostError("gave an answer that cannot be read")
        by_id = {
            str(entry.get("correlation_id")): entry for entry in entries if isinstance(entry, dict)
        }
        found = []
        for place, question in enumerate(questions):
            entry = by_id.get(str(place))
            if entry is None or entry.get("phone_number") not in (None, question.number):
                continue
            if entry.get("twilio_error_code") == _NOT_ENABLED:
                raise _not_enabled(depth)
            if not entry.get("twilio_error_code"):
                found.append(_answer(entry, question, depth))
        return [answer for answer in found if answer is not None]


def _judge(reply: Reply) -> None:
    """Raise what an answer other than 200 means."""
    if reply.status == 200:
        return
    said = reply.data if isinstance(reply.data, dict) else {}
    code, message = said.get("code"), text(said.get("message"))
    if code == _SUSPENDED:
        raise NoCreditError("says that the account is suspended (20005): top it up")
    refused_by_status(reply, f"{message} ({code})" if code else message)


def _not_enabled(depth: Depth) -> RefusedError:
    package = _OFFERS[depth].package
    return RefusedError(f"has the package {package} not enabled for this account (60606)")


def _answer(data: Mapping[str, Any], question: Question, depth: Depth) -> Answer | None:
    """One number's answer; None where it holds nothing that was asked for."""
    valid = data.get("valid")
    if not isinstance(valid, bool):
        raise LostError("gave an answer that cannot be read")
    package = _OFFERS[depth].package
    found = data.get(package) if depth != "format" else {}
    kept = {key: data.get(key) for key in ("valid", "validation_errors", package) if key in data}
    common: dict[str, Any] = {
        "number": question.number,
        "country": data.get("country_code") or "",
        "words": orjson.dumps(kept).decode(),
        "since": question.since if depth == "reassigned" else None,
    }
    if not valid:
        errors = data.get("validation_errors") or []
        known = [_INVALID[error] for error in errors if error in _INVALID]
        detail = known[0] if known else "is not valid"
        return Answer(verdict="invalid", detail=detail, charged=0, **common)
    if not isinstance(found, dict):
        return None
    if (code := found.get("error_code")) is not None:
        if int(code) == _NOT_ENABLED:
            raise _not_enabled(depth)
        detail = _UNKNOWN.get(int(code), f"could not be looked up ({text(code)})")
        return Answer(verdict="unknown", detail=detail, charged=0, **common)
    return _by_depth(found, depth, common)


def _by_depth(found: Mapping[str, Any], depth: Depth, common: dict[str, Any]) -> Answer:
    if depth == "line_type":
        return Answer(
            verdict="valid",
            line_type=_KINDS.get(str(found.get("type")), "unknown"),
            carrier=text(found.get("carrier_name")),
            **common,
        )
    if depth == "live":
        live = _LIVES.get(str(found.get("status", "")).lower(), "")
        verdict: Verdict = "unreachable" if live == "inactive" else "valid" if live else "unknown"
        detail = "is not in service" if live == "inactive" else ""
        return Answer(verdict=verdict, live=live, detail=detail, **common)
    if depth == "reassigned":
        said = {"yes": True, "no": False}.get(str(found.get("is_number_reassigned")))
        return Answer(verdict="valid", reassigned=said, **common)
    return Answer(verdict="valid", charged=1, **common)
