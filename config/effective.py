"""The settings in force, for a person to read: secrets masked, with where each value is from."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel

from config.section import environment_variable
from config.settings import FileSettings, Settings

Origin = Literal["default", "file", "environment"]
_SECRET = "•••••• (set)"
# What came from the environment, by the field that holds it.
_PLAIN = ("home", "port", "public_url", "database_url", "redis_url")
_SECRETS = (
    "secret_key", "secret_key_previous", "admin_password", "admin_token", "smtp_url",
    "alert_webhook_url",
)  # fmt: skip
_GROUPS = ("salesforce", "hubspot", "twilio", "numverify", "clearoutphone", "rnd", "oidc")


@dataclass(frozen=True, slots=True)
class Shown:
    """`name` as an operator writes it: `sync.every`, `HUBSPOT_ACCESS_TOKEN`."""

    name: str
    value: str
    origin: Origin


def shown(settings: Settings) -> list[Shown]:
    """All settings; what a secret holds never."""
    return [*_environment(settings), *_file(settings)]


def _environment(settings: Settings) -> Iterator[Shown]:
    for name in _PLAIN:
        value = _without_password(str(getattr(settings, name)))
        yield Shown(name.upper().replace("HOME", "HYGIENE_HOME"), value or "(none)", "environment")
    for name in _SECRETS:
        if getattr(settings, name):
            yield Shown(name.upper(), _SECRET, "environment")
    for group in _GROUPS:
        held = getattr(settings, group)
        if held is None:
            continue
        for name, info in type(held).model_fields.items():
            value = getattr(held, name)
            if value:
                told = str(value) if info.repr else _SECRET
                yield Shown(f"{group}_{name}".upper(), told, "environment")


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


def _file(settings: Settings) -> Iterator[Shown]:
    given: Mapping[str, Any] = {}
    if settings.toml_path is not None and settings.toml_path.is_file():
        given = tomllib.loads(settings.toml_path.read_text(encoding="utf-8-sig"))
    for section in FileSettings.model_fields:
        yield from _section(getattr(settings, section), section, given.get(section, {}))


def _section(held: Any, name: str, given: Any) -> Iterator[Shown]:
    if isinstance(held, BaseModel):
        for field, info in type(held).model_fields.items():
            if variable := environment_variable(info):
                yield Shown(variable, _SECRET, "environment")
                continue
            inner = given.get(field, {}) if isinstance(given, Mapping) else {}
            yield from _section(getattr(held, field), f"{name}.{field}", inner)
    elif isinstance(held, Mapping):
        for key, value in held.items():
            inner = given.get(key, {}) if isinstance(given, Mapping) else {}
            yield from _section(value, f"{name}.{key}", inner)
    else:
        origin: Origin = "file" if given != {} else "default"
        yield Shown(name, _text(held), origin)


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
    return str(value) if value != "" else "(none)"
