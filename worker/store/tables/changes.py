"""What a CRM told us of changes, and what its users asked for."""

from __future__ import annotations

import sqlalchemy as sa

from worker.store.tables.columns import UtcDateTime, metadata

# Records that somebody changed, as the CRM told us at once: to be looked at soon.
changed_records = sa.Table(
    "touched",
    metadata,
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("object", sa.String(80), primary_key=True),
    sa.Column("record_id", sa.String(80), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("again_at", UtcDateTime, key="retry_at", nullable=False),
    sa.Column("run_id", sa.String(40)),
)

# How far we have followed a CRM's change events (worker.sync.stream), by channel.
change_streams = sa.Table(
    "change_streams",
    metadata,
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("channel", sa.String(120), primary_key=True),
    # Opaque. Each event up to it is stored, or a pull is wanted. Null: at the tip of the stream.
    sa.Column("replay_id", sa.LargeBinary),
    sa.Column("heard_at", UtcDateTime),  # the last word, an empty one too
    sa.Column("event_at", UtcDateTime),  # when the last event was committed in the CRM
    sa.Column("lag", sa.BigInteger),  # milliseconds from then until we had stored it
    sa.Column("counts", sa.JSON, nullable=False),  # {kind: events}
    sa.Column("problem", sa.String(500), nullable=False, server_default=""),  # why it is down
)

# Who follows a connector's change events, and whether changes are to be pulled.
stream_subscribers = sa.Table(
    "stream_subscribers",
    metadata,
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("expected_at", UtcDateTime, nullable=False),  # since when they should be followed
    sa.Column("owner", sa.String(120)),
    sa.Column("lease_expires_at", UtcDateTime),
    sa.Column("pull_at", UtcDateTime),  # a sync that is opened later than that is wanted
    sa.Column("pull_reason", sa.String(200), nullable=False, server_default=""),
)

# Re-checks that somebody asked for from inside a CRM: each counts once, by its key, and its numbers
# are verified anew.
rechecks = sa.Table(
    "rechecks",
    metadata,
    sa.Column("key", sa.String(160), primary_key=True),  # idempotency key
    sa.Column("connector", sa.String(40), nullable=False),
    sa.Column("object", sa.String(80), nullable=False),
    sa.Column("record_id", sa.String(80), nullable=False),
    sa.Column("field", sa.String(80), nullable=False),  # a phone field; "" = all of them
    sa.Column("asked_by", sa.String(120), nullable=False),
    sa.Column("callback", sa.String(255), nullable=False),  # by which the CRM is told; "" = not
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("again_at", UtcDateTime, key="retry_at", nullable=False),
    sa.Column("run_id", sa.String(40)),
    sa.Column("done_at", UtcDateTime),  # a run has verified it
    sa.Column("answered_at", UtcDateTime),  # the CRM was told, or need not be
    sa.Index("ix_rechecks_open", "connector", "answered_at", "retry_at"),
    sa.Index("ix_rechecks_record", "connector", "object", "record_id"),
)
