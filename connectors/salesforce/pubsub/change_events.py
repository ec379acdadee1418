"""Read change events: whose change it was, of which records, and of which fields. No I/O.

Sources: Change Data Capture Developer Guide, "ChangeEventHeader Fields", "Gap Events", "Overflow
Events" and "Get Compound Fields in Change Events"; Pub/Sub API, "Event Deserialization
Considerations", and `ChangeEventHeaderUtility.py` in Salesforce's examples for the bitmaps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.salesforce.record_ids import PREFIXES, is_record_id

HEADER = "ChangeEventHeader"
# How our writes are marked, in the header Sforce-Call-Options of REST and Bulk calls. Salesforce
# repeats it in `changeOrigin`: com/salesforce/api/rest/62.0;client=phone-hygiene.
CLIENT = "phone-hygiene"
CALL_OPTIONS = {"Sforce-Call-Options": f"client={CLIENT}"}

GAP, OVERFLOW = "GAP_", "GAP_OVERFLOW"
KINDS = ("CREATE", "UPDATE", "DELETE", "UNDELETE")
_CLIENT = re.compile(r";client=([^;/]*)")
_BITMAP = re.compile(r"(?:(\d{1,5})-)?0[xX]([0-9a-fA-F]{1,4096})")
# An id that stands for all records of an object: a prefix and *, or a prefix and nothing but zeros.
_WILDCARD = re.compile(r"\w{3}(?:\*.*|0{12}(?:\w{3})?)")


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """One change of records of one object.

    `kind`: as Salesforce names it, such as UPDATE or GAP_UPDATE. `ids`: the records that it names;
    `names_all`: it may also concern others, which only a pull finds. `fields`: what an update
    changed; None where it does not say. A field of a compound one stands there under its own name
    too (`MailingAddress.Country` and `MailingCountry`). `client`: the app that made the change.
    """

    object: str
    kind: str
    ids: tuple[str, ...]
    names_all: bool
    fields: frozenset[str] | None
    client: str
    user: str
    committed_at: datetime | None

    @property
    def is_gap(self) -> bool:
        """Whether Salesforce tells that something was changed, without what."""
        return self.kind.startswith(GAP)


class UnreadableEventError(ValueError):
    """The event is not what Salesforce's documents describe."""


def read_event(record: Any, schema: Mapping[str, Any]) -> ChangeEvent:
    """Return the change that a decoded event tells of. `schema`: the Avro schema that it was
    written with. Raises `UnreadableEventError`."""
    header = record.get(HEADER) if isinstance(record, Mapping) else None
    if not isinstance(header, Mapping):
        raise UnreadableEventError("it has no header")
    kind, entity, ids = header.get("changeType"), header.get("entityName"), header.get("recordIds")
    if not isinstance(kind, str) or not isinstance(entity, str) or not isinstance(ids, Sequence):
        raise UnreadableEventError("its header has no object, records or type of change")
    named = tuple(i for i in ids if isinstance(i, str) and _names_record(i, entity))
    client = _CLIENT.search(str(header.get("changeOrigin") or ""))
    return ChangeEvent(
        object=entity,
        kind=kind,
        ids=named,
        names_all=kind == OVERFLOW or not named or len(named) < len(ids),
        fields=changed_fields(header.get("changedFields"), schema) if kind == "UPDATE" else None,
        client=client.group(1) if client else "",
        user=str(header.get("commitUser") or ""),
        committed_at=_time(header.get("commitTimestamp")),
    )


def _names_record(text: str, entity: str) -> bool:
    """Whether a text is the id of one record, and of this object where the id tells that."""
    if not is_record_id(text) or is_wildcard(text):
        return False
    return PREFIXES.get(text[:3], entity) == entity


def is_wildcard(record_id: str) -> bool:
    """Return whether an id stands for all records of its object.

    >>> is_wildcard("003*"), is_wildcard("003000000000000AAA"), is_wildcard("0035g000001AbCdEAK")
    (True, True, False)
    """
    return _WILDCARD.fullmatch(record_id) is not None


def changed_fields(bitmaps: Any, schema: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the names of the fields that an update changed; None where that is not to be told.

    The first bitmap is of the schema's own fields, "4-0x10" of those inside its fifth: bit n, from
    the right, is the field at position n.

    >>> address = {"type": "record", "fields": [{"name": "Street"}, {"name": "Country"}]}
    >>> inside = {"name": "MailingAddress", "type": ["null", address]}
    >>> schema = {"fields": [{"name": "ChangeEventHeader"}, {"name": "Phone"}, inside]}
    >>> sorted(changed_fields(["0x02", "2-0x02"], schema))
    ['MailingAddress', 'MailingAddress.Country', 'MailingCountry', 'Phone']
    >>> changed_fields(["0x10"], schema) is None  # a field that the schema does not have
    True
    """
    if not isinstance(bitmaps, Sequence) or not bitmaps:
        return None
    names: set[str] = set()
    fields = schema.get("fields") or ()
    for text in bitmaps:
        match = _BITMAP.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            return None
        position, bits = match.groups()
        if position is None:
            found = list(_named(int(bits, 16), fields))
            names.update(filter(None, found))
        else:
            if int(position) >= len(fields):
                return None
            parent = str(fields[int(position)].get("name"))
            found = list(_named(int(bits, 16), _inside(fields[int(position)].get("type"))))
            names.add(parent)
            for child in filter(None, found):
                names |= {f"{parent}.{child}", parent.removesuffix("Address") + child}
        if None in found:
            return None
    return frozenset(names)


def _named(bits: int, fields: Sequence[Mapping[str, Any]]) -> Iterator[str | None]:
    """Yield the name of each field whose bit is set; None for one that is not there."""
    for position in range(bits.bit_length()):
        if bits >> position & 1:
            yield str(fields[position].get("name")) if position < len(fields) else None


def _inside(kind: Any) -> Sequence[Mapping[str, Any]]:
    """Return the fields of a compound field, whose type is a union with null."""
    for option in kind if isinstance(kind, list) else [kind]:
        if isinstance(option, Mapping) and option.get("type") == "record":
            fields: Sequence[Mapping[str, Any]] = option.get("fields") or ()
            return fields
    return ()


def _time(milliseconds: Any) -> datetime | None:
    if not isinstance(milliseconds, int):
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
