"""From a row as a CRM gives it to a contact: worked out once for an object, then quick a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.base import Contact, Value
from connectors.fields import ObjectFields, spec_of
from connectors.values import amount, day, month

TRUE = frozenset((True, "true", "True", "TRUE"))


@dataclass(frozen=True)
class Maker:
    """How the rows of an object become contacts: `make(record_id, cells, modified)`, where `cells`
    are a row's values of `columns`, in their order. No value, None and "" are the same."""

    columns: tuple[str, ...]
    make: Callable[[str, Sequence[Any], str], Contact]


def contact_maker(fields: ObjectFields, moment: Callable[[Any], Value]) -> Maker:
    """A checkbox is true where the row says `True` or "true". `moment` turns what the CRM gives for
    a time (not empty) into the one form that the worker keeps."""
    columns: list[str] = []

    def cells_of(names: Iterable[str]) -> slice:
        start = len(columns)
        columns.extend(names)
        return slice(start, len(columns))

    def cell_of(name: str | None) -> int | None:
        return cells_of([name]).start if name else None

    of_kind: dict[str, list[tuple[str, str]]] = {"text": [], "bool": [], "datetime": []}
    for canonical, crm in fields.names.items():
        kind = spec_of(canonical).kind
        of_kind.get(kind, of_kind["text"]).append((canonical, crm))
    texts_and_checks = [name for kind in ("text", "bool") for name, _ in of_kind[kind]]
    of_texts, of_checks = (cells_of(crm for _, crm in of_kind[kind]) for kind in ("text", "bool"))
    moments = [(canonical, cells_of([crm]).start) for canonical, crm in of_kind["datetime"]]
    phones, of_phones = fields.phones, cells_of(fields.phones)
    of_countries = cells_of(fields.country)
    state, email, website = map(cell_of, (fields.state, fields.email, fields.website))
    source, campaign = map(cell_of, (fields.source, fields.campaign))
    worth, consented, created = map(cell_of, (fields.value, fields.consented, fields.created))
    name = fields.object

    def make(record_id: str, cells: Sequence[Any], modified: str) -> Contact:
        values: list[Value] = [cell or None for cell in cells[of_texts]]
        values += [cell in TRUE for cell in cells[of_checks]]
        held = dict(zip(texts_and_checks, values, strict=True))
        for canonical, place in moments:
            cell = cells[place]
            held[canonical] = moment(cell) if cell else None
        country = ""
        for country in cells[of_countries]:
            if country:
                break
        return Contact(
            name,
            record_id,
            dict(zip(phones, [cell or "" for cell in cells[of_phones]], strict=True)),
            country or "",
            "" if state is None else cells[state] or "",
            "" if email is None else cells[email] or "",
            "" if website is None else cells[website] or "",
            "" if source is None else cells[source] or "",
            "" if campaign is None else cells[campaign] or "",
            None if worth is None else amount(cells[worth]),
            "" if consented is None else day(cells[consented]),
            modified,
            held,
            "" if created is None else month(cells[created]),
        )

    return Maker(tuple(columns), make)
