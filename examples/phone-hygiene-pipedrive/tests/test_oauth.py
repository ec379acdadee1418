"""An app by OAuth: access tokens for an hour, by a refresh token that stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from phone_hygiene_pipedrive import PipedriveConnector, oauth
from phone_hygiene_pipedrive.settings import PipedriveSettings
from stand_in import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, Pipedrive

from config.redaction import redact_secrets
from connectors.errors import AuthError

Open = Callable[..., PipedriveConnector]


@pytest.fixture
def app(crm: Pipedrive, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The settings of an app that is installed; a process that has no token yet."""
    monkeypatch.setattr(oauth, "_shared", {})
    return {
        "oauth_url": crm.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
        "refresh_token": REFRESH_TOKEN,
    }  # fmt: skip


def test_one_access_token_serves_all_connectors_of_a_process(
    app: dict[str, Any], crm: Pipedrive, open_connector: Open
) -> None:
    for _thread in range(3):
        assert open_connector(**app).describe()["persons"]
    assert len(crm.access_tokens) == 1


def test_is_renewed_before_it_ends(
    app: dict[str, Any], crm: Pipedrive, open_connector: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = open_connector(**app)
    connector.describe()
    later = oauth.time.monotonic() + 3500
    monkeypatch.setattr(oauth.time, "monotonic", lambda: later)
    connector.describe()
    assert len(crm.access_tokens) == 2
    assert crm.calls["GET personFields"] == 2  # neither was refused


def test_one_that_another_process_has_ended_is_replaced_once(
    app: dict[str, Any], crm: Pipedrive, open_connector: Open
) -> None:
    connector = open_connector(**app)
    connector.describe()
    crm.access_tokens.append("of another process")
    assert connector.describe()["persons"]
    assert crm.calls["POST token"] == 2


def test_an_app_that_was_uninstalled_is_told_in_one_line_without_a_secret(
    app: dict[str, Any], open_connector: Open
) -> None:
    with pytest.raises(AuthError, match="no access token: HTTP 400: invalid_grant") as raised:
        open_connector(**{**app, "refresh_token": "former"}).describe()
    assert "PIPEDRIVE_REFRESH_TOKEN" in str(raised.value)
    assert "former" not in str(raised.value)


def test_a_refresh_token_that_changed_is_no_success(
    app: dict[str, Any], crm: Pipedrive, open_connector: Open
) -> None:
    crm.refresh_token = "another one"
    with pytest.raises(AuthError, match="has changed"):
        open_connector(**app).describe()


def test_access_tokens_are_taken_out_of_logs(
    app: dict[str, Any], crm: Pipedrive, open_connector: Open
) -> None:
    open_connector(**app).describe()
    assert crm.access_tokens[0] not in redact_secrets(f"a line with {crm.access_tokens[0]}")


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"client_id": "a", "client_secret": "b"},
        {"api_token": "t", "client_id": "a", "client_secret": "b", "refresh_token": "c"},
    ],
)
def test_neither_half_the_credentials_nor_both_kinds_pass(credentials: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="set PIPEDRIVE_API_TOKEN; or, by OAuth"):
        PipedriveSettings(url="https://acme.pipedrive.com", **credentials)
