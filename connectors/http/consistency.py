"""Check answers of a CRM for contradictions before they are used (promise 17).

An answer that disagrees with itself (a count and what was counted, a page that leads nowhere,
records that nobody asked for) is requested again. If it still disagrees, the read fails with one
line, the watermark stays, and no contact is removed. For writes, whatever an answer does not
confirm is read back from the CRM.

Each check takes a decoded answer and raises `ContradictionError`. The call that fetched the answer
runs it (`check=`), so that the repeated request respects the CRM's limits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice
from operator import ge
from typing import Any
from urllib.parse import urlsplit

from connectors.http.client import ContradictionError
from connectors.records import Contact, Update, WriteResult

Check = Callable[[Any], None]
_NEXT = re.compile(r"/query(?:All)?/([^/?#]+)$")
_FEW, _LITTLE = 50, 0.05  # records, and share, by which a count may be out of date
UNCONFIRMED = "the CRM's answer did not say that this was written, and the record does not hold it"


def counted(answer: Any, what: str) -> int:
    """Return the total of a search; raises if it does not match the results."""
    total: int = answer["total"]
    results = answer["results"]
    if not _is_count(total) or not isinstance(results, list):
        raise ContradictionError(f"a search of {what} does not say how many it found")
    if len(results) > total:
        raise ContradictionError(f"a search counts {total} {what} and gives {len(results)}")
    if total and not results:
        raise ContradictionError(f"a search counts {total} {what} and gives none of them")
    return total


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def far_short(read: int, total: int) -> bool:
    """Return whether a number of records is far below a count that may be somewhat out of date."""
    return total > 0 and (not read or total - read > max(_FEW, total * _LITTLE))


# -- HubSpot -------------------------------------------------------------------------------


def batch_read(asked: Sequence[str], merged: str) -> Check:
    """Check a batch read by id: each record is in the answer, or among the errors. `merged`: the
    property that names the ids merged into a record; for such an id, the answer is that record."""

    def check(answer: Any) -> None:
        requested = set(asked)
        returned = {str(entry["id"]) for entry in answer["results"]}
        others = returned - requested
        if len(others) > len(requested - returned):
            raise ContradictionError("a batch read gave records that were not asked for")
        silent = _silent(answer, asked, merged)
        errors = answer.get("errors") or []
        named = {
            str(record_id)
            for e in errors
            for record_id in (e.get("context") or {}).get("ids") or ()
        }
        unnamed = max(int(answer.get("numErrors") or 0), len(errors)) - len(named & requested)
        # An id that was merged may lead to a record that does not name it.
        if not others and len(silent) > max(0, unnamed):
            raise ContradictionError(
                f"a batch read of {len(requested)} records left out {len(silent)} of them"
            )

    return check


def led_elsewhere(answer: Any, asked: Sequence[str], merged: str) -> list[str]:
    """Return ids that a batch read seems to have answered with records that do not name them. Each
    must be requested alone."""
    others = {str(entry["id"]) for entry in answer["results"]} - set(asked)
    return _silent(answer, asked, merged) if others and len(asked) > 1 else []


def _silent(answer: Any, asked: Sequence[str], merged: str) -> list[str]:
    """Return ids that are not in the answer, not merged into one in it, and not in its errors."""
    known = {str(entry["id"]) for entry in answer["results"]}
    for entry in answer["results"]:
        named = str((entry.get("properties") or {}).get(merged) or "")
        known |= {part.strip() for part in named.split(";")}
    for error in answer.get("errors") or ():
        known |= {str(record_id) for record_id in (error.get("context") or {}).get("ids") or ()}
    return [record_id for record_id in asked if record_id not in known]


def associations(asked: Sequence[str]) -> Check:
    """Check a batch read of associations: each record has an answer or an error."""

    def check(answer: Any) -> None:
        came = [str(entry["from"]["id"]) for entry in answer["results"]]
        errors = max(int(answer.get("numErrors") or 0), len(answer.get("errors") or []))
        if set(came) - set(asked):
            raise ContradictionError("the answer has associations of records not asked for")
        if len(came) != len(set(came)):
            raise ContradictionError("the answer has the associations of one record twice")
        if len(asked) - len(came) > errors:
            silent = len(asked) - len(came)
            raise ContradictionError(f"the answer lacks the associations of {silent} records")

    return check


def some_properties(answer: Any) -> None:
    """Check a list of an object's properties: it is never empty."""
    if not answer["results"]:
        raise ContradictionError("the answer says that an object has no properties at all")


def list_details(list_id: str = "") -> Check:
    """Check the details of a list. `list_id`: the one that was asked for, if by its id."""

    def check(answer: Any) -> None:
        details = answer["list"]
        if list_id and str(details["listId"]) != list_id:
            raise ContradictionError(f"list {list_id} was asked for, and another one came")
        list_size(details)

    return check


def list_size(details: Mapping[str, Any]) -> int | None:
    """Return how many members a list has by its details; None if they do not say, or if HubSpot
    still fills the list. `size` is of the dated API, `hs_list_size` of v3 (OpenAPI document `lists`
    of 2026-09, PublicObjectList; HubSpot's guide "Lists")."""
    if details.get("processingStatus", "COMPLETE") != "COMPLETE":
        return None
    size = details.get("size")
    if size is None:
        text = (details.get("additionalProperties") or {}).get("hs_list_size")
        size = int(text) if isinstance(text, str) and text.isdecimal() else text
    if size is not None and not _is_count(size):
        raise ContradictionError("a list does not say how many members it has")
    return size


class MembersCheck:
    """Check the pages of a list's members, in order. `found`: the members so far.

    `total` counts the members at the time of each page (it may be left out: OpenAPI document
    `lists` of 2026-09). While it stays the same, the pages hold exactly so many; if it changes,
    the list was changed while it was read.
    """

    def __init__(self) -> None:
        self.found: dict[str, None] = {}
        self._totals: set[int] = set()

    def __call__(self, answer: Any) -> None:
        rows, total = answer["results"], answer.get("total")
        ids = [str(row["recordId"]) for row in rows]
        if total is not None and not _is_count(total):
            raise ContradictionError("a list does not say how many members it has")
        if len(ids) != len(set(ids)):
            raise ContradictionError("a page of a list has a member twice")
        members = self.found | dict.fromkeys(ids)
        totals = self._totals | ({total} if total is not None else set())
        follows = bool(((answer.get("paging") or {}).get("next") or {}).get("after"))
        if follows and not ids:
            raise ContradictionError("a page of a list is empty, and more should follow")
        count, least, most = len(members), min(totals, default=0), max(totals, default=0)
        if totals and count > most:
            raise ContradictionError(f"a list counts {most} members and gives more")
        short = count < least if len(totals) == 1 else far_short(count, least)
        if totals and not follows and short:
            raise ContradictionError(f"a list counts {least} members and gives {count}")
        self.found, self._totals = members, totals


def account_details(answer: Any) -> None:
    """Check the details of the account: they name its id."""
    portal = answer.get("portalId") if isinstance(answer, dict) else None
    if not _is_count(portal) or not portal:
        raise ContradictionError("the account details do not say which account it is")


def property_limits(answer: Any) -> None:
    """Check the limits of custom properties: what counts is a count, or is left out."""
    entries = [(answer.get("overallLimit"), answer.get("overallUsage"))]
    entries += [
        (entry.get("limit"), entry.get("usage")) for entry in answer.get("byObjectType") or ()
    ]
    if not all(count is None or _is_count(count) for pair in entries for count in pair):
        raise ContradictionError("the limits of custom properties are no counts")


# -- Salesforce ----------------------------------------------------------------------------


def count_only(answer: Any) -> None:
    """Check the answer to `SELECT COUNT()`: totalSize counts, there are no records, and nothing
    follows (SOQL and SOSL Reference, "COUNT()"; REST API Developer Guide, "Query")."""
    if not _is_count(answer.get("totalSize")) or answer.get("done") is not True:
        raise ContradictionError("a query that counts does not say how many records there are")
    if answer.get("records") or answer.get("nextRecordsUrl"):
        raise ContradictionError("a query that counts gave records")


def record_counts(answer: Any) -> None:
    """Check the answer of limits/recordCount."""
    if not all(_is_count(entry.get("count")) for entry in answer["sObjects"]):
        raise ContradictionError("the org does not say how many records there are")


def query_job(job: str) -> Check:
    """Check what is said of a query job: it is this job, and once complete it says how many
    records it processed (Bulk API 2.0 Developer Guide, "Get Information About a Query Job")."""

    def check(answer: Any) -> None:
        if str(answer.get("id", job))[:15] != job[:15]:
            raise ContradictionError("a job was asked after, and another one answered")
        if answer["state"] == "JobComplete" and not _is_count(answer.get("numberRecordsProcessed")):
            raise ContradictionError(f"job {job} does not say how many records it processed")

    return check


class QueryCheck:
    """Check the pages of one query, in order. `after`: the id before the first, if the records are
    sorted by id. `among`: the ids that the answer may hold."""

    def __init__(self, after: str | None = None, among: Collection[str] | None = None) -> None:
        self._after = after
        self._among = None if among is None else {record_id[:15] for record_id in among}
        self._count = 0
        self._total: int | None = None
        self._paths: set[str] = set()

    def __call__(self, answer: Any) -> None:
        rows, total, done = answer["records"], answer["totalSize"], answer["done"]
        if not isinstance(rows, list) or not _is_count(total) or not isinstance(done, bool):
            raise ContradictionError("a query does not say how many records it found")
        count = self._count + len(rows)
        if self._total not in (None, total):
            raise ContradictionError(f"a query found {self._total} records, and then {total}")
        if done and count != total:
            raise ContradictionError(f"a query found {total} records and gave {count}")
        if done and answer.get("nextRecordsUrl"):
            raise ContradictionError(f"a query is done after {count} records, and goes on")
        ids = [row["Id"] for row in rows] if rows and "Id" in rows[0] else []
        self._look_at(ids)
        path = "" if done else next_path(answer)
        offset = path.rpartition("-")[2]  # of the next record: "01gRM000000ABCdYAO-2000"
        skips = offset.isdecimal() and int(offset) != count
        if not done and (path in self._paths or count >= total or not rows or skips):
            raise ContradictionError(f"a query made no progress after {count} of {total} records")
        self._count, self._total = count, total
        self._paths.add(path)
        self._after = ids[-1] if ids and self._after is not None else self._after

    def _look_at(self, ids: Sequence[str]) -> None:
        if len(ids) != len(set(ids)):
            raise ContradictionError("a query gave a record twice")
        if self._among is not None and any(record_id[:15] not in self._among for record_id in ids):
            raise ContradictionError("a query gave records that were not asked for")
        if self._after is None or not ids:
            return
        if ids[0] <= self._after or any(map(ge, ids, islice(ids, 1, None))):
            raise ContradictionError(
                "records did not come in the order of their ids, as they were asked for"
            )


def next_path(answer: Mapping[str, Any]) -> str:
    """Return the path of the next page, below /query/; raises if the link leads elsewhere."""
    link = str(answer.get("nextRecordsUrl") or "")
    match = _NEXT.search(urlsplit(link).path)
    if urlsplit(link).netloc or match is None:
        raise ContradictionError("a query is not done, but does not say how to continue")
    return match.group(1)


def some_fields(name: str) -> Check:
    """Check the description of an object: it is of this object, and has fields."""

    def check(answer: Any) -> None:
        if answer.get("name", name) != name or not answer["fields"]:
            raise ContradictionError(f"what was asked of {name} was answered about something else")

    return check


# -- writes --------------------------------------------------------------------------------


def confirm(
    updates: Sequence[Update], fetch: Callable[[str, Sequence[str]], Sequence[Contact]]
) -> tuple[dict[str, WriteResult], list[Update]]:
    """Read back records whose write the answer did not confirm. Returns those that hold what was
    sent, those that do not exist, and the updates that are still to be made."""
    results: dict[str, WriteResult] = {}
    again: list[Update] = []
    current = {
        contact.id[:15]: contact.values()
        for contact in fetch(updates[0].object, [u.id for u in updates])
    }
    for update in updates:
        holds = current.get(update.id[:15])
        if holds is None:
            results[update.id] = WriteResult(update.id, False, "gone", "the record is not there")
        elif all((holds.get(k) or None) == (v or None) for k, v in update.values.items()):
            results[update.id] = WriteResult(update.id, True)
        else:
            again.append(update)
    return results, again


def unconfirmed(update: Update) -> WriteResult:
    return WriteResult(update.id, False, "other", UNCONFIRMED)
