"""Specification of `worker`. A contact goes through the folders in this order.

Read in this order:

    phones/        read a phone field
    verification/  ask providers, once and within budget
    decisions/     decide statuses, flags and the reason
    sync/          read, process and write a CRM's contacts
    feedback/      what people and systems report
    suppression/   what follows from reports
    events/        other systems are told of it
    registries/    lists with an authority
    scrub/         whether numbers may be contacted now
    capture/       a number is verified while somebody types it
    asking/        customers are asked to confirm their number
    segments/      counts by source, and bad sources isolated
    calling_hours/ when somebody may be called
    alerts/        what operators are told
    queue/         Celery, beat and messages
    store/         the database and local files
    lists/         lists on disk
    queries/       what pages, commands and the API read
    duplicates/    contacts that share a number
    ops/           doctor, export, retention
    cli/           the command line
    web/           API, webhooks and pages
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from worker.calling_hours import window
from worker.scrub import hours


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be noon on a Tuesday in California for a scrub, whenever the tests run."""
    at = datetime(2026, 11, 24, 20, tzinfo=UTC)
    monkeypatch.setattr(
        hours, "window",
        lambda number, state, country, _at, rules: window(number, state, country, at, rules),
    )  # fmt: skip
