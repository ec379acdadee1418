"""The index: who holds which number, and what was decided about each contact."""

from __future__ import annotations

import sqlalchemy as sa

from worker.store.tables.columns import RecordId, UtcDateTime, metadata
from worker.store.text_marks import flag_mark, index_condition, status_mark

_BAD = ("invalid", "wrong_number", "unreachable")  # as worker.decisions.model.BAD_STATUSES

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("object", sa.String(80), primary_key=True),
    # In the order in which CRMs give their ids: by character code, not as a language sorts words.
    sa.Column("record_id", RecordId, primary_key=True),
    sa.Column("fingerprint", sa.String(40), nullable=False),
    sa.Column("statuses", sa.JSON, nullable=False),  # {phone field: status}
    # {flag: value}, as we last saw or wrote them.
    sa.Column("known", sa.JSON, key="last_seen_flags", nullable=False),
    sa.Column("reason", sa.String(255)),
    # What that sentence says, free of any language (worker.decisions.reasons.tie).
    sa.Column("why", sa.Text, nullable=False, server_default=""),
    sa.Column("source", sa.String(255), nullable=False, default=""),
    sa.Column("campaign", sa.String(255), nullable=False, default=""),
    sa.Column("country", sa.String(2), nullable=False, default=""),
    sa.Column("month", sa.String(7), nullable=False, server_default=""),  # of its creation: 2026-11
    # Keyed hash of the email: tells the same person in two CRMs, and two persons with one number.
    sa.Column("person", sa.String(40), nullable=False, server_default=""),
    sa.Column("value", sa.Float),  # what the contact is worth: the most valuable first
    # What was read when it was last decided (see worker.sync.read.change_detection), and until when
    # that stands; null: it is to be looked at.
    sa.Column("glance", sa.String(32), key="content_hash", nullable=False, default=""),
    sa.Column("settled_until", UtcDateTime, key="fresh_until"),
    sa.Column("answers", sa.JSON),  # {provider: answers that it was decided from}
    # A number of it got no answer when it was last looked at.
    sa.Column("waiting", sa.Boolean, nullable=False, default=False),
    # Text and numbers of each phone field when the row was written, as hashes, and what has to wait
    # (worker.sync.reading_state); "" by a version that did not keep it.
    sa.Column("readings", sa.Text, nullable=False, server_default=""),
    sa.Column("checked_at", UtcDateTime, nullable=False),
    sa.Index("ix_contacts_source", "connector", "source", "object", "record_id"),
    sa.Index("ix_contacts_campaign", "connector", "campaign"),
    sa.Index("ix_contacts_country", "connector", "country"),
    sa.Index("ix_contacts_month", "connector", "month"),
    sa.Index("ix_contacts_connector_checked_at", "connector", "checked_at"),
    sa.Index(
        "ix_contacts_person",
        "person",
        sqlite_where=sa.text("person <> ''"),
        postgresql_where=sa.text("person <> ''"),
    ),
    sa.Index(
        "ix_contacts_waiting",
        "connector",
        "object",
        "record_id",
        sqlite_where=sa.text("waiting"),
        postgresql_where=sa.text("waiting"),
    ),
    # The contacts of the list of contacts by a status of any phone field; nearly all are valid.
    *(
        sa.Index(
            f"ix_contacts_{status}", "connector", "object", "record_id",
            **index_condition("statuses", status_mark(status)),
        )
        for status in ("do_not_contact", "wrong_number", "invalid", "unreachable", "unverified")
    ),
    sa.Index(
        "ix_contacts_bad", "connector", "object", "record_id",
        **index_condition("statuses", *map(status_mark, _BAD)),
    ),
    *(
        sa.Index(
            f"ix_contacts_flag_{flag}", "connector", "object", "record_id",
            **index_condition("known", flag_mark(flag)),
        )
        for flag in ("wrong_number", "do_not_contact", "do_not_call", "do_not_text")
    ),
)  # fmt: skip

contact_numbers = sa.Table(
    "contact_numbers",
    metadata,
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("object", sa.String(80), primary_key=True),
    sa.Column("record_id", sa.String(80), primary_key=True),
    sa.Column("field", sa.String(80), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True),
    sa.Column("number", sa.String(20), nullable=False, index=True),
    sa.Column("extension", sa.String(20), nullable=False, default=""),
)

# Numbers that a phone field was read as, though its text was what it is now: it is read differently
# since. What is said of such a number holds for the field's numbers too.
former_readings = sa.Table(
    "former_readings",
    metadata,
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("object", sa.String(80), primary_key=True),
    sa.Column("record_id", sa.String(80), primary_key=True),
    sa.Column("field", sa.String(80), primary_key=True),
    sa.Column("number", sa.String(20), primary_key=True, index=True),
    sa.Column("until", UtcDateTime, nullable=False),
)

# How many contacts are rewritten on a day because their fields are read differently now.
reading_rewrites = sa.Table(
    "reading_rewrites",
    metadata,
    sa.Column("day", sa.String(10), primary_key=True),  # ISO date, UTC
    sa.Column("contacts", sa.Integer, nullable=False),
)
