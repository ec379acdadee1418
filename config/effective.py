"""Describe the settings in force: each value and where it is from, with secrets masked."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel

from config import connections
from config.connectors import Connectors
from config.events import SECRET_ENDS
from config.former_names import use_current_names
from config.section import environment_variable
from config.settings import FileSettings, Settings

Origin = Literal["default", "file", "environment"]
_SECRET = "•••••• (set)"
# Fields of `Settings` that come from the environment: plain ones, secrets, and groups.
_PLAIN = ("home", "port", "public_url", "database_url", "redis_url")
_SECRETS = (
    "secret_key", "secret_key_previous", "admin_password", "admin_token", "smtp_url",
    "alert_webhook_url",
)  # fmt: skip
_VARIABLES = {"TWILIO_URL": "TWILIO_LOOKUP_URL"}  # not named after its field
_GROUPS = (
    "salesforce", "hubspot", "twilio", "numverify", "clearoutphone", "rnd", "vonage", "telnyx",
    "sinch", "plivo", "justcall", "aircall", "oidc",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EffectiveSetting:
    """`name` as an operator writes it: `sync.every`, `HUBSPOT_ACCESS_TOKEN`."""

    name: str
    value: str
    origin: Origin


def describe(settings: Settings) -> list[EffectiveSetting]:
    """List all settings. The values of secrets are never shown."""
    return [*_environment(settings), *_file(settings)]


def _environment(settings: Settings) -> Iterator[EffectiveSetting]:
    for name in _PLAIN:
        value = _without_password(str(getattr(settings, name)))
        yield EffectiveSetting(
            name.upper().replace("HOME", "HYGIENE_HOME"),
            value or "(none)",
            "environment" if value else "default",
        )
    for name in _SECRETS:
        if getattr(settings, name):
            yield EffectiveSetting(name.upper(), _SECRET, "environment")
    for variable in (*settings.alert_channel_urls, *settings.event_endpoint_secrets):
        yield EffectiveSetting(variable, _SECRET, "environment")
    shown = set()
    for group in _GROUPS:
        credentials = getattr(settings, group)
        if credentials is None:
            continue
        for name, info in type(credentials).model_fields.items():
            value = getattr(credentials, name)
            if value:
                text = str(value) if info.repr else _SECRET
                variable = f"{group}_{name}".upper()
                shown.add(_VARIABLES.get(variable, variable))
                yield EffectiveSetting(_VARIABLES.get(variable, variable), text, "environment")
    for connection, credentials in settings.named_credentials.items():
        kind = connections.kind_of(connection)
        for name, info in type(credentials).model_fields.items():
            if value := getattr(credentials, name):
                variable = connections.variable(connection, f"{kind}_{name}".upper())
                text = str(value) if info.repr else _SECRET
                yield EffectiveSetting(variable, text, "environment")
    for variable, value in settings.system_variables.items():
        if variable not in shown:
            text = _SECRET if variable.endswith(SECRET_ENDS) else value
            yield EffectiveSetting(variable, text, "environment")


def _without_password(url: str) -> str:
    """
    >>> _without_password("postgresql://kim:secret@db/hygiene")
    'postgresql://kim:••••••@db/hygiene'
    """
    scheme, mark, rest = url.partition("://")
    user, at, place = rest.rpartition("@")
    if not (mark and at):
        return url
    name = user.partition(":")[0]
    return f"{scheme}://{name}:••••••@{place}"


def _file(settings: Settings) -> Iterator[EffectiveSetting]:
    document: dict[str, Any] = {}
    if settings.toml_path is not None and settings.toml_path.is_file():
        document = tomllib.loads(settings.toml_path.read_text(encoding="utf-8-sig"))
        use_current_names(document)
    for section in FileSettings.model_fields:
        yield from _section(getattr(settings, section), section, document.get(section, {}))


def _section(value: Any, name: str, in_file: Any) -> Iterator[EffectiveSetting]:
    if isinstance(value, Connectors):
        for field in type(value).model_fields:
            kind = connections.kind_of(field)
            if field != kind:
                yield EffectiveSetting(f"{name}.{field}.kind", kind, "file")
    if isinstance(value, BaseModel):
        for field, info in type(value).model_fields.items():
            if variable := environment_variable(info):
                if name.startswith("connectors."):
                    variable = connections.variable(name.split(".")[1], variable)
                yield EffectiveSetting(variable, _SECRET, "environment")
                continue
            inner = in_file.get(field, {}) if isinstance(in_file, Mapping) else {}
            yield from _section(getattr(value, field), f"{name}.{field}", inner)
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            inner = in_file.get(key, {}) if isinstance(in_file, Mapping) else {}
            yield from _section(entry, f"{name}.{key}", inner)
    else:
        origin: Origin = "file" if in_file != {} else "default"
        yield EffectiveSetting(name, _text(value), origin)


def _text(value: Any) -> str:
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
            if seconds and seconds % size == 0:
                return f"{seconds // size}{unit}"
        return f"{seconds}s"
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value)) or "(none)"
    if value is None:
        return "none"
    if isinstance(value, bool):  # as the file has it
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if value != "" else "(none)"
