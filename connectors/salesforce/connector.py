"""Salesforce: Contact, Lead and person accounts, by REST and Bulk API, with simple-salesforce.

What is large is read by Bulk query jobs (`bulk`, `results`), what is small by
REST queries; writing is in `writes`. A read by Bulk is cut into jobs of so many records
in order of id: what a job brings is as old as the job, and a read that was cut off goes on by id.

Facts used here, all from Salesforce's REST API Developer Guide: a query answers up to 2,000
records and a `nextRecordsUrl`; a query cursor lapses, so a resumed read goes on by id instead;
`SystemModstamp` moves on every write, also those of automated processes. A query that is more than
an org carries out (QUERY_TIMEOUT and its like) is cut into smaller ones, each on from an id.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from operator import ge, itemgetter
from typing import Any

from config.connectors import SalesforceSettings
from config.credentials import SalesforceCredentials
from config.settings import Http, Settings
from connectors.conversions import format_utc
from connectors.errors import (
    ConnectorError,
    InvalidRequestError,
    NotFoundError,
    SchemaError,
    UnavailableError,
)
from connectors.fields import ObjectFields, configured, fit, rewritable
from connectors.http.client import ContradictionError
from connectors.http.consistency import QueryCheck, far_short, next_path, query_job, some_fields
from connectors.http.rate_limits import Quota
from connectors.http.response_guard import guards_response
from connectors.protocol import noop
from connectors.records import (
    NO_OWN_WRITES,
    CallOutcome,
    Caution,
    Contact,
    CrmField,
    Merge,
    OutcomeNames,
    OwnWriteFilter,
    Page,
    ProbeResult,
    Purpose,
    Role,
    Schema,
    SchemaProblem,
    SetupResult,
    Update,
    Value,
    Visibility,
    WriteResult,
)
from connectors.rows import TRUE, RowDecoder, Rows, make_decoder
from connectors.salesforce import bulk, merges, person_accounts, setup, unwatched_phones
from connectors.salesforce import probe as salesforce_probe
from connectors.salesforce import visibility as salesforce_visibility
from connectors.salesforce.bulk import pace_of
from connectors.salesforce.call_log import CallLog, batches, parse_time
from connectors.salesforce.client import Client
from connectors.salesforce.errors import BulkUnavailableError, CursorLapsedError, LargeQueryError
from connectors.salesforce.record_ids import PREFIXES
from connectors.salesforce.results import fetch_result
from connectors.salesforce.soql import NEW_JOB, Position, Query, full_id, listed, quoted
from connectors.salesforce.write_rules import ALLOW_DUPLICATES
from connectors.salesforce.writes import Writer

log = logging.getLogger(__name__)

_ID = re.compile(r"[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?")
_FETCH = 200  # ids in one WHERE ... IN: keeps the URL well under 16 kB
_QUERY_PAGE = 2000
_SLICES = (2000, 500, 200)  # records of a query that is cut, each tried where the one before fails
_PAGE = 1000  # contacts of a query's answer that make a page
_JOB_RECORDS = 100_000  # in one query job: what it brings is not much older than its processing
_JOB_PAGE = 1200  # contacts of a job that make a page


KeyOf = Callable[[str], Any]  # from a column's name to what a row gives its value for


def _by_name(column: str) -> str:
    return column


class SalesforceConnector:
    name = "salesforce"
    shares_batches = False
    incremental = True
    finds_late = False

    def __init__(
        self,
        credentials: SalesforceCredentials,
        settings: SalesforceSettings,
        http: Http,
        quota: Quota,
    ) -> None:
        self._credentials = credentials
        headers = ALLOW_DUPLICATES if settings.allow_duplicates else {}
        self._client = Client(credentials, http, quota, headers)
        self._org = credentials.login_url or credentials.instance_url
        self._version = float(credentials.api_version)
        self._bulk_from = settings.bulk_from
        self.write_size = settings.bulk_batch_size
        self._wanted = {
            name: _named(configured(name, mapping, settings.fields))
            for name, mapping in settings.objects.items()
        }
        self._fields: dict[str, ObjectFields] = {}
        self._decoders: dict[str, RowDecoder] = {}
        self._filterable: set[tuple[str, str]] = set()
        self._writable: dict[str, frozenset[str]] = {}
        self._log = CallLog(self._rows, self._in_slices, self._accounts_of, self.clock)
        self._writer = Writer(self._client.call, self._org, settings, self._fields, self.fetch)

    @classmethod
    def from_settings(cls, settings: Settings, quota: Quota) -> SalesforceConnector:
        assert settings.salesforce is not None
        chosen = settings.connectors.salesforce
        if settings.policy.normalize:
            # Between a job's reading and its writing a person may retype a number, and what we
            # write over the number itself must not be older than that.
            chosen = chosen.model_copy(update={"bulk_from": 0})
        return cls(settings.salesforce, chosen, settings.http, quota)

    @property
    def calls(self) -> Mapping[Purpose, int]:
        return self._client.counts

    def clock(self) -> datetime | None:
        return self._client.clock.time

    def clock_offset(self) -> timedelta:
        return self._client.clock.offset

    def close(self) -> None:
        self._client.close()

    # -- schema --------------------------------------------------------------------------

    @guards_response
    def describe(self) -> Schema:
        found: dict[str, dict[str, CrmField]] = {}
        for name, wanted in self._wanted.items():
            try:
                path = f"sobjects/{name}/describe"
                answer = self._client.call("other", path, check=some_fields(name))
            except ConnectorError as error:
                if "NOT_FOUND" not in str(error):
                    raise
                found[name] = {}  # no object has no fields
                continue
            named = {*wanted.read, *wanted.names.values()}
            found[name] = {
                entry["name"]: CrmField(
                    type=entry["type"],
                    writable=bool(entry["updateable"]),
                    values=tuple(v["value"] for v in entry["picklistValues"] if v["active"])
                    if entry["type"] == "picklist" and entry["restrictedPicklist"]
                    else None,
                    length=int(entry["length"] or 0),
                    filterable=bool(entry.get("filterable", True)),
                    calculated=bool(entry.get("calculated", False)),
                )
                for entry in answer["fields"]
                if entry["name"] in named
            }
        return found

    def apply_schema(self, schema: Schema) -> list[SchemaProblem]:
        findings: list[SchemaProblem] = []
        self._filterable.clear()
        for name, wanted in self._wanted.items():
            held = schema.get(name, {})
            self._fields[name], problems = fit(wanted, held)
            if not held:
                text = "the org has no such object, or our user may not see it"
                problems = [SchemaProblem(name, "", text, cause="missing")]
            self._decoders[name] = make_decoder(self._fields[name], _checked)
            findings += problems
            self._filterable |= {(name, key) for key, entry in held.items() if entry.filterable}
            writable = set(self._fields[name].names)
            writable |= {f"phone/{p}" for p in self._fields[name].phones if rewritable(held[p])}
            self._writable[name] = frozenset(writable)
        return findings

    @property
    def objects(self) -> tuple[str, ...]:
        return tuple(self._wanted)

    def phone_fields(self, object_name: str) -> tuple[str, ...]:
        return self._fields[object_name].phones

    def roles(self) -> Mapping[str, Mapping[str, Role]]:
        return {name: wanted.roles for name, wanted in self._wanted.items()}

    @property
    def guessed_from(self) -> str:
        return ""

    def writable(self, object_name: str) -> frozenset[str]:
        return self._writable[object_name]

    def provision(self, adopt: Collection[str] = ()) -> Iterator[SetupResult]:
        return setup.provision(self._client.call, self._wanted, self._client.user_id, adopt)

    @guards_response
    def unwatched(self) -> Iterator[SchemaProblem]:
        return unwatched_phones.unwatched(self._client.call, self._wanted)

    def cautions(self) -> Iterator[Caution]:
        return iter(())

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
        wanted = self._asked(object_name, since, own_writes)
        at = Position.of(cursor)
        slices = iter(_SLICES)
        limit: int | None = None
        started = at.after
        while True:
            try:
                pages = (
                    self._job_pages(wanted, at, heartbeat)
                    if at.job
                    else self._query_pages(wanted, at, limit)
                )
                for page in pages:
                    at = Position.of(page.cursor) if page.cursor else at
                    yield page
                return
            except SwitchToBulkError as large:
                at = large.position
            except (CursorLapsedError, NotFoundError):
                log.info("salesforce: the query's cursor has expired; going on by id")
                at = Position(at.after)
            except BulkUnavailableError as error:
                log.warning("%s; continuing with the REST API", error)
                self._bulk_from = 0
                at = Position(at.after)
            except UnavailableError as error:
                if not isinstance(error.__cause__, ContradictionError) or at.after == started:
                    raise
                log.warning("%s; asking anew for what comes after it", error)
                if at.job:
                    self._bulk_from = 0
                at = Position(started := at.after)
            except LargeQueryError as error:
                limit = next(slices, None)
                if limit is not None:
                    log.warning("%s; asking for %d records at a time", error, limit)
                    at = Position(at.after)
                elif self._bulk_from and not at.job:
                    log.warning("%s; asking by a Bulk job", error)
                    at = Position(at.after, NEW_JOB)
                else:
                    raise LargeQueryError(
                        f"{error}; it is refused in small pieces too. Is the object's "
                        "SystemModstamp indexed? Ask Salesforce, or read fewer fields"
                    ) from error

    def _asked(self, name: str, since: datetime | None, own_writes: OwnWriteFilter) -> Query:
        tests = []
        if "Account" in self._wanted and name in ("Account", "Contact"):
            # A person account is an account and a contact in one, and is written as the former.
            tests.append(f"IsPersonAccount = {'true' if name == 'Account' else 'false'}")
        if since is None:
            # A converted lead is read-only for the API, and its person goes on as a contact.
            tests += ["IsConverted = false"] if name == "Lead" else []
            return Query(name, self._columns(name), tuple(tests))
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
        columns = *self._columns(name), *tombstones, *merges.links(name, self._wanted)
        return Query(name, columns, tuple(tests), tombstones)

    def _query_pages(self, wanted: Query, at: Position, limit: int | None) -> Iterator[Page]:
        """Read by REST query; raises `SwitchToBulkError` after a page where a job is better.

        `limit`: cut into queries of so many records each, where the whole is too much for the org.
        """
        after = at.after
        while True:
            check = QueryCheck(after)
            answer = self._query(wanted.soql(after, limit), wanted.operation, check)
            left = None if limit else int(answer["totalSize"])
            large = left is not None and 0 < self._bulk_from <= left
            count = 0
            while True:
                rows, done = answer["records"], answer["done"]
                count += len(rows)
                whole = done and (limit is None or count < limit)
                # In parts that are done at once, each with few of an answer's records.
                for start in range(0, max(1, len(rows)), _PAGE):
                    some = rows[start : start + _PAGE]
                    left = None if left is None else left - len(some)
                    last = whole and start + _PAGE >= len(rows)
                    cursor = None if last else some[-1]["Id"] if some else after
                    yield self._page(wanted, some, cursor, left)
                after = rows[-1]["Id"] if rows else after
                if done:
                    break
                if large:
                    raise SwitchToBulkError(Position(after, NEW_JOB, left))
                answer = self._next(answer, check)
            if whole:
                return

    def _job_pages(
        self, wanted: Query, at: Position, heartbeat: Callable[[], None]
    ) -> Iterator[Page]:
        """Pages of Bulk query jobs, one job after another."""
        left = at.left
        while True:
            ours = at.job == NEW_JOB
            job, total = self._job(wanted, at, heartbeat)
            announced = min(left or 0, _JOB_RECORDS)  # by the query before, or the job before
            if ours and far_short(total, announced):
                log.warning("salesforce: job %s found %d of %d records", job, total, announced)
                job, total = self._job(wanted, at, heartbeat)
                _check_announced(job, total, announced)
            held: Page | None = None  # whether a page is a job's last is known by the next
            with fetch_result(self._client.call, job, self._version, total, heartbeat) as result:
                for read in result.pages(_JOB_PAGE, heartbeat):
                    rows, number = read.rows, read.columns.index("Id")
                    if not ours:  # by who stopped in this job
                        rows = [row for row in rows if row[number] > at.after]
                    if not rows:
                        continue
                    if held is not None:
                        yield held
                    _check_order(at.after, [row[number] for row in rows])
                    left = None if left is None else max(0, left - len(rows))
                    at = Position(rows[-1][number], job)
                    held = self._page(wanted, rows, at.cursor, left, read.columns.index)
            # How many a job of another process was to bring at most is not known here.
            more = total >= _JOB_RECORDS or not ours
            at = Position(at.after, NEW_JOB)
            if held is not None:
                yield replace(held, cursor=at.cursor if more else None)
            elif not more:
                yield Page((), None, 0)
            if not more:
                return

    def _job(self, wanted: Query, at: Position, heartbeat: Callable[[], None]) -> tuple[str, int]:
        """A query job that is done, a new one or the one we were at: its id, and its records."""
        job = at.job
        if job == NEW_JOB:
            soql = wanted.soql(at.after, _JOB_RECORDS)
            job = bulk.start_query(self._client.call, wanted.operation, soql)
        pace, path = pace_of(self._org, "query"), f"jobs/query/{job}"
        info = bulk.wait_for(self._client.call, "read", path, heartbeat, pace, query_job(job))
        if info["state"] != "JobComplete":
            problem = info.get("errorMessage") or "it was aborted in Setup > Bulk Data Load Jobs"
            raise BulkUnavailableError(f"salesforce: Bulk query job {job} failed: {problem}")
        return job, int(info["numberRecordsProcessed"])

    def _page(
        self,
        wanted: Query,
        rows: Sequence[Any],
        cursor: str | None,
        left: int | None,
        key_of: KeyOf = _by_name,
    ) -> Page:
        if not wanted.tombstones:
            return Page(self._contacts(wanted.object, rows, key_of), cursor, left)
        number, away = key_of("Id"), [key_of(name) for name in wanted.tombstones]
        here = [row for row in rows if not any(row[name] in TRUE for name in away)]
        there = {row[number] for row in here}
        away_rows = [row for row in rows if row[number] not in there]
        links = merges.links(wanted.object, self._wanted)
        merged = [
            merges.merge_of({name: row[key_of(name)] for name in ("Id", *links)}, links)
            for row in away_rows
        ]
        return Page(
            self._contacts(wanted.object, here, key_of),
            cursor,
            left,
            tuple(row[number] for row in away_rows),
            tuple(filter(None, merged)),
        )

    @guards_response
    def read_reverse(self, object_name: str, before: str | None = None) -> Iterator[Page] | None:
        return None

    @guards_response
    def fetch(self, object_name: str, ids: Sequence[str]) -> list[Contact]:
        found: list[Contact] = []
        good = [record_id for record_id in ids if _ID.fullmatch(record_id)]
        for start in range(0, len(good), _FETCH):
            found += self._fetch(object_name, good[start : start + _FETCH])
        return found

    def _fetch(self, object_name: str, ids: Sequence[str]) -> list[Contact]:
        whole = self._asked(object_name, None, NO_OWN_WRITES)  # what a full read would leave out
        wanted = replace(whole, tests=(*whole.tests, f"Id IN {listed(ids)}"))
        try:
            return list(self._contacts(object_name, self._rows(wanted.soql(), among=ids)))
        except LargeQueryError:
            if len(ids) == 1:
                raise
            half = len(ids) // 2
            return [*self._fetch(object_name, ids[:half]), *self._fetch(object_name, ids[half:])]

    @guards_response
    def deleted(self, object_name: str, ids: Sequence[str]) -> dict[str, Merge | None]:
        good = [record_id for record_id in ids if _ID.fullmatch(record_id)]
        return merges.deleted(self._client.call, object_name, good, self._wanted)

    def merged_into(self, object_name: str, ids: Sequence[str]) -> list[Merge]:
        return []  # the winner keeps its id

    @guards_response
    def flags_before_merge(
        self, object_name: str, since: Mapping[str, datetime], flags: Sequence[str]
    ) -> dict[str, dict[str, list[datetime]]]:
        return merges.flags_before_merge(self._client.call, object_name, since, flags, self._fields)

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

    def _query(self, soql: str, operation: str, check: QueryCheck) -> Any:
        # 2,000 a page is also the default, but only without a smaller one set for the org.
        headers = {"Sforce-Query-Options": f"batchSize={_QUERY_PAGE}"}
        return self._client.call(
            "read", f"{operation}/", params={"q": soql}, headers=headers, check=check
        )

    def _rows(self, soql: str, among: Collection[str] | None = None) -> Iterator[Mapping[str, Any]]:
        """All rows of a query. An org may make its pages smaller than we ask for. `among`: the ids
        that may come."""
        check = QueryCheck(among=among)
        answer = self._query(soql, "query", check)
        while True:
            yield from answer["records"]
            if answer["done"]:
                return
            answer = self._next(answer, check)

    def _in_slices(self, query: Query) -> Iterator[Mapping[str, Any]]:
        """All rows; where they are too many for one query, so many at a time."""
        after = ""
        for limit in (None, *_SLICES):
            try:
                while True:
                    count = 0
                    for row in self._rows(query.soql(after, limit)):
                        after, count = row["Id"], count + 1
                        yield row
                    if limit is None or count < limit:
                        return
            except LargeQueryError:
                if limit == _SLICES[-1]:
                    raise

    def _next(self, answer: Mapping[str, Any], check: QueryCheck) -> Any:
        return self._client.call("read", f"query/{next_path(answer)}", check=check)

    def _contacts(self, name: str, rows: Iterable[Any], key_of: KeyOf = _by_name) -> Rows:
        """Rows of a query are by column name, those of a job are lists: see `key_of`."""
        made = self._decoders[name]
        try:
            keys = [*map(key_of, ("Id", "SystemModstamp", *made.columns))]
            if key_of is _by_name:
                return made.read(zip(*map(itemgetter(*keys), rows), strict=True))
            columns = [*zip(*rows, strict=True)]
            return made.read([columns[key] for key in keys] if columns else ())
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise ConnectorError(
                f"salesforce: an answer of the query API has an unknown form ({error!r})"
            ) from error

    @guards_response
    def list_members(self, kind: str, name: str) -> Iterator[tuple[str, str]] | None:
        # What other CRMs call a list of people is a campaign's members here.
        return self._members(name) if kind in ("campaign", "list") else None

    def _members(self, name: str) -> Iterator[tuple[str, str]]:
        """Of a campaign: contacts, and leads that are still leads."""
        by = "Id" if _ID.fullmatch(name) and name.startswith("701") else "Name"
        soql = f"SELECT Id FROM Campaign WHERE {by} = {quoted(name)}"
        ids = [row["Id"] for row in self._rows(soql)]
        if not ids:
            raise InvalidRequestError(
                f"salesforce: there is no campaign {name!r} that our user may see"
            )
        members = Query(
            "CampaignMember", ("Id", "ContactId", "LeadId"), (f"CampaignId IN {listed(ids)}",)
        )
        for rows in batches(self._in_slices(members)):
            people = self._accounts_of(row["ContactId"] or "" for row in rows)
            for row in rows:
                record_id = row["ContactId"] or row["LeadId"] or ""
                record_id = people.get(record_id, record_id)
                if (member := PREFIXES.get(record_id[:3], "")) in self._wanted:
                    yield member, record_id

    def _accounts_of(self, contact_ids: Iterable[str]) -> Mapping[str, str]:
        """The person accounts that these contacts stand for, where those are read at all."""
        if "Account" not in self._wanted:
            return {}
        return person_accounts.accounts_of(self._rows, contact_ids)

    @guards_response
    def call_outcomes(self, since: datetime, only: str = "") -> Iterator[CallOutcome] | None:
        """Of tasks: CallDisposition is what dialers and people put there. A task names a person,
        and not the number that was called."""
        return self._log.call_outcomes(since, only)

    def outcome_names(self) -> OutcomeNames:
        return OutcomeNames({})  # a task holds the name itself

    # -- writing -------------------------------------------------------------------------

    @guards_response
    def write(
        self, updates: Sequence[Update], heartbeat: Callable[[], None] = noop
    ) -> list[WriteResult]:
        return self._writer.write(updates, heartbeat)

    def probe(self, record_id: str = "") -> Iterator[ProbeResult]:
        object_name = self.object_of(record_id) if record_id else next(iter(self._wanted))
        if object_name == "Account":
            raise InvalidRequestError(
                "salesforce: name a Contact or a Lead: an account has no LastName"
            )
        return salesforce_probe.run(self._client, object_name, full_id(record_id))

    # -- ids -----------------------------------------------------------------------------

    def object_of(self, record_id: str) -> str:
        found = PREFIXES.get(record_id[:3])
        if found is None or not _ID.fullmatch(record_id):
            raise InvalidRequestError(
                f"salesforce: {record_id!r} is not the id of a Contact (003...), a Lead (00Q...) "
                "or a person account (001...)"
            )
        if found not in self._wanted:  # its page could not be read, and would stop the whole run
            raise InvalidRequestError(
                f"salesforce: {record_id!r} is the id of a record of {found}, which is not among "
                "connectors.salesforce.objects in the settings"
            )
        return found

    @guards_response
    def locate(self, record_ids: Sequence[str]) -> list[tuple[str, str]]:
        """A person account is read as an account, and often known by the contact beside it."""
        ids = [full_id(one) if _ID.fullmatch(one) else one for one in record_ids]
        people = self._accounts_of(filter(_ID.fullmatch, ids))
        return [
            ("Account", people[one]) if one in people else (self.object_of(one), one) for one in ids
        ]

    def record_url(self, object_name: str, record_id: str) -> str:
        base = self._credentials.instance_url or self._credentials.login_url
        return f"{base}/lightning/r/{object_name}/{record_id}/view"


class SwitchToBulkError(Exception):
    """There is so much left that a job is the better way."""

    def __init__(self, position: Position) -> None:
        super().__init__()
        self.position = position


def _named(wanted: ObjectFields) -> ObjectFields:
    """The org's own "Do Not Call" has another name on a person account."""
    own = setup.OWN_DO_NOT_CALL
    if own.get(wanted.object, "DoNotCall") == "DoNotCall":
        return wanted
    names = {
        canonical: own[wanted.object] if field == "DoNotCall" else field
        for canonical, field in wanted.names.items()
    }
    return replace(wanted, names=names)


def _check_announced(job: str, total: int, announced: int) -> None:
    """Who is missing in a full read counts as gone."""
    if far_short(total, announced):
        what = f"a query counts {announced:,} records, and job {job} found {total:,}"
        raise UnavailableError(
            f"salesforce: an answer contradicts itself: {what} (tried 2 times); nothing was taken "
            "from it. Try again: hygiene sync salesforce"
        ) from ContradictionError(what)


def _check_order(after: str, ids: Sequence[str]) -> None:
    """A read goes on by id, and takes what is not between two ids for deleted: it relies on what it
    asked for (`ORDER BY Id`)."""
    if ids and (ids[0] <= after or any(map(ge, ids, islice(ids, 1, None)))):
        raise ConnectorError(
            "salesforce: records did not come in the order of their ids, as they were asked for; "
            "nothing after them was read. Please report this as a bug"
        )


_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:\+0000|Z)", re.ASCII)


@lru_cache(maxsize=4096)  # the records of a run were all written within some minutes
def _checked(given: Any) -> Value:
    text = str(given)
    if _UTC.fullmatch(text):  # as Salesforce gives them all: nothing is to be worked out
        return f"{text[:19]}Z"
    return format_utc(parse_time(text))
