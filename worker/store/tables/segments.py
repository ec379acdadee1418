"""Counts of segments, their members and their isolation."""

from __future__ import annotations

import sqlalchemy as sa

from worker.store.tables.columns import BigId, UtcDateTime, metadata

# How the contacts of each segment stand, counted anew every so often (worker.segments.counters).
segment_counts = sa.Table(
    "segment_counts",
    metadata,
    sa.Column("by", sa.String(10), primary_key=True),  # source, campaign, list, country, month
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("value", sa.String(255), primary_key=True),
    sa.Column("contacts", sa.Integer, nullable=False),
    sa.Column("numbers", sa.Integer, nullable=False),  # phone fields that hold something
    sa.Column("bad", sa.Integer, nullable=False),
    sa.Column("statuses", sa.JSON, nullable=False),  # {status: fields}
    sa.Column("reports", sa.JSON, nullable=False),  # {opt_out, complaint, ...: contacts}
)

# The largest segments, a row a week: how each did over time. The current week's row is renewed.
segment_history = sa.Table(
    "segment_history",
    metadata,
    sa.Column("by", sa.String(10), primary_key=True),
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("value", sa.String(255), primary_key=True),
    sa.Column("week", sa.String(10), primary_key=True),  # its Monday, an ISO date in UTC
    sa.Column("contacts", sa.Integer, nullable=False),
    sa.Column("numbers", sa.Integer, nullable=False),
    sa.Column("bad", sa.Integer, nullable=False),
    sa.Index("ix_segment_history_week", "week"),
)

# The same over all, a row a day: the trend.
daily_counts = sa.Table(
    "daily_counts",
    metadata,
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("contacts", sa.Integer, nullable=False),
    sa.Column("statuses", sa.JSON, nullable=False),
    # How often a phone field went bad on the day; null where it was not counted.
    sa.Column("went_bad", sa.Integer),
)

# Numbers that suspiciously many contacts hold: placeholders, switchboards.
shared_numbers = sa.Table(
    "shared_numbers",
    metadata,
    sa.Column("number", sa.String(20), primary_key=True),
    sa.Column("holders", sa.Integer, nullable=False, index=True),
    sa.Column("persons", sa.Integer, nullable=False),
)

# Members of the lists that the settings name.
list_members = sa.Table(
    "list_members",
    metadata,
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("list", sa.String(80), primary_key=True),
    sa.Column("object", sa.String(80), primary_key=True),
    sa.Column("record_id", sa.String(80), primary_key=True),
)

# What became of the messages of a campaign, by day, as it was imported.
campaign_outcomes = sa.Table(
    "campaign_outcomes",
    metadata,
    sa.Column("campaign", sa.String(255), primary_key=True),
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("sent", sa.Integer, nullable=False, default=0),
    sa.Column("delivered", sa.Integer, nullable=False, default=0),
    sa.Column("undelivered", sa.Integer, nullable=False, default=0),
    sa.Column("replies", sa.Integer, nullable=False, default=0),
)

# Segments with too many bad numbers: isolated, and audited by a deeper run.
isolations = sa.Table(
    "isolations",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    # CONNECTOR:BY=VALUE while it stands, else null: a segment is isolated once at a time.
    sa.Column("active_key", sa.String(320), unique=True),
    sa.Column("connector", sa.String(40), nullable=False),
    sa.Column("by", sa.String(10), nullable=False),
    sa.Column("value", sa.String(255), nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("isolated_by", sa.String(120), nullable=False, server_default=""),
    sa.Column("why", sa.String(255), nullable=False),
    sa.Column("before", sa.JSON, nullable=False),  # counts when it was isolated
    sa.Column("after", sa.JSON),  # counts after its audit
    sa.Column("run_id", sa.String(40)),  # its audit
    sa.Column("audited_at", UtcDateTime),
    sa.Column("released_at", UtcDateTime),
    sa.Column("released_by", sa.String(120), nullable=False, server_default=""),
    sa.Column("released_why", sa.String(255), nullable=False, server_default=""),
)
