"""What a search of contacts finds: filter groups, operators, sorts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sandbox.hubspot.answers import moment
from sandbox.hubspot.portal import Portal
from sandbox.table import Record


class Search:
    def __init__(self, portal: Portal) -> None:
        self.portal = portal

    def found(self, groups: list[Record], sorts: list[Any]) -> tuple[int, Iterable[Record]]:
        """How many records match, and they in order. Of `sorts` each is a property's name, or
        {propertyName, direction}."""
        if (in_order := self._by_id(groups, sorts)) is not None:
            return in_order
        found = [
            record
            for record in self._candidates(groups)
            if not record["archived"]
            and (not groups or any(self._matches(record, group) for group in groups))
        ]
        for sort in reversed(sorts):
            name = sort["propertyName"] if isinstance(sort, dict) else sort
            down = isinstance(sort, dict) and sort.get("direction") == "DESCENDING"
            found.sort(key=lambda r, n=name: self._sort_key(r, n), reverse=down)
        return len(found), found

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
        table = self.portal.table.by_id
        count = (len(table) if high is None else table.bisect_right(high)) - (
            0 if low is None else table.bisect_left(low)
        )
        hidden = sum(
            (low is None or key >= low) and (high is None or key <= high)
            for key in self.portal.archived
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
                if item["propertyName"] == "lastmodifieddate" and item["operator"] in ("GT", "GTE")
            ]
            if not bounds:
                return self.portal.table.after_id(None)
            moments.append(max(bounds))
        return (
            self.portal.table.since(min(moments)) if moments else self.portal.table.after_id(None)
        )

    def _sort_key(self, record: Record, name: str) -> Any:
        kind = self.portal.properties.get(name, {}).get("type")
        value = record["properties"].get(name)
        if kind == "number":
            return float(value) if value else float("-inf")
        return str(value or "")

    def _matches(self, record: Record, group: Record) -> bool:
        return all(self._holds(record, item) for item in group.get("filters", []))

    def _holds(self, record: Record, item: Record) -> bool:
        name, operator = item["propertyName"], item["operator"]
        held = record["properties"].get(name)
        if operator == "HAS_PROPERTY":
            return held not in (None, "")
        if operator == "NOT_HAS_PROPERTY":
            return held in (None, "")
        if held in (None, ""):
            return False  # every other operator needs a value, also NEQ and NOT_IN
        kind = self.portal.properties[name]["type"]
        if kind == "datetime":
            left: Any = moment(held)
            parse: Any = moment
        elif kind == "number":
            left, parse = float(held), float
        else:
            left, parse = str(held).lower(), lambda text: str(text).lower()
        if operator in ("IN", "NOT_IN"):
            inside: bool = left in [parse(value) for value in item.get("values", [])]
            return inside if operator == "IN" else not inside
        value = parse(item.get("value"))
        if operator == "BETWEEN":
            return bool(value <= left <= parse(item["highValue"]))
        if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
            contained = str(value).strip("*") in str(left)
            return bool(contained == (operator == "CONTAINS_TOKEN"))
        return bool(
            {
                "EQ": left == value,
                "NEQ": left != value,
                "LT": left < value,
                "LTE": left <= value,
                "GT": left > value,
                "GTE": left >= value,
            }[operator]
        )
