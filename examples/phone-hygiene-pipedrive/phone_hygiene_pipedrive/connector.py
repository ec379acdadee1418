"""Pipedrive: persons through API v2.

Facts used here, from the API reference and its OpenAPI document of v2: a list page holds up to 500
persons, sorted by id; `updated_since` includes its moment and takes whole seconds; `ids` reads 100
at once and leaves out what does not exist or is not visible; `custom_fields` takes 15 keys, and
without it all come; a PATCH changes one person, and of the fields of the company's own only those
that it names. A deleted person has `is_deleted`, and is gone for good after 30 days. In which
person a merged one lives on, the API does not say. See README.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from config.settings import Http, Settings
from connectors.base import BaseConnector
from connectors.conversions import format_utc
from connectors.errors import InvalidRequestError, NotFoundError, SchemaChangedError
from connectors.http.client import ContradictionError
from connectors.http.consistency import UNCONFIRMED
from connectors.http.cursors import CursorGuard
from connectors.http.rate_limits import Quota
from connectors.http.response_guard import guards_response
from connectors.protocol import noop
from connectors.records import (
    NO_OWN_WRITES,
    Contact,
    EmailRefusal,
    FailureKind,
    Merge,
    OwnWriteFilter,
    Page,
    ProbeResult,
    Purpose,
    Schema,
    SchemaProblem,
    SetupResult,
    TypedContact,
    Update,
    WriteResult,
)
from phone_hygiene_pipedrive import person_fields, setup
from phone_hygiene_pipedrive.client import Check, Client, Query, RefusedError
from phone_hygiene_pipedrive.person_fields import Column
from phone_hygiene_pipedrive.probe import probe
from phone_hygiene_pipedrive.settings import LABELS, PERSONS, PipedriveSettings

_IDS: Final = 100  # that one call reads
_MOST_KEYS: Final = 15
_RESOLUTION: Final = timedelta(seconds=1)  # of `update_time`
_TRUSTED: Final = 60.0  # seconds; then what fields there are is asked again
_MARKETING: Final = "marketing_status"
_NO_OPT_OUT: Final = ("no_consent", "subscribed", "archived")
_NO_FIELD: Final = "is not allowed for this request"


class PipedriveConnector(BaseConnector):
    name = "pipedrive"
    settings_type = PipedriveSettings
    write_size = 25  # each is a call: a stop is heeded between two batches
    names_size = _IDS
    incremental = True

    def __init__(self, settings: PipedriveSettings, http: Http, quota: Quota) -> None:
        self.client = Client(settings, http, quota)
        super().__init__(settings, self.client.counts)
        self.page_size = settings.page_size
        self._columns: dict[str, Column] = {}
        self._known: tuple[float, frozenset[str]] = (float("-inf"), frozenset())

    @classmethod
    def from_settings(cls, settings: Settings, quota: Quota) -> Self:
        section = settings.section(cls.name)
        assert isinstance(section, PipedriveSettings)
        return cls(section, settings.http, quota)

    def clock(self) -> datetime | None:
        return self.client.clock.time

    def clock_offset(self) -> timedelta:
        return self.client.clock.offset

    def close(self) -> None:
        self.client.close()

    # -- schema --------------------------------------------------------------------------

    @guards_response
    def describe(self) -> Schema:
        entries = person_fields.definitions(self.client)
        return {PERSONS: person_fields.describe(self.wanted(PERSONS), entries)}

    def apply_schema(self, schema: Schema) -> list[SchemaProblem]:
        problems = super().apply_schema(schema)
        self._columns = person_fields.columns_of(schema)
        return problems

    @guards_response
    def provision(self, adopt: Collection[str] = ()) -> Iterator[SetupResult]:
        return setup.provision(self.client, self.wanted(PERSONS))

    @guards_response
    def remove(self, dry_run: bool) -> Iterator[SetupResult]:
        return setup.remove(self.client, self.wanted(PERSONS), dry_run)

    @guards_response
    def unwatched(self) -> Iterator[SchemaProblem]:
        wanted = self.wanted(PERSONS)
        named = {*wanted.phones, *wanted.names.values()}
        for entry in person_fields.definitions(self.client):
            name, key = entry["field_name"], entry["field_code"]
            if entry["field_type"] == "phone" and key != "phone" and not {name, key} & named:
                problem = "a phone field that connectors.pipedrive.objects.persons.phones lacks"
                yield SchemaProblem(PERSONS, name, problem, False)
        for label in LABELS:
            if label not in wanted.phones:
                problem = f"phones labelled {label} are not read"
                yield SchemaProblem(PERSONS, label, problem, False)

    def probe(self, record_id: str = "") -> Iterator[ProbeResult]:
        return probe(self.client)

    # -- reading -------------------------------------------------------------------------

    @guards_response
    def read(
        self,
        object_name: str,
        since: datetime | None = None,
        cursor: str | None = None,
        own_writes: OwnWriteFilter = NO_OWN_WRITES,
        heartbeat: Callable[[], None] = noop,
    ) -> Iterator[Page]:
        guard = CursorGuard(self.name)
        query: dict[str, str | int] = {
            "limit": self.page_size, "sort_by": "id", "sort_direction": "asc",
        }  # fmt: skip
        if since is not None:
            query["updated_since"] = format_utc(since)
        last = 0
        while True:
            if cursor:
                query["cursor"] = guard.check(cursor)
            answer = self._persons("read", query, _in_order(last))
            persons = answer["data"]
            cursor = (answer.get("additional_data") or {}).get("next_cursor")
            last = persons[-1]["id"] if persons else last
            contacts = [self._contact(person) for person in persons if not person["is_deleted"]]
            heartbeat()
            yield Page(
                [contact for contact in contacts if not _is_own(contact, own_writes)],
                cursor,
                deleted_ids=tuple(str(person["id"]) for person in persons if person["is_deleted"]),
            )
            if not cursor:
                return

    @guards_response
    def fetch(self, object_name: str, ids: Sequence[str]) -> list[Contact]:
        persons = self._persons_by_id("read", ids)
        return [self._contact(person) for person in persons if not person["is_deleted"]]

    @guards_response
    def email_refusals(self, object_name: str, ids: Sequence[str]) -> dict[str, EmailRefusal]:
        """By the marketing status, which is there where the company uses Campaigns. No consent to
        marketing is no opt-out. Source: API reference, "Get all persons" (`include_fields`) and
        "Add a person" (values of `marketing_status`)."""
        refused: dict[str, EmailRefusal] = {}
        good = _valid_ids(ids)
        for start in range(0, len(good), _IDS):
            batch = good[start : start + _IDS]
            query: dict[str, str | int] = {
                "ids": ",".join(batch), "limit": _IDS, "include_fields": _MARKETING,
            }  # fmt: skip
            try:
                answer = self.client.get("read", "persons", query, _among(batch))
            except RefusedError as error:
                if _MARKETING in error.reason or "include_fields" in error.reason:
                    return {}  # the company does not use Campaigns, so nobody has such a status
                raise
            for person in answer["data"]:
                status = person.get(_MARKETING)
                if status == "unsubscribed":
                    refused[str(person["id"])] = "opted_out"
                elif status not in (None, *_NO_OPT_OUT):
                    refused[str(person["id"])] = "unreadable"
        return refused

    @guards_response
    def read_names(self, object_name: str, ids: Sequence[str]) -> list[TypedContact]:
        return [
            self.typed_contact(
                PERSONS, str(person["id"]), str(person["name"]), self._values(person)
            )
            for person in self._persons_by_id("other", ids, keep_reserve=True)
            if not person["is_deleted"]
        ]

    @guards_response
    def deleted(self, object_name: str, ids: Sequence[str]) -> Mapping[str, Merge | None]:
        """What is not found may be hidden from our user, or deleted more than 30 days ago: of that
        Pipedrive says nothing, so neither do we."""
        gone: dict[str, Merge | None] = {}
        for record_id in _valid_ids(ids):
            try:
                person = self.client.get("read", f"persons/{record_id}")["data"]
            except (NotFoundError, RefusedError):
                continue
            if str(person["id"]) == record_id and person["is_deleted"]:
                gone[record_id] = None
        return gone

    @guards_response
    def ticked(self, object_name: str, field: str) -> Iterator[str]:
        """By reading all persons: Pipedrive filters by a stored filter alone, which stays behind in
        the company's account."""
        found = person_fields.find(field, person_fields.definitions(self.client))
        entry = person_fields.flag(found[0]) if found else None
        if entry is None:
            raise InvalidRequestError(
                f"pipedrive: {field} is no field of a person with the option Yes; name it as "
                "people see it, or by its API key"
            )
        return self._ticked(Column.of(entry))

    def _ticked(self, column: Column) -> Iterator[str]:
        guard = CursorGuard(self.name)
        query: dict[str, str | int] = {"limit": self.page_size, "sort_by": "id"}
        if column.own:
            query["custom_fields"] = column.key
        last = 0
        while True:
            answer = self.client.get("other", "persons", query, _in_order(last))
            for person in answer["data"]:
                last = person["id"]
                if column.read(person) is True and not person["is_deleted"]:
                    yield str(person["id"])
            cursor = (answer.get("additional_data") or {}).get("next_cursor")
            if not cursor:
                return
            query["cursor"] = guard.check(cursor)

    def record_url(self, object_name: str, record_id: str) -> str:
        return f"{self.client.url}/person/{record_id}"

    def object_of(self, record_id: str) -> str:
        if not _valid_ids([record_id]):
            raise InvalidRequestError(f"pipedrive: {record_id[:40]} is no id of a person")
        return PERSONS

    def _persons_by_id(
        self, purpose: Purpose, ids: Sequence[str], keep_reserve: bool = False
    ) -> list[dict[str, Any]]:
        good = _valid_ids(ids)
        persons: list[dict[str, Any]] = []
        for start in range(0, len(good), _IDS):
            batch = good[start : start + _IDS]
            query: dict[str, str | int] = {"ids": ",".join(batch), "limit": _IDS}
            answer = self._persons(purpose, query, _among(batch), keep_reserve)
            persons += answer["data"]
        return persons

    def _persons(
        self, purpose: Purpose, query: Query, check: Check, keep_reserve: bool = False
    ) -> Any:
        keys = self._keys()
        if 0 < len(keys) <= _MOST_KEYS:
            query = {**query, "custom_fields": ",".join(sorted(keys))}
        try:
            answer = self.client.get(purpose, "persons", query, check, keep_reserve)
        except RefusedError as error:
            self._raise_if_a_field_is_gone(error)
            raise
        self._look_for_lost_fields(answer["data"], keys)
        return answer

    def _keys(self) -> frozenset[str]:
        """The keys of the company's own fields that we read."""
        read = (self._columns.get(name) for name in self.fields(PERSONS).read)
        return frozenset(column.key for column in read if column is not None and column.own)

    def _look_for_lost_fields(
        self, persons: Sequence[Mapping[str, Any]], keys: Collection[str]
    ) -> None:
        """A field that was removed from the company's account is merely absent from persons. Taken
        for an empty one, it would look as if people had cleared all flags."""
        if not persons:
            return
        present = {key for person in persons for key in person.get("custom_fields") or ()}
        absent = set(keys) - present
        at, known = self._known
        if absent and (time.monotonic() - at > _TRUSTED or not absent <= known):
            entries = person_fields.definitions(self.client)
            known = frozenset(str(entry["field_code"]) for entry in entries)
            self._known = time.monotonic(), known
        if lost := absent - known if absent else set():
            raise SchemaChangedError(f"pipedrive: {self._named(lost)}: gone from the account")

    def _raise_if_a_field_is_gone(self, error: RefusedError) -> None:
        named = {c.key for c in self._columns.values() if c.own and c.key in error.reason}
        if error.status == 400 and named and _NO_FIELD in error.reason:
            raise SchemaChangedError(
                f"pipedrive: {self._named(named)}: gone from the account"
            ) from error

    def _named(self, keys: Collection[str]) -> str:
        names = (name for name, column in self._columns.items() if column.key in keys)
        return ", ".join(sorted(names))

    def _contact(self, person: Mapping[str, Any]) -> Contact:
        modified = str(person.get("update_time") or person.get("add_time") or "")
        return self.contact(PERSONS, str(person["id"]), self._values(person), modified)

    def _values(self, person: Mapping[str, Any]) -> dict[str, Any]:
        labels = [name for name in self.fields(PERSONS).phones if name not in self._columns]
        values = {name: column.read(person) for name, column in self._columns.items()}
        return {**values, **person_fields.phone_texts(person, labels)}

    # -- writing -------------------------------------------------------------------------

    @guards_response
    def write(
        self, updates: Sequence[Update], heartbeat: Callable[[], None] = noop
    ) -> list[WriteResult]:
        results = []
        for update in updates:
            results.append(self._write(update))
            heartbeat()
        return results

    def _write(self, update: Update) -> WriteResult:
        body: dict[str, Any] = {}
        refused: list[str] = []
        canonical: dict[str, str] = {}  # key of the field -> ours
        for ours, (name, value) in zip(update.values, self.crm_values(update).items(), strict=True):
            column = self._columns[name]
            canonical[column.key] = ours
            if column.can_hold(value):
                body[column.key] = column.written(value)
            else:
                refused.append(ours)
        if body:
            result = self._patch(update.id, body, canonical)
            if not result.ok:
                return result
        if refused:
            return WriteResult(
                update.id, False, "picklist_value",
                "the field lacks this option; add it with: hygiene crm setup pipedrive",
                tuple(refused), rest=True,
            )  # fmt: skip
        return WriteResult(update.id, True)

    def _patch(
        self, record_id: str, body: Mapping[str, Any], canonical: Mapping[str, str]
    ) -> WriteResult:
        if not _valid_ids([record_id]):
            return WriteResult(record_id, False, "gone", "this is no id of a person")
        try:
            answer = self.client.patch("write", f"persons/{record_id}", {"custom_fields": body})
        except NotFoundError:
            if record_id in self.deleted(PERSONS, [record_id]):
                return WriteResult(record_id, False, "gone", "the person is deleted")
            return WriteResult(record_id, False, "not_visible", "our user does not see this person")
        except RefusedError as error:
            self._raise_if_a_field_is_gone(error)
            named = tuple(ours for key, ours in canonical.items() if key in error.reason)
            kind: FailureKind = "access" if error.status == 403 else "validation"
            return WriteResult(record_id, False, kind, error.reason, named)
        person = answer["data"]
        if str(person["id"]) != record_id:
            return WriteResult(record_id, False, "other", UNCONFIRMED)
        if person.get("is_deleted"):
            return WriteResult(record_id, False, "gone", "the person is deleted")
        holds = person.get("custom_fields") or {}
        other = [key for key, value in body.items() if key in holds and holds[key] != value]
        if other:
            named = tuple(canonical[key] for key in other)
            return WriteResult(record_id, False, "other", UNCONFIRMED, named, rest=True)
        return WriteResult(record_id, True)


def _is_own(contact: Contact, own_writes: OwnWriteFilter) -> bool:
    """Whether one of these runs wrote a person last. `update_time` has whole seconds, so what looks
    a moment older than `until` may be a person's edit after it."""
    if not own_writes.runs or contact.current.get("run") not in own_writes.runs:
        return False
    modified = contact.modified_at
    return modified is not None and _utc(modified) + _RESOLUTION <= own_writes.until


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _valid_ids(ids: Sequence[str]) -> list[str]:
    return [
        record_id
        for record_id in ids
        if record_id.isascii() and record_id.isdecimal() and record_id[0] != "0" and (
            len(record_id) <= 18)
    ]  # fmt: skip


def _in_order(last: int) -> Check:
    """Check a page of a list: persons by rising id, after the last one of the page before."""

    def check(answer: Any) -> None:
        ids = _ids(answer)
        if any(one >= two for one, two in zip([last, *ids], ids, strict=False)):
            raise ContradictionError("persons did not come in the order of their ids")
        if (answer.get("additional_data") or {}).get("next_cursor") and not ids:
            raise ContradictionError("a page is empty, and more should follow")

    return check


def _among(asked: Collection[str]) -> Check:
    def check(answer: Any) -> None:
        ids = [str(record_id) for record_id in _ids(answer)]
        if not set(ids) <= set(asked) or len(ids) != len(set(ids)):
            raise ContradictionError("persons came that were not asked for")

    return check


def _ids(answer: Any) -> list[int]:
    if not isinstance(answer["data"], list):
        raise ContradictionError("an answer has no list of persons")
    return [person["id"] for person in answer["data"]]
