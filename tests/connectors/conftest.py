"""What the tests of several connectors share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from config.settings import Settings
from connectors import build
from connectors.protocol import Connector


@pytest.fixture
def open_salesforce(make_settings: Callable[..., Settings]) -> Iterator[Callable[..., Connector]]:
    """Open a connector to the sandbox's org, ready to read and write, by TOML and environment."""
    made: list[Connector] = []

    def opened(toml: str = "", **env: str) -> Connector:
        made.append(build("salesforce", make_settings(toml, **env)))
        made[-1].use(made[-1].describe())
        return made[-1]

    yield opened
    for connector in made:
        connector.close()
