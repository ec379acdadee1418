"""Settings of `[alerts]`: who is alerted, and about what."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from config.section import Duration, Section


class AlertSettings(Section):
    """Who is alerted, and about what. SMTP_URL and ALERT_WEBHOOK_URL come from the environment."""

    every: Duration = timedelta(minutes=1)  # how often it is looked
    email_to: tuple[str, ...] = ()
    email_from: str = ""
    run_failed: bool = True
    breaker_open: bool = True
    segment_isolated: bool = True
    removals_held: bool = True
    field_hidden: bool = True  # a field or object that was used is hidden from our user, or gone
    suppression_refused: bool = True  # a CRM takes no flag of somebody who is not to be contacted
    call_outcomes: bool = True  # calls wait for the name of their outcome
    setbacks: bool = True  # what runs in the background was refused several times in a row
    budget_at: float = Field(0.8, gt=0, le=1)  # share of a cap; 1 = only when it is used up
    review_older_than: Duration = timedelta(days=2)  # a reply that waits for a person; 0s = never
    watermark_older_than: Duration = timedelta(hours=6)  # 0s = never
