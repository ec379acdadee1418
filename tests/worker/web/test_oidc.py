"""Login by OpenID Connect, over HTTP, with an identity provider that keeps to the specification."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from constants import HTML
from cryptography.hazmat.primitives.asymmetric import rsa
from fixture_types import Serve
from idp import Idp

from worker.context import Context
from worker.web.auth import COOKIE

TOML = '[access]\noidc_admins = ["kim@example.com"]\noidc_viewers = ["@example.org"]\n'


@pytest.fixture
def idp() -> Iterator[Idp]:
    provider = Idp()
    yield provider
    provider.stop()


def log_in(url: str, to: str = "/spend") -> tuple[requests.Session, requests.Response]:
    session = requests.Session()
    session.headers.update(HTML)
    return session, session.get(f"{url}/oidc/login", params={"to": to})


def test_lets_in_whom_the_settings_name_and_leads_where_they_wanted(serve: Serve, idp: Idp) -> None:
    url = serve(TOML, **idp.env())
    assert requests.get(f"{url}/spend", headers=HTML).url == f"{url}/login?to=/spend"
    session, landed = log_in(url)
    assert landed.url == f"{url}/spend"
    assert "kim@example.com" in landed.text
    assert "Suppress a number" in session.get(f"{url}/suppressions").text


def test_a_whole_domain_may_look(serve: Serve, idp: Idp) -> None:
    url = serve(TOML, **idp.env())
    idp.claims["email"] = "Vera@Example.org"
    session, landed = log_in(url)
    assert "vera@example.org" in landed.text
    assert "Suppress a number" not in session.get(f"{url}/suppressions").text


@pytest.mark.parametrize(
    "claims",
    [{"email": "mallory@example.net", "email_verified": True},
     {"email": "kim@example.com", "email_verified": False}, {"email": "kim@example.com"},
     {"email": "kim@example.com.evil.example", "email_verified": True},
     {"email": "x@notexample.org", "email_verified": True}, {}],
)  # fmt: skip
def test_nobody_else_gets_in(serve: Serve, idp: Idp, claims: dict[str, Any]) -> None:
    url = serve(TOML, **idp.env())
    idp.claims = claims
    session, landed = log_in(url)
    assert landed.status_code == 403
    assert COOKIE not in session.cookies


def test_a_token_that_somebody_else_signed_is_refused(serve: Serve, idp: Idp) -> None:
    url = serve(TOML, **idp.env())
    idp.sign_with = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    session, landed = log_in(url)
    assert landed.status_code == 502
    assert COOKIE not in session.cookies


@pytest.mark.parametrize("claims", [{"aud": "another"}, {"exp": 1}, {"nonce": "another"},
                                    {"iss": "https://evil.example"}])  # fmt: skip
def test_a_token_that_is_not_for_this_login_is_refused(
    serve: Serve, idp: Idp, claims: dict[str, Any]
) -> None:
    url = serve(TOML, **idp.env())
    idp.claims |= claims
    _, landed = log_in(url)
    assert landed.status_code == 502


def test_an_answer_that_nobody_asked_for_is_refused(serve: Serve, idp: Idp) -> None:
    url = serve(TOML, **idp.env())
    answer = requests.get(f"{url}/oidc/callback?code=stolen&state=guess", headers=HTML)
    assert answer.status_code == 502


def test_a_provider_that_is_away_is_said(serve: Serve, idp: Idp) -> None:
    url = serve(TOML, **idp.env())
    idp.stop()
    _, landed = log_in(url)
    assert landed.status_code == 502
    assert "did not let you in" in landed.text


def test_the_audit_log_says_who_came(serve: Serve, idp: Idp, ctx: Context) -> None:
    from worker.access import audit

    log_in(serve(TOML, **idp.env()))
    assert [(entry["who"], entry["action"]) for entry in audit.entries(ctx.store)] == [
        ("kim@example.com", "login")
    ]
