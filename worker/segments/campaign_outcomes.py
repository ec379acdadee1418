"""Import the outcomes of campaigns: messages sent, delivered, undelivered, and replies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from config.errors import HygieneError
from connectors.csv_list.columns import place_named
from connectors.csv_list.file import ignore, opened_rows
from connectors.csv_list.parser import TOLD_BY_ITSELF, Layout, Row, readable
from worker.context import Context
from worker.store.bulk import upsert
from worker.store.tables import campaign_outcomes

COUNTS = ("sent", "delivered", "undelivered", "replies")
MOST = 1_000_000_000


class OutcomeError(HygieneError, ValueError):
    """A row cannot be accepted. The text says why."""

    exit_code = 2
    http_status = 422


def checked(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return one campaign's day as a row of the table. Raises `OutcomeError`."""
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
    by_key = {(row["campaign"], row["day"]): row for row in map(checked, rows)}
    with ctx.store.write() as connection:
        upsert(connection, campaign_outcomes, list(by_key.values()))
    return len(by_key)


def remove(ctx: Context, campaign: str) -> int:
    """Remove what was imported of a campaign; how many days. Raises `OutcomeError` for one of
    which nothing is kept."""
    c = campaign_outcomes.c
    with ctx.store.write() as connection:
        removed = connection.execute(
            sa.delete(campaign_outcomes).where(c.campaign == campaign)
        ).rowcount
    if not removed:
        raise OutcomeError(f"no outcomes of a campaign {campaign!r} are kept")
    return removed


def from_file(
    path: Path, layout: Layout = TOLD_BY_ITSELF, note: Callable[[str], None] = ignore
) -> list[dict[str, Any]]:
    """Read rows of a list with the columns campaign, day, sent, delivered, undelivered, replies.

    Raises `ListError` for a list that cannot be read, `OutcomeError` for one with a broken row.
    """
    with opened_rows(path, layout, note) as rows:
        first = next(rows, None)
        header = [readable(cell).strip().lower() for cell in first.cells] if first else []
        places = {
            name: place_named(header, name, "the first row", str(path))
            for name in ("campaign", "day", *COUNTS)
            if name in header
        }
        lacking = {"campaign", "day"} - set(places)
        if lacking:
            raise OutcomeError(f"{path} has no column {' and '.join(sorted(lacking))}")
        return [_named(row, places) for row in rows if any(row.cells) or row.problem]


def _named(row: Row, places: Mapping[str, int]) -> dict[str, Any]:
    if row.problem:
        raise OutcomeError(f"line {row.number}: {row.problem}")
    cells = [*map(readable, row.cells)]
    return {name: cells[at] for name, at in places.items() if at < len(cells)}


def totals(ctx: Context, campaigns: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the outcomes of these campaigns, over all days."""
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
