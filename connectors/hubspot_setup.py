"""Creates the worker's contact properties in a HubSpot account, in a group of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from connectors.base import ConnectorError, SetupStep
from connectors.fields import TYPES, FieldSpec, ObjectFields, spec_of

if TYPE_CHECKING:
    from connectors.hubspot import HubSpotConnector

GROUP = "phone_hygiene"
_BATCH = 100


def provision(
    connector: HubSpotConnector, wanted: ObjectFields, adopt: Collection[str] = ()
) -> Iterator[SetupStep]:
    """The property group first, then the properties. One of our name that is neither in our group
    nor described as ours is somebody else's: it is left alone, unless it is in `adopt`."""
    answer = connector.call("other", connector.groups.get_all, object_type=wanted.object)
    if any(group["name"] == GROUP for group in answer["results"]):
        yield SetupStep(f"property group {GROUP}", "already there")
    else:
        connector.call(
            "other",
            connector.groups.create,
            object_type=wanted.object,
            property_group_create={"name": GROUP, "label": "Phone hygiene", "displayOrder": -1},
        )
        yield SetupStep(f"property group {GROUP}", "created")
    answer = connector.call("other", connector.properties.get_all, object_type=wanted.object)
    there = {entry["name"]: entry for entry in answer["results"]}
    new = []
    for canonical, name in wanted.names.items():
        spec = spec_of(canonical)
        if name in there:
            adopted = f"{wanted.object}.{name}" in adopt
            yield _existing(connector, wanted.object, name, spec, there[name], adopted)
        else:
            new.append(definition(spec, canonical, name))
    for start in range(0, len(new), _BATCH):
        yield from _create(connector, wanted.object, new[start : start + _BATCH])


def definition(spec: FieldSpec, canonical: str, name: str) -> dict[str, Any]:
    """A PropertyCreate of the Properties API (v3)."""
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
    connector: HubSpotConnector,
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
    connector.call(
        "other",
        connector.properties.update,
        object_type=object_name,
        property_name=name,
        property_update={"options": options},
    )
    return SetupStep(name, "changed", "missing options added")


def _create(
    connector: HubSpotConnector, object_name: str, batch: list[dict[str, Any]]
) -> Iterator[SetupStep]:
    try:
        answer = connector.call(
            "other",
            connector.property_batch.create,
            object_type=object_name,
            batch_input_property_create={"inputs": batch},
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
