"""What happened to numbers, and its delivery to other systems."""

from __future__ import annotations

import sqlalchemy as sa

from worker.store.tables.columns import BigId, UtcDateTime, metadata

# The types of worker.events.model.FEED_TYPES.
IN_FEED = "type IN ('number.suppressed', 'number.wrong', 'number.lifted')"

# What happened to numbers, in the order in which it was committed (worker.events.log).
events = sa.Table(
    "events",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("uid", sa.String(40), nullable=False),  # its name to the outside
    sa.Column("type", sa.String(30), nullable=False),  # see worker.events.model.EventType
    sa.Column("number", sa.String(40), nullable=False),
    sa.Column("contact", sa.String(200), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),  # counts the events of a number
    sa.Column("channels", sa.String(20), nullable=False),
    sa.Column("reason", sa.String(40), nullable=False),
    sa.Column("evidence", sa.String(120), nullable=False),  # key of a suppression or report
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    # The number is to be erased as soon as no endpoint needs it any more.
    sa.Column("erase", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ix_events_number", "number", "id"),
    sa.Index(
        "ix_events_feed", "id", sqlite_where=sa.text(IN_FEED), postgresql_where=sa.text(IN_FEED)
    ),
    sqlite_autoincrement=True,  # an id is a place in the feed: never given twice
)

# How many events each number, or contact without one, has had. Outlives the events themselves.
number_sequences = sa.Table(
    "number_sequences",
    metadata,
    sa.Column("subject", sa.String(200), primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),
)

# Systems that events are sent to (worker.events.endpoints).
endpoints = sa.Table(
    "endpoints",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(40), nullable=False, unique=True),
    sa.Column("kind", sa.String(32), nullable=False),  # "webhook", or the name of a system
    sa.Column("url", sa.String(500), nullable=False),  # of a webhook
    sa.Column("types", sa.JSON, nullable=False),  # [types of events]; [] = all
    sa.Column("state", sa.String(10), nullable=False),  # active, paused, off
    sa.Column("managed_by", sa.String(10), nullable=False),  # "settings", or "" for people
    # Encrypted: the signing secret, the one before it until a time, and the key of hashed numbers
    # ("": numbers are sent as they are).
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("former_secret", sa.Text, nullable=False),
    sa.Column("former_until", UtcDateTime),
    sa.Column("number_key", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(120), nullable=False),
    # How it is doing: attempts that failed in a row, since when, and when to try again.
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("failing_since", UtcDateTime),
    sa.Column("retry_at", UtcDateTime),
    sa.Column("error", sa.String(255), nullable=False),
    sa.Column("delivered_at", UtcDateTime),
    sa.Column("owner", sa.String(120)),
    sa.Column("lease_expires_at", UtcDateTime),
    sqlite_autoincrement=True,
)

# Each event for each endpoint that subscribes to it, until it is confirmed, and what was answered.
event_deliveries = sa.Table(
    "event_deliveries",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("endpoint_id", BigId, nullable=False),
    sa.Column("event_id", BigId, nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),  # number or contact: delivered in order
    sa.Column("state", sa.String(10), nullable=False),  # pending, delivered, parked
    sa.Column("since", UtcDateTime, nullable=False),  # when it was enqueued, or retried by hand
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("retry_at", UtcDateTime, nullable=False),
    sa.Column("status", sa.Integer),  # of the last answer
    sa.Column("error", sa.String(255), nullable=False),
    sa.Column("note", sa.String(255), nullable=False),  # what a person should know of it
    sa.Column("at", UtcDateTime),  # of the last attempt
    sa.UniqueConstraint("endpoint_id", "event_id"),
    sa.Index("ix_event_deliveries_event", "event_id"),
    sa.Index(
        "ix_event_deliveries_open",
        "endpoint_id",
        "event_id",
        sqlite_where=sa.text("state <> 'delivered'"),
        postgresql_where=sa.text("state <> 'delivered'"),
    ),
    sa.Index(
        "ix_event_deliveries_subject",
        "endpoint_id",
        "subject",
        "event_id",
        sqlite_where=sa.text("state <> 'delivered'"),
        postgresql_where=sa.text("state <> 'delivered'"),
    ),
)

# The list of suppressions on its way to a system that was added later (worker.events.backfill).
endpoint_backfills = sa.Table(
    "endpoint_backfills",
    metadata,
    sa.Column("endpoint_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("after_id", BigId, nullable=False),  # of the last suppression that was enqueued
    sa.Column("upto_id", BigId, nullable=False),  # what came after it, live events tell
    sa.Column("total", BigId, nullable=False),
    sa.Column("queued", BigId, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("started_by", sa.String(120), nullable=False),
    sa.Column("finished_at", UtcDateTime),  # when all was enqueued
)
