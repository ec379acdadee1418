"""What HubSpot's property definitions say: of what type one is, and whether it holds phones.

Source: HubSpot's guide "Properties" (types and field types) and its OpenAPI document `properties`
of 2026-09.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from connectors.errors import ConnectorError
from connectors.records import SchemaProblem

GROUP = "phone_hygiene"
Definition = Mapping[str, Any]

_TOKENS = re.compile(r"[a-z]+|[^\W\d_]+", re.IGNORECASE)
_NAMED_SO = frozenset(
    "phone phones phonenumber telephone tel mobile mobilephone cell cellphone whatsapp sms fax "
    "hotline dial telefon telefonnummer handy handynummer durchwahl rufnummer telefono teléfono "
    "movil móvil celular telefone telemovel telemóvel cellulare téléphone portable".split()
)
_FAX = frozenset(("fax", "faxnumber", "telefax"))
_LINE = re.compile(r"\b(?:direct|desk|office|home|work|land)[\s_]*line\b", re.IGNORECASE)
_SAMPLE = 10  # values of a property of text that are looked at
_MOST = 25  # properties of text that are looked at: each is a search


def type_of(definition: Definition) -> str:
    """The type that decides how values are written. A checkbox may also be made as an enumeration
    of `true` and `false`, and takes the same values."""
    kind = str(definition["type"])
    values = {option["value"] for option in definition.get("options") or ()}
    return "bool" if kind == "enumeration" and values == {"true", "false"} else kind


def is_read_only(definition: Definition) -> bool:
    metadata = definition.get("modificationMetadata") or {}
    return bool(metadata.get("readOnlyValue") or definition.get("calculated"))


def is_fax(definition: Definition) -> bool:
    return bool(_words(definition) & _FAX)


def named_like_a_phone(definition: Definition) -> bool:
    return bool(_words(definition) & _NAMED_SO) or any(
        _LINE.search(str(definition.get(key) or "")) for key in ("name", "label")
    )


def _words(definition: Definition) -> set[str]:
    texts = (str(definition.get("name") or ""), str(definition.get("label") or ""))
    return {word.casefold() for text in texts for word in _TOKENS.findall(text.replace("_", " "))}


# Takes a property's name and how many values; how many contacts hold one, and some of the values.
Look = Callable[[str, int], tuple[int, list[str]]]


def unwatched(
    object_name: str, definitions: Collection[Definition], watched: Collection[str], look: Look
) -> Iterator[SchemaProblem]:
    """Properties that hold phone numbers and that nobody watches: those that are made for phones,
    and those of plain text that are called like one and hold some. What HubSpot calculates from
    another property is none of them, since that one is watched."""
    looked = 0
    for entry in sorted(definitions, key=lambda definition: str(definition["name"])):
        name = str(entry["name"])
        ours = entry.get("groupName") == GROUP
        if name in watched or ours or is_read_only(entry) or entry.get("archived"):
            continue
        made_for_phones = entry["type"] == "phone_number" or entry["fieldType"] == "phonenumber"
        texts = entry["type"] == "string" and named_like_a_phone(entry)
        if not made_for_phones and (not texts or looked >= _MOST):
            continue
        looked += not made_for_phones
        try:
            filled, values = look(name, 0 if made_for_phones else _SAMPLE)
        except ConnectorError:
            if not made_for_phones:
                continue
            usage = f"how many {object_name} have one could not be asked"
        else:
            if not made_for_phones and not _are_phones(values):
                continue
            usage = f"{filled:,} {object_name} have one" if filled else "none has one yet"
        yield SchemaProblem(object_name, name, _what(object_name, entry, usage), blocks=False)


def _what(object_name: str, entry: Definition, usage: str) -> str:
    label = f'"{entry.get("label")}" holds phone numbers ({usage})'
    if is_fax(entry):
        return f"{label}, of fax machines: left aside, since nobody is called or texted there"
    return (
        f"{label} and is not watched: add it to connectors.hubspot.objects.{object_name}.phones, "
        "or nobody checks these numbers and no opt-out finds them"
    )


def _are_phones(values: Collection[str]) -> bool:
    """Whether most of some values could be phone numbers: 7 to 15 digits, and little else."""
    good = 0
    for value in values:
        digits = sum(ch.isdigit() for ch in value)
        letters = sum(ch.isalpha() for ch in value)
        good += 7 <= digits <= 20 and letters <= 6
    return bool(values) and good * 2 > len(values)
