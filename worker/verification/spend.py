"""The `spend` table: money and lookups by day, provider and run, spent and reserved."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from worker.store.tables import spend
from worker.verification import budget
from worker.verification.budget import Used

_AMOUNTS = ("money", "reserved_money", "lookups", "reserved_lookups", "lost")


def used_amounts(
    connection: Connection, now: datetime, run_id: str, provider: str
) -> tuple[dict[budget.Period, Used], dict[budget.Period, Used]]:
    """Return what is spent and reserved today, this month and in this run: over all providers, and
    by one."""
    c = spend.c
    today, month = budget.day_of(now), budget.month_of(now)
    periods = {
        "day": c.day == today,
        "month": sa.and_(c.day >= month, c.day <= f"{month[:7]}-31"),
        "run": c.run_id == run_id,
    }
    sums = []
    for in_period in periods.values():
        for of_provider in (sa.true(), c.provider == provider):
            counts = sa.and_(in_period, of_provider)
            for amount in (c.money + c.reserved_money, c.lookups + c.reserved_lookups):
                sums.append(sa.func.coalesce(sa.func.sum(sa.case((counts, amount), else_=0)), 0))
    query = sa.select(*sums).where(sa.or_(periods["month"], periods["run"]))
    row = [int(value) for value in connection.execute(query).one()]
    overall: dict[budget.Period, Used] = {}
    by_provider: dict[budget.Period, Used] = {}
    for index, period in enumerate(budget.PERIODS):
        money, lookups, own_money, own_lookups = row[index * 4 : index * 4 + 4]
        overall[period] = Used(money, lookups)
        by_provider[period] = Used(own_money, own_lookups)
    return overall, by_provider


def used_by_part(connection: Connection, now: datetime, run_ids: str) -> dict[budget.Period, Used]:
    """Return what is spent and reserved today and this month by one run id, or, where it ends with
    a colon, by all that begin with it."""
    c = spend.c
    today, month = budget.day_of(now), budget.month_of(now)
    is_part = c.run_id.startswith(run_ids, autoescape=True)
    sums = [
        sa.func.coalesce(sa.func.sum(sa.case((counts, amount), else_=0)), 0)
        for counts in (c.day == today, sa.true())
        for amount in (c.money + c.reserved_money, c.lookups + c.reserved_lookups)
    ]
    query = sa.select(*sums).where(
        is_part if run_ids.endswith(":") else c.run_id == run_ids,
        c.day >= month,
        c.day <= f"{month[:7]}-31",
    )
    money, lookups, month_money, month_lookups = map(int, connection.execute(query).one())
    return {"day": Used(money, lookups), "month": Used(month_money, month_lookups)}


def reserved_lookups(connection: Connection, provider: str) -> int:
    """Return how many lookups of a provider are reserved, by all workers."""
    reserved = sa.func.coalesce(sa.func.sum(spend.c.reserved_lookups), 0)
    total = connection.scalar(sa.select(reserved).where(spend.c.provider == provider))
    return int(total or 0)


def add(
    connection: Connection, day: str, provider: str, run_id: str, amounts: Mapping[str, int]
) -> None:
    """Add amounts to a row, which is inserted if it is not there yet."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {name: amounts.get(name, 0) for name in _AMOUNTS}
    row = dialect.insert(spend).values(day=day, provider=provider, run_id=run_id, **values)
    connection.execute(
        row.on_conflict_do_update(
            index_elements=["day", "provider", "run_id"],
            set_={name: spend.c[name] + row.excluded[name] for name in _AMOUNTS},
        )
    )
