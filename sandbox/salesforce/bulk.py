"""Bulk API 2.0 of the org: query and ingest jobs, their states, and their dialect of CSV.

Source: Bulk API 2.0 Developer Guide. A job goes UploadComplete -> InProgress -> JobComplete (or
Failed); results are CSV with every value quoted, LF between rows, a header in each part, and
`Sforce-Locator: null` after the last part. In what is uploaded, an empty cell leaves a field as it
is and `#N/A` clears it. What a job could not get at is among its unprocessed records.
"""

from __future__ import annotations

import base64
import csv
import io
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from heapq import heappop, heappush
from typing import Any

import orjson
from aiohttp import web

from sandbox.salesforce import soql
from sandbox.salesforce.automation import BY_JOB, TRIGGER_CHUNK, client_of
from sandbox.salesforce.org import Org, Refused
from sandbox.salesforce.rest import check_names, error, matching, ordered, parent
from sandbox.salesforce.schema import ADMIN, full_id
from sandbox.service import answer
from sandbox.table import Record

MAX_UPLOAD = 150 * 1024 * 1024
RESULT_PARTS = 5  # links in one answer of resultPages
_AT_ONCE = 10_000  # records that one batch of an ingest job holds


@dataclass
class Job:
    """A job of either kind. `seconds`: how long the org takes for it."""

    id: str
    kind: str  # "query" or "ingest"
    operation: str
    object: str
    created: datetime
    seconds: float
    state: str
    query: soql.Query | None = None
    columns: list[str] = field(default_factory=list)
    uploaded: bytes | None = None
    rows: list[Any] = field(default_factory=list)  # records of a query; rows of an ingest
    succeeded: list[list[str]] = field(default_factory=list)
    failed: list[list[str]] = field(default_factory=list)
    unprocessed: list[list[str]] = field(default_factory=list)
    problem: str = ""
    begun: float = 0.0
    client: str = ""  # that the call named which made it

    def info(self, version: str) -> Record:
        stamp = self.created.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        info: Record = {
            "id": self.id,
            "operation": self.operation,
            "object": self.object,
            "createdById": ADMIN,
            "createdDate": stamp,
            "systemModstamp": stamp,
            "state": self.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(version.removeprefix("v")),
            "lineEnding": "LF",
            "columnDelimiter": "COMMA",
        }
        if self.kind == "ingest":
            info["contentUrl"] = f"services/data/{version}/jobs/ingest/{self.id}/batches"
        return info

    def progress(self, version: str) -> Record:
        over = self.state in ("JobComplete", "Failed")
        counted = len(self.rows) if self.kind == "query" else len(self.succeeded) + len(self.failed)
        progress = {
            **self.info(version),
            "jobType": "V2Query" if self.kind == "query" else "V2Ingest",
            "numberRecordsProcessed": counted if over else 0,
            "retries": 0,
            "totalProcessingTime": int(self.seconds * 1000) if over else 0,
        }
        if self.kind == "ingest":
            progress["numberRecordsFailed"] = len(self.failed) if over else 0
            progress["apiActiveProcessingTime"] = progress["totalProcessingTime"]
            progress["apexProcessingTime"] = 0
        if self.problem:
            progress["errorMessage"] = self.problem
        return progress


class Bulk:
    """The jobs of an org. Settings of the stand-in, which tests change:

    `seconds`: what a job takes; `at_once`: jobs that the org works on at the same time, later ones
    wait in its queue (0: any number); `result_part`: records in one part of a query's results;
    `answer_most`: records in one answer at the most (0: what the caller asks for, or the part);
    `result_form`: of the list of parts, of which sources disagree: "resultPages", "resultChunks",
    "unknown", or "none" for an org without that resource; `parts_are_chained`: whether the answer
    to a part names the next one; `short_by`: records that the results lack, of those that the job
    says it processed; `query_jobs_left`: of the day; `fail_next`: the next job ends as Failed with
    this message, an ingest job after `fail_after` records.
    """

    def __init__(self, org: Org) -> None:
        self.org = org
        self.jobs: dict[str, Job] = {}
        self.seconds = 0.05
        self.at_once = 0
        self._free: list[float] = []  # when each of those places is free again
        self.result_part = 50_000
        self.answer_most = 0
        self.result_form = "resultPages"
        self.parts_are_chained = True
        self.short_by = 0
        self.query_jobs_left = 10_000
        self.fail_next = ""
        self.fail_after = 0

    def routes(self, data: str, signed_in: Any) -> list[web.RouteDef]:
        query, ingest = f"{data}/jobs/query", f"{data}/jobs/ingest"
        kinds = "successfulResults|failedResults|unprocessedrecords"
        return [
            web.post(query, signed_in(self.create_query)),
            web.get(query + "/{id}", signed_in(self.look)),
            web.patch(query + "/{id}", signed_in(self.set_state)),
            web.delete(query + "/{id}", signed_in(self.remove)),
            web.get(query + "/{id}/results", signed_in(self.results)),
            web.get(query + "/{id}/{pages:result[Pp]ages}", signed_in(self.result_pages)),
            web.post(ingest, signed_in(self.create_ingest)),
            web.get(ingest + "/{id}", signed_in(self.look)),
            web.patch(ingest + "/{id}", signed_in(self.set_state)),
            web.delete(ingest + "/{id}", signed_in(self.remove)),
            web.put(ingest + "/{id}/batches", signed_in(self.upload)),
            web.get(ingest + f"/{{id}}/{{which:{kinds}}}{{slash:/?}}", signed_in(self.outcome)),
        ]

    # -- jobs ----------------------------------------------------------------------------

    def _new(self, kind: str, operation: str, object_name: str, state: str) -> Job:
        job_id = full_id("750", len(self.jobs) + 1)
        job = Job(job_id, kind, operation, object_name, datetime.now(UTC), self.seconds, state)
        self.jobs[job_id] = job
        return job

    def _enqueue(self, job: Job) -> None:
        job.begun = time.monotonic()
        if self.at_once:
            if len(self._free) >= self.at_once:
                job.begun = max(job.begun, heappop(self._free))
            heappush(self._free, job.begun + job.seconds)

    def _found(self, request: web.Request) -> Job | None:
        kind = "query" if "/jobs/query/" in request.path else "ingest"
        job = self.jobs.get(request.match_info["id"])
        if job is None or job.kind != kind:
            return None
        self._work(job)
        return job

    def _work(self, job: Job) -> None:
        """Bring a job to the state that it has by now."""
        passed = time.monotonic() - job.begun
        if job.state == "UploadComplete" and passed >= 0:
            job.state = "InProgress"
        if job.state == "InProgress" and passed >= job.seconds:
            if job.kind == "query":
                self._answer(job)
            else:
                self._carry_out(job)

    async def look(self, request: web.Request) -> web.Response:
        job = self._found(request)
        return answer(job.progress(request.match_info["version"])) if job else _not_there()

    async def remove(self, request: web.Request) -> web.Response:
        job = self._found(request)
        if job is None:
            return _not_there()
        if job.state not in ("JobComplete", "Failed", "Aborted"):
            return error("API_ERROR", "Job cannot be deleted until it is complete")
        del self.jobs[job.id]
        return web.Response(status=204)

    async def set_state(self, request: web.Request) -> web.Response:
        job = self._found(request)
        if job is None:
            return _not_there()
        state = orjson.loads(await request.read()).get("state")
        if state == "UploadComplete" and job.state == "Open":
            if job.uploaded is None:
                return error("INVALIDJOBSTATE", "no data was uploaded for this job")
            self._enqueue(job)
        elif state != "Aborted" or job.state in ("JobComplete", "Failed", "Aborted"):
            return error(
                "INVALIDJOBSTATE", f"Found job state [{job.state}], cannot change it to [{state}]"
            )
        job.state = state
        return answer(job.info(request.match_info["version"]))

    # -- query ---------------------------------------------------------------------------

    async def create_query(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        if body.get("operation") not in ("query", "queryAll"):
            return error("INVALIDOPERATION", "operation must be query or queryAll")
        if self.query_jobs_left <= 0:
            return error(
                "LIMIT_EXCEEDED",
                "Max bulk v2 query jobs (10000) per 24 hrs has been reached (10000)",
            )
        text = str(body.get("query", ""))
        try:
            query = soql.parse(text)
            check_names(self.org, text, query)
        except soql.SoqlError as problem:
            return error("API_ERROR", problem.message)
        if query.offset or query.count_only:
            return error(
                "API_ERROR", "Bulk V2 Query does not support OFFSET or aggregate functions."
            )
        self.query_jobs_left -= 1
        job = self._new("query", body["operation"], query.object, "UploadComplete")
        job.query = query
        self._enqueue(job)
        return answer(job.info(request.match_info["version"]))

    def _answer(self, job: Job) -> None:
        assert job.query is not None
        if self.fail_next:
            job.state, job.problem, self.fail_next = "Failed", self.fail_next, ""
            return
        # Records are replaced and never changed: these stay as they are now.
        records = matching(self.org, job.query, job.operation == "queryAll")
        job.rows = ordered(job.query, records)[: job.query.limit]
        job.state = "JobComplete"

    async def results(self, request: web.Request) -> web.Response:
        job = self._found(request)
        if job is None:
            return _not_there()
        if job.state != "JobComplete":
            return _wrong_state(job, "JobComplete")
        try:
            start, end = _span(request.query.get("locator", ""), self.result_part)
            asked = int(request.query.get("maxRecords") or self.result_part)
        except ValueError:
            return error("INVALIDLOCATOR", "The locator is invalid")
        rows = job.rows[: max(0, len(job.rows) - self.short_by)]
        end = min(end, len(job.rows))
        cut = min(end, start + asked, start + (self.answer_most or asked))
        assert job.query is not None
        cells = [self._cells(job.query, record) for record in rows[start:cut]]
        if cut < end:  # the answer is less than the part: it goes on within it
            next_locator = _locator(cut, end)
        elif end < len(job.rows) and self.parts_are_chained:
            next_locator = _locator(end, end + self.result_part)
        else:
            next_locator = "null"
        headers = {"Sforce-Locator": next_locator, "Sforce-NumberOfRecords": str(len(cells))}
        return _csv(job.query.fields, cells, headers)

    async def result_pages(self, request: web.Request) -> web.Response:
        job = self._found(request)
        if job is None or self.result_form == "none":
            return _not_there()
        if job.state != "JobComplete":
            return _wrong_state(job, "JobComplete")
        first, _end = _span(request.query.get("locator", ""), self.result_part)
        starts = list(range(first, max(1, len(job.rows)), self.result_part))
        done = len(starts) <= RESULT_PARTS
        locators = [_locator(start, start + self.result_part) for start in starts]
        next_locator = None if done else locators[RESULT_PARTS]
        base = request.path.rpartition("/")[0]
        short = base.partition("/jobs/")[2]
        forms: dict[str, Record] = {
            "resultPages": {
                "resultPages": [
                    {"resultUrl": f"{base}/results?locator={locator}"}
                    for locator in locators[:RESULT_PARTS]
                ],
                **(
                    {"nextRecordsUrl": f"{base}/resultpages?locator={next_locator}"}
                    if next_locator
                    else {}
                ),
                "done": done,
            },
            "resultChunks": {
                "resultChunks": [
                    {"resultLink": f"jobs/{short}/results?locator={locator}"}
                    for locator in locators[:RESULT_PARTS]
                ],
                "nextRecordsUrl": next_locator
                and f"jobs/{short}/resultPages?locator={next_locator}",
                "done": done,
            },
            "unknown": {"pages": locators, "complete": done},
        }
        return answer(forms[self.result_form])

    def _cells(self, query: soql.Query, record: Record) -> list[str]:
        cells = []
        for name in query.fields:
            head, _, rest = name.partition(".")
            if rest:
                above = parent(self.org, record, head)
                cells.append(_cell(above and above.get(rest)))
            else:
                cells.append(_cell(record.get(name)))
        return cells

    # -- ingest --------------------------------------------------------------------------

    async def create_ingest(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        name = body.get("object", "")
        if name not in self.org.schema:
            return error("INVALIDENTITY", f"Entity '{name}' is not supported by the Bulk API.")
        if body.get("operation") != "update":
            return error("INVALIDOPERATION", "this stand-in knows update alone")
        job = self._new("ingest", "update", name, "Open")
        job.client = client_of(request.headers)
        return answer(job.info(request.match_info["version"]))

    async def upload(self, request: web.Request) -> web.Response:
        job = self._found(request)
        if job is None:
            return _not_there()
        if job.state != "Open":
            return _wrong_state(job, "Open")
        if job.uploaded is not None:
            return error("INVALIDJOBSTATE", "Data was uploaded for this job already")
        content = await request.read()
        if len(content) > MAX_UPLOAD:
            return error("BAD_REQUEST", "the maximum upload size is 150 MB", 413)
        job.uploaded = content
        return web.Response(status=201)

    def _carry_out(self, job: Job) -> None:
        assert job.uploaded is not None
        reader = csv.reader(io.StringIO(job.uploaded.decode("utf-8", "replace"), newline=""))
        job.columns = next(reader, [])
        job.rows = list(reader)
        job.uploaded = b""
        fields = self.org.schema[job.object][1]
        for name in job.columns:
            if name not in fields or not fields[name].readable:
                job.state, job.problem = "Failed", f"InvalidBatch : Field name not found : {name}"
                job.unprocessed = job.rows
                return
        if "Id" not in job.columns:
            job.state, job.problem = "Failed", "InvalidBatch : Field name not found : Id"
            job.unprocessed = job.rows
            return
        end = self.fail_after if self.fail_next else len(job.rows)
        seen: set[str] = set()
        for start in range(0, end, TRIGGER_CHUNK):
            chunk = job.rows[start : min(end, start + TRIGGER_CHUNK)]
            if refusal := self.org.automation.trigger_refuses(len(chunk)):
                number = job.columns.index("Id")
                message = f"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:{refusal}:--"
                job.failed += [[row[number], message, *row] for row in chunk]
                continue
            for row in chunk:
                self._update(job, row, seen)
        job.unprocessed = job.rows[end:]
        job.state = "JobComplete"
        if self.fail_next:
            job.state, job.problem, self.fail_next = "Failed", self.fail_next, ""

    def _update(self, job: Job, row: list[str], seen: set[str]) -> None:
        given = dict(zip(job.columns, row, strict=False))
        record_id = given.pop("Id")
        fields = self.org.schema[job.object][1]
        try:
            if record_id in seen:
                raise Refused("DUPLICATE_VALUE", f"duplicate id in list: {record_id}")
            seen.add(record_id)
            values: Record = {}
            for name, cell in given.items():
                if cell == "":
                    continue
                value: Any = None if cell == "#N/A" else cell
                if fields[name].type == "boolean" and value is not None:
                    value = _bool(cell)
                values[name] = value
            self.org.update(
                job.object,
                record_id,
                values,
                by=self.org.integration_user,
                options=replace(BY_JOB, client=job.client),
            )
        except Refused as refused:
            message = f"{refused.code}:{refused.message}:{','.join(refused.fields)}"
            ending = " --" if refused.fields else "--"
            job.failed.append([record_id, message + ending, *row])
        else:
            job.succeeded.append([record_id, "false", *row])

    async def outcome(self, request: web.Request) -> web.Response:
        job = self._found(request)
        if job is None:
            return _not_there()
        if job.state not in ("JobComplete", "Failed", "Aborted"):
            return _wrong_state(job, "JobComplete")
        which = request.match_info["which"]
        if which == "successfulResults":
            return _csv(["sf__Id", "sf__Created", *job.columns], job.succeeded)
        if which == "failedResults":
            return _csv(["sf__Id", "sf__Error", *job.columns], job.failed)
        return _csv(job.columns, job.unprocessed)


def _locator(start: int, end: int) -> str:
    """The name of a part: nothing that a client could count with."""
    return base64.urlsafe_b64encode(f"{start}:{end}".encode()).decode().rstrip("=")


def _span(locator: str, part: int) -> tuple[int, int]:
    """The records of a part; without a locator those of the first. Raises `ValueError`."""
    if not locator:
        return 0, part
    padded = locator + "=" * (-len(locator) % 4)
    start, end = base64.urlsafe_b64decode(padded).decode().split(":")
    return int(start), int(end)


def _not_there() -> web.Response:
    return error("NOT_FOUND", "The requested resource does not exist", 404)


def _wrong_state(job: Job, needed: str) -> web.Response:
    return error("INVALIDJOBSTATE", f"Found job state [{job.state}], needs to be [{needed}]")


def _bool(cell: str) -> bool:
    if cell.lower() not in ("true", "false", "1", "0"):
        raise Refused("INVALID_TYPE_ON_FIELD_IN_RECORD", f"value not of required type: {cell}")
    return cell.lower() in ("true", "1")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    return _double(value) if isinstance(value, float) else str(value)


def _double(value: float) -> str:
    """As Java writes a double, which is how Salesforce gives numbers in the CSV of a job.

    Sources: Salesforce Help 000385889 (12345678 comes as 1.2345678E7); forcedotcom/cli issue 3367.
    """
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    whole, rest = str(digits[0]), "".join(map(str, digits[1:])) or "0"
    return f"{'-' * sign}{whole}.{rest}E{exponent + len(digits) - 1}"


def _lines(columns: Iterable[str], rows: Iterable[list[str]]) -> Iterator[list[str]]:
    yield list(columns)
    yield from rows


def _csv(
    columns: Iterable[str], rows: Iterable[list[str]], headers: dict[str, str] | None = None
) -> web.Response:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(_lines(columns, rows))
    response = web.Response(
        body=buffer.getvalue().encode(),
        headers={"Content-Type": "text/csv; charset=UTF-8", **(headers or {})},
    )
    response.enable_compression()
    return response
