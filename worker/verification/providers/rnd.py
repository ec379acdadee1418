"""The FCC's Reassigned Numbers Database: was a US number permanently disconnected since a date?

The safe harbour of the TCPA rules rests on a "no" to a query with the date of the last contact or
consent (47 CFR 64.1200(m)). Sources: FCC DA 21-1649 (yes, no, no data), the database's pages (1,000
numbers a call, 250,000 a file). Its user guides are given to subscribers only. Paths and forms of
the API are taken from public clients of it. Those of the file upload are less sure, so files are
off by default (`bulk_from = 0`).
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson

from config.credentials import RndCredentials
from config.verification import CheckLevel
from worker.phones import facts
from worker.verification.errors import AmbiguousResultError, CreditExhaustedError, UnavailableError
from worker.verification.http_client import (
    ProviderClient,
    Response,
    guards_response,
    json_object,
    raise_for_status_code,
    text,
)
from worker.verification.models import AccountStatus, Answer, Product, Question

# The smallest subscription: 10 USD for 1,000 queries. Larger ones are cheaper a query.
_PRODUCT = Product("query", Decimal("0.01"))
_TOKEN_LASTS = 50 * 60.0  # seconds; it is good for an hour
_SAID = {"yes": True, "no": False, "no_data": None}
_IN_ORDER = ("no_data", "yes", "no")  # of a number, from the earliest date to the latest
# Toll-free numbers are in the database too.
_TOLL_FREE = ("+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888")
_FIRST_DAY = date(2021, 1, 27)  # carriers' records begin here


class RndProvider:
    name = "rnd"
    label = "the Reassigned Numbers Database"
    local = False

    def __init__(
        self,
        credentials: RndCredentials,
        client: ProviderClient,
        batch: int,
        bulk_from: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.batch = min(batch, 1000)
        self.bulk_from = bulk_from
        self._credentials = credentials
        self._client = client
        self._clock = clock
        self._token = ""
        self._token_until = 0.0
        self._lock = threading.Lock()

    def product(self, check_level: CheckLevel) -> Product | None:
        return _PRODUCT if check_level == "reassigned" else None

    def supports(self, question: Question, check_level: CheckLevel) -> bool:
        us = facts(question.number).region == "US" or question.number.startswith(_TOLL_FREE)
        return us and question.since is not None and question.since >= _FIRST_DAY

    @guards_response
    def ask(self, questions: Sequence[Question], check_level: CheckLevel) -> list[Answer]:
        company = self._credentials.company_id
        entries = [
            {"tn": _tn(q), "date": f"{q.since:%Y-%m-%d}", "companyId": company} for q in questions
        ]
        reply = self._call(
            "POST", "/api/tn", lookups=len(questions), paid=True, json={"tnList": entries}
        )
        replies = json_object(reply).get("replies")
        if not isinstance(replies, list):
            raise AmbiguousResultError("gave an answer that cannot be read")
        return _matched(
            questions,
            [
                (_text(r.get("tn")), _text(r.get("dateProvided")), _text(r.get("disconnected")))
                for r in replies
                if isinstance(r, dict)
            ],
        )

    @guards_response
    def check(self) -> AccountStatus:
        self._renew()
        return AccountStatus()

    def close(self) -> None:
        self._client.close()

    def send(
        self, method: str, path: str, login: bool = True, paid: bool = False, **options: Any
    ) -> Response:
        """Make a call and return its answer, whatever its status (`probe`)."""
        headers = {"Authorization": self._held_token()} if login else {}
        return self._client.call(method, path, lookups=0, paid=paid, headers=headers, **options)

    # -- a file --------------------------------------------------------------------------

    @guards_response
    def submit(self, questions: Sequence[Question], check_level: CheckLevel) -> str:
        """Upload a file of numbers and dates; its name is the job's."""
        name = f"hygiene-{uuid.uuid4().hex}.csv"
        reply = self._call(
            "POST", "/uploads/url", lookups=0, paid=False,
            json={"fileName": name, "companyId": self._credentials.company_id},
        )  # fmt: skip
        address = json_object(reply, paid=False).get("url")
        if not isinstance(address, str):
            raise UnavailableError("gave no address to upload our file to")
        lines = "".join(f"{_tn(q)},{q.since:%Y-%m-%d}\r\n" for q in questions)
        headers = {"Content-Type": "text/csv"}
        reply = self._client.call("PUT", address, lookups=0, data=lines.encode(), headers=headers)
        raise_for_status_code(reply)
        return name

    @guards_response
    def collect(
        self, job: str, questions: Sequence[Question], check_level: CheckLevel
    ) -> list[Answer] | None:
        reply = self._call("GET", "/downloads", lookups=0, paid=False, params={"fileName": job})
        listed = json_object(reply, paid=False).get("files")
        entry = next(
            (f for f in listed or [] if isinstance(f, dict) and f.get("fileName") == job), None
        )
        if entry is None or entry.get("status") in ("uploaded", "processing"):
            return None
        if entry.get("status") != "completed" or not isinstance(entry.get("url"), str):
            raise AmbiguousResultError(f"could not work on our file ({text(entry.get('status'))})")
        file = self._client.call("GET", entry["url"], lookups=0, paid=False)
        raise_for_status_code(file)
        rows = csv.reader(io.StringIO(file.body.decode("utf-8-sig", "replace")))
        return _matched(
            questions,
            [(r[0], r[1] if len(r) > 2 else "", r[2] if len(r) > 2 else r[1])
             for r in rows if len(r) >= 2],
        )  # fmt: skip

    # -- the token -----------------------------------------------------------------------

    def _call(self, method: str, path: str, **options: Any) -> Response:
        """Make a call with a token; renew a token that has expired, once."""
        token = self._held_token()
        reply = self._client.call(method, path, headers={"Authorization": token}, **options)
        if reply.status == 401:
            with self._lock:
                if self._token == token:
                    self._renew()
                token = self._token
            reply = self._client.call(method, path, headers={"Authorization": token}, **options)
        _judge(reply)
        return reply

    def _held_token(self) -> str:
        with self._lock:
            if not self._token or self._clock() >= self._token_until:
                self._renew()
            return self._token

    def _renew(self) -> None:
        reply = self._client.call(
            "POST",
            "/b/public/api/idToken",
            lookups=0,
            paid=False,
            json={"refreshToken": self._credentials.refresh_token},
        )
        _judge(reply)
        token = json_object(reply, paid=False).get("idToken")
        if not isinstance(token, str) or not token:
            raise UnavailableError("gave no token")
        self._token, self._token_until = token, self._clock() + _TOKEN_LASTS


def _judge(reply: Response) -> None:
    message = text(reply.data.get("message")) if isinstance(reply.data, dict) else ""
    if reply.status == 402 or (reply.status >= 400 and "subscription" in message.lower()):
        raise CreditExhaustedError("says that our subscription's queries are used up")
    raise_for_status_code(reply, message)


def _tn(question: Question) -> str:
    """Return the ten digits of a North American number."""
    return question.number.removeprefix("+1")


def _matched(
    questions: Sequence[Question], replies: Sequence[tuple[str, str, str]]
) -> list[Answer]:
    """Match answers to questions by number and date: a number may be asked about with two dates.

    Some answers lack the date, and nothing public says when. Then the number decides, and of
    several questions about one number, the nature of a disconnection: "yes" for a date means yes
    for any earlier one, and the database knows nothing about dates before its first.
    """
    dated: dict[tuple[str, date], str] = {}
    undated: dict[str, list[str]] = defaultdict(list)
    for tn, day, verdict in replies:
        word = verdict.strip().lower().replace(" ", "_")
        if word not in _SAID:
            continue
        if day.strip():
            if (read := _day(day)) is not None:
                dated[_digits(tn), read] = word
        else:
            undated[_digits(tn)].append(word)
    answers = []
    for tn, asked in _by_number(questions).items():
        open_questions = [question for question in asked if (tn, question.since) not in dated]
        words = {
            question: dated[tn, question.since]
            for question in asked
            if question.since and question not in open_questions
        }
        if len(undated[tn]) == len(open_questions):
            in_order = sorted(undated[tn], key=_IN_ORDER.index)
            words |= zip(
                sorted(open_questions, key=lambda question: question.since or date.min),
                in_order,
                strict=True,
            )
        answers += [_answer(question, word) for question, word in words.items()]
    return answers


def _by_number(questions: Sequence[Question]) -> dict[str, list[Question]]:
    by_number: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        by_number[_tn(question)].append(question)
    return by_number


def _answer(question: Question, word: str) -> Answer:
    return Answer(
        number=question.number,
        verdict="unknown",  # it knows disconnections, not whether a number works
        reassigned=_SAID[word],
        since=question.since,
        raw_answer=orjson.dumps({"disconnected": word}).decode(),
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _digits(tn: str) -> str:
    """Return a number as it may come back: with or without the 1, or with marks between
    its digits."""
    digits = re.sub(r"[^0-9]", "", tn)
    return digits[1:] if len(digits) == 11 and digits.startswith("1") else digits


def _day(text: str) -> date | None:
    """Parse a date as we sent it, or with a time behind it; also as Americans write it."""
    for form, length in (("%Y-%m-%d", 10), ("%m/%d/%Y", 10), ("%Y%m%d", 8)):
        with contextlib.suppress(ValueError):
            return datetime.strptime(text.strip()[:length], form).date()
    return None
