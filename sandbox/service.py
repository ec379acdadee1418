"""What all stand-ins share: counting of every call, faults on demand, a control endpoint.

Control endpoints (plain JSON, no authentication, loopback only):

- `GET /_sandbox/counters`: calls by route since the last reset, and the total; `refused`: those of
  them that were over a limit.
- `POST /_sandbox/counters/reset`
- `POST /_sandbox/settings`: values of the service that can be set, such as its limits, or those of
  its parts (`bulk.short_by`, `org.automation.trigger_takes`).
- `GET|POST /_sandbox/faults`, `DELETE /_sandbox/faults`: see `Fault`.
- `POST /_sandbox/records/{object}/{id}`: what a person, or the CRM itself, does to a record; the
  body is one action of the service (see `Service.act`).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any

import orjson
from aiohttp import web

from sandbox.contradict import contradicted
from sandbox.table import Clock

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# A handler behind a scope that its caller must have.
Allowed = Callable[[str, Handler], Handler]


@dataclass
class Fault:
    """One thing to go wrong.

    `match`: regular expression searched in "METHOD /path?query". Of the calls that match, the
    `nth` (1 = the next), or each with `probability`, is hit, at most `times` times in all.

    kinds: `status` (answer `status` with `body`, as JSON if it is not bytes, and `headers`; the
    call is not carried out),
    `delay` (wait `seconds`, then answer), `drop` (cut the connection, call not carried out),
    `drop_after` (carry the call out, then cut: the answer is lost), `truncate` (carry out, send
    half of the body, cut), `delay_after` (carry out, wait `seconds`, then answer), `act` (do
    `action` to a record first, then answer as usual), `page` (an error page of some proxy with
    status 200, the call is not carried out), `reorder` (carry out; the records of the answer come
    the other way round), `repeat` (carry out; the answer has its records twice), `contradict`
    (carry out; the answer contradicts itself, `how`: see `sandbox.contradict`), `alter` (carry out;
    in the bytes of the answer, `how` becomes `body`, a text), `header` (carry out; the answer's
    header `how` says `body`), `drip` (carry out; the answer comes
    byte by byte, one each `seconds`, from its first line on, or with `how`
    "body" from its body on).
    """

    match: str
    kind: str
    nth: int | None = None
    probability: float | None = None
    times: int = 1
    status: int = 503
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    how: str = ""
    action: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    seen: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        self._pattern = re.compile(self.match)
        self._random = random.Random(self.seed)

    def strikes(self, call: str) -> bool:
        if self.hits >= self.times or not self._pattern.search(call):
            return False
        self.seen += 1
        if self.probability is not None:
            hit = self._random.random() < self.probability
        else:
            hit = self.nth is None or self.seen >= self.nth
        self.hits += hit
        return hit


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps(body),
        status=status,
        headers={"Content-Type": "application/json;charset=UTF-8", **(headers or {})},
    )


_ERROR_PAGE = "<!DOCTYPE html><html><head><title>Be right back</title></head></html>"


def _shuffled(response: web.Response, how: str) -> web.Response:
    """The records of a page in another order, or each of them twice."""
    body = _json(response.body)
    for key in ("results", "records"):
        if isinstance(body, dict) and isinstance(body.get(key), list):
            entries = body[key]
            body[key] = (
                entries[::-1] if how == "reorder" else [entry for entry in entries for _ in "ab"]
            )
            headers = {k: v for k, v in response.headers.items() if k != "Content-Length"}
            return answer(body, response.status, headers)
    return response


def _body_of(response: web.Response) -> bytes:
    return bytes(response.body or b"")  # type: ignore[arg-type]


def _spoiled(response: web.StreamResponse, fault: Fault) -> web.StreamResponse:
    if not isinstance(response, web.Response):
        return response
    raw = _body_of(response)
    named = {fault.how: str(fault.body)} if fault.kind == "header" else {}
    if fault.kind == "alter":
        raw = raw.replace(fault.how.encode(), str(fault.body).encode("utf-8", "surrogateescape"))
    elif fault.kind == "contradict" and response.status < 300 and (body := _json(raw)) is not None:
        raw = orjson.dumps(contradicted(body, fault.how))
    kept = {k: v for k, v in response.headers.items() if k != "Content-Length"}
    return web.Response(body=raw, status=response.status, headers=kept | named)


def _json(body: Any) -> Any:
    try:
        return orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        return None


class Service:
    """Base of a stand-in: subclasses add routes in `routes()` and record actions in `act()`."""

    name = "service"

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()  # calls over a limit, by its policy
        self.faults: list[Fault] = []
        self.busy = 0  # calls that are being answered
        self.busiest = 0  # the most that were at once
        self.seen: list[dict[str, Any]] | None = None  # request/answer pairs, when recording
        self.clock = Clock()  # what the answers' Date is by

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    def act(self, object_name: str, record_id: str, action: dict[str, Any]) -> Any:
        raise NotImplementedError

    def route_name(self, request: web.Request) -> str:
        resource = request.match_info.route.resource
        return f"{request.method} {resource.canonical if resource else request.path}"

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._middleware], client_max_size=64 * 1024 * 1024)
        app.add_routes(self.routes())
        app.add_routes(
            [
                web.get("/_sandbox/counters", self._get_counters),
                web.post("/_sandbox/counters/reset", self._reset_counters),
                web.post("/_sandbox/settings", self._set),
                web.get("/_sandbox/faults", self._get_faults),
                web.post("/_sandbox/faults", self._add_fault),
                web.delete("/_sandbox/faults", self._clear_faults),
                web.post("/_sandbox/records/{object}/{id}", self._act),
            ]
        )
        return app

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(("/_sandbox", "/ui")):
            return await handler(request)
        self.counters[self.route_name(request)] += 1
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            response = await self._answered(request, handler)
            if self.clock.skew and not response.prepared:
                response.headers["Date"] = format_datetime(self.clock.now(), usegmt=True)
            return response
        finally:
            self.busy -= 1

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        call = f"{request.method} {request.path_qs}"
        cut_after = None
        spoiled: list[Fault] = []
        wait_after = 0.0
        for fault in self.faults:
            if not fault.strikes(call):
                continue
            if fault.kind == "status":
                body = fault.body if fault.body is not None else {"message": "fault"}
                if isinstance(body, bytes):
                    return web.Response(body=body, status=fault.status, headers=fault.headers)
                return answer(body, fault.status, fault.headers)
            if fault.kind == "delay":
                await asyncio.sleep(fault.seconds)
            elif fault.kind == "drop":
                return self._cut(request)
            elif fault.kind == "page":
                return web.Response(text=_ERROR_PAGE, content_type="text/html")
            elif fault.kind == "act":
                todo = dict(fault.action)
                self.act(todo.pop("object"), todo.pop("id"), todo)
            elif fault.kind == "delay_after":
                wait_after = fault.seconds
            elif fault.kind in ("contradict", "alter", "header", "drip"):
                spoiled.append(fault)
            else:
                cut_after = fault.kind
        response = await handler(request)
        if self.seen is not None and isinstance(response, web.Response):
            body = await request.read()
            self.seen.append(
                {
                    "method": request.method,
                    "path": request.path,
                    "query": dict(request.query),
                    "request": _json(body),
                    "status": response.status,
                    "response": _json(response.body),
                }
            )
        await asyncio.sleep(wait_after)
        if cut_after == "drop_after":
            return self._cut(request)
        if cut_after == "truncate" and isinstance(response, web.Response):
            return await self._truncate(request, response)
        if cut_after in ("reorder", "repeat") and isinstance(response, web.Response):
            return _shuffled(response, cut_after)
        for fault in spoiled:
            if fault.kind == "drip":
                return await self._drip(request, response, fault)
            response = _spoiled(response, fault)
        return response

    async def _drip(
        self, request: web.Request, response: web.StreamResponse, fault: Fault
    ) -> web.StreamResponse:
        """The answer as it would be, one byte at a time."""
        body = _body_of(response) if isinstance(response, web.Response) else b""
        headers = {**response.headers, "Content-Length": str(len(body)), "Connection": "close"}
        lines = [f"HTTP/1.1 {response.status} Slow", *(f"{k}: {v}" for k, v in headers.items())]
        head = "\r\n".join([*lines, "", ""]).encode()
        at_once, slow = (head, body) if fault.how == "body" else (b"", head + body)
        transport = request.transport
        if transport is not None:
            transport.write(at_once)
            for place in range(len(slow)):
                if transport.is_closing():
                    break
                transport.write(slow[place : place + 1])
                await asyncio.sleep(fault.seconds)
        return self._cut(request)

    def _cut(self, request: web.Request) -> web.StreamResponse:
        if request.transport is not None:  # the client may have gone by itself
            request.transport.abort()
        return web.Response(status=500)

    async def _truncate(self, request: web.Request, whole: web.Response) -> web.StreamResponse:
        body = bytes(whole.body)  # type: ignore[arg-type]
        partial = web.StreamResponse(status=whole.status, headers=whole.headers)
        partial.content_length = len(body)
        with contextlib.suppress(ConnectionError):  # the client may have gone by itself
            await partial.prepare(request)
            await partial.write(body[: len(body) // 2])
        if request.transport is not None:
            request.transport.close()
        return partial

    async def _get_counters(self, _request: web.Request) -> web.Response:
        counts = {"total": self.counters.total(), "routes": dict(self.counters)}
        return answer({**counts, "refused": dict(self.refused)})

    async def _reset_counters(self, _request: web.Request) -> web.Response:
        self.counters.clear()
        self.refused.clear()
        return answer({})

    async def _set(self, request: web.Request) -> web.Response:
        for name, value in orjson.loads(await request.read()).items():
            *path, last = name.split(".")
            owner: Any = self
            for part in path:
                owner = getattr(owner, part, None)
            private = any(part.startswith("_") for part in (*path, last))
            if private or type(getattr(owner, last, None)) is not type(value):
                raise web.HTTPBadRequest(text=f"{self.name} has no such setting: {name}")
            setattr(owner, last, value)
        return answer({})

    async def _get_faults(self, _request: web.Request) -> web.Response:
        return answer(
            [
                {"match": f.match, "kind": f.kind, "seen": f.seen, "hits": f.hits}
                for f in self.faults
            ]
        )

    async def _add_fault(self, request: web.Request) -> web.Response:
        self.faults.append(Fault(**orjson.loads(await request.read())))
        return answer({"faults": len(self.faults)})

    async def _clear_faults(self, _request: web.Request) -> web.Response:
        self.faults.clear()
        return answer({})

    async def _act(self, request: web.Request) -> web.Response:
        action = orjson.loads(await request.read())
        result = self.act(request.match_info["object"], request.match_info["id"], action)
        return answer({"result": result})
