"""Twilio's consent management: whether Twilio sends a text to a number at all.

https://www.twilio.com/docs/messaging/features/consent-api (a limited pilot),
https://www.twilio.com/docs/messaging/features/bulk-upsert-consents-api (the call, 25 consents in
each, 100 calls a minute) and https://www.twilio.com/docs/api/errors/30646 (what it refuses).

A consent is kept for a number and a sender: a messaging service, or a phone number of ours.

Written by these pages, and not tried with an account.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from worker.events.systems.base import Entry, NotNowError, Outcome, System, Variable
from worker.events.systems.client import Answer, VendorClient, clean

_MOST_CONSENTS = 25  # in a call
_TAKEN = 0  # the error code of a consent that was stored


class Twilio(System):
    name = "twilio"
    label = "Twilio"
    channels = frozenset({"text"})
    reopens = frozenset({"text"})
    variables = (
        Variable("TWILIO_ACCOUNT_SID", "the account, or an API key", optional=True),
        Variable("TWILIO_AUTH_TOKEN", "of the account", optional=True),
        Variable("TWILIO_API_KEY", "instead of account and token", optional=True),
        Variable("TWILIO_API_SECRET", "of the API key", optional=True),
        Variable(
            "TWILIO_CONSENT_SENDER_ID",
            "the messaging service (MG...) or number that you send from; several by commas",
        ),
        Variable("TWILIO_CONSENT_URL", "another address", default="https://accounts.twilio.com"),
    )

    def __init__(
        self,
        values: Mapping[str, str],
        timeout: timedelta,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(values, timeout, now)
        named = values["TWILIO_CONSENT_SENDER_ID"].split(",")
        self._senders = [sender.strip() for sender in named if sender.strip()]
        self.batch = max(1, _MOST_CONSENTS // len(self._senders))
        self._client = VendorClient(values["TWILIO_CONSENT_URL"], timeout, now)

    @classmethod
    def missing(cls, values: Mapping[str, str]) -> Sequence[str]:
        key, account = (
            ("TWILIO_API_KEY", "TWILIO_API_SECRET"), ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")
        )  # fmt: skip
        login = key if values.get("TWILIO_API_KEY") else account
        return [
            *(name for name in login if not values.get(name)),
            *(() if values["TWILIO_CONSENT_SENDER_ID"].strip(" ,") else super().missing(values)),
        ]

    def close(self, entries: Sequence[Entry], channels: frozenset[str]) -> Outcome:
        return self._store(entries, "opt-out", "others")

    def reopen(self, entry: Entry, channels: frozenset[str]) -> Outcome:
        return self._store([entry], "opt-in", "opt-in-message")

    def check_access(self) -> int:
        # On the same host with the same login: a list of which one row is read.
        return self._call("GET", "/v1/Credentials/PublicKeys", params={"PageSize": 1}).status

    def shut(self) -> None:
        self._client.close()

    def _call(self, method: str, path: str, **options: Any) -> Answer:
        login = (
            ("TWILIO_API_KEY", "TWILIO_API_SECRET")
            if self.values.get("TWILIO_API_KEY")
            else ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")
        )
        auth = (self.values[login[0]], self.values[login[1]])
        return self._client.call(method, path, auth=auth, **options)

    def _store(self, entries: Sequence[Entry], status: str, source: str) -> Outcome:
        numbers: dict[str, str] = {}  # by the id that Twilio repeats in its answer
        items = []
        for entry in entries:
            for sender in self._senders:
                correlation_id = uuid.uuid4().hex
                numbers[correlation_id] = entry.number
                item = {
                    "contact_id": entry.number,
                    "correlation_id": correlation_id,
                    "sender_id": sender,
                    "status": status,
                    "source": source,
                    "date_of_consent": entry.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                }
                items.append(orjson.dumps(item).decode())
        answer = self._call("POST", "/v1/Consents/Bulk", data={"Items": items})
        refused: dict[str, str] = {}
        failed: dict[str, str] = {}
        for result in answer.object()["items"]:
            number = numbers.pop(result["correlation_id"])
            if result["error_code"] == _TAKEN:
                continue
            reasons = [str(reason) for reason in result["error_messages"]]
            if "INVALID_SENDER_ID" in reasons:
                raise NotNowError("does not know a sender in TWILIO_CONSENT_SENDER_ID")
            words = clean(f"{result['error_code']}: {', '.join(reasons)}")
            if "INTERNAL_SERVER_ERROR" in reasons:
                failed[number] = f"has a fault ({words})"
            else:
                refused[number] = f"refused it ({words})"
        failed |= dict.fromkeys(numbers.values(), "gave no result for it")
        return Outcome(answer.status, refused, failed)
