"""Who may do what, and what they did."""

from __future__ import annotations

import sqlalchemy as sa

from worker.store.tables.columns import BigId, UtcDateTime, metadata

users = sa.Table(
    "users",
    metadata,
    sa.Column("name", sa.String(120), primary_key=True),
    sa.Column("password", sa.String(255), nullable=False),  # argon2
    sa.Column("role", sa.String(10), nullable=False),  # viewer, admin
    sa.Column("created_at", UtcDateTime, nullable=False),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),  # hash of what the cookie holds
    sa.Column("user", sa.String(120), nullable=False, index=True),
    sa.Column("role", sa.String(10), nullable=False),
    sa.Column("until", UtcDateTime, key="expires_at", nullable=False),
)

# Wrong passwords in a row, by name and by address.
throttles = sa.Table(
    "throttles",
    metadata,
    sa.Column("key", sa.String(160), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("until", UtcDateTime, key="expires_at", nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)

api_tokens = sa.Table(
    "api_tokens",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("scopes", sa.String(120), nullable=False),  # words of worker.access.model.SCOPES
    sa.Column("created_by", sa.String(120), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("used_at", UtcDateTime),
    sa.Column("revoked_at", UtcDateTime),
)

# What each user and token did. Numbers stand here masked: an erasure need not look here.
audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("who", sa.String(120), nullable=False),
    sa.Column("action", sa.String(40), nullable=False),
    sa.Column("target", sa.String(255), nullable=False),
    sa.Column("why", sa.String(255), nullable=False, server_default=""),
)
