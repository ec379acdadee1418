"""What belongs to this installation as a whole."""

from __future__ import annotations

import sqlalchemy as sa

from worker.store.tables.columns import UtcDateTime, metadata

# What belongs to this installation as a whole, such as prints of the keys it was used with.
app_state = sa.Table(
    "installation",
    metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

# What an operator was or is to be told, once each.
alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("path", sa.String(200), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("sent", sa.String(40), nullable=False, server_default=""),  # channels that had it
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("again_at", UtcDateTime, key="retry_at"),  # null: nothing is left to send
    sa.Column("error", sa.String(255), nullable=False, server_default=""),
    sa.Column("over_at", UtcDateTime, key="resolved_at"),
)
