"""Which HubSpot account our token belongs to.

An app may be installed in a second account, to test it, and its events would then come to the same
address, with ids that mean other people. So what comes in is compared with the account that the
token is of. That is asked once for each token and kept in the database.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime, timedelta

import sqlalchemy as sa

from connectors.errors import ConnectorError
from connectors.hubspot import account
from worker.context import Context
from worker.store.bulk import upsert
from worker.store.tables import app_state

log = logging.getLogger(__name__)

_NAME = "hubspot portal:"  # of `app_state`, with a print of the token
_ASK_AGAIN_AFTER = timedelta(minutes=10)  # where HubSpot did not tell


class Portal:
    """What this process knows of the account; one for all its threads."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._id: int | None = None
        self._asked_at: datetime | None = None

    def known(self) -> int | None:
        """The account's id; None where nobody has asked yet."""
        if self._id is None:
            with self._ctx.store.read() as connection:
                stored = connection.scalar(
                    sa.select(app_state.c.value).where(app_state.c.name == self._name())
                )
            self._id = int(stored) if stored else None
        return self._id

    def learn(self) -> int | None:
        """Ask HubSpot, unless it is known or did not tell just now; never raises for HubSpot."""
        now = self._ctx.now()
        if self.known() is not None or (
            self._asked_at is not None and now - self._asked_at < _ASK_AGAIN_AFTER
        ):
            return self._id
        self._asked_at = now
        beside = self._ctx.borrow()
        try:
            portal_id = account.portal_id(beside.open("hubspot"))
        except ConnectorError as error:
            log.warning("the account of HUBSPOT_ACCESS_TOKEN is not known: %s", error)
            return None
        finally:
            self._ctx.give_back(beside)
        row = {"name": self._name(), "value": str(portal_id)}
        with self._ctx.store.write() as connection:
            upsert(connection, app_state, [row])
        self._id = portal_id
        return portal_id

    def _name(self) -> str:
        credentials = self._ctx.settings.hubspot
        token = credentials.access_token if credentials is not None else ""
        return _NAME + hashlib.blake2b(token.encode(), digest_size=8).hexdigest()
