"""Releases that read phone fields in other ways, for tests of changed readings."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from worker.context import Context
from worker.phones import facts, parse_field
from worker.phones.contact_fields import FieldParser
from worker.phones.model import Number, ParsedField
from worker.store.tables import contacts


def reading_as(readings: Mapping[str, tuple[str, ...]]) -> FieldParser:
    """Return a parser that reads these texts as these numbers, and all others as ours does."""

    def parse(text: str, region: str | None) -> ParsedField:
        if text not in readings:
            return parse_field(text, region)
        numbers = tuple(map(_number, readings[text]))
        return ParsedField("number" if numbers else "invalid", numbers, reason="is no number")

    return parse


def _number(e164: str) -> Number:
    known = facts(e164)
    return Number(e164, "", known.kind, known.region or "", known.valid, known.possible)


def release(ctx: Context, readings: Mapping[str, tuple[str, ...]]) -> None:
    """Have fields read in another way from now on; every contact is looked at again."""
    ctx.parse_field = reading_as(readings)
    with ctx.store.write() as connection:
        connection.execute(sa.update(contacts).values(fresh_until=None))


def forget_states(ctx: Context) -> None:
    """Leave the database as a version did that kept no states of readings."""
    with ctx.store.write() as connection:
        connection.execute(sa.update(contacts).values(readings=""))
