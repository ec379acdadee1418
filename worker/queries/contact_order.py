"""The order of a list of contacts, and the place in it where a page ends."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import orjson
import sqlalchemy as sa

from worker.queries.contact_conditions import worst_first
from worker.queries.contact_filter import STATUSES, FilterError
from worker.store.tables import UtcDateTime, contacts

Sort = Literal["checked", "status", "source"]
SORTS: tuple[Sort, ...] = get_args(Sort)
Row = tuple[Any, str, str, str]  # (value of the sort, connector, object, id)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # when a record was checked that the index does not hold
NO_VALUE: Mapping[Sort, Any] = {"checked": _NEVER, "status": 0, "source": ""}


def sort_key(sort: Sort, joined: bool) -> Any:
    c = contacts.c
    if sort == "status":
        return worst_first()
    if sort == "source":
        return sa.func.coalesce(c.source, "") if joined else c.source
    never = sa.literal(_NEVER, UtcDateTime())
    return sa.func.coalesce(c.checked_at, never) if joined else c.checked_at


def behind(
    query: sa.Select[Any], value: Any, key: Any, connector: str, sort: Sort, cursor: Row | None
) -> sa.Select[Any]:
    """Sort a connector's rows by a value and key, and leave out those up to the cursor."""
    descending = sort == "checked"
    query = query.order_by(value.desc() if descending else value, key.object, key.record_id)
    if cursor is None:
        return query
    at, of_connector, object_name, record_id = cursor
    if sort == "source":
        if connector != of_connector:
            return query if connector > of_connector else query.where(sa.false())
        place = sa.tuple_(value, key.object, key.record_id)
        return query.where(place > sa.tuple_(at, object_name, record_id))
    behind = value < at if descending else value > at
    if connector < of_connector:  # its contacts with the same value have been shown
        return query.where(behind)
    same_or_behind = value <= at if descending else value >= at
    if connector > of_connector:
        return query.where(same_or_behind)
    later = sa.tuple_(key.object, key.record_id) > sa.tuple_(object_name, record_id)
    # The first condition follows from the second one, but only it leads through an index.
    return query.where(same_or_behind, sa.or_(behind, later))


def encode(row: Row) -> str:
    value = row[0].isoformat() if isinstance(row[0], datetime) else row[0]
    raw = orjson.dumps([value, *row[1:]])
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(text: str, sort: Sort) -> Row:
    try:
        raw = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        value, connector, object_name, record_id = raw
        if sort == "checked":
            value = datetime.fromisoformat(value).astimezone(UTC)
        kind = {"checked": datetime, "status": int, "source": str}[sort]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise TypeError
        names = (connector, object_name, record_id)
        if any(not isinstance(name, str) or "\x00" in name for name in names):
            raise TypeError
        if isinstance(value, int) and not 0 <= value <= len(STATUSES):
            raise TypeError
    except (binascii.Error, ValueError, TypeError, OverflowError) as error:
        raise FilterError("after: not a place in this list") from error
    return value, connector, object_name, record_id
