"""Read the calls that people log in Salesforce: tasks with a CallDisposition."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from connectors.records import CallOutcome
from connectors.salesforce.errors import LargeQueryError
from connectors.salesforce.record_ids import PREFIXES
from connectors.salesforce.soql import Query, quoted

log = logging.getLogger(__name__)

_WINDOWS = (timedelta(days=7), timedelta(days=1), timedelta(hours=1))  # of calls, where cut
_BATCH = 200  # rows whose people are looked up together

SoqlRow = Mapping[str, Any]


class CallLog:
    """`rows` reads all rows of a query, `in_slices` those of one that is too large at once,
    `accounts_of` gives the person accounts of contacts, `object_of` the object of an id that is
    read ("": none), `clock` the org's time."""

    def __init__(
        self,
        rows: Callable[[str], Iterator[SoqlRow]],
        in_slices: Callable[[Query], Iterator[SoqlRow]],
        accounts_of: Callable[[Iterable[str]], Mapping[str, str]],
        object_of: Callable[[str], str],
        clock: Callable[[], datetime | None],
    ) -> None:
        self._rows, self._in_slices = rows, in_slices
        self._accounts_of, self._object_of, self._clock = accounts_of, object_of, clock

    def call_outcomes(self, since: datetime, only: str) -> Iterator[CallOutcome]:
        """Read tasks with a disposition as calls; see `Connector.call_outcomes`."""
        for rows in batches(self._tasks(since, None, _WINDOWS, only)):
            people = self._accounts_of(row["WhoId"] or "" for row in rows)
            for row in rows:
                yield _outcome(row, people, self._object_of)

    def _tasks(
        self, since: datetime, until: datetime | None, windows: Sequence[timedelta], only: str
    ) -> Iterator[Mapping[str, Any]]:
        """Tasks with a disposition. Where they are too many for one query, also in the middle of
        it, in windows of time, smaller and smaller ones; at last so many at a time, by id. Archived
        tasks are left out: a call of more than a year ago reports nothing new."""
        soql = _tasks_query(since, until, only).soql(order="SystemModstamp")
        at = since
        try:
            for row in self._rows(soql):
                at = max(at, parse_time(row["SystemModstamp"]))
                yield row
            return
        except LargeQueryError as error:
            log.warning("%s; asking for tasks of a shorter time at once", error)
        if not windows:
            yield from self._in_slices(_tasks_query(at, until, only))
            return
        end = until or (self._clock() or datetime.now(UTC)) + timedelta(minutes=5)
        while at < end:
            then = min(at + windows[0], end)
            yield from self._tasks(at, then, windows[1:], only)
            at = then


def _tasks_query(since: datetime, until: datetime | None, only: str) -> Query:
    tests = [f"SystemModstamp >= {_soql_time(since)}"]
    tests += [f"SystemModstamp < {_soql_time(until)}"] if until is not None else []
    tests += [f"CallDisposition {f'= {quoted(only)}' if only else '!= null'}"]
    columns = ("Id", "WhoId", "WhatId", "CallDisposition", "CreatedDate", "SystemModstamp")
    return Query("Task", columns, tuple(tests))


def batches(rows: Iterator[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Cut rows into lists for which people are looked up together."""
    while batch := list(islice(rows, _BATCH)):
        yield batch


def _soql_time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def _outcome(
    row: Mapping[str, Any], people: Mapping[str, str], object_of: Callable[[str], str]
) -> CallOutcome:
    """A call with a person is about that person, whatever else it is related to. One with nobody is
    about what it is related to, such as a company's account, if that is read."""
    who = row["WhoId"] or ""
    who = people.get(who, who)
    object_name = PREFIXES.get(who[:3], "")
    if not who and (what := row["WhatId"]):
        who, object_name = what, object_of(what)
    return CallOutcome(
        row["Id"],
        row["CallDisposition"],
        object_name,
        who if object_name else "",
        "",
        parse_time(row["CreatedDate"]),
        parse_time(row["SystemModstamp"]),
    )


def parse_time(text: str) -> datetime:
    """Read a time as Salesforce gives it."""
    return datetime.fromisoformat(text.replace("+0000", "+00:00"))
