"""The connectors to the CRMs. `build()` opens one by name.

A connector is a line in `BUILT_IN`, or an entry point of the group `phone_hygiene.connectors` in an
installed package (`config.plugins`). Loads nothing until one is checked or opened: the command
line's help needs only the names.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
    """All connectors that there are: ours, and those of installed packages."""
    from config.plugins import installed_connectors

    return tuple(dict.fromkeys((*BUILT_IN, *installed_connectors())))


def checked_name(name: str) -> str:
    """Return the name of a connector; raises `ValueError` for any other text."""
    if name not in names():
        raise ValueError(f"there is no connector of this name; available: {', '.join(names())}")
    return name


def build(name: str, settings: Settings, quota: Quota | None = None) -> Connector:
    """Open a connector; raises `SettingsError` as `check` does.

    Connectors of one CRM that are open at once in a process share a `quota` (`quota_of`).
    """
    check(name, settings)
    opened: Connector = _class_of(name).from_settings(settings, quota or quota_of(name, settings))
    return opened


def _class_of(name: str) -> Any:
    if name not in BUILT_IN:
        from config.plugins import load_connector

        return load_connector(name)
    module, class_name = BUILT_IN[name]
    return getattr(import_module(module), class_name)


def quota_of(name: str, settings: Settings, pace: Pace | None = None) -> Quota:
    """Return the quota of a connector by its settings. `pace`: what all processes share."""
    from connectors.http.rate_limits import Quota

    return Quota(name, getattr(getattr(settings.connectors, name, None), "api_reserve", 0.0), pace)


def check(name: str, settings: Settings) -> None:
    """Raise `SettingsError` where a connector is unknown, turned off or not connected."""
    from config.section import SettingsError

    if name not in names():
        raise SettingsError(f"{name}: no such connector; available: {', '.join(names())}")
    if name in settings.active_connectors:
        return
    if name not in type(settings.connectors).model_fields:
        raise SettingsError(f"{name}: not connected; add [connectors.{name}] to the TOML file")
    if not settings.section(name).enabled:
        raise SettingsError(f"connectors.{name}.enabled: it is turned off in the TOML file")
    raise SettingsError(f"{name}: not connected; set {_CREDENTIALS[name]}")
