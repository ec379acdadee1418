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
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path

import orjson
import phonenumbers
import sqlalchemy as sa

from config.feedback import Dispositions
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
from worker.feedback.consent_state import rules_from_settings
from worker.store.array_param import any_of
from worker.store.tables import contacts
from worker.sync import consent_writes
from worker.sync.runs.unchanged import Unchanged
from worker.verification.models import Verification

# Code and tables whose change makes every decision be made once more.
_DECIDING_CODE = (
    "phones/*.py",
    "phones/data/*.py",
    "phones/data/*.csv",
    "decisions/*.py",
    "feedback/consent_state.py",
    "feedback/crm_flags.py",
    "feedback/field_notes.py",
    "feedback/former_accounts.py",
    "feedback/note_words.py",
    "feedback/ownership.py",
    "feedback/replies/names.py",
    "feedback/replies/text.py",
    "feedback/replies/typos.py",
    "feedback/replies/vocabulary.py",
)
# The wording of reasons (`decisions/wording/`) is not among them: it decides nothing.
# Settings of a connector that say how it is called, or how it is worded, and not what is decided.
CONNECTION_SETTINGS = {
    "api_reserve", "bulk_from", "search_lag", "reason_language", "owner_tasks",
    "consent_records", "sync",
}  # fmt: skip


# What our index holds of a contact as it was last decided: its content hash, its statuses ({phone
# field: status}) and answers ({provider: count}). The latter two are JSON: see `Unchanged`.
StoredDecision = tuple[str, str, str]


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
        ctx.settings.feedback.hold_open_reviews,
        ctx.settings.feedback.field_notes and _outcome_names(ctx.settings.feedback.dispositions),
        ctx.settings.section(connector).model_dump_json(exclude=CONNECTION_SETTINGS),
        # Turned on, what stands already is looked at once.
        *(["consents"] if consent_writes.settings_of(ctx, connector) else []),
        [(step.package, step.step.model_dump_json()) for step in ctx.providers.steps],
        verification.counts_for.model_dump_json(),
        verification.audit,
        phonenumbers.__version__,
        _code_version(),
    )
    return hashlib.blake2b(repr(chosen).encode(), digest_size=16).digest()


def _outcome_names(outcomes: Dispositions) -> str:
    return outcomes.model_dump_json(exclude={"every", "harmless"})


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
    contact: Contact, config_hash: bytes, written: Mapping[str, Value] | None = None
) -> str:
    """Return a contact's content hash: as it was read, or as it will be read after `written`."""
    layout, content = layout_of(contact), to_content(contact)
    if written:
        slots, changed = _written_slots(layout), list(content)
        for key, value in written.items():
            if (slot := slots.get(key)) is not None:
                changed[slot] = value
        content = tuple(changed)
    return _content_hasher(layout, config_hash)(content)


_written_slots = lru_cache(maxsize=8)(written_slots)


@lru_cache(maxsize=8)
def _content_hasher(layout: Layout, config_hash: bytes) -> Callable[[Content], str]:
    """Return a function that hashes contents of one layout."""
    keyed = hashlib.blake2b(repr(layout).encode(), digest_size=16, key=config_hash)

    def hash_content(content: Content) -> str:
        digest = keyed.copy()
        digest.update(orjson.dumps(content))
        return digest.hexdigest()

    return hash_content


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
    """What our index holds of the contacts that were read.

    `decided`: by their ids, those whose last decision still stands. `absent`: in the index, and not
    read where they should have been; where that are more than `MAX_ABSENT`, they are not listed,
    and `too_many` is true. `indexed`: of those that were read, all in the index.
    """

    decided: Mapping[str, StoredDecision]
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
    decided: dict[str, StoredDecision] = {}
    absent: list[str] = []
    indexed: set[str] = set()
    ids = ids_of(read)
    present = set(ids)
    in_range = span.covers(c.record_id) if span else any_of(c.record_id, ids)
    limit = len(ids) + MAX_ABSENT
    is_fresh = sa.func.coalesce(c.fresh_until > ctx.now(), sa.false())
    columns = sa.select(
        c.record_id,
        sa.case((is_fresh, c.content_hash), else_=""),
        sa.cast(c.statuses, sa.Text),
        sa.func.coalesce(sa.cast(c.answers, sa.Text), "{}"),
    )
    query = columns.where(c.connector == connector, c.object == object_name, in_range)
    if span is not None:  # a read that brings little spans much of the index
        query = query.limit(limit + 1)
    with ctx.store.read() as connection:
        rows = connection.execute(query).all()
    if len(rows) > limit:
        return replace(load_state(ctx, connector, object_name, read), too_many=True)
    for record_id, content_hash, statuses, answers in rows:
        if record_id not in present:
            absent.append(record_id)
            continue
        indexed.add(record_id)
        if content_hash:
            decided[record_id] = content_hash, statuses, answers
    return StoredState(decided, absent, indexed=indexed)


def partition(
    read: Sequence[Contact], known: StoredState, config_hash: bytes
) -> tuple[list[Contact], Unchanged]:
    """Return the contacts that need a second look, and what the others add to the counts."""
    decision_of = known.decided.get
    changed: list[Contact] = []
    unchanged: list[tuple[str, str, str]] = []
    hash_at = _hasher(read, config_hash)
    for index, record_id in enumerate(ids_of(read)):
        decision = decision_of(record_id)
        if decision is not None:
            source, content_hash = hash_at(index)
            if content_hash == decision[0]:
                unchanged.append((source, decision[1], decision[2]))
                continue
        changed.append(read[index])
    return changed, Unchanged(grouped=Counter(unchanged))


def _hasher(read: Sequence[Contact], config_hash: bytes) -> Callable[[int], tuple[str, str]]:
    """Return a function from an index in `read` to the contact's source and content hash.

    It makes no contact of a row.
    """
    if not isinstance(read, Rows):
        return lambda index: (read[index].source, hash_contact(read[index], config_hash))
    contents, hash_content = read.contents, _content_hasher(read.layout, config_hash)
    source = Slot.SOURCE

    def hash_at(index: int) -> tuple[str, str]:
        content = contents[index]
        return content[source], hash_content(content)

    return hash_at


def fresh_until(
    answers: Sequence[Verification],
    checked_at: Value,
    refresh: timedelta,
    now: datetime,
    renewed_at: datetime | None = None,
) -> datetime:
    """Until when nothing can be learned by itself: the first answer's end, or the time at which
    `checked at`, or (`renewed_at`) the link to the recipient's page, is to be written again."""
    ends = [answer.expires_at for answer in answers]
    if renewed_at is not None:
        ends.append(renewed_at)
    if isinstance(checked_at, str):
        try:
            ends.append(datetime.fromisoformat(checked_at.replace("Z", "+00:00")) + refresh)
        except ValueError:
            ends.append(now)
    return min(ends, default=now.astimezone(UTC) + refresh)
