"""Settings of segments (sources, campaigns, lists) and of what an operator is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from config.section import Duration, Section
from config.segment_keys import SEGMENTS, By

__all__ = ["SEGMENTS", "AlertSettings", "By", "SegmentSettings"]


class SegmentSettings(Section):
    """When a source, campaign or list counts as bad, and what is done about it."""

    every: Duration = timedelta(minutes=15)  # how often they are counted anew
    isolate: bool = True
    by: tuple[Literal["source", "campaign", "list"], ...] = ("source", "campaign", "list")
    threshold: float = Field(0.2, gt=0, lt=1)  # share of bad phone fields that is too much
    least: int = Field(50, ge=1)  # phone fields that a segment has before it is judged
    # How sure it must be: in one count of all segments none is isolated wrongly, but in this share
    # of counts at the most.
    confidence: float = Field(0.99, ge=0.5, lt=1)
    audit: bool = (
        True  # an isolated segment is looked at again by itself, as deep as the chain goes
    )
    lists: tuple[Annotated[str, Field(pattern=r"^(hubspot|salesforce):.+$")], ...] = ()
    lists_every: Duration = timedelta(days=1)  # how often it is asked who is on them
    placeholder_from: int = Field(10, ge=2)  # contacts with one number: then it is listed


class AlertSettings(Section):
    """Who is told, and of what. SMTP_URL and ALERT_WEBHOOK_URL come from the environment."""

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
    watermark_older_than: Duration = timedelta(hours=6)  # 0s = never
