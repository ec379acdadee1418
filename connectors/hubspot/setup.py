"""Creates the worker's contact properties in a HubSpot account, in a group of their own, and lists
that keep people with our flags out of HubSpot's own messages.

A plan has room for so many custom properties; that is looked at before anything is created. What
HubSpot answers where the room ends is not documented: after a refusal the room is looked at again.

Sources: HubSpot's guide "Properties" and OpenAPI document `properties` of 2026-09; API reference
"Read custom property limits". Creating a property of the name of an archived one brings the
archived one back: recorded of one created by itself, so such are not created in a batch. Not
confirmed: that it has the values that it had (`hygiene crm probe` cannot ask).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from connectors.errors import ConnectorError, QuotaError, UnavailableError
from connectors.fields import TYPES, FieldSpec, ObjectFields, spec_of
from connectors.http.consistency import property_limits
from connectors.hubspot import lists
from connectors.hubspot.client import OBJECT, Client
from connectors.hubspot.errors import RefusedValuesError
from connectors.hubspot.object_types import object_type
from connectors.hubspot.properties import GROUP, type_of
from connectors.labels import phone_labels, sentence_case
from connectors.records import OwnField, SetupResult

_BATCH = 100
# What can be left out first where a plan has little room: the least needed first.
_EXPENDABLE = (
    "line_type", "e164", "checked_at", "run", "proposed_phone", "isolated", "confirm_link",
    "calling_hours",
    "best_phone", "recheck", "reason",
)  # fmt: skip
_ROOM = "room for custom properties"


@dataclass(frozen=True)
class Room:
    """How many custom properties an object may still get, and of what limit."""

    free: int
    limit: int


def provision(
    client: Client, wanted: ObjectFields, adopt: Collection[str] = ()
) -> Iterator[SetupResult]:
    """The room of the plan first; then the property group, the properties, the lists. One of our
    name that is neither in our group nor described as ours is somebody else's: it is left alone,
    unless it is in `adopt`.
    """
    there = _properties(client, wanted.object)
    labels = phone_labels(
        {phone: str(there.get(phone, {}).get("label") or "") for phone in wanted.phones}
    )
    new = {
        name: definition(spec_of(canonical), name, labels.get(canonical.partition("/")[2], ""))
        for canonical, name in wanted.names.items()
        if name not in there
    }
    if new:
        step = _check_room(client, wanted, [*new])
        if step is not None:
            yield step
            if step.done == "failed":
                return
    yield _make_group(client, wanted.object)
    archived = _properties(client, wanted.object, archived=True) if new else {}
    foreign: set[str] = set()
    for canonical, name in wanted.names.items():
        spec = spec_of(canonical)
        adopted = f"{wanted.object}.{name}" in adopt
        if name in there:
            label = labels.get(canonical.partition("/")[2], "")
            yield _existing(client, wanted.object, name, spec, there[name], adopted, label)
        elif name in archived and (
            stranger := _stranger(wanted.object, name, spec, archived[name], adopted, "an archived")
        ):
            foreign.add(name)
            yield stranger
    ours = {name: body for name, body in new.items() if name not in foreign}
    yield from _make_properties(client, wanted, ours, archived)
    if wanted.object == OBJECT:  # HubSpot's own messages go to contacts
        yield from lists.provision(client, wanted.names, _usable(client, wanted))


def _make_group(client: Client, object_name: str) -> SetupResult:
    path = client.paths.properties(object_name, "groups")
    what = f"property group {GROUP}"
    if any(group["name"] == GROUP for group in client.get("other", path)["results"]):
        return SetupResult(what, "already there")
    client.post("other", path, {"name": GROUP, "label": "Phone hygiene", "displayOrder": -1})
    return SetupResult(what, "created")


def _make_properties(
    client: Client, wanted: ObjectFields, bodies: Mapping[str, Any], archived: Collection[str]
) -> Iterator[SetupResult]:
    """Create properties; those that are archived are brought back."""
    inputs = [body for name, body in bodies.items() if name not in archived]
    made = [
        _create(client, wanted.object, inputs[start : start + _BATCH])
        for start in range(0, len(inputs), _BATCH)
    ]
    brought_back = (
        _bring_back(client, wanted.object, body)
        for name, body in bodies.items()
        if name in archived
    )
    for step in chain(*made, brought_back):
        own = OwnField(wanted.object, step.what, wanted.canonical[step.what])
        yield replace(step, own=own) if step.done == "created" else step


def _usable(client: Client, wanted: ObjectFields) -> dict[str, Any]:
    """Return the properties of ours that are there with the type that ours have."""
    return {
        name: entry
        for name, entry in _properties(client, wanted.object).items()
        if name in wanted.names.values()
        and type_of(entry) in TYPES[spec_of(wanted.canonical[name]).kind]
    }


def _properties(client: Client, object_name: str, archived: bool = False) -> dict[str, Any]:
    query = {"archived": True} if archived else None
    answer = client.get("other", client.paths.properties(object_name), query)
    return {entry["name"]: entry for entry in answer["results"]}


def definition(spec: FieldSpec, name: str, phone: str = "") -> dict[str, Any]:
    """A PropertyCreate of the Properties API. `phone`: what people call the phone field."""
    kind, field_type = {
        "picklist": ("enumeration", "select"),
        "text": ("string", "text"),
        "url": ("string", "text"),
        "bool": ("bool", "booleancheckbox"),
        "datetime": ("datetime", "date"),
    }[spec.kind]
    values = spec.values or (("true", "false") if spec.kind == "bool" else ())
    body: dict[str, Any] = {
        "name": name,
        "label": label_of(spec, phone),
        "type": kind,
        "fieldType": field_type,
        "groupName": GROUP,
        "description": spec.help,
        "formField": False,
        "hidden": False,
    }
    if values:
        labels = {"true": "Yes", "false": "No"}
        body["options"] = [
            {
                "label": labels.get(value, value.replace("_", " ").capitalize()),
                "value": value,
                "displayOrder": place,
                "hidden": False,
            }
            for place, value in enumerate(values)
        ]
    return body


def label_of(spec: FieldSpec, phone: str) -> str:
    """As HubSpot writes labels: only the first word with a capital."""
    if "{phone}" not in spec.label:
        return sentence_case(spec.label)
    rest = sentence_case(spec.label).removeprefix("{phone} ")
    return f"{phone} {rest}"


def _former_label(spec: FieldSpec, name: str, label: str) -> bool:
    """Whether a label is one that an earlier release gave: "Mobilephone Status"."""
    if "{phone}" not in spec.label:
        return label == spec.label
    end = spec.label.removeprefix("{phone}").replace("E.164", "E164")
    start = label.removesuffix(end)
    return start != label and " " not in start and start.lower() in name and start.istitle()


# -- the room of the plan ------------------------------------------------------------------


def room_of(client: Client, object_name: str = OBJECT) -> Room:
    """Raises `ConnectorError` where that cannot be told: a key with crm.schemas scopes alone may
    not ask (observed; the documents ask for a scope of some object's records)."""
    path = client.paths.limits("custom-properties")
    answer = client.get("other", path, check=property_limits)
    pairs = [(answer.get("overallLimit"), answer.get("overallUsage"))]
    pairs += [
        (entry.get("limit"), entry.get("usage"))
        for entry in answer.get("byObjectType") or ()
        if entry.get("objectTypeId") == object_type(object_name).id
    ]
    known = [
        Room(max(0, int(limit - used)), int(limit))
        for limit, used in pairs
        if limit is not None and used is not None
    ]
    if not known:
        raise ConnectorError("hubspot: the answer names no limit")
    return min(known, key=lambda room: room.free)


def _check_room(client: Client, wanted: ObjectFields, new: Collection[str]) -> SetupResult | None:
    """None where there is room enough."""
    try:
        room = room_of(client, wanted.object)
    except (QuotaError, UnavailableError):
        raise
    except ConnectorError as error:
        return SetupResult(_ROOM, "not checked", f"the plan's limit could not be read: {error}")
    if len(new) <= room.free:
        return None
    return SetupResult(
        _ROOM,
        "failed",
        f"{len(new)} are needed and {room.free} of the plan's {room.limit:,} are free; nothing was "
        f"created. Archive properties that nobody uses, or {_left_out(wanted, new, room.free)}",
    )


def _left_out(wanted: ObjectFields, new: Collection[str], free: int) -> str:
    """Which of ours are to be left out so that the rest finds room."""
    over = len(new) - free
    chosen: list[str] = []
    for name in _EXPENDABLE:
        if over <= 0:
            break
        saved = sum(key.partition("/")[0] == name and field in new
                    for key, field in wanted.names.items())  # fmt: skip
        if saved:
            chosen.append(f'{name} = ""')
            over -= saved
    if over <= 0:
        return f"leave some of ours out under [connectors.hubspot.fields]: {', '.join(chosen)}"
    return (
        f"make room for {over} more and leave some of ours out under [connectors.hubspot.fields]: "
        f"{', '.join(chosen)}"
        if chosen
        else f"make room for {over} more: what is left of ours, statuses and flags, is needed"
    )


# -- one property --------------------------------------------------------------------------


def _stranger(
    object_name: str,
    name: str,
    spec: FieldSpec,
    entry: Mapping[str, Any],
    adopted: bool,
    which: str = "a",
) -> SetupResult | None:
    """What is to be said of a property of our name that is not ours; None where it is."""
    setting = f"connectors.hubspot.fields.{spec.name}"
    if type_of(entry) not in TYPES[spec.kind]:
        return SetupResult(
            name,
            "failed",
            f"there is {which} property of that name, of type {entry['type']} and not {spec.kind}; "
            f"it is left alone. Give ours another name: {setting}",
        )
    if not adopted and entry.get("groupName") != GROUP and entry.get("description") != spec.help:
        return SetupResult(
            name,
            "failed",
            f"there is {which} property of that name that we did not make; it is left alone. Give "
            f"ours another name ({setting}), or, if nobody else writes to it, use it: hygiene crm "
            f"setup hubspot --adopt {object_name}.{name}",
        )
    return None


def _existing(
    client: Client,
    object_name: str,
    name: str,
    spec: FieldSpec,
    entry: Mapping[str, Any],
    adopted: bool,
    phone: str,
) -> SetupResult:
    if (stranger := _stranger(object_name, name, spec, entry, adopted)) is not None:
        return stranger
    change: dict[str, Any] = {}
    changes = []
    present = {option["value"] for option in entry["options"]}
    if (
        spec.kind == "picklist"
        and entry["type"] == "enumeration"
        and not set(spec.values) <= present
    ):
        change["options"] = _options(entry, [v for v in spec.values if v not in present])
        changes.append("missing options added")
    label = label_of(spec, phone)
    before = str(entry.get("label") or "")
    if entry.get("groupName") == GROUP and before != label and _former_label(spec, name, before):
        change["label"] = label
        changes.append(f'"{before}" is called "{label}" now')
    if not change:
        return SetupResult(name, "already there")
    client.request("other", "PATCH", client.paths.properties(object_name, name), body=change)
    return SetupResult(name, "changed", "; ".join(changes))


def _options(entry: Mapping[str, Any], lacking: list[str]) -> list[dict[str, Any]]:
    kept = [
        {key: option[key] for key in ("label", "value", "displayOrder", "hidden") if key in option}
        for option in entry["options"]
    ]
    return kept + [
        {"label": v.replace("_", " ").capitalize(), "value": v, "displayOrder": -1, "hidden": False}
        for v in lacking
    ]


def _create(client: Client, object_name: str, batch: list[dict[str, Any]]) -> Iterator[SetupResult]:
    why: dict[str, str] = {}
    created: set[str] = set()
    general = "HubSpot did not say why"
    try:
        answer = client.post(
            "other", client.paths.properties(object_name, "batch/create"), {"inputs": batch}
        )
    except (QuotaError, UnavailableError):
        raise
    except (ConnectorError, RefusedValuesError) as error:
        general = str(error)
    else:
        created = {entry["name"] for entry in answer["results"]}
        why = {
            name: problem["message"]
            for problem in answer.get("errors") or []
            for name in (problem.get("context") or {}).get("name", [])
        }
    full = _full(client, object_name) if len(created) < len(batch) else ""
    for item in batch:
        name = item["name"]
        if name not in created:
            yield SetupResult(name, "failed", f"{why.get(name, general)}{full}")
        else:
            yield SetupResult(name, "created")


def _bring_back(client: Client, object_name: str, body: dict[str, Any]) -> SetupResult:
    """Create a property of the name of an archived one, by itself."""
    name = body["name"]
    try:
        client.post("other", client.paths.properties(object_name), body)
    except (QuotaError, UnavailableError):
        raise
    except (ConnectorError, RefusedValuesError) as error:
        return SetupResult(name, "failed", f"{error}{_full(client, object_name)}")
    return SetupResult(
        name,
        "created",
        "an archived property of that name was brought back with the values that it had: a flag "
        "that is still set counts as somebody's word",
    )


def _full(client: Client, object_name: str) -> str:
    """What to add to a refusal where the plan's room is used up by now."""
    try:
        room = room_of(client, object_name)
    except ConnectorError:
        return ""
    if room.free:
        return ""
    return (
        f". All {room.limit:,} custom properties of the plan are used: archive some, or leave some "
        'of ours out (connectors.hubspot.fields.NAME = ""), and run the set-up again; what was '
        "created stays and is used"
    )
