"""The doors to the CRMs. `build()` opens one by name; a new one is a file and a line below.

Loads nothing until one is checked or opened: the command line's help needs only the names.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config.settings import Settings
    from connectors.http.pacing import Pace
    from connectors.http.rate_limits import Quota
    from connectors.protocol import Connector

# Module and class, which are loaded when a connector is opened: a CRM's client takes its time.
REGISTRY = {
    "salesforce": ("connectors.salesforce.connector", "SalesforceConnector"),
    "hubspot": ("connectors.hubspot.connector", "HubSpotConnector"),
    "csv": ("connectors.csv_list.connector", "CsvConnector"),
}

_MISSING = {
    "salesforce": "SALESFORCE_LOGIN_URL, SALESFORCE_CLIENT_ID and SALESFORCE_CLIENT_SECRET",
    "hubspot": "HUBSPOT_ACCESS_TOKEN",
    "csv": "connectors.csv.path in the TOML file",
}


def build(name: str, settings: Settings, quota: Quota | None = None) -> Connector:
    """Open a connector; raises `SettingsError` as `check` does.

    Connectors of one CRM that are open at once in a process share a `quota` (`quota_of`).
    """
    check(name, settings)
    module, made = REGISTRY[name]
    opened: Connector = getattr(import_module(module), made).from_settings(
        settings, quota or quota_of(name, settings)
    )
    return opened


def quota_of(name: str, settings: Settings, pace: Pace | None = None) -> Quota:
    """Of a connector, by its settings; `pace`: the line that all processes share."""
    from connectors.http.rate_limits import Quota

    return Quota(name, getattr(getattr(settings.connectors, name), "reserve", 0.0), pace)


def check(name: str, settings: Settings) -> None:
    """Raise `SettingsError` where a connector is unknown, turned off or without credentials."""
    from config.section import SettingsError

    if name not in REGISTRY:
        raise SettingsError(f"{name}: no such connector; there are {', '.join(REGISTRY)}")
    if name not in settings.active_connectors:
        section = getattr(settings.connectors, name)
        if not section.enabled:
            raise SettingsError(f"connectors.{name}.enabled: it is turned off in the TOML file")
        raise SettingsError(f"{name}: not connected; set {_MISSING[name]}")
