"""Keep a HubSpot connection's OAuth tokens for all processes, encrypted under SECRET_KEY.

They stand in one row for each connection. Whoever renews them holds a lease in the row meanwhile,
so that nobody waits for HubSpot inside a transaction, and a process that dies at it delays the
others for no longer than the lease.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config import stopping
from config.redaction import register_secrets
from connectors.hubspot.tokens import Tokens
from worker.store.bulk import upsert
from worker.store.encryption import decrypt, encrypt
from worker.store.engine import Store
from worker.store.pseudonyms import Keys
from worker.store.tables import app_state

_NAME = "hubspot tokens:"  # of `app_state`, with the connection's name
_PURPOSE = "hubspot tokens"
_LEASE = timedelta(minutes=3)  # longer than one call to HubSpot may take
_LOOK_EVERY = 0.2  # seconds


class DatabaseTokens:
    """Implements `connectors.hubspot.tokens.TokenStore`. `given`: the refresh token of the
    environment; what was stored for another one is not used."""

    def __init__(
        self,
        store: Store,
        keys: Keys,
        connector: str,
        given: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._keys = keys
        self._name = f"{_NAME}{connector}"
        self._of = hashlib.blake2b(given.encode(), digest_size=8).hexdigest()
        self._now = now

    def load(self) -> Tokens | None:
        with self._store.read() as connection:
            return self._tokens(self._row(connection))

    def renew(self, stale: str, fetch: Callable[[Tokens | None], Tokens]) -> Tokens:
        lease = secrets.token_hex(8)
        while True:
            with self._store.write() as connection:
                row = self._row(connection, lock=True)
                tokens = self._tokens(row)
                if tokens is not None and tokens.access_token != stale:
                    return tokens
                if self._is_free(row):
                    until = (self._now() + _LEASE).isoformat()
                    self._save(connection, {**row, "lease": lease, "until": until})
                    break
            stopping.sleep(_LOOK_EVERY)
        try:
            fetched = fetch(tokens)
        except BaseException:
            with self._store.write() as connection:
                row = self._row(connection, lock=True)
                if row.get("lease") == lease:
                    self._save(connection, {**row, "lease": "", "until": ""})
            raise
        text = encrypt(self._keys, _PURPOSE, _as_text(fetched))
        with self._store.write() as connection:
            self._save(connection, {"of": self._of, "tokens": text, "lease": "", "until": ""})
        return fetched

    def _row(self, connection: Connection, lock: bool = False) -> dict[str, Any]:
        if lock:  # the row is there before it is locked
            upsert(connection, app_state, [{"name": self._name, "value": "{}"}], ignore=True)
        query = sa.select(app_state.c.value).where(app_state.c.name == self._name)
        stored = connection.scalar(query.with_for_update() if lock else query)
        row: dict[str, Any] = orjson.loads(stored) if stored else {}
        return row

    def _save(self, connection: Connection, row: dict[str, Any]) -> None:
        upsert(connection, app_state, [{"name": self._name, "value": orjson.dumps(row).decode()}])

    def _is_free(self, row: dict[str, Any]) -> bool:
        until = row.get("until")
        return not until or datetime.fromisoformat(until) <= self._now()

    def _tokens(self, row: dict[str, Any]) -> Tokens | None:
        """Return a row's tokens; None where they are of another refresh token, or of a key that we
        do not have: then the given one is used again."""
        if row.get("of") != self._of:
            return None
        text = decrypt(self._keys, _PURPOSE, str(row.get("tokens", "")))
        if text is None:
            return None
        access, refresh, expires_at = orjson.loads(text)
        register_secrets([access, refresh])
        return Tokens(access, refresh, datetime.fromisoformat(expires_at))


def _as_text(tokens: Tokens) -> str:
    fields = [tokens.access_token, tokens.refresh_token, tokens.expires_at.isoformat()]
    return orjson.dumps(fields).decode()
