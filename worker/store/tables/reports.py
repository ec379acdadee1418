"""What was said of numbers: reports, replies, messages, calls and merged records."""

from __future__ import annotations

import sqlalchemy as sa

from worker.store.tables.columns import BigId, UtcDateTime, metadata

# Reports from outside about a number, or about one contact's use of it. Nothing is ever taken out:
# what counts is worked out from all of them (worker.feedback.consent_state).
feedback = sa.Table(
    "feedback",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("key", sa.String(255), nullable=False, unique=True),  # idempotency key
    sa.Column("kind", sa.String(20), nullable=False),
    # E.164; after an erasure "#" and a keyed hash of it (worker.store.pseudonyms).
    sa.Column("number", sa.String(40), nullable=False, index=True),
    sa.Column("channels", sa.String(20), nullable=False, default=""),
    # The contact that it was reported on, connector/object/id; "" = none is known.
    sa.Column("contact", sa.String(200), nullable=False, default=""),
    # Whom it concerns: whoever holds the number, that person, or that one record.
    sa.Column("reach", sa.String(10), nullable=False, server_default="number"),
    sa.Column("person", sa.String(40), nullable=False, server_default=""),  # keyed hash
    sa.Column("source", sa.String(40), nullable=False),
    sa.Column("evidence", sa.Text, nullable=False, default=""),
    sa.Column("grade", sa.String(10), nullable=False, server_default=""),  # of an undeliverable
    sa.Column("new_number", sa.String(40), nullable=False, server_default=""),  # of a corrected
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("received_at", UtcDateTime),
    sa.Column("applied_at", UtcDateTime),
    sa.Index("ix_feedback_kind", "kind", "number"),
    sa.Index(
        "ix_feedback_waiting",
        "id",
        sqlite_where=sa.text("applied_at IS NULL"),
        postgresql_where=sa.text("applied_at IS NULL"),
    ),
    sa.Index(
        "ix_feedback_person",
        "person",
        sqlite_where=sa.text("person <> ''"),
        postgresql_where=sa.text("person <> ''"),
    ),
    sa.Index(
        "ix_feedback_contact",
        "contact",
        sqlite_where=sa.text("contact <> ''"),
        postgresql_where=sa.text("contact <> ''"),
    ),
)

# Which imports of reports brought a report (worker.feedback.imported_reports). Batch "": somebody
# else has sent the same report as well, so that no undo of an import takes it back.
imported_reports = sa.Table(
    "imported_reports",
    metadata,
    sa.Column("report", BigId, primary_key=True, autoincrement=False),
    sa.Column("batch", sa.String(20), primary_key=True),
    sa.Index("ix_imported_reports_batch", "batch", "report"),
)

# Reports that came with an import that was undone, as they were. In `feedback` an empty row is
# left of each, so that its id means no other report.
undone_reports = sa.Table(
    "undone_reports",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=False),
    sa.Column("batch", sa.String(20), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("number", sa.String(40), nullable=False, index=True),
    sa.Column("channels", sa.String(20), nullable=False),
    sa.Column("contact", sa.String(200), nullable=False, index=True),
    sa.Column("person", sa.String(40), nullable=False),
    sa.Column("source", sa.String(40), nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),
    sa.Column("new_number", sa.String(40), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("undone_at", UtcDateTime, nullable=False),
    sa.Column("undone_by", sa.String(120), nullable=False),
    sa.Column("undone_why", sa.String(255), nullable=False),
)

# Records that live on in another one (merged, or a lead that was converted), by contact key:
# connector/object/id. `into_key` is where one lives on now, however often that was merged itself.
merged_records = sa.Table(
    "merged_records",
    metadata,
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("into_key", sa.String(200), nullable=False, index=True),
    sa.Column("state", sa.String(10), nullable=False),  # see worker.feedback.merged_records.State
    # What the index had of it: whose it was, its flags as we last saw them, its numbers (until
    # what was said of these was carried over), and when it was recorded last; null: never.
    sa.Column("person", sa.String(40), nullable=False, default=""),
    sa.Column("flags", sa.JSON, nullable=False),
    sa.Column("numbers", sa.JSON, nullable=False),
    sa.Column("recorded_at", UtcDateTime),
    sa.Column("at", UtcDateTime, nullable=False),  # when we learned of it
    sa.Index(
        "ix_merged_records_open",
        "into_key",
        sqlite_where=sa.text("state <> 'done'"),
        postgresql_where=sa.text("state <> 'done'"),
    ),
)

# When a message last reached a number: it is not unreachable by what failed before.
last_delivered = sa.Table(
    "reached",
    metadata,
    sa.Column("number", sa.String(40), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
)

# Replies that nobody but a person should read a meaning into.
reviews = sa.Table(
    "reviews",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("key", sa.String(255), nullable=False, unique=True),
    sa.Column("number", sa.String(40), nullable=False, index=True),
    sa.Column("source", sa.String(40), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("suggestion", sa.String(20), nullable=False, default=""),
    sa.Column("evidence", sa.String(255), nullable=False, default=""),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("decision", sa.String(20), nullable=False, default=""),  # "" = open
    sa.Column("decided_at", UtcDateTime),
    sa.Column("decided_by", sa.String(120), nullable=False, default=""),
)

# How far something else than contacts has been read from a CRM (calls, with their outcomes).
poll_cursors = sa.Table(
    "polls",
    metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("position", UtcDateTime, nullable=False),
)

# Outcomes of calls that were seen in a CRM (worker.feedback.sources.call_outcomes).
call_outcomes = sa.Table(
    "call_outcomes",
    metadata,
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("outcome", sa.String(255), primary_key=True),  # its id in the CRM, or its name
    sa.Column("name", sa.String(255), nullable=False),  # "": the CRM did not tell it
    sa.Column("calls", sa.Integer, nullable=False),  # seen so far
    # When the first and the last of these calls were changed: its calls are read from the first on
    # again once the outcome has a meaning.
    sa.Column("first_at", UtcDateTime, nullable=False),
    sa.Column("last_at", UtcDateTime, nullable=False),
    # The meaning with which its calls were read up to now; "": with none.
    sa.Column("counted_as", sa.String(20), nullable=False),
)
