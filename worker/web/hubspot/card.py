"""The card on a contact: what was written to it, and a button that requests a re-check.

The request's form is HubSpot's (`hubspot.fetch`):
https://developers.hubspot.com/docs/apps/developer-platform/add-features/ui-extensions/fetching-data
HubSpot adds `portalId`, `userId`, `userEmail` and `appId` to the address, waits 15 seconds at most,
and calls once more after an answer from 500 on.

The card gets no phone number from here: it reads numbers, statuses and flags from HubSpot itself,
with the rights of the person who looks at it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, Field

from config.logging_setup import redact
from worker.access import audit
from worker.context import Context
from worker.decisions.diff import FLAGS
from worker.feedback import rechecks
from worker.feedback.rechecks import Recheck
from worker.queries import timeline
from worker.web.hubspot.requests import Id

_MAX_HISTORY = 20  # entries on the card
# A person who presses the button again sooner gets the re-check that was requested just now.
_AGAIN_AFTER = timedelta(minutes=1)


class CardRequest(BaseModel):
    """The record that a card stands on."""

    objectId: Id
    objectTypeId: str = Field("0-1", max_length=80)


def card(ctx: Context, connector: str, record_id: str) -> dict[str, Any]:
    """Return what the card on a contact shows."""
    with ctx.store.read() as connection:
        last = rechecks.latest(connection, connector, ("contacts", record_id))
    answer: dict[str, Any] = {
        "waiting": last is not None and last.done_at is None,
        "recheckedAt": last.done_at.isoformat() if last is not None and last.done_at else None,
    }
    try:
        record = timeline.record_timeline(ctx, connector, "contacts", record_id)
    except timeline.NoSuchRecordError:
        return {**answer, "known": False, "problem": None, "history": []}
    failure = record["failure"]
    return {
        **answer,
        "known": record["there"],
        "problem": redact(failure["message"]) if failure else None,
        "history": [*_history(record["timeline"])][:_MAX_HISTORY],
    }


def request_recheck(ctx: Context, connector: str, record_id: str, user_id: str) -> bool:
    """Request a re-check for a HubSpot user; return False where one was requested just now."""
    now, who = ctx.now(), f"HubSpot user {user_id[:20]}".strip()
    with ctx.store.write() as connection:
        last = rechecks.latest(connection, connector, ("contacts", record_id))
        if last is not None and (last.done_at is None or now - last.at < _AGAIN_AFTER):
            return False
        of = "" if connector == "hubspot" else f"{connector}:"  # the form of keys before
        key = f"card:{of}{record_id}:{now.isoformat()}"
        rechecks.add(connection, Recheck(key, connector, "contacts", record_id, who), now)
    audit.note(ctx.store, now, who, "contact.recheck", f"{connector}/contacts/{record_id}")
    return True


def _history(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what a salesperson wants to know of what was written: statuses, flags, why. Numbers
    stand in HubSpot, for those who may see them."""
    for event in events:
        changes = [*_changes(event["before"], event["after"])]
        if changes or event["kind"] == "failed":
            yield {
                "at": event["at"],
                "kind": event["kind"],
                "text": redact(event["text"]),
                "changes": changes,
            }


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for key, value in after.items():
        if key.startswith(("status/", "line_type/")) or key in FLAGS:
            yield {"key": key, "from": before.get(key), "to": value}
