"""Pipedrive's fields of persons: which of them the settings mean, and what their values say.

A field of the company's own has a key of 40 random hexadecimal digits; the settings name it by that
or by the name that people see. Options have ids. Pipedrive has no checkboxes and no dates with a
time that can be made, so a flag is a field of one option, "Yes", and a time is text.
Source: API reference, `GET` and `POST /api/v2/personFields`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from connectors.errors import SchemaError
from connectors.fields import FieldSpec, ObjectFields, spec_of
from connectors.http.client import ContradictionError
from connectors.records import CrmField, Value
from phone_hygiene_pipedrive.client import Client
from phone_hygiene_pipedrive.settings import LABELS, PERSONS

KEY: Final = re.compile(r"[0-9a-f]{40}")
_TEXTS: Final = {
    "varchar": 255,
    "varchar_auto": 255,
    "phone": 255,
    "text": 0,
}  # characters; 0: many
_YES: Final = ("yes", "true")
_NO: Final = ("no", "false")
_LISTS: Final = {"email": "emails", "phone": "phones"}  # field -> where a person has its values
_PAGE: Final = 500


def definitions(client: Client) -> list[dict[str, Any]]:
    """All fields of persons, as the CRM has them now."""
    found: list[dict[str, Any]] = []
    query: dict[str, str | int] = {"limit": _PAGE}
    while True:
        answer = client.get("other", "personFields", query, check=_some_fields)
        found += answer["data"]
        cursor = (answer.get("additional_data") or {}).get("next_cursor")
        if not cursor:
            return found
        if cursor == query.get("cursor"):
            raise SchemaError("pipedrive: the list of fields does not end; try again later")
        query["cursor"] = str(cursor)


def _some_fields(answer: Any) -> None:
    if not isinstance(answer["data"], list) or not answer["data"]:
        raise ContradictionError("the answer says that persons have no fields at all")


def find(name: str, entries: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], str] | None:
    """The field that the settings mean by a name, and of a field in parts (an address) the part:
    "Home address.country". None where there is none; raises `SchemaError` where there are two."""
    entries = list(entries)
    for whole, part in ((name, ""), (name.rpartition(".")[0], name.rpartition(".")[2])):
        matches = [e for e in entries if whole and whole in (e["field_code"], e["field_name"])]
        by_key = [entry for entry in matches if entry["field_code"] == whole]
        if len(by_key or matches) > 1:
            raise SchemaError(
                f"pipedrive: persons have two fields named {whole}; name the one that is meant by "
                f"its API key, in connectors.pipedrive, or rename the other in Pipedrive"
            )
        if matches:
            return (by_key or matches)[0], part
    return None


def describe(wanted: ObjectFields, entries: Sequence[Mapping[str, Any]]) -> dict[str, CrmField]:
    """What of `wanted` there is, by the names in the settings."""
    has_phones = any(entry["field_code"] == "phone" for entry in entries)
    described: dict[str, CrmField] = {}
    for name in dict.fromkeys(wanted.read):
        if name in wanted.phones and name in LABELS:
            if has_phones:
                # A label's numbers stand in one list with all others, which a write would replace
                # as a whole: what somebody typed meanwhile would be lost. So they are only read.
                described[name] = CrmField("phone", writable=False, details={"label": name})
        elif found := find(name, entries):
            entry, part = found
            canonical = wanted.canonical.get(name)
            described[name] = _field(entry, part, spec_of(canonical) if canonical else None)
    return described


def flag(entry: Mapping[str, Any]) -> CrmField | None:
    """A field as a flag; None where its options do not say yes and no."""
    options = [value_of(str(option["label"])) for option in entry.get("options") or ()]
    return _field(entry, "", spec_of("wrong_number")) if is_flag(options) else None


def _field(entry: Mapping[str, Any], part: str, spec: FieldSpec | None) -> CrmField:
    options = {value_of(str(o["label"])): o["id"] for o in entry.get("options") or ()}
    own = bool(entry.get("is_custom_field"))
    details = {"key": entry["field_code"], "own": own, "part": part, "options": options}
    kind, values, length = str(entry["field_type"]), None, 0
    if kind in _TEXTS:
        length = _TEXTS[kind]
        kind = "datetime" if spec is not None and spec.kind == "datetime" else "text"
    elif kind == "enum":
        if spec is not None and spec.kind == "bool" and is_flag(options):
            kind = "bool"
        else:
            kind, values = "picklist", tuple(options)
    return CrmField(kind, own, values, length, details=details)


def is_flag(options: Iterable[str]) -> bool:
    """Whether options say yes, or yes and no, and nothing else."""
    values = set(options)
    return bool(values & set(_YES)) and values <= {*_YES, *_NO}


def value_of(label: str) -> str:
    """
    >>> value_of("Toll free")
    'toll_free'
    """
    return "_".join(label.casefold().split())


@dataclass(frozen=True, slots=True)
class Column:
    """How one field is read from a person and written. `options`: value -> id."""

    key: str
    own: bool
    part: str
    kind: str
    options: Mapping[str, int]
    values: Mapping[str, str] = field(default_factory=dict)  # id -> value

    @classmethod
    def of(cls, entry: CrmField) -> Column:
        options = dict(entry.details.get("options") or {})
        return cls(
            str(entry.details["key"]),
            bool(entry.details.get("own")),
            str(entry.details.get("part") or ""),
            entry.type,
            options,
            {str(option): value for value, option in options.items()},
        )

    def read(self, person: Mapping[str, Any]) -> Any:
        values = (person.get("custom_fields") or {}) if self.own else person
        value = values.get(_LISTS.get(self.key, self.key))
        if self.part:
            value = value.get(self.part) if isinstance(value, dict) else None
        if self.key in _LISTS and not self.own:
            return next((entry["value"] for entry in _primary_first(value)), None)
        if self.options:
            chosen = value if isinstance(value, list) else [] if value is None else [value]
            texts = [self.values.get(str(option), str(option)) for option in chosen]
            if self.kind == "bool":
                return any(text in _YES for text in texts)
            return "; ".join(texts) or None
        return value

    def can_hold(self, value: Value) -> bool:
        return not self.options or value in (None, False) or self._option(value) is not None

    def written(self, value: Value) -> Any:
        """A value as the API takes it: null empties a field (API reference, `PATCH persons`)."""
        if self.options:
            return None if value in (None, False) else self._option(value)
        return value

    def _option(self, value: Value) -> int | None:
        names = _YES if value is True else (str(value),)
        return next((self.options[name] for name in names if name in self.options), None)


def phone_texts(person: Mapping[str, Any], labels: Sequence[str]) -> dict[str, str]:
    """Label -> the numbers with it, the primary one first; "" where there is none. What has another
    label than Pipedrive's four, or none, stands with `other` (or with the last of `labels`)."""
    texts: dict[str, list[str]] = {label: [] for label in labels}
    rest = "other" if "other" in texts else labels[-1] if labels else ""
    for entry in _primary_first(person.get("phones")):
        label = str(entry.get("label") or "").strip().casefold()
        place = label if label in LABELS else rest
        if place in texts:
            texts[place].append(str(entry["value"]))
    return {label: "; ".join(numbers) for label, numbers in texts.items()}


def _primary_first(entries: Any) -> Iterator[Mapping[str, Any]]:
    filled = [entry for entry in entries or () if entry.get("value")]
    yield from sorted(filled, key=lambda entry: not entry.get("primary"))


def columns_of(schema: Mapping[str, Mapping[str, CrmField]]) -> dict[str, Column]:
    return {
        name: Column.of(entry)
        for name, entry in schema.get(PERSONS, {}).items()
        if "key" in entry.details
    }
