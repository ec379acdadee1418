"""Events about numbers, and the states of endpoints and deliveries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class EventType(StrEnum):
    """What happened. The words are part of the interface: never change one."""

    SUPPRESSED = "number.suppressed"  # a suppression stands, or closes further channels
    WRONG = "number.wrong"  # the same, because the number is not the person's
    LIFTED = "number.lifted"  # a suppression ends, or opens some of its channels
    CONFIRMED = "number.confirmed"  # the person said that the number is theirs
    STATUS_CHANGED = "number.status_changed"  # a phone field with the number has another status
    CONTACT_FLAGGED = "contact.flagged"  # a flag of a contact was set or cleared
    STANDING = "number.standing"  # a suppression that stands, to one system (a backfill)
    TEST = "endpoint.test"  # to one endpoint, on request


# The feed holds these: each change of a suppression.
FEED_TYPES = (EventType.SUPPRESSED, EventType.WRONG, EventType.LIFTED)
# What an endpoint can subscribe to.
FOR_ONE = (EventType.STANDING, EventType.TEST)  # to one endpoint; nobody else is sent these
SUBSCRIBABLE = tuple(kind for kind in EventType if kind not in FOR_ONE)


class EndpointState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"  # by an admin: its events wait
    OFF = "off"  # it answered 410 Gone, or was removed: nothing is kept for it


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    PARKED = "parked"  # given up, until somebody retries it or a later event of its number comes


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a number.

    `number`: E.164, the hash of an erased one, or "" if only a contact is known. `contact`:
    "connector/object/id", or "" for everybody with the number. `channels`: those that this event
    closes or opens. `evidence`: the key of the suppression or report that it rests on.
    """

    type: EventType
    number: str
    contact: str = ""
    channels: tuple[str, ...] = ()
    reason: str = ""
    evidence: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event of the log. `id`: its place, in the order of what happened. `uid`: its name to the
    outside, the `webhook-id`. `sequence`: counts the events of its number."""

    id: int
    uid: str
    sequence: int
    at: datetime
    event: Event

    @property
    def subject(self) -> str:
        return self.event.number or self.event.contact
