"""Contacts that share a number."""

from __future__ import annotations

import sqlalchemy as sa

from worker.store.tables.columns import UtcDateTime, metadata

# Contacts that share a number, counted anew every so often (worker.duplicates.grouping): why they
# do, by which rule, on what evidence. Evidence is sentences of ours, without names or emails.
duplicate_groups = sa.Table(
    "duplicate_groups",
    metadata,
    sa.Column("number", sa.String(20), primary_key=True),
    sa.Column("kind", sa.String(12), nullable=False),  # worker.duplicates.rules.Kind
    sa.Column("rule", sa.String(20), nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),  # [[rule, kind, sentence], ...]
    sa.Column("contacts", sa.Integer, nullable=False),
    sa.Column("people", sa.Integer, nullable=False),  # different emails
    sa.Column("connectors", sa.String(255), nullable=False),  # names, joined by spaces
    sa.Column("line", sa.String(12), nullable=False),  # type of the line
    # Of all that it was made from: who holds the number, and what our index says of them.
    sa.Column("digest", sa.String(32), nullable=False),
    sa.Column("counted_at", UtcDateTime, nullable=False),
    # When the names of all its contacts were read from the CRMs and compared; null: never.
    sa.Column("compared_at", UtcDateTime),
)

# The same groups in the order in which they are listed, once for each CRM that has a contact in
# them, and once for all ("").
duplicate_places = sa.Table(
    "duplicate_places",
    metadata,
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("number", sa.String(20), primary_key=True),
    sa.Column("kind", sa.String(12), nullable=False),
    sa.Column("contacts", sa.Integer, nullable=False),
    sa.Index("ix_duplicate_places_number", "number"),
    sa.Index("ix_duplicate_places_contacts", "connector", "contacts", "number"),
    sa.Index("ix_duplicate_places_kind", "connector", "kind", "contacts", "number"),
)
