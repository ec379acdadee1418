"""Which router reads replies: the shipped one, or what this installation learned itself.

A model holds traces of the texts that it was trained with. Once one of these texts is erased, for a
person or by retention, the model counts no more, on whatever machine it lies, until
`hygiene replies learn` has trained one without it. Nor does a model count that does not say when it
was learned, as one of an earlier version: a text of it may have been erased since.
"""

from __future__ import annotations

import logging
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.feedback.replies import router
from worker.store.bulk import upsert
from worker.store.tables import app_state, reviews

log = logging.getLogger(__name__)
OUTDATED = (
    "what this installation learned from replies is not used any more, since a text that it may "
    "have learned from was erased: run hygiene replies learn --apply"
)
UNDATED = (
    "what this installation learned from replies is not used: it cannot be read, or an earlier "
    "version learned it without noting when, so that it may hold traces of texts erased since: "
    "run hygiene replies learn --apply"
)
# From when the first text came that was erased, to the latest erasure.
_ERASED_TEXTS = "erased_reply_texts"


def current(ctx: Context) -> router.Model:
    """The model that counts now. Logs, once in a process, why this machine's own does not."""
    home = ctx.settings.home
    if not router.has_local(home):
        return router.load()
    with ctx.store.read() as connection:
        erased = _erased(connection)
    if why := _why_unused(home, erased):
        _warn_once(home, why)
        return router.load()
    return router.current(home, erased)


def why_unused(ctx: Context) -> str:
    """Why this machine's own model does not count, "" where it does or there is none."""
    if not router.has_local(ctx.settings.home):
        return ""
    with ctx.store.read() as connection:
        return _why_unused(ctx.settings.home, _erased(connection))


def _why_unused(home: Path, erased: router.Span | None) -> str:
    learned_at = router.local_learned_at(home)
    if learned_at is None:
        return UNDATED
    return OUTDATED if router.is_within(learned_at, erased) else ""


@lru_cache(maxsize=16)
def _warn_once(_home: Path, why: str) -> None:
    log.warning("%s", why)


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
    first, last = (datetime.fromisoformat(text) for text in orjson.loads(value))
    return first, last
