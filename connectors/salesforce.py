"""Salesforce: Contact, Lead and person accounts, by REST and Bulk API, with simple-salesforce.

What is large is read by Bulk query jobs and written by Bulk ingest jobs (`salesforce_bulk`), what
is small by REST queries and collections. A read by Bulk is cut into jobs of so many records in
order of id: what a job brings is as old as the job, and a read that was cut off goes on by id.

Facts used here, all from Salesforce's REST API Developer Guide: a query answers up to 2,000
records and a `nextRecordsUrl`; a query cursor lapses, so a resumed read goes on by id instead;
a collections PATCH takes up to 200 records and answers one result for each, in order;
`SystemModstamp` moves on every write, also those of automated processes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Any

from config.settings import Http, SalesforceCredentials, SalesforceSettings, Settings
from connectors import salesforce_bulk, salesforce_setup
from connectors.base import (
    NOTHING,
    CallOutcome,
    ConnectorError,
    Contact,
    CrmField,
    FailureKind,
    Finding,
    NotThereError,
    Page,
    Purpose,
    Schema,
    SchemaError,
    SetupStep,
    Skip,
    UnavailableError,
    UnfitError,
    Update,
    Value,
    WriteResult,
    nothing,
)
from connectors.fields import ObjectFields, configured, fit
from connectors.quota import Quota
from connectors.reading import TRUE, Maker, Rows, maker
from connectors.salesforce_bulk import BulkUnavailableError, Pace, Refusal, pace_of
from connectors.salesforce_door import CursorLapsedError, Door
from connectors.understood import understood
from connectors.values import zulu

log = logging.getLogger(__name__)

_KINDS: dict[str, FailureKind] = {
    "UNABLE_TO_LOCK_ROW": "locked",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "validation",
    "FIELD_FILTER_VALIDATION_EXCEPTION": "validation",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "validation",
    "CANNOT_EXECUTE_FLOW_TRIGGER": "validation",
    "REQUIRED_FIELD_MISSING": "validation",
    "DUPLICATES_DETECTED": "validation",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "picklist_value",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "unwritable_field",
    "INVALID_FIELD": "unwritable_field",
    "STRING_TOO_LONG": "too_long",
    "ENTITY_IS_DELETED": "gone",
    "INVALID_CROSS_REFERENCE_KEY": "gone",
    "MALFORMED_ID": "gone",
    "INSUFFICIENT_ACCESS_OR_READONLY": "access",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "access",
    "CANNOT_UPDATE_CONVERTED_LEAD": "access",
}
_PREFIXES = {"003": "Contact", "00Q": "Lead", "001": "Account"}
_ID = re.compile(r"[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?")
_FETCH = 200  # ids in one WHERE ... IN: keeps the URL well under 16 kB
_QUERY_PAGE = 2000
_COLLECTION = 200
_PAGE = 1000  # contacts of a query's answer that make a page
_JOB_RECORDS = 100_000  # in one query job: what it brings is not much older than its processing
_JOB_PAGE = 1200  # contacts of a job that make a page
_JOB_WRITES = 1000  # updates from which a job takes fewer calls than collections, polls included


KeyOf = Callable[[str], Any]  # from a column's name to what a row gives its value for


def _by_name(column: str) -> str:
    return column


class SalesforceConnector:
    name = "salesforce"
    write_size = 10_000
    shares_batches = False
    incremental = True

    def __init__(
        self,
        credentials: SalesforceCredentials,
        settings: SalesforceSettings,
        http: Http,
        quota: Quota,
    ) -> None:
        self._credentials = credentials
        self._door = Door(credentials, http, quota)
        self._version = float(credentials.api_version)
        self._bulk_from = settings.bulk_from
        self._wanted = {
            name: configured(name, mapping, settings.fields)
            for name, mapping in settings.objects.items()
        }
        self._fields: dict[str, ObjectFields] = {}
        self._makers: dict[str, Maker] = {}
        self._writable: dict[str, frozenset[str]] = {}

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
        return self._door.counts

    def clock(self) -> datetime | None:
        return self._door.clock.time

    def ahead(self) -> timedelta:
        return self._door.clock.ahead

    def close(self) -> None:
        self._door.close()

    # -- schema --------------------------------------------------------------------------

    @understood
    def describe(self) -> Schema:
        found: dict[str, dict[str, CrmField]] = {}
        for name, wanted in self._wanted.items():
            try:
                answer = self._door.call("other", f"sobjects/{name}/describe")
            except ConnectorError as error:
                if "NOT_FOUND" in str(error):
                    raise SchemaError(
                        f"salesforce: the org has no object {name}, or our user may not see it; "
                        f"see connectors.salesforce.objects"
                    ) from error
                raise
            named = {*wanted.read, *wanted.names.values()}
            found[name] = {
                entry["name"]: CrmField(
                    type=entry["type"],
                    writable=bool(entry["updateable"]),
                    values=tuple(v["value"] for v in entry["picklistValues"] if v["active"])
                    if entry["type"] == "picklist" and entry["restrictedPicklist"]
                    else None,
                    length=int(entry["length"] or 0),
                )
                for entry in answer["fields"]
                if entry["name"] in named
            }
        return found

    def use(self, schema: Schema) -> list[Finding]:
        findings: list[Finding] = []
        for name, wanted in self._wanted.items():
            held = schema.get(name, {})
            self._fields[name], problems = fit(wanted, held)
            self._makers[name] = maker(self._fields[name], _checked)
            findings += problems
            writable = set(self._fields[name].names)
            writable |= {f"phone/{p}" for p in self._fields[name].phones if held[p].writable}
            self._writable[name] = frozenset(writable)
        return findings

    @property
    def objects(self) -> tuple[str, ...]:
        return tuple(self._wanted)

    def phone_fields(self, object_name: str) -> tuple[str, ...]:
        return self._fields[object_name].phones

    def writable(self, object_name: str) -> frozenset[str]:
        return self._writable[object_name]

    def provision(self) -> Iterator[SetupStep]:
        return salesforce_setup.provision(self._door.call, self._wanted)

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
        wanted = self._asked(object_name, since, skip)
        at = _Place.of(cursor)
        while True:
            try:
                pages = (
                    self._job_pages(wanted, at, waiting)
                    if at.job
                    else self._query_pages(wanted, at)
                )
                for page in pages:
                    at = _Place.of(page.cursor) if page.cursor else at
                    yield page
                return
            except _LargeError as large:
                at = large.place
            except (CursorLapsedError, NotThereError):
                log.info("salesforce: what was read from has lapsed; going on by id")
                at = _Place(at.after)
            except BulkUnavailableError as error:
                log.warning("%s; going on with the REST API", error)
                self._bulk_from = 0
                at = _Place(at.after)

    def _asked(self, name: str, since: datetime | None, skip: Skip) -> _Wanted:
        tests = []
        if "Account" in self._wanted and name in ("Account", "Contact"):
            # A person account is an account and a contact in one, and is written as the former.
            tests.append(f"IsPersonAccount = {'true' if name == 'Account' else 'false'}")
        if since is None:
            # A converted lead is read-only for the API, and its person goes on as a contact.
            tests += ["IsConverted = false"] if name == "Lead" else []
            return _Wanted(name, self._columns(name), tuple(tests))
        tests.append(f"SystemModstamp >= {zulu(since, milliseconds=True)}")
        run_field = self._fields[name].names.get("run")
        if skip.runs and run_field:
            listed = ", ".join(quoted(run) for run in skip.runs)
            tests.append(
                f"({run_field} = null OR {run_field} NOT IN ({listed}) "
                f"OR SystemModstamp >= {zulu(skip.until, milliseconds=True)})"
            )
        # What was deleted is told too, while it is in the recycle bin.
        away = ("IsDeleted", "IsConverted") if name == "Lead" else ("IsDeleted",)
        return _Wanted(name, (*self._columns(name), *away), tuple(tests), away)

    def _query_pages(self, wanted: _Wanted, at: _Place) -> Iterator[Page]:
        """Pages of the REST query; raises `_LargeError` after the first where a job is better."""
        answer = self._query(wanted.soql(at.after), wanted.operation)
        left = int(answer["totalSize"])
        large = 0 < self._bulk_from <= left
        while True:
            rows, done = answer["records"], bool(answer["done"])
            # In parts that are done at once, each with few of an answer's records.
            for start in range(0, max(1, len(rows)), _PAGE):
                some = rows[start : start + _PAGE]
                left -= len(some)
                last = done and start + _PAGE >= len(rows)
                yield self._page(wanted, some, None if last else some[-1]["Id"], left)
            if done:
                return
            if large:
                raise _LargeError(_Place(rows[-1]["Id"], _NEW_JOB, left=left))
            answer = self._next(answer)

    def _job_pages(
        self, wanted: _Wanted, at: _Place, waiting: Callable[[], None]
    ) -> Iterator[Page]:
        """Pages of Bulk query jobs, one job after another."""
        left = at.left
        while True:
            ours = at.job == _NEW_JOB
            job, total = self._job(wanted, at, waiting)
            held: Page | None = None  # whether a page is a job's last is known by the next
            brought = bool(at.part)
            for read in salesforce_bulk.read_query(
                self._door.call, job, self._version, at.part, _JOB_PAGE, waiting
            ):
                rows, number = read.rows, read.columns.index("Id")
                brought = True
                if at.after and rows[0][number] <= at.after:  # by who stopped in this part
                    rows = [row for row in rows if row[number] > at.after]
                if not rows:
                    continue
                if held is not None:
                    yield held
                left = None if left is None else max(0, left - len(rows))
                at = _Place(rows[-1][number], job, read.part)
                held = self._page(wanted, rows, at.cursor, left, read.columns.index)
            if total and not brought:  # what is not read would pass for deleted
                raise UnavailableError(
                    f"salesforce: Bulk query job {job} has {total} records, and gave none of them; "
                    "go on with: hygiene sync salesforce"
                )
            # How many a job of another process was to bring at most is not known here.
            more = total >= _JOB_RECORDS or not ours
            at = _Place(at.after, _NEW_JOB)
            if held is not None:
                yield replace(held, cursor=at.cursor if more else None)
            elif not more:
                yield Page((), None, 0)
            if not more:
                return

    def _job(self, wanted: _Wanted, at: _Place, waiting: Callable[[], None]) -> tuple[str, int]:
        """A query job that is done, a new one or the one we were at: its id, and its records."""
        job = at.job
        if job == _NEW_JOB:
            soql = f"{wanted.soql(at.after)} LIMIT {_JOB_RECORDS}"
            job = salesforce_bulk.start_query(self._door.call, wanted.operation, soql)
        info = salesforce_bulk.wait_for(
            self._door.call, "read", f"jobs/query/{job}", waiting, self._job_pace("query")
        )
        if info["state"] != "JobComplete":
            problem = info.get("errorMessage") or "it was aborted in Setup > Bulk Data Load Jobs"
            raise BulkUnavailableError(f"salesforce: Bulk query job {job} failed: {problem}")
        return job, int(info["numberRecordsProcessed"])

    def _page(
        self,
        wanted: _Wanted,
        rows: Sequence[Any],
        cursor: str | None,
        left: int | None,
        key_of: KeyOf = _by_name,
    ) -> Page:
        if not wanted.away:
            return Page(self._contacts(wanted.object, rows, key_of), cursor, left)
        number, away = key_of("Id"), [key_of(name) for name in wanted.away]
        here = [row for row in rows if not any(row[name] in TRUE for name in away)]
        there = {row[number] for row in here}
        gone = tuple(row[number] for row in rows if row[number] not in there)
        return Page(self._contacts(wanted.object, here, key_of), cursor, left, gone)

    @understood
    def pull_back(self, object_name: str, before: str | None = None) -> Iterator[Page] | None:
        return None

    @understood
    def fetch(self, object_name: str, ids: Sequence[str]) -> list[Contact]:
        found: list[Contact] = []
        good = [record_id for record_id in ids if _ID.fullmatch(record_id)]
        for start in range(0, len(good), _FETCH):
            listed = ", ".join(quoted(record_id) for record_id in good[start : start + _FETCH])
            wanted = _Wanted(object_name, self._columns(object_name), (f"Id IN ({listed})",))
            found += self._contacts(object_name, self._rows(wanted.soql()))
        return found

    def _columns(self, name: str) -> tuple[str, ...]:
        fields = self._fields.get(name)
        if fields is None:
            raise SchemaError(
                f"salesforce: {name} is not among connectors.salesforce.objects in the settings"
            )
        return tuple(dict.fromkeys(("Id", "SystemModstamp", *fields.read)))

    def _query(self, soql: str, operation: str) -> Any:
        # 2,000 a page is also the default, but only without a smaller one set for the org.
        headers = {"Sforce-Query-Options": f"batchSize={_QUERY_PAGE}"}
        return self._door.call("read", f"{operation}/", params={"q": soql}, headers=headers)

    def _rows(self, soql: str) -> Iterator[Mapping[str, Any]]:
        """All rows of a query. An org may make its pages smaller than we ask for."""
        answer = self._query(soql, "query")
        while True:
            yield from answer["records"]
            if answer["done"]:
                return
            answer = self._next(answer)

    def _next(self, answer: Mapping[str, Any]) -> Any:
        path = answer["nextRecordsUrl"].partition("/query/")[2]
        return self._door.call("read", f"query/{path}")

    def _contacts(self, name: str, rows: Iterable[Any], key_of: KeyOf = _by_name) -> Rows:
        """Rows of a query are by column name, those of a job are lists: see `key_of`."""
        made = self._makers[name]
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

    @understood
    def members(self, kind: str, name: str) -> Iterator[tuple[str, str]] | None:
        # What other CRMs call a list of people is a campaign's members here.
        return self._members(name) if kind in ("campaign", "list") else None

    def _members(self, name: str) -> Iterator[tuple[str, str]]:
        """Of a campaign: contacts, and leads that are still leads."""
        by = "Id" if _ID.fullmatch(name) and name.startswith("701") else "Name"
        soql = f"SELECT Id FROM Campaign WHERE {by} = {quoted(name)}"
        ids = [row["Id"] for row in self._rows(soql)]
        if not ids:
            raise UnfitError(f"salesforce: there is no campaign {name!r} that our user may see")
        listed = ", ".join(map(quoted, ids))
        soql = f"SELECT Id, ContactId, LeadId FROM CampaignMember WHERE CampaignId IN ({listed})"
        for row in self._rows(soql):
            record_id = row["ContactId"] or row["LeadId"]
            if record_id and (member := _PREFIXES.get(record_id[:3], "")) in self._wanted:
                yield member, record_id

    @understood
    def outcomes(self, since: datetime) -> Iterator[CallOutcome] | None:
        """Of tasks: CallDisposition is what dialers and people put there. A task names a person,
        and not the number that was called."""
        soql = (
            "SELECT Id, WhoId, CallDisposition, CreatedDate, SystemModstamp FROM Task "
            f"WHERE SystemModstamp >= {since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z "
            "AND CallDisposition != null ORDER BY SystemModstamp"
        )
        return map(_outcome, self._rows(soql))

    # -- writing -------------------------------------------------------------------------

    @understood
    def write(
        self, updates: Sequence[Update], waiting: Callable[[], None] = nothing
    ) -> list[WriteResult]:
        records = [self._record(update) for update in updates]
        if self._bulk_from and len(updates) >= _JOB_WRITES:
            try:
                return self._write_by_job(updates, records, waiting)
            except BulkUnavailableError as error:
                log.warning("%s; going on with the REST API", error)
        results: list[WriteResult] = []
        for start in range(0, len(updates), _COLLECTION):
            waiting()
            some = slice(start, start + _COLLECTION)
            results += self._write_collection(updates[some], records[some])
        return results

    def _record(self, update: Update) -> dict[str, Value]:
        names, record = self._fields[update.object].names, {}
        for canonical, value in update.values.items():
            kind, _, phone = canonical.partition("/")
            record[phone if kind == "phone" else names[canonical]] = value
        return record

    def _write_collection(
        self, updates: Sequence[Update], records: Sequence[Mapping[str, Value]]
    ) -> list[WriteResult]:
        body = [
            {"attributes": {"type": update.object}, "id": update.id, **record}
            for update, record in zip(updates, records, strict=True)
        ]
        answer = self._door.call(
            "write",
            "composite/sobjects",
            method="PATCH",
            json={"allOrNone": False, "records": body},
        )
        if not isinstance(answer, list) or len(answer) != len(updates):
            raise ConnectorError("salesforce: the collections API did not answer for each record")
        return [self._answered(update, one) for update, one in zip(updates, answer, strict=True)]

    def _answered(self, update: Update, answer: Mapping[str, Any]) -> WriteResult:
        if answer.get("success"):
            return WriteResult(update.id, True)
        problem = (answer.get("errors") or [{}])[0]
        code, message = problem.get("statusCode", ""), problem.get("message", "")
        return self._refused(update, Refusal(code, message, tuple(problem.get("fields") or ())))

    def _write_by_job(
        self,
        updates: Sequence[Update],
        records: Sequence[dict[str, Value]],
        waiting: Callable[[], None],
    ) -> list[WriteResult]:
        """By an ingest job; what it cannot tell, or did not get at, goes by collections."""
        told = {
            update.id: record
            for update, record in zip(updates, records, strict=True)
            if salesforce_bulk.fits(record)
        }
        refused = salesforce_bulk.update(
            self._door.call, updates[0].object, told, self._job_pace("ingest"), waiting
        )
        results = {
            update.id: self._refused(update, refused[update.id])
            if update.id in refused
            else WriteResult(update.id, True)
            for update in updates
        }
        left = [
            number
            for number, update in enumerate(updates)
            if update.id not in told or (update.id in refused and not refused[update.id].code)
        ]
        for start in range(0, len(left), _COLLECTION):
            waiting()
            some = left[start : start + _COLLECTION]
            for result in self._write_collection(
                [updates[n] for n in some], [records[n] for n in some]
            ):
                results[result.id] = result
        return [results[update.id] for update in updates]

    def _job_pace(self, kind: str) -> Pace:
        return pace_of(self._credentials.login_url or self._credentials.instance_url, kind)

    def _refused(self, update: Update, refusal: Refusal) -> WriteResult:
        canonical = self._fields[update.object].canonical
        fields = tuple(canonical.get(name, "") for name in refusal.fields)
        return WriteResult(
            update.id,
            False,
            _KINDS.get(refusal.code, "other"),
            f"{refusal.code}: {refusal.message}",
            tuple(filter(None, fields)),
        )

    # -- ids -----------------------------------------------------------------------------

    def object_of(self, record_id: str) -> str:
        found = _PREFIXES.get(record_id[:3])
        if found is None or not _ID.fullmatch(record_id):
            raise UnfitError(
                f"salesforce: {record_id!r} is not the id of a Contact (003...), a Lead (00Q...) "
                "or a person account (001...)"
            )
        return found

    def record_url(self, object_name: str, record_id: str) -> str:
        base = self._credentials.instance_url or self._credentials.login_url
        return f"{base}/lightning/r/{object_name}/{record_id}/view"


_NEW_JOB = "new"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a read stands: after this id; in a job ("new": one to be made), and in which part."""

    after: str = ""
    job: str = ""
    part: str = ""
    left: int | None = None

    @classmethod
    def of(cls, cursor: str | None) -> _Place:
        after, _, rest = (cursor or "").partition("/")
        job, _, part = rest.partition("/")
        return cls(after, job, part)

    @property
    def cursor(self) -> str:
        return f"{self.after}/{self.job}/{self.part}"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a read asks for. `away`: checkboxes that say that a record has gone away."""

    object: str
    columns: tuple[str, ...]
    tests: tuple[str, ...]
    away: tuple[str, ...] = ()

    @property
    def operation(self) -> str:
        return "queryAll" if self.away else "query"

    def soql(self, after: str = "") -> str:
        tests = [*self.tests, f"Id > {quoted(after)}"] if after else self.tests
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        return f"SELECT {', '.join(self.columns)} FROM {self.object}{where} ORDER BY Id"


class _LargeError(Exception):
    """There is so much left that a job is the better way."""

    def __init__(self, place: _Place) -> None:
        super().__init__()
        self.place = place


def quoted(text: str) -> str:
    """A SOQL string literal; the only characters that need care are \\ and '.

    >>> quoted("O'Hara")
    "'O\\\\'Hara'"
    """
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _outcome(row: Mapping[str, Any]) -> CallOutcome:
    who = row["WhoId"] or ""
    object_name = _PREFIXES.get(who[:3], "")
    return CallOutcome(
        row["Id"],
        row["CallDisposition"],
        object_name,
        who if object_name else "",
        "",
        _moment(row["CreatedDate"]),
        _moment(row["SystemModstamp"]),
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("+0000", "+00:00"))


_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:\+0000|Z)", re.ASCII)


@lru_cache(maxsize=4096)  # the records of a run were all written within some minutes
def _checked(given: Any) -> Value:
    text = str(given)
    if _UTC.fullmatch(text):  # as Salesforce gives them all: nothing is to be worked out
        return f"{text[:19]}Z"
    return zulu(_moment(text))
