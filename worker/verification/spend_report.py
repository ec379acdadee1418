"""Report what lookups cost: by provider and day, against the caps, and what a dry run
would cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.verification import Verification as Settings
from worker.store.tables import lookup_claims, lookup_retries, lookups, spend
from worker.verification import budget, circuit_breaker
from worker.verification.budget import Limit, Used
from worker.verification.protocol import ChainStep
from worker.verification.registry import ChainPlan
from worker.verification.spend import used_amounts


def report(
    connection: Connection, line: ChainPlan, settings: Settings, now: datetime, days: int
) -> dict[str, Any]:
    """Return all that `hygiene spend` shows; money in the currency of the settings."""
    rows = _spent_by_day(connection, budget.day_of(now - timedelta(days=days - 1)))
    labels = line.labels
    return {
        "currency": settings.budget.currency,
        "days": rows,
        "total": {
            "lookups": sum(row["lookups"] for row in rows),
            "lost": sum(row["lost"] for row in rows),
            "cost": round(sum(row["cost"] for row in rows), 6),
        },
        "caps": [_as_json(limit) for limit in _all_limits(connection, line, settings, now)],
        "providers": [
            {
                "name": state.name,
                "label": labels.get(state.name, state.name),
                "breaker": state.breaker,
                "reason": state.reason,
                "again_at": state.retry_at.isoformat() if state.retry_at else None,
                "credits": state.credits,
            }
            for state in circuit_breaker.all_states(connection)
        ],
        "being_asked": connection.scalar(sa.select(sa.func.count()).select_from(lookup_claims)),
        "waiting": connection.scalar(sa.select(sa.func.count()).select_from(lookup_retries)),
    }


def _spent_by_day(connection: Connection, first_day: str) -> list[dict[str, Any]]:
    """Return lookups and money by day and provider, the newest day first."""
    c = spend.c
    amounts = (c.money, c.reserved_money, c.lookups, c.reserved_lookups, c.lost)
    query = (
        sa.select(c.day, c.provider, *(sa.func.sum(amount).label(amount.key) for amount in amounts))
        .where(c.day >= first_day)
        .group_by(c.day, c.provider)
        .order_by(c.day.desc(), c.provider)
    )
    return [
        {
            "day": row.day,
            "provider": row.provider,
            "lookups": int(row.lookups),
            "lost": int(row.lost),
            "cost": float(budget.money(int(row.money))),
            "reserved": float(budget.money(int(row.reserved_money))),
        }
        for row in connection.execute(query)
    ]


def _all_limits(
    connection: Connection, line: ChainPlan, settings: Settings, now: datetime
) -> list[Limit]:
    """Return the caps of days and months, for all together and for each provider. A run's caps
    belong to the run."""
    limits: list[Limit] = []
    everybody, _ = used_amounts(connection, now, "", "")
    limits += budget.limits(settings.budget, everybody)
    for provider in line.providers:
        tuning = settings.providers.get(provider.name)
        if tuning is not None and not provider.local:
            _, here = used_amounts(connection, now, "", provider.name)
            limits += budget.limits(tuning.budget, here, provider.label)
    return [limit for limit in limits if not limit.name.startswith("this run")]


def _as_json(limit: Limit) -> dict[str, Any]:
    cap = None if limit.money is None else float(budget.money(limit.money))
    return {
        "name": limit.name,
        "cap": cap,
        "cap_lookups": limit.lookups,
        "used": float(budget.money(limit.used.money)),
        "used_lookups": limit.used.lookups,
    }


# -- looking ahead -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a dry run's lookups would cost, and which of them the caps would not allow."""

    lookups: int
    cost: Decimal
    currency: str
    short: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "lookups": self.lookups,
            "cost": float(self.cost),
            "currency": self.currency,
            "short": list(self.short),
        }


def forecast(
    connection: Connection,
    line: ChainPlan,
    settings: Settings,
    now: datetime,
    counted: Mapping[str, Mapping[str, Any]],
) -> Forecast:
    """Forecast the cost of a dry run. `counted`: provider -> {asked, cost}. Each provider in turn
    uses up the caps."""
    total, cost = 0, Decimal(0)
    ahead: dict[str, Used] = {}
    short = []
    for step in line.steps:
        asked = int(counted.get(step.name, {}).get("asked", 0))
        if step.provider.local or not asked or step.name in ahead:
            continue
        price = budget.millionths(Decimal(str(counted[step.name]["cost"])) / asked)
        before = Used(sum(u.money for u in ahead.values()), sum(u.lookups for u in ahead.values()))
        room, cap = _room(connection, step, settings, now, price, asked, before)
        ahead[step.name] = Used(price * room, room)
        total += asked
        cost += budget.money(price * asked)
        if cap:
            short.append(f"{step.provider.label}: {cap} now allows {room:,} of {asked:,} lookups")
    return Forecast(total, cost, settings.budget.currency, tuple(short))


def _room(
    connection: Connection,
    step: ChainStep,
    settings: Settings,
    now: datetime,
    price: int,
    lookups: int,
    before: Used,
) -> tuple[int, str]:
    everybody, here = used_amounts(connection, now, "", step.name)
    planned = {
        period: Used(used.money + before.money, used.lookups + before.lookups)
        for period, used in everybody.items()
    }
    limits = list(budget.limits(settings.budget, planned))
    tuning = settings.providers.get(step.name)
    if tuning is not None:
        limits += budget.limits(tuning.budget, here, step.provider.label)
    credit = circuit_breaker.load(connection, step.name).credits
    if credit is not None:
        limits.append(Limit(f"the credit with {step.provider.label}", None, credit, Used()))
    return budget.affordable(limits, price, lookups)


def affordable_count(
    connection: Connection, line: ChainPlan, settings: Settings, now: datetime, most: int
) -> dict[str, int]:
    """Return how many lookups of each paid provider could be made now, at most `most`."""
    counts: dict[str, int] = {}
    for step in line.steps:
        if step.provider.local:
            continue
        state = circuit_breaker.load(connection, step.name)
        waits = state.is_open and state.retry_at is not None and state.retry_at > now
        price = budget.millionths(step.price)
        room, _ = _room(connection, step, settings, now, price, most, Used())
        counts[step.name] = max(counts.get(step.name, 0), 0 if waits else room)
    return counts


def of_number(connection: Connection, number: str) -> tuple[list[Any], list[Any]]:
    """Return a number's paid lookups, newest first, and its questions without an answer."""
    paid = sa.select(lookups).where(lookups.c.number == number).order_by(lookups.c.id.desc())
    waiting = sa.select(lookup_retries).where(lookup_retries.c.number == number)
    return list(connection.execute(paid)), list(connection.execute(waiting))
