"""A CRM that is a JSON file: {"fields": {name: type}, "people": {id: {name: value}}, "token": ...}.

The example of docs/adding-a-connector.md. Its "login" is a token that stands in the file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from config.connectors import ConnectorSettings, FieldNames, ObjectMap
from config.section import from_environment
from config.settings import Settings
from connectors.base import BaseConnector
from connectors.errors import AuthError, UnavailableError
from connectors.http.rate_limits import Quota
from connectors.protocol import noop
from connectors.records import (
    NO_OWN_WRITES,
    Contact,
    CrmField,
    Merge,
    OwnWriteFilter,
    Page,
    Schema,
    Update,
    WriteResult,
)

PAGE = 100
OBJECTS = {"people": ObjectMap(phones=("phone",), country=("country",), source="source")}
FIELDS = FieldNames(
    status="{phone}_status",
    e164="{phone}_e164",
    line_type="{phone}_line_type",
    wrong_number="wrong_number",
    do_not_contact="do_not_contact",
    run="hygiene_run",
    reason="hygiene_reason",
    checked_at="hygiene_checked_at",
)


class JsonSettings(ConnectorSettings):
    """The table [connectors.jsoncrm]."""

    path: str
    token: str = from_environment("JSONCRM_TOKEN")
    objects: dict[str, ObjectMap] = OBJECTS
    fields: FieldNames = FIELDS


class JsonConnector(BaseConnector):
    name = "jsoncrm"
    settings_type = JsonSettings

    def __init__(self, settings: JsonSettings) -> None:
        super().__init__(settings)
        self._path, self._token = Path(settings.path), settings.token

    @classmethod
    def from_settings(cls, settings: Settings, _quota: Quota) -> Self:
        section = settings.section(cls.name)
        assert isinstance(section, JsonSettings)
        return cls(section)

    def describe(self) -> Schema:
        self.count("other")
        fields = self._load()["fields"]
        named = self.named_fields("people")
        return {"people": {name: CrmField(kind) for name, kind in fields.items() if name in named}}

    def clock(self) -> datetime | None:
        return datetime.now(UTC)  # the file is on this machine

    def read(
        self,
        object_name: str,
        since: datetime | None = None,
        cursor: str | None = None,
        own_writes: OwnWriteFilter = NO_OWN_WRITES,
        heartbeat: Callable[[], None] = noop,
    ) -> Iterator[Page]:
        self.count("read")
        people = self._load()["people"]
        ids = [
            record_id
            for record_id in sorted(people, key=_order)
            if not cursor or _order(record_id) > _order(cursor)
        ]
        for start in range(0, len(ids) or 1, PAGE):
            page, remaining = ids[start : start + PAGE], max(0, len(ids) - start - PAGE)
            contacts = [
                self.contact(object_name, record_id, people[record_id]) for record_id in page
            ]
            yield Page(contacts, page[-1] if remaining else None, remaining)

    def fetch(self, object_name: str, ids: Sequence[str]) -> list[Contact]:
        self.count("read")
        people = self._load()["people"]
        return [
            self.contact(object_name, record_id, people[record_id])
            for record_id in ids
            if record_id in people
        ]

    def deleted(self, object_name: str, ids: Sequence[str]) -> Mapping[str, Merge | None]:
        people = self._load()["people"]
        return {record_id: None for record_id in ids if record_id not in people}

    def write(
        self, updates: Sequence[Update], heartbeat: Callable[[], None] = noop
    ) -> list[WriteResult]:
        self.count("write")
        stored = self._load()
        results = []
        for update in updates:
            if person := stored["people"].get(update.id):
                person.update(self.crm_values(update))
                results.append(WriteResult(update.id, True))
            else:
                results.append(WriteResult(update.id, False, "gone", "there is no such person"))
        self._path.write_text(json.dumps(stored), encoding="utf-8")
        return results

    def _load(self) -> dict[str, Any]:
        try:
            stored: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UnavailableError(f"jsoncrm: {self._path} cannot be read: {error}") from error
        if stored["token"] != self._token:
            raise AuthError("jsoncrm: the token is refused; set JSONCRM_TOKEN")
        return stored


def _order(record_id: str) -> tuple[int, str]:
    """Shorter ids come first, as in CRMs that count up."""
    return len(record_id), record_id
