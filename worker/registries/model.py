"""A registry as it stands, and how old it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.errors import HygieneError
from config.registries import RegistrySettings
from config.settings import Settings
from worker.store.tables import registries

KEY_PREFIX = "registry:"  # begins the key of a listing, among the reports about a number


class ImportState(StrEnum):
    LOADING = "loading"
    REFUSED = "refused"  # it would have taken too much off the list
    FAILED = "failed"
    IN_FORCE = "in_force"  # contacts are still to be told
    DONE = "done"


class UnknownRegistryError(HygieneError):
    exit_code = 2
    http_status = 404

    def __init__(self, name: str) -> None:
        super().__init__(
            f"there is no registry {name!r}; add [registries.{name}] to the file that "
            "HYGIENE_CONFIG names (docs/every-system.md)"
        )


@dataclass(frozen=True, slots=True)
class Registry:
    """A list with an authority. `settings` None: the settings no longer name it; it still counts.

    `id` 0 and `as_of` None: no file has been imported yet. `as_of`: when its file was right.
    """

    id: int
    name: str
    authority: str
    channels: tuple[str, ...]
    generation: int
    numbers: int
    as_of: datetime | None
    settings: RegistrySettings | None

    @property
    def countries(self) -> tuple[str, ...]:
        return self.settings.countries if self.settings else ()

    @property
    def stale_at(self) -> datetime | None:
        """Return from when on the list is stale; None if it never is, or has no file yet."""
        after = (self.settings or RegistrySettings()).stale_after
        return self.as_of + after if self.as_of is not None and after else None

    def is_stale(self, now: datetime) -> bool:
        """Return whether the list is too old, or was never imported."""
        return self.as_of is None or (self.stale_at is not None and now >= self.stale_at)

    def covers(self, region: str, channel: str) -> bool:
        """Return whether the list is about numbers of this region and this channel."""
        return channel in self.channels and (not self.countries or region in self.countries)

    @property
    def denies_when_stale(self) -> bool:
        return self.settings is not None and self.settings.when_stale == "deny"

    def as_json(self, now: datetime) -> dict[str, Any]:
        return {
            "name": self.name,
            "authority": self.authority,
            "channels": list(self.channels),
            "countries": list(self.countries),
            "numbers": self.numbers,
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "stale_at": self.stale_at.isoformat() if self.stale_at else None,
            "stale": self.is_stale(now),
            "configured": self.settings is not None,
        }


def load_all(connection: Connection, settings: Settings) -> list[Registry]:
    """Return all registries: those of the settings, and others whose numbers still count."""
    rows = {row.name: row for row in connection.execute(sa.select(registries))}
    found = []
    for name in sorted({*settings.registries, *rows}):
        chosen, row = settings.registries.get(name), rows.get(name)
        if row is None:
            assert chosen is not None
            found.append(Registry(0, name, chosen.authority, chosen.channels, 0, 0, None, chosen))
        elif chosen is not None or row.numbers:
            channels = chosen.channels if chosen else tuple(row.channels.split())
            authority = chosen.authority if chosen else row.authority
            found.append(
                Registry(row.id, name, authority, channels, row.generation, row.numbers,
                         row.as_of, chosen)
            )  # fmt: skip
    return found


def load_one(connection: Connection, settings: Settings, name: str) -> Registry:
    """Return a registry by its name. Raises `UnknownRegistryError`."""
    for registry in load_all(connection, settings):
        if registry.name == name:
            return registry
    raise UnknownRegistryError(name)
