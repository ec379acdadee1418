"""Salesforce's Bulk API 2.0: many records in few calls, as jobs that the org works through.

Facts used here, all from the Bulk API 2.0 Developer Guide: a job goes UploadComplete -> InProgress
-> JobComplete, or Failed, or Aborted by an admin; a finished job keeps its result for days (see
`results`). In an upload an empty cell leaves a field as it is, `#N/A` clears it; what
failed is listed with "CODE:message:fields --", what the job did not get at is listed apart.
A job is aborted by a PATCH of its state; records that it has written stay so ("Abort a Job").
An ingest job runs assignment rules only where it names one (`assignmentRuleId`): ours never does.
"""

from __future__ import annotations

import csv
import io
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import requests

from config import stopping
from connectors.errors import ConnectorError, SchemaChangedError, UnavailableError
from connectors.http.consistency import Check
from connectors.http.lenient_json import clean
from connectors.protocol import noop
from connectors.records import Purpose, Value
from connectors.salesforce.call import Call
from connectors.salesforce.errors import JobStateError

log = logging.getLogger(__name__)

_FIRST_LOOK, _SLOWER, _SLOWEST = 0.2, 1.4, 10.0  # seconds until a job is looked at (again)
_LONGEST = 4 * 3600.0  # seconds that a job may take
_NO_VALUE = "#N/A"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a record of a job was not written; `code` "" where the job did not get at it."""

    code: str
    message: str
    fields: tuple[str, ...] = ()


# -- query ---------------------------------------------------------------------------------


def start_query(call: Call, operation: str, soql: str) -> str:
    """Begin a "query" or "queryAll"; the job's id. Raises `BulkUnavailableError`,
    `SchemaChangedError`."""
    body = {"operation": operation, "query": soql}
    return str(call("read", "jobs/query", "POST", json=body)["id"])


@dataclass
class PollSchedule:
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
        reported = info.get("totalProcessingTime")  # milliseconds
        worked = reported / 1000 if isinstance(reported, int) and reported > 0 else passed
        self.took = min(worked, passed)


_poll_schedules: dict[tuple[str, str], PollSchedule] = {}


def poll_schedule_of(org: str, kind: str) -> PollSchedule:
    """What this process knows of an org's jobs of a kind ("query", "ingest"): several threads write
    by jobs, each with a connector of its own."""
    return _poll_schedules.setdefault((org, kind), PollSchedule())


def wait_for(
    call: Call,
    purpose: Purpose,
    path: str,
    heartbeat: Callable[[], None],
    schedule: PollSchedule,
    check: Check | None = None,
) -> Mapping[str, Any]:
    """Look at a job until it is over; `heartbeat` is called in between. `check`: raises
    `ContradictionError` for what is said of the job and is not to be believed."""
    started, pause, looks = time.monotonic(), schedule.whole, schedule.looks()
    while True:
        _sleep(pause, heartbeat)
        passed = time.monotonic() - started
        info: Mapping[str, Any] = call(purpose, path, check=check)
        state = info.get("state")
        if state not in ("UploadComplete", "InProgress"):
            schedule.note(info, passed)
            return info
        if passed > _LONGEST:
            raise UnavailableError(
                f"salesforce: job {info.get('id')} has taken {_LONGEST / 3600:.0f} hours and is "
                "not done; look at Setup > Bulk Data Load Jobs, then: hygiene sync salesforce"
            )
        # What still waits in the org's queue has all of its time before it.
        queued = state == "UploadComplete" and schedule.took > 0
        pause = schedule.whole if queued else next(looks)


def _sleep(seconds: float, heartbeat: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while (remaining := until - time.monotonic()) > 0:
        stopping.sleep(min(remaining, _SLOWEST))
        heartbeat()


# -- ingest --------------------------------------------------------------------------------


def fits(record: Mapping[str, Value]) -> bool:
    """Whether a record can be told in an upload: a text that means "no value" there cannot."""
    return _NO_VALUE not in record.values()


@contextmanager
def _aborted_if_left(call: Call, path: str) -> Iterator[None]:
    """Abort a job that nobody will wait for any more: what it still holds would be written hours
    later, over whatever people have changed by then. What it has written stays."""
    try:
        yield
    except BaseException:
        try:
            call("write", path, "PATCH", json={"state": "Aborted"})
        except JobStateError:
            pass  # it has just ended
        except ConnectorError as error:
            log.warning("%s; %s could not be aborted and may still write", error, path)
        raise


def update(
    call: Call,
    object_name: str,
    records: Mapping[str, Mapping[str, Value]],
    schedule: PollSchedule,
    heartbeat: Callable[[], None] = noop,
) -> dict[str, Refusal]:
    """Write records (id -> field -> value) by one job; those that were not written, and why."""
    body = {"object": object_name, "operation": "update", "contentType": "CSV", "lineEnding": "LF"}
    job = str(call("write", "jobs/ingest", "POST", json=body)["id"])
    path = f"jobs/ingest/{job}"
    headers = {"Content-Type": "text/csv; charset=UTF-8"}
    heartbeat()
    with suppress(JobStateError):  # uploaded before, and the answer was lost
        content = _upload(records)
        call("write", f"{path}/batches", "PUT", data=content, headers=headers, take=_no_answer)
    with suppress(JobStateError):  # closed before, and the answer was lost
        call("write", path, "PATCH", json={"state": "UploadComplete"})
    with _aborted_if_left(call, path):
        info = wait_for(call, "write", path, heartbeat, schedule)
    problem = str(info.get("errorMessage") or "")
    if "Field name not found" in problem:
        raise SchemaChangedError(f"salesforce: {problem}")
    refused: dict[str, Refusal] = {}
    whole = info["state"] == "JobComplete" and info.get("numberRecordsProcessed") == len(records)
    if info.get("numberRecordsFailed") or not whole:
        for row in _listed(call, f"{path}/failedResults"):
            refused[row["sf__Id"] or row["Id"]] = _refusal(row.get("sf__Error") or "")
    failed = len(refused)
    if not whole:
        why = problem or f"the job ended as {info['state']}"
        for row in _listed(call, f"{path}/unprocessedrecords"):
            refused[row["Id"]] = Refusal("", why)
    processed, counted = info.get("numberRecordsProcessed"), info.get("numberRecordsFailed")
    unprocessed = len(refused) - failed
    foreign = refused.keys() - records.keys()
    if (
        foreign
        or counted != failed
        or (whole and unprocessed)
        or (processed != len(records) - unprocessed)
    ):
        # What the job says of itself and its lists disagree: nobody knows what it wrote.
        why = f"job {job} counts {processed} records, {counted} of them failed, and lists others"
        return {record_id: refused.get(record_id, Refusal("", why)) for record_id in records}
    return refused


def _upload(records: Mapping[str, Mapping[str, Value]]) -> bytes:
    columns = list(dict.fromkeys(name for record in records.values() for name in record))
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["Id", *columns])
    for record_id, record in records.items():
        cells = (_cell(record[name]) if name in record else "" for name in columns)
        writer.writerow([record_id, *cells])
    return buffer.getvalue().encode()


def _cell(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value or _NO_VALUE


def _no_answer(_response: requests.Response) -> None:
    return None


def _listed(call: Call, path: str) -> list[dict[str, str]]:
    def rows(response: requests.Response) -> list[dict[str, str]]:
        text = clean(response.content.decode("utf-8", "replace"))
        return list(csv.DictReader(io.StringIO(text, newline="")))

    records: list[dict[str, str]] = call("write", path, take=rows)
    return records


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
