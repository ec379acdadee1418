"""Reports as rows of their table."""

from __future__ import annotations

from typing import Any, cast

from worker.feedback.models import Feedback, FeedbackKind, Scope, Severity


def report_from_row(row: Any) -> Feedback:
    """Make a report of a row of the table."""
    return Feedback(
        key=row.key,
        kind=FeedbackKind(row.kind),
        number=row.number,
        source=row.source,
        at=row.at,
        channels=row.channels,
        contact=row.contact,
        scope=cast(Scope, row.reach),
        person=row.person,
        evidence=row.evidence,
        severity=cast(Severity, row.grade),
        new_number=row.new_number,
        received_at=row.received_at,
        id=row.id,
    )
