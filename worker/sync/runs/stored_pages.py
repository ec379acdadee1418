"""The pages of a run: each is stored with its run before anybody works on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.records import Contact
from worker.context import Context
from worker.leases import is_alive
from worker.store.bulk import chunks
from worker.store.states import PageState
from worker.store.tables import pages
from worker.sync.runs.unchanged import Unchanged

_IDS_PER_PAGE = 100  # of pages that hold only ids


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page that is stored with its run and not done. `contacts`: what it holds, where this
    process has just read it and need not decode it again."""

    id: int
    size: int
    contacts: Sequence[Contact] | None = None


class Payload(msgspec.Struct):
    """A stored page as JSON. `contacts`: as they were read; None = to be fetched by their ids."""

    ids: list[str]
    contacts: list[Contact] | None


def decode_page(payload: bytes) -> tuple[list[str], list[Contact] | None]:
    """Return the ids and contacts of a stored page; None for contacts that are to be fetched."""
    try:
        stored = msgspec.json.decode(payload, type=Payload)
    except msgspec.ValidationError:
        # Another release stored it, which encodes contacts in another form.
        return msgspec.json.decode(payload)["ids"], None
    return stored.ids, stored.contacts


def list_pending(ctx: Context, run_id: str, only_idle: bool = False) -> list[StoredPage]:
    """List pages that are stored and not done, in order; `only_idle`: those that no live process
    works on."""
    query = (
        sa.select(pages.c.id, pages.c.size, pages.c.owner, pages.c.lease_expires_at)
        .where(pages.c.run_id == run_id, pages.c.state == PageState.STORED)
        .order_by(pages.c.seq)
    )
    now = ctx.now()
    with ctx.store.read() as connection:
        return [
            StoredPage(row.id, row.size)
            for row in connection.execute(query)
            if not only_idle
            or row.owner is None
            or row.lease_expires_at is None
            or row.lease_expires_at <= now
            or not is_alive(row.owner)
        ]


def _next_seq(run_id: str) -> sa.ScalarSelect[int]:
    """The number of the run's next page; halves of pages have numbers below 0."""
    before = pages.alias("before")
    last = sa.func.max(before.c.seq)
    following = sa.case((last > 0, last + 1), else_=1)
    return sa.select(following).where(before.c.run_id == run_id).scalar_subquery()


def store_page(
    connection: Connection,
    ctx: Context,
    run_id: str,
    object_name: str,
    ids: list[str],
    contacts: Sequence[Contact] | None,
    seq: int | None = None,
) -> int:
    """Store a page with its run before it is dispatched, and return its id. `contacts` None: to be
    fetched by their ids. `seq` None: the run's next page."""
    result = connection.execute(
        sa.insert(pages).values(
            run_id=run_id,
            seq=_next_seq(run_id) if seq is None else seq,
            object=object_name,
            state=PageState.STORED,
            stored_at=ctx.now(),
            attempts=0,
            payload=msgspec.json.encode(Payload(ids, None if contacts is None else list(contacts))),
            size=len(ids),
        )
    )
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


def store_ids(
    connection: Connection, ctx: Context, run_id: str, records: Iterable[tuple[str, str]]
) -> None:
    """Store pages of records, (object, record id) each, to be fetched; each record once."""
    by_object: dict[str, list[str]] = {}
    for name, record_id in dict.fromkeys(list(records)):
        by_object.setdefault(name, []).append(record_id)
    for name, ids in by_object.items():
        for chunk in chunks(ids, _IDS_PER_PAGE):
            store_page(connection, ctx, run_id, name, list(chunk), None)


def store_unchanged(
    connection: Connection, ctx: Context, run_id: str, object_name: str, unchanged: Unchanged
) -> None:
    """Store what a page's unchanged and deleted contacts add to the counts, as a page that is
    done."""
    connection.execute(
        sa.insert(pages).values(
            run_id=run_id,
            seq=_next_seq(run_id),
            object=object_name,
            state=PageState.DONE,
            stored_at=ctx.now(),
            attempts=0,
            size=unchanged.read,
            read=unchanged.read,
            gone=unchanged.gone,
            counts=unchanged.counts(),
        )
    )
