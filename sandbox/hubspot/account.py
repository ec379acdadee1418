"""The account itself: who it is, what its token may do, what its plan has room for.

Sources: HubSpot's OpenAPI document `accountInfo` of 2026-09 (details); its API reference "Read
custom property limits"; the token's introspection by what public programs send and get.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson
from aiohttp import web

from sandbox.hubspot.answers import error
from sandbox.hubspot.events import APP_ID, PORTAL_ID
from sandbox.hubspot.more_objects import ObjectPortal
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.versions import both
from sandbox.service import Allowed, answer

_USER_ID = 9586504


class Account:
    """`tokens` and `scopes` are the service's own, as they are at the moment."""

    def __init__(self, portal: Portal, tokens: Collection[str], scopes: Collection[str]) -> None:
        self.portal = portal
        self.tokens = tokens
        self.scopes = scopes
        self.others: list[ObjectPortal] = []

    def routes(self, allowed: Allowed) -> list[web.RouteDef]:
        limits = "/crm/v3/limits/custom-properties", "/crm/limits/{}/custom-properties"
        details = "/account-info/v3/details", "/account-info/{}/details"
        info = "/oauth/v2/private-apps/get/access-token-info"
        return [
            *both(web.get, *limits, allowed("crm.objects.contacts.read", self.limits)),
            *both(web.get, *details, allowed("oauth", self.details)),
            web.post(info, self.token_info),
        ]

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
                "portalId": PORTAL_ID,
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
            {"userId": _USER_ID, "hubId": PORTAL_ID, "appId": APP_ID, "scopes": sorted(self.scopes)}
        )


def _share(limit: int, used: int) -> dict[str, float]:
    return {
        "limit": limit,
        "usage": used,
        "percentage": round(100 * used / limit, 2) if limit else 100.0,
    }
