"""All tables. The database is the truth; whatever Redis forgets is enqueued again from here.

A `key` is the name that Python uses for a column whose name in the database is an older word. Names
in the database stay, so that the versions before and after can work beside each other. Attributes
of rows, keys of inserted rows and `sa.Index` take the key; `row._mapping` and raw SQL the name.

Each module holds the tables of a subject, and none is named as a table is. Import tables from here.
"""

from __future__ import annotations

from worker.store.tables.access import api_tokens, audit_log, sessions, throttles, users
from worker.store.tables.asking import ask_campaigns, ask_messages, opt_out_questions
from worker.store.tables.capture import capture_answers, capture_counts, capture_keys
from worker.store.tables.changes import (
    change_streams,
    changed_records,
    rechecks,
    stream_subscribers,
)
from worker.store.tables.columns import BigId, RecordId, UtcDateTime, metadata
from worker.store.tables.contact_index import (
    contact_numbers,
    contacts,
    former_readings,
    reading_rewrites,
)
from worker.store.tables.crm_writes import CONSENTS_NOT_WRITTEN, consent_writes, owner_tasks, writes
from worker.store.tables.duplicates import duplicate_groups, duplicate_places
from worker.store.tables.event_log import (
    IN_FEED,
    endpoint_backfills,
    endpoints,
    event_deliveries,
    events,
    number_sequences,
)
from worker.store.tables.installation import alerts, app_state
from worker.store.tables.registry_lists import (
    registries,
    registry_imports,
    registry_numbers,
    scrubs,
)
from worker.store.tables.reports import (
    call_outcomes,
    feedback,
    imported_reports,
    last_delivered,
    merged_records,
    poll_cursors,
    reviews,
    undone_reports,
)
from worker.store.tables.segments import (
    campaign_outcomes,
    daily_counts,
    isolations,
    list_members,
    segment_counts,
    segment_history,
    shared_numbers,
)
from worker.store.tables.suppression import UNANNOUNCED, deliveries, suppressions
from worker.store.tables.sync_runs import (
    PAGES_PARKED,
    RUNS_UNDER_WAY,
    absent_records,
    failures,
    pages,
    removal_holds,
    runs,
    schemas,
    watermarks,
)
from worker.store.tables.verification import (
    lookup_claims,
    lookup_retries,
    lookups,
    provider_states,
    spend,
    verifications,
)

__all__ = [
    "CONSENTS_NOT_WRITTEN",
    "IN_FEED",
    "PAGES_PARKED",
    "RUNS_UNDER_WAY",
    "UNANNOUNCED",
    "BigId",
    "RecordId",
    "UtcDateTime",
    "absent_records",
    "alerts",
    "api_tokens",
    "app_state",
    "ask_campaigns",
    "ask_messages",
    "audit_log",
    "call_outcomes",
    "campaign_outcomes",
    "capture_answers",
    "capture_counts",
    "capture_keys",
    "change_streams",
    "changed_records",
    "consent_writes",
    "contact_numbers",
    "contacts",
    "daily_counts",
    "deliveries",
    "duplicate_groups",
    "duplicate_places",
    "endpoint_backfills",
    "endpoints",
    "event_deliveries",
    "events",
    "failures",
    "feedback",
    "former_readings",
    "imported_reports",
    "isolations",
    "last_delivered",
    "list_members",
    "lookup_claims",
    "lookup_retries",
    "lookups",
    "merged_records",
    "metadata",
    "number_sequences",
    "opt_out_questions",
    "owner_tasks",
    "pages",
    "poll_cursors",
    "provider_states",
    "reading_rewrites",
    "rechecks",
    "registries",
    "registry_imports",
    "registry_numbers",
    "removal_holds",
    "reviews",
    "runs",
    "schemas",
    "scrubs",
    "segment_counts",
    "segment_history",
    "sessions",
    "shared_numbers",
    "spend",
    "stream_subscribers",
    "suppressions",
    "throttles",
    "undone_reports",
    "users",
    "verifications",
    "watermarks",
    "writes",
]
