"""The sandbox CRMs, with one set of names for Salesforce and HubSpot.

Values are read from the stand-in itself, not through the connectors under test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.connections import kind_of
from config.connectors import Connectors
from sandbox.hubspot.portal import prop
from sandbox.run import Sandbox
from sandbox.service import Fault, Service

# Waits that are seconds in production.
QUICK = """
[http]
backoff_initial = 0.01
attempts = 4
read_timeout = 5.0
"""


@dataclass
class Crm:
    name: str
    service: Service
    object: str
    phone: str  # the first phone field
    read_call: str  # regular expressions of calls, for faults
    write_call: str

    @classmethod
    def all(cls, sandbox: Sandbox, suffix: str = "") -> dict[str, Crm]:
        """`suffix`: of the connections' names, such as -emea."""
        return {
            f"salesforce{suffix}": cls(
                f"salesforce{suffix}", sandbox.salesforce, "Contact", "Phone",
                r"GET .*/query", r"PATCH .*/composite/sobjects",
            ),
            f"hubspot{suffix}": cls(
                f"hubspot{suffix}", sandbox.hubspot, "contacts", "phone",
                r"GET /crm/objects/2026-09/contacts\?|POST .*/contacts/search",
                r"POST .*/contacts/batch/update",
            ),
        }  # fmt: skip

    @property
    def kind(self) -> str:
        return kind_of(self.name)

    def field(self, canonical: str) -> str:
        """`status/Phone` -> the CRM's own name of the field."""
        key, _, phone = canonical.partition("/")
        names = getattr(Connectors(), self.kind).fields
        return phone if key == "phone" else getattr(names, key).replace("{phone}", phone)

    @property
    def status(self) -> str:
        return f"status/{self.phone}"

    def add_text_field(self, name: str) -> None:
        """An admin adds a field of our kind."""
        if self.kind == "salesforce":
            for object_name in ("Contact", "Lead"):
                metadata = {"type": "Text", "length": 255, "label": name}
                self.service.org.add_custom_field(object_name, name, metadata, visible=True)
        else:
            self.service.portal.properties[name] = prop(name, name, own=False)

    def records(self) -> dict[str, dict[str, Any]]:
        """All live records of the main object: id -> CRM field -> value."""
        if self.kind == "salesforce":
            table = self.service.org.tables["Contact"]
            return {r["Id"]: r for r in table.after_id(None) if not r["IsDeleted"]}
        table = self.service.portal.table
        return {r["id"]: r["properties"] for r in table.after_id(None) if not r["archived"]}

    def ids(self) -> list[str]:
        return list(self.records())

    def get(self, record_id: str, canonical: str) -> Any:
        value = self.records()[record_id].get(self.field(canonical))
        if self.kind == "hubspot" and value in ("true", "false"):
            return value == "true"
        return value or None

    def edit(self, record_id: str, values: Mapping[str, Any]) -> None:
        """A person edits a record; keys are canonical."""
        self.act(record_id, self.edited(values))

    def edited(self, values: Mapping[str, Any]) -> dict[str, Any]:
        def typed(value: Any) -> Any:
            if self.kind == "hubspot":
                return str(value).lower() if isinstance(value, bool) else value or ""
            return value

        return {"set": {self.field(key): typed(value) for key, value in values.items()}}

    def act(self, record_id: str, action: dict[str, Any]) -> Any:
        return self.service.act(self.object, record_id, action)

    def hide_field(self, name: str) -> None:
        """Take a field out of our user's sight in mid-life: by field-level security in Salesforce
        (of each object that has it), by archiving the property in HubSpot."""
        if self.kind == "salesforce":
            for _prefix, fields in self.service.org.schema.values():
                if name in fields:
                    fields[name].readable = False
            return
        portal = self.service.portal
        portal.archived_properties[name] = portal.properties.pop(name)

    def show_field(self, name: str) -> None:
        """Give it back as it was, with the values that records have."""
        if self.kind == "salesforce":
            for _prefix, fields in self.service.org.schema.values():
                if name in fields:
                    fields[name].readable = True
            return
        portal = self.service.portal
        portal.properties[name] = portal.archived_properties.pop(name)

    def hide(self, record_ids: list[str]) -> dict[str, Any]:
        """Take records out of our user's sight without a word; what `show` gives back to it.

        In Salesforce by sharing. HubSpot knows no such thing: there they are left out of every
        answer, as by a fault of its own.
        """
        if self.kind == "salesforce":
            self.service.org.sharing.hide(record_ids)
            return {}
        table = self.service.portal.table
        return {record_id: table.take(record_id) for record_id in record_ids}

    def show(self, hidden: dict[str, Any]) -> None:
        if self.kind == "salesforce":
            self.service.org.sharing.view_all = True
            return
        table = self.service.portal.table
        for record_id, record in hidden.items():
            table.put(record_id, record, record["_stamp"])

    def fault(self, match: str, kind: str, **options: Any) -> Fault:
        fault = Fault(match, kind, **options)
        self.service.faults.append(fault)
        return fault

    def meanwhile(self, match: str, record_id: str, action: dict[str, Any], nth: int = 1) -> None:
        """Do something to a record just before the nth such call is answered."""
        act = {"object": self.object, "id": record_id, **action}
        self.fault(match, "act", nth=nth, action=act)

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """All values that a write could change, of all records."""
        if self.kind == "salesforce":
            tables = [self.service.org.tables[name] for name in ("Contact", "Lead")]
            rows = {r["Id"]: r for table in tables for r in table.after_id(None)}
            skipped = {"SystemModstamp", "LastModifiedDate", "LastModifiedById", "_stamp"}
        else:
            rows = {r["id"]: r["properties"] for r in self.service.portal.table.after_id(None)}
            skipped = {"lastmodifieddate", "hs_lastmodifieddate"}
        return {
            key: {k: v for k, v in row.items() if k not in skipped and v not in (None, "")}
            for key, row in rows.items()
        }

    @property
    def writes(self) -> int:
        """Writing calls that reached the CRM since the counters were reset."""
        return sum(
            count for route, count in self.service.counters.items()
            if "batch/update" in route or route.startswith("PATCH")
        )  # fmt: skip

    @property
    def calls(self) -> int:
        return self.service.counters.total()

    def all_checked(self, but: str = "") -> bool:
        """Whether each filled phone has a status, and each empty one has none."""

        def right(record_id: str) -> bool:
            typed = str(self.get(record_id, f"phone/{self.phone}") or "")
            return bool(self.get(record_id, self.status)) == bool(typed.strip())

        return all(right(record_id) for record_id in self.ids() if record_id != but)
