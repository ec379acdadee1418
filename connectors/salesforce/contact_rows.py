"""Make contacts of the rows of queries and of Bulk jobs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any

from connectors.conversions import format_utc
from connectors.errors import ConnectorError
from connectors.fields import ObjectFields
from connectors.records import Value
from connectors.rows import RowDecoder, Rows, make_decoder
from connectors.salesforce.call_log import parse_time

# From a column's name to what a row gives its value for: rows of a query are by the column's name,
# those of a job are lists.
KeyOf = Callable[[str], Any]


def by_name(column: str) -> str:
    return column


class ContactRows:
    """Decodes rows by the fields that the org has."""

    def __init__(self) -> None:
        self._decoders: dict[str, RowDecoder] = {}

    def apply_fields(self, object_name: str, fields: ObjectFields) -> None:
        self._decoders[object_name] = make_decoder(fields, _utc_time)

    def decode(self, object_name: str, rows: Iterable[Any], key_of: KeyOf = by_name) -> Rows:
        """Return the contacts of rows; raises `ConnectorError` for rows of an unknown form."""
        decoder = self._decoders[object_name]
        try:
            keys = [*map(key_of, ("Id", "SystemModstamp", *decoder.columns))]
            if key_of is by_name:
                if any("." in column for column in decoder.columns):
                    rows = [_with_parents(row, decoder.columns) for row in rows]
                return decoder.read(zip(*map(itemgetter(*keys), rows), strict=True))
            columns = [*zip(*rows, strict=True)]
            return decoder.read([columns[key] for key in keys] if columns else ())
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise ConnectorError(
                f"salesforce: an answer of the query API has an unknown form ({error!r})"
            ) from error


def _with_parents(row: Mapping[str, Any], columns: Iterable[str]) -> dict[str, Any]:
    """Return a row of a query with what it holds of other records by their paths
    (`Account.BillingCountry`), as a job's result names these columns."""
    flat = dict(row)
    for column in columns:
        relation, _, field = column.partition(".")
        if field:
            flat[column] = (row[relation] or {}).get(field)
    return flat


_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:\+0000|Z)", re.ASCII)


@lru_cache(maxsize=4096)  # the records of a run were all written within some minutes
def _utc_time(value: Any) -> Value:
    text = str(value)
    if _UTC.fullmatch(text):  # as Salesforce gives them all: nothing is to be worked out
        return f"{text[:19]}Z"
    return format_utc(parse_time(text))
