"""Creates the worker's contact properties in a HubSpot account, in a group of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from connectors.base import ConnectorError, SetupStep
from connectors.fields import TYPES, FieldSpec, ObjectFields, spec_of
from connectors.hubspot_client import Client

GROUP = "phone_hygiene"
_BATCH = 100


def provision(
    client: Client, wanted: ObjectFields, adopt: Collection[str] = ()
) -> Iterator[SetupStep]:
    """The property group first, then the properties. One of our name that is neither in our group
    nor described as ours is somebody else's: it is left alone, unless it is in `adopt`."""
    paths = client.paths.properties
    answer = client.get("other", paths(wanted.object, "groups"))
    if any(group["name"] == GROUP for group in answer["results"]):
        yield SetupStep(f"property group {GROUP}", "already there")
    else:
        client.post(
            "other",
            paths(wanted.object, "groups"),
            {"name": GROUP, "label": "Phone hygiene", "displayOrder": -1},
        )
        yield SetupStep(f"property group {GROUP}", "created")
    answer = client.get("other", paths(wanted.object))
    there = {entry["name"]: entry for entry in answer["results"]}
    new = []
    for canonical, name in wanted.names.items():
        spec = spec_of(canonical)
        if name in there:
            adopted = f"{wanted.object}.{name}" in adopt
            yield _existing(client, wanted.object, name, spec, there[name], adopted)
        else:
            new.append(definition(spec, canonical, name))
    for start in range(0, len(new), _BATCH):
        yield from _create(client, wanted.object, new[start : start + _BATCH])


def definition(spec: FieldSpec, canonical: str, name: str) -> dict[str, Any]:
    """A PropertyCreate of the Properties API."""
    phone = canonical.partition("/")[2]
    kind, field_type = {
        "picklist": ("enumeration", "select"),
        "text": ("string", "text"),
        "url": ("string", "text"),
        "bool": ("bool", "booleancheckbox"),
        "datetime": ("datetime", "date"),
    }[spec.kind]
    values = spec.values or (("true", "false") if spec.kind == "bool" else ())
    made: dict[str, Any] = {
        "name": name,
        "label": spec.label.replace("{phone}", phone.capitalize()),
        "type": kind,
        "fieldType": field_type,
        "groupName": GROUP,
        "description": spec.help,
        "formField": False,
        "hidden": False,
    }
    if values:
        labels = {"true": "Yes", "false": "No"}
        made["options"] = [
            {
                "label": labels.get(value, value.replace("_", " ").capitalize()),
                "value": value,
                "displayOrder": place,
                "hidden": False,
            }
            for place, value in enumerate(values)
        ]
    return made


def _existing(
    client: Client,
    object_name: str,
    name: str,
    spec: FieldSpec,
    entry: dict[str, Any],
    adopted: bool,
) -> SetupStep:
    setting = f"connectors.hubspot.fields.{spec.name}"
    if entry["type"] not in TYPES[spec.kind]:
        return SetupStep(
            name,
            "failed",
            f"there is a property of that name, of type {entry['type']} and not {spec.kind}; it is "
            f"left alone. Give ours another name: {setting}",
        )
    if not adopted and entry.get("groupName") != GROUP and entry.get("description") != spec.help:
        return SetupStep(
            name,
            "failed",
            f"there is a property of that name that we did not make; it is left alone. Give ours "
            f"another name ({setting}), or, if nobody else writes to it, use it: hygiene crm setup "
            f"hubspot --adopt {object_name}.{name}",
        )
    held = {option["value"] for option in entry["options"]}
    if spec.kind != "picklist" or entry["type"] != "enumeration" or set(spec.values) <= held:
        return SetupStep(name, "already there")
    options = [
        {key: option[key] for key in ("label", "value", "displayOrder", "hidden") if key in option}
        for option in entry["options"]
    ]
    options += [
        {"label": v.replace("_", " ").capitalize(), "value": v, "displayOrder": -1, "hidden": False}
        for v in spec.values
        if v not in held
    ]
    client.request(
        "other", "PATCH", client.paths.properties(object_name, name), body={"options": options}
    )
    return SetupStep(name, "changed", "missing options added")


def _create(client: Client, object_name: str, batch: list[dict[str, Any]]) -> Iterator[SetupStep]:
    try:
        answer = client.post(
            "other", client.paths.properties(object_name, "batch/create"), {"inputs": batch}
        )
    except ConnectorError as error:
        yield from (SetupStep(item["name"], "failed", str(error)) for item in batch)
        return
    made = {entry["name"] for entry in answer["results"]}
    why = {
        name: problem["message"]
        for problem in answer.get("errors") or []
        for name in (problem.get("context") or {}).get("name", [])
    }
    for item in batch:
        name = item["name"]
        if name in made:
            yield SetupStep(name, "created")
        else:
            yield SetupStep(name, "failed", why.get(name, "HubSpot did not say why"))
