"""The connectors to the CRMs. `build()` opens one by name.

A connector is a line in `BUILT_IN`, or an entry point of the group `phone_hygiene.connectors` in an
installed package (`config.plugins`). Of each there may be several connections, each with a name of
its own (`config.connections`). Loads nothing until one is checked or opened: the command
line's help needs only the names.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from config import connections

if TYPE_CHECKING:
    from config.settings import Settings
    from connectors.http.pacing import Pace
    from connectors.http.rate_limits import Quota
    from connectors.protocol import Connector

# Module and class, which are loaded when a connector is opened: a CRM's client takes its time.
BUILT_IN = {
    "salesforce": ("connectors.salesforce.connector", "SalesforceConnector"),
    "hubspot": ("connectors.hubspot.connector", "HubSpotConnector"),
    "csv": ("connectors.csv_list.connector", "CsvConnector"),
}

_CREDENTIALS = {
    "salesforce": "SALESFORCE_LOGIN_URL, SALESFORCE_CLIENT_ID and SALESFORCE_CLIENT_SECRET",
    "hubspot": "HUBSPOT_ACCESS_TOKEN",
    "csv": "connectors.csv.path in the TOML file",
}


def names() -> tuple[str, ...]:
    """All names that a connector can be called by: ours, those of installed packages, and further
    connections that the TOML file declares."""
    return tuple(dict.fromkeys((*connections.kinds(), *connections.declared())))


def checked_name(name: str) -> str:
    """Return a name that a connection can have; raises `ValueError` for any other text."""
    if not connections.is_well_formed(name):
        raise ValueError(f"there is no connector of this name; available: {', '.join(names())}")
    return name


def build(name: str, settings: Settings, quota: Quota | None = None) -> Connector:
    """Open a connector; raises `SettingsError` as `check` does.

    Connectors of one CRM that are open at once in a process share a `quota` (`quota_of`).
    """
    check(name, settings)
    from connectors.named import give_name, renamed_errors

    kind = connections.kind_of(name)
    with renamed_errors(name):
        opened: Connector = _class_of(kind).from_settings(
            settings.for_connection(name), quota or quota_of(name, settings)
        )
    if name != kind:
        give_name(opened, name)
    return opened


def load(name: str) -> None:
    """Load a connector's code and its CRM's client library, without opening it."""
    _class_of(connections.kind_of(name))


def _class_of(kind: str) -> Any:
    if kind not in BUILT_IN:
        from config.plugins import load_connector

        return load_connector(kind)
    module, class_name = BUILT_IN[kind]
    return getattr(import_module(module), class_name)


def quota_of(name: str, settings: Settings, pace: Pace | None = None) -> Quota:
    """Return the quota of a connector by its settings. `pace`: what all processes share."""
    from connectors.http.rate_limits import Quota

    return Quota(name, getattr(getattr(settings.connectors, name, None), "api_reserve", 0.0), pace)


def check(name: str, settings: Settings) -> None:
    """Raise `SettingsError` where a connector is unknown, turned off or not connected."""
    from config.section import SettingsError

    if name in settings.active_connectors:
        return
    if connections.is_former(name):
        raise SettingsError(
            f"{name} is an account that {connections.present_name(name)} went to before: nothing "
            "is read or written there any more"
        )
    kind = connections.kind_of(name)
    if name not in settings.declared_connectors:
        if not connections.is_well_formed(name):
            known = dict.fromkeys((*connections.kinds(), *settings.declared_connectors))
            raise SettingsError(f"{name}: no such connector; available: {', '.join(known)}")
        with_kind = f' with kind = "{kind}"' if name != kind else ""
        raise SettingsError(
            f"{name}: not connected; add [connectors.{name}]{with_kind} to the TOML file"
        )
    if not settings.section(name).enabled:
        raise SettingsError(f"connectors.{name}.enabled: it is turned off in the TOML file")
    needed = connections.in_words_of(name, _CREDENTIALS[kind])
    raise SettingsError(f"{name}: not connected; set {needed}")
