"""A stand-in for ClearoutPhone: single lookups, files, credits; the header with its colon."""

from __future__ import annotations

import csv
import io
import time
import uuid
from dataclasses import dataclass
from typing import Any

import orjson
import phonenumbers
from aiohttp import web

from sandbox.network import Line
from sandbox.providers.meter import LookupService
from sandbox.service import answer

TOKEN = "sandbox-clearoutphone-token"
_TYPES = {
    "mobile": "mobile", "landline": "landline", "voip": "voip", "toll_free": "toll_free",
    "premium": "premium_rate", "pager": "pager", "shared_cost": "shared_cost",
    "personal": "personal_number", "uan": "uan", "voicemail": "voicemail",
}  # fmt: skip


def failure(status: int, code: int, message: str) -> web.Response:
    return answer({"status": "failed", "error": {"code": code, "message": message}}, status)


def success(data: Any) -> web.Response:
    return answer({"status": "success", "data": data})


@dataclass
class Job:
    numbers: list[str]
    ready_at: float
    failed: bool = False
    country_code: str = ""


class ClearoutPhoneService(LookupService):
    """`credits`: what is left. `job_seconds`: how long a file takes."""

    name = "clearoutphone"

    def __init__(self, network: Any = None) -> None:
        super().__init__(network)
        self.tokens = {TOKEN}
        self.credits = 1_000_000
        self.job_seconds = 0.2
        self.jobs: dict[str, Job] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/phonenumber/validate", self.validate),
            web.post("/v1/phonenumber/bulk", self.bulk),
            web.get("/v1/phonenumber/bulk/progress_status", self.progress),
            web.get("/v1/phonenumber/getcredits", self.get_credits),
            web.post("/v1/download/result", self.result),
            web.get("/files/{job}.csv", self.file),
            *self.meter_routes(),
        ]

    async def validate(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        number = str(orjson.loads(await request.read()).get("number") or "")
        if not number:
            return failure(400, 1029, "validation failed, number is required")
        if self.credits < 1:
            return self._used_up()
        if self.over_limit():
            return failure(429, 1031, "API rate limit reached, please try after some time")
        await self.take_time()
        line = self.network.line(number)
        self.credits -= 1
        self.charge(number, "validate")
        return success({
            "number": number, "status": _status(line),
            "line_type": _TYPES.get(line.kind, "") if line.in_plan else "",
            "carrier": line.carrier, "location": "", "country_name": line.country,
            "country_code": line.country, "country_timezone": "",
            "international_format": _international(line), "local_format": "",
            "e164_format": number if line.in_plan else "",
            "can_be_internationally_dialled": True, "time_taken": 12, "billable_credits": 1,
        })  # fmt: skip

    async def get_credits(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        return success({
            "available_credits": self.credits,
            "credits": {"available": self.credits, "subs": 0, "reset_date": None},
        })  # fmt: skip

    # -- files ---------------------------------------------------------------------------

    async def bulk(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        form = await request.post()
        file = form.get("file")
        if not isinstance(file, web.FileField):
            return failure(400, 1030, "Please upload a CSV or XLSX file")
        country = str(form.get("country_code") or "")
        if country and country.upper() not in phonenumbers.SUPPORTED_REGIONS:
            return failure(400, 1029, "validation failed, country_code is not valid")
        rows = list(csv.reader(io.StringIO(file.file.read().decode("utf-8-sig"))))
        numbers = [_with_country(row[0], country) for row in rows[1:] if row]
        if not numbers:
            return failure(400, 1032, "Uploaded file is empty")
        if self.credits < len(numbers):
            return self._used_up()
        self.credits -= len(numbers)
        for number in numbers:
            self.charge(number, "validate")
        job = uuid.uuid4().hex[:24]
        self.jobs[job] = Job(numbers, time.monotonic() + self.job_seconds, country_code=country)
        return success({"list_id": job})

    async def progress(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        job = self.jobs.get(request.query.get("list_id", ""))
        if job is None:
            return failure(400, 1024, "list_id does not exist")
        if job.failed:
            return success({"progress_status": "failed", "percentile": 0})
        remaining = job.ready_at - time.monotonic()
        if remaining > 0:
            done = max(0, min(99, int(100 * (1 - remaining / max(self.job_seconds, 0.01)))))
            return success({"progress_status": "running", "percentile": done})
        return success({"progress_status": "completed", "percentile": 100})

    async def result(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        job = str(orjson.loads(await request.read()).get("list_id") or "")
        if job not in self.jobs:
            return failure(400, 1024, "list_id does not exist")
        return success({"url": f"http://{request.host}/files/{job}.csv"})

    async def file(self, request: web.Request) -> web.Response:
        """The result, at an address that needs no token and must not be given one."""
        if "Authorization" in request.headers:
            return web.Response(status=400, text="Only one auth mechanism allowed")
        job = self.jobs.get(request.match_info["job"])
        if job is None:
            return web.Response(status=404)
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["Phone", "ClearoutPhone Validation Status", "ClearoutPhone Line Type",
                         "ClearoutPhone Carrier", "ClearoutPhone Country Code",
                         "ClearoutPhone International Format"])  # fmt: skip
        for number in job.numbers:
            line = self.network.line(number)
            kind = _TYPES.get(line.kind, "") if line.in_plan else ""
            writer.writerow([number, _status(line).capitalize(), kind, line.carrier,
                             line.country, _international(line)])  # fmt: skip
        return web.Response(text=text.getvalue(), content_type="text/csv")

    # -- access --------------------------------------------------------------------------

    def _refused(self, request: web.Request) -> web.Response | None:
        header = request.headers.get("Authorization", "")
        if header.removeprefix("Bearer:") not in self.tokens or not header.startswith("Bearer:"):
            return failure(401, 1000, "Invalid API Token, please generate new token")
        return None

    def _used_up(self) -> web.Response:
        text = "You have exhausted your credits, please add additional credits to continue"
        return failure(402, 1002, text)


def _with_country(number: str, country: str) -> str:
    """A number as a file has it: one without a country code is read as of the file's country."""
    if number.startswith("+") or not country:
        return number
    try:
        parsed = phonenumbers.parse(number, country.upper())
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _status(line: Line) -> str:
    if not line.covered:
        return "unknown"
    return "valid" if line.in_plan and line.assigned else "invalid"


def _international(line: Line) -> str:
    if not line.in_plan:
        return ""
    return phonenumbers.format_number(
        phonenumbers.parse(line.number), phonenumbers.PhoneNumberFormat.INTERNATIONAL
    )
