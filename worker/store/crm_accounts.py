"""Remember which account of its CRM each connection goes to: a HubSpot portal, a Salesforce org.

Ids of records mean other people in another account. So events, cards and links of several
connections are told apart by the account's id, which is asked once for each login. And two
connections that go to one account, by whatever logins, would each take the other's writes for those
of people. A connection that goes to another account than before would take the new account's
records for the former one's, and flags that are not set there for what somebody has cleared.

`worker.ops.account_change` lets a name take another account. All accounts that a name has gone to
are kept, in the order of their first use, and their places tell apart what is kept of each:

- What is left of a former account stands in our tables under its *former name*, such as `hubspot@1`
  (`config.connections.former_name`).
- Links and keyed hashes outlive a change and cannot be renamed. They hold the *lasting name* of an
  account: `hubspot` for the first one, `hubspot@2` for the second, whichever is in use.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config import connections
from config.credentials import HubSpotCredentials, SalesforceCredentials
from config.settings import Settings
from worker.store.bulk import upsert
from worker.store.engine import Store
from worker.store.tables import app_state

# Of `app_state`, with a print of the login.
_NAMES = {"hubspot": "hubspot portal:", "salesforce": "salesforce org:"}
KINDS = tuple(_NAMES)
_OWNER = "crm account of:"  # of `app_state`, with the connection's name
_ACCOUNTS = "crm accounts of:"  # of `app_state`, with the connection's name
# In place of the account while that is changed: no login goes there, also for a process of the
# version before.
BEING_CHANGED = "being changed"


def load(settings: Settings, store: Store, connector: str) -> str:
    """Return the id of a connection's account; "" where nobody has asked yet."""
    query = sa.select(app_state.c.value).where(app_state.c.name == _name(settings, connector))
    with store.read() as connection:
        return connection.scalar(query) or ""


def record(settings: Settings, store: Store, connector: str, account: str) -> None:
    row = {"name": _name(settings, connector), "value": account}
    with store.write() as connection:
        upsert(connection, app_state, [row])


def another_of(settings: Settings, store: Store, connector: str, account: str) -> str:
    """Return another connection that is on and goes to this account, by what was recorded; "" if
    there is none. The first in the order of the settings."""
    others = settings.of_kind(connections.kind_of(connector))
    names = {_name(settings, other): other for other in others if other != connector}
    query = sa.select(app_state.c.name).where(
        app_state.c.name.in_(names), app_state.c.value == account
    )
    with store.read() as connection:
        found = {names[name] for name in connection.scalars(query)}
    return next((other for other in others if other in found), "")


def settle(store: Store, connector: str, account: str) -> str:
    """Return the account that a connection's records in our index are of: this one, if none is
    recorded yet. It is kept when the connection is removed: if it comes back, it must be the same.
    """
    if known := of_records(store, connector):
        return known
    with store.write() as connection:
        row = {"name": f"{_OWNER}{connector}", "value": account}
        upsert(connection, app_state, [row], ignore=True)
    return of_records(store, connector) or account  # of two processes at once, the first one's


def of_records(store: Store, connector: str) -> str:
    """Return the account that our records of a connection are of; "" where that is not known."""
    with store.read() as connection:
        return connection.scalar(of_records_query(connector)) or ""


def of_records_query(connector: str) -> sa.Select[Any]:
    """Return the query of `of_records`, to be asked beside something else."""
    return _row(f"{_OWNER}{connector}")


# -- the accounts that a name has gone to ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts that a connection has gone to, in the order of their first use; "" for one that
    its CRM did not tell. `current`: the place of the one that its records are of. `target`: of the
    one that it is being changed to, None most of the time."""

    ids: tuple[str, ...]
    current: int = 0
    target: int | None = None


def load_accounts(connection: Connection, connector: str) -> Accounts:
    stored: str | None = connection.scalar(_row(f"{_ACCOUNTS}{connector}"))
    if stored is not None:
        return msgspec.json.decode(stored, type=Accounts)
    return Accounts((connection.scalar(of_records_query(connector)) or "",))


def store_accounts(connection: Connection, connector: str, accounts: Accounts) -> None:
    """Store the accounts of a connection, and with them which one its records are of: none while
    it is being changed. Waits for whoever `hold`s it."""
    row = {"name": f"{_ACCOUNTS}{connector}", "value": msgspec.json.encode(accounts).decode()}
    upsert(connection, app_state, [row])
    owner = accounts.ids[accounts.current] if accounts.target is None else BEING_CHANGED
    if owner:
        upsert(connection, app_state, [{"name": f"{_OWNER}{connector}", "value": owner}])
    else:
        connection.execute(sa.delete(app_state).where(app_state.c.name == f"{_OWNER}{connector}"))


def hold(connection: Connection, connector: str) -> str:
    """Return the account that a connection's records are of, as `of_records` does, and let nobody
    change it until the transaction ends."""
    query = of_records_query(connector).with_for_update(read=True)
    account: str | None = connection.scalar(query)
    return account or ""


def lasting_name(connection: Connection, connector: str) -> str:
    """Return what stands for a connection's present account in links and keyed hashes."""
    return _lasting(connector, load_accounts(connection, connector).current)


def name_now(connection: Connection, lasting: str) -> str:
    """Return the name under which the records of an account stand now, by its lasting name."""
    connector, _, place = lasting.partition(connections.FORMER)
    index = int(place) - 1 if place.isdigit() else 0
    if index == load_accounts(connection, connector).current:
        return connector
    return connections.former_name(connector, index + 1)


def _lasting(connector: str, index: int) -> str:
    return connections.former_name(connector, index + 1) if index else connector


def _row(name: str) -> sa.Select[Any]:
    return sa.select(app_state.c.value).where(app_state.c.name == name)


def _name(settings: Settings, connector: str) -> str:
    credentials = settings.credentials_of(connector)
    login = ""
    if isinstance(credentials, HubSpotCredentials):
        login = credentials.access_token or credentials.refresh_token
        if connector != "hubspot":
            login = f"{connector} {credentials.api_url} {login}"
    elif isinstance(credentials, SalesforceCredentials):
        parts = (
            connector, credentials.login_url, credentials.instance_url, credentials.client_id,
            credentials.username, credentials.access_token,
        )  # fmt: skip
        login = " ".join(parts)
    begin = _NAMES[connections.kind_of(connector)]
    return begin + hashlib.blake2b(login.encode(), digest_size=8).hexdigest()
