"""Standing suppressions, and what has still to reach the CRMs."""

from __future__ import annotations

import sqlalchemy as sa

from worker.store.tables.columns import BigId, UtcDateTime, metadata

# Suppressions whose channels are not what the log of events says of them.
UNANNOUNCED = "announced <> (CASE WHEN lifted_at IS NULL THEN channels ELSE '' END)"

# Standing rules that a number is not to be contacted: worked out from reports, or from a list that
# was imported. A row is never deleted; it is lifted.
suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column(
        "key", sa.String(120), nullable=False, unique=True
    ),  # feedback:ID or list:NAME:NUMBER
    sa.Column("number", sa.String(40), nullable=False, index=True),
    sa.Column("contact", sa.String(200), nullable=False, default=""),
    sa.Column("person", sa.String(40), nullable=False, default=""),
    sa.Column("channels", sa.String(20), nullable=False),
    # opt_out, wrong_number, complaint, erasure, list
    sa.Column("reason", sa.String(20), nullable=False),
    sa.Column("source", sa.String(80), nullable=False),
    sa.Column("evidence", sa.Text, nullable=False, default=""),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("lifted_at", UtcDateTime),
    sa.Column("lifted_by", sa.String(120), nullable=False, default=""),
    sa.Column("lifted_why", sa.String(255), nullable=False, default=""),
    # The channels that the log of events says it closes: where it closes others now, an event is
    # still to be appended (worker.events.suppression_changes).
    sa.Column("announced", sa.String(20), nullable=False, server_default=""),
    sa.Index(
        "ix_suppressions_unannounced",
        "id",
        sqlite_where=sa.text(UNANNOUNCED),
        postgresql_where=sa.text(UNANNOUNCED),
    ),
)

# What has still to reach a CRM, and what it has confirmed: one row a cause and connector.
deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("cause", sa.String(120), nullable=False),  # as the key of suppressions
    sa.Column("connector", sa.String(40), nullable=False),
    sa.Column("number", sa.String(40), nullable=False, index=True),
    sa.Column("state", sa.String(10), nullable=False),  # pending, done
    sa.Column("since", UtcDateTime, nullable=False),  # when the report reached us
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("again_at", UtcDateTime, key="retry_at", nullable=False),
    sa.Column("error", sa.String(500), nullable=False, default=""),
    sa.Column("run_id", sa.String(40)),  # the run that writes it, or wrote it
    sa.Column("holders", sa.Integer, nullable=False, default=0),  # records that held the number
    sa.Column("confirmed_at", UtcDateTime),
    sa.UniqueConstraint("cause", "connector"),
    sa.Index("ix_deliveries_connector_state", "connector", "state", "retry_at"),
)
