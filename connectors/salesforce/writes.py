"""Writing to a Salesforce org: by collections of up to 200 records, or by Bulk ingest jobs.

Facts used here: a collections PATCH takes up to 200 records of any objects and answers one result
for each, in order (REST API Developer Guide, "Update Multiple Records"). Triggers get up to 200
records at once, of a collection and of a job alike (Apex Developer Guide, "Bulk Triggers"; Bulk API
2.0 Developer Guide, "How Requests Are Processed"): where one of them cannot take so many, only
smaller collections help, so no jobs are used then.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from config.connectors import SalesforceSettings
from connectors.errors import ConnectorError
from connectors.fields import ObjectFields
from connectors.http.batch_size import BatchSize
from connectors.http.consistency import confirm, unconfirmed
from connectors.records import Contact, FailureKind, Update, Value, WriteResult
from connectors.salesforce import bulk
from connectors.salesforce.bulk import Refusal, poll_schedule_of
from connectors.salesforce.call import Call
from connectors.salesforce.errors import ApexLimitError, BulkUnavailableError, RefusedCallError
from connectors.salesforce.write_rules import ALLOW_DUPLICATES, changes_no_identity

log = logging.getLogger(__name__)

_JOB_WRITES = 1000  # updates from which a job takes fewer calls than collections, polls included
_TRIGGER = 200  # records that a trigger gets at once

# By statusCode; source: SOAP API Developer Guide, "StatusCode".
KINDS: dict[str, FailureKind] = {
    "UNABLE_TO_LOCK_ROW": "locked",
    "ENTITY_IS_LOCKED": "approval",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "validation",
    "FIELD_FILTER_VALIDATION_EXCEPTION": "validation",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "validation",
    "CANNOT_EXECUTE_FLOW_TRIGGER": "validation",
    "REQUIRED_FIELD_MISSING": "validation",
    "FIELD_INTEGRITY_EXCEPTION": "validation",
    "INVALID_EMAIL_ADDRESS": "validation",
    "INVALID_TYPE_ON_FIELD_IN_RECORD": "validation",
    "JSON_PARSER_ERROR": "validation",
    "NUMBER_OUTSIDE_VALID_RANGE": "validation",
    "DUPLICATES_DETECTED": "duplicate",
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
    "TXN_SECURITY_NO_ACCESS": "security_policy",
    "TXN_SECURITY_METERING_ERROR": "security_policy",
    "TXN_SECURITY_RUNTIME_ERROR": "security_policy",
}
# What Apex and flows answer when they were given more records than their limits allow: a trigger's
# exception marks all records of its chunk with it. Fewer at once may pass.
# Sources: Apex Developer Guide, "Execution Governors and Limits", "Trigger Exceptions", "Bulk DML
# Exception Handling"; the texts from public reports (NPSP issue 1608, forceworkbench issue 813).
_OVER_LIMIT = re.compile(
    r"LimitException|Too many (?:SOQL queries|DML|query rows|SOSL|future calls|callouts|queueable"
    r"|email invocations|retrieved|batch retries)|CPU time limit exceeded|heap size too large",
    re.IGNORECASE,
)

_sizes: dict[tuple[str, str, int], BatchSize] = {}


def size_of(org: str, object_name: str, most: int) -> BatchSize:
    """What this process knows of an org's automation on an object: several threads write, each
    with a connector of its own."""
    return _sizes.setdefault((org, object_name, most), BatchSize(most))


def is_over_limit(refusal: Refusal) -> bool:
    """Whether the org's own automation could not take so many records at once."""
    return bool(_OVER_LIMIT.search(refusal.message))


class Writer:
    """`fields`: of each object. `org`: by which its limits are remembered. `fetch`: reads records,
    to look at those of which an answer does not say that they were written."""

    def __init__(
        self,
        call: Call,
        org: str,
        settings: SalesforceSettings,
        fields: Mapping[str, ObjectFields],
        fetch: Callable[[str, Sequence[str]], Sequence[Contact]],
    ) -> None:
        self._call = call
        self._fetch = fetch
        self._org = org
        self._batch_size = settings.batch_size
        self._uses_jobs = settings.bulk_from > 0
        self._allow_duplicates = settings.allow_duplicates
        self._fields = fields

    def write(self, updates: Sequence[Update], heartbeat: Callable[[], None]) -> list[WriteResult]:
        """One result for each update, in order; all are of one object."""
        if not updates:
            return []
        records = [self._record(update) for update in updates]
        size = self._size(updates[0].object)
        if self._uses_jobs and len(updates) >= _JOB_WRITES and size.current >= _TRIGGER:
            try:
                return self._by_job(updates, records, heartbeat)
            except BulkUnavailableError as error:
                log.warning("%s; continuing with the REST API", error)
        by_place = self._by_collections(updates, records, range(len(updates)), heartbeat)
        return [by_place[place] for place in range(len(updates))]

    def _record(self, update: Update) -> dict[str, Value]:
        names, record = self._fields[update.object].names, {}
        for canonical, value in update.values.items():
            kind, _, phone = canonical.partition("/")
            record[phone if kind == "phone" else names[canonical]] = value
        return record

    def _size(self, object_name: str) -> BatchSize:
        return size_of(self._org, object_name, self._batch_size)

    def _by_collections(
        self,
        updates: Sequence[Update],
        records: Sequence[Mapping[str, Value]],
        places: Sequence[int],
        heartbeat: Callable[[], None],
    ) -> dict[int, WriteResult]:
        """Write those at `places`, as many at once as the org's automation can take."""
        by_place: dict[int, WriteResult] = {}
        size = self._size(updates[0].object)
        batches: list[Sequence[int]] = [places]
        seen: set[str] = set()
        while batches:
            batch = batches.pop()
            if len(batch) > size.current:
                batches += [batch[size.current :], batch[: size.current]]
                continue
            heartbeat()
            answers = self._collection([(updates[n], records[n]) for n in batch])
            refused = [n for n, answer in zip(batch, answers, strict=True) if _over(answer)]
            if refused and len(batch) > 1:
                size.refused(len(batch))
                log.warning(
                    "salesforce: triggers or flows of %s cannot take %d records at once; going on "
                    "with %d (connectors.salesforce.batch_size)",
                    updates[0].object, len(batch), size.current,
                )  # fmt: skip
                half = max(1, len(batch) // 2)
                batches += [refused[half:], refused[:half]] if len(refused) > half else [refused]
            else:
                size.passed(len(batch))
                refused = []
            silent = [n for n, a in zip(batch, answers, strict=True) if a is _SILENT]
            for n, answer in zip(batch, answers, strict=True):
                if n not in refused and answer is not _SILENT:
                    by_place[n] = self._result(updates[n], answer)
            if silent:
                results, again = self._look_again([updates[n] for n in silent], seen)
                by_place |= {n: results[updates[n].id] for n in silent if updates[n].id in results}
                batches += [[n for n in silent if updates[n].id in again]] if again else []
        return by_place

    def _look_again(
        self, silent: Sequence[Update], seen: set[str]
    ) -> tuple[dict[str, WriteResult], set[str]]:
        """At records of which an answer did not say what became of them: results, and the ids that
        are to be written once more. `seen`: those of which that was said before."""
        log.warning("salesforce: an answer does not mention %d of its writes", len(silent))
        results, again = confirm(silent, self._fetch)
        twice = [update for update in again if update.id in seen]
        results |= {update.id: unconfirmed(update) for update in twice}
        once = {update.id for update in again if update.id not in seen}
        seen |= once
        return results, once

    def _collection(
        self, batch: Sequence[tuple[Update, Mapping[str, Value]]]
    ) -> list[Refusal | None]:
        """One call; for each record None, or why it was not written."""
        body = [
            {"attributes": {"type": update.object}, "id": update.id, **record}
            for update, record in batch
        ]
        # Flags make no two records alike: a duplicate rule that only alerts has no say in them.
        headers = (
            ALLOW_DUPLICATES if all(changes_no_identity(update) for update, _ in batch) else {}
        )
        try:
            answer = self._call(
                "write",
                "composite/sobjects",
                method="PATCH",
                json={"allOrNone": False, "records": body},
                headers=headers,
            )
        except RefusedCallError as error:
            # A value that the org cannot read refuses all records of the call, and does not tell
            # which it means: halve until it stands alone.
            if len(batch) == 1:
                return [Refusal(error.problem.code, error.problem.text)]
            middle = len(batch) // 2
            return [*self._collection(batch[:middle]), *self._collection(batch[middle:])]
        except ApexLimitError as error:  # told of the whole call
            return [Refusal("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", str(error))] * len(batch)
        answer = [] if answer is None else answer  # how the client tells of an empty list
        if isinstance(answer, list) and len(answer) == len(batch):
            pairs = zip(batch, answer, strict=True)
            return [_told(update, entry) for (update, _record), entry in pairs]
        if not isinstance(answer, list):
            raise ConnectorError("salesforce: the collections API did not answer for each record")
        # Which of the records an answer without an id is about cannot be told.
        done = {str(entry.get("id"))[:15] for entry in answer if entry.get("success") is True}
        return [None if update.id[:15] in done else _SILENT for update, _record in batch]

    def _by_job(
        self,
        updates: Sequence[Update],
        records: Sequence[dict[str, Value]],
        heartbeat: Callable[[], None],
    ) -> list[WriteResult]:
        """By an ingest job; what it cannot tell, did not get at, or could not take in its batches
        goes by collections."""
        job_records = {
            update.id: record
            for update, record in zip(updates, records, strict=True)
            if bulk.fits(record)
        }
        refused = bulk.update(
            self._call,
            updates[0].object,
            job_records,
            poll_schedule_of(self._org, "ingest"),
            heartbeat,
        )
        if any(map(is_over_limit, refused.values())):
            self._size(updates[0].object).refused(_TRIGGER)
        again = [
            n
            for n, update in enumerate(updates)
            if update.id not in job_records
            or self._goes_by_collection(update, refused.get(update.id))
        ]
        by_place = {
            n: self._result(update, refused.get(update.id)) for n, update in enumerate(updates)
        }
        if again:
            by_place |= self._by_collections(updates, records, again, heartbeat)
        return [by_place[n] for n in range(len(updates))]

    def _goes_by_collection(self, update: Update, refusal: Refusal | None) -> bool:
        """Whether a record that a job did not write may be written by a collection: the job did not
        get at it, took too many at once, or has no header that passes a duplicate rule."""
        if refusal is None:
            return False
        may_pass = self._allow_duplicates or changes_no_identity(update)
        passable = may_pass and refusal.code == "DUPLICATES_DETECTED"
        return not refusal.code or passable or is_over_limit(refusal)

    def _result(self, update: Update, refusal: Refusal | None) -> WriteResult:
        if refusal is None:
            return WriteResult(update.id, True)
        canonical = self._fields[update.object].canonical_of
        kind = KINDS.get(refusal.code, "other")
        if kind == "gone" and {*refusal.fields} - {"Id", "id"}:
            kind = "validation"  # what another field of the record refers to is gone
        return WriteResult(
            update.id,
            False,
            kind,
            f"{refusal.code}: {refusal.message}",
            tuple(filter(None, map(canonical, refusal.fields))),
        )


_SILENT = Refusal("", "the answer says nothing of it")


def _told(update: Update, answer: Mapping[str, Any]) -> Refusal | None:
    """What an answer in a record's place says of it; one of another record says nothing."""
    if answer.get("success") is True and str(answer.get("id", update.id))[:15] != update.id[:15]:
        return _SILENT
    return _refusal(answer)


def _refusal(answer: Mapping[str, Any]) -> Refusal | None:
    if answer.get("success"):
        return None
    problem = (answer.get("errors") or [{}])[0]
    return Refusal(
        problem.get("statusCode", ""),
        problem.get("message", ""),
        tuple(problem.get("fields") or ()),
    )


def _over(refusal: Refusal | None) -> bool:
    return refusal is not None and is_over_limit(refusal)
