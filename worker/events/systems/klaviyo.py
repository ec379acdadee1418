"""Klaviyo: unsubscribe a phone number from SMS.

https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles (100 profiles in a call, 75
calls a second and 750 a minute), https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling
and https://github.com/klaviyo/openapi (the body; the revision below is that of its document).

Klaviyo takes the call as a job (202) and carries it out by itself. It makes a profile for a number
that it does not know. It is not asked to subscribe anybody again: that call would subscribe people
who never were, and may send them a message.

Written by these pages, and not tried with an account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import orjson

from worker.events.systems.base import Entry, NotNowError, Outcome, System, Variable
from worker.events.systems.client import Answer, VendorClient

_REVISION = "2026-07-15"
_JSON_API = "application/vnd.api+json"
_MOST_PROFILES = 100  # in a call
_ACCEPTED = 202
_UNSUBSCRIBED = {"consent": "UNSUBSCRIBED"}


class Klaviyo(System):
    name = "klaviyo"
    label = "Klaviyo"
    channels = frozenset({"text"})
    batch = _MOST_PROFILES
    stays_closed = "to subscribe somebody is up to Klaviyo's own forms and keywords"
    variables = (
        Variable("KLAVIYO_API_KEY", "a private key that may write profiles, lists, subscriptions"),
        Variable("KLAVIYO_URL", "another address", default="https://a.klaviyo.com"),
    )

    def __init__(
        self,
        values: Mapping[str, str],
        timeout: timedelta,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(values, timeout, now)
        self._client = VendorClient(values["KLAVIYO_URL"], timeout, now)

    def close(self, entries: Sequence[Entry], channels: frozenset[str]) -> Outcome:
        profiles = [
            {
                "type": "profile",
                "attributes": {
                    "phone_number": entry.number,
                    "subscriptions": {
                        "sms": {"marketing": _UNSUBSCRIBED, "transactional": _UNSUBSCRIBED}
                    },
                },
            }
            for entry in entries
        ]
        job = {
            "data": {
                "type": "profile-subscription-bulk-delete-job",
                "attributes": {"profiles": {"data": profiles}},
            }
        }
        answer = self._call("POST", "/api/profile-subscription-bulk-delete-jobs", orjson.dumps(job))
        if answer.status != _ACCEPTED:
            raise NotNowError("gave an answer that cannot be read", answer.status)
        return Outcome(answer.status)

    def check_access(self) -> int:
        answer = self._call("GET", "/api/accounts")
        answer.object()
        return answer.status

    def shut(self) -> None:
        self._client.close()

    def _call(self, method: str, path: str, body: bytes | None = None) -> Answer:
        headers = {
            "Authorization": f"Klaviyo-API-Key {self.values['KLAVIYO_API_KEY']}",
            "revision": _REVISION,
            "Accept": _JSON_API,
            "Content-Type": _JSON_API,
        }
        return self._client.call(method, path, headers, content=body)
