"""What change events mean for us: which records are read again, and whether a pull is needed.

Pure: neither store, network nor clock. The two ways in which a subscription moves are `advance`,
for what came, and `lose`, for a replay id that the CRM no longer knows. What holds after either, in
one transaction each:

- A replay id is behind us only if each of its records is stored, or a pull is wanted that reads it.
- A subscription that begins at the tip, because it has no replay id, wants a pull with its first
  word: whatever was committed before the tip is read by that one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from config.connectors import SalesforceSettings
from connectors.salesforce.pubsub.change_events import CLIENT, ChangeEvent
from connectors.salesforce.pubsub.feed import Batch, Unreadable
from worker.decisions.diff import FLAGS

# Beside the kinds of events: those that were ours, and those that we do not look at.
OWN, UNWATCHED, UNREADABLE, LOST = "own", "unwatched", "unreadable", "lost"
# What makes one record of another, or ends one: read at once too.
_ALWAYS_WATCHED = ("IsConverted", "MasterRecordId")
_USER_ID = 15  # characters of an id without its checksum


@dataclass(frozen=True, slots=True)
class Interest:
    """What we look at. `watched`: object -> fields whose change matters. `ours`: fields that we
    write, whose change by us does not. `user`: the id of our user in the CRM."""

    watched: Mapping[str, frozenset[str]]
    ours: Mapping[str, frozenset[str]]
    user: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What to commit at once. `changed`: (object, record id). `pull`: why changes are to be pulled;
    "" if they are not. `replay_id`: None = from the tip. `counts`: events by kind."""

    changed: tuple[tuple[str, str], ...]
    pull: str
    replay_id: bytes | None
    counts: Mapping[str, int]
    event_at: datetime | None = None


def interest_in(section: SalesforceSettings, normalize: bool, user: str) -> Interest:
    """Return what settings ask to look at: phones, countries, flags, the recheck, and the CRM's own
    opt-outs. `normalize`: we also write phone fields."""
    names = section.fields
    flags = {getattr(names, name) for name in (*FLAGS, "recheck")} - {""}
    watched: dict[str, frozenset[str]] = {}
    ours: dict[str, frozenset[str]] = {}
    for name, mapped in section.objects.items():
        opt_outs = set(section.opt_out_fields)
        if name == "Account" and "DoNotCall" in opt_outs:
            opt_outs.add("PersonDoNotCall")
        read = {*mapped.phones, *mapped.country, mapped.country_code, mapped.state} - {""}
        watched[name] = frozenset({*read, *flags, *opt_outs, *_ALWAYS_WATCHED})
        ours[name] = frozenset({*flags, *(mapped.phones if normalize else ())})
    return Interest(watched, ours, user)


def advance(replay_id: bytes | None, batch: Batch, interest: Interest) -> Step:
    """Return what a batch of events leads to. `replay_id`: where the subscription stands."""
    counts: Counter[str] = Counter()
    changed: dict[tuple[str, str], None] = {}
    pull = "" if replay_id is not None else "the stream began at its tip"
    at: datetime | None = None
    for event in batch.events:
        if isinstance(event, Unreadable):
            counts[UNREADABLE] += 1
            pull = pull or f"an event could not be read: {event.reason}"
            continue
        at = max(filter(None, (at, event.committed_at)), default=None)
        if why_not := _ignored(event, interest):
            counts[why_not] += 1
            continue
        counts[event.kind] += 1
        changed |= dict.fromkeys((event.object, record_id) for record_id in event.ids)
        if event.names_all or event.is_gap:
            pull = pull or f"{event.kind} of {event.object}"
    return Step(tuple(changed), pull, batch.replay_id or replay_id, counts, at)


def lose(why: str) -> Step:
    """Return what a lost replay id leads to: from the tip, and a pull of what was missed."""
    return Step((), why, None, {LOST: 1})


def _ignored(event: ChangeEvent, interest: Interest) -> str:
    """Return why an event does not matter to us; "" if it does. In doubt it does."""
    watched = interest.watched.get(event.object)
    if watched is None:
        return UNWATCHED
    if event.kind != "UPDATE" or event.fields is None or event.names_all:
        return ""
    if not event.fields & watched:
        return UNWATCHED
    by_us = (
        event.client == CLIENT
        and bool(interest.user)
        and event.user[:_USER_ID] == interest.user[:_USER_ID]
    )
    return OWN if by_us and not event.fields & (watched - interest.ours[event.object]) else ""


def channels(section: SalesforceSettings) -> tuple[str, ...]:
    """Return the channels to subscribe to: those of the settings, else one for each object."""
    return section.streaming.channels or tuple(map(channel_of, section.objects))


def channel_of(object_name: str) -> str:
    """Return the channel of one object's changes.

    Source: Change Data Capture Developer Guide, "Subscription Channels".

    >>> channel_of("Contact"), channel_of("Dealer__c")
    ('/data/ContactChangeEvent', '/data/Dealer__ChangeEvent')
    """
    stem = object_name.removesuffix("c") if object_name.endswith("__c") else object_name
    return f"/data/{stem}ChangeEvent"


def merged_counts(before: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Add up events by kind."""
    return dict(_sum(before.items(), more.items()))


def _sum(*parts: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    total: Counter[str] = Counter()
    for part in parts:
        for kind, count in part:
            total[kind] += count
    yield from sorted(total.items())
