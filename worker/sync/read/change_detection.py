"""Detect which contacts have changed since we last decided about them, and which have not.

A contact is *unchanged* if everything that its decision was made from is as it was, and the CRM
holds what we decided: reading, verifying and deciding again could bring nothing new. Its content
hash covers what was read, our own fields too, and the settings and the code that decisions depend
on. It stays fresh until the first of its answers ends; whatever is learned of one of its numbers
meanwhile invalidates it (`worker.store.invalidation`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path

import orjson
import sqlalchemy as sa

from connectors.records import Contact, Value
from connectors.rows import (
    Content,
    Layout,
    Rows,
    Slot,
    ids_of,
    layout_of,
    to_content,
    written_slots,
)
from worker.context import Context
from worker.decisions.model import BAD_STATUSES
from worker.feedback.consent_state import rules_from_settings
from worker.store.array_param import any_of
from worker.store.tables import contacts
from worker.verification.models import Verification

# Code and tables whose change makes every decision be made once more.
_DECIDING_CODE = (
    "phones/*.py",
    "phones/data/*",
    "decisions/*.py",
    "feedback/consent_state.py",
    "feedback/crm_flags.py",
)
# Settings of a connector that say how it is called, and not what is decided.
CONNECTION_SETTINGS = {"reserve", "bulk_from", "search_lag"}


# What our index holds of a contact as it was last decided: its glance, its statuses ({phone field:
# status}) and answers ({provider: count}). The latter two are JSON: most contacts say one of a few
# things, and each is decoded once a page.
Kept = tuple[str, str, str]


@dataclass
class Unchanged:
    """What unchanged contacts add to their run's counts."""

    gone: int = 0
    alike: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # by source and `Kept`

    @property
    def read(self) -> int:
        return self.alike.total()

    def counts(self) -> dict[str, object]:
        fields: Counter[str] = Counter()
        reused: Counter[str] = Counter()
        sources: dict[str, Counter[str]] = {}
        for (source, statuses_told, answers_told), contacts_alike in self.alike.items():
            statuses = list(orjson.loads(statuses_told).values())
            bad = sum(status in BAD_STATUSES for status in statuses)
            found = sources.setdefault(source, Counter())
            found["contacts"] += contacts_alike
            found["numbers"] += contacts_alike * len(statuses)
            found["bad"] += contacts_alike * bad
            for status in statuses:
                fields[status] += contacts_alike
            for name, number in (orjson.loads(answers_told) or {}).items():
                reused[name] += contacts_alike * number
        return {
            "fields": dict(fields),
            "lookups": {
                name: {"asked": 0, "reused": number, "failed": 0, "cost": "0"}
                for name, number in reused.items()
            },
            "api": {},
            "sources": {name: dict(numbers) for name, numbers in sources.items()},
        }


def decision_config_hash(ctx: Context, connector: str) -> bytes:
    """Hash everything but the contact that a decision depends on."""
    verification = ctx.settings.verification
    chosen = (
        ctx.settings.policy.model_dump_json(),
        rules_from_settings(ctx.settings),
        ctx.keys.short_hash(""),
        ctx.settings.public_url,
        ctx.settings.feedback.link_lifetime,
        ctx.settings.feedback.corrections,
        ctx.settings.section(connector).model_dump_json(exclude=CONNECTION_SETTINGS),
        [(step.package, step.step.model_dump_json()) for step in ctx.providers.steps],
        verification.counts_for.model_dump_json(),
        verification.audit,
        version("phonenumbers"),
        _code_version(),
    )
    return hashlib.blake2b(repr(chosen).encode(), digest_size=16).digest()


@cache
def _code_version() -> str:
    """Hash the code that reads and decides, so that a new release looks at everything once."""
    digest = hashlib.blake2b(digest_size=16)
    worker = Path(__file__).parents[2]
    for pattern in _DECIDING_CODE:
        paths = sorted(worker.glob(pattern))
        assert paths, pattern  # moved: it would no longer count
        for path in paths:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def hash_contact(
    contact: Contact, salted: bytes, written: Mapping[str, Value] | None = None
) -> str:
    """Return a contact's content hash: as it was read, or as it will be read after `written`."""
    layout, content = layout_of(contact), to_content(contact)
    if written:
        slots, changed = _written_slots(layout), list(content)
        for key, value in written.items():
            if (slot := slots.get(key)) is not None:
                changed[slot] = value
        content = tuple(changed)
    return _content_hasher(layout, salted)(content)


_written_slots = lru_cache(maxsize=8)(written_slots)


@lru_cache(maxsize=8)
def _content_hasher(layout: Layout, salted: bytes) -> Callable[[Content], str]:
    """Makes the glances of contents of one layout."""
    keyed = hashlib.blake2b(repr(layout).encode(), digest_size=16, key=salted)

    def print_(content: Content) -> str:
        made = keyed.copy()
        made.update(orjson.dumps(content))
        return made.hexdigest()

    return print_


@dataclass(frozen=True, slots=True)
class IdRange:
    """Ids that a page of a full read covers: after the one before it ("": from the first on), up
    to its own last (None: to the end). CRMs count ids up: a longer one comes later."""

    after: str
    until: str | None

    def covers(self, record_id: sa.Column[str]) -> sa.ColumnElement[bool]:
        size = sa.func.length(record_id)
        above = sa.or_(
            sa.and_(size == len(self.after), record_id > self.after), size > len(self.after)
        )
        if self.until is None:
            return above
        if len(self.after) == len(self.until):
            # The key's index serves this one, which is all pages but the first and the last.
            return sa.and_(record_id > self.after, record_id <= self.until, size == len(self.until))
        below = sa.or_(
            sa.and_(size == len(self.until), record_id <= self.until), size < len(self.until)
        )
        return sa.and_(above, below)


MAX_ABSENT = 1000  # ids of absent records that are held in memory for a page


@dataclass(frozen=True, slots=True)
class StoredState:
    """By the ids of contacts that were read: those whose last decision still stands. `absent`: in
    the index, and not read where they should have been; where that are more than `MAX_ABSENT`, they
    are not listed, and `too_many` is true. `indexed`: of those that were read, all in the index."""

    kept: Mapping[str, Kept]
    absent: Sequence[str]
    too_many: bool = False
    indexed: Set[str] = frozenset()


def load_state(
    ctx: Context,
    connector: str,
    object_name: str,
    read: Sequence[Contact],
    span: IdRange | None = None,
) -> StoredState:
    """Look up what was read; with `span`, also what should have been read with it."""
    c = contacts.c
    kept: dict[str, Kept] = {}
    absent: list[str] = []
    indexed: set[str] = set()
    ids = ids_of(read)
    there = set(ids)
    among = span.covers(c.record_id) if span else any_of(c.record_id, ids)
    most = len(ids) + MAX_ABSENT
    stands = sa.func.coalesce(c.settled_until > ctx.now(), sa.false())
    columns = sa.select(
        c.record_id,
        sa.case((stands, c.glance), else_=""),
        sa.cast(c.statuses, sa.Text),
        sa.func.coalesce(sa.cast(c.answers, sa.Text), "{}"),
    )
    query = columns.where(c.connector == connector, c.object == object_name, among)
    if span is not None:  # a read that brings little spans much of the index
        query = query.limit(most + 1)
    with ctx.store.read() as connection:
        rows = connection.execute(query).all()
    if len(rows) > most:
        return replace(load_state(ctx, connector, object_name, read), too_many=True)
    for record_id, glance, statuses, answers in rows:
        if record_id not in there:
            absent.append(record_id)
            continue
        indexed.add(record_id)
        if glance:
            kept[record_id] = glance, statuses, answers
    return StoredState(kept, absent, indexed=indexed)


def partition(
    read: Sequence[Contact], known: StoredState, salted: bytes
) -> tuple[list[Contact], Unchanged]:
    """Return the contacts that need a second look, and what the others add to the counts."""
    kept_of = known.kept.get
    fresh: list[Contact] = []
    alike: list[tuple[str, str, str]] = []
    look = _hasher(read, salted)
    for place, record_id in enumerate(ids_of(read)):
        kept = kept_of(record_id)
        if kept is not None:
            source, glance = look(place)
            if glance == kept[0]:
                alike.append((source, kept[1], kept[2]))
                continue
        fresh.append(read[place])
    return fresh, Unchanged(alike=Counter(alike))


def _hasher(read: Sequence[Contact], salted: bytes) -> Callable[[int], tuple[str, str]]:
    """Source and glance of what was read at a place, without making a contact of a row."""
    if not isinstance(read, Rows):
        return lambda place: (read[place].source, hash_contact(read[place], salted))
    contents, print_ = read.contents, _content_hasher(read.layout, salted)
    source = Slot.SOURCE

    def look(place: int) -> tuple[str, str]:
        content = contents[place]
        return content[source], print_(content)

    return look


def fresh_until(
    answers: Sequence[Verification],
    checked_at: Value,
    refresh: timedelta,
    now: datetime,
    renewed_at: datetime | None = None,
) -> datetime:
    """Until when nothing can be learned by itself: the first answer's end, or the time at which
    `checked at`, or (`renewed_at`) the link to the recipient's page, is to be written again."""
    ends = [answer.until for answer in answers]
    if renewed_at is not None:
        ends.append(renewed_at)
    if isinstance(checked_at, str):
        try:
            ends.append(datetime.fromisoformat(checked_at.replace("Z", "+00:00")) + refresh)
        except ValueError:
            ends.append(now)
    return min(ends, default=now.astimezone(UTC) + refresh)
