"""NumVerify: its three hosts, its kinds of line, and its errors in HTTP 200."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from constants import NUMBER
from lookups import connect_provider

from sandbox.run import Sandbox
from sandbox.service import Fault
from worker.phones import LineType
from worker.verification.errors import (
    CredentialsRejectedError,
    CreditExhaustedError,
    ProviderError,
    UnavailableError,
)
from worker.verification.models import Question
from worker.verification.providers.numverify import base_url


@pytest.fixture(params=["", "/numverify", "/number_verification"])
def numverify(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> Any:
    path = request.param
    provider = connect_provider(
        sandbox, "numverify", tmp_path, NUMVERIFY_URL=sandbox.url("numverify") + path
    )
    yield provider
    provider.close()


def ask(numverify: Any) -> Any:
    return numverify.ask([Question(NUMBER)], "line_type")[0]


@pytest.mark.parametrize(
    ("truth", "kind"),
    [
        ("mobile", "mobile"), ("landline", "landline"), ("voip", "voip"),
        ("toll_free", "toll_free"), ("premium", "premium"), ("pager", "pager"),
        ("satellite", "other"), ("uan", "other"), ("never heard of", "unknown"),
    ],
)  # fmt: skip
def test_kinds_of_line(sandbox: Sandbox, numverify: Any, truth: str, kind: LineType) -> None:
    sandbox.network.set(NUMBER, kind=truth, carrier="Harbor Wireless")
    answer = ask(numverify)
    assert (answer.verdict, answer.line_type, answer.carrier) == ("valid", kind, "Harbor Wireless")
    assert answer.country == "US"


def test_a_number_that_nobody_has_is_invalid_and_charged(sandbox: Sandbox, numverify: Any) -> None:
    sandbox.network.set(NUMBER, assigned=False)
    answer = ask(numverify)
    assert (answer.verdict, answer.line_type, answer.charged) == ("invalid", "unknown", 1)


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (101, CredentialsRejectedError, "key"), (102, CredentialsRejectedError, "not active"),
        (103, CredentialsRejectedError, "NUMVERIFY_URL"), (105, CredentialsRejectedError, "plan"),
        (104, CreditExhaustedError, "month"), (106, UnavailableError, "slow down"),
        (210, UnavailableError, "210"), (211, UnavailableError, "211"),
        (310, UnavailableError, "310"),
    ],
)  # fmt: skip
def test_errors_come_as_200(
    sandbox: Sandbox, numverify: Any, code: int, error: type[ProviderError], words: str
) -> None:
    sandbox.numverify.failing = code
    with pytest.raises(error, match=words):
        ask(numverify)
    assert sandbox.numverify.charges == 0


@pytest.mark.parametrize("path", ["", "/numverify"])
def test_a_plan_without_https_is_said_with_what_to_do(
    sandbox: Sandbox, tmp_path: Path, path: str
) -> None:
    sandbox.numverify.has_https = False
    provider = connect_provider(
        sandbox, "numverify", tmp_path, NUMVERIFY_URL=sandbox.url("numverify") + path
    )
    for call in (lambda: ask(provider), provider.check):
        with pytest.raises(
            CredentialsRejectedError, match=r"your plan has no https \(105\).*NUMVERIFY_URL"
        ):
            call()
    assert sandbox.numverify.charges == 0


@pytest.mark.parametrize(
    ("status", "name", "error", "words"),
    [
        (401, "invalid_access_key", CredentialsRejectedError, "101"),
        (401, "missing_access_key", CredentialsRejectedError, "101"),
        (403, "https_access_restricted", CredentialsRejectedError, "no https"),
        (403, "function_access_restricted", CredentialsRejectedError, "function"),
        (429, "usage_limit_reached", CreditExhaustedError, "month"),
        (429, "rate_limit_reached", UnavailableError, "slow down"),
        (500, "internal_error", UnavailableError, "HTTP 500"),
        (422, "validation_error", UnavailableError, "HTTP 422"),
    ],
)
def test_errors_by_name_with_a_status_of_their_own_say_the_same(
    sandbox: Sandbox, tmp_path: Path, status: int, name: str, error: type[ProviderError],
    words: str,
) -> None:  # fmt: skip
    numverify = connect_provider(sandbox, "numverify", tmp_path)
    body = {"error": {"code": name, "message": "no"}}
    fault = Fault("number=", "status", status=status, body=body, times=9)
    sandbox.numverify.faults.append(fault)
    with pytest.raises(error, match=words):
        ask(numverify)


def test_a_limit_that_passes_is_waited_for(sandbox: Sandbox, tmp_path: Path) -> None:
    body = {"success": False, "error": {"code": 106, "type": "rate_limit_reached", "info": ""}}
    sandbox.numverify.faults.append(Fault("number=", "status", status=200, body=body, times=2))
    assert ask(connect_provider(sandbox, "numverify", tmp_path)).verdict == "valid"


def test_the_gateway_tells_what_is_left(sandbox: Sandbox, tmp_path: Path) -> None:
    """A rate limit and a used-up quota are both a 429 there."""
    url = sandbox.url("numverify") + "/number_verification"
    numverify = connect_provider(sandbox, "numverify", tmp_path, NUMVERIFY_URL=url)
    sandbox.numverify.left = 0
    with pytest.raises(CreditExhaustedError, match="month"):
        ask(numverify)
    limit = Fault("number=", "status", status=429, body={"message": "API rate limit exceeded"})
    sandbox.numverify.left = 5
    sandbox.numverify.faults.append(limit)
    assert ask(numverify).verdict == "valid"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("https://apilayer.net/api", "https://apilayer.net/api"),
        ("https://apilayer.net", "https://apilayer.net/api"),
        ("https://api.apilayer.com", "https://api.apilayer.com/number_verification"),
        ("https://api.apilayer.net/numverify", "https://api.apilayer.net/numverify"),
        ("https://api.apilayer.net", "https://api.apilayer.net/numverify"),
        ("https://api.apilayer.net/", "https://api.apilayer.net/numverify"),
        ("https://api.apilayer.net/numverify/validate", "https://api.apilayer.net/numverify"),
        ("https://apilayer.net/api/validate", "https://apilayer.net/api"),
        ("https://api.apilayer.com/number_verification/",
         "https://api.apilayer.com/number_verification"),
    ],
)  # fmt: skip
def test_a_host_alone_is_given_its_path(given: str, meant: str) -> None:
    assert base_url(given) == meant


def test_the_key_of_the_second_host_stays_out_of_the_address(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.numverify.seen = []
    url = sandbox.url("numverify") + "/number_verification"
    ask(connect_provider(sandbox, "numverify", tmp_path, NUMVERIFY_URL=url))
    assert all("access_key" not in call["query"] for call in sandbox.numverify.seen)
