"""Read the contacts of an object page by page, by REST queries and Bulk query jobs.

What is large is read by jobs (`bulk`, `results`), what is small by queries. A read by jobs is cut
into jobs of so many records in order of id: what a job brings is as old as the job, and a read that
was cut off goes on by id. A query that is more than an org carries out (QUERY_TIMEOUT and its like)
is cut into smaller ones, each on from an id.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from operator import ge
from typing import Any

from connectors.errors import ConnectorError, NotFoundError, UnavailableError
from connectors.http.client import ContradictionError
from connectors.http.consistency import QueryCheck, far_short, query_job
from connectors.records import Page
from connectors.rows import TRUE
from connectors.salesforce import bulk, merges, queries
from connectors.salesforce.bulk import poll_schedule_of
from connectors.salesforce.contact_rows import ContactRows, KeyOf, by_name
from connectors.salesforce.errors import BulkUnavailableError, CursorLapsedError, LargeQueryError
from connectors.salesforce.queries import Queries
from connectors.salesforce.results import fetch_result
from connectors.salesforce.soql import NEW_JOB, Position, Query

log = logging.getLogger(__name__)

_PAGE = 1000  # contacts of a query's answer that make a page
_JOB_RECORDS = 100_000  # in one query job: what it brings is not much older than its processing
_JOB_PAGE = 1200  # contacts of a job that make a page


class Reader:
    """Reads what a `Query` asks for.

    `links`: what tells where a record that is gone lives on. `org`: the org's address, and
    `version` that of its API. `bulk_from`: records left from which a job reads; 0 = never.
    """

    def __init__(
        self,
        queries: Queries,
        contact_rows: ContactRows,
        links: Callable[[], merges.Links],
        org: str,
        version: float,
        bulk_from: int,
    ) -> None:
        self._queries = queries
        self._contact_rows = contact_rows
        self._links = links
        self._org = org
        self._version = version
        self._bulk_from = bulk_from

    def read(
        self, query: Query, cursor: str | None, heartbeat: Callable[[], None]
    ) -> Iterator[Page]:
        """Yield pages from the cursor on, and change the way of reading where one fails."""
        at = Position.of(cursor)
        slices = iter(queries.SLICES)
        limit: int | None = None
        started = at.after
        while True:
            try:
                pages = (
                    self._job_pages(query, at, heartbeat)
                    if at.job
                    else self._query_pages(query, at, limit)
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

    def _query_pages(self, query: Query, at: Position, limit: int | None) -> Iterator[Page]:
        """Read by REST query; raises `SwitchToBulkError` after a page where a job is better.

        `limit`: cut into queries of so many records each, where the whole is too much for the org.
        """
        after = at.after
        while True:
            check = QueryCheck(after)
            answer = self._queries.first_page(query.soql(after, limit), query.operation, check)
            remaining = None if limit else int(answer["totalSize"])
            large = remaining is not None and 0 < self._bulk_from <= remaining
            count = 0
            while True:
                rows, done = answer["records"], answer["done"]
                count += len(rows)
                whole = done and (limit is None or count < limit)
                # In parts that are done at once, each with few of an answer's records.
                for start in range(0, max(1, len(rows)), _PAGE):
                    part = rows[start : start + _PAGE]
                    remaining = None if remaining is None else remaining - len(part)
                    is_last = whole and start + _PAGE >= len(rows)
                    cursor = None if is_last else part[-1]["Id"] if part else after
                    yield self._page(query, part, cursor, remaining)
                after = rows[-1]["Id"] if rows else after
                if done:
                    break
                if large:
                    raise SwitchToBulkError(Position(after, NEW_JOB, remaining))
                answer = self._queries.next_page(answer, check)
            if whole:
                return

    def _job_pages(
        self, query: Query, at: Position, heartbeat: Callable[[], None]
    ) -> Iterator[Page]:
        """Pages of Bulk query jobs, one job after another."""
        remaining = at.left
        while True:
            is_new = at.job == NEW_JOB
            job, total = self._job(query, at, heartbeat)
            announced = min(remaining or 0, _JOB_RECORDS)  # by the query before, or the job before
            if is_new and far_short(total, announced):
                log.warning("salesforce: job %s found %d of %d records", job, total, announced)
                job, total = self._job(query, at, heartbeat)
                _check_announced(job, total, announced)
            page: Page | None = None  # whether a page is a job's last is known by the next
            with fetch_result(self._queries.call, job, self._version, total, heartbeat) as result:
                for read in result.pages(_JOB_PAGE, heartbeat):
                    rows, number = read.rows, read.columns.index("Id")
                    if not is_new:  # by who stopped in this job
                        rows = [row for row in rows if row[number] > at.after]
                    if not rows:
                        continue
                    if page is not None:
                        yield page
                    _check_order(at.after, [row[number] for row in rows])
                    remaining = None if remaining is None else max(0, remaining - len(rows))
                    at = Position(rows[-1][number], job)
                    page = self._page(query, rows, at.cursor, remaining, read.columns.index)
            # How many a job of another process was to bring at most is not known here.
            has_more = total >= _JOB_RECORDS or not is_new
            at = Position(at.after, NEW_JOB)
            if page is not None:
                yield replace(page, cursor=at.cursor if has_more else None)
            elif not has_more:
                yield Page((), None, 0)
            if not has_more:
                return

    def _job(self, query: Query, at: Position, heartbeat: Callable[[], None]) -> tuple[str, int]:
        """A query job that is done, a new one or the one we were at: its id, and its records."""
        job = at.job
        if job == NEW_JOB:
            soql = query.soql(at.after, _JOB_RECORDS)
            job = bulk.start_query(self._queries.call, query.operation, soql)
        schedule, path = poll_schedule_of(self._org, "query"), f"jobs/query/{job}"
        info = bulk.wait_for(self._queries.call, "read", path, heartbeat, schedule, query_job(job))
        if info["state"] != "JobComplete":
            problem = info.get("errorMessage") or "it was aborted in Setup > Bulk Data Load Jobs"
            raise BulkUnavailableError(f"salesforce: Bulk query job {job} failed: {problem}")
        return job, int(info["numberRecordsProcessed"])

    def _page(
        self,
        query: Query,
        rows: Sequence[Any],
        cursor: str | None,
        remaining: int | None,
        key_of: KeyOf = by_name,
    ) -> Page:
        if not query.tombstones:
            return Page(self._contact_rows.decode(query.object, rows, key_of), cursor, remaining)
        id_key, tombstones = key_of("Id"), [key_of(name) for name in query.tombstones]
        present = [row for row in rows if not any(row[key] in TRUE for key in tombstones)]
        present_ids = {row[id_key] for row in present}
        gone = [row for row in rows if row[id_key] not in present_ids]
        links = self._links().of(query.object)
        merged = [
            merges.merge_of({name: row[key_of(name)] for name in ("Id", *links)}, links)
            for row in gone
        ]
        return Page(
            self._contact_rows.decode(query.object, present, key_of),
            cursor,
            remaining,
            tuple(row[id_key] for row in gone),
            tuple(filter(None, merged)),
        )


class SwitchToBulkError(Exception):
    """There is so much left that a job is the better way."""

    def __init__(self, position: Position) -> None:
        super().__init__()
        self.position = position


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
