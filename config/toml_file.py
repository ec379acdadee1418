"""Read the TOML file into the settings' models, with a clear line for each thing that is wrong."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError, create_model

from config import connections
from config.connectors import Connectors, ConnectorSettings, ObjectMap
from config.environment import secret
from config.former_names import use_current_names
from config.plugins import installed_connectors, load_connector
from config.section import SettingsError, environment_variable

Model = TypeVar("Model", bound=BaseModel)


def read_file(
    model: type[Model], path: Path, env: Mapping[str, str], problems: list[str]
) -> Model | None:
    """Read a file into `model`. Return None, and add lines to `problems`, if it cannot be used."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        problems.append(f"HYGIENE_CONFIG: there is no file {path}")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"HYGIENE_CONFIG: {path} cannot be read: {error}")
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{path}: not valid TOML: {error}")
    else:
        problems.extend(f"{path}: {problem}" for problem in use_current_names(raw))
        return _validated(model, raw, path, env, problems)
    return None


def _validated(
    model: type[Model], raw: dict[str, Any], path: Path, env: Mapping[str, str],
    problems: list[str],
) -> Model | None:  # fmt: skip
    before = len(problems)
    connectors: type[Connectors] = Connectors
    if isinstance(tables := raw.get("connectors"), dict):
        problems.extend(f"{path}: {problem}" for problem in connections.take_kinds(tables))
        connectors = _with_connections(tables, env, problems)
        _merge_defaults(tables, connectors)
    if connectors is not Connectors:
        model = create_model("FileSettings", __base__=model, connectors=(connectors, ...))
    try:
        settings = model.model_validate(raw)
    except ValidationError as error:
        names = _known_names(model)
        problems.extend(f"{path}: {_explain(detail, names)}" for detail in error.errors())
        return None
    return settings if len(problems) == before else None


def _with_connections(
    tables: dict[str, Any], env: Mapping[str, str], problems: list[str]
) -> type[Connectors]:
    """Return `Connectors` with a field for each table that names a further connection of a kind, or
    a connector of another package."""
    fields: dict[str, Any] = {}
    for name in tables:
        kind = connections.kind_of(name)
        if name in Connectors.model_fields:
            continue
        if kind in Connectors.model_fields:
            fields[name] = (Connectors.model_fields[kind].annotation, ...)
            continue
        if kind not in installed_connectors():
            continue
        try:
            settings = load_connector(kind).settings_type
        except SettingsError as error:
            problems.extend(error.problems)
            settings = dict
        else:
            _fill_from_environment(name, settings, tables, env, problems)
        fields[name] = (settings, ...)
    return create_model("Connectors", __base__=Connectors, **fields) if fields else Connectors


def _fill_from_environment(
    name: str,
    settings: type[ConnectorSettings],
    tables: dict[str, Any],
    env: Mapping[str, str],
    problems: list[str],
) -> None:
    """Put a connector's secrets into its table, from the variables that its model names."""
    table = tables[name]
    for field, info in settings.model_fields.items():
        of_kind = environment_variable(info)
        if not of_kind or not isinstance(table, dict):
            continue
        variable = connections.variable(name, of_kind)
        if field in table:
            problems.append(
                f"connectors.{name}.{field}: secrets do not belong in the file; set {variable}"
            )
        table.pop(field, None)
        if text := secret(env, variable, problems):
            table[field] = text
        elif info.is_required() and table.get("enabled", True):
            problems.append(f"{variable}: missing; connectors.{name} needs it")


def _merge_defaults(tables: dict[str, Any], connectors: type[Connectors]) -> None:
    """Let a TOML table of fields or objects name only what differs from the defaults."""
    for name, info in connectors.model_fields.items():
        table, model = tables.get(name), info.annotation
        if not isinstance(table, dict) or not (
            isinstance(model, type) and issubclass(model, BaseModel)
        ):
            continue
        defaults = {key: field.default for key, field in model.model_fields.items()}
        if isinstance(table.get("fields"), dict) and isinstance(defaults.get("fields"), BaseModel):
            table["fields"] = {**defaults["fields"].model_dump(), **table["fields"]}
        objects, known = table.get("objects"), defaults.get("objects")
        if isinstance(objects, dict) and isinstance(known, dict):
            for key, mapping in objects.items():
                if key in known and isinstance(mapping, dict):
                    objects[key] = {**known[key].model_dump(), **mapping}


def _explain(detail: Any, known_names: list[str]) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(detail["loc"][-1]), known_names, n=1)
        return f"{where}: no such setting" + (f"; did you mean '{near[0]}'?" if near else "")
    message = detail["msg"].removeprefix("Value error, ")
    return f"{where}: {message} (it says {detail['input']!r})"


def _known_names(model: type[BaseModel]) -> list[str]:
    names: set[str] = set()

    def collect(model: type[BaseModel]) -> None:
        for name, info in model.model_fields.items():
            names.add(name)
            if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
                collect(info.annotation)

    collect(model)
    collect(ObjectMap)
    return sorted(names)
