"""Typed settings: the environment for secrets and addresses, a TOML file for everything else.

`load()` reads both and either returns a whole, checked `Settings` or raises `SettingsError` with
one clear line for each problem, before anything else is read or opened.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from config import alerts as alert_settings
from config import connections, environment
from config import events as event_settings
from config.access import AccessSettings
from config.alerts import AlertSettings
from config.asking import AskingSettings
from config.calling_hours import CallingHours
from config.capture import CaptureSettings
from config.connectors import Connectors, ConnectorSettings, CsvSettings
from config.credentials import (
    AircallCredentials,
    ClearoutPhoneCredentials,
    HubSpotCredentials,
    JustCallCredentials,
    NumVerifyCredentials,
    OidcCredentials,
    PlivoCredentials,
    RndCredentials,
    SalesforceCredentials,
    SinchCredentials,
    TelnyxCredentials,
    TwilioCredentials,
    VonageCredentials,
)
from config.events import EventSettings
from config.feedback import FeedbackSettings
from config.plugins import BUILT_IN_SYSTEMS
from config.registries import RegistryName, RegistrySettings, ScrubSettings
from config.retention import Retention
from config.section import Duration, Section, SettingsError, parse_duration
from config.segments import SegmentSettings
from config.toml_file import read_file
from config.verification import Verification

__all__ = ["Settings", "SettingsError", "load", "parse_duration"]

DEFAULT_TOML = Path(__file__).with_name("hygiene.toml")


class Policy(Section):
    """What may be written, and what a reply by text means for calls."""

    normalize: bool = False  # only this may change what a person typed
    # Leave records alone that were there before us, as long as nothing is wrong with them.
    quiet_first_sync: bool = False
    checked_at_refresh: Duration = timedelta(days=180)
    opt_out_text_stops_calls: bool = True


class Sync(Section):
    every: Duration = timedelta(minutes=15)
    full_every: Duration = timedelta(days=7)
    reverify_every: Duration = timedelta(hours=1)
    reverify_limit: int = Field(10_000, ge=1)
    overlap: Duration = timedelta(minutes=5)
    pages_in_flight: int = Field(6, ge=1, le=64)
    page_contacts: int = Field(500, ge=1, le=5000)
    page_lease: Duration = timedelta(minutes=2)
    page_attempts: int = Field(5, ge=1, le=100)
    # A full read that would remove more of an object from the index asks first.
    max_removals: float = Field(0.05, ge=0, le=1)  # share of the object's contacts
    max_removals_floor: int = Field(50, ge=0)  # contacts that may always be removed
    reread_after: Duration = timedelta(minutes=2)
    # Contacts that are rewritten on a day because their fields are read differently now.
    reading_changes_per_day: int = Field(2000, ge=1)
    schema_ttl: Duration = timedelta(hours=12)


class Http(Section):
    """How calls to a CRM are made: time-outs, number of attempts, waits between them."""

    connect_timeout: float = Field(10.0, gt=0)
    read_timeout: float = Field(60.0, gt=0)
    call_timeout: float = Field(120.0, gt=0)
    attempts: int = Field(6, ge=1, le=20)
    backoff_max: Duration = timedelta(minutes=2)
    backoff_initial: float = Field(0.5, gt=0)


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    json_lines: bool = False


class FileSettings(Section):
    """All settings of the TOML file."""

    connectors: Connectors = Connectors()
    policy: Policy = Policy()
    verification: Verification = Verification()
    sync: Sync = Sync()
    http: Http = Http()
    feedback: FeedbackSettings = FeedbackSettings()
    registries: dict[RegistryName, RegistrySettings] = Field({})
    scrub: ScrubSettings = ScrubSettings()
    capture: CaptureSettings = CaptureSettings()
    calling_hours: CallingHours = CallingHours()
    asking: AskingSettings = AskingSettings()
    retention: Retention = Retention()
    segments: SegmentSettings = SegmentSettings()
    alerts: AlertSettings = AlertSettings()
    events: EventSettings = EventSettings()
    access: AccessSettings = AccessSettings()
    log: Log = Log()


class Settings(FileSettings):
    """All settings: the TOML file, and what comes from the environment."""

    home: Path
    database_url: str
    redis_url: str = ""  # "" = the embedded Redis under `home`
    port: int = 8000
    public_url: str = ""
    secret_key: str = Field("", repr=False)
    secret_key_previous: str = Field("", repr=False)
    admin_password: str = Field("", repr=False)
    admin_token: str = Field("", repr=False)
    salesforce: SalesforceCredentials | None = None
    hubspot: HubSpotCredentials | None = None
    # Of further connections of these kinds, by name.
    named_credentials: dict[str, SalesforceCredentials | HubSpotCredentials] = Field({}, repr=False)
    twilio: TwilioCredentials | None = None
    numverify: NumVerifyCredentials | None = None
    clearoutphone: ClearoutPhoneCredentials | None = None
    rnd: RndCredentials | None = None
    vonage: VonageCredentials | None = None
    telnyx: TelnyxCredentials | None = None
    sinch: SinchCredentials | None = None
    plivo: PlivoCredentials | None = None
    justcall: JustCallCredentials | None = None
    aircall: AircallCredentials | None = None
    oidc: OidcCredentials | None = None
    smtp_url: str = Field("", repr=False)
    alert_webhook_url: str = Field("", repr=False)
    alert_channel_urls: dict[str, str] = Field({}, repr=False)  # by variable
    event_endpoint_secrets: dict[str, str] = Field({}, repr=False)  # by variable
    system_variables: dict[str, str] = Field({}, repr=False)  # of systems, by variable
    toml_path: Path | None = None

    def read_again(self, connector: str) -> timedelta:
        """Return how far back a CRM's changes are read again, since some become visible late:
        records that are committed late (`sync.overlap`), and what searches find late."""
        lag = getattr(getattr(self.connectors, connector, None), "search_lag", timedelta(0))
        return max(self.sync.overlap, lag)

    @property
    def active_connectors(self) -> tuple[str, ...]:
        """Return the connections that are connected and enabled, in a fixed order: ours by their
        credentials, those of other packages by their table in the TOML file."""
        return tuple(
            name for name in self.declared_connectors
            if self.is_connected(name) and self.section(name).enabled
        )  # fmt: skip

    @property
    def declared_connectors(self) -> tuple[str, ...]:
        """Return all connections that there are settings of: the first one of each kind of ours,
        then those of the TOML file in its order."""
        return tuple(type(self.connectors).model_fields)

    def is_connected(self, connector: str) -> bool:
        """Return whether a declared connection has what it needs to be used."""
        kind = connections.kind_of(connector)
        if kind in ("salesforce", "hubspot"):
            return self.credentials_of(connector) is not None
        section = self.section(connector)
        return bool(section.path) if isinstance(section, CsvSettings) else True

    def section(self, connector: str) -> ConnectorSettings | CsvSettings:
        """Return the settings of one connection, by its name."""
        settings: ConnectorSettings | CsvSettings | None = getattr(self.connectors, connector, None)
        if settings is None:  # of a connection that the file no longer declares
            settings = type(getattr(self.connectors, connections.kind_of(connector)))()
        return settings

    def sync_of(self, connector: str) -> Sync:
        """Return `[sync]` as it holds for one connection."""
        own = self.section(connector).sync
        changed = {name: value for name in type(own).model_fields if (value := getattr(own, name))}
        return self.sync.model_copy(update=changed) if changed else self.sync

    def of_kind(self, kind: str) -> tuple[str, ...]:
        """Return the active connections of a kind."""
        return tuple(n for n in self.active_connectors if connections.kind_of(n) == kind)

    def credentials_of(self, connector: str) -> SalesforceCredentials | HubSpotCredentials | None:
        """Return the credentials of a connection to Salesforce or HubSpot; None without any."""
        if connector == "salesforce":
            return self.salesforce
        return self.hubspot if connector == "hubspot" else self.named_credentials.get(connector)

    def hubspot_of(self, connector: str) -> HubSpotCredentials | None:
        """Return the credentials of a connection to HubSpot; None where it has none."""
        found = self.credentials_of(connector)
        return found if isinstance(found, HubSpotCredentials) else None

    def for_connection(self, connector: str) -> Settings:
        """Return the settings as a connector's code takes them, which knows its kind alone: with
        this connection's table and credentials where those of the first one stand."""
        kind = connections.kind_of(connector)
        if connector == kind:
            return self
        tables = self.connectors.model_copy(update={kind: self.section(connector)})
        changed: dict[str, Any] = {"connectors": tables}
        if kind in ("salesforce", "hubspot"):
            changed[kind] = self.named_credentials.get(connector)
        return self.model_copy(update=changed)


def load(env: Mapping[str, str] | None = None, toml_path: Path | None = None) -> Settings:
    """Read the environment and the TOML file; raise `SettingsError` with every problem found."""
    problems: list[str] = []
    env = environment.with_secret_files(os.environ if env is None else env, problems)
    path = toml_path or (Path(env["HYGIENE_CONFIG"]) if env.get("HYGIENE_CONFIG") else None)
    file = FileSettings() if path is None else read_file(FileSettings, path, env, problems)
    values = environment.read(env, problems)
    if file is not None:
        named = [n for n in type(file.connectors).model_fields if n != connections.kind_of(n)]
        values["named_credentials"] = environment.credentials_of(env, named, problems)
        firsts = {kind: values[kind] for kind in ("salesforce", "hubspot") if values[kind]}
        problems += environment.shared_accounts({**firsts, **values["named_credentials"]})
        problems += _check_lists(file, named)
    kinds = {*BUILT_IN_SYSTEMS, *(file.events.kinds if file else ())}
    values["system_variables"] = environment.system_variables(env, sorted(kinds), problems)
    if file is not None:
        problems += _check_both(file, values, path)
    if problems or file is None:
        raise SettingsError(*problems)
    sections = {name: getattr(file, name) for name in FileSettings.model_fields}
    return Settings(**sections, **values, toml_path=path)


def _check_lists(file: FileSettings, named: Sequence[str]) -> list[str]:
    """Return a line for each list of a connection that the file does not declare."""
    lists = [entry.partition(":")[0] for entry in file.segments.lists]
    return [
        f"segments.lists: there is no connection {name}; declare it, or name another one"
        for name in dict.fromkeys(lists)
        if name != connections.kind_of(name) and name not in named
    ]


def _check_both(file: FileSettings, values: Mapping[str, Any], path: Path | None) -> list[str]:
    """Return what is wrong with channels, routes and endpoints, which need both file and
    environment."""
    lines = [
        *alert_settings.check(
            file.alerts, values["alert_channel_urls"], values["smtp_url"],
            values["alert_webhook_url"],
        ),
        *event_settings.check(file.events, values["event_endpoint_secrets"]),
    ]  # fmt: skip
    in_file = ("alerts.", "events.")
    return [f"{path}: {line}" if path and line.startswith(in_file) else line for line in lines]
