"""All tables. The database is the truth; whatever Redis forgets is enqueued again from here.

A `key` is the name that Python uses for a column whose name in the database is an older word. Names
in the database stay, so that the versions before and after can work beside each other. Attributes
of rows, keys of inserted rows and `sa.Index` take the key; `row._mapping` and raw SQL the name.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from worker.store.text_marks import flag_mark, index_condition, status_mark

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)


class UtcDateTime(sa.TypeDecorator[datetime]):
    """A time in UTC with its time zone, also on SQLite, which knows no time zones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return _in_utc(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """Return a converter that is five times as fast on SQLite, which stores times as text."""
        return _as_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _in_utc(value: datetime | None) -> datetime | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("a time without a time zone would be stored wrongly")
    return value.astimezone(UTC)


def _as_text(value: datetime | None) -> str | None:
    moment = value if value is None or value.tzinfo is UTC else _in_utc(value)
    return None if moment is None else moment.isoformat(" ", "microseconds")[:26]


# Suppressions whose channels are not what the log of events says of them.
UNANNOUNCED = "announced <> (CASE WHEN lifted_at IS NULL THEN channels ELSE '' END)"
# The types of worker.events.model.FEED_TYPES.
IN_FEED = "type IN ('number.suppressed', 'number.wrong', 'number.lifted')"

RecordId = sa.String(80).with_variant(sa.String(80, collation="C"), "postgresql")
BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")

_UNSENT = "state IN ('waiting', 'sending')"
CONSENTS_NOT_WRITTEN = "state <> 'written'"
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

writes = sa.Table(
    "writes",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.String(40), nullable=False),
    sa.Column("page_id", BigId),
    sa.Column("connector", sa.String(40), nullable=False),
    sa.Column("object", sa.String(80), nullable=False),
    sa.Column("record_id", sa.String(80), nullable=False),
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

# What happened to numbers, in the order in which it was committed (worker.events.log).
events = sa.Table(
    "events",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("uid", sa.String(40), nullable=False),  # its name to the outside
    sa.Column("type", sa.String(30), nullable=False),  # see worker.events.model.EventType
    sa.Column("number", sa.String(40), nullable=False),
    sa.Column("contact", sa.String(200), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),  # counts the events of a number
    sa.Column("channels", sa.String(20), nullable=False),
    sa.Column("reason", sa.String(40), nullable=False),
    sa.Column("evidence", sa.String(120), nullable=False),  # key of a suppression or report
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    # The number is to be erased as soon as no endpoint needs it any more.
    sa.Column("erase", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ix_events_number", "number", "id"),
    sa.Index(
        "ix_events_feed", "id", sqlite_where=sa.text(IN_FEED), postgresql_where=sa.text(IN_FEED)
    ),
    sqlite_autoincrement=True,  # an id is a place in the feed: never given twice
)

# How many events each number, or contact without one, has had. Outlives the events themselves.
number_sequences = sa.Table(
    "number_sequences",
    metadata,
    sa.Column("subject", sa.String(200), primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),
)

# Systems that events are sent to (worker.events.endpoints).
endpoints = sa.Table(
    "endpoints",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(40), nullable=False, unique=True),
    sa.Column("kind", sa.String(32), nullable=False),  # "webhook", or the name of a system
    sa.Column("url", sa.String(500), nullable=False),  # of a webhook
    sa.Column("types", sa.JSON, nullable=False),  # [types of events]; [] = all
    sa.Column("state", sa.String(10), nullable=False),  # active, paused, off
    sa.Column("managed_by", sa.String(10), nullable=False),  # "settings", or "" for people
    # Encrypted: the signing secret, the one before it until a time, and the key of hashed numbers
    # ("": numbers are sent as they are).
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("former_secret", sa.Text, nullable=False),
    sa.Column("former_until", UtcDateTime),
    sa.Column("number_key", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(120), nullable=False),
    # How it is doing: attempts that failed in a row, since when, and when to try again.
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("failing_since", UtcDateTime),
    sa.Column("retry_at", UtcDateTime),
    sa.Column("error", sa.String(255), nullable=False),
    sa.Column("delivered_at", UtcDateTime),
    sa.Column("owner", sa.String(120)),
    sa.Column("lease_expires_at", UtcDateTime),
    sqlite_autoincrement=True,
)

# Each event for each endpoint that subscribes to it, until it is confirmed, and what was answered.
event_deliveries = sa.Table(
    "event_deliveries",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("endpoint_id", BigId, nullable=False),
    sa.Column("event_id", BigId, nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),  # number or contact: delivered in order
    sa.Column("state", sa.String(10), nullable=False),  # pending, delivered, parked
    sa.Column("since", UtcDateTime, nullable=False),  # when it was enqueued, or retried by hand
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("retry_at", UtcDateTime, nullable=False),
    sa.Column("status", sa.Integer),  # of the last answer
    sa.Column("error", sa.String(255), nullable=False),
    sa.Column("note", sa.String(255), nullable=False),  # what a person should know of it
    sa.Column("at", UtcDateTime),  # of the last attempt
    sa.UniqueConstraint("endpoint_id", "event_id"),
    sa.Index("ix_event_deliveries_event", "event_id"),
    sa.Index(
        "ix_event_deliveries_open",
        "endpoint_id",
        "event_id",
        sqlite_where=sa.text("state <> 'delivered'"),
        postgresql_where=sa.text("state <> 'delivered'"),
    ),
    sa.Index(
        "ix_event_deliveries_subject",
        "endpoint_id",
        "subject",
        "event_id",
        sqlite_where=sa.text("state <> 'delivered'"),
        postgresql_where=sa.text("state <> 'delivered'"),
    ),
)

# Registries: suppression lists with an authority, such as the US National Do Not Call Registry.
# They match at a sync and at a scrub; their numbers have no rows in `suppressions`.
registries = sa.Table(
    "registries",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(80), nullable=False, unique=True),
    sa.Column("authority", sa.String(120), nullable=False),
    sa.Column("channels", sa.String(20), nullable=False),
    # The import that is in force; 0: none yet. See worker.registries.numbers.
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("numbers", sa.BigInteger, nullable=False),  # that it holds
    sa.Column("as_of", UtcDateTime),  # for when the authority's file holds: its age counts from it
)

# The imports of registries: one row for the list as a whole, none for its numbers.
registry_imports = sa.Table(
    "registry_imports",
    metadata,
    sa.Column("registry", sa.Integer, sa.ForeignKey("registries.id"), primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True),  # counts up from 1
    sa.Column("kind", sa.String(10), nullable=False),  # whole, changes
    # loading, refused, failed; in_force: contacts are still to be told; done
    sa.Column("state", sa.String(10), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("as_of", UtcDateTime, nullable=False),
    sa.Column("by", sa.String(120), nullable=False),
    sa.Column("owner", sa.String(120), nullable=False),  # who loads it (worker.leases)
    sa.Column("files", sa.Text, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),  # of the files' bytes, in their order
    sa.Column("refused", sa.BigInteger, nullable=False),  # lines that could not be read
    sa.Column("added", sa.BigInteger, nullable=False),
    sa.Column("removed", sa.BigInteger, nullable=False),
    sa.Column("numbers", sa.BigInteger, nullable=False),  # of the list, with this import
    # The number of our index up to which contacts were told.
    sa.Column("told", sa.String(20), nullable=False),
    sa.Column("error", sa.String(255), nullable=False),
)

# The numbers of all registries: E.164 without its plus. One holds from import `since` on, and up to
# import `until`, which took it off. Ten million rows: no column more, and none wider.
registry_numbers = sa.Table(
    "registry_numbers",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("registry", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("until", sa.Integer),
    sa.Index(
        "ix_registry_numbers_until",
        "registry",
        sqlite_where=sa.text("until IS NOT NULL"),
        postgresql_where=sa.text("until IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

# Certificates of scrubs: who asked about which list, when, and what was answered. No number is
# kept, nor anything from which one could be found without our key (worker.scrub.certificates).
scrubs = sa.Table(
    "scrubs",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False, index=True),
    sa.Column("ended_at", UtcDateTime, nullable=False),
    sa.Column("who", sa.String(120), nullable=False),
    sa.Column("channel", sa.String(10), nullable=False),  # "": each number had its own
    sa.Column("numbers", sa.BigInteger, nullable=False),
    sa.Column("list_hash", sa.String(64), nullable=False),  # keyed
    sa.Column("counts", sa.JSON, nullable=False),  # {allow, deny, reasons: {reason: count}}
    sa.Column("rules", sa.JSON, nullable=False),
    sa.Column("registries", sa.JSON, nullable=False),
    sa.Column("signature", sa.String(64), nullable=False),
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

# The list of suppressions on its way to a system that was added later (worker.events.backfill).
endpoint_backfills = sa.Table(
    "endpoint_backfills",
    metadata,
    sa.Column("endpoint_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("after_id", BigId, nullable=False),  # of the last suppression that was enqueued
    sa.Column("upto_id", BigId, nullable=False),  # what came after it, live events tell
    sa.Column("total", BigId, nullable=False),
    sa.Column("queued", BigId, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("started_by", sa.String(120), nullable=False),
    sa.Column("finished_at", UtcDateTime),  # when all was enqueued
)

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

# What belongs to this installation as a whole, such as prints of the keys it was used with.
app_state = sa.Table(
    "installation",
    metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
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

# -- segments ------------------------------------------------------------------------------

# How the contacts of each segment stand, counted anew every so often (worker.segments.counters).
segment_counts = sa.Table(
    "segment_counts",
    metadata,
    sa.Column("by", sa.String(10), primary_key=True),  # source, campaign, list, country, month
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("value", sa.String(255), primary_key=True),
    sa.Column("contacts", sa.Integer, nullable=False),
    sa.Column("numbers", sa.Integer, nullable=False),  # phone fields that hold something
    sa.Column("bad", sa.Integer, nullable=False),
    sa.Column("statuses", sa.JSON, nullable=False),  # {status: fields}
    sa.Column("reports", sa.JSON, nullable=False),  # {opt_out, complaint, ...: contacts}
)

# The largest segments, a row a week: how each did over time. The current week's row is renewed.
segment_history = sa.Table(
    "segment_history",
    metadata,
    sa.Column("by", sa.String(10), primary_key=True),
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("value", sa.String(255), primary_key=True),
    sa.Column("week", sa.String(10), primary_key=True),  # its Monday, an ISO date in UTC
    sa.Column("contacts", sa.Integer, nullable=False),
    sa.Column("numbers", sa.Integer, nullable=False),
    sa.Column("bad", sa.Integer, nullable=False),
    sa.Index("ix_segment_history_week", "week"),
)

# The same over all, a row a day: the trend.
daily_counts = sa.Table(
    "daily_counts",
    metadata,
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("contacts", sa.Integer, nullable=False),
    sa.Column("statuses", sa.JSON, nullable=False),
)

# Numbers that suspiciously many contacts hold: placeholders, switchboards.
shared_numbers = sa.Table(
    "shared_numbers",
    metadata,
    sa.Column("number", sa.String(20), primary_key=True),
    sa.Column("holders", sa.Integer, nullable=False, index=True),
    sa.Column("persons", sa.Integer, nullable=False),
)

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

# Members of the lists that the settings name.
list_members = sa.Table(
    "list_members",
    metadata,
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("list", sa.String(80), primary_key=True),
    sa.Column("object", sa.String(80), primary_key=True),
    sa.Column("record_id", sa.String(80), primary_key=True),
)

# What became of the messages of a campaign, by day, as it was imported.
campaign_outcomes = sa.Table(
    "campaign_outcomes",
    metadata,
    sa.Column("campaign", sa.String(255), primary_key=True),
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("sent", sa.Integer, nullable=False, default=0),
    sa.Column("delivered", sa.Integer, nullable=False, default=0),
    sa.Column("undelivered", sa.Integer, nullable=False, default=0),
    sa.Column("replies", sa.Integer, nullable=False, default=0),
)

# Segments with too many bad numbers: isolated, and audited by a deeper run.
isolations = sa.Table(
    "isolations",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    # CONNECTOR:BY=VALUE while it stands, else null: a segment is isolated once at a time.
    sa.Column("active_key", sa.String(320), unique=True),
    sa.Column("connector", sa.String(40), nullable=False),
    sa.Column("by", sa.String(10), nullable=False),
    sa.Column("value", sa.String(255), nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("isolated_by", sa.String(120), nullable=False, server_default=""),
    sa.Column("why", sa.String(255), nullable=False),
    sa.Column("before", sa.JSON, nullable=False),  # counts when it was isolated
    sa.Column("after", sa.JSON),  # counts after its audit
    sa.Column("run_id", sa.String(40)),  # its audit
    sa.Column("audited_at", UtcDateTime),
    sa.Column("released_at", UtcDateTime),
    sa.Column("released_by", sa.String(120), nullable=False, server_default=""),
    sa.Column("released_why", sa.String(255), nullable=False, server_default=""),
)

# -- asking customers ----------------------------------------------------------------------

# Ask campaigns: who is asked to confirm their number, on which legal basis, how fast, and for how
# much money at most (worker.asking).
ask_campaigns = sa.Table(
    "ask_campaigns",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(60), nullable=False, unique=True),
    sa.Column("channel", sa.String(10), nullable=False),  # text, email
    sa.Column("selection", sa.JSON, nullable=False),  # worker.asking.model.Selection
    sa.Column("basis", sa.String(255), nullable=False),  # the legal basis; "" = recorded consent
    sa.Column("state", sa.String(10), nullable=False),  # running, paused, stopped, done
    sa.Column("per_minute", sa.Integer, nullable=False),
    sa.Column("budget", sa.BigInteger, nullable=False),  # millionths of the currency
    sa.Column("spent", sa.BigInteger, nullable=False),  # ... with what is reserved
    sa.Column("next_at", UtcDateTime, nullable=False),  # when the next message may be sent
    sa.Column("troubles", sa.Integer, nullable=False),  # messages in a row that nobody took
    sa.Column("error", sa.String(255), nullable=False),
    sa.Column("left_out", sa.JSON, nullable=False),  # {reason: contacts}, when it was started
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(120), nullable=False),
)

# One row for each contact that a campaign asks: at most one message to a person, and to a number.
ask_messages = sa.Table(
    "ask_messages",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("campaign_id", BigId, nullable=False),
    sa.Column("connector", sa.String(40), nullable=False),
    sa.Column("object", sa.String(80), nullable=False),
    sa.Column("record_id", sa.String(80), nullable=False),
    # Who it is: the keyed hash of the email, or the contact's key.
    sa.Column("recipient", sa.String(200), nullable=False),
    sa.Column("number", sa.String(40), nullable=False),
    # waiting, sending, sent, uncertain (it may have been sent), refused, withheld
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("reason", sa.String(40), nullable=False),  # why it was refused or withheld
    sa.Column("not_before", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("owner", sa.String(120)),  # who is sending it
    sa.Column("claimed_at", UtcDateTime),  # from here on it counts as asked
    sa.Column("price", sa.BigInteger, nullable=False),
    sa.Column("code_hash", sa.String(64), unique=True),  # of its link
    sa.Column("vendor_id", sa.String(64), nullable=False),
    sa.Column("opened_at", UtcDateTime),
    sa.Column("answer", sa.String(10), nullable=False),  # confirmed, corrected, not_me, stopped
    sa.Column("answered_at", UtcDateTime),
    sa.UniqueConstraint("campaign_id", "recipient"),
    sa.UniqueConstraint("campaign_id", "number"),
    sa.Index("ix_ask_messages_state", "campaign_id", "state", "not_before"),
    sa.Index("ix_ask_messages_number", "number"),
    sa.Index("ix_ask_messages_recipient", "recipient"),
    sa.Index("ix_ask_messages_claimed_at", "claimed_at"),
    sa.Index("ix_ask_messages_record", "connector", "object", "record_id"),
)

# Opt-outs by text after which one question was asked, or is to be (worker.asking.clarifying): once
# for a number, ever.
opt_out_questions = sa.Table(
    "opt_out_questions",
    metadata,
    sa.Column("number", sa.String(40), primary_key=True),
    sa.Column("report_key", sa.String(255), nullable=False),  # of the opt-out
    # waiting, sending, sent, uncertain, refused, withheld, answered
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("opted_out_at", UtcDateTime, nullable=False),  # when it reached us
    sa.Column("owner", sa.String(120)),  # who is sending it
    sa.Column("claimed_at", UtcDateTime),  # from here on it counts as sent
    sa.Column("vendor_id", sa.String(64), nullable=False),
    sa.Column("answered_at", UtcDateTime),
    sa.Index("ix_opt_out_questions_state", "state", "opted_out_at"),
)

# -- who may do what -----------------------------------------------------------------------

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

# Keys that forms in a browser show to have one number verified. They are public by nature
# (worker.capture). Budgets in millionths of the currency; 0 = nothing is paid for.
capture_keys = sa.Table(
    "capture_keys",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(40), nullable=False, unique=True),
    sa.Column("key", sa.String(64), nullable=False, unique=True),
    sa.Column("former_key", sa.String(64), nullable=False, index=True),  # "" = none
    sa.Column("former_until", UtcDateTime),
    sa.Column("state", sa.String(10), nullable=False),  # active, paused
    sa.Column("origins", sa.JSON, nullable=False),
    sa.Column("per_minute", sa.Integer, nullable=False),
    sa.Column("per_address", sa.Integer, nullable=False),  # of a visitor, a minute
    sa.Column("day_budget", sa.BigInteger, nullable=False),
    sa.Column("month_budget", sa.BigInteger, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(120), nullable=False),
    sqlite_autoincrement=True,  # what a key has spent is known by its id: none is given again
)

# Answers that came later than their form was answered, for whoever asks again; without the number.
capture_answers = sa.Table(
    "capture_answers",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),  # hash of what the form was given
    sa.Column("answer", sa.JSON, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
)

# How many numbers a key, or a token of the API (0), had verified, and what came of it, by day.
capture_counts = sa.Table(
    "capture_counts",
    metadata,
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("key_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("outcome", sa.String(20), primary_key=True),
    sa.Column("answers", sa.Integer, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),  # the last one
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
