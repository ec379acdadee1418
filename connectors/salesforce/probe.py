"""Settles with a real org what its documents leave open: `hygiene crm probe salesforce`.

Each check asks the org one thing that the connector relies on, and says whether it is so. Reading
checks change nothing; writing checks write one record that the operator names, and only values
that it holds already. What is printed holds no ids, names or values of the org's records, so that
anybody can send it in. The facts stand in docs/salesforce-facts.md under the same names.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import requests

from connectors.errors import ConnectorError
from connectors.records import ProbeResult, Verdict
from connectors.salesforce.person_accounts import CONTACT_ID, FLAG
from connectors.salesforce.soql import full_id, quoted

_SOME = 2000  # records that a check reads at the most
_LONGEST = 120.0  # seconds until a job is given up
_NOBODY = "000000000000AAA"  # behind the prefix of an object, an id that no record has


class Org(Protocol):
    """What a check may use of the connector's client."""

    def response(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """One call and its answer, whatever its status. `path`: below /services/data/vNN.N/, or
        from the root where it begins with a slash."""

    @property
    def identity(self) -> str:
        """The URL that the login gave for our user; "" for a session that was given."""


class NotReachableError(Exception):
    """This org, or this user, does not let a check be made. The text says why."""


Answer = tuple[bool, str]  # whether it is as the connector assumes, and what was seen
Check = Callable[["Probe"], Answer]


@dataclass(frozen=True, slots=True)
class Fact:
    """`name`: by which docs/salesforce-facts.md knows it."""

    name: str
    statement: str
    check: Check
    writes: bool = False


class Probe:
    """The org, and what several checks need of it. `record`: the id of the one to be written."""

    def __init__(self, org: Org, object_name: str, record: str = "") -> None:
        self.org = org
        self.object = object_name
        self.record = record
        self._job: tuple[str, dict[str, Any]] | None = None

    def get(self, path: str, **kwargs: Any) -> Any:
        response = self.org.response("GET", path, **kwargs)
        if response.status_code != 200:
            raise NotReachableError(f"HTTP {response.status_code} {code_of(response)}".strip())
        try:
            return response.json()
        except ValueError as error:
            raise NotReachableError("the answer is no JSON") from error

    def query(self, soql: str, operation: str = "query") -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = self.get(f"{operation}/", params={"q": soql})["records"]
        return records

    def job(self) -> tuple[str, dict[str, Any]]:
        """The path of a finished query job over some contacts, and what the org says of it."""
        if self._job is None:
            soql = f"SELECT Id FROM {self.object} ORDER BY Id LIMIT {_SOME}"
            body = {"operation": "query", "query": soql}
            created = self.org.response("POST", "jobs/query", json=body)
            if created.status_code != 200:
                raise NotReachableError(f"no job: HTTP {created.status_code} {code_of(created)}")
            path = f"jobs/query/{created.json()['id']}"
            self._job = path, self._finished(path)
        return self._job

    def _finished(self, path: str) -> dict[str, Any]:
        until = time.monotonic() + _LONGEST
        while time.monotonic() < until:
            info: dict[str, Any] = self.get(path)
            if info["state"] not in ("UploadComplete", "InProgress"):
                return info
            time.sleep(0.5)
        raise NotReachableError(f"a job was not done after {_LONGEST:.0f} s")

    def rows(self, path: str, **params: Any) -> tuple[list[str], str]:
        """Ids in a part of a result, and the locator after it."""
        response = self.org.response("GET", path, params=params)
        if response.status_code != 200:
            raise NotReachableError(f"HTTP {response.status_code} {code_of(response)}".strip())
        read = list(csv.reader(io.StringIO(response.text, newline="")))
        return [row[0] for row in read[1:] if row], response.headers.get("Sforce-Locator", "")

    def held(self, *fields: str) -> dict[str, Any]:
        """The named record, with these fields."""
        soql = f"SELECT {', '.join(fields)} FROM {self.object} WHERE Id = {quoted(self.record)}"
        records = self.query(soql)
        if not records:
            raise NotReachableError(f"our user sees no {self.object} with this id")
        return records[0]

    def update(self, records: list[dict[str, Any]], **headers: str) -> list[dict[str, Any]]:
        inputs = [{"attributes": {"type": self.object}, **record} for record in records]
        body = {"allOrNone": False, "records": inputs}
        response = self.org.response("PATCH", "composite/sobjects", json=body, headers=headers)
        if response.status_code != 200:
            raise NotReachableError(f"HTTP {response.status_code} {code_of(response)}".strip())
        answers: list[dict[str, Any]] = response.json()
        return answers


def code_of(response: requests.Response) -> str:
    """The error code of an answer, never its text: that may quote a record."""
    try:
        body = response.json()
    except ValueError:
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        return f"({kind or 'no content type'}, {len(response.content)} bytes)"
    first = body[0] if isinstance(body, list) and body else body
    return (
        str(first.get("errorCode") or first.get("error") or "") if isinstance(first, dict) else ""
    )


def run(org: Org, object_name: str, record: str = "") -> Iterator[ProbeResult]:
    """Make every check, one after another; those that write where a record is named alone."""
    probe = Probe(org, object_name, record)
    for fact in FACTS:
        if fact.writes and not record:
            yield ProbeResult(fact.name, fact.statement, "not reachable", "asked with --write ID")
            continue
        verdict: Verdict
        try:
            holds, seen = fact.check(probe)
            verdict = "confirmed" if holds else "refuted"
        except (NotReachableError, ConnectorError) as error:
            verdict, seen = "not reachable", str(error)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            verdict, seen = "refuted", f"the answer has another form ({type(error).__name__})"
        except requests.exceptions.RequestException as error:
            verdict, seen = "not reachable", type(error).__name__
        yield ProbeResult(fact.name, fact.statement, verdict, seen)


# -- reading -------------------------------------------------------------------------------


def _versions(probe: Probe) -> Answer:
    offered = [entry["version"] for entry in probe.get("/services/data/")]
    return True, f"offers {offered[0]} to {offered[-1]}"


def _limit_header(probe: Probe) -> Answer:
    response = probe.org.response("GET", "limits/")
    header = response.headers.get("Sforce-Limit-Info", "")
    names = [part.strip().partition("=")[0] for part in header.split(";") if part.strip()]
    return "api-usage" in names, f"names {', '.join(names) or 'nothing'}"


def _date_header(probe: Probe) -> Answer:
    return "Date" in probe.org.response("GET", "limits/").headers, ""


def _identity_of_login(probe: Probe) -> Answer:
    if not probe.org.identity:
        raise NotReachableError("a session was given, there was no login")
    return "/id/00D" in probe.org.identity, ""


def _identity_of_resources(probe: Probe) -> Answer:
    return "/id/00D" in str(probe.get("").get("identity")), ""


def _userinfo(probe: Probe) -> Answer:
    response = probe.org.response("GET", "/services/oauth2/userinfo")
    return response.status_code == 403, f"HTTP {response.status_code} {code_of(response)}"


def _parts_form(probe: Probe) -> Answer:
    path, _info = probe.job()
    answer = probe.get(f"{path}/resultPages")
    keys = sorted(answer)
    entries = answer.get("resultPages") or answer.get("resultChunks") or [{}]
    entry: dict[str, Any] = entries[0]
    known = bool({"resultUrl", "resultLink"} & set(entry))
    link = str(entry.get("resultUrl") or entry.get("resultLink") or "")
    kind = "absolute" if link.startswith("http") else "from the root" if link[:1] == "/" else "bare"
    return known, f"members {', '.join(keys)}; of a part {', '.join(sorted(entry))}; links {kind}"


def _record_count_of_job(probe: Probe) -> Answer:
    path, info = probe.job()
    ids, locator = probe.rows(f"{path}/results")
    while locator and locator != "null":
        part, locator = probe.rows(f"{path}/results", locator=locator)
        ids += part
    same = len(ids) == info["numberRecordsProcessed"]
    return same, f"{info['numberRecordsProcessed']:,} processed, {len(ids):,} in the result"


def _cut_parts(probe: Probe) -> Answer:
    """Whether an answer that is less than its part names the rest of it."""
    path, info = probe.job()
    total = info["numberRecordsProcessed"]
    if total < 3:
        raise NotReachableError("needs three records")
    ids, locator = probe.rows(f"{path}/results", maxRecords=total // 2)
    parts = 1
    while locator and locator != "null" and parts < 10:
        part, locator = probe.rows(f"{path}/results", locator=locator, maxRecords=total // 2)
        ids += part
        parts += 1
    whole = len(ids) == len(set(ids)) == total
    return whole, f"{len(set(ids)):,} of {total:,} records in {parts} answers"


def _after_a_listed_part(probe: Probe) -> Answer:
    path, _info = probe.job()
    answer = probe.get(f"{path}/resultPages")
    entries = answer.get("resultPages") or answer.get("resultChunks") or []
    if len(entries) < 2:
        raise NotReachableError(f"the org cut the result into {len(entries)} part(s)")
    links = [str(entry.get("resultUrl") or entry.get("resultLink")) for entry in entries]
    locators = [link.partition("locator=")[2] for link in links]
    _rows, after = probe.rows(f"{path}/results", locator=locators[0])
    what = "the next part" if after == locators[1] else "nothing" if after == "null" else "another"
    return what != "another", f"names {what}"


def _job_order(probe: Probe) -> Answer:
    path, _info = probe.job()
    ids, _locator = probe.rows(f"{path}/results")
    return ids == sorted(set(ids)), f"{len(ids):,} ids"


def _query_order(probe: Probe) -> Answer:
    rows = probe.query(f"SELECT Id FROM {probe.object} ORDER BY Id LIMIT {_SOME}")
    ids = [row["Id"] for row in rows]
    return ids == sorted(set(ids)), f"{len(ids):,} ids"


def _short_ids(probe: Probe) -> Answer:
    rows = probe.query(f"SELECT Id FROM {probe.object} LIMIT 1")
    if not rows:
        raise NotReachableError(f"our user sees no {probe.object}")
    short = rows[0]["Id"][:15]
    again = probe.query(f"SELECT Id FROM {probe.object} WHERE Id = {quoted(short)}")
    return bool(again) and again[0]["Id"] == full_id(short), ""


def _deleted(probe: Probe) -> Answer:
    soql = (
        f"SELECT Id, IsDeleted, MasterRecordId FROM {probe.object} WHERE IsDeleted = true LIMIT 1"
    )
    return True, f"{len(probe.query(soql, 'queryAll'))} seen"


def _bad_query(probe: Probe) -> Answer:
    seen = []
    for soql in (f"SELECT Id FROM {probe.object} WHERE", f"SELECT Nope__c FROM {probe.object}"):
        response = probe.org.response("GET", "query/", params={"q": soql})
        seen.append(f"{response.status_code} {code_of(response)}")
    return seen == ["400 MALFORMED_QUERY", "400 INVALID_FIELD"], ", ".join(seen)


def _lapsed_cursor(probe: Probe) -> Answer:
    response = probe.org.response("GET", "query/01g000000000000AAA-2000")
    seen = f"{response.status_code} {code_of(response)}"
    return code_of(response) == "INVALID_QUERY_LOCATOR", seen


def _no_such_job(probe: Probe) -> Answer:
    response = probe.org.response("GET", "jobs/query/750000000000000AAA")
    return response.status_code == 404, f"{response.status_code} {code_of(response)}"


def _do_not_call(probe: Probe) -> Answer:
    described = probe.get(f"sobjects/{probe.object}/describe")
    fields = {entry["name"]: entry for entry in described["fields"]}
    own = fields.get("DoNotCall")
    return own is not None, "" if own is None else f"writable: {own['updateable']}"


def _person_accounts(probe: Probe) -> Answer:
    fields = {entry["name"] for entry in probe.get("sobjects/Account/describe")["fields"]}
    if FLAG not in fields:
        raise NotReachableError("person accounts are off")
    probe.query(f"SELECT Id, {CONTACT_ID} FROM Account WHERE {CONTACT_ID} != null LIMIT 1")
    return CONTACT_ID in fields, ""


def _dispositions(probe: Probe) -> Answer:
    probe.query("SELECT Id, WhoId, CallDisposition FROM Task WHERE CallDisposition != null "
                "ORDER BY SystemModstamp LIMIT 1")  # fmt: skip
    return True, ""


def _record_counts(probe: Probe) -> Answer:
    answer = probe.get("limits/recordCount", params={"sObjects": probe.object})
    return {"count", "name"} <= set(answer["sObjects"][0]), ""


def _own_permissions(probe: Probe) -> Answer:
    return bool(probe.query("SELECT PermissionsViewAllData FROM UserPermissionAccess")), ""


# -- writing -------------------------------------------------------------------------------


def _owner_of_collections(probe: Probe) -> Answer:
    before = probe.held("OwnerId", "LastName", "SystemModstamp")
    same = [{"id": probe.record, "LastName": before["LastName"]}]
    (answer,) = probe.update(same, **{"Sforce-Auto-Assign": "FALSE"})
    if not answer["success"]:
        raise NotReachableError(answer["errors"][0]["statusCode"])
    rule = "SELECT Id FROM AssignmentRule WHERE Active = true AND SobjectType = 'Lead'"
    active = bool(probe.object == "Lead" and probe.query(rule))
    kept = probe.held("OwnerId")["OwnerId"] == before["OwnerId"]
    if kept and not active:
        raise NotReachableError("the owner stayed, but no assignment rule is active: use a Lead")
    return kept, "with an active assignment rule"


def _stamp_of_same_value(probe: Probe) -> Answer:
    before = probe.held("LastName", "SystemModstamp")
    (answer,) = probe.update([{"id": probe.record, "LastName": before["LastName"]}])
    if not answer["success"]:
        raise NotReachableError(answer["errors"][0]["statusCode"])
    after = probe.held("SystemModstamp")["SystemModstamp"]
    moved = after > before["SystemModstamp"]
    return after >= before["SystemModstamp"], "the stamp moved" if moved else "the stamp stayed"


def _nobody(probe: Probe) -> Answer:
    (answer,) = probe.update([{"id": probe.record[:3] + _NOBODY, "LastName": "Nobody"}])
    seen = answer["errors"][0]["statusCode"]
    known = ("INVALID_CROSS_REFERENCE_KEY", "ENTITY_IS_DELETED", "MALFORMED_ID",
             "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY")  # fmt: skip
    return seen in known, seen


def _too_long(probe: Probe) -> Answer:
    (answer,) = probe.update([{"id": probe.record, "LastName": "x" * 200}])
    problem = answer["errors"][0]
    seen = f"{problem['statusCode']}, fields {len(problem.get('fields') or [])}"
    return problem["statusCode"] == "STRING_TOO_LONG" and problem["fields"] == ["LastName"], seen


FACTS = (
    Fact("versions", "the versions of the API are listed without a scope", _versions),
    Fact("limit-header", "`Sforce-Limit-Info` names `api-usage`", _limit_header),
    Fact("date-header", "answers carry a `Date`", _date_header),
    Fact("login-identity", "a login with the scope `api` gives the `id` URL", _identity_of_login),
    Fact("resources-identity", "the list of resources names `identity`", _identity_of_resources),
    Fact("userinfo-scope", "`userinfo` is refused to a token with `api` alone", _userinfo),
    Fact("parts-form", "`resultPages` lists parts in a form that we read", _parts_form),
    Fact("parts-next", "the answer to a listed part names the next one, or nothing",
         _after_a_listed_part),
    Fact("parts-cut", "an answer that is less than its part names the rest", _cut_parts),
    Fact("job-count", "`numberRecordsProcessed` is the number of records in the result",
         _record_count_of_job),
    Fact("job-order", "a job's result is in the order of the ids as text", _job_order),
    Fact("query-order", "a query's answer is in the order of the ids as text", _query_order),
    Fact("short-ids", "an id of 15 characters finds its record", _short_ids),
    Fact("deleted", "`queryAll` shows deleted records and what they were merged into", _deleted),
    Fact("query-errors", "bad queries are told as MALFORMED_QUERY and INVALID_FIELD", _bad_query),
    Fact("cursor-errors", "an unknown cursor is told as INVALID_QUERY_LOCATOR", _lapsed_cursor),
    Fact("job-errors", "an unknown job is told with HTTP 404", _no_such_job),
    Fact("do-not-call", "the object has the field `DoNotCall`", _do_not_call),
    Fact("person-accounts", "`Account.PersonContactId` can be read and filtered", _person_accounts),
    Fact("dispositions", "tasks can be asked for by `CallDisposition`", _dispositions),
    Fact("record-count", "`limits/recordCount` tells how many records the org has",
         _record_counts),
    Fact("own-permissions", "a user can ask whether it has View All Data", _own_permissions),
    Fact("auto-assign", "`Sforce-Auto-Assign: FALSE` holds for collections", _owner_of_collections,
         writes=True),
    Fact("stamp", "a write of the value that is there succeeds", _stamp_of_same_value, writes=True),
    Fact("nobody", "a write to no record is refused by a code that we know", _nobody, writes=True),
    Fact("too-long", "a value that is too long is refused and its field named", _too_long,
         writes=True),
)  # fmt: skip
