"""The account itself: who it is, what its token may do, what its plan has room for.

OAuth tokens: HubSpot's "Manage OAuth access tokens with the 2026-03 API", and its changelog "New
OAuth v3 API Endpoints and Standardized Error Responses" (the body of errors).

Sources: HubSpot's OpenAPI document `accountInfo` of 2026-09 (details); its API reference "Read
custom property limits"; the token's introspection by what public programs send and get.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson
from aiohttp import web

from sandbox.hubspot.answers import error
from sandbox.hubspot.events import APP_ID
from sandbox.hubspot.more_objects import ObjectPortal
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.versions import both
from sandbox.service import Allowed, answer

_USER_ID = 9586504
CLIENT_ID, CLIENT_SECRET = "sandbox-app-id", "sandbox-app-secret"


class Account:
    """`tokens` and `scopes` are the service's own, as they are at the moment."""

    def __init__(self, portal: Portal, tokens: set[str], scopes: Collection[str]) -> None:
        self.portal = portal
        self.tokens = tokens
        self.scopes = scopes
        # Of OAuth: what counts as the account's refresh token now, and how it goes on.
        self.refresh_token = f"refresh-{portal.id}"
        self.rotates = False
        self.expires_in = 1800
        self.granted = 0
        self.others: list[ObjectPortal] = []

    def routes(self, allowed: Allowed) -> list[web.RouteDef]:
        limits = "/crm/v3/limits/custom-properties", "/crm/limits/{}/custom-properties"
        details = "/account-info/v3/details", "/account-info/{}/details"
        info = "/oauth/v2/private-apps/get/access-token-info"
        return [
            *both(web.get, *limits, allowed("crm.objects.contacts.read", self.limits)),
            *both(web.get, *details, allowed("oauth", self.details)),
            web.post(info, self.token_info),
            web.post("/oauth/{version}/token", self.token),
        ]

    async def token(self, request: web.Request) -> web.Response:
        """Give an access token for a refresh token. With `rotates`, the refresh token is new too,
        and the one before ends. Parameters stand in the body alone, as since the dated versions."""
        if "application/x-www-form-urlencoded" not in request.content_type:
            return _oauth_error(415, "invalid_request", "unsupported content type")
        form = await request.post()
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return _oauth_error(401, "invalid_client", "client id or client secret is wrong")
        if form.get("grant_type") != "refresh_token":
            return _oauth_error(400, "unsupported_grant_type", "unknown grant type")
        if form.get("refresh_token") != self.refresh_token:
            text = "refresh token is invalid, expired or revoked"
            return _oauth_error(400, "invalid_grant", text, "BAD_REFRESH_TOKEN")
        self.granted += 1
        access = f"access-{self.portal.id}-{self.granted}"
        self.tokens.add(access)
        if self.rotates:
            self.refresh_token = f"refresh-{self.portal.id}-{self.granted}"
        return answer(
            {
                "token_type": "bearer", "access_token": access, "expires_in": self.expires_in,
                "refresh_token": self.refresh_token, "hub_id": self.portal.id,
                "user_id": _USER_ID, "scopes": sorted(self.scopes),
            }
        )  # fmt: skip

    async def limits(self, _request: web.Request) -> web.Response:
        used = self.portal.custom_properties
        of_others = sum(portal.custom_properties for portal in self.others)
        of_all = used + of_others + self.portal.properties_elsewhere
        of_contacts = {
            "objectTypeId": "0-1",
            "singularLabel": "Contact",
            "pluralLabel": "Contacts",
            **_share(self.portal.property_limit, used),
        }
        overall = _share(self.portal.overall_property_limit, of_all)
        body: dict[str, Any] = {f"overall{key.title()}": value for key, value in overall.items()}
        by_type = [
            of_contacts,
            *(
                {
                    "objectTypeId": portal.type_id,
                    **_share(portal.property_limit, portal.custom_properties),
                }
                for portal in self.others
            ),
        ]
        return answer({**body, "byObjectType": by_type})

    async def details(self, _request: web.Request) -> web.Response:
        return answer(
            {
                "portalId": self.portal.id,
                "accountType": "STANDARD",
                "timeZone": "Europe/Berlin",
                "companyCurrency": "EUR",
                "additionalCurrencies": [],
                "utcOffset": "+01:00",
                "utcOffsetMilliseconds": 3_600_000,
                "uiDomain": "app.hubspot.com",
                "dataHostingLocation": "na1",
            }
        )

    async def token_info(self, request: web.Request) -> web.Response:
        """Needs no scope: a token may always be asked what it may do."""
        token = orjson.loads(await request.read()).get("tokenKey", "")
        if token not in self.tokens:
            return error("No private app was found for this token.", "OBJECT_NOT_FOUND", 404)
        return answer(
            {
                "userId": _USER_ID,
                "hubId": self.portal.id,
                "appId": APP_ID,
                "scopes": sorted(self.scopes),
            }
        )


def _share(limit: int, used: int) -> dict[str, float]:
    return {
        "limit": limit,
        "usage": used,
        "percentage": round(100 * used / limit, 2) if limit else 100.0,
    }


def _oauth_error(status: int, code: str, text: str, former: str = "") -> web.Response:
    """By RFC 6749, with the fields of before beside it."""
    body = {"error": code, "error_description": text, "message": text}
    return answer({**body, "status": former or code.upper()}, status)
