"""A stand-in for NumVerify at the addresses of its three hosts, with its errors in HTTP 200."""

from __future__ import annotations

from typing import Any

import phonenumbers
from aiohttp import web

from sandbox.providers.meter import LookupService
from sandbox.service import answer

KEY = "sandbox-numverify-access-key"
_TYPES = {
    "mobile": "mobile", "landline": "landline", "voip": "voip", "toll_free": "toll_free",
    "premium": "premium_rate", "pager": "paging", "shared_cost": "special_services",
    "personal": "special_services", "uan": "special_services", "voicemail": "special_services",
    "satellite": "satellite",
}  # fmt: skip
_ERRORS = {
    101: ("invalid_access_key", "You have not supplied a valid API Access Key."),
    102: ("inactive_user", "The user account is not active."),
    103: ("invalid_api_function", "This API Function does not exist."),
    104: ("usage_limit_reached", "Your monthly usage limit has been reached."),
    105: ("function_access_restricted", "Your plan does not support this."),
    106: ("rate_limit_reached", "You have exceeded the maximum rate limit."),
    210: ("no_phone_number_provided", "Please specify a phone number. [Example: 14158586273]"),
    211: ("non_numeric_phone_number_provided", "Please specify a numeric phone number."),
    310: ("invalid_country_code", "You have specified an invalid country code."),
}


_NO_HTTPS = (
    "https_access_restricted",
    "Access Restricted - Your current Subscription Plan does not support HTTPS Encryption.",
)


def error(code: int, https: bool = False) -> web.Response:
    """An error by its code; `https`: what 105 says of a plan without https."""
    kind, info = _NO_HTTPS if https else _ERRORS[code]
    return answer({"success": False, "error": {"code": code, "type": kind, "info": info}})


class NumVerifyService(LookupService):
    """`left`: lookups left this month. `failing`: an error code for every lookup, as of a plan.
    `has_https`: the plan allows https, which every call is taken for."""

    name = "numverify"

    def __init__(self, network: Any = None) -> None:
        super().__init__(network)
        self.keys = {KEY}
        self.left = 1_000_000
        self.failing: int | None = None
        self.has_https = True

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/validate", self.by_query),
            web.get("/numverify/validate", self.by_query),
            web.get("/number_verification/validate", self.by_header),
            *self.meter_routes(),
        ]

    async def by_query(self, request: web.Request) -> web.Response:
        if request.query.get("access_key") not in self.keys:
            return error(101)
        if not self.has_https:
            return error(105, https=True)
        if self.failing:
            return error(self.failing)
        if problem := _asked_badly(request):
            return problem
        if self.left <= 0:
            return error(104)
        if self.over_limit():
            return error(106)
        return await self._validate(request)

    async def by_header(self, request: web.Request) -> web.Response:
        """The host with a gateway before it, which answers by itself for keys and quotas."""
        key = request.headers.get("apikey")
        if key is None:
            return answer({"message": "No API key found in request"}, 401)
        if key not in self.keys:
            return answer({"message": "Invalid authentication credentials"}, 401)
        if self.left <= 0:
            text = (
                "You have exceeded your daily/monthly API rate limit. Please review and upgrade "
                "your subscription plan at https://apilayer.com/subscriptions to continue."
            )
            return answer({"message": text}, 429)
        if self.over_limit():
            return answer({"message": "API rate limit exceeded"}, 429, {"Retry-After": "1"})
        if self.failing:
            return error(self.failing)
        if problem := _asked_badly(request):
            return problem
        response = await self._validate(request)
        response.headers["x-ratelimit-remaining-month"] = str(self.left)
        return response

    async def _validate(self, request: web.Request) -> web.Response:
        await self.take_time()
        number = "+" + request.query["number"].lstrip("+")
        line = self.network.line(number)
        self.left -= 1
        self.charge(number, "validate")
        good = line.in_plan and line.assigned
        national = ""
        if line.in_plan:
            parsed = phonenumbers.parse(number)
            national = str(parsed.national_number)
        return answer({
            "valid": good,
            "number": number[1:],
            "local_format": national if good else "",
            "international_format": number if good else "",
            "country_prefix": f"+{line.calling_code}" if good else "",
            "country_code": line.country if good else "",
            "country_name": line.country if good else "",
            "location": "",
            "carrier": line.carrier if good else "",
            "line_type": _TYPES.get(line.kind) if good else None,
        })  # fmt: skip


def _asked_badly(request: web.Request) -> web.Response | None:
    number = request.query.get("number", "")
    if not number:
        return error(210)
    if not number.lstrip("+").isdigit():
        return error(211)
    country = request.query.get("country_code", "")
    if country and country.upper() not in phonenumbers.SUPPORTED_REGIONS:
        return error(310)
    return None
