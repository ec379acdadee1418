"""What every connector does: the suite of the product, over this one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import pytest
from phone_hygiene_pipedrive import PipedriveConnector
from stand_in import Pipedrive

from connectors import conformance
from connectors.protocol import Connector


class Driver:
    object: ClassVar[str] = "persons"
    refuses_values = True
    tells_merges = False
    nobody = "999999999"

    def __init__(self, crm: Pipedrive) -> None:
        self._crm = crm

    def typed(self) -> Mapping[str, Mapping[str, str]]:
        return {
            str(person["id"]): {
                label: "; ".join(p["value"] for p in person["phones"] if p["label"] == label)
                for label in ("work", "mobile", "home", "other")
            }
            for person in self._crm.persons.values()
            if not person["is_deleted"]
        }

    def edit(self, record_id: str, phone: str, text: str) -> None:
        phones = [{"value": text, "primary": True, "label": phone}]
        self._crm.edit(int(record_id), phones=phones)

    def delete(self, record_id: str) -> None:
        self._crm.delete(int(record_id))

    def merge(self, record_id: str, into: str) -> str:
        self._crm.merge(int(record_id), int(into))
        return into

    def hide(self, record_ids: Sequence[str]) -> None:
        self._crm.hidden |= set(map(int, record_ids))


@pytest.fixture
def driver(crm: Pipedrive) -> Driver:
    return Driver(crm)


@pytest.fixture
def another(
    crm: Pipedrive, open_connector: Callable[..., PipedriveConnector]
) -> Callable[[], Connector]:
    def opened() -> Connector:
        connector = open_connector(url=crm.url, page_size=7)
        connector.apply_schema(connector.describe())
        return connector

    return opened


class TestReading(conformance.Reading): ...


class TestNames(conformance.Names): ...


class TestWriting(conformance.Writing): ...


class TestIncrements(conformance.Increments): ...


class TestWhatIsGone(conformance.WhatIsGone): ...


class TestFields(conformance.Fields): ...
