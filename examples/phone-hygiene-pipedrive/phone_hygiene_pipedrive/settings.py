"""The settings of `[connectors.pipedrive]`."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator

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
    `page_size`: persons that a call reads, 500 at most (API reference, `GET /api/v2/persons`).
    """

    url: str
    api_token: str = from_environment("PIPEDRIVE_API_TOKEN")
    page_size: int = Field(500, ge=1, le=500)
    objects: dict[str, ObjectMap] = _OBJECTS
    fields: FieldNames = _FIELDS

    @field_validator("url")
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
