"""Specification of the connector to Pipedrive.

    test_conformance.py  what every connector does
    test_pipedrive.py    what only Pipedrive does
    test_oauth.py        an app's access tokens
    test_sync.py         a sync, a STOP and an undo, by the command line

`stand_in.py` answers as Pipedrive does. Nothing here leaves this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

pytest.register_assert_rewrite("connectors.conformance")

from phone_hygiene_pipedrive import PipedriveConnector  # noqa: E402
from phone_hygiene_pipedrive.settings import PipedriveSettings  # noqa: E402
from stand_in import TOKEN, Pipedrive  # noqa: E402

from config.settings import Http  # noqa: E402
from connectors.http.rate_limits import Quota  # noqa: E402

PERSONS = 60


@pytest.fixture
def bare_crm() -> Iterator[Pipedrive]:
    """An account as a company has it before it knows of us."""
    crm = Pipedrive()
    for n in range(1, PERSONS + 1):
        phones = [(f"+44 20 7946 {n:04}", "work")]
        phones += [(f"07700 900{n:03}", "mobile")] if n % 3 == 0 else []
        crm.add_person(f"Person {n}", *phones)
    crm.advance(60)
    yield crm
    crm.stop()


@pytest.fixture
def open_connector(bare_crm: Pipedrive) -> Iterator[Callable[..., PipedriveConnector]]:
    """Open a connector to the account; keywords are settings of `[connectors.pipedrive]`."""
    opened: list[PipedriveConnector] = []

    def open_(**settings: object) -> PipedriveConnector:
        token = {} if "refresh_token" in settings else {"api_token": TOKEN}
        values = {"url": bare_crm.url, **token, **settings}
        http = Http(backoff_initial=0.01, attempts=3)
        quota = Quota("pipedrive", 0.2)
        opened.append(PipedriveConnector(PipedriveSettings(**values), http, quota))
        return opened[-1]

    yield open_
    for connector in opened:
        connector.close()


@pytest.fixture
def crm(bare_crm: Pipedrive, open_connector: Callable[..., PipedriveConnector]) -> Pipedrive:
    """The account with our fields in it."""
    assert {step.done for step in open_connector().provision()} == {"created"}
    bare_crm.calls.clear()
    return bare_crm


@pytest.fixture
def connector(
    crm: Pipedrive, open_connector: Callable[..., PipedriveConnector]
) -> PipedriveConnector:
    opened = open_connector(url=crm.url)
    opened.apply_schema(opened.describe())
    return opened
