"""Why a CRM could not be used, in plain words for a page."""

from __future__ import annotations

import logging

import pytest

from connectors import plain_words
from connectors.errors import AuthError, ConnectorError, NotFoundError, QuotaError, UnavailableError

RAW = "salesforce: HTTP 400: MALFORMED_QUERY: unexpected token Kim"


class TestPlainWords:
    @pytest.mark.parametrize(
        ("kind", "happened", "to_do"),
        [
            (ConnectorError, "Salesforce refused the request", "log"),
            (AuthError, "does not accept our credentials", "Test the connection"),
            (UnavailableError, "does not answer as it should", "Try again in a few minutes"),
            (QuotaError, "API calls of Salesforce are used up", "tomorrow"),
            (NotFoundError, "does not have what was asked for", "log"),
        ],
    )
    def test_say_what_happened_and_what_to_do(
        self, kind: type[ConnectorError], happened: str, to_do: str
    ) -> None:
        text = plain_words.plain(kind(RAW), "salesforce")
        assert happened in text
        assert to_do in text
        assert "HTTP" not in text
        assert "MALFORMED" not in text

    def test_are_ours_where_we_have_a_sentence(self) -> None:
        error = QuotaError("hubspot-emea: today's API calls are used up; the run goes on tomorrow")
        assert plain_words.plain(error, "hubspot-emea") == (
            "HubSpot (emea): today's API calls are used up; the run goes on tomorrow"
        )

    def test_leave_what_the_crm_answered_in_the_log(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.WARNING)
        assert "MALFORMED" not in plain_words.describe(ConnectorError(RAW), "salesforce")
        assert RAW in caplog.text
        assert plain_words.describe(ValueError("choose a scope"), "salesforce") == "choose a scope"


class TestAStoredText:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("hubspot: HTTP 400 VALIDATION_ERROR: no", "HubSpot refused the request."),
            ("hubspot: refused (HTTP 403): missing scopes", "they lack a right"),
            ("hubspot: HTTP 429: slow down", "too many requests"),
            ("hubspot: HTTP 404: nothing there", "did not have what was asked for"),
            ("hubspot: busy (HTTP 503), after 4 tries", "had a fault or was down"),
            ("the disk is full: free some space, then continue", ""),
        ],
    )
    def test_that_quotes_a_crm_gets_a_sentence(self, text: str, words: str) -> None:
        explained = plain_words.explain(text, "hubspot")
        assert words in explained
        assert bool(words) == bool(explained)


class TestForTheLog:
    def test_only_status_and_code_are_quoted(self) -> None:
        assert plain_words.quoted(ConnectorError(RAW)) == "HTTP 400 MALFORMED_QUERY"
        assert plain_words.quoted(AuthError("hubspot: renew the token")) == "AuthError"
