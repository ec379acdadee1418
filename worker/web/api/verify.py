"""Routes that verify one number while somebody fills in a form.

Asked by a browser with a capture key (https://fetch.spec.whatwg.org/#http-cors-protocol), or by
somebody's server with a token of the API. The number is in the body, and the answer comes
within a second whatever a provider does.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security.utils import get_authorization_scheme_param
from pydantic import Field, ValidationError

from worker.capture import keys, polls
from worker.capture.captures import Begun, Captures
from worker.capture.model import Answer, Asker, CaptureKeyState
from worker.capture.visitors import visitor_of
from worker.context import Context
from worker.web.api.dependencies import StrictBody
from worker.web.api.responses import answers
from worker.web.api.schemas import capture as capture_schemas
from worker.web.auth import caller_of
from worker.web.failures import report_failure

# Seconds from when a request is here. With its way, it is answered in one.
ANSWER_WITHIN = 0.8  # so long it waits for a lookup
GIVE_UP_AFTER = 0.95  # so long for our own database
_LARGEST = 2048  # bytes of a body
_THREADS = 8  # requests at once that are worked on; apart from those of the pages
_PREFLIGHT_FOR = 7200  # seconds that a browser remembers it; Chromium takes no more
_PATH = "/api/numbers/verify"

T = TypeVar("T")


class VerifyRequest(StrictBody):
    """One number in any spelling. `country`: that the form assumes for one without country code."""

    number: Annotated[str, Field(min_length=1, max_length=200)]
    country: Annotated[str, Field(max_length=100)] | None = ""


_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": VerifyRequest.model_json_schema()}},
    }
}


def router(ctx: Context, captures: Captures) -> APIRouter:
    """Return the routes that verify a number at capture."""
    routes = APIRouter()
    threads = ThreadPoolExecutor(_THREADS, "verify")

    async def within(begun: float, work: Callable[..., T], *args: Any) -> T:
        """Do in a thread what may block; raises 503 if that is not done in time."""
        future = asyncio.get_running_loop().run_in_executor(threads, work, *args)
        done, _ = await asyncio.wait({future}, timeout=_left(begun + GIVE_UP_AFTER))
        if not done:
            future.add_done_callback(_report_late_failure)
            raise HTTPException(503, "This takes too long now. Try again.", {"Retry-After": "1"})
        return future.result()

    def cors(request: Request) -> dict[str, str]:
        """Return the headers that let a page read the answer, if some key is for its origin."""
        origin = request.headers.get("origin", "")
        allowed = bool(origin) and keys.is_known_origin(ctx, origin)
        return {"Vary": "Origin"} | ({"Access-Control-Allow-Origin": origin} if allowed else {})

    def asker_of(request: Request, poll: bool) -> Asker:
        """Return who asks; raises 401, 403, or 429 for one that asks too often."""
        scheme, shown = get_authorization_scheme_param(request.headers.get("authorization"))
        shown = shown if scheme.lower() == "bearer" else ""
        if not shown.startswith(keys.PREFIX):
            who = caller_of(request, shown, "verify")
            refuse_over(captures.over_token_rate(who.id, poll))
            return Asker()
        key = keys.shown(ctx, shown)
        if key is None:
            raise HTTPException(
                401, "There is no such capture key.", {"WWW-Authenticate": "Bearer"}
            )
        asker = Asker(key)
        origin = request.headers.get("origin", "")
        # A page of our own origin sends none when it only asks again.
        if origin not in key.origins and (origin or not poll):
            captures.count(asker, "wrong_origin")
            raise HTTPException(403, "This capture key is not for pages of this origin.")
        if key.state == CaptureKeyState.PAUSED:
            raise HTTPException(403, "This capture key is paused.")
        peer = request.client.host if request.client else ""
        forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
        visitor = visitor_of(peer, forwarded, ctx.settings.capture.proxies)
        if seconds := captures.over_rate(asker, visitor, poll):
            captures.count(asker, "rate_limited")
            refuse_over(seconds)
        return asker

    def refuse_over(seconds: float) -> None:
        if seconds:
            wait = str(math.ceil(seconds))
            raise HTTPException(
                429, f"Too many requests. Ask again in {wait} s.", {"Retry-After": wait}
            )

    async def with_cors(
        request: Request, begun: float, answer: Callable[[], Awaitable[dict[str, Any]]]
    ) -> Response:
        headers = {"Vary": "Origin"}
        try:
            headers = await within(begun, cors, request)
            return JSONResponse(await answer(), headers=headers)
        except HTTPException as error:
            error.headers = {**(error.headers or {}), **headers}
            raise

    @routes.post(
        "/numbers/verify",
        summary="Verify one number now, for a form or a portal",
        openapi_extra=_BODY,
        **answers(capture_schemas.VerifiedNumber, 413, 429, 503),
    )
    async def verify(request: Request) -> Response:
        begun = time.monotonic()

        async def answer() -> dict[str, Any]:
            asker = await within(begun, asker_of, request, False)
            body = _parsed(await _small_body(request))
            at_once = await within(begun, captures.begin, asker, body.number, body.country or "")
            found, poll = await _outcome(captures, asker, at_once, begun + ANSWER_WITHIN)
            captures.count(asker, found.status)
            return {**found.as_json(), **_poll_again(poll)}

        return await with_cors(request, begun, answer)

    @routes.get(
        "/numbers/verify/{poll_id}",
        summary="Ask again for an answer that was not there yet",
        **answers(capture_schemas.LateAnswer, 404, 429, 503),
    )
    async def poll(request: Request, poll_id: str) -> Response:
        begun = time.monotonic()

        def load(asker: Asker) -> dict[str, Any]:
            if not polls.is_valid(ctx.keys, asker.id, poll_id, ctx.now()):
                raise HTTPException(404, "This address has expired, or was never given to you.")
            stored = polls.load(ctx, poll_id)
            if stored is not None:
                return {**stored, **_poll_again("")}
            waiting = Answer("unknown").as_json()
            late = {name: waiting[name] for name in polls.KEPT}
            return {**late, **_poll_again(poll_id)}

        async def answer() -> dict[str, Any]:
            asker = await within(begun, asker_of, request, True)
            return await within(begun, load, asker)

        return await with_cors(request, begun, answer)

    async def preflight(request: Request) -> Response:
        """What a browser asks before it sends a key: may this page do so?"""
        headers = await within(time.monotonic(), cors, request)
        headers["Vary"] = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
        if "Access-Control-Allow-Origin" not in headers:
            return Response(status_code=403, headers=headers)
        headers |= {
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "authorization, content-type",
            "Access-Control-Max-Age": str(_PREFLIGHT_FOR),
        }
        return Response(status_code=204, headers=headers)

    for path in ("/numbers/verify", "/numbers/verify/{poll_id}"):
        routes.add_api_route(path, preflight, methods=["OPTIONS"], include_in_schema=False)
    return routes


async def _outcome(
    captures: Captures, asker: Asker, at_once: Begun, until: float
) -> tuple[Answer, str]:
    """Wait for a lookup as long as there is time. Return the answer, and the id of its poll, "" if
    nothing more is to come.

    A form waits for the whole time: how long it takes would tell which numbers we know already.
    """
    lookup = at_once.lookup
    if lookup is None:
        return at_once.answer, ""
    done = asyncio.wrap_future(lookup.future)
    if asker.is_public:
        await asyncio.sleep(_left(until))
    else:
        await asyncio.wait({done}, timeout=_left(until))
    poll_id = captures.poll_id(asker)
    answer = lookup.leave(poll_id)
    if answer is not None:
        return answer, ""
    return replace(at_once.answer, status="unknown"), poll_id


def _report_late_failure(work: asyncio.Future[Any]) -> None:
    """Log why work failed that nobody waits for any more."""
    error = None if work.cancelled() else work.exception()
    if error is not None and not isinstance(error, HTTPException):
        report_failure(error, "a number of a form, after its request was answered")


def _left(until: float) -> float:
    return max(0.0, until - time.monotonic())


def _poll_again(poll_id: str) -> dict[str, Any]:
    return {
        "poll": f"{_PATH}/{poll_id}" if poll_id else None,
        "retry_after": polls.RETRY_AFTER if poll_id else None,
    }


async def _small_body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise HTTPException(413, "The body is too large: send one number.")
    return body


def _parsed(body: bytes) -> VerifyRequest:
    """Return what a body says; raises 422 with where it is wrong, without what was sent."""
    try:
        return VerifyRequest.model_validate_json(body)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}".removeprefix(": ")
            for detail in error.errors(include_input=False, include_url=False)
        ]
        raise HTTPException(422, "; ".join(problems[:5])) from None
