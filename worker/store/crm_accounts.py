"""Remember which account of its CRM each connection goes to: a HubSpot portal, a Salesforce org.

Ids of records mean other people in another account. So events, cards and links of several
connections are told apart by the account's id, which is asked once for each login. And two
connections that go to one account, by whatever logins, would each take the other's writes for those
of people. A connection that goes to another account than before would take the new account's
records for the former one's, and flags that are not set there for what somebody has cleared.
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

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
    query = sa.select(app_state.c.value).where(app_state.c.name == f"{_OWNER}{connector}")
    with store.read() as connection:
        return connection.scalar(query) or ""


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
