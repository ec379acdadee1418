"""Where contacts are looked for in our index: gathered through an index of the filter or from a
table that names them, or walked through, each being checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.queries.contact_conditions import Condition, Pick, has_own_index, own_conditions, same
from worker.queries.contact_filter import ContactFilter
from worker.queries.contact_plan import QueryPlan
from worker.segments.reported import hidden
from worker.store.tables import contacts

_FOR_FEW_ROWS = sa.select(
    sa.func.set_config("random_page_cost", "1.1", True),
    sa.func.set_config("max_parallel_workers_per_gather", "0", True),
)


def prefer_indexes(connection: Connection) -> None:
    """Let PostgreSQL, in this transaction, look some thousand rows up by an index rather than read
    all numbers of all contacts: it takes the rows of an index to be four times as slow to reach,
    as on a disk that turns. And in one process: a page needs few rows, and to start two more for
    them took a third more of the processor's time without being done sooner.

    https://www.postgresql.org/docs/current/runtime-config-query.html#GUC-RANDOM-PAGE-COST
    https://www.postgresql.org/docs/current/how-parallel-query-works.html
    """
    if connection.dialect.name == "postgresql":
        if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            raise RuntimeError("settings of a transaction need one: use Store.snapshot()")
        connection.execute(_FOR_FEW_ROWS)


@dataclass(frozen=True, slots=True)
class Columns:
    connector: Any
    object: Any
    record_id: Any


@dataclass(frozen=True, slots=True)
class Rows:
    """Where contacts are looked for. `key`: the columns connector, object and record_id; `joined`:
    whether the index may lack a record, so that the columns of `contacts` may be null. `in_order`:
    the index that the conditions lead through is in the order of the keys. SQLite, which knows
    nothing of how rare a status is, takes it only if it is asked for that order."""

    key: Any
    tables: Any
    conditions: tuple[Condition, ...]
    joined: bool = False
    in_order: bool = False

    @property
    def key_columns(self) -> tuple[Any, Any, Any]:
        return self.key.connector, self.key.object, self.key.record_id

    def query(self, *columns: Any) -> sa.Select[Any]:
        return sa.select(*columns).select_from(self.tables).where(*self.conditions)

    def some(self, limit: int, *columns: Any) -> Any:
        """Return a subquery of at most so many rows."""
        query = self.query(*columns).limit(limit)
        if self.in_order:
            query = query.order_by(self.key.object, self.key.record_id)
        return query.subquery()


def gather(
    wanted: ContactFilter, connector: str, named: Sequence[Pick], start: Pick | None,
    by_segment: bool = False,
) -> Rows:  # fmt: skip
    """Return where few contacts are: through an index of the filter, or from a table that names
    them."""
    if start is None:
        conditions = (
            contacts.c.connector == connector, *own_conditions(wanted, by_index=not by_segment),
            *hidden([pick.named(contacts.c) for pick in named]),
        )  # fmt: skip
        in_order = has_own_index(wanted) and not by_segment
        return Rows(contacts.c, contacts, conditions, in_order=in_order)
    base = start.keys(connector).distinct().subquery()
    others = (pick.named(base.c) for pick in named if pick is not start)
    tables = base.join(contacts, same(contacts.c, base.c), isouter=not start.known)
    conditions = (*own_conditions(wanted, key=base.c), *others)
    return Rows(base.c, tables, conditions, joined=not start.known)


def walk(plan: QueryPlan, connector: str, by_index: Sequence[Condition] = ()) -> Rows:
    """Return all contacts, each of which is checked. `by_index`: what leads through an index."""
    c = contacts.c
    checked = [*own_conditions(plan.wanted), *(pick.named(c) for pick in plan.picks)]
    return Rows(c, contacts, (c.connector == connector, *by_index, *hidden(checked)))


def in_any_order(plan: QueryPlan, connector: str) -> Rows:
    """Return where to look for all that match, when the order is that of the keys or none."""
    if plan.few or has_own_index(plan.wanted):
        return gather(plan.wanted, connector, plan.picks, plan.start, plan.by_segment)
    return walk(plan, connector)


def picked(plan: QueryPlan, query: sa.Select[Any]) -> tuple[sa.Select[Any], Columns]:
    """Return a query of the first pick with the rest of the filter, and the columns of its key."""
    key = Columns(*query.selected_columns)
    query = query.where(*own_conditions(plan.wanted, key=key))
    return query.where(*(pick.named(key) for pick in plan.picks[1:])), key
