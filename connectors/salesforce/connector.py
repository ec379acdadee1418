"""Salesforce: contacts, leads, accounts and any other object, by REST and Bulk API.

`reader` reads contacts page by page, `queries` sends queries, `contact_rows` makes contacts of
rows, and `writes` writes.

Facts used here, all from Salesforce's REST API Developer Guide: a query answers up to 2,000
records and a `nextRecordsUrl`; `SystemModstamp` moves on every write, also those of automated
processes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from config.connectors import SalesforceSettings
from config.credentials import SalesforceCredentials
from config.settings import Http, Settings
from connectors.base import BaseConnector
from connectors.consent_writes import ConsentWriter
from connectors.conversions import format_utc
from connectors.errors import ConnectorError, InvalidRequestError, SchemaChangedError, SchemaError
from connectors.http.consistency import some_fields
from connectors.http.rate_limits import Quota
from connectors.http.response_guard import guards_response
from connectors.owner_tasks import OwnerTasks
from connectors.protocol import noop
from connectors.records import (
    NO_OWN_WRITES,
    CallOutcome,
    ConsentOptOut,
    Contact,
    CrmField,
    EmailRefusal,
    FoundPerson,
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
    Visibility,
    WriteResult,
)
from connectors.salesforce import (
    campaign_members,
    composite,
    consent_records,
    email_addresses,
    email_consents,
    email_opt_outs,
    merges,
    people_search,
    person_accounts,
    relations,
    removal,
    schema_scan,
    setup,
    unwatched_phones,
)
from connectors.salesforce import probe as salesforce_probe
from connectors.salesforce import visibility as salesforce_visibility
from connectors.salesforce.call_log import CallLog
from connectors.salesforce.client import Client
from connectors.salesforce.consent_writes import SalesforceConsentWriter
from connectors.salesforce.contact_rows import ContactRows
from connectors.salesforce.errors import LargeQueryError
from connectors.salesforce.owner_tasks import SalesforceOwnerTasks
from connectors.salesforce.pubsub.change_events import CALL_OPTIONS
from connectors.salesforce.pubsub.feed import ChangeFeed
from connectors.salesforce.queries import Queries
from connectors.salesforce.reader import Reader
from connectors.salesforce.record_ids import OTHER_PREFIXES, PREFIXES, is_record_id
from connectors.salesforce.setup import own_do_not_call, with_own_do_not_call
from connectors.salesforce.soql import Query, full_id, listed
from connectors.salesforce.write_rules import ALLOW_DUPLICATES
from connectors.salesforce.writes import Writer
from connectors.schema_scan import ScannedObject

# Objects that are people to an org: it searches them by name, and they have an `Individual`.
_OF_PEOPLE = ("Contact", "Lead")
_ALWAYS_MERGED = frozenset({"Contact", "Lead", "Account"})
_MASTER = "MasterRecordId"
# An org tells somebody who may not see a field the same as if there were none.
_UNKNOWN = SchemaProblem(
    "Contact", "IndividualId",
    "the org keeps no privacy records, or our user may not see them and their opt-outs are not "
    "heeded: if Data Protection and Privacy is on in Setup, grant what docs/salesforce.md says "
    "under Privacy records",
    blocks=False,
)  # fmt: skip
_FETCH = 200  # ids in one WHERE ... IN: keeps the URL well under 16 kB


class SalesforceConnector(BaseConnector):
    name = "salesforce"
    settings_type = SalesforceSettings
    incremental = True
    names_size = _FETCH

    def __init__(
        self,
        credentials: SalesforceCredentials,
        settings: SalesforceSettings,
        http: Http,
        quota: Quota,
        asks_by_email: bool = False,
    ) -> None:
        self._credentials = credentials
        self._asks_by_email = asks_by_email
        headers = dict(ALLOW_DUPLICATES if settings.allow_duplicates else {})
        if settings.streaming.enabled:
            headers |= CALL_OPTIONS  # change events then say which writes are ours
        self._client = Client(credentials, http, quota, headers)
        super().__init__(settings, self._client.counts)
        self._configured = {
            name: with_own_do_not_call(fields) for name, fields in self._configured.items()
        }
        account = self._configured.get("Account")
        self._person_accounts = account is not None and account.owner == "person"
        self._people = (*_OF_PEOPLE, *(("Account",) if self._person_accounts else ()))
        # Whether the org has person accounts, where accounts are read for the companies among them.
        self._has_person_accounts = False
        self._links = merges.Links(self._person_accounts)
        self._prefixes: dict[str, str] | None = None
        self._name_fields: dict[str, str] = {}
        self.write_size = settings.bulk_batch_size
        self._consent_records = settings.consent_records
        self._searched: list[email_addresses.Target] = []  # for the addresses of opt-outs
        self._filterable: set[tuple[str, str]] = set()
        self._contact_rows = ContactRows()
        self._queries = Queries(self._client.call)
        self._name_queries = Queries(self._look)
        org = credentials.login_url or credentials.instance_url
        self._reader = Reader(
            self._queries,
            self._contact_rows,
            lambda: self._links,
            org,
            float(credentials.api_version),
            settings.bulk_from,
        )
        self._call_log = CallLog(
            self._queries.rows,
            self._queries.rows_in_slices,
            self._accounts_of,
            self._related,
            self.clock,
        )
        self._writer = Writer(self._client.call, org, settings, self._fields, self.fetch)

    @classmethod
    def from_settings(cls, settings: Settings, quota: Quota) -> SalesforceConnector:
        assert settings.salesforce is not None
        chosen = settings.connectors.salesforce
        if settings.policy.normalize:
            # Between a job's reading and its writing a person may retype a number, and what we
            # write over the number itself must not be older than that.
            chosen = chosen.model_copy(update={"bulk_from": 0})
        asks_by_email = bool(settings.asking.email_from)
        return cls(settings.salesforce, chosen, settings.http, quota, asks_by_email)

    def change_feed(self) -> ChangeFeed:
        """Open the org's change events. Raises `SettingsError` where the packages of the extra
        `streaming` are missing, else as a login does. The caller closes it."""
        return ChangeFeed(self._credentials.pubsub_url, self._client.streaming_session)

    def _look(self, purpose: Purpose, path: str, method: str = "GET", **kwargs: Any) -> Any:
        """A call for somebody who looks at a page, whatever its purpose would be."""
        del purpose
        return self._client.call("other", path, method, keep_reserve=True, **kwargs)

    def clock(self) -> datetime | None:
        return self._client.clock.time

    def clock_offset(self) -> timedelta:
        return self._client.clock.offset

    def close(self) -> None:
        self._client.close()

    @guards_response
    def account_id(self) -> str:
        return self._client.org_id()[:15]  # the last three repeat what the others are

    # -- schema --------------------------------------------------------------------------

    @guards_response
    def describe(self) -> Schema:
        schema: dict[str, dict[str, CrmField]] = {}
        described: dict[str, Mapping[str, Any]] = {}

        def entries_of(name: str) -> Mapping[str, Any]:
            if name not in described:
                described[name] = self._describe(name)
            return described[name]

        for name in self.objects:
            configured = self._configured[name]
            named = {*configured.read, *configured.names.values(), *_of_records(name)}
            named |= (
                {*email_addresses.fields_to_know(name)} if name in email_opt_outs.OWN else set()
            )
            entries = entries_of(name)
            schema[name] = {
                key: _crm_field(entry) for key, entry in entries.items() if key in named
            }
            opt_out = email_opt_outs.field_of(name, configured)
            for path in filter(relations.is_path, (*configured.beside, opt_out)):
                if (entry := relations.follow(path, entries, entries_of)) is not None:
                    schema[name][path] = _crm_field(entry)
        return schema

    def _describe(self, name: str) -> dict[str, Any]:
        """Return an object's fields as the org describes them; none where there is none."""
        try:
            path = f"sobjects/{name}/describe"
            answer = self._client.call("other", path, check=some_fields(name))
        except ConnectorError as error:
            if "NOT_FOUND" not in str(error):
                raise
            return {}
        return {entry["name"]: entry for entry in answer["fields"]}

    def apply_schema(self, schema: Schema) -> list[SchemaProblem]:
        of_fields = super().apply_schema(schema)
        problems: list[SchemaProblem] = []
        self._filterable.clear()
        self._links = merges.Links(
            self._person_accounts,
            frozenset(
                name
                for name in self.objects
                if name not in _ALWAYS_MERGED and _MASTER not in schema.get(name, {})
            ),
        )
        accounts = schema.get("Account", {})
        self._has_person_accounts = person_accounts.FLAG in accounts
        self._searched = email_addresses.targets(self._fields, schema, self._person_accounts)
        if "Account" in self.objects and accounts and "Id" not in accounts:
            # As a release before kept it: the next reading of the schema asks.
            text = "whether the org has person accounts is not known yet; it is asked next"
            problems.append(SchemaProblem("Account", person_accounts.FLAG, text))
        for name in self.objects:
            entries = schema.get(name, {})
            self._contact_rows.apply_fields(name, self._fields[name])
            self._filterable |= {(name, key) for key, entry in entries.items() if entry.filterable}
            if entries:
                problems += [problem for problem in of_fields if problem.object == name]
            else:
                text = "the org has no such object, or our user may not see it"
                problems.append(SchemaProblem(name, "", text, cause="missing"))
        return problems

    def provision(self, adopt: Collection[str] = ()) -> Iterator[SetupResult]:
        names_people = self._people if self._asks_by_email else ()
        return setup.provision(
            self._client.call, self._configured, self._client.user_id, adopt, names_people
        )

    def remove(self, dry_run: bool) -> Iterator[SetupResult]:
        return removal.remove(self._client.call, self._configured, dry_run)

    @guards_response
    def unwatched(self) -> Iterator[SchemaProblem]:
        yield from unwatched_phones.unwatched(self._client.call, self._configured)
        if self._consent_records.enabled or self._consent_records.write:
            yield from consent_records.problems(
                self._client.call, self._consent_checkboxes, self._read_people
            )
        if self._asks_by_email:
            yield from self.email_right_problems() if self._names_individuals else [_UNKNOWN]

    @guards_response
    def scan(self) -> Iterator[ScannedObject]:
        watched = {name: fields.phones for name, fields in self._configured.items()}
        return schema_scan.scan(self._look, watched)

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
        return self._reader.read(self._query_of(object_name, since, own_writes), cursor, heartbeat)

    def _query_of(self, name: str, since: datetime | None, own_writes: OwnWriteFilter) -> Query:
        """Return what a read of an object asks for: all of it, or what changed since a moment."""
        if since is None:
            return Query(name, self._columns(name), self._living(name))
        tests = self._as_written(name)
        tests.append(f"SystemModstamp >= {format_utc(since, milliseconds=True)}")
        run_field = self._fields[name].names.get("run")
        # A field that Shield encrypts with the probabilistic scheme cannot be filtered by: our own
        # writes are read once more then. Source: Salesforce Help, "Which Fields Can I Encrypt?".
        if own_writes.runs and run_field and (name, run_field) in self._filterable:
            tests.append(
                f"({run_field} = null OR {run_field} NOT IN {listed(own_writes.runs)} "
                f"OR SystemModstamp >= {format_utc(own_writes.until, milliseconds=True)})"
            )
        # What was deleted is told too, while it is in the recycle bin.
        tombstones = merges.tombstones(name)
        columns = *self._columns(name), *tombstones, *self._links.of(name)
        return Query(name, columns, tuple(tests), tombstones)

    def _as_written(self, name: str) -> list[str]:
        """A person account is an account and a contact in one, and is written as the former."""
        if self._person_accounts and name in ("Account", "Contact"):
            return [f"{person_accounts.FLAG} = {'true' if name == 'Account' else 'false'}"]
        if name == "Account" and self._has_person_accounts:
            return [f"{person_accounts.FLAG} = false"]  # the people are read as contacts
        return []

    @property
    def _read_people(self) -> tuple[str, ...]:
        return tuple(name for name in self.objects if name in self._people)

    def _living(self, name: str) -> tuple[str, ...]:
        """A converted lead is read-only for the API, and its person goes on as a contact."""
        return (*self._as_written(name), *(("IsConverted = false",) if name == "Lead" else ()))

    @guards_response
    def fetch(self, object_name: str, ids: Sequence[str]) -> list[Contact]:
        contacts: list[Contact] = []
        valid = [record_id for record_id in ids if is_record_id(record_id)]
        for start in range(0, len(valid), _FETCH):
            contacts += self._fetch(object_name, valid[start : start + _FETCH])
        return contacts

    def _fetch(self, object_name: str, ids: Sequence[str]) -> list[Contact]:
        whole = self._query_of(object_name, None, NO_OWN_WRITES)  # what a full read would leave out
        query = replace(whole, tests=(*whole.tests, f"Id IN {listed(ids)}"))
        try:
            rows = self._queries.rows(query.soql(), among=ids)
            return list(self._contact_rows.decode(object_name, rows))
        except LargeQueryError:
            if len(ids) == 1:
                raise
            half = len(ids) // 2
            return [*self._fetch(object_name, ids[:half]), *self._fetch(object_name, ids[half:])]

    @guards_response
    def read_names(self, object_name: str, ids: Sequence[str]) -> list[TypedContact]:
        contacts: list[TypedContact] = []
        valid = [record_id for record_id in ids if is_record_id(record_id)]
        name = self._name_field(object_name)
        # A last name, which no profile can hide, have contacts and leads in every org.
        last = ("LastName",) if object_name in ("Contact", "Lead") else ()
        wanted = ("Id", name, *last, *self.name_columns(object_name))
        columns = tuple(dict.fromkeys(wanted))
        for start in range(0, len(valid), _FETCH):
            batch = valid[start : start + _FETCH]
            soql = Query(object_name, columns, (f"Id IN {listed(batch)}",)).soql()
            contacts += (
                self.typed_contact(
                    object_name,
                    row["Id"],
                    str(row.get(name) or ""),
                    row,
                    str(row.get("LastName") or ""),
                )
                for row in self._name_queries.rows(soql, among=batch)
            )
        return contacts

    def _name_field(self, object_name: str) -> str:
        """Return the field that names a record. Contacts, leads and accounts all have a Name, a
        person account that of its person; a case has a number, as its describe tells."""
        if object_name in _ALWAYS_MERGED:
            return "Name"
        if object_name not in self._name_fields:
            answer = self._look("other", f"sobjects/{object_name}/describe")
            named = (entry["name"] for entry in answer["fields"] if entry.get("nameField"))
            self._name_fields[object_name] = next(named, "Id")
        return self._name_fields[object_name]

    @guards_response
    def deleted(self, object_name: str, ids: Sequence[str]) -> dict[str, Merge | None]:
        valid = [record_id for record_id in ids if is_record_id(record_id)]
        return merges.deleted(self._client.call, object_name, valid, self._links)

    @guards_response
    def flags_before_merge(
        self, object_name: str, since: Mapping[str, datetime], flags: Sequence[str]
    ) -> dict[str, dict[str, list[datetime]]]:
        return merges.flags_before_merge(
            self._client.call, object_name, since, flags, self._fields, self._links
        )

    @guards_response
    def visibility(self) -> list[Visibility]:
        return salesforce_visibility.visibility(
            self._client.call, self.objects, self._client.user_id
        )

    def _columns(self, name: str) -> tuple[str, ...]:
        fields = self._fields.get(name)
        if fields is None:
            raise SchemaError(
                f"salesforce: {name} is not among connectors.salesforce.objects in the settings"
            )
        return tuple(dict.fromkeys(("Id", "SystemModstamp", *fields.read)))

    @guards_response
    def list_members(self, kind: str, name: str) -> Iterator[tuple[str, str]] | None:
        # What other CRMs call a list of people is a campaign's members here.
        if kind not in ("campaign", "list"):
            return None
        return campaign_members.members(self._queries, name, self.objects, self._accounts_of)

    @guards_response
    def ticked(self, object_name: str, field: str) -> Iterator[str]:
        own = own_do_not_call(self._configured[object_name])
        named = own or field if field == "DoNotCall" else field
        path = f"sobjects/{object_name}/describe"
        answer = self._client.call("other", path, check=some_fields(object_name))
        entry = next((entry for entry in answer["fields"] if entry["name"] == named), None)
        if entry is None or entry["type"] != "boolean" or not entry.get("filterable", True):
            raise InvalidRequestError(
                f"salesforce: {object_name} has no checkbox {named} that our user sees"
            )
        query = Query(object_name, ("Id",), (*self._living(object_name), f"{named} = true"))
        return (row["Id"] for row in self._queries.rows_in_slices(query))

    def _accounts_of(self, contact_ids: Iterable[str]) -> Mapping[str, str]:
        """The person accounts that these contacts stand for, where those are read at all."""
        if not self._person_accounts:
            return {}
        return person_accounts.accounts_of(self._queries.rows, contact_ids)

    @guards_response
    def call_outcomes(self, since: datetime, only: str = "") -> Iterator[CallOutcome] | None:
        """Of tasks: CallDisposition is what dialers and people put there. A task names a person,
        and not the number that was called."""
        return self._call_log.call_outcomes(since, only)

    @guards_response
    def consent_opt_outs(self, since: datetime | None) -> Iterator[ConsentOptOut] | None:
        if not self._consent_records.enabled:
            return None
        now = self.clock() or datetime.now(UTC)
        checkboxes = self._consent_checkboxes
        objects = self._read_people
        return consent_records.opt_outs(
            self._queries, since, checkboxes, objects, self._living, now,
            self._consent_records.source,
        )  # fmt: skip

    @property
    def _consent_checkboxes(self) -> dict[str, str]:
        words = {"call": "call", "text": "text", "any": "call text"}
        fields = self._consent_records.individual_fields
        return {name: words[channel] for name, channel in fields.items()}

    @guards_response
    def email_refusals(self, object_name: str, ids: Sequence[str]) -> dict[str, EmailRefusal]:
        field = email_opt_outs.field_of(object_name, self._configured.get(object_name))
        if not field:
            return {}
        valid = [record_id for record_id in ids if is_record_id(record_id)]
        return email_opt_outs.refusals(self._queries.rows, object_name, field, valid)

    @guards_response
    def email_address_refusals(self, addresses: Sequence[str]) -> dict[str, EmailRefusal]:
        now = self.clock() or datetime.now(UTC)
        return email_addresses.refusals(self._ask_at_once, self._searched, addresses, now)

    @guards_response
    def email_right_problems(self) -> list[SchemaProblem]:
        if not self._names_individuals:
            return []
        unreadable = email_consents.problems(self._ask_at_once)
        hidden = {problem.object for problem in unreadable}
        names = [name for name in email_consents.COLUMNS if name not in hidden]
        views = salesforce_visibility.visibility(self._client.call, names, self._client.user_id)
        return unreadable + email_consents.partly_seen(views)

    @property
    def _names_individuals(self) -> bool:
        """Whether the org shows us which privacy record a person has."""
        return any(target.individual for target in self._searched)

    def _ask_at_once(self, soqls: Sequence[str]) -> list[composite.Rows | SchemaChangedError]:
        return composite.run(self._queries, self._credentials.api_version, soqls)

    def unread_email_opt_outs(self, schema: Schema) -> list[SchemaProblem]:
        has_person_accounts = person_accounts.FLAG in schema.get("Account", {})
        return email_opt_outs.problems(schema, self._configured, has_person_accounts)

    # -- writing -------------------------------------------------------------------------

    @guards_response
    def write(
        self, updates: Sequence[Update], heartbeat: Callable[[], None] = noop
    ) -> list[WriteResult]:
        return self._writer.write(updates, heartbeat)

    def owner_tasks(self) -> OwnerTasks | None:
        return SalesforceOwnerTasks(self._client.call, self._person_accounts)

    def consent_writer(self) -> ConsentWriter | None:
        chosen = self._consent_records
        return SalesforceConsentWriter(
            self._client.call, chosen.source, chosen.data_use_purpose, self.objects, self._living
        )  # fmt: skip

    def probe(self, record_id: str = "") -> Iterator[ProbeResult]:
        people = [name for name in self.objects if name in _OF_PEOPLE]
        object_name = self.object_of(record_id) if record_id else next(iter(people), "Contact")
        if object_name not in _OF_PEOPLE:
            raise InvalidRequestError(
                f"salesforce: name a Contact or a Lead: an {object_name} has no LastName"
            )
        return salesforce_probe.run(self._client, object_name, full_id(record_id))

    # -- ids -----------------------------------------------------------------------------

    def object_of(self, record_id: str) -> str:
        object_name = self._object_by_prefix(record_id[:3]) if is_record_id(record_id) else ""
        if not object_name:
            raise InvalidRequestError(
                f"salesforce: {record_id!r} is not the id of a Contact (003...), a Lead (00Q...) "
                f"or another of the objects that are read ({', '.join(self.objects)})"
            )
        if object_name not in self.objects:  # its page could not be read, and would stop the run
            raise InvalidRequestError(
                f"salesforce: {record_id!r} is the id of a record of {object_name}, which is not "
                "among connectors.salesforce.objects in the settings"
            )
        return object_name

    def _object_by_prefix(self, prefix: str) -> str:
        """Return the object that ids with these three characters are of, "" if it is not known. An
        org is asked once for the prefixes of the objects that it has given them to."""
        known = {**PREFIXES, **OTHER_PREFIXES}
        if prefix in known:
            return known[prefix]
        others = [name for name in self.objects if name not in known.values()]
        if self._prefixes is None and others:
            self._prefixes = {}
            for name in others:
                answer = self._look("other", f"sobjects/{name}/describe")
                self._prefixes[str(answer.get("keyPrefix") or "")] = name
        return (self._prefixes or {}).get(prefix, "")

    def _related(self, record_id: str) -> str:
        """Return the object of a record that a task is related to, "" where it is not read.

        A person account is known by the contact beside it.
        """
        name = self._object_by_prefix(record_id[:3])
        return name if name in self.objects and name not in self._people else ""

    @guards_response
    def locate(self, record_ids: Sequence[str]) -> list[tuple[str, str]]:
        """A person account is read as an account, and often known by the contact beside it."""
        ids = [full_id(text) if is_record_id(text) else text for text in record_ids]
        accounts = self._accounts_of(filter(is_record_id, ids))
        return [
            ("Account", accounts[record_id])
            if record_id in accounts
            else (self.object_of(record_id), record_id)
            for record_id in ids
        ]

    @guards_response
    def find_people(self, text: str, limit: int) -> list[FoundPerson]:
        living = {name: self._living(name) for name in self._read_people}
        return people_search.find(self._client.call, text, limit, living)

    def record_url(self, object_name: str, record_id: str) -> str:
        base = self._credentials.instance_url or self._credentials.login_url
        return f"{base}/lightning/r/{object_name}/{record_id}/view"


def _of_records(object_name: str) -> tuple[str, ...]:
    """Fields that tell what becomes of an object's records, and whether an opt-out from email can
    be read, beside those that the settings name."""
    own = email_opt_outs.OWN.get(object_name, "")
    if object_name == "Account":
        return email_opt_outs.ASKED_TOO, own, person_accounts.FLAG
    others = own if object_name in _ALWAYS_MERGED else _MASTER
    return email_opt_outs.ASKED_TOO, others


def _crm_field(entry: Mapping[str, Any]) -> CrmField:
    restricted = entry["type"] == "picklist" and entry["restrictedPicklist"]
    return CrmField(
        type=entry["type"],
        writable=bool(entry["updateable"]),
        values=tuple(v["value"] for v in entry["picklistValues"] if v["active"])
        if restricted
        else None,
        length=int(entry["length"] or 0),
        filterable=bool(entry.get("filterable", True)),
        calculated=bool(entry.get("calculated", False)),
    )
