"""Coalesce small pages into larger ones, so that more contacts share the cost of a page.

A page of HubSpot's list holds a hundred contacts. Storing it, claiming it, looking its contacts up
in the index and writing down what came of it takes some fifty queries, however many they are.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from connectors.records import Page
from connectors.rows import joined

# Seconds after which a page is handed on as it is: the CRM is slow, or is being spared.
MAX_WAIT = 5.0


def coalesce_pages(pages: Iterable[Page], contacts: int, backwards: bool = False) -> Iterator[Page]:
    """The same contacts in the same order, on pages of at least so many where time allows it.

    `backwards`: each page comes before the one before it. What was read before an error is not
    lost: it is given, and then the error is raised.
    """
    coalesced: Page | None = None
    since = 0.0
    try:
        for page in pages:
            if coalesced is None:
                coalesced, since = page, time.monotonic()
            else:
                first, second = (page, coalesced) if backwards else (coalesced, page)
                both = joined(first.contacts, second.contacts)
                gone, merged = (
                    (*coalesced.deleted_ids, *page.deleted_ids),
                    (*coalesced.merged, *page.merged),
                )
                coalesced = replace(page, contacts=both, deleted_ids=gone, merged=merged)
            if len(coalesced.contacts) >= contacts or time.monotonic() - since > MAX_WAIT:
                given, coalesced = coalesced, None
                yield given
    except Exception:
        if coalesced is not None:
            yield coalesced
        raise
    if coalesced is not None:
        yield coalesced
