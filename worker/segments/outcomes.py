"""What became of the messages of a campaign: sent, delivered, undelivered, replies; imported."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connectors import csvtext
from worker.store.db import upsert
from worker.store.tables import campaign_outcomes
from worker.sync.context import Context

COUNTS = ("sent", "delivered", "undelivered", "replies")
MOST = 1_000_000_000


class OutcomeError(ValueError):
    """A row cannot be taken; the text says why."""


def checked(row: Mapping[str, Any]) -> dict[str, Any]:
    """One campaign's day as a row of the table; raises `OutcomeError`."""
    campaign = str(row.get("campaign") or "").strip()
    if not campaign or len(campaign) > 255 or not campaign.isprintable():
        raise OutcomeError("campaign: name it, in at most 255 characters")
    try:
        day = date.fromisoformat(str(row.get("day") or "").strip()).isoformat()
    except ValueError:
        raise OutcomeError("day: write it like 2026-11-25") from None
    counts = {}
    for name in COUNTS:
        text = str(row.get(name) or "0").strip().replace(",", "")
        if not text.isascii() or not text.isdigit() or int(text) > MOST:
            raise OutcomeError(f"{name}: write a whole number")
        counts[name] = int(text)
    return {"campaign": campaign, "day": day, **counts}


def keep(ctx: Context, rows: Sequence[Mapping[str, Any]]) -> int:
    """Keep campaigns' days; one that is known already is replaced. How many; raises
    `OutcomeError`, and keeps none then."""
    by_key = {(one["campaign"], one["day"]): one for one in map(checked, rows)}
    with ctx.store.write() as connection:
        upsert(connection, campaign_outcomes, list(by_key.values()))
    return len(by_key)


def from_file(path: Path) -> list[dict[str, Any]]:
    """Rows of a CSV file with the columns campaign, day, sent, delivered, undelivered, replies."""
    dialect = csvtext.detect(path)
    with csvtext.open_text(path, dialect.encoding) as lines:
        reader = csv.DictReader(_unmarked(lines), delimiter=dialect.delimiter)
        names = {name: (name or "").strip().lower() for name in reader.fieldnames or ()}
        lacking = {"campaign", "day"} - set(names.values())
        if lacking:
            raise OutcomeError(f"{path} has no column {' and '.join(sorted(lacking))}")
        return [
            {names[name]: value for name, value in row.items() if name in names} for row in reader
        ]


def _unmarked(lines: Iterable[str]) -> Iterable[str]:
    for place, line in enumerate(lines):
        yield line.removeprefix("\ufeff") if place == 0 else line


def totals(ctx: Context, campaigns: Sequence[str]) -> dict[str, dict[str, int]]:
    """What is known of these campaigns, over all days."""
    c = campaign_outcomes.c
    query = (
        sa.select(c.campaign, *(sa.func.sum(c[name]) for name in COUNTS))
        .where(c.campaign.in_(campaigns))
        .group_by(c.campaign)
    )
    with ctx.store.read() as connection:
        return {
            row[0]: dict(zip(COUNTS, map(int, row[1:]), strict=True))
            for row in connection.execute(query)
        }
