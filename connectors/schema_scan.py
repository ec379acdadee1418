"""What a look through a CRM's schema finds: phone fields, how full they are, and what to set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScannedField:
    """A phone field. `filled`: records that hold one, None where that could not be counted.
    `left_aside`: why it is not proposed, "" where it is, or is watched already."""

    name: str
    label: str
    filled: int | None = None
    watched: bool = False
    left_aside: str = ""

    @property
    def proposed(self) -> bool:
        """Whether to watch it: somebody may be called by it. An empty field costs nothing, but
        nobody has used it so far."""
        return not self.watched and not self.left_aside and self.filled != 0


@dataclass(frozen=True, slots=True)
class ScannedObject:
    """An object with phone fields, or one that could not be looked at (`problem`). `records`: how
    many our user sees, None where that could not be counted. `country`: the fields that tell a
    record's country."""

    object: str
    records: int | None = None
    fields: Sequence[ScannedField] = ()
    country: Sequence[str] = ()
    problem: str = ""

    @property
    def watched(self) -> bool:
        return any(field.watched for field in self.fields)

    @property
    def phones(self) -> list[str]:
        """Return the phone fields to set: those that are watched, and those that are proposed."""
        return [field.name for field in self.fields if field.watched or field.proposed]


def to_toml(connector: str, objects: Iterable[ScannedObject]) -> str:
    """Return tables to paste into the settings; "" where nothing is proposed. They name all objects
    that are watched as well, since objects in a file replace the default ones.

    >>> phone = ScannedField("Phone", "Phone", 3)
    >>> print(to_toml("salesforce", [ScannedObject("Site__c", 4, [phone])]))
    [connectors.salesforce.objects.Site__c]
    phones = ["Phone"]
    """
    wanted = [of for of in objects if of.phones]
    if not any(field.proposed for of in wanted for field in of.fields):
        return ""
    return "\n\n".join(_table(connector, of) for of in wanted)


def _table(connector: str, of: ScannedObject) -> str:
    key = of.object if of.object.replace("_", "").isalnum() else f'"{of.object}"'
    lines = [f"[connectors.{connector}.objects.{key}]", f"phones = {_listed(of.phones)}"]
    if of.country and not of.watched:
        lines.append(f"country = {_listed(of.country)}")
    return "\n".join(lines)


def _listed(names: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"
