"""HubSpot: contacts, companies and any other object through the date-versioned CRM API.

Facts used here, from HubSpot's API guides: list pages hold up to 100 contacts, search pages 200; a
search pages no further than 10,000 results, so each page is a fresh search for ids above the last
one seen; a batch update takes 100 and is refused whole for one bad value, while unknown ids are
answered apart (207); the id of a merged contact leads to the surviving one; search sees a change
late, hence `connectors.hubspot.search_lag`. See docs/hubspot-facts.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from config.connectors import HubSpotSettings
from config.credentials import HubSpotCredentials
from config.feedback import Dispositions
from config.settings import Http, Settings
from connectors.base import BaseConnector
from connectors.conversions import format_utc
from connectors.errors import (
    AuthError,
    ConnectorError,
    InvalidRequestError,
    NotFoundError,
    SchemaChangedError,
    SchemaError,
    UnavailableError,
)
from connectors.http import consistency
from connectors.http.cursors import CursorGuard
from connectors.http.rate_limits import Quota
from connectors.http.response_guard import guards_response
from connectors.hubspot import (
    email_addresses,
    email_opt_outs,
    merges,
    people_search,
    removal,
    schema_scan,
    setup,
)
from connectors.hubspot import lists as hubspot_lists
from connectors.hubspot import probe as hubspot_probe
from connectors.hubspot import properties as hubspot_properties
from connectors.hubspot.batches import BATCH, MERGED_IDS, batch_read
from connectors.hubspot.call_log import CallLog
from connectors.hubspot.client import OBJECT, Client
from connectors.hubspot.errors import is_unknown_object
from connectors.hubspot.list_members import members
from connectors.hubspot.object_types import is_object_name, object_type
from connectors.hubspot.owner_tasks import HubSpotOwnerTasks
from connectors.hubspot.paging import next_cursor
from connectors.hubspot.portal import portal_of
from connectors.hubspot.search import by_id, milliseconds, moment_of
from connectors.hubspot.subscriptions import PROPERTY as OPT_OUT_OF_TYPE
from connectors.hubspot.subscriptions import Subscriptions
from connectors.hubspot.writes import Writer
from connectors.owner_tasks import OwnerTasks
from connectors.protocol import noop
from connectors.records import (
    NO_OWN_WRITES,
    CallOutcome,
    Caution,
    Contact,
    CrmField,
    EmailRefusal,
    FoundPerson,
    Merge,
    OutcomeNames,
    OwnWriteFilter,
    Page,
    ProbeResult,
    Schema,
    SchemaProblem,
    SetupResult,
    TypedContact,
    Update,
    Value,
    Visibility,
    WriteResult,
)
from connectors.rows import Rows, make_decoder
from connectors.schema_scan import ScannedObject

log = logging.getLogger(__name__)

_LIST_PAGE = 100
_SEARCH_PAGE = 200
_LAST_NAME = "lastname"  # of a contact; other objects have none
_DISPOSITIONS = Dispositions()
_ONE: Mapping[str, Any] = {
    "filterGroups": [], "sorts": [], "properties": [], "limit": 1, "after": "0",
}  # fmt: skip


class HubSpotConnector(BaseConnector):
    name = "hubspot"
    settings_type = HubSpotSettings
    write_size = BATCH
    names_size = BATCH
    shares_batches = True
    incremental = True
    finds_late = True

    def __init__(
        self,
        credentials: HubSpotCredentials,
        settings: HubSpotSettings,
        http: Http,
        quota: Quota,
        dispositions: Dispositions = _DISPOSITIONS,
    ) -> None:
        if unknown := sorted(name for name in settings.objects if not is_object_name(name)):
            raise SchemaError(
                f"connectors.hubspot.objects: {', '.join(unknown)}: HubSpot has no such object; it "
                "has contacts, companies, deals, tickets, leads, and those of your own by their id "
                "(2-123456) or name (p_machines)"
            )
        self.client = Client(credentials, http, quota)
        super().__init__(settings, self.client.counts)
        self._types = {name: object_type(name) for name in self._configured}
        self._decoders = {
            name: make_decoder(fields, _checked) for name, fields in self._configured.items()
        }
        self._writers = {name: Writer(self.client, name, self.fetch) for name in self._configured}
        # By object, properties that were asked after, and are still there.
        self._there: dict[str, frozenset[str]] = {}
        self._shown_by: dict[str, tuple[str, ...]] = {}
        self._subscriptions = Subscriptions(self.client, settings.email_subscription_type)
        self._call_log = CallLog(self.client, dispositions, settings.objects)

    @classmethod
    def from_settings(cls, settings: Settings, quota: Quota) -> HubSpotConnector:
        assert settings.hubspot is not None
        dispositions = settings.feedback.dispositions
        return cls(
            settings.hubspot, settings.connectors.hubspot, settings.http, quota, dispositions
        )

    def clock(self) -> datetime | None:
        return self.client.clock.time

    def clock_offset(self) -> timedelta:
        return self.client.clock.offset

    def close(self) -> None:
        self.client.close()

    # -- schema --------------------------------------------------------------------------

    @guards_response
    def describe(self) -> Schema:
        return {name: self._describe(name) for name in self.objects}

    def _describe(self, name: str) -> dict[str, CrmField]:
        """Return those properties of an object that the settings name, and of contacts the opt-outs
        from email; none of an object that the account does not have."""
        path = self.client.paths.properties(name)
        try:
            answer = self.client.get("other", path, check=consistency.some_properties)
        except ConnectorError as error:
            if name == OBJECT or not is_unknown_object(error):
                raise
            return {}
        configured = self._configured[name]
        named = {*configured.read, *configured.names.values()}
        if name == OBJECT:
            named |= {email_opt_outs.OPT_OUT, email_opt_outs.ASKED_TOO}
            names = (entry["name"] for entry in answer["results"])
            named |= {entry for entry in names if OPT_OUT_OF_TYPE.fullmatch(entry)}
        return {
            entry["name"]: CrmField(
                type=(kind := hubspot_properties.type_of(entry)),
                writable=not (entry.get("modificationMetadata") or {}).get("readOnlyValue"),
                values=tuple(option["value"] for option in entry["options"])
                if kind == "enumeration" and not entry.get("externalOptions")
                else None,
                details={"label": str(entry.get("label") or "")}
                if OPT_OUT_OF_TYPE.fullmatch(entry["name"])
                else {},
            )
            for entry in answer["results"]
            if entry["name"] in named
        }

    def apply_schema(self, schema: Schema) -> list[SchemaProblem]:
        of_fields = super().apply_schema(schema)
        problems: list[SchemaProblem] = []
        for name in self.objects:
            self._decoders[name] = make_decoder(self._fields[name], _checked)
            self._writers[name].apply_fields(self._fields[name])
            if schema.get(name) or name == OBJECT:
                problems += [problem for problem in of_fields if problem.object == name]
            else:
                text = "the account has no such object, or none of the properties that are named"
                problems.append(SchemaProblem(name, "", text, cause="missing"))
        self._there = {}
        self._subscriptions.apply_schema(schema.get(OBJECT, {}))
        return problems

    def provision(self, adopt: Collection[str] = ()) -> Iterator[SetupResult]:
        for name, wanted in self._configured.items():
            for step in setup.provision(self.client, wanted, adopt):
                yield step if name == OBJECT else replace(step, what=f"{name}: {step.what}")
        for problem in self.email_right_problems():
            note = f"only if you ask customers by email: {problem.problem}"
            yield SetupResult(problem.field, "offered", note)

    def remove(self, dry_run: bool) -> Iterator[SetupResult]:
        for name, wanted in self._configured.items():
            for step in removal.remove(self.client, wanted, dry_run):
                yield step if name == OBJECT else replace(step, what=f"{name}: {step.what}")

    @guards_response
    def unwatched(self) -> Iterator[SchemaProblem]:
        for name, configured in self._configured.items():
            answer = self.client.get("other", self.client.paths.properties(name))
            watched = {*configured.phones, *configured.names.values()}
            yield from hubspot_properties.unwatched(
                name, answer["results"], watched, partial(self._look, name)
            )

    def _look(self, object_name: str, name: str, sample: int) -> tuple[int, list[str]]:
        """How many records hold a property, and some of the values."""
        return schema_scan.look(self.client, object_name, name, sample)

    @guards_response
    def scan(self) -> Iterator[ScannedObject]:
        watched = {name: fields.phones for name, fields in self._configured.items()}
        return schema_scan.scan(self.client, watched)

    def cautions(self) -> Iterator[Caution]:
        yield hubspot_lists.caution(self.client)

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
        if since is None:
            return self._list(object_name, cursor)
        return self._changed(object_name, since, cursor, own_writes)

    def _list(self, name: str, after: str | None) -> Iterator[Page]:
        # The list does not say how long it is; one search does, where the list is not short.
        remaining: int | None = None
        total: int | None = None  # of a list that is read from its beginning
        read = 0
        first = after is None
        guard = CursorGuard(self.name)
        while True:
            query: dict[str, str | int | bool | list[str]] = {
                "limit": _LIST_PAGE,
                "properties": [*self._fields[name].read, MERGED_IDS],
                "archived": False,
            }
            if after:
                query["after"] = guard.check(after)
            answer = self.client.get("read", self.client.paths.objects(name), query)
            contacts = self._contacts(name, answer)
            after = next_cursor(answer)
            if first:
                remaining = total = self._count(name)
            first = False
            read += len(answer["results"])
            if not after:
                _check_length(name, read, total)
            remaining = None if remaining is None else max(0, remaining - len(contacts))
            merged = merges.merges_in(answer, name)
            yield Page(contacts, after, remaining, tuple(merged), tuple(merged.values()))
            if not after:
                return

    def _count(self, name: str) -> int | None:
        try:
            answer = self.client.search("other", name, _ONE)
        except ConnectorError:
            return None  # only the progress bar wanted to know
        return int(answer.get("total", 0))

    def _changed(
        self, name: str, since: datetime, after: str | None, own_writes: OwnWriteFilter
    ) -> Iterator[Page]:
        modified = self._types[name].modified
        base = [_changed(modified, "GTE", since)]
        run_field = self._fields[name].names.get("run")
        groups = [base]
        if own_writes.runs and run_field:
            others = {"propertyName": run_field, "operator": "NOT_IN"}
            groups = [
                [*base, {**others, "values": [run.lower() for run in own_writes.runs]}],
                [*base, {"propertyName": run_field, "operator": "NOT_HAS_PROPERTY"}],
                [_changed(modified, "GTE", max(since, own_writes.until))],
            ]
            if own_writes.since > since:
                groups.append([*base, _changed(modified, "LT", own_writes.since)])
        while True:
            above = (
                [{"propertyName": "hs_object_id", "operator": "GT", "value": after}]
                if after
                else []
            )
            body = {
                "filterGroups": [{"filters": [*group, *above]} for group in groups],
                "sorts": ["hs_object_id"],
                "properties": [*self._fields[name].read, MERGED_IDS],
                "limit": _SEARCH_PAGE,
                "after": "0",
            }
            answer, ids = by_id(self.client, name, body, above=after)
            contacts = self._contacts(name, answer)
            remaining = max(0, answer["total"] - len(ids))
            if not ids and not after:
                self._ask_for(name, self._decoders[name].columns)  # none says what there is
            after = ids[-1] if ids and (remaining or next_cursor(answer)) else None
            merged = merges.merges_in(answer, name)
            yield Page(contacts, after, remaining, tuple(merged), tuple(merged.values()))
            if not after:
                return

    @guards_response
    def read_reverse(self, object_name: str, before: str | None = None) -> Iterator[Page] | None:
        """By search. The list gives one page after another and never two at once, and where each
        takes a while that is slower than the account's limit of calls allows."""
        return self._backwards(object_name, before)

    def _backwards(self, name: str, before: str | None) -> Iterator[Page]:
        while True:
            below = [{"propertyName": "hs_object_id", "operator": "LT", "value": before}]
            body = {
                "filterGroups": [{"filters": below}] if before else [],
                # HubSpot's guide has sorts as objects, its OpenAPI document as texts alone, which
                # cannot name a direction (hubspot-api-python issue 236).
                "sorts": [{"propertyName": "hs_object_id", "direction": "DESCENDING"}],
                "properties": [*self._fields[name].read, MERGED_IDS],
                "limit": _SEARCH_PAGE,
                "after": "0",
            }
            answer, ids = by_id(self.client, name, body, below=before, down=True)
            if not ids:
                return
            before = ids[-1]
            merged = merges.merges_in(answer, name)
            contacts = self._contacts(name, answer)[::-1]
            yield Page(contacts, before, None, tuple(merged), tuple(merged.values()))

    @guards_response
    def fetch(self, object_name: str, ids: Sequence[str]) -> list[Contact]:
        contacts: dict[str, Contact] = {}
        good = _valid_ids(ids)
        for start in range(0, len(good), BATCH):
            batch = good[start : start + BATCH]
            columns = [*self._fields[object_name].read, MERGED_IDS]
            answer = batch_read(self.client, object_name, batch, columns)
            asked = set(batch)  # the id of a merged record leads to another one
            contacts.update(
                (contact.id, contact)
                for contact in self._contacts(object_name, answer)
                if contact.id in asked
            )
            for record_id in consistency.led_elsewhere(answer, batch, MERGED_IDS):
                answer = batch_read(self.client, object_name, [record_id], columns)
                alone = self._contacts(object_name, answer)
                contacts.update(
                    (contact.id, contact) for contact in alone if contact.id == record_id
                )
        return list(contacts.values())

    @guards_response
    def read_names(self, object_name: str, ids: Sequence[str]) -> list[TypedContact]:
        contacts: list[TypedContact] = []
        good = _valid_ids(ids)
        names = self._display_properties(object_name)
        columns = list(dict.fromkeys((*names, *self.name_columns(object_name))))
        for start in range(0, len(good), BATCH):
            batch = set(good[start : start + BATCH])
            body = {
                "properties": columns,
                "propertiesWithHistory": [],
                "inputs": [{"id": record_id} for record_id in sorted(batch)],
            }
            path = self.client.paths.objects(object_name, "batch/read")
            answer = self.client.post("other", path, body, {"archived": False}, keep_reserve=True)
            for entry in answer["results"]:
                values = entry["properties"]
                if (record_id := str(entry["id"])) in batch:  # a merged one leads to another
                    name = " ".join(str(values.get(column) or "") for column in names)
                    last = str(values.get(_LAST_NAME) or "")
                    contacts.append(self.typed_contact(object_name, record_id, name, values, last))
        return contacts

    def _display_properties(self, name: str) -> tuple[str, ...]:
        """Return the properties that people recognise a record by. Of an object of the account's
        own its schema tells; where our token may not read that, records go without a name."""
        if self._types[name].names or name in self._shown_by:
            return self._types[name].names or self._shown_by[name]
        try:
            path = self.client.paths.schemas(name)
            answer = self.client.request("other", "GET", path, keep_reserve=True)
        except (AuthError, NotFoundError):
            answer = {}
        shown = str(answer.get("primaryDisplayProperty") or "")
        self._shown_by[name] = (shown,) if shown else ()
        return self._shown_by[name]

    @guards_response
    def deleted(self, object_name: str, ids: Sequence[str]) -> dict[str, Merge | None]:
        return merges.deleted(self.client, object_name, _valid_ids(ids))

    @guards_response
    def merged_into(self, object_name: str, ids: Sequence[str]) -> list[Merge]:
        return merges.merged_into(self.client, object_name, _valid_ids(ids))

    @guards_response
    def flags_before_merge(
        self, object_name: str, since: Mapping[str, datetime], flags: Sequence[str]
    ) -> dict[str, dict[str, list[datetime]]]:
        """By the history of the properties, which a merge keeps of all contacts that it joins."""
        name_of = self._fields[object_name].names
        names = {name_of[flag]: flag for flag in flags if flag in name_of}
        return merges.flags_before_merge(self.client, object_name, names, since)

    @guards_response
    def visibility(self) -> list[Visibility]:
        """A service key or an app's token reads all contacts of the account, whoever owns them:
        its scopes are all that limits it. Source: HubSpot's guide to private apps."""
        seen = []
        for name in self.objects:
            answer = self.client.search("other", name, _ONE)
            note = f"a service key or an app's token sees all {name} of the account"
            seen.append(Visibility(name, int(answer["total"]), None, None, note))
        return seen

    def _contacts(self, name: str, answer: Any) -> Rows:
        decoder = self._decoders[name]
        columns = decoder.columns
        try:
            self._check_columns(name, answer["results"])
            rows = [
                (str(entry["id"]), entry["updatedAt"], *map(entry["properties"].get, columns))
                for entry in answer["results"]
                if not entry.get("archived")
            ]
            return decoder.read(zip(*rows, strict=True))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ConnectorError(
                f"hubspot: an answer of the {name} API has an unknown form ({error!r})"
            ) from error

    def _check_columns(self, name: str, entries: Sequence[Any]) -> None:
        """A property that was archived since we asked for the properties is left out of answers
        without a word, while an empty one is there as null. It would pass for one that every
        contact has emptied. Raises `SchemaChangedError`."""
        if not entries:
            return
        lacking = {
            column
            for column in self._decoders[name].columns
            if column not in entries[0]["properties"]
        } - self._there.get(name, frozenset())
        for entry in entries if lacking else ():
            lacking -= entry["properties"].keys()
        if lacking:
            self._ask_for(name, lacking)

    def _ask_for(self, name: str, columns: Collection[str]) -> None:
        """Whether an object has these properties; raises `SchemaChangedError`."""
        gone = {*columns} - self._describe(name).keys()
        if gone:
            raise SchemaChangedError(f"hubspot: there is no property {', '.join(sorted(gone))}")
        self._there[name] = self._there.get(name, frozenset()) | {*columns}

    @guards_response
    def list_members(self, kind: str, name: str) -> Iterator[tuple[str, str]] | None:
        return members(self.client, name) if kind == "list" else None

    @guards_response
    def ticked(self, object_name: str, field: str) -> Iterator[str]:
        path = self.client.paths.properties(object_name)
        answer = self.client.get("other", path, check=consistency.some_properties)
        entry = next((entry for entry in answer["results"] if entry["name"] == field), None)
        kinds = (entry.get("type"), entry.get("fieldType")) if entry else ()
        if not {"bool", "booleancheckbox"} & {*kinds}:
            raise InvalidRequestError(f"hubspot: {object_name} have no checkbox {field}")
        return self._with_value(object_name, field, "true")

    def _with_value(self, object_name: str, name: str, value: str) -> Iterator[str]:
        """Yield the ids of records by a property's value, each page a search above the last id."""
        after: str | None = None
        while True:
            filters = [{"propertyName": name, "operator": "EQ", "value": value}]
            if after:
                filters.append({"propertyName": "hs_object_id", "operator": "GT", "value": after})
            body = {**_ONE, "filterGroups": [{"filters": filters}], "sorts": ["hs_object_id"],
                    "properties": [name], "limit": _SEARCH_PAGE, "after": "0"}  # fmt: skip
            _answer, ids = by_id(self.client, object_name, body, above=after)
            yield from ids
            if not ids:
                return
            after = ids[-1]

    @guards_response
    def call_outcomes(self, since: datetime, only: str = "") -> Iterator[CallOutcome] | None:
        """Needs the scope crm.objects.contacts.read, which covers calls."""
        return self._call_log.call_outcomes(since, only)

    @guards_response
    def outcome_names(self) -> OutcomeNames:
        return self._call_log.outcome_names()

    @guards_response
    def email_refusals(self, object_name: str, ids: Sequence[str]) -> dict[str, EmailRefusal]:
        if object_name != OBJECT:
            return {}  # HubSpot sends its emails to contacts alone
        return email_opt_outs.refusals(self.client, _valid_ids(ids))

    @guards_response
    def email_address_refusals(self, addresses: Sequence[str]) -> dict[str, EmailRefusal]:
        """Of an account whose contacts are not read, nothing is known."""
        if OBJECT not in self.objects:
            return {}
        return email_addresses.refusals(self.client, addresses, self._subscriptions)

    @guards_response
    def email_right_problems(self) -> list[SchemaProblem]:
        return self._subscriptions.problems() if OBJECT in self.objects else []

    def unread_email_opt_outs(self, schema: Schema) -> list[SchemaProblem]:
        return email_opt_outs.problems(schema) if OBJECT in self.objects else []

    # -- writing -------------------------------------------------------------------------

    @guards_response
    def write(
        self, updates: Sequence[Update], heartbeat: Callable[[], None] = noop
    ) -> list[WriteResult]:
        return self._writers[updates[0].object].write(updates) if updates else []

    # -- ids -----------------------------------------------------------------------------

    def object_of(self, record_id: str) -> str:
        """Digits alone are a contact, if contacts are read. A record of another object is named
        with its object, since ids of HubSpot do not tell it: companies/123."""
        named, _, number = record_id.rpartition("/")
        if not number.isdigit():
            raise InvalidRequestError(
                f"hubspot: {record_id!r} is not a record id (digits alone, or companies/123)"
            )
        name = named or (OBJECT if OBJECT in self.objects else self.objects[0])
        if name not in self.objects or (not named and name != OBJECT and len(self.objects) > 1):
            raise InvalidRequestError(
                f"hubspot: name the object of {number!r} ({', '.join(self.objects)}), as in "
                f"{self.objects[0]}/{number}"
            )
        return name

    def locate(self, record_ids: Sequence[str]) -> list[tuple[str, str]]:
        return [(self.object_of(text), text.rpartition("/")[2]) for text in record_ids]

    def probe(self, record_id: str = "") -> Iterator[ProbeResult]:
        if record_id and self.object_of(record_id) != OBJECT:
            raise InvalidRequestError("hubspot: name a contact: what is tested is known of those")
        return hubspot_probe.run(self.client, record_id)

    def owner_tasks(self) -> OwnerTasks | None:
        return HubSpotOwnerTasks(self.client)

    @guards_response
    def account_id(self) -> str:
        return str(portal_of(self.client))

    @guards_response
    def find_people(self, text: str, limit: int) -> list[FoundPerson]:
        return people_search.find(self.client, text, limit)

    def record_url(self, object_name: str, record_id: str) -> str:
        base = "https://app.hubspot.com"
        if self.client.host.startswith("http://"):
            base = self.client.host  # a stand-in on this machine
        type_id = object_type(object_name).id
        # Without the account's id HubSpot shows the record of the account that one used last.
        account = f"{self.account}/" if self.account else ""
        return f"{base}/contacts/{account}record/{type_id}/{record_id}" if type_id else ""


def _check_length(name: str, read: int, total: int | None) -> None:
    """Of a list that was read to its end, and what a search had counted: that may be a little out
    of date. Whoever is missing in a full read counts as gone."""
    if total is not None and consistency.far_short(read, total):
        raise UnavailableError(
            f"hubspot: the list of {name} ended after {read:,}, and a search counts {total:,}; "
            "nothing was removed. Try again: hygiene sync hubspot --full"
        )


def _changed(modified: str, operator: str, moment: datetime) -> dict[str, Any]:
    return {"propertyName": modified, "operator": operator, "value": milliseconds(moment)}


def _checked(value: Any) -> Value:
    return format_utc(moment_of(value))


def _valid_ids(ids: Sequence[str]) -> list[str]:
    """Those that can be ids of HubSpot; it refuses the whole batch because of any other."""
    return [record_id for record_id in ids if record_id.isdigit()]
