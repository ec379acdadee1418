"""HubSpot: contacts through the CRM v3 API, with hubspot-api-client.

Facts used here, from HubSpot's API guides: list pages hold up to 100 contacts, search pages 200; a
search pages no further than 10,000 results, so each page is a fresh search for ids above the last
one seen; a batch update takes 100 and is refused whole for one bad value, while unknown ids are
answered apart (207); the id of a merged contact leads to the surviving one; search sees a change
some seconds late, hence the overlap of watermarks.

The client's own model objects cost ten times what decoding the JSON costs, so bodies are read raw.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import urllib3
from hubspot import HubSpot
from msgspec.structs import replace

from config.settings import Http, HubSpotCredentials, HubSpotSettings, Settings
from connectors import hubspot_setup
from connectors.base import (
    NOTHING,
    AuthError,
    CallOutcome,
    ConnectorError,
    Contact,
    CrmField,
    FailureKind,
    Finding,
    NotThereError,
    Page,
    ProbeResult,
    Purpose,
    QuotaError,
    Schema,
    SchemaChangedError,
    SchemaError,
    SetupStep,
    Skip,
    UnfitError,
    Update,
    Value,
    Visibility,
    WriteResult,
    nothing,
)
from connectors.calls import Calls, CrmClock, TryAgainError, reason, retry_after
from connectors.error_text import plain
from connectors.fields import ObjectFields, configured, fit
from connectors.hubspot_calls import CallLog
from connectors.quota import DAY, Limits, Quota, left
from connectors.reading import Rows, maker
from connectors.understood import understood
from connectors.values import zulu

log = logging.getLogger(__name__)

OBJECT = "contacts"
_LIST_PAGE = 100
_SEARCH_PAGE = 200
_BATCH = 100
_MEMBERS = 250
_MERGED = "hs_merged_object_ids"
_SEARCHES = ("searches", 1 / 4)  # five a second are allowed: one is left to others
_KINDS: dict[str, FailureKind] = {
    "INVALID_OPTION": "picklist_value",
    "READ_ONLY_VALUE": "unwritable_field",
    "PROPERTY_DOESNT_EXIST": "unwritable_field",
    "VALUE_TOO_LONG": "too_long",
}


class HubSpotConnector:
    name = "hubspot"
    write_size = _BATCH
    shares_batches = True
    incremental = True

    def __init__(
        self, credentials: HubSpotCredentials, settings: HubSpotSettings, http: Http, quota: Quota
    ) -> None:
        self._host = credentials.api_url
        if unknown := set(settings.objects) - {OBJECT}:
            raise SchemaError(
                f"connectors.hubspot.objects: {', '.join(sorted(unknown))}: only contacts are known"
            )
        self._calls = Calls(self.name, http, quota)
        self._wanted = configured(OBJECT, settings.objects[OBJECT], settings.fields)
        self._fields: ObjectFields | None = None
        self._maker = maker(self._wanted, _checked)
        self._writable: frozenset[str] = frozenset()
        self._clock = CrmClock()
        # What HubSpot has refused: (property, value), or (property, None) for any value.
        self._refused_values: dict[tuple[str, str | None], Mapping[str, Any]] = {}
        client = HubSpot(
            access_token=credentials.access_token,
            host=credentials.api_url,
            retry=urllib3.Retry(total=0, redirect=0),  # our own retries count each attempt
        )
        # Every access to client.crm... makes a new connection pool, so the objects are kept.
        self._basic = client.crm.contacts.basic_api
        self._batch = client.crm.contacts.batch_api
        self._search = client.crm.contacts.search_api
        self._lists = client.crm.lists.lists_api
        self._memberships = client.crm.lists.memberships_api
        self._log = CallLog(client, self.call)
        self.properties = client.crm.properties.core_api
        self.groups = client.crm.properties.groups_api
        self.property_batch = client.crm.properties.batch_api

    @classmethod
    def from_settings(cls, settings: Settings, quota: Quota) -> HubSpotConnector:
        assert settings.hubspot is not None
        return cls(settings.hubspot, settings.connectors.hubspot, settings.http, quota)

    # -- the one door --------------------------------------------------------------------

    @property
    def calls(self) -> Mapping[Purpose, int]:
        return self._calls.counts

    def clock(self) -> datetime | None:
        return self._clock.time

    def ahead(self) -> timedelta:
        return self._clock.ahead

    def close(self) -> None:
        for api in (
            self._basic,
            self._batch,
            self._search,
            self._lists,
            self._memberships,
            self._log.search,
            self._log.associations,
            self.properties,
            self.groups,
        ):
            api.api_client.close()

    def call(self, purpose: Purpose, send: Callable[..., Any], **arguments: Any) -> Any:
        """Call a method of the client without its model objects; returns the decoded body."""

        def once() -> Any:
            try:
                response = send(
                    _preload_content=False, _request_timeout=self._calls.timeout, **arguments
                )
                body = response.data
            except urllib3.exceptions.SSLError as error:
                raise ConnectorError(f"hubspot: the certificate is not trusted: {error}") from error
            except urllib3.exceptions.HTTPError as error:
                late = isinstance(error, urllib3.exceptions.TimeoutError)
                raise TryAgainError(reason(error, late, self._host)) from error
            except Exception as error:
                # The client has one ApiException class for each of its API packages.
                status = getattr(error, "status", None)
                if status is None:
                    raise
                headers = getattr(error, "headers", None) or {}
                self._calls.note(limits(headers))
                raise _translate(status, getattr(error, "body", b""), headers) from error
            self._calls.note(limits(response.headers))
            self._clock.note(response.headers.get("Date"))
            try:
                return orjson.loads(body) if body else None
            except orjson.JSONDecodeError as error:
                raise TryAgainError("an answer was not JSON") from error

        # Searches have a limit of their own, of which no answer tells.
        line = _SEARCHES if send in (self._search.do_search, self._log.search.do_search) else None
        return self._calls.make(purpose, once, line)

    # -- schema --------------------------------------------------------------------------

    @understood
    def describe(self) -> Schema:
        answer = self.call("other", self.properties.get_all, object_type=OBJECT)
        named = {*self._wanted.read, *self._wanted.names.values()}
        return {
            OBJECT: {
                entry["name"]: CrmField(
                    type=entry["type"],
                    writable=not (entry.get("modificationMetadata") or {}).get("readOnlyValue"),
                    values=tuple(option["value"] for option in entry["options"])
                    if entry["type"] == "enumeration" and not entry.get("externalOptions")
                    else None,
                )
                for entry in answer["results"]
                if entry["name"] in named
            }
        }

    def use(self, schema: Schema) -> list[Finding]:
        held = schema.get(OBJECT, {})
        self._fields, findings = fit(self._wanted, held)
        self._maker = maker(self._fields, _checked)
        writable = set(self._fields.names)
        writable |= {f"phone/{phone}" for phone in self._fields.phones if held[phone].writable}
        self._writable = frozenset(writable)
        self._refused_values.clear()  # it may have been mended
        return findings

    @property
    def fields(self) -> ObjectFields:
        assert self._fields is not None, "use() comes first"
        return self._fields

    @property
    def objects(self) -> tuple[str, ...]:
        return (OBJECT,)

    def phone_fields(self, object_name: str) -> tuple[str, ...]:
        return self.fields.phones

    def writable(self, object_name: str) -> frozenset[str]:
        return self._writable

    def provision(self, adopt: Collection[str] = ()) -> Iterator[SetupStep]:
        return hubspot_setup.provision(self, self._wanted, adopt)

    # -- reading -------------------------------------------------------------------------

    @understood
    def pull(
        self,
        object_name: str,
        since: datetime | None = None,
        cursor: str | None = None,
        skip: Skip = NOTHING,
        waiting: Callable[[], None] = nothing,
    ) -> Iterator[Page]:
        return self._list(cursor) if since is None else self._changed(since, cursor, skip)

    def _list(self, after: str | None) -> Iterator[Page]:
        # The list does not say how long it is; one search does, where the list is not short.
        left: int | None = None
        first = after is None
        while True:
            paged = {"after": after} if after else {}
            answer = self.call(
                "read",
                self._basic.get_page,
                limit=_LIST_PAGE,
                properties=[*self.fields.read, _MERGED],
                archived=False,
                **paged,
            )
            contacts = self._contacts(answer)
            after = ((answer.get("paging") or {}).get("next") or {}).get("after")
            if first and after:
                left = self._count()
            first = False
            left = None if left is None else max(0, left - len(contacts))
            yield Page(contacts, after, left, _merged(answer))
            if not after:
                return

    def _count(self) -> int | None:
        body = {"filterGroups": [], "sorts": [], "properties": [], "limit": 1, "after": "0"}
        try:
            answer = self.call("other", self._search.do_search, public_object_search_request=body)
        except ConnectorError:
            return None  # only the progress bar wanted to know
        return int(answer.get("total", 0))

    def _changed(self, since: datetime, after: str | None, skip: Skip) -> Iterator[Page]:
        base = [_changed_since(since)]
        run_field = self.fields.names.get("run")
        groups = [base]
        if skip.runs and run_field:
            others = {"propertyName": run_field, "operator": "NOT_IN"}
            groups = [
                [*base, {**others, "values": [run.lower() for run in skip.runs]}],
                [*base, {"propertyName": run_field, "operator": "NOT_HAS_PROPERTY"}],
                [_changed_since(max(since, skip.until))],
            ]
        while True:
            above = (
                [{"propertyName": "hs_object_id", "operator": "GT", "value": after}]
                if after
                else []
            )
            body = {
                "filterGroups": [{"filters": [*group, *above]} for group in groups],
                "sorts": ["hs_object_id"],
                "properties": [*self.fields.read, _MERGED],
                "limit": _SEARCH_PAGE,
                "after": "0",
            }
            answer = self.call("read", self._search.do_search, public_object_search_request=body)
            contacts = self._contacts(answer)
            more = answer.get("total", 0) > len(contacts) and bool(contacts)
            after = contacts.ids[-1] if more else None
            left = max(0, answer.get("total", 0) - len(contacts))
            yield Page(contacts, after, left, _merged(answer))
            if not more:
                return

    @understood
    def pull_back(self, object_name: str, before: str | None = None) -> Iterator[Page] | None:
        """By search. The list gives one page after another and never two at once, and where each
        takes a while that is slower than the account's limit of calls allows."""
        return self._backwards(before)

    def _backwards(self, before: str | None) -> Iterator[Page]:
        while True:
            below = [{"propertyName": "hs_object_id", "operator": "LT", "value": before}]
            body = {
                "filterGroups": [{"filters": below}] if before else [],
                "sorts": [{"propertyName": "hs_object_id", "direction": "DESCENDING"}],
                "properties": [*self.fields.read, _MERGED],
                "limit": _SEARCH_PAGE,
                "after": "0",
            }
            answer = self.call("read", self._search.do_search, public_object_search_request=body)
            contacts = self._contacts(answer)[::-1]
            if not contacts:
                return
            before = contacts.ids[0]
            yield Page(contacts, before, gone=_merged(answer))

    @understood
    def fetch(self, object_name: str, ids: Sequence[str]) -> list[Contact]:
        found: dict[str, Contact] = {}
        good = [record_id for record_id in ids if record_id.isdigit()]
        for start in range(0, len(good), _BATCH):
            body = {
                "properties": [*self.fields.read, _MERGED],
                "propertiesWithHistory": [],
                "inputs": [{"id": record_id} for record_id in good[start : start + _BATCH]],
            }
            answer = self.call(
                "read", self._batch.read, batch_read_input_simple_public_object_id=body
            )
            found.update((contact.id, contact) for contact in self._contacts(answer))
        return list(found.values())

    @understood
    def deleted(self, object_name: str, ids: Sequence[str]) -> set[str]:
        """Contacts in the recycle bin (a batch read with `archived=true` returns those alone), and
        those that a living contact names as merged into it.

        A contact that is in neither was never there, or was deleted for good (GDPR delete, or after
        90 days): HubSpot answers both as it would answer a mistake, so it is not among them.
        """
        found: set[str] = set()
        good = [record_id for record_id in ids if record_id.isdigit()]
        for start in range(0, len(good), _BATCH):
            some = set(good[start : start + _BATCH])
            for archived in (False, True):
                if not some:
                    break
                answer = self.call(
                    "read",
                    self._batch.read,
                    batch_read_input_simple_public_object_id={
                        "properties": [_MERGED],
                        "propertiesWithHistory": [],
                        "inputs": [{"id": record_id} for record_id in sorted(some)],
                    },
                    archived="true" if archived else "false",  # the client would send "True"
                )
                gone = {*_merged(answer)}
                if archived:
                    gone |= {str(e["id"]) for e in answer["results"] if e.get("archived") is True}
                found |= gone & some
                some -= gone
        return found

    @understood
    def visibility(self) -> list[Visibility]:
        """A private app reads all contacts of the account, whoever owns them: its scopes are all
        that limits it. Source: HubSpot's guide to private apps."""
        body = {"filterGroups": [], "sorts": [], "properties": [], "limit": 1, "after": "0"}
        answer = self.call("other", self._search.do_search, public_object_search_request=body)
        note = "a private app sees all contacts of the account"
        return [Visibility(OBJECT, int(answer["total"]), None, None, note)]

    def _contacts(self, answer: Any) -> Rows:
        columns = self._maker.columns
        try:
            rows = [
                (str(entry["id"]), entry["updatedAt"], *map(entry["properties"].get, columns))
                for entry in answer["results"]
                if not entry.get("archived")
            ]
            return self._maker.read(zip(*rows, strict=True))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ConnectorError(
                f"hubspot: an answer of the contacts API has an unknown form ({error!r})"
            ) from error

    @understood
    def members(self, kind: str, name: str) -> Iterator[tuple[str, str]] | None:
        return self._members(name) if kind == "list" else None

    def _members(self, name: str) -> Iterator[tuple[str, str]]:
        """Of a list of contacts. Needs the scope crm.lists.read."""
        try:
            answer = (
                self.call("other", self._lists.get_by_id, list_id=name)
                if name.isdecimal()
                else self.call(
                    "other", self._lists.get_by_name, object_type_id="0-1", list_name=name
                )
            )
        except NotThereError:
            raise UnfitError(f"hubspot: there is no list of contacts {name!r}") from None
        list_id, after = str(answer["list"]["listId"]), None
        while True:
            more: dict[str, Any] = {"after": after} if after else {}
            answer = self.call(
                "read", self._memberships.get_page, list_id=list_id, limit=_MEMBERS, **more
            )
            yield from ((OBJECT, str(entry["recordId"])) for entry in answer["results"])
            after = ((answer.get("paging") or {}).get("next") or {}).get("after")
            if not after:
                return

    @understood
    def outcomes(self, since: datetime) -> Iterator[CallOutcome] | None:
        """Needs the scope crm.objects.contacts.read, which covers calls."""
        return self._log.outcomes(since)

    # -- writing -------------------------------------------------------------------------

    @understood
    def write(
        self, updates: Sequence[Update], waiting: Callable[[], None] = nothing
    ) -> list[WriteResult]:
        """One bad value refuses a whole batch. Values that were refused before are left out, so
        that they cost one call more, and not one for each batch that holds them."""
        sent: list[Update] = []
        inputs: list[dict[str, Any]] = []
        refused: dict[str, WriteResult] = {}
        for update in updates:
            properties = self._properties(update)
            rest: Update | None = update
            if known := self._known_refusals(properties):
                told = refused[update.id] = self._refused(update, _InvalidValuesError("", known))
                rest = update.without(told.fields) if told.fields else None
                properties = self._properties(rest) if rest is not None else {}
            if rest is not None:
                sent.append(rest)
                inputs.append({"id": update.id, "properties": properties})
        results = {result.id: result for result in self._send(sent, inputs)} if sent else {}
        return [_both(refused.get(one.id), results.get(one.id)) for one in updates]

    def _send(self, updates: Sequence[Update], inputs: Sequence[Any]) -> list[WriteResult]:
        try:
            answer = self.call(
                "write",
                self._batch.update,
                batch_input_simple_public_object_batch_input={"inputs": list(inputs)},
            )
        except _InvalidValuesError as error:
            if len(updates) == 1:
                return [self._refused(updates[0], error)]
            if self._learn(error, inputs):
                return self.write(updates)
            # The refusal does not tell which record it means: halve until it stands alone.
            middle = len(updates) // 2
            return self.write(updates[:middle]) + self.write(updates[middle:])
        return self._results(updates, answer)

    def _properties(self, update: Update) -> dict[str, str]:
        names, properties = self.fields.names, {}
        for canonical, value in update.values.items():
            kind, _, phone = canonical.partition("/")
            properties[phone if kind == "phone" else names[canonical]] = _sent(value)
        return properties

    def _known_refusals(self, properties: Mapping[str, str]) -> list[dict[str, Any]]:
        if not self._refused_values:
            return []
        return [
            dict(entry)
            for name, value in properties.items()
            if (entry := self._refused_values.get((name, value)))
            or (entry := self._refused_values.get((name, None)))
        ]

    def _learn(self, error: _InvalidValuesError, inputs: Sequence[Any]) -> bool:
        """Remember which values a refusal means, where it tells; whether any of these holds one."""
        learned = False
        for entry in error.entries:
            name, message = str(entry.get("name", "")), str(entry.get("message", ""))
            held = {item["properties"][name] for item in inputs if name in item["properties"]}
            if entry.get("error") == "READ_ONLY_VALUE" and held:
                self._refused_values[name, None] = entry
                learned = True
            if entry.get("error") == "INVALID_OPTION":
                for value in held:
                    if value and message.startswith(f"{value} was not one of"):
                        self._refused_values[name, value] = entry
                        learned = True
        return learned

    def _results(self, updates: Sequence[Update], answer: Any) -> list[WriteResult]:
        written = {str(entry["id"]) for entry in answer.get("results", [])}
        problems: dict[str, Mapping[str, Any]] = {}
        for problem in answer.get("errors") or []:
            for record_id in (problem.get("context") or {}).get("ids") or []:
                problems[str(record_id)] = problem
        results = []
        for update in updates:
            if update.id in written:
                results.append(WriteResult(update.id, True))
            elif problem := problems.get(update.id):
                gone = problem.get("category") == "OBJECT_NOT_FOUND"
                kind: FailureKind = "gone" if gone else "other"
                text = f"{problem.get('category', '')}: {problem.get('message', '')}"
                results.append(WriteResult(update.id, False, kind, text))
            else:
                results.append(
                    WriteResult(update.id, False, "merged", "the record lives on under another id")
                )
        return results

    def _refused(self, update: Update, error: _InvalidValuesError) -> WriteResult:
        kind = (
            _KINDS.get(error.entries[0].get("error", ""), "validation")
            if error.entries
            else ("validation")
        )
        canonical = self.fields.canonical
        refused = tuple(canonical.get(entry.get("name", ""), "") for entry in error.entries)
        text = error.text or "; ".join(str(entry.get("message", "")) for entry in error.entries)
        return WriteResult(update.id, False, kind, text, tuple(filter(None, refused)))

    # -- ids -----------------------------------------------------------------------------

    def object_of(self, record_id: str) -> str:
        if not record_id.isdigit():
            raise UnfitError(f"hubspot: {record_id!r} is not a record id (digits alone)")
        return OBJECT

    def probe(self, record_id: str = "") -> Iterator[ProbeResult]:
        return iter(())

    def locate(self, record_ids: Sequence[str]) -> list[tuple[str, str]]:
        return [(self.object_of(record_id), record_id) for record_id in record_ids]

    def record_url(self, object_name: str, record_id: str) -> str:
        base = "https://app.hubspot.com"
        if self._host.startswith("http://"):
            base = self._host  # a stand-in on this machine
        return f"{base}/contacts/record/0-1/{record_id}"


def _changed_since(moment: datetime) -> dict[str, Any]:
    milliseconds = str(int(moment.timestamp() * 1000))
    return {"propertyName": "lastmodifieddate", "operator": "GTE", "value": milliseconds}


def _merged(answer: Any) -> tuple[str, ...]:
    """Ids that live on in a contact of this answer. Of archived contacts HubSpot tells only by a
    list of all of them; a full read notices those."""
    listed = (entry["properties"].get(_MERGED) for entry in answer["results"])
    return tuple(record_id for ids in listed if ids for record_id in ids.split(";"))


def _both(refused: WriteResult | None, rest: WriteResult | None) -> WriteResult:
    """Of an update from which values were left out: what became of these, and of the rest."""
    if refused is None or rest is None:
        result = rest or refused
        assert result is not None
        return result
    if rest.ok:
        return replace(refused, rest=True)
    if not rest.fields:
        return rest  # it is gone, say
    return replace(refused, fields=(*refused.fields, *rest.fields), rest=rest.rest)


class _InvalidValuesError(Exception):
    """A batch was refused for a value; `entries` name the properties, never the record."""

    def __init__(self, text: str, entries: list[dict[str, Any]]) -> None:
        super().__init__(text)
        self.text = text
        self.entries = entries


def limits(headers: Mapping[str, str]) -> Limits:
    """The account's limits. Searches tell none, and answers to OAuth none of the day.

    Source: HubSpot's API usage guidelines, "Rate limit headers".
    """
    prefix = "X-HubSpot-RateLimit-"
    interval = headers.get(f"{prefix}Interval-Milliseconds") or ""
    seconds = int(interval) / 1000 if interval.isdecimal() and len(interval) < 9 else 10.0
    return Limits(
        left(headers.get(f"{prefix}Daily-Remaining"), headers.get(f"{prefix}Daily"), DAY),
        left(headers.get(f"{prefix}Remaining"), headers.get(f"{prefix}Max"), seconds),
    )


def _translate(status: int, raw: Any, headers: Mapping[str, str]) -> Exception:
    try:
        body = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError:
        body = {"message": plain(raw)}
    if not isinstance(body, dict):
        body = {}
    message = " ".join(str(body.get("message", "")).split())[:500]
    if status == 401:
        return AuthError("hubspot: HUBSPOT_ACCESS_TOKEN is not accepted; make or renew the token")
    if status == 403:
        scopes = [
            scope
            for problem in body.get("errors") or []
            for scope in (problem.get("context") or {}).get("requiredGranularScopes") or []
        ]
        what = f"it lacks the scope {', '.join(scopes)}" if scopes else message or "no reason given"
        return AuthError(f"hubspot: HUBSPOT_ACCESS_TOKEN may not do this: {what}")
    if status == 429:
        if body.get("policyName") == "DAILY":
            return QuotaError(
                "hubspot: the account's calls for today are used up; the run goes on after "
                "midnight of the account's time zone: hygiene runs resume RUN"
            )
        # The rolling limits pass within their window; HubSpot gives no Retry-After for them.
        default = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0}.get(body.get("policyName", ""))
        given = retry_after(headers.get("Retry-After"))
        return TryAgainError("HTTP 429", given if given is not None else default)
    if status == 404:
        return NotThereError(f"hubspot: HTTP 404: {message}")
    if status >= 500 or status in (408, 423, 477):
        return TryAgainError(f"HTTP {status}", retry_after(headers.get("Retry-After")))
    if status == 400 and body.get("category") == "VALIDATION_ERROR":
        _, found, listed = message.partition("Property values were not valid: ")
        if found:
            entries = _entries(listed)
            gone = [e["name"] for e in entries if e.get("error") == "PROPERTY_DOESNT_EXIST"]
            if gone:
                return SchemaChangedError(f"hubspot: there is no property {', '.join(gone)}")
            return _InvalidValuesError(message, entries)
        if "does not exist" in message:
            return SchemaChangedError(f"hubspot: {message}")
    return ConnectorError(f"hubspot: HTTP {status} {body.get('category', '')}: {message}")


def _entries(listed: str) -> list[dict[str, Any]]:
    try:
        found = orjson.loads(listed)
    except orjson.JSONDecodeError:
        return []
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _checked(value: Any) -> Value:
    text = str(value)
    if text.isdigit():
        return zulu(datetime.fromtimestamp(int(text) / 1000, UTC))
    return zulu(datetime.fromisoformat(text.replace("Z", "+00:00")))


def _sent(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value or ""  # an empty text clears a property
