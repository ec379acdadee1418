"""The filter of the list of contacts, as addresses and forms hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from urllib.parse import parse_qsl, urlencode

from fastapi import HTTPException

from connectors.labels import crm_name
from worker.context import Context
from worker.queries.contact_filter import BAD, ContactFilter, FilterError
from worker.web.encrypted_numbers import decrypt_number

_NAMES = tuple(field.name for field in fields(ContactFilter))
_LONGEST = 400  # characters of a value
_MOST = 40  # parameters of an address


@dataclass(frozen=True, slots=True)
class Shown:
    """A filter and how it is written. A number stands encrypted in `params` (promise 13)."""

    wanted: ContactFilter
    params: Mapping[str, str]

    @property
    def query(self) -> str:
        return urlencode(self.params)

    def address(self, path: str = "/contacts", **extra: str) -> str:
        query = urlencode({**self.params, **{key: text for key, text in extra.items() if text}})
        return f"{path}?{query}" if query else path

    def without(self, name: str) -> str:
        """Return the query without a condition."""
        off = {name, *(("value",) if name == "by" else ("part",) if name == "run" else ())}
        return urlencode({key: text for key, text in self.params.items() if key not in off})

    def chips(self) -> list[dict[str, str]]:
        """Return each condition in words, with the query without it."""
        return [
            {"name": name, "text": self.words(name), "without": self.without(name)}
            for name in self.wanted.active()
        ]

    def words(self, name: str) -> str:
        wanted = self.wanted
        value = str(getattr(wanted, name)).replace("_", " ")
        match name:
            case "connector":
                return f"CRM: {crm_name(wanted.connector)}"
            case "object":
                return f"object: {wanted.object}"
            case "by":
                return f"{wanted.by}: {wanted.value or 'none'}"
            case "status":
                return "bad phone field" if wanted.status == BAD else f"status: {value}"
            case "failure":
                return "not written" if wanted.failure == "any" else f"not written: {value}"
            case "run":
                part = {"failed": "not written", "written": "written"}.get(wanted.part, "changed")
                return f"{part} by run {wanted.run}"
            case "number":
                return "with one number"
            case "waiting":
                return "waiting for an answer"
            case "report":
                return f"reported: {value}"
            case _:
                return f"{name}: {value}"


def shown_filter(ctx: Context, given: Mapping[str, str]) -> Shown:
    """Return the filter that an address asks for; raises 422 for one that cannot be meant, and 404
    for a number that was encrypted with another key."""
    params = {
        name: text[:_LONGEST]
        for name in _NAMES
        if (text := given.get(name, "").replace("\x00", "")) or (name == "value" and "by" in given)
    }
    # No contact is on a list without a name, while it may well have no source.
    if not params.get("by") or (params["by"] == "list" and not params.get("value")):
        params.pop("by", None)
        params.pop("value", None)
    if not params.get("run"):
        params.pop("part", None)
    values: dict[str, str] = {**params}
    waiting = values.pop("waiting", "")
    if ref := values.get("number"):
        number = decrypt_number(ctx.keys, ref)
        if number is None:
            raise HTTPException(404, "This address is no longer valid. Search again.")
        values["number"] = number
    try:
        return Shown(ContactFilter(**values, waiting=bool(waiting)), params)
    except FilterError as error:
        raise HTTPException(422, f"There is no such filter. {error}") from None


def filter_in(ctx: Context, query: str) -> Shown:
    """Return the filter that a form carries as the query of an address."""
    try:
        return shown_filter(ctx, dict(parse_qsl(query, True, max_num_fields=_MOST)))
    except ValueError:
        raise HTTPException(400, "The form names no filter.") from None
