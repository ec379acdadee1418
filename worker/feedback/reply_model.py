"""Which router reads replies: the shipped one, or what this installation learned itself.

A model holds traces of the texts that it was trained with. Once one of these texts is erased, for a
person or by retention, the model counts no more, on whatever machine it lies, until
`hygiene replies learn` has trained one without it.
"""

from __future__ import annotations

from datetime import datetime

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.feedback.replies import router
from worker.store.bulk import upsert
from worker.store.tables import app_state, reviews

OUTDATED = (
    "what this installation learned from replies is not used any more, since a text that it may "
    "have learned from was erased: run hygiene replies learn --apply"
)
# From when the first text came that was erased, to the latest erasure.
_ERASED_TEXTS = "erased_reply_texts"


def current(ctx: Context) -> router.Model:
    """The model that counts now."""
    if not router.has_local(ctx.settings.home):
        return router.load()
    with ctx.store.read() as connection:
        return router.current(ctx.settings.home, _erased(connection))


def is_outdated(ctx: Context) -> bool:
    """Whether this machine's own model no longer counts, because it learned from an erased text."""
    learned_at = router.local_learned_at(ctx.settings.home)
    if learned_at is None:
        return False
    with ctx.store.read() as connection:
        return router.is_within(learned_at, _erased(connection))


def note_erasure(connection: Connection, erased: sa.ColumnElement[bool], now: datetime) -> None:
    """Note that the texts of these replies are about to be erased. A reply that is open now may
    have been decided, and learned from, before."""
    first = connection.scalar(
        sa.select(sa.func.min(reviews.c.at)).where(erased, reviews.c.text != "")
    )
    if first is None:
        return
    before = _erased(connection)
    if before is not None:
        first, now = min(first, before[0]), max(now, before[1])
    value = orjson.dumps([first.isoformat(), now.isoformat()]).decode()
    upsert(connection, app_state, [{"name": _ERASED_TEXTS, "value": value}])


def _erased(connection: Connection) -> router.Span | None:
    query = sa.select(app_state.c.value).where(app_state.c.name == _ERASED_TEXTS)
    value = connection.scalar(query)
    if value is None:
        return None
    first, last = (datetime.fromisoformat(one) for one in orjson.loads(value))
    return first, last
