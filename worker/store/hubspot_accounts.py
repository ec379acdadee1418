"""Remember which HubSpot account (portal) each connection's token belongs to.

Ids of records mean other people in another account. So events, cards and links of several
connections are told apart by the account's id, which is asked once for each token.
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from config.settings import Settings
from worker.store.bulk import upsert
from worker.store.engine import Store
from worker.store.tables import app_state

_NAME = "hubspot portal:"  # of `app_state`, with a print of the token


def load(settings: Settings, store: Store, connector: str) -> int | None:
    """Return the id of a connection's account; None where nobody has asked yet."""
    query = sa.select(app_state.c.value).where(app_state.c.name == _name(settings, connector))
    with store.read() as connection:
        stored = connection.scalar(query)
    return int(stored) if stored else None


def record(settings: Settings, store: Store, connector: str, portal_id: int) -> None:
    row = {"name": _name(settings, connector), "value": str(portal_id)}
    with store.write() as connection:
        upsert(connection, app_state, [row])


def _name(settings: Settings, connector: str) -> str:
    credentials = settings.hubspot_of(connector)
    token = ""
    if credentials is not None:
        token = credentials.access_token or credentials.refresh_token
    if credentials is not None and connector != "hubspot":
        token = f"{connector} {credentials.api_url} {token}"
    return _NAME + hashlib.blake2b(token.encode(), digest_size=8).hexdigest()
