"""What a search finds, of contacts or of calls: filter groups, operators, one sort, the limits.

Source of the limits: HubSpot's guide "Search the CRM" (200 results a page, 10,000 a query, one sort
for a search, 5 groups of 6 filters, 18 filters in all), and its OpenAPI documents of 2026-09.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from sandbox.hubspot import forms
from sandbox.hubspot.answers import error, moment
from sandbox.hubspot.search_index import SearchIndex
from sandbox.service import answer
from sandbox.table import Clock, Record, Table

CAP = 10_000  # results of one query
_PAGE = 200
_GROUPS = 5
_FILTERS = 6  # of a group
_FILTERS_IN_ALL = 18
_QUERY = 3000  # characters of a query
# The properties of contacts that a query searches; of those that there are here.
_SEARCHABLE = (
    "firstname", "lastname", "email", "phone", "mobilephone", "fax", "company",
    "hs_additional_emails",
)  # fmt: skip
_OPERATORS = frozenset((
    "BETWEEN", "CONTAINS_TOKEN", "EQ", "GT", "GTE", "HAS_PROPERTY", "IN", "LT", "LTE", "NEQ",
    "NOT_CONTAINS_TOKEN", "NOT_HAS_PROPERTY", "NOT_IN",
))  # fmt: skip


def _has_words(record: Record, query: str) -> bool:
    """Whether each word of a query begins some word of a searchable property."""
    values = (record["properties"].get(name) for name in _SEARCHABLE)
    words = [word for value in values if value for word in _words(value)]
    return all(any(word.startswith(begun) for word in words) for begun in _words(query))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", str(text).lower())


class Search:
    """Of one table. `properties`: definitions by name. `archived`: keys of what no search finds."""

    def __init__(
        self,
        table: Table,
        properties: Mapping[str, Record],
        clock: Clock,
        archived: set[int] | frozenset[int] = frozenset(),
    ) -> None:
        self.table = table
        self.properties = properties
        self.archived = archived
        self.index = SearchIndex(table, clock)
        self._searches = itertools.count()

    def answered(
        self, body: Record, show: Callable[[Record, list[str] | None], Record]
    ) -> web.Response:
        """The answer to a search request. `show`: a record with these of its properties."""
        if refused := forms.search_refusal(body):
            return refused
        groups, sorts = body.get("filterGroups") or [], body.get("sorts") or []
        limit, after = int(body.get("limit") or 10), int(body.get("after") or 0)
        if problem := self._problem(groups, sorts, limit, after):
            return error(problem, "VALIDATION_ERROR")
        query = body.get("query") or ""
        if len(query) > _QUERY:
            return error(f"The query is longer than {_QUERY} characters", "VALIDATION_ERROR")
        names = body.get("properties") or None
        total, records = self.found(groups, sorts)
        if query:
            matching = [record for record in records if _has_words(record, query)]
            total, records = len(matching), matching
        page = itertools.islice(records, after, after + limit)
        shown: Record = {"total": total, "results": [show(record, names) for record in page]}
        if after + limit < total:
            shown["paging"] = {"next": {"after": str(after + limit)}}
        return answer(shown)

    def _problem(
        self, groups: list[Record], sorts: list[Any], limit: int, after: int
    ) -> str | None:
        if limit > _PAGE:
            return f"The maximum page size is {_PAGE}"
        if after + limit > CAP:
            return f"Search is limited to {CAP} results; the requested page ends at {after + limit}"
        if len(sorts) > 1:
            return f"At most one sort can be applied to a search, got {len(sorts)}"
        filters = [group.get("filters", []) for group in groups]
        count = sum(map(len, filters))
        if (
            len(groups) > _GROUPS
            or count > _FILTERS_IN_ALL
            or max(map(len, filters), default=0) > _FILTERS
        ):
            return "There were too many filter groups or filters in the request"
        for item in itertools.chain.from_iterable(filters):
            if item["operator"] not in _OPERATORS:
                return f"Invalid input JSON: {item['operator']} is not an operator"
        named = [item["propertyName"] for group in filters for item in group]
        named += [sort["propertyName"] if isinstance(sort, dict) else sort for sort in sorts]
        for name in named:
            if name not in self.properties:
                return f'There was a problem with the request: property "{name}" does not exist'
        return None

    def found(self, groups: list[Record], sorts: list[Any]) -> tuple[int, Iterable[Record]]:
        """How many records match, and they in order. Of `sorts` each is a property's name, or
        {propertyName, direction}."""
        behind = self.index.behind()
        if not behind and (in_order := self._by_id(groups, sorts)) is not None:
            return in_order
        candidates: Iterable[Record] = self._candidates(groups)
        if behind:
            key = self.table.key
            known = (record for record in candidates if key(record["id"]) not in behind)
            candidates = itertools.chain(known, filter(None, behind.values()))
        records = [
            record
            for record in candidates
            if not record["archived"]
            and (not groups or any(self._matches(record, group) for group in groups))
        ]
        for sort in sorts:
            name = sort["propertyName"] if isinstance(sort, dict) else sort
            down = isinstance(sort, dict) and sort.get("direction") == "DESCENDING"
            if name != "hs_object_id":  # those with the same value come in no promised order
                random.Random(next(self._searches)).shuffle(records)
            records.sort(key=partial(self._sort_key, name), reverse=down)
        return len(records), records

    def _by_id(self, groups: list[Record], sorts: list[Any]) -> tuple[int, Iterator[Record]] | None:
        """What a search for ids below or above one matches, from the index; None for others."""
        filters = [item for group in groups for item in group.get("filters", [])]
        if len(groups) > 1 or len(filters) > 1 or (filters and len(sorts) != 1):
            return None
        down = False
        for sort in sorts:
            name = sort["propertyName"] if isinstance(sort, dict) else sort
            down = isinstance(sort, dict) and sort.get("direction") == "DESCENDING"
            if name != "hs_object_id":
                return None
        low = high = None
        for item in filters:
            if item["propertyName"] != "hs_object_id" or item["operator"] not in ("LT", "GT"):
                return None
            low = int(item["value"]) + 1 if item["operator"] == "GT" else None
            high = int(item["value"]) - 1 if item["operator"] == "LT" else None
        table = self.table.by_id
        count = (len(table) if high is None else table.bisect_right(high)) - (
            0 if low is None else table.bisect_left(low)
        )
        hidden = sum(
            (low is None or key >= low) and (high is None or key <= high) for key in self.archived
        )
        keys = table.irange(low, high, reverse=down)
        return count - hidden, (table[key] for key in keys if not table[key]["archived"])

    def _candidates(self, groups: list[Record]) -> Any:
        """Records that can match at all, by the index over time where the filters allow it."""
        moments = []
        for group in groups:
            bounds = [
                moment(item["value"])
                for item in group.get("filters", [])
                if item["propertyName"] == self.table.stamp_field
                and item["operator"] in ("GT", "GTE", "EQ")
            ]
            if not bounds:
                return self.table.after_id(None)
            moments.append(max(bounds))
        return self.table.since(min(moments)) if moments else self.table.after_id(None)

    def _sort_key(self, name: str, record: Record) -> Any:
        kind = self.properties.get(name, {}).get("type")
        value = record["properties"].get(name)
        if kind == "number":
            return float(value) if value else float("-inf")
        return str(value or "")

    def _matches(self, record: Record, group: Record) -> bool:
        return all(self._holds(record, item) for item in group.get("filters", []))

    def _holds(self, record: Record, item: Record) -> bool:
        name, operator = item["propertyName"], item["operator"]
        current = record["properties"].get(name)
        if operator == "HAS_PROPERTY":
            return current not in (None, "")
        if operator == "NOT_HAS_PROPERTY":
            return current in (None, "")
        if current in (None, ""):
            return False  # every other operator needs a value, also NEQ and NOT_IN
        kind = self.properties[name]["type"]
        if kind == "datetime":
            compared: Any = moment(current)
            parse: Any = moment
        elif kind == "number":
            compared, parse = float(current), float
        else:
            compared, parse = str(current).lower(), lambda text: str(text).lower()
        # Several checkboxes hold several values; a filter looks at each of them.
        several = self.properties[name]["fieldType"] == "checkbox"
        each = str(compared).split(";") if several else [compared]
        if operator in ("IN", "NOT_IN"):
            inside = any(parse(value) in each for value in item.get("values", []))
            return inside if operator == "IN" else not inside
        value = parse(item.get("value"))
        if several and operator in ("EQ", "NEQ"):
            return bool((value in each) == (operator == "EQ"))
        if operator == "BETWEEN":
            return bool(value <= compared <= parse(item["highValue"]))
        if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
            contained = str(value).strip("*") in str(compared)
            return bool(contained == (operator == "CONTAINS_TOKEN"))
        return bool(
            {
                "EQ": compared == value,
                "NEQ": compared != value,
                "LT": compared < value,
                "LTE": compared <= value,
                "GT": compared > value,
                "GTE": compared >= value,
            }[operator]
        )
