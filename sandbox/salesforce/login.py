"""Logging in to the org: OAuth tokens, whom they are for, and userinfo.

Sources: Salesforce Help, "OAuth 2.0 Client Credentials Flow for Server-to-Server Integration" and
"OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration".
"""

from __future__ import annotations

import time
import uuid

import jwt
from aiohttp import web

from sandbox.salesforce.org import Org
from sandbox.service import answer

CLIENT_ID = "sandbox-consumer-key"
CLIENT_SECRET = "sandbox-consumer-secret"


class Login:
    """`tokens`: those of the service, as they are at the moment. `public_keys`: username -> PEM
    public key, for the JWT bearer flow."""

    def __init__(self, org: Org, tokens: set[str], public_keys: dict[str, str]) -> None:
        self.org = org
        self.tokens = tokens
        self.public_keys = public_keys
        self.scopes = ["api"]
        self.run_as_user = True  # of the client credentials flow
        self.shared_login = False  # as login.salesforce.com is

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/services/oauth2/token", self.token),
            web.get("/services/oauth2/userinfo", self.userinfo),
        ]

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        grant = str(form.get("grant_type", ""))
        if grant == "client_credentials":
            if form.get("client_id") != CLIENT_ID:
                return answer(
                    {
                        "error": "invalid_client_id",
                        "error_description": "client identifier invalid",
                    },
                    400,
                )
            if form.get("client_secret") != CLIENT_SECRET:
                return answer(
                    {"error": "invalid_client", "error_description": "invalid client credentials"},
                    400,
                )
            problem = self._refuse_client_credentials()
            if problem:
                return answer({"error": "invalid_grant", "error_description": problem}, 400)
        elif grant == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            problem = self._check_assertion(str(form.get("assertion", "")))
            if problem:
                return answer({"error": "invalid_grant", "error_description": problem}, 400)
        else:
            return answer(
                {
                    "error": "unsupported_grant_type",
                    "error_description": "grant type not supported",
                },
                400,
            )
        token = f"{self.org.id}!{uuid.uuid4().hex}"
        self.tokens.add(token)
        return answer(
            {
                "access_token": token,
                "scope": " ".join(self.scopes),
                "instance_url": f"{request.scheme}://{request.host}",
                "id": self.identity(request),
                "token_type": "Bearer",
                "issued_at": str(int(time.time() * 1000)),
            }
        )

    def _refuse_client_credentials(self) -> str | None:
        if self.shared_login:
            return "request not supported on this domain"
        return None if self.run_as_user else "no client credentials user enabled"

    def _check_assertion(self, assertion: str) -> str | None:
        """The reason to refuse a JWT bearer assertion, as Salesforce words it; None if good."""
        try:
            claims = jwt.decode(assertion, options={"verify_signature": False})
            key = self.public_keys.get(str(claims.get("sub")))
            if key is None:
                return "user hasn't approved this consumer"
            jwt.decode(
                assertion,
                key,
                algorithms=["RS256"],
                options={"verify_aud": False},
                issuer=CLIENT_ID,
            )
        except jwt.ExpiredSignatureError:
            return "expired authorization code"
        except jwt.InvalidTokenError:
            return "invalid assertion"
        if not claims.get("aud"):
            return "audience is invalid"
        if claims["exp"] > time.time() + 180 + 30:
            return "expiration is too far in the future"
        return None

    def identity(self, request: web.Request) -> str:
        """The URL that names our user, as a login and the list of resources give it."""
        return f"{request.scheme}://{request.host}/id/{self.org.id}/{self.org.integration_user}"

    async def userinfo(self, request: web.Request) -> web.StreamResponse:
        """Refuses a token whose scopes are too few with a text, as it does an invalid one."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens or not {"openid", "id", "full"} & set(self.scopes):
            return web.Response(status=403, text="Bad_OAuth_Token")
        user = self.org.find("User", self.org.integration_user) or {}
        return answer(
            {
                "sub": f"https://login.salesforce.com/id/{self.org.id}/{user['Id']}",
                "user_id": user["Id"],
                "organization_id": self.org.id,
                "preferred_username": user["Username"],
                "name": user["Name"],
            }
        )
