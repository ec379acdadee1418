"""Runs: their pages, how far each CRM is read, and what has to be tried again."""

from __future__ import annotations

import sqlalchemy as sa

from worker.store.tables.columns import BigId, RecordId, UtcDateTime, metadata

_UNDER_WAY = "state IN ('running', 'paused')"

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("connector", sa.String(40), nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),  # sync, rescan, undo
    sa.Column("scope", sa.JSON, nullable=False),
    # running, paused, done, failed, cancelled
    sa.Column("state", sa.String(10), nullable=False),
    # The connector's name while the run is under way, else null: one run a connector at a time.
    sa.Column("active_key", sa.String(40), unique=True),
    sa.Column("dry_run", sa.Boolean, nullable=False),
    sa.Column("force", sa.Boolean, nullable=False),
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    # By the CRM's clock: where the reader began, and the last write.
    sa.Column("began_at", UtcDateTime),
    sa.Column("last_write_at", UtcDateTime),
    # [{object, since, cursor, done}]: how far the reader has come.
    sa.Column("reading", sa.JSON, nullable=False),
    sa.Column("read_all", sa.Boolean, nullable=False, default=False),
    sa.Column("reader_calls", sa.JSON, nullable=False),
    sa.Column("reader_owner", sa.String(120)),
    sa.Column("reader_until", UtcDateTime, key="reader_lease_expires_at"),
    sa.Column("skip", sa.JSON, key="own_writes", nullable=False),
    sa.Column("notes", sa.JSON, nullable=False),
    sa.Column("error", sa.Text),
    # Who asked for it and why; "" for the schedule.
    sa.Column("opened_by", sa.String(120), nullable=False, server_default=""),
    sa.Column("purpose", sa.String(255), nullable=False, server_default=""),
    sa.Index("ix_runs_connector_opened_at", "connector", "opened_at"),
    sa.Index("ix_runs_opened_at", "opened_at"),
    sa.Index(
        "ix_runs_under_way", "connector", "opened_at",
        sqlite_where=sa.text(_UNDER_WAY), postgresql_where=sa.text(_UNDER_WAY),
    ),
    sa.Index(
        "ix_runs_dry_run", "opened_at",
        sqlite_where=sa.text("dry_run = 1"), postgresql_where=sa.text("dry_run"),
    ),
)  # fmt: skip
# That a run is under way, as its index spells it: a query with parameters would not find that.
RUNS_UNDER_WAY = sa.text(f"runs.{_UNDER_WAY}")

_PARKED = "state = 'parked'"

pages = sa.Table(
    "pages",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.String(40), sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("object", sa.String(80), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),  # stored, done, parked
    sa.Column("stored_at", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("owner", sa.String(120)),
    sa.Column("until", UtcDateTime, key="lease_expires_at"),
    # JSON {ids, contacts}; contacts may be null (read when processed). Gone when the page is done.
    sa.Column("payload", sa.LargeBinary),
    sa.Column("size", sa.Integer, nullable=False, default=0),
    sa.Column("read", sa.Integer, nullable=False, default=0),
    sa.Column("changed", sa.Integer, nullable=False, default=0),
    sa.Column("written", sa.Integer, nullable=False, default=0),
    sa.Column("failed", sa.Integer, nullable=False, default=0),
    sa.Column("gone", sa.Integer, nullable=False, default=0),
    # Neither returned by the CRM nor reported as deleted: hidden from our user, perhaps.
    sa.Column("not_visible", sa.Integer, nullable=False, server_default="0"),
    sa.Column("counts", sa.JSON),  # {fields, lookups, api, sources}
    sa.Column("wrote_at", UtcDateTime),  # the CRM's clock after our last write
    sa.Column("error", sa.Text),
    sa.UniqueConstraint("run_id", "seq"),
    sa.Index("ix_pages_run_id_state", "run_id", "state"),
    sa.Index(
        "ix_pages_failed",
        "run_id",
        sqlite_where=sa.text("failed > 0"),
        postgresql_where=sa.text("failed > 0"),
    ),
    sa.Index(
        "ix_pages_parked",
        "stored_at",
        sqlite_where=sa.text(_PARKED),
        postgresql_where=sa.text(_PARKED),
    ),
)
PAGES_PARKED = sa.text(f"pages.{_PARKED}")  # as their index spells it

# Records of the index that a full read did not bring, until its run has decided about them
# (worker.sync.read.removals).
absent_records = sa.Table(
    "absent_records",
    metadata,
    sa.Column("run_id", sa.String(40), primary_key=True),
    sa.Column("object", sa.String(80), primary_key=True),
    sa.Column("record_id", RecordId, primary_key=True),
    # The CRM was asked for it by its id: it returned nothing, and did not report it as deleted.
    sa.Column("checked", sa.Boolean, nullable=False),
)

# Removals that a full read did not carry out because they were too many: they wait for a person.
removal_holds = sa.Table(
    "removal_holds",
    metadata,
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("object", sa.String(80), primary_key=True),
    sa.Column("run_id", sa.String(40), nullable=False),  # the latest full read that held them
    sa.Column("records", sa.Integer, nullable=False),  # how many it would have removed
    sa.Column("indexed", sa.Integer, nullable=False),  # ... of how many in the index
    sa.Column("max_removals", sa.Integer, nullable=False),  # ... and how many it might have
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("examples", sa.JSON, nullable=False),  # ids of a few of them
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)

# Records that could not be processed or written, until they are: tried again by the next runs.
failures = sa.Table(
    "failures",
    metadata,
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("object", sa.String(80), primary_key=True),
    sa.Column("record_id", sa.String(80), primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("retry", sa.Boolean, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("run_id", sa.String(40), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)

watermarks = sa.Table(
    "watermarks",
    metadata,
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("object", sa.String(80), primary_key=True),
    sa.Column("position", UtcDateTime, nullable=False),
    sa.Column("run_id", sa.String(40), nullable=False),
    sa.Column("full_at", UtcDateTime),
)

# What each CRM said of its fields, so that not every run has to ask again.
schemas = sa.Table(
    "schemas",
    metadata,
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("fields", sa.JSON, nullable=False),
)
