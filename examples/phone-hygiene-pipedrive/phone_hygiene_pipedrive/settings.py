"""The settings of `[connectors.pipedrive]`."""

from __future__ import annotations

from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from config.connectors import ConnectorSettings, FieldNames, ObjectMap
from config.section import from_environment

PERSONS: Final = "persons"
# A person has one list of phones, and each phone a label. The four that Pipedrive offers are phone
# fields; what has another label stands with `other`. Further ones are fields of the company's own.
LABELS: Final = ("work", "mobile", "home", "other")

_OBJECTS = {PERSONS: ObjectMap(phones=LABELS, email="email", created="add_time")}
_FIELDS = FieldNames(
    status="Hygiene: {phone} phone status",
    e164="Hygiene: {phone} phone E.164",
    line_type="Hygiene: {phone} phone line type",
    wrong_number="Hygiene: wrong number",
    do_not_contact="Hygiene: do not contact",
    do_not_call="Hygiene: do not call",
    do_not_text="Hygiene: do not text",
    run="Hygiene: run",
    reason="Hygiene: reason",
    checked_at="Hygiene: checked at",
    best_phone="Hygiene: best phone",
    recheck="Hygiene: recheck",
    proposed_phone="Hygiene: proposed phone",
)


class PipedriveSettings(ConnectorSettings):
    """The table `[connectors.pipedrive]`.

    `url`: the company's own address, such as https://acme.pipedrive.com.
    `api_token`; or, for an app by OAuth, `client_id`, `client_secret` and `refresh_token`.
    `page_size`: persons that a call reads, 500 at most (API reference, `GET /api/v2/persons`).
    """

    url: str
    oauth_url: str = "https://oauth.pipedrive.com"
    api_token: str = from_environment("PIPEDRIVE_API_TOKEN", optional=True)
    client_id: str = from_environment("PIPEDRIVE_CLIENT_ID", optional=True)
    client_secret: str = from_environment("PIPEDRIVE_CLIENT_SECRET", optional=True)
    refresh_token: str = from_environment("PIPEDRIVE_REFRESH_TOKEN", optional=True)
    page_size: int = Field(500, ge=1, le=500)
    objects: dict[str, ObjectMap] = _OBJECTS
    fields: FieldNames = _FIELDS

    @property
    def is_oauth(self) -> bool:
        return not self.api_token

    @model_validator(mode="after")
    def _check_credentials(self) -> Self:
        of_oauth = (self.client_id, self.client_secret, self.refresh_token)
        if self.enabled is not False and bool(self.api_token) == all(of_oauth):
            raise ValueError(
                "set PIPEDRIVE_API_TOKEN; or, by OAuth and without it, PIPEDRIVE_CLIENT_ID, "
                "PIPEDRIVE_CLIENT_SECRET and PIPEDRIVE_REFRESH_TOKEN"
            )
        return self

    @field_validator("url", "oauth_url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        parts = urlsplit(url)
        loopback = parts.hostname in ("127.0.0.1", "localhost", "::1")
        if not parts.hostname or parts.scheme not in ("https", "http"):
            raise ValueError("write your company's address, such as https://acme.pipedrive.com")
        if parts.scheme == "http" and not loopback:
            raise ValueError("use https:// (plain http is for 127.0.0.1 only)")
        if parts.username or parts.query or parts.fragment or parts.path not in ("", "/"):
            raise ValueError("give the address alone, without user, path or query")
        return url.rstrip("/")

    @field_validator("objects")
    @classmethod
    def _check_objects(cls, objects: dict[str, ObjectMap]) -> dict[str, ObjectMap]:
        if set(objects) != {PERSONS}:
            raise ValueError("only persons are known")
        return objects
