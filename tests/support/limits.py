"""Limits of the product that tests lower, so that a few records fill a page and no test waits.

They are constants of modules, not settings: no operator has a reason to change them. This table is
the only place of the tests that knows their names.
"""

from __future__ import annotations

from typing import Any

import pytest

_LIMITS = {
    # Records in a call, a page, a job or a step.
    "hubspot_batch": "connectors.hubspot.merges.BATCH",
    "hubspot_list_page": "connectors.hubspot.connector._LIST_PAGE",
    "hubspot_member_page": "connectors.hubspot.list_members._PAGE",
    "hubspot_search_page": "connectors.hubspot.connector._SEARCH_PAGE",
    "salesforce_query_page": "connectors.salesforce.queries._QUERY_PAGE",
    "salesforce_job_records": "connectors.salesforce.reader._JOB_RECORDS",
    "salesforce_job_page": "connectors.salesforce.reader._JOB_PAGE",
    "salesforce_slices": "connectors.salesforce.queries.SLICES",
    "salesforce_job_writes": "connectors.salesforce.writes._JOB_WRITES",
    "salesforce_merge_ids": "connectors.salesforce.merges._IDS",
    "propagation_batch": "worker.sync.propagate._AT_ONCE",
    "propagation_apart": "worker.sync.propagate._RUNS_APART",
    "removal_batch": "worker.sync.read.removals._BATCH",
    "undo_batch": "worker.sync.undo.written_records._AT_ONCE",
    "most_segments": "worker.segments.counters._MOST_SEGMENTS",
    "counted_contacts": "worker.queries.contact_counts.COUNT_LIMIT",
    "export_count": "worker.queries.contact_counts.EXPORT_LIMIT",
    "few_rows": "worker.queries.contact_counts._FEW_ROWS",
    "segment_rows": "worker.queries.contact_counts._SEGMENT_ROWS",
    "parquet_rows": "worker.ops.warehouse.export.PART_ROWS",
    "parquet_read": "worker.ops.warehouse.export._READ",
    "parquet_files": "worker.ops.warehouse.export.MANY_FILES",
    # Bytes from which a list is cleaned by several processes.
    "long_list": "worker.lists.clean._LONG",
    # Seconds, or spans of time.
    "connection_ping": "worker.store.engine.PING_AFTER",
    "mail_step": "worker.alerts.smtp._TIMEOUT",
    "mail_data": "worker.alerts.smtp._DATA_TIMEOUT",
    "mail_retry": "worker.asking.senders.smtp_email._LATER",
    "salesforce_task_windows": "connectors.salesforce.call_log._WINDOWS",
    "bulk_first_poll": "connectors.salesforce.bulk._FIRST_LOOK",
    "bulk_patience": "connectors.salesforce.bulk._LONGEST",
    "lookup_busy_pause": "worker.verification.paid_step._FIRST_PAUSE",
    "lookup_file_patience": "worker.verification.paid_step._MAX_FILE_WAIT",
    "capture_counts": "worker.capture.counts._EVERY",
    "capture_answer": "worker.web.api.verify.ANSWER_WITHIN",
    "capture_give_up": "worker.web.api.verify.GIVE_UP_AFTER",
    "alert_deadline": "worker.alerts.channels._WHOLE",
    "own_write_second": "worker.sync.runs.own_writes.CLOCK_RESOLUTION",
    "supervisor_first_pause": "worker.cli.supervisor._FIRST_PAUSE",
    "supervisor_interval": "worker.cli.supervisor._TENDS_EVERY",
}


def lower_limits(monkeypatch: pytest.MonkeyPatch, **values: Any) -> None:
    """Set limits for this test: `lower_limits(monkeypatch, hubspot_list_page=7)`."""
    for name, value in values.items():
        monkeypatch.setattr(_LIMITS[name], value)
