"""A stand-in for Twilio Lookup v2: single lookups, the batch query, errors as the true service's.

Forms are those of Twilio's OpenAPI document (a contract test holds them against it), error codes
those of its dictionary (https://www.twilio.com/docs/api/errors).
"""

from __future__ import annotations

import base64
import binascii
from datetime import date, datetime
from typing import Any

import orjson
import phonenumbers
from aiohttp import web

from sandbox.network import Line
from sandbox.providers.meter import LookupService
from sandbox.service import answer

SID = "AC" + "0" * 32
TOKEN = "sandbox-twilio-auth-token"
API_KEY = "SK" + "0" * 32
API_SECRET = "sandbox-twilio-api-secret"

PACKAGES = (
    "caller_name", "sim_swap", "call_forwarding", "line_status", "line_type_intelligence",
    "identity_match", "reassigned_number", "sms_pumping_risk", "phone_number_quality_score",
    "pre_fill",
)  # fmt: skip
_TYPES = {
    "mobile": "mobile", "landline": "landline", "voip": "nonFixedVoip", "toll_free": "tollFree",
    "premium": "premium", "pager": "pager", "shared_cost": "sharedCost", "personal": "personal",
    "uan": "uan", "voicemail": "voicemail", "fixed_voip": "fixedVoip",
}  # fmt: skip
_NO_CARRIER = frozenset(
    {"personal", "tollFree", "premium", "sharedCost", "uan", "voicemail", "pager", "unknown"}
)


def error(status: int, code: int, message: str) -> web.Response:
    url = f"https://www.twilio.com/docs/errors/{code}"
    return answer({"code": code, "message": message, "more_info": url, "status": status}, status)


class TwilioService(LookupService):
    """`enabled`: packages that the account may ask. `npac`: approved for Canadian carriers.
    `suspended`: the account is out of money. `has_batch`: it has the batch query; without it
    `batch_refusal` is the status by which it is refused. `elsewhere`: countries whose numbers must
    be asked about in another region (60614); `lacking`: packages that this region has not (60619);
    `failing`: error codes of single numbers' packages."""

    name = "twilio"

    def __init__(self, network: Any = None) -> None:
        super().__init__(network)
        self.logins = {SID: TOKEN, API_KEY: API_SECRET}
        self.enabled = {"line_status", "line_type_intelligence", "reassigned_number"}
        self.npac = False
        self.suspended = False
        self.has_batch = True
        self.batch_refusal = 404
        self.elsewhere: set[str] = set()
        self.lacking: set[str] = set()
        self.failing: dict[str, int] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v2/PhoneNumbers/{number}", self.fetch),
            web.post("/v2/batch/query", self.batch),
            *self.meter_routes(),
        ]

    async def fetch(self, request: web.Request) -> web.Response:
        if refused := self._refused(request, 1):
            return refused
        await self.take_time()
        number = request.match_info["number"]
        fields = [f for f in request.query.get("Fields", "").split(",") if f]
        unknown = [f for f in fields if f not in (*PACKAGES, "validation")]
        if unknown:
            return error(400, 60618, f"Invalid field: {unknown[0]}")
        since = request.query.get("LastVerifiedDate")
        if "reassigned_number" in fields and not since:
            return error(400, 60617, "LastVerifiedDate is required")
        if "reassigned_number" in fields and not _day(since):
            return error(400, 60618, "LastVerifiedDate must be in the format YYYYMMDD")
        if not any(ch.isdigit() for ch in number):
            return error(404, 20404, f"The requested resource /PhoneNumbers/{number} was not found")
        body = self._body(number, fields, since)
        body["url"] = f"https://lookups.twilio.com/v2/PhoneNumbers/{number}"
        return answer(body)

    async def batch(self, request: web.Request) -> web.Response:
        if not self.has_batch:
            return self._no_batch()
        wanted = orjson.loads(await request.read()).get("phone_numbers", [])
        if refused := self._refused(request, len(wanted)):
            return refused
        await self.take_time()
        results = []
        for entry in wanted:
            fields = entry.get("fields") or []
            parameters = entry.get("reassigned_number") or {}
            body = self._body(entry["phone_number"], fields, parameters.get("last_verified_date"))
            # The batch answers name nothing that was not asked for.
            kept = {key: value for key, value in body.items() if value is not None}
            kept["correlation_id"] = entry.get("correlation_id", "")
            results.append(kept)
        return answer({"phone_numbers": results})

    def _no_batch(self) -> web.Response:
        status = self.batch_refusal
        codes = {400: 20001, 403: 20403, 404: 20404, 405: 20004}
        headers = {"Location": "https://www.twilio.com/docs"} if 300 <= status < 400 else {}
        if status not in codes:  # of a gateway before the service
            return web.Response(status=status, text="<html>not here</html>", headers=headers)
        return error(status, codes[status], "The requested resource /v2/batch/query was not found")

    # -- access --------------------------------------------------------------------------

    def _refused(self, request: web.Request, lookups: int) -> web.Response | None:
        if not self._logged_in(request.headers.get("Authorization", "")):
            return error(401, 20003, "Authenticate")
        if self.suspended:
            return error(403, 20005, "Account not active")
        if self.over_limit(lookups):
            response = error(429, 20429, "Too Many Requests")
            response.headers["Retry-After"] = "1"
            return response
        return None

    def _logged_in(self, header: str) -> bool:
        scheme, _, coded = header.partition(" ")
        try:
            user, _, password = base64.b64decode(coded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return scheme == "Basic" and self.logins.get(user) == password

    # -- answers -------------------------------------------------------------------------

    def _body(self, number: str, fields: list[str], since: str | None) -> dict[str, Any]:
        line = self.network.line(number)
        body: dict[str, Any] = {
            "calling_country_code": line.calling_code if line.in_plan else None,
            "country_code": line.country if line.in_plan else None,
            "phone_number": number,
            "national_format": _national(number) if line.in_plan else None,
            "valid": line.in_plan,
            "validation_errors": None if line.in_plan else [line.problem],
            **dict.fromkeys(PACKAGES),
        }
        for field in fields:
            if field in PACKAGES and line.in_plan:
                body[field] = self._package(field, line, since)
        return body

    def _package(self, package: str, line: Line, since: str | None) -> dict[str, Any]:
        # By Twilio's document the code is a text in this one package.
        code = str if package == "reassigned_number" else int
        if package not in self.enabled:
            return {"error_code": code(60606)}
        if package in self.lacking:
            return {"error_code": code(60619)}
        if line.country in self.elsewhere:
            return {"error_code": code(60614)}
        if line.number in self.failing:
            return {"error_code": code(self.failing[line.number])}
        if not line.covered:
            return {"error_code": code(60600)}
        if package == "line_type_intelligence":
            return self._line_type(line)
        if package == "line_status":
            if line.kind != "mobile":
                return {"status": None, "error_code": 60612}
            self.charge(line.number, package)
            return {"status": line.live, "error_code": None}
        return self._reassigned(line, since)

    def _line_type(self, line: Line) -> dict[str, Any]:
        if line.country == "CA" and not self.npac:
            return {"type": None, "carrier_name": None, "mobile_country_code": None,
                    "mobile_network_code": None, "error_code": 60601}  # fmt: skip
        self.charge(line.number, "line_type_intelligence")
        kind = _TYPES.get(line.kind, "unknown")
        carrier = None if kind in _NO_CARRIER else line.carrier
        return {
            "mobile_country_code": "310" if kind == "mobile" else None,
            "mobile_network_code": "410" if kind == "mobile" else None,
            "carrier_name": carrier,
            "type": kind,
            "error_code": None,
        }

    def _reassigned(self, line: Line, since: str | None) -> dict[str, Any]:
        day = _day(since)
        if line.country != "US" or day is None:
            return {"last_verified_date": None, "is_number_reassigned": None, "error_code": "60607"}
        self.charge(line.number, "reassigned_number")
        if day < date(2021, 1, 27):
            reassigned = "no_data_available"
        else:
            gone = line.disconnected_on is not None and line.disconnected_on >= day
            reassigned = "yes" if gone else "no"
        return {
            "last_verified_date": day.isoformat(),
            "is_number_reassigned": reassigned,
            "error_code": None,
        }


def _day(text: str | None) -> date | None:
    try:
        return datetime.strptime(text or "", "%Y%m%d").date()
    except ValueError:
        return None


def _national(number: str) -> str:
    parsed = phonenumbers.parse(number)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
