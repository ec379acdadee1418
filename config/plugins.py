"""Find what installed packages add to this product, by entry point.

Connectors are in the group `phone_hygiene.connectors`: the name there is the connector's name in
the TOML file, and the value is its class (docs/adding-a-connector.md). It is loaded only if the
TOML file has a table `[connectors.NAME]`: an installed package that nobody uses costs nothing and
breaks nothing.

Systems that suppressions are carried to are in the group `phone_hygiene.systems`: the name there is
the `kind` of an endpoint (docs/adding-a-system.md).
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

CONNECTORS = "phone_hygiene.connectors"
SYSTEMS = "phone_hygiene.systems"

# Our own systems, one file each. The name is also the beginning of their variables: KLAVIYO_...
BUILT_IN_SYSTEMS = {
    "twilio": "worker.events.systems.twilio:Twilio",
    "klaviyo": "worker.events.systems.klaviyo:Klaviyo",
    "ringcentral": "worker.events.systems.ringcentral:RingCentral",
    "justcall": "worker.events.systems.justcall:JustCall",
}


@cache
def _entry_points() -> Any:
    """Read the metadata of all installed packages: once a process, since it takes some 12 ms.

    Returns what has a method `select`; its type depends on Python's version.
    """
    return entry_points()


def installed(group: str) -> tuple[EntryPoint, ...]:
    """Return what installed packages add to a group."""
    return tuple(_entry_points().select(group=group))


@cache
def installed_connectors() -> dict[str, EntryPoint]:
    """Return connectors of other packages, by name."""
    return {point.name: point for point in installed(CONNECTORS)}


@cache
def systems() -> dict[str, EntryPoint]:
    """Return the systems that there are, by name: ours, and those of installed packages."""
    ours = {name: EntryPoint(name, value, SYSTEMS) for name, value in BUILT_IN_SYSTEMS.items()}
    return {point.name: point for point in installed(SYSTEMS)} | ours


def load_connector(name: str) -> Any:
    """Import the class of another package's connector; raises `SettingsError` where it cannot be.

    Whatever a foreign module raises while it is imported is told in one line: it must not take the
    command down with a traceback that says nothing of the package.
    """
    # The names are needed where a command line is checked, before anything large is loaded.
    from config.connectors import ConnectorSettings
    from config.section import SettingsError

    point = installed_connectors()[name]
    try:
        loaded = point.load()
    except Exception as error:
        raise SettingsError(
            f"connectors.{name}: {point.value} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not issubclass(getattr(loaded, "settings_type", object), ConnectorSettings):
        raise SettingsError(
            f"connectors.{name}: {point.value} has no settings_type derived from ConnectorSettings"
        )
    return loaded
