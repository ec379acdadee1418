"""ClearoutPhone: line type and carrier, one number a call or a file at a time, paid by credits.

Source: its API documentation, https://docs.clearoutphone.io. The header has a colon after the word:
`Authorization: Bearer:TOKEN`. A file is uploaded and polled, and its result is fetched from an
address of its own, which does not get our token.

A file comes with a `country_code`: the country of numbers that are written without one, in lower
case, as public clients send it (docs/lookup-facts.md). All of ours have their country code.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from config.credentials import ClearoutPhoneCredentials
from config.verification import CheckLevel
from worker.phones import LineType, facts
from worker.verification.errors import AmbiguousResultError, CreditExhaustedError, UnavailableError
from worker.verification.http_client import (
    ProviderClient,
    Response,
    guards_response,
    json_object,
    raise_for_status_code,
    text,
)
from worker.verification.models import AccountStatus, Answer, Product, Question, Verdict

# Pay as you go, at the price of 5,000 credits; a number takes one.
_PRODUCT = Product("validate", Decimal("0.007"))
_VERDICTS: dict[str, Verdict] = {"valid": "valid", "invalid": "invalid", "unknown": "unknown"}
_KINDS: dict[str, LineType] = {
    "mobile": "mobile",
    "landline": "landline",
    "fixed_line": "landline",
    "voip": "voip",
    "toll_free": "toll_free",
    "premium_rate": "premium",
    "pager": "pager",
    "shared_cost": "other",
    "personal_number": "other",
    "uan": "other",
    "voicemail": "other",
    "satellite": "other",
}
_COLUMN = "Phone"
_COUNTRY = re.compile(r"[A-Z]{2}")  # not "001", of numbers of no country
_RESULT = "ClearoutPhone Validation Status"


class ClearoutPhoneProvider:
    name = "clearoutphone"
    label = "ClearoutPhone"
    local = False
    batch = 1

    def __init__(
        self, credentials: ClearoutPhoneCredentials, client: ProviderClient, bulk_from: int
    ) -> None:
        self.bulk_from = bulk_from
        self._client = client
        self._headers = {"Authorization": f"Bearer:{credentials.api_token}"}

    def product(self, check_level: CheckLevel) -> Product | None:
        return _PRODUCT if check_level == "line_type" else None

    def supports(self, question: Question, check_level: CheckLevel) -> bool:
        return True

    @guards_response
    def ask(self, questions: Sequence[Question], check_level: CheckLevel) -> list[Answer]:
        return [self._one(question) for question in questions]

    @guards_response
    def check(self) -> AccountStatus:
        reply = self._client.call(
            "GET", "/phonenumber/getcredits", lookups=0, paid=False, headers=self._headers
        )
        data = _data(reply, paid=False)
        nested = data.get("credits")
        credits = data.get("available_credits")
        if credits is None and isinstance(nested, dict):
            credits = nested.get("available", nested.get("total"))
        return AccountStatus(credits if isinstance(credits, int) else None)

    def close(self) -> None:
        self._client.close()

    def send(
        self, method: str, path: str, login: bool = True, paid: bool = False, **options: Any
    ) -> Response:
        """Make a call and return its answer, whatever its status (`probe`)."""
        headers = self._headers if login else {}
        return self._client.call(method, path, lookups=0, paid=paid, headers=headers, **options)

    def _one(self, question: Question) -> Answer:
        reply = self._client.call(
            "POST", "/phonenumber/validate", json={"number": question.number}, headers=self._headers
        )
        data = _data(reply)
        verdict = _VERDICTS.get(str(data.get("status")).lower())
        if verdict is None or data.get("e164_format") not in (None, "", question.number):
            raise AmbiguousResultError("gave an answer that cannot be read")
        raw_answer = {key: data.get(key) for key in ("status", "line_type", "carrier", "location")}
        billed = data.get("billable_credits")
        return Answer(
            number=question.number,
            verdict=verdict,
            line_type=_kind(data.get("line_type")),
            carrier=text(data.get("carrier")),
            country=text(data.get("country_code"), 2),
            detail=_detail(verdict),
            raw_answer=orjson.dumps(raw_answer).decode(),
            charged=billed if isinstance(billed, int) and 0 <= billed <= 100 else 1,
        )

    # -- a file --------------------------------------------------------------------------

    @guards_response
    def submit(self, questions: Sequence[Question], check_level: CheckLevel) -> str:
        lines = "".join(f"{question.number}\r\n" for question in questions)
        file = ("numbers.csv", f"{_COLUMN}\r\n{lines}".encode(), "text/csv")
        country = _country_of(questions)
        reply = self._client.call(
            "POST",
            "/phonenumber/bulk",
            lookups=0,
            files={"file": file},
            data={"country_code": country} if country else {},
            headers=self._headers,
        )
        job = _data(reply).get("list_id")
        if not isinstance(job, str) or not job:
            raise AmbiguousResultError("gave an answer that cannot be read")
        return job

    @guards_response
    def collect(
        self, job: str, questions: Sequence[Question], check_level: CheckLevel
    ) -> list[Answer] | None:
        reply = self._client.call(
            "GET",
            "/phonenumber/bulk/progress_status",
            lookups=0,
            paid=False,
            params={"list_id": job},
            headers=self._headers,
        )
        status = str(_data(reply, paid=False).get("progress_status")).lower()
        if status in ("failed", "cancelled"):
            raise AmbiguousResultError(f"could not work on our file ({status})")
        if status != "completed":
            return None
        reply = self._client.call(
            "POST",
            "/download/result",
            lookups=0,
            paid=False,
            json={"list_id": job},
            headers=self._headers,
        )
        address = _data(reply, paid=False).get("url")
        if not isinstance(address, str) or not address.startswith(("https://", "http://127.0.0.1")):
            raise UnavailableError("gave no address for the result of our file")
        file = self._client.call("GET", address, lookups=0, paid=False)
        raise_for_status_code(file)
        return _read(file.body, questions)


def _country_of(questions: Sequence[Question]) -> str:
    """Return the country of most numbers of a file, as ISO 3166 in lower case; "" for none."""
    regions = Counter(facts(question.number).region for question in questions)
    known = {region: many for region, many in regions.items() if _COUNTRY.fullmatch(region)}
    return max(known, key=lambda region: (known[region], region)).lower() if known else ""


def _data(reply: Response, paid: bool = True) -> dict[str, Any]:
    """Return the `data` of a successful answer; raise the error that another one means."""
    answer = reply.data if isinstance(reply.data, dict) else {}
    error = answer.get("error")
    message = text(error.get("message")) if isinstance(error, dict) else ""
    if reply.status == 402 or (reply.status != 200 and "credit" in message.lower()):
        raise CreditExhaustedError("says that our credits are used up")
    raise_for_status_code(reply, message)
    data = json_object(reply, paid)
    if data.get("status") != "success" or not isinstance(data.get("data"), dict):
        if message:
            raise UnavailableError(f'answered "{message}"')
        raise (AmbiguousResultError if paid else UnavailableError)(
            "gave an answer that cannot be read"
        )
    result: dict[str, Any] = data["data"]
    return result


def _kind(line_type: object) -> LineType:
    key = str(line_type or "").strip().lower().replace(" ", "_").replace("-", "_")
    return _KINDS.get(key, "unknown")


def _detail(verdict: Verdict) -> str:
    return "is not a number that exists" if verdict == "invalid" else ""


def _read(body: bytes, questions: Sequence[Question]) -> list[Answer]:
    """Yield the rows of a result file, which are ours with columns added."""
    try:
        rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnavailableError("gave a result file that cannot be read") from error
    if rows and _RESULT not in rows[0]:
        raise UnavailableError("gave a result file that cannot be read")
    numbers = {question.number for question in questions}
    results: dict[str, set[str]] = {}
    for row in rows:
        if (of := _number_of(row, numbers)) is not None:
            results.setdefault(of, set()).add((row.get(_RESULT) or "").strip().lower())
    answers = []
    for row in rows:
        number = _number_of(row, numbers)
        verdict = _VERDICTS.get((row.get(_RESULT) or "").strip().lower())
        if number is None or verdict is None or len(results[number]) > 1:
            continue  # two lines that disagree about a number say nothing of it
        answers.append(
            Answer(
                number=number,
                verdict=verdict,
                line_type=_kind(row.get("ClearoutPhone Line Type")),
                carrier=text(row.get("ClearoutPhone Carrier") or ""),
                country=text(row.get("ClearoutPhone Country Code") or "", 2),
                detail=_detail(verdict),
                raw_answer=orjson.dumps(
                    {k: v for k, v in row.items() if k and k.startswith("ClearoutPhone")
                     and "Format" not in k}
                ).decode(),
            )
        )  # fmt: skip
    return answers


def _number_of(row: Mapping[str, str], numbers: set[str]) -> str | None:
    """Return our number in a row, under whichever name the column came back."""
    for value in (row.get(_COLUMN), row.get("Phone Number"), *row.values()):
        number = str(value or "").strip().lstrip("'")
        if number in numbers or (number := f"+{number}") in numbers:
            return number
    return None
