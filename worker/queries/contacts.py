"""List the contacts behind a figure: filtered, sorted and paged by what our index holds.

No call to a CRM is made. A page continues behind the last contact of the page before (keyset
paging), so that the thousandth page costs what the first one does. Contacts are read connector by
connector and merged: the indexes of the table begin with the connector.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.segments import SEGMENTS
from worker.context import Context
from worker.decisions.diff import FLAGS
from worker.decisions.model import BAD_STATUSES
from worker.phones.plan_changes import equal_forms
from worker.segments.counters import REPORTS
from worker.store.array_param import any_of
from worker.store.bulk import chunks
from worker.store.states import WriteState
from worker.store.tables import (
    UtcDateTime,
    contact_numbers,
    contacts,
    failures,
    feedback,
    list_members,
    runs,
    writes,
)

PAGE = 50  # contacts of a page
COUNT_LIMIT = 10_000  # contacts that are counted for a page; of more it says "10,000+"
BAD = "bad"  # a status that stands for each of BAD_STATUSES
# The worst first; a contact's own is the worst of its phone fields.
STATUSES = ("do_not_contact", "wrong_number", "invalid", "unreachable", "unverified", "valid")

Sort = Literal["checked", "status", "source"]
SORTS: tuple[Sort, ...] = get_args(Sort)
RunPart = Literal["changed", "written", "failed"]
RUN_PARTS: Mapping[str, tuple[WriteState, ...]] = {
    "changed": (WriteState.DONE, WriteState.FAILED, WriteState.FORECAST),
    "written": (WriteState.DONE,),
    "failed": (WriteState.FAILED,),
}
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # when a record was checked that the index does not hold
_SEGMENT_COLUMNS = {
    "source": contacts.c.source, "campaign": contacts.c.campaign, "country": contacts.c.country,
    "month": contacts.c.month,
}  # fmt: skip


class FilterError(ValueError):
    """A filter names something that does not exist."""


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """Which contacts to list; what is empty is not asked.

    status: of any phone field, or `BAD`. by, value: a segment (value "": contacts without one).
    failure: the kind of a failure that stands, or "any"; with `run`, of that run's failures.
    run, part: contacts that a run changed, has written, or failed to write. flag: one that is set,
    as we last saw or wrote it. number: in E.164. report: a kind of report about a number that the
    contact holds. waiting: a number of it has no answer yet.
    """

    connector: str = ""
    object: str = ""
    status: str = ""
    by: str = ""
    value: str = ""
    failure: str = ""
    run: str = ""
    part: str = ""
    flag: str = ""
    number: str = ""
    report: str = ""
    waiting: bool = False

    def __post_init__(self) -> None:
        for name, known in (
            ("status", (BAD, *STATUSES)), ("by", SEGMENTS), ("part", RUN_PARTS), ("flag", FLAGS),
            ("report", REPORTS),
        ):  # fmt: skip
            if (chosen := getattr(self, name)) and chosen not in known:
                raise FilterError(f"{name}: choose one of {', '.join(known)}")

    def active(self) -> tuple[str, ...]:
        """Return the names of the conditions that are set. A segment is one (`by`), and a run with
        its part (`run`)."""
        names = (one.name for one in fields(self) if one.name not in ("value", "part"))
        return tuple(name for name in names if getattr(self, name))

    def without(self, name: str) -> ContactFilter:
        """Return the filter without one of its active conditions."""
        off: dict[str, Any] = {name: False if name == "waiting" else ""}
        off.update({"value": ""} if name == "by" else {"part": ""} if name == "run" else {})
        return replace(self, **off)


@dataclass(frozen=True, slots=True)
class ListedContact:
    """A contact as our index holds it. `known`: False for a record that is not in the index, such
    as one that failed before it was ever recorded. `failure`: the kind of one that stands."""

    connector: str
    object: str
    id: str
    known: bool
    statuses: Mapping[str, str]
    reason: str
    source: str
    campaign: str
    country: str
    month: str
    flags: tuple[str, ...]
    checked_at: datetime | None
    failure: str = ""

    @property
    def key(self) -> str:
        """Return CONNECTOR/OBJECT/ID, as reports name a contact."""
        return f"{self.connector}/{self.object}/{self.id}"


@dataclass(frozen=True, slots=True)
class ContactPage:
    """Contacts in the order asked for. `after`: where the next page begins; None at the end."""

    contacts: list[ListedContact]
    after: str | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many contacts match, `COUNT_LIMIT` at most, and whether there are `more`. `fields`: their
    phone fields with the status that was asked for; None where none was, or not all are counted."""

    contacts: int
    more: bool
    fields: int | None = None

    def __str__(self) -> str:
        return f"{self.contacts:,}{'+' if self.more else ''}"


# -- listing --------------------------------------------------------------------------------------


def list_contacts(
    ctx: Context, wanted: ContactFilter, sort: Sort = "checked", after: str = "", size: int = PAGE
) -> ContactPage:
    """Return a page of the contacts that match.

    checked: the latest first. status: the worst first. source: by connector, then by the name of
    the source. `after`: of the page before; raises `FilterError` for any other text.
    """
    cursor = _decode(after, sort) if after else None
    found: list[tuple[Any, Any]] = []
    with ctx.store.read() as connection:
        for connector in _connectors(connection, wanted):
            rows = connection.execute(_page_of(wanted, connector, sort, cursor, size + 1)).all()
            found += [(row.sort_key, row) for row in rows]
            if sort == "source" and len(found) > size:
                break
        if sort != "source":  # which goes connector by connector
            found.sort(key=lambda one: one[0], reverse=sort == "checked")
        page = [_listed(row) for _, row in found[:size]]
        page = _with_failures(connection, page)
    last = _encode(found[size - 1][0], page[-1]) if len(found) > size else None
    return ContactPage(page, last)


def every_contact(
    ctx: Context, wanted: ContactFilter, at_once: int = 5000
) -> Iterator[list[ListedContact]]:
    """Yield all contacts that match, in batches of one connector and object, in the order of their
    ids. Each batch is a query of its own, so that a slow reader holds no transaction open."""
    with ctx.store.read() as connection:
        connectors = _connectors(connection, wanted)
    for connector in connectors:
        after: tuple[str, str] | None = None
        while True:
            source = _source(wanted, connector, after)
            key = source.key
            query = _columns(source).order_by(key.object, key.record_id).limit(at_once)
            with ctx.store.read() as connection:
                batch = [_listed(row) for row in connection.execute(query)]
                batch = _with_failures(connection, batch)
            for object_name in dict.fromkeys(one.object for one in batch):
                yield [one for one in batch if one.object == object_name]
            if len(batch) < at_once:
                break
            after = batch[-1].object, batch[-1].id


def pick(ctx: Context, keys: Sequence[tuple[str, str, str]]) -> list[ListedContact]:
    """Return the contacts with these keys (connector, object, id), as far as they are known."""
    found: list[ListedContact] = []
    c = contacts.c
    groups: dict[tuple[str, str], list[str]] = {}
    for connector, object_name, record_id in dict.fromkeys(keys):
        groups.setdefault((connector, object_name), []).append(record_id)
    with ctx.store.read() as connection:
        for (connector, object_name), ids in groups.items():
            wanted = ContactFilter(connector=connector, object=object_name)
            for some in chunks(ids):
                query = _columns(_source(wanted, connector)).where(any_of(c.record_id, some))
                found += map(_listed, connection.execute(query))
        return _with_failures(connection, found)


# -- counting -------------------------------------------------------------------------------------


def count(ctx: Context, wanted: ContactFilter, limit: int = COUNT_LIMIT) -> Count:
    """Count the contacts that match, up to a limit."""
    source = _source(wanted, wanted.connector)
    statuses = _statuses(wanted.status) if wanted.status else sa.literal(0)
    inner = source.select(statuses.label("found")).limit(limit + 1).subquery()
    query = sa.select(sa.func.count(), sa.func.sum(inner.c.found)).select_from(inner)
    with ctx.store.read() as connection:
        number, of_fields = connection.execute(query).one()
    more = number > limit
    shown = wanted.status and not more
    return Count(min(number, limit), more, int(of_fields or 0) if shown else None)


def count_by_object(ctx: Context, wanted: ContactFilter) -> dict[tuple[str, str], int]:
    """Count all contacts that match, by connector and object."""
    source = _source(wanted, wanted.connector)
    key = source.key
    query = source.select(key.connector, key.object, sa.func.count())
    query = query.group_by(key.connector, key.object).order_by(key.connector, key.object)
    with ctx.store.read() as connection:
        return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def explain_empty(ctx: Context, wanted: ContactFilter) -> list[tuple[str, Count]]:
    """Return, where nothing matches, the conditions without which something would, with how much
    that is; if no single one, each condition that nothing meets by itself, with a count of 0."""
    names = wanted.active()
    without = [(name, count(ctx, wanted.without(name), 1000)) for name in names]
    if found := [(name, left) for name, left in without if left.contacts]:
        return found
    alone = [(name, count(ctx, _only(wanted, name), 1)) for name in names]
    return [(name, left) for name, left in alone if not left.contacts]


def _only(wanted: ContactFilter, name: str) -> ContactFilter:
    for other in wanted.active():
        if other != name:
            wanted = wanted.without(other)
    return wanted


# -- queries --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Source:
    """Where contacts are looked for. `key`: the columns connector, object and record_id; `joined`:
    whether the index may lack a record, so that the columns of `contacts` may be null."""

    key: Any
    tables: Any
    conditions: tuple[sa.ColumnElement[bool], ...]
    joined: bool

    def select(self, *columns: Any) -> sa.Select[Any]:
        return sa.select(*columns).select_from(self.tables).where(*self.conditions)


def _source(wanted: ContactFilter, connector: str, after: tuple[str, str] | None = None) -> _Source:
    """`connector`: the one to look in; "" for all. `after`: behind this object and id."""
    c = contacts.c
    picked = _picked(wanted, connector, after)
    key: Any = c
    tables: Any = contacts
    conditions: list[sa.ColumnElement[bool]] = []
    if picked:
        base = picked[0].subquery()
        key = base.c
        tables = base.outerjoin(contacts, _same(contacts.c, base.c))
        columns = sa.tuple_(key.connector, key.object, key.record_id)
        conditions += [columns.in_(other) for other in picked[1:]]
    if connector:
        conditions.append(key.connector == connector)
    if after is not None and not picked:
        conditions.append(sa.tuple_(key.object, key.record_id) > sa.tuple_(*after))
    if wanted.object:
        conditions.append(key.object == wanted.object)
    if wanted.status:
        conditions.append(_has_status(wanted.status))
    if wanted.by == "list":
        m = list_members.c
        conditions.append(sa.exists().where(_same(m, key), m.list == wanted.value[:80]))
    elif wanted.by:
        conditions.append(_SEGMENT_COLUMNS[wanted.by] == wanted.value)
    if wanted.flag:
        conditions.append(
            _text(c.last_seen_flags).contains(f'"{wanted.flag}":true', autoescape=True)
        )
    if wanted.waiting:
        conditions.append(c.waiting)
    return _Source(key, tables, tuple(conditions), bool(picked))


def _picked(
    wanted: ContactFilter, connector: str, after: tuple[str, str] | None
) -> list[sa.Select[Any]]:
    """Return queries for the keys of contacts that other tables name, each key once: where there is
    one, few contacts are left to be looked at."""
    found: list[sa.Select[Any]] = []

    def keys(table: Any, *conditions: Any) -> sa.Select[Any]:
        c = table.c
        query = sa.select(c.connector, c.object, c.record_id).where(*conditions).distinct()
        if after is not None:
            query = query.where(sa.tuple_(c.object, c.record_id) > sa.tuple_(*after))
        return query.where(c.connector == connector) if connector else query

    if wanted.run:
        w = writes.c
        conditions = [w.run_id == wanted.run, w.state.in_(RUN_PARTS[wanted.part or "changed"])]
        if wanted.failure:
            conditions.append(w.state == WriteState.FAILED)
            conditions += [w.kind == wanted.failure] if wanted.failure != "any" else []
        found.append(keys(writes, *conditions))
    elif wanted.failure:
        kind = [failures.c.kind == wanted.failure] if wanted.failure != "any" else []
        found.append(keys(failures, *kind))
    if wanted.number:
        forms = sorted(equal_forms(wanted.number))
        found.append(keys(contact_numbers, contact_numbers.c.number.in_(forms)))
    if wanted.report:
        n = contact_numbers.c
        told = sa.select(feedback.c.number).where(feedback.c.kind == wanted.report)
        found.append(keys(contact_numbers, n.number.in_(told)))
    return found


def _same(one: Any, other: Any) -> sa.ColumnElement[bool]:
    return sa.and_(
        one.connector == other.connector, one.object == other.object,
        one.record_id == other.record_id,
    )  # fmt: skip


def _text(column: Any) -> sa.ColumnElement[str]:
    """Return the text of a JSON column, as orjson wrote it: without spaces, and with a backslash
    before each quotation mark that belongs to a name or a value."""
    return sa.cast(column, sa.Text)


def _mark(status: str) -> str:
    """Return what stands in the text of `contacts.statuses` where, and only where, a field has this
    status: names are followed by a colon, and values by none."""
    return f':"{status}"'


def _has_status(status: str) -> sa.ColumnElement[bool]:
    text = _text(contacts.c.statuses)
    wanted = BAD_STATUSES if status == BAD else (status,)
    return sa.or_(*(text.contains(_mark(one), autoescape=True) for one in wanted))


def _statuses(status: str) -> sa.ColumnElement[int]:
    """Return how many phone fields of a contact have a status."""
    text = _text(contacts.c.statuses)
    wanted = BAD_STATUSES if status == BAD else (status,)
    found: Any = sa.literal(0)
    for one in wanted:
        mark = _mark(one)
        rest = sa.func.length(sa.func.replace(text, mark, ""))
        found = found + (sa.func.length(text) - rest) // len(mark)
    return found  # type: ignore[no-any-return]


def _columns(source: _Source, *more: Any) -> sa.Select[Any]:
    c, key = contacts.c, source.key
    return source.select(
        key.connector, key.object, key.record_id, c.connector.label("known"), c.statuses,
        c.last_seen_flags, c.reason, c.source, c.campaign, c.country, c.month, c.checked_at, *more,
    )  # fmt: skip


def _sort_key(sort: Sort, source: _Source) -> Any:
    c = contacts.c
    if sort == "status":
        text = _text(c.statuses)
        ranks = [(text.contains(_mark(one), autoescape=True), n) for n, one in enumerate(STATUSES)]
        return sa.case(*ranks, else_=len(STATUSES))
    if sort == "source":
        return sa.func.coalesce(c.source, "") if source.joined else c.source
    never = sa.literal(_NEVER, UtcDateTime())
    return sa.func.coalesce(c.checked_at, never) if source.joined else c.checked_at


_Cursor = tuple[Any, str, str, str]  # (value of the sort, connector, object, id)


def _page_of(
    wanted: ContactFilter, connector: str, sort: Sort, cursor: _Cursor | None, limit: int
) -> sa.Select[Any]:
    source = _source(wanted, connector)
    key, value = source.key, _sort_key(sort, source)
    descending = sort == "checked"
    query = _columns(source, value.label("sort_key")).limit(limit)
    query = query.order_by(value.desc() if descending else value, key.object, key.record_id)
    if cursor is None:
        return query
    at, of_connector, object_name, record_id = cursor
    if sort == "source" and connector != of_connector:
        return query if connector > of_connector else query.where(sa.false())
    behind = value < at if descending else value > at
    if connector < of_connector:  # its contacts with the same value have been shown
        return query.where(behind)
    same_or_behind = value <= at if descending else value >= at
    if connector > of_connector:
        return query.where(same_or_behind)
    later = sa.tuple_(key.object, key.record_id) > sa.tuple_(object_name, record_id)
    # The first condition follows from the second one, but only it leads through an index.
    return query.where(same_or_behind, sa.or_(behind, later))


def _encode(value: Any, last: ListedContact) -> str:
    shown = value.isoformat() if isinstance(value, datetime) else value
    raw = orjson.dumps([shown, last.connector, last.object, last.id])
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str, sort: Sort) -> _Cursor:
    try:
        raw = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        value, connector, object_name, record_id = raw
        if sort == "checked":
            value = datetime.fromisoformat(value).astimezone(UTC)
        kind = {"checked": datetime, "status": int, "source": str}[sort]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise TypeError
        names = (connector, object_name, record_id)
        if any(not isinstance(one, str) or "\x00" in one for one in names):
            raise TypeError
        if isinstance(value, int) and not 0 <= value <= len(STATUSES):
            raise TypeError
    except (binascii.Error, ValueError, TypeError, OverflowError) as error:
        raise FilterError("after: this is no place in the list") from error
    return value, connector, object_name, record_id


def _connectors(connection: Connection, wanted: ContactFilter) -> list[str]:
    """Return the connectors that may have matching contacts, in order."""
    if wanted.connector:
        return [wanted.connector]
    found: set[str] = set()
    for table in (contacts, failures, runs):
        c = table.c.connector
        last: str | None = connection.scalar(sa.select(sa.func.min(c)))
        while last is not None:  # from one to the next by the index, not through all rows
            found.add(last)
            last = connection.scalar(sa.select(sa.func.min(c)).where(c > last))
    return sorted(found)


def _listed(row: Any) -> ListedContact:
    flags = (row.known and row.last_seen_flags) or {}
    return ListedContact(
        row.connector,
        row.object,
        row.record_id,
        row.known is not None,
        row.statuses or {},
        row.reason or "",
        row.source or "",
        row.campaign or "",
        row.country or "",
        row.month or "",
        tuple(flag for flag in FLAGS if flags.get(flag) is True),
        row.checked_at,
    )


def _with_failures(connection: Connection, listed: Sequence[ListedContact]) -> list[ListedContact]:
    f = failures.c
    kinds: dict[str, str] = {}
    groups: dict[tuple[str, str], list[str]] = {}
    for one in listed:
        groups.setdefault((one.connector, one.object), []).append(one.id)
    for (connector, object_name), ids in groups.items():
        query = sa.select(f.record_id, f.kind).where(
            f.connector == connector, f.object == object_name, any_of(f.record_id, ids)
        )
        for record_id, kind in connection.execute(query):
            kinds[f"{connector}/{object_name}/{record_id}"] = kind
    return [replace(one, failure=kinds.get(one.key, "")) for one in listed] if kinds else [*listed]
