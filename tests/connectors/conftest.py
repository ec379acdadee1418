"""Specification of `connectors`: how contacts are read from a CRM and written to it.

Read in this order:

    test_conformance.py   what every connector does
    test_conformance_of_objects.py  the same for objects beside people
    test_rows.py          rows become contacts, column by column
    test_phone_values.py  phone fields of every type
    test_people_search.py people by name or email
    test_plain_words.py   why a CRM could not be used, in plain words for a page
    test_refusals.py      what a CRM refuses costs nobody their opt-out
    http/                 limits, deadlines and answers that cannot be trusted
    test_removal.py       what is taken out of a CRM again
    salesforce/           what only Salesforce does
    hubspot/              what only HubSpot does
    csv_list/             lists on disk
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from config.settings import Settings
from connectors import build
from connectors.protocol import Connector


@pytest.fixture
def open_salesforce(make_settings: Callable[..., Settings]) -> Iterator[Callable[..., Connector]]:
    """Open a connector to the sandbox's org, ready to read and write, by TOML and environment."""
    connectors: list[Connector] = []

    def opened(toml: str = "", **env: str) -> Connector:
        connectors.append(build("salesforce", make_settings(toml, **env)))
        connectors[-1].apply_schema(connectors[-1].describe())
        return connectors[-1]

    yield opened
    for connector in connectors:
        connector.close()
