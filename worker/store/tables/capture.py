"""Numbers that are verified while a form is filled in."""

from __future__ import annotations

import sqlalchemy as sa

from worker.store.tables.columns import BigId, UtcDateTime, metadata

# Keys that forms in a browser show to have one number verified. They are public by nature
# (worker.capture). Budgets in millionths of the currency; 0 = nothing is paid for.
capture_keys = sa.Table(
    "capture_keys",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(40), nullable=False, unique=True),
    sa.Column("key", sa.String(64), nullable=False, unique=True),
    sa.Column("former_key", sa.String(64), nullable=False, index=True),  # "" = none
    sa.Column("former_until", UtcDateTime),
    sa.Column("state", sa.String(10), nullable=False),  # active, paused
    sa.Column("origins", sa.JSON, nullable=False),
    sa.Column("per_minute", sa.Integer, nullable=False),
    sa.Column("per_address", sa.Integer, nullable=False),  # of a visitor, a minute
    sa.Column("day_budget", sa.BigInteger, nullable=False),
    sa.Column("month_budget", sa.BigInteger, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(120), nullable=False),
    sqlite_autoincrement=True,  # what a key has spent is known by its id: none is given again
)

# Answers that came later than their form was answered, for whoever asks again; without the number.
capture_answers = sa.Table(
    "capture_answers",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),  # hash of what the form was given
    sa.Column("answer", sa.JSON, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
)

# How many numbers a key, or a token of the API (0), had verified, and what came of it, by day.
capture_counts = sa.Table(
    "capture_counts",
    metadata,
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("key_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("outcome", sa.String(20), primary_key=True),
    sa.Column("answers", sa.Integer, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),  # the last one
)
