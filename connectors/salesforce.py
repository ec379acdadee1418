"""Salesforce: Contact and Lead through the REST API, with simple-salesforce.

Facts used here, all from Salesforce's REST API Developer Guide: a query answers up to 2,000
records and a `nextRecordsUrl`; a query cursor lapses, so a resumed read goes on by id instead;
a collections PATCH takes up to 200 records and answers one result for each, in order;
`SystemModstamp` moves on every write, also those of automated processes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceError as ClientError

from config.settings import Http, SalesforceCredentials, SalesforceSettings, Settings
from connectors import salesforce_setup
from connectors.base import (
    NOTHING,
    AuthError,
    ConnectorError,
    Contact,
    CrmField,
    FailureKind,
    Finding,
    Page,
    Purpose,
    QuotaError,
    Schema,
    SchemaChangedError,
    SchemaError,
    SetupStep,
    Skip,
    Update,
    Value,
    WriteResult,
)
from connectors.calls import Calls, TryAgainError, reason, retry_after
from connectors.fields import ObjectFields, configured, fit, spec_of
from connectors.quota import DAY, Left, Limits
from connectors.salesforce_auth import Login, http_session, log_in
from connectors.values import amount, day, zulu

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
_PREFIXES = {"003": "Contact", "00Q": "Lead"}
_ID = re.compile(r"[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?")
# "api-usage=18/5000; per-app-api-usage=17/250(appName=...)": the calls of the last 24 hours.
_USAGE = re.compile(r"api-usage=(\d{1,12})/(\d{1,12})", re.ASCII)
_FETCH = 200  # ids in one WHERE ... IN: keeps the URL well under 16 kB


class SalesforceConnector:
    name = "salesforce"
    page_size = 2000
    write_size = 200
    incremental = True

    def __init__(
        self, credentials: SalesforceCredentials, settings: SalesforceSettings, http: Http
    ) -> None:
        self._credentials = credentials
        self._calls = Calls(self.name, http, settings.reserve)
        self._wanted = {
            name: configured(name, mapping, settings.fields)
            for name, mapping in settings.objects.items()
        }
        self._fields: dict[str, ObjectFields] = {}
        self._writable: dict[str, frozenset[str]] = {}
        self._http = http_session(credentials, self._calls.timeout)
        self._http.hooks["response"].append(self._note_headers)
        self._client: Salesforce | None = None
        self._time: datetime | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> SalesforceConnector:
        assert settings.salesforce is not None
        return cls(settings.salesforce, settings.connectors.salesforce, settings.http)

    # -- the one door --------------------------------------------------------------------

    @property
    def calls(self) -> Mapping[Purpose, int]:
        return self._calls.counts

    def clock(self) -> datetime | None:
        return self._time

    def close(self) -> None:
        self._http.close()

    def _note_headers(self, response: requests.Response, *_args: Any, **_more: Any) -> None:
        self._calls.note(limits(response.headers.get("Sforce-Limit-Info", "")))
        if date := response.headers.get("Date"):
            self._time = parsedate_to_datetime(date).astimezone(UTC)

    def _session(self) -> Salesforce:
        if self._client is None:
            login: Login = self._calls.make("other", lambda: log_in(self._credentials, self._http))
            self._client = Salesforce(
                instance_url=login.instance_url,
                session_id=login.access_token,
                version=self._credentials.api_version,
                session=self._http,
            )
        return self._client

    def call(
        self, purpose: Purpose, path: str, method: str = "GET", oauth: bool = False, **more: Any
    ) -> Any:
        """One REST call below /services/data/vNN.N/ (or /services/oauth2/), with our retries."""

        def once() -> Any:
            client = self._client
            assert client is not None
            try:
                send = client.oauth2 if oauth else client.restful
                return send(path, method=method, **more)
            except ClientError as error:
                raise self._translate(error) from error
            except requests.exceptions.JSONDecodeError as error:
                raise TryAgainError("an answer was not JSON") from error
            except requests.exceptions.SSLError as error:
                raise ConnectorError(
                    f"salesforce: the certificate is not trusted: {error}"
                ) from error
            except requests.exceptions.RequestException as error:
                late = isinstance(error, requests.exceptions.Timeout)
                raise TryAgainError(reason(error, late, client.sf_instance)) from error

        self._session()
        try:
            return self._calls.make(purpose, once)
        except _SessionExpiredError:
            self._client = None
            if self._credentials.access_token:
                raise AuthError(
                    "salesforce: the session has expired and SALESFORCE_ACCESS_TOKEN cannot renew "
                    "it; set SALESFORCE_LOGIN_URL and SALESFORCE_CLIENT_ID instead (README)"
                ) from None
            self._session()
            try:
                return self._calls.make(purpose, once)
            except _SessionExpiredError as error:
                raise AuthError(
                    "salesforce: a fresh session is refused too; does the connected app have the "
                    "'api' scope, and the user 'API Enabled'?"
                ) from error

    def _translate(self, error: ClientError) -> Exception:
        content = error.content
        first = content[0] if isinstance(content, list) and content else {}
        code = first.get("errorCode", "") if isinstance(first, dict) else ""
        message = first.get("message", "") if isinstance(first, dict) else str(content)[:200]
        text = " ".join(str(message).split())
        if code == "INVALID_SESSION_ID" or error.status == 401:
            return _SessionExpiredError()
        if code == "REQUEST_LIMIT_EXCEEDED":
            return QuotaError(
                "salesforce: the org's API calls for today are used up; the run goes on after the "
                "24-hour window has moved: hygiene runs resume RUN"
            )
        if code in ("INVALID_FIELD", "INVALID_TYPE"):
            return SchemaChangedError(f"salesforce: {text}")
        if code == "INVALID_QUERY_LOCATOR":
            return _CursorLapsedError()
        if error.status == 429 or error.status >= 500 or code == "SERVER_UNAVAILABLE":
            # simple-salesforce keeps no headers; the hook below noted Retry-After.
            return TryAgainError(f"HTTP {error.status} {code}".strip(), self._retry_after())
        if error.status == 403:
            return AuthError(f"salesforce: refused ({code}): {text}")
        return ConnectorError(f"salesforce: HTTP {error.status} {code}: {text}")

    def _retry_after(self) -> float | None:
        return retry_after(getattr(self._http, "last_retry_after", None))

    # -- schema --------------------------------------------------------------------------

    def describe(self) -> Schema:
        found: dict[str, dict[str, CrmField]] = {}
        for name, wanted in self._wanted.items():
            try:
                answer = self.call("other", f"sobjects/{name}/describe")
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
        return salesforce_setup.provision(self, self._wanted)

    # -- reading -------------------------------------------------------------------------

    def pull(
        self,
        object_name: str,
        since: datetime | None = None,
        cursor: str | None = None,
        skip: Skip = NOTHING,
    ) -> Iterator[Page]:
        last = cursor
        while True:
            try:
                for page in self._pages(object_name, since, last, skip):
                    last = page.cursor or last
                    yield page
                return
            except _CursorLapsedError:
                log.info("salesforce: the query's cursor lapsed; going on by id")

    def _pages(
        self, name: str, since: datetime | None, after: str | None, skip: Skip
    ) -> Iterator[Page]:
        tests = ["IsConverted = false"] if name == "Lead" else []
        if since is not None:
            tests.append(f"SystemModstamp >= {zulu(since, milliseconds=True)}")
        run_field = self._fields[name].names.get("run")
        if skip.runs and run_field:
            listed = ", ".join(quoted(run) for run in skip.runs)
            tests.append(
                f"({run_field} = null OR {run_field} NOT IN ({listed}) "
                f"OR SystemModstamp >= {zulu(skip.until, milliseconds=True)})"
            )
        if after is not None:
            tests.append(f"Id > {quoted(after)}")
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        answer = self._query(f"{self._select(name)}{where} ORDER BY Id")
        left = int(answer["totalSize"])
        while True:
            contacts = self._contacts(name, answer)
            done = bool(answer["done"])
            left -= len(contacts)
            yield Page(contacts, None if done else contacts[-1].id, left)
            if done:
                return
            path = answer["nextRecordsUrl"].partition("/query/")[2]
            answer = self.call("read", f"query/{path}")

    def fetch(self, object_name: str, ids: Sequence[str]) -> list[Contact]:
        found: list[Contact] = []
        good = [record_id for record_id in ids if _ID.fullmatch(record_id)]
        for start in range(0, len(good), _FETCH):
            listed = ", ".join(quoted(record_id) for record_id in good[start : start + _FETCH])
            answer = self._query(f"{self._select(object_name)} WHERE Id IN ({listed}) ORDER BY Id")
            found += self._contacts(object_name, answer)
        return found

    def _select(self, name: str) -> str:
        fields = self._fields.get(name)
        if fields is None:
            raise SchemaError(
                f"salesforce: {name} is not among connectors.salesforce.objects in the settings"
            )
        columns = dict.fromkeys(("Id", "SystemModstamp", *fields.read))
        return f"SELECT {', '.join(columns)} FROM {name}"

    def _query(self, soql: str) -> Any:
        # 2,000 a page is also the default, but only without a smaller one set for the org.
        headers = {"Sforce-Query-Options": f"batchSize={self.page_size}"}
        return self.call("read", "query/", params={"q": soql}, headers=headers)

    def _contacts(self, name: str, answer: Any) -> tuple[Contact, ...]:
        fields = self._fields[name]
        try:
            return tuple(self._contact(fields, row) for row in answer["records"])
        except (KeyError, TypeError, ValueError) as error:
            raise ConnectorError(
                f"salesforce: an answer of the query API has an unknown form ({error!r})"
            ) from error

    @staticmethod
    def _contact(fields: ObjectFields, row: Mapping[str, Any]) -> Contact:
        return Contact(
            object=fields.object,
            id=row["Id"],
            phones={phone: row.get(phone) or "" for phone in fields.phones},
            country=next((row[c] for c in fields.country if row.get(c)), ""),
            state=(row.get(fields.state) or "") if fields.state else "",
            email=(row.get(fields.email) or "") if fields.email else "",
            website=(row.get(fields.website) or "") if fields.website else "",
            source=(row.get(fields.source) or "") if fields.source else "",
            campaign=(row.get(fields.campaign) or "") if fields.campaign else "",
            value=amount(row.get(fields.value)) if fields.value else None,
            consented=day(row.get(fields.consented)) if fields.consented else "",
            modified=datetime.fromisoformat(row["SystemModstamp"].replace("+0000", "+00:00")),
            held={
                canonical: _held(canonical, row.get(crm)) for canonical, crm in fields.names.items()
            },
        )

    # -- writing -------------------------------------------------------------------------

    def write(self, updates: Sequence[Update]) -> list[WriteResult]:
        if not updates:
            return []
        records = []
        for update in updates:
            names = self._fields[update.object].names
            record: dict[str, Any] = {"attributes": {"type": update.object}, "id": update.id}
            for canonical, value in update.values.items():
                kind, _, phone = canonical.partition("/")
                record[phone if kind == "phone" else names[canonical]] = value
            records.append(record)
        answer = self.call(
            "write",
            "composite/sobjects",
            method="PATCH",
            json={"allOrNone": False, "records": records},
        )
        if not isinstance(answer, list) or len(answer) != len(updates):
            raise ConnectorError("salesforce: the collections API did not answer for each record")
        return [self._result(update, one) for update, one in zip(updates, answer, strict=True)]

    def _result(self, update: Update, answer: Mapping[str, Any]) -> WriteResult:
        if answer.get("success"):
            return WriteResult(update.id, True)
        problem = (answer.get("errors") or [{}])[0]
        code = problem.get("statusCode", "")
        canonical = self._fields[update.object].canonical
        refused = tuple(canonical.get(name, "") for name in problem.get("fields") or [])
        return WriteResult(
            update.id,
            False,
            _KINDS.get(code, "other"),
            f"{code}: {problem.get('message', '')}",
            tuple(filter(None, refused)),
        )

    # -- ids -----------------------------------------------------------------------------

    def object_of(self, record_id: str) -> str:
        found = _PREFIXES.get(record_id[:3])
        if found is None or not _ID.fullmatch(record_id):
            raise ConnectorError(
                f"salesforce: {record_id!r} is not the id of a Contact (003...) or Lead (00Q...)"
            )
        return found

    def record_url(self, object_name: str, record_id: str) -> str:
        base = self._credentials.instance_url or self._credentials.login_url
        return f"{base}/lightning/r/{object_name}/{record_id}/view"


class _SessionExpiredError(Exception):
    pass


class _CursorLapsedError(Exception):
    pass


def limits(header: str) -> Limits:
    """The org's limit from a `Sforce-Limit-Info` header, or the app's own where that is nearer.

    Source: REST API Developer Guide, "Limit Info Header".
    """
    found = [
        Left(max(0, int(limit) - int(used)), int(limit), DAY)
        for used, limit in _USAGE.findall(header)
        if int(limit)
    ]
    return Limits(day=min(found, key=lambda one: one.share, default=None))


def quoted(text: str) -> str:
    """A SOQL string literal; the only characters that need care are \\ and '.

    >>> quoted("O'Hara")
    "'O\\\\'Hara'"
    """
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _held(canonical: str, value: Any) -> Value:
    kind = spec_of(canonical).kind
    if kind == "bool":
        return bool(value)
    if kind == "datetime" and value:
        return zulu(datetime.fromisoformat(str(value).replace("+0000", "+00:00")))
    return cast(Value, value) if value != "" else None
