"""A stand-in for the FCC's Reassigned Numbers Database: calls and files, tokens, queries left."""

from __future__ import annotations

import csv
import io
import time
import uuid
from datetime import date
from typing import Any

import orjson
from aiohttp import web

from sandbox.providers.meter import LookupService
from sandbox.service import answer

REFRESH_TOKEN = "sandbox-rnd-refresh-token"
COMPANY = "HYGIENE"
_MOST = 1000  # numbers in a call


class RndService(LookupService):
    """`left`: queries that the subscription still has. `token_seconds`: how long a token is good.
    `job_seconds`: how long a file takes. `tells_dates`: its answers repeat the date asked about."""

    name = "rnd"

    def __init__(self, network: Any = None) -> None:
        super().__init__(network)
        self.refresh_tokens = {REFRESH_TOKEN}
        self.left = 1_000_000
        self.token_seconds = 3600.0
        self.job_seconds = 0.2
        self.tells_dates = True
        self.tokens: dict[str, float] = {}
        self.files: dict[str, tuple[float, list[list[str]]]] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/b/public/api/idToken", self.id_token),
            web.post("/api/tn", self.query),
            web.post("/uploads/url", self.upload_url),
            web.put("/uploads/{file}", self.upload),
            web.get("/downloads", self.downloads),
            web.get("/downloads/{file}", self.download),
            *self.meter_routes(),
        ]

    async def id_token(self, request: web.Request) -> web.Response:
        given = orjson.loads(await request.read()).get("refreshToken")
        if given not in self.refresh_tokens:
            return answer({"message": "Invalid refresh token"}, 401)
        token = uuid.uuid4().hex
        self.tokens[token] = time.monotonic() + self.token_seconds
        return answer({"idToken": token})

    async def query(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        wanted = orjson.loads(await request.read()).get("tnList", [])
        if not wanted or len(wanted) > _MOST:
            return answer({"message": f"tnList must hold 1 to {_MOST} entries"}, 400)
        if len(wanted) > self.left:
            return answer({"message": "Subscription query limit exceeded"}, 403)
        if self.over_limit(len(wanted)):
            return answer({"message": "Too many requests"}, 429, {"Retry-After": "1"})
        await self.take_time()
        return answer({"replies": [self._reply(entry) for entry in wanted]})

    def _reply(self, entry: dict[str, str]) -> dict[str, str]:
        reply = {"tn": entry["tn"], "companyId": entry.get("companyId", ""),
                 "disconnected": self._disconnected(entry["tn"], entry["date"])}  # fmt: skip
        return {**reply, "dateProvided": entry["date"]} if self.tells_dates else reply

    def _disconnected(self, tn: str, day: str) -> str:
        """As FCC DA 21-1649 says: yes where the date is the same as or before the disconnection."""
        number = f"+1{tn}"
        self.left -= 1
        self.charge(number, f"query {day}")
        since = date.fromisoformat(day)
        if since < date(2021, 1, 27):
            return "no_data"
        gone = self.network.line(number).disconnected_on
        return "yes" if gone is not None and since <= gone else "no"

    # -- files ---------------------------------------------------------------------------

    async def upload_url(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        name = orjson.loads(await request.read())["fileName"]
        return answer({"url": f"http://{request.host}/uploads/{name}"})

    async def upload(self, request: web.Request) -> web.Response:
        rows = [row for row in csv.reader(io.StringIO((await request.read()).decode())) if row]
        done = [[tn, day, self._disconnected(tn, day)] for tn, day in rows]
        self.files[request.match_info["file"]] = (time.monotonic() + self.job_seconds, done)
        return web.Response(status=200)

    async def downloads(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        name = request.query.get("fileName", "")
        if name not in self.files:
            return answer({"files": []})
        ready = self.files[name][0] <= time.monotonic()
        entry = {"fileName": name, "status": "completed" if ready else "processing"}
        if ready:
            entry["url"] = f"http://{request.host}/downloads/{name}"
        return answer({"files": [entry]})

    async def download(self, request: web.Request) -> web.Response:
        text = io.StringIO()
        csv.writer(text).writerows(self.files[request.match_info["file"]][1])
        return web.Response(text=text.getvalue(), content_type="text/csv")

    def _refused(self, request: web.Request) -> web.Response | None:
        until = self.tokens.get(request.headers.get("Authorization", ""), 0.0)
        if until <= time.monotonic():
            return answer({"message": "Unauthorized"}, 401)
        return None
