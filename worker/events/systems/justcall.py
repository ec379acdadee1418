"""JustCall: its do-not-disturb, do-not-message and do-not-call-again lists.

https://developer.justcall.io/reference/sd_bulk_add_dnca_v21 (Sales Dialer's do-not-call-again list:
100 numbers in a call, those of a wrong form are skipped), https://developer.justcall.io/docs/rate-limits
(30 to 90 calls a minute), https://justcall.io/developer-docs (the login), and JustCall's own client
https://github.com/saaslabsco/justcall-mcp-server (paths and bodies of the contacts' lists).

Numbers are sent as their digits with the country code, as JustCall's own examples have them.
Nothing that is public says how to take a number off the do-not-call-again list, so calls stay
closed. Written by these pages, and not tried with an account.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from worker.events.systems.base import (
    Entry,
    NotNowError,
    Outcome,
    RefusedError,
    System,
    Variable,
    VendorError,
)
from worker.events.systems.client import Answer, VendorClient, clean

_MOST_NUMBERS = 100  # in a call
_NOT_FOUND = 404


class JustCall(System):
    name = "justcall"
    label = "JustCall"
    channels = frozenset({"call", "text"})
    batch = _MOST_NUMBERS
    reopens = frozenset({"text"})
    stays_closed = "its API cannot take a number off the do-not-call-again list"
    variables = (
        Variable("JUSTCALL_API_KEY", "of the developer settings"),
        Variable("JUSTCALL_API_SECRET", "of the developer settings"),
        Variable("JUSTCALL_URL", "another address", default="https://api.justcall.io"),
    )

    def __init__(
        self,
        values: Mapping[str, str],
        timeout: timedelta,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(values, timeout, now)
        self._client = VendorClient(values["JUSTCALL_URL"], timeout, now)

    def close(self, entries: Sequence[Entry], channels: frozenset[str]) -> Outcome:
        numbers = {_digits(entry.number): entry.number for entry in entries}
        lists = [name for channel, name in (("call", "dnd"), ("text", "dnm"))
                 if channel in channels]  # fmt: skip
        body = {"contact_numbers": list(numbers), "add_to": lists, "across_team": True}
        answer = self._call("POST", "/v2.1/contacts/bulk-add/blacklist", json=body)
        skipped = _skipped(answer, numbers)
        if "call" in channels:
            again = {"contact_numbers": list(numbers)}
            answer = self._call("POST", "/v2.1/sales_dialer/contacts/bulk-add-dnca", json=again)
            skipped |= _skipped(answer, numbers)
        return Outcome(answer.status, dict.fromkeys(skipped, "skipped it as no phone number"))

    def reopen(self, entry: Entry, channels: frozenset[str]) -> Outcome:
        body = {
            "contact_number": _digits(entry.number), "remove_from": ["dnm"], "across_team": True,
        }  # fmt: skip
        try:
            return Outcome(self._call("PUT", "/v2.1/contacts/status", json=body).status)
        except VendorError as error:
            if error.status == _NOT_FOUND:
                return Outcome(_NOT_FOUND)  # no contact has the number: it is on no list
            raise

    def check_access(self) -> int:
        return self._call("GET", "/v2.1/contacts", params={"per_page": 1}).status

    def shut(self) -> None:
        self._client.close()

    def _call(self, method: str, path: str, **options: Any) -> Answer:
        login = f"{self.values['JUSTCALL_API_KEY']}:{self.values['JUSTCALL_API_SECRET']}"
        headers = {"Authorization": login, "Accept": "application/json"}
        answer = self._client.call(method, path, headers, **options)
        status = answer.object().get("status", "success")
        if status != "success":
            words = clean(answer.object().get("message", ""))
            raise NotNowError(f"answered {clean(status)}: {words}", answer.status)
        return answer


def _digits(number: str) -> str:
    return re.sub(r"\D", "", number)


def _skipped(answer: Answer, numbers: Mapping[str, str]) -> set[str]:
    """Return the numbers that an answer lists as skipped, wherever the list stands. `numbers`: by
    their digits, those that were sent. Raises `RefusedError` where nobody can tell which it means:
    then each is tried alone."""
    found: set[str] = set()
    waiting: list[Any] = [answer.object()]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            for name, value in part.items():
                if "skipped" not in name:
                    waiting.append(value)
                elif isinstance(value, list):
                    found |= {_digits(str(_number_of(item))) for item in value}
                elif value:
                    raise RefusedError("skipped a number without saying which", answer.status)
        elif isinstance(part, list):
            waiting.extend(part)
    if found - set(numbers):
        raise RefusedError("skipped a number that it names otherwise", answer.status)
    return {numbers[digits] for digits in found}


def _number_of(item: Any) -> Any:
    return item.get("contact_number", "") if isinstance(item, dict) else item
