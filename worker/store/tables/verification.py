"""Answers of providers, and the ledger: claims, lookups and money."""

from __future__ import annotations

import sqlalchemy as sa

from worker.store.tables.columns import BigId, UtcDateTime, metadata

# The latest answer to each question: number, provider, package, and the date asked about.
verifications = sa.Table(
    "verifications",
    metadata,
    sa.Column("number", sa.String(20), primary_key=True),
    sa.Column("provider", sa.String(40), primary_key=True),
    sa.Column("package", sa.String(60), primary_key=True),
    sa.Column("since", sa.String(10), primary_key=True, default=""),
    sa.Column("depth", sa.String(12), key="check_level", nullable=False),
    sa.Column("verdict", sa.String(12), nullable=False),
    sa.Column("line_type", sa.String(12), nullable=False),
    sa.Column("country", sa.String(3), nullable=False, default=""),
    sa.Column("carrier", sa.String(120), nullable=False, default=""),
    sa.Column("live", sa.String(12), nullable=False, default=""),
    sa.Column("reassigned", sa.Boolean),
    sa.Column("cost", sa.Numeric(12, 6), nullable=False),
    sa.Column("detail", sa.String(255), nullable=False, default=""),
    sa.Column("words", sa.Text, key="raw_answer", nullable=False, default=""),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("until", UtcDateTime, key="expires_at", nullable=False),
    # When to ask again; null when nobody wants to know any more.
    sa.Column("due_at", UtcDateTime, index=True),
)

# Every lookup that was paid for, or may have been: what it brought and what it cost.
lookups = sa.Table(
    "lookups",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("number", sa.String(20), nullable=False, index=True),
    sa.Column("provider", sa.String(40), nullable=False),
    sa.Column("package", sa.String(60), nullable=False),
    sa.Column("since", sa.String(10), nullable=False, default=""),
    sa.Column("run_id", sa.String(40), nullable=False),
    # answered; lost: the worker died or the answer did not reach us, and it may have been charged
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("verdict", sa.String(12), nullable=False, default=""),
    sa.Column("detail", sa.String(255), nullable=False, default=""),
    sa.Column("cost", sa.Numeric(12, 6), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)

# Questions that some worker is asking just now: nobody else asks them, and the money is reserved.
lookup_claims = sa.Table(
    "claims",
    metadata,
    sa.Column("number", sa.String(20), primary_key=True),
    sa.Column("provider", sa.String(40), primary_key=True),
    sa.Column("package", sa.String(60), primary_key=True),
    sa.Column("since", sa.String(10), primary_key=True, default=""),
    sa.Column("owner", sa.String(120), nullable=False, index=True),
    sa.Column("until", UtcDateTime, key="lease_expires_at", nullable=False),
    sa.Column("run_id", sa.String(40), nullable=False),
    sa.Column("day", sa.String(10), nullable=False),  # whose spend it is reserved in
    sa.Column("price", sa.BigInteger, nullable=False),  # millionths of the currency
    sa.Column("job", sa.String(200), nullable=False, default=""),  # a file handed in
)

# Money and lookups by day, provider and run: spent, and reserved by claims. Millionths.
spend = sa.Table(
    "spend",
    metadata,
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("provider", sa.String(40), primary_key=True),
    sa.Column("run_id", sa.String(40), primary_key=True),
    sa.Column("money", sa.BigInteger, nullable=False, default=0),
    sa.Column("reserved_money", sa.BigInteger, nullable=False, default=0),
    sa.Column("lookups", sa.Integer, nullable=False, default=0),
    sa.Column("reserved_lookups", sa.Integer, nullable=False, default=0),
    sa.Column("lost", sa.Integer, nullable=False, default=0),  # of the lookups
    sa.Index("ix_spend_run_id", "run_id"),
)

# Questions that got no answer (a fault, a cap): asked again from `retry_at` on.
lookup_retries = sa.Table(
    "unanswered",
    metadata,
    sa.Column("number", sa.String(20), primary_key=True),
    sa.Column("provider", sa.String(40), primary_key=True),
    sa.Column("package", sa.String(60), primary_key=True),
    sa.Column("reason", sa.String(255), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("again_at", UtcDateTime, key="retry_at", nullable=False, index=True),
)

# How each provider does: its circuit breaker, and what it said of our account.
provider_states = sa.Table(
    "provider_states",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    # closed: it is asked. open: it is left alone until `retry_at`, then one call tries.
    sa.Column("breaker", sa.String(10), nullable=False, default="closed"),
    sa.Column("kind", sa.String(10), nullable=False, default=""),  # failing, refused, no_credit
    sa.Column("reason", sa.String(255), nullable=False, default=""),
    sa.Column("failures", sa.Integer, nullable=False, default=0),  # in a row
    sa.Column("since", UtcDateTime),
    sa.Column("again_at", UtcDateTime, key="retry_at"),
    # Seconds of the current pause.
    sa.Column("rest", sa.Integer, key="cooldown", nullable=False, default=0),
    sa.Column("credits", sa.Integer),
    sa.Column("checked_at", UtcDateTime),
    sa.Column(
        "key_print", sa.String(16), key="credentials_hash", nullable=False, default=""
    ),  # tells a new key
)
