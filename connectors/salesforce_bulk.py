"""Salesforce's Bulk API 2.0: many records in few calls, as jobs that the org works through.

Facts used here, all from the Bulk API 2.0 Developer Guide: a job goes UploadComplete -> InProgress
-> JobComplete, or Failed, or Aborted by an admin; results are CSV, in parts that `Sforce-Locator`
chains, and `resultPages` (API 58 and later) names up to five parts to fetch in parallel; a finished
job keeps them for days. In an upload an empty cell leaves a field as it is, `#N/A` clears it; what
failed is listed with "CODE:message:fields --", what the job did not get at is listed apart.
"""

from __future__ import annotations

import csv
import io
import tempfile
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, Any, Protocol
from urllib.parse import parse_qs, urlsplit

import requests

from connectors.base import (
    ConnectorError,
    NotThereError,
    Purpose,
    SchemaChangedError,
    UnavailableError,
    Value,
    nothing,
)

_AHEAD = 2  # parts of a result that are fetched while another one is read
_MOST = 50_000  # records in a part, where we may say so
_FIRST_LOOK, _SLOWER, _SLOWEST = 0.2, 1.4, 10.0  # seconds until a job is looked at (again)
_LONGEST = 4 * 3600.0  # seconds that a job may take
_NAMES_PARTS = 58.0  # the first API version with resultPages
_NO_VALUE = "#N/A"


class BulkUnavailableError(ConnectorError):
    """This org does no Bulk jobs for us (now): the REST API has to do."""


class JobStateError(ConnectorError):
    """A job is in another state than it should be for this."""


class Call(Protocol):
    """The connector's one door. `take`: what is made of a (streamed) answer that is not JSON."""

    def __call__(
        self,
        purpose: Purpose,
        path: str,
        method: str = "GET",
        *,
        take: Callable[[requests.Response], Any] | None = None,
        **more: Any,
    ) -> Any: ...


@dataclass(frozen=True)
class Rows:
    """Some rows of a query's result. `part`: the locator of the part that they are from."""

    columns: list[str]
    rows: list[list[str]]
    part: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a record of a job was not written; `code` "" where the job did not get at it."""

    code: str
    message: str
    fields: tuple[str, ...] = ()


@dataclass
class _Part:
    """A part of a result, on disk: `following` is the next one's locator where it is known."""

    locator: str
    following: str | None
    content: IO[bytes] = field(repr=False)


# -- query ---------------------------------------------------------------------------------


def start_query(call: Call, operation: str, soql: str) -> str:
    """Begin a "query" or "queryAll"; the job's id. Raises `BulkUnavailableError`,
    `SchemaChangedError`."""
    body = {"operation": operation, "query": soql}
    return str(call("read", "jobs/query", "POST", json=body)["id"])


@dataclass
class Pace:
    """When it is worth looking at a job: they take about as long as the last one of their kind.

    Looking at growing distances alone sees a job's end up to 40 % late, after calls in vain.
    """

    took: float = 0.0  # seconds, without those in the org's queue; 0: no job is known yet

    @property
    def whole(self) -> float:
        """Seconds until a look at a job that nobody works on yet is worth it."""
        return max(_FIRST_LOOK, self.took * 0.95)

    def looks(self) -> Iterator[float]:
        """Seconds to wait before each further look at a job that is being worked on."""
        pause = max(_FIRST_LOOK, self.took * 0.15)
        while True:
            yield pause
            pause = min(_SLOWEST, pause * _SLOWER)

    def note(self, info: Mapping[str, Any], passed: float) -> None:
        """Of a job that is over, `passed` seconds after it was handed in: the org says how long it
        was worked on."""
        told = info.get("totalProcessingTime")
        worked = told / 1000 if isinstance(told, int) and told > 0 else passed
        self.took = min(worked, passed)


_paces: dict[tuple[str, str], Pace] = {}


def pace_of(org: str, kind: str) -> Pace:
    """What this process knows of an org's jobs of a kind ("query", "ingest"): several threads write
    by jobs, each with a connector of its own."""
    return _paces.setdefault((org, kind), Pace())


def wait_for(
    call: Call, purpose: Purpose, path: str, waiting: Callable[[], None], pace: Pace
) -> Mapping[str, Any]:
    """Look at a job until it is over; `waiting` is called in between."""
    started, pause, looks = time.monotonic(), pace.whole, pace.looks()
    while True:
        _sleep(pause, waiting)
        passed = time.monotonic() - started
        info: Mapping[str, Any] = call(purpose, path)
        state = info.get("state")
        if state not in ("UploadComplete", "InProgress"):
            pace.note(info, passed)
            return info
        if passed > _LONGEST:
            raise UnavailableError(
                f"salesforce: job {info.get('id')} has taken {_LONGEST / 3600:.0f} hours and is "
                "not done; look at Setup > Bulk Data Load Jobs, then: hygiene sync salesforce"
            )
        # What still waits in the org's queue has all of its time before it.
        queued = state == "UploadComplete" and pace.took > 0
        pause = pace.whole if queued else next(looks)


def _sleep(seconds: float, waiting: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _SLOWEST))
        waiting()


def read_query(
    call: Call, job: str, version: float, part: str, size: int, waiting: Callable[[], None]
) -> Iterator[Rows]:
    """The rows of a finished query from a part on ("" = from the first), `size` at a time.

    Parts are fetched to disk, some ahead of the one that is being read, so that neither memory nor
    the connection depends on how long they are or how long the reader takes.
    """
    parts = (
        _in_parallel(call, job, part) if version >= _NAMES_PARTS else _one_by_one(call, job, part)
    )
    with closing(parts):
        for fetched in parts:
            waiting()
            with io.TextIOWrapper(fetched.content, "utf-8", newline="") as text:
                reader = csv.reader(text)
                columns = next(reader, [])
                if columns and "Id" not in columns:  # such as the page of a proxy
                    raise _unknown_form("its head names no Id")
                while some := list(islice(reader, size)):
                    if {*map(len, some)} != {len(columns)}:
                        raise _unknown_form("a row has another number of cells than its head")
                    yield Rows(columns, some, fetched.locator)


def _unknown_form(what: str) -> ConnectorError:
    return ConnectorError(
        f"salesforce: the result of a Bulk query job has an unknown form: {what}; what was read "
        "before it is kept, go on with: hygiene sync salesforce"
    )


def _in_parallel(call: Call, job: str, part: str) -> Generator[_Part]:
    """Parts as `resultPages` names them; those before `part` are left out."""
    with ThreadPoolExecutor(_AHEAD, "salesforce-result") as pool:
        under_way: deque[Future[_Part]] = deque()
        try:
            for locator in _named(call, job, part):
                under_way.append(pool.submit(_fetch, call, job, locator))
                if len(under_way) > _AHEAD:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for left in under_way:
                if not left.cancel() and left.exception() is None:
                    left.result().content.close()


def _named(call: Call, job: str, part: str) -> Iterator[str]:
    path = f"jobs/query/{job}/resultPages"
    found = not part
    while True:
        answer = call("read", path)
        for entry in answer["resultPages"]:
            query = parse_qs(urlsplit(entry["resultUrl"]).query)
            locator = query.get("locator", [""])[0]
            found = found or locator == part
            if found:
                yield locator
        if answer.get("done", True):
            break
        following = answer.get("nextRecordsUrl") or answer["nextRecordUrl"]
        path = "jobs/" + following.partition("/jobs/")[2]
    if not found:
        raise NotThereError(f"salesforce: job {job} has no part {part}")


def _one_by_one(call: Call, job: str, part: str) -> Generator[_Part]:
    """Parts by the locator in each one's headers; the next is fetched while one is read."""
    with ThreadPoolExecutor(1, "salesforce-result") as pool:
        fetched = _fetch(call, job, part)
        while fetched.following:
            coming = pool.submit(_fetch, call, job, fetched.following)
            try:
                yield fetched
            except GeneratorExit:
                if not coming.cancel() and coming.exception() is None:
                    coming.result().content.close()
                raise
            fetched = coming.result()
        yield fetched


def _fetch(call: Call, job: str, locator: str) -> _Part:
    params: dict[str, str | int] = {"maxRecords": _MOST}
    if locator:
        params["locator"] = locator

    def to_disk(response: requests.Response) -> _Part:
        content = tempfile.TemporaryFile(prefix="hygiene-bulk-")  # noqa: SIM115 - read later
        try:
            for piece in response.iter_content(1 << 16):
                content.write(piece)
        except BaseException:
            content.close()
            raise
        content.seek(0)
        following = response.headers.get("Sforce-Locator", "null")
        return _Part(locator, None if following == "null" else following, content)

    fetched: _Part = call("read", f"jobs/query/{job}/results", params=params, take=to_disk)
    return fetched


# -- ingest --------------------------------------------------------------------------------


def fits(record: Mapping[str, Value]) -> bool:
    """Whether a record can be told in an upload: a text that means "no value" there cannot."""
    return _NO_VALUE not in record.values()


def update(
    call: Call,
    object_name: str,
    records: Mapping[str, Mapping[str, Value]],
    pace: Pace,
    waiting: Callable[[], None] = nothing,
) -> dict[str, Refusal]:
    """Write records (id -> field -> value) by one job; those that were not written, and why."""
    body = {"object": object_name, "operation": "update", "contentType": "CSV", "lineEnding": "LF"}
    job = str(call("write", "jobs/ingest", "POST", json=body)["id"])
    path = f"jobs/ingest/{job}"
    headers = {"Content-Type": "text/csv; charset=UTF-8"}
    waiting()
    with suppress(JobStateError):  # uploaded before, and the answer was lost
        content = _upload(records)
        call("write", f"{path}/batches", "PUT", data=content, headers=headers, take=_no_answer)
    with suppress(JobStateError):  # closed before, and the answer was lost
        call("write", path, "PATCH", json={"state": "UploadComplete"})
    info = wait_for(call, "write", path, waiting, pace)
    problem = str(info.get("errorMessage") or "")
    if "Field name not found" in problem:
        raise SchemaChangedError(f"salesforce: {problem}")
    refused: dict[str, Refusal] = {}
    whole = info["state"] == "JobComplete" and info.get("numberRecordsProcessed") == len(records)
    if info.get("numberRecordsFailed") or not whole:
        for row in _listed(call, f"{path}/failedResults"):
            refused[row["sf__Id"] or row["Id"]] = _refusal(row.get("sf__Error") or "")
    if not whole:
        why = problem or f"the job ended as {info['state']}"
        for row in _listed(call, f"{path}/unprocessedrecords"):
            refused[row["Id"]] = Refusal("", why)
    return refused


def _upload(records: Mapping[str, Mapping[str, Value]]) -> bytes:
    columns = list(dict.fromkeys(name for record in records.values() for name in record))
    made = io.StringIO(newline="")
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(["Id", *columns])
    for record_id, record in records.items():
        cells = (_cell(record[name]) if name in record else "" for name in columns)
        writer.writerow([record_id, *cells])
    return made.getvalue().encode()


def _cell(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value or _NO_VALUE


def _no_answer(_response: requests.Response) -> None:
    return None


def _listed(call: Call, path: str) -> list[dict[str, str]]:
    def rows(response: requests.Response) -> list[dict[str, str]]:
        text = response.content.decode("utf-8", "replace")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    found: list[dict[str, str]] = call("write", path, take=rows)
    return found


def _refusal(error: str) -> Refusal:
    """From "CODE:message:Field_1__c,Field_2__c --"; a message may hold colons itself.

    >>> _refusal("STRING_TOO_LONG:Reason: data value too large: x (max length=2):Reason__c --")
    ... # doctest: +NORMALIZE_WHITESPACE
    Refusal(code='STRING_TOO_LONG', message='Reason: data value too large: x (max length=2)',
            fields=('Reason__c',))
    >>> _refusal("ENTITY_IS_DELETED:entity is deleted:--").fields
    ()
    """
    code, _, rest = error.partition(":")
    message, _, listed = rest.rpartition(":")
    names = listed.replace("--", "").replace(",", " ").split()
    return Refusal(code, message or rest, tuple(names))
