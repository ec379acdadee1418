"""What is written to a CRM: fields, tasks for owners and consent records."""

from __future__ import annotations

import sqlalchemy as sa

from worker.store.tables.columns import BigId, UtcDateTime, metadata

_UNSENT = "state IN ('waiting', 'sending')"
CONSENTS_NOT_WRITTEN = "state <> 'written'"

writes = sa.Table(
    "writes",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.String(40), nullable=False),
    sa.Column("page_id", BigId),
    sa.Column("connector", sa.String(40), nullable=False),
    sa.Column("object", sa.String(80), nullable=False),
    sa.Column("record_id", sa.String(80), nullable=False),
    # Of a write that the CRM refused as a whole: {}.
    sa.Column("before", sa.JSON, nullable=False),
    sa.Column("after", sa.JSON, nullable=False),
    # pending (about to be written), done, failed, forecast (dry run), undone
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("kind", sa.String(20)),
    sa.Column("message", sa.Text),
    sa.Column("at", UtcDateTime, nullable=False),  # when it was recorded, before it was sent
    # When we noted what became of it. A slow CRM may take long; null where the version before did.
    sa.Column("settled_at", UtcDateTime),
    sa.Index("ix_writes_run_id_state", "run_id", "state"),
    sa.Index("ix_writes_page_id", "page_id"),
    sa.Index("ix_writes_connector_object_record_id", "connector", "object", "record_id"),
)

# Tasks for the owners of records whose numbers went bad (worker.sync.owner_tasks): one row for each
# run, record and reason.
owner_tasks = sa.Table(
    "owner_tasks",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.String(40), nullable=False),
    sa.Column("connector", sa.String(40), nullable=False),
    sa.Column("object", sa.String(80), nullable=False),
    sa.Column("record_id", sa.String(80), nullable=False),
    sa.Column("reason", sa.String(20), nullable=False),  # the status that the fields got
    sa.Column("fields", sa.String(255), nullable=False),  # names, not numbers
    # waiting, sending, created, open, no_owner, refused, over_limit, deleted, kept
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("due", sa.String(10), nullable=False),  # YYYY-MM-DD
    sa.Column("task_id", sa.String(40), nullable=False),
    sa.Column("message", sa.String(255), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("lease_expires_at", UtcDateTime),
    sa.UniqueConstraint("run_id", "object", "record_id", "reason"),
    sa.Index(
        "ix_owner_tasks_unsent", "connector", "id",
        sqlite_where=sa.text(_UNSENT), postgresql_where=sa.text(_UNSENT),
    ),
)  # fmt: skip

# How the consent of a record is to stand in its CRM (worker.sync.consent_writes): one row for each
# record that was stopped once.
consent_writes = sa.Table(
    "consent_writes",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("connector", sa.String(40), nullable=False),
    sa.Column("object", sa.String(80), nullable=False),
    sa.Column("record_id", sa.String(80), nullable=False),
    sa.Column("wanted", sa.String(10), nullable=False),  # opt_out, opt_in, ended
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("report_id", BigId, nullable=False),  # of the report that it rests on
    # waiting, sending, written, no_party, refused
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("written", sa.String(10), nullable=False, server_default=""),  # as `wanted`
    sa.Column("party", sa.String(40), nullable=False, server_default=""),
    sa.Column("consent_id", sa.String(40), nullable=False, server_default=""),
    sa.Column("run_id", sa.String(40), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("retry_at", UtcDateTime, nullable=False),
    sa.Column("message", sa.String(255), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("lease_expires_at", UtcDateTime),
    sa.UniqueConstraint("connector", "object", "record_id"),
    sa.Index(
        "ix_consent_writes_open", "connector", "id",
        sqlite_where=sa.text(CONSENTS_NOT_WRITTEN), postgresql_where=sa.text(CONSENTS_NOT_WRITTEN),
    ),
    sa.Index("ix_consent_writes_consent", "consent_id"),
)  # fmt: skip
