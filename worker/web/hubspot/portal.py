"""Which HubSpot account each of our tokens belongs to.

Several accounts may send to the same address: those of several connections, and a second one in
which the app is installed to test it. Their ids mean other people. So what comes in is compared
with the account that a connection's token is of. That is asked once for each token and kept in the
database.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from connectors.errors import ConnectorError
from connectors.hubspot import account
from worker.context import Context
from worker.store import crm_accounts

log = logging.getLogger(__name__)

_ASK_AGAIN_AFTER = timedelta(minutes=10)  # where HubSpot did not tell


class Portal:
    """What this process knows of a connection's account; one for all its threads."""

    def __init__(self, ctx: Context, connector: str = "hubspot") -> None:
        self._ctx = ctx
        self._connector = connector
        self._id: int | None = None
        self._asked_at: datetime | None = None

    def known(self) -> int | None:
        """The account's id; None where nobody has asked yet, or our records are of another one:
        ids mean other people there, so its events are not taken (HubSpot sends them again). That is
        looked up each time, since the account may be changed while this process runs."""
        if self._id is None:
            ctx = self._ctx
            known = crm_accounts.load(ctx.settings, ctx.store, self._connector)
            self._id = int(known) if known else None
        if self._id is None or self.of_records() not in ("", str(self._id)):
            return None
        return self._id

    def of_records(self) -> str:
        """The account that our records are of, or that it is being changed; "" where that is not
        known: there are none yet."""
        return crm_accounts.of_records(self._ctx.store, self._connector)

    def learn(self) -> int | None:
        """Ask HubSpot, unless it is known or did not tell just now; never raises for HubSpot."""
        now = self._ctx.now()
        asked_just_now = self._asked_at is not None and now - self._asked_at < _ASK_AGAIN_AFTER
        if self.known() is not None or self._id is not None or asked_just_now:
            return self.known()
        self._asked_at = now
        beside = self._ctx.borrow()
        try:
            portal_id = account.portal_id(beside.open(self._connector))
        except ConnectorError as error:
            log.warning("%s: the account of its token is not known: %s", self._connector, error)
            return None
        finally:
            self._ctx.give_back(beside)
        ctx = self._ctx
        crm_accounts.record(ctx.settings, ctx.store, self._connector, str(portal_id))
        self._id = portal_id
        return self.known()


class Portals:
    """The accounts of all connections to HubSpot, by the connection's name."""

    def __init__(self, ctx: Context) -> None:
        settings = ctx.settings
        names = settings.of_kind("hubspot") or (("hubspot",) if settings.hubspot else ())
        self._portals = {name: Portal(ctx, name) for name in names}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._portals)

    @property
    def only(self) -> Portal | None:
        """The account where there is one connection; None where there are several, or none."""
        return next(iter(self._portals.values())) if len(self._portals) == 1 else None

    def of(self, names: Iterable[str], account: str) -> list[str]:
        """Return those of the connections `names` that belong to the account of this id."""
        return [name for name in names if str(self._portals[name].known()) == account]

    def unknown(self, names: Iterable[str]) -> list[Portal]:
        """Return the accounts of these connections that nobody has asked for yet."""
        return [self._portals[name] for name in names if self._portals[name].known() is None]
