"""Settings of `[segments]`: when a source, campaign or list counts as bad."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config import connections
from config.section import Duration, Section
from config.segment_keys import SEGMENTS, By

__all__ = ["SEGMENTS", "By", "SegmentSettings"]


def _named_list(text: str) -> str:
    """Check a list's name, CONNECTOR:NAME. Any connector may have lists, except for a file."""
    connector, _, name = text.partition(":")
    known = [kind for kind in connections.kinds() if kind != connections.FILE_KIND]
    if not connections.is_well_formed(connector) or connections.is_file(connector) or not name:
        raise ValueError(
            "write CONNECTOR:NAME, such as hubspot:Newsletter; the connectors are "
            + ", ".join(known)
        )
    return text


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
    lists: tuple[Annotated[str, AfterValidator(_named_list)], ...] = ()
    lists_every: Duration = timedelta(days=1)  # how often it is asked who is on them
    placeholder_from: int = Field(10, ge=2)  # contacts with one number: then it is listed
