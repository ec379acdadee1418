"""RingCentral: the do-not-call list of RingCX (formerly Engage Voice).

https://developers.ringcentral.com/engage/voice/guide/dialing/dnc/dnc-list (the list),
https://developers.ringcentral.com/engage/voice/guide/authentication/auth-ringcentral (the token of
RingCX: 5 minutes, 5 logins a minute), https://developers.ringcentral.com/guide/authentication/jwt-flow
(the login with a JWT) and https://developers.ringcentral.com/guide/basics/rate-limits.

RingEX has no list for calls that go out: its blocked numbers are about calls that come in.

A list is kept by tag and country. The documents show national numbers of the USA and no others, so
another country's number is refused with a word to a person. Tag 0 is GLOBAL, which agents use too:
an entry there may be somebody else's, and is never deleted. With a tag of its own, made for this
endpoint, entries are. What RingCX answers about a number that is on the list already is not
documented: 2xx counts as done, anything else is told.

Written by these pages, and not tried with an account.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import quote

import phonenumbers

from worker.events.systems.base import (
    CredentialsRefusedError,
    Entry,
    NotNowError,
    Outcome,
    RefusedError,
    System,
    Variable,
    VendorError,
)
from worker.events.systems.client import Answer, VendorClient

_GLOBAL = "0"  # the tag
_COUNTRY = "USA"
_NOT_FOUND = 404
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN_SECONDS = 240.0  # it lasts for 300
# Tokens of this process by a hash of the credentials, and until when: logins are few.
_tokens: dict[str, tuple[str, float]] = {}
_logging_in = Lock()


class RingCentral(System):
    name = "ringcentral"
    label = "RingCentral"
    channels = frozenset({"call"})
    stays_closed = "tag GLOBAL holds entries of others too (see RINGCENTRAL_DNC_TAG_ID)"
    variables = (
        Variable("RINGCENTRAL_CLIENT_ID", "of an app with JWT login"),
        Variable("RINGCENTRAL_CLIENT_SECRET", "of that app"),
        Variable("RINGCENTRAL_JWT", "of a user who may edit the DNC list of RingCX"),
        Variable("RINGCENTRAL_ACCOUNT_ID", "the RingCX sub-account"),
        Variable("RINGCENTRAL_DNC_TAG_ID", "a DNC tag for this endpoint alone", default=_GLOBAL),
        Variable("RINGCENTRAL_URL", "another address", default="https://platform.ringcentral.com"),
        Variable("RINGCENTRAL_CX_URL", "another address", default="https://ringcx.ringcentral.com"),
    )

    def __init__(
        self,
        values: Mapping[str, str],
        timeout: timedelta,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(values, timeout, now)
        self._tag = values["RINGCENTRAL_DNC_TAG_ID"]
        if self._tag != _GLOBAL:
            self.reopens = frozenset({"call"})
        self._platform = VendorClient(values["RINGCENTRAL_URL"], timeout, now)
        self._ringcx = VendorClient(values["RINGCENTRAL_CX_URL"], timeout, now)
        self._account = (
            f"/voice/api/v1/admin/accounts/{quote(values['RINGCENTRAL_ACCOUNT_ID'], safe='')}"
        )

    @classmethod
    def mistakes(cls, _values: Mapping[str, str]) -> Sequence[str]:
        tag = _values["RINGCENTRAL_DNC_TAG_ID"]
        if tag.isascii() and tag.isdigit():
            return []
        return ["RINGCENTRAL_DNC_TAG_ID: write the tag's number (dncTagId), not its label"]

    def close(self, entries: Sequence[Entry], channels: frozenset[str]) -> Outcome:
        [entry] = entries
        phone = _national(entry.number)
        body = {"phone": phone, "countryId": _COUNTRY, "dncTagId": int(self._tag)}
        answer = self._call("POST", f"{self._account}/dncLists", json=body)
        if answer.object().get("phone") != phone:
            raise NotNowError("gave an answer that cannot be read", answer.status)
        return Outcome(answer.status)

    def reopen(self, entry: Entry, channels: frozenset[str]) -> Outcome:
        where = f"tags/{self._tag}/phones/{_national(entry.number)}/countries/{_COUNTRY}"
        try:
            return Outcome(self._call("DELETE", f"{self._account}/dncLists/{where}").status)
        except VendorError as error:
            if error.status == _NOT_FOUND:
                return Outcome(_NOT_FOUND)  # it is not on the list
            raise

    def check_access(self) -> int:
        return self._call("GET", f"{self._account}/dncTags").status

    def shut(self) -> None:
        self._platform.close()
        self._ringcx.close()

    def _call(self, method: str, path: str, **options: Any) -> Answer:
        token = self._token()
        try:
            return self._with_token(token, method, path, **options)
        except CredentialsRefusedError as error:
            if error.status != 401:
                raise
        return self._with_token(self._token(former=token), method, path, **options)

    def _with_token(self, token: str, method: str, path: str, **options: Any) -> Answer:
        headers = {"Authorization": f"Bearer {token}"}
        return self._ringcx.call(method, path, headers, **options)

    def _token(self, former: str = "") -> str:
        """Return a token of RingCX; `former`: one that was not accepted."""
        known = hashlib.sha256(repr(sorted(self.values.items())).encode()).hexdigest()
        with _logging_in:
            token, until = _tokens.get(known, ("", 0.0))
            if not token or token == former or time.monotonic() >= until:
                token = self._log_in()
                _tokens[known] = (token, time.monotonic() + _TOKEN_SECONDS)
            return token

    def _log_in(self) -> str:
        try:
            first = self._platform.call(
                "POST", "/restapi/oauth/token",
                data={"grant_type": _JWT_GRANT, "assertion": self.values["RINGCENTRAL_JWT"]},
                auth=(
                    self.values["RINGCENTRAL_CLIENT_ID"], self.values["RINGCENTRAL_CLIENT_SECRET"]
                ),
            )  # fmt: skip
            second = self._ringcx.call(
                "POST", "/api/auth/login/rc/accesstoken",
                data={"rcAccessToken": first.object()["access_token"], "rcTokenType": "Bearer"},
            )  # fmt: skip
        except RefusedError as error:  # a JWT that is not accepted is answered with 400
            raise CredentialsRefusedError(error.reason, error.status) from error
        return str(second.object()["accessToken"])


def _national(number: str) -> str:
    """Return the national number. Raises `RefusedError` for one that is not of the USA."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or phonenumbers.region_code_for_number(parsed) != "US":
        raise RefusedError("takes numbers of the USA alone here; add this one to its list by hand")
    return str(parsed.national_number)
