"""Contacts that are asked to confirm their number, and what became of their messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from constants import NUMBER

from worker.asking.model import MICROS, Campaign, Request, Selection
from worker.context import Context
from worker.store.tables import ask_messages, contact_numbers, contacts

DAYTIME = datetime(2026, 11, 24, 18, tzinfo=UTC)  # a Tuesday morning in California
TOML = """
[feedback]
company = "Acme"
[asking]
sms_price = 0.01
[connectors.salesforce]
enabled = false
"""
BASIS = "existing customers, by contract"

Ask = Callable[..., Campaign]


def index(
    ctx: Context,
    record_id: str,
    number: str,
    statuses: Mapping[str, str],
    at: tuple[str, str] = ("hubspot", "contacts"),
    **more: Any,
) -> None:
    """Put a contact with one number into our index. `at`: its connector and object."""
    where = {"connector": at[0], "object": at[1], "record_id": record_id}
    row = {
        **where, "fingerprint": "", "statuses": dict(statuses), "last_seen_flags": {},
        "reason": None, "source": "", "campaign": "", "country": "US", "month": "2020-01",
        "person": f"person-{record_id}", "value": None, "checked_at": ctx.now(),
        "waiting": False, **more,
    }  # fmt: skip
    with ctx.store.write() as connection:
        connection.execute(sa.insert(contacts).values(**row))
        connection.execute(
            sa.insert(contact_numbers).values(
                **where, field=next(iter(statuses)), place=0, number=number, extension=""
            )
        )


def request(**more: Any) -> Request:
    values: dict[str, Any] = {
        "name": "spring", "channel": "text", "selection": Selection(), "budget": 10 * MICROS,
        "basis": BASIS, "per_minute": 600, **more,
    }  # fmt: skip
    return Request(**values)


def messages(ctx: Context) -> list[Any]:
    with ctx.store.read() as connection:
        return list(connection.execute(sa.select(ask_messages).order_by(ask_messages.c.id)))


def state_of(ctx: Context, number: str = NUMBER) -> tuple[str, str]:
    [row] = [row for row in messages(ctx) if row.number == number]
    return row.state, row.reason
