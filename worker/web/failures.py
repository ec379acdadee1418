"""Answer requests that fail through no fault of their sender, and log each failure once.

A database that is away is one line of the log and an answer 503 that says what to do. A bug of ours
is logged with its place, and the page names the request's id, by which the log is searched. Neither
tells a stranger more than that. Recipients and programs get an answer of their own kind.
"""

from __future__ import annotations

import logging

import sqlalchemy as sa
from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.errors import HygieneError
from config.logging_setup import what_about
from worker.access.model import Person
from worker.store.errors import StoreError
from worker.store.machine_faults import Trouble, trouble
from worker.web.auth import logged_in
from worker.web.confirm import routes as confirm_routes
from worker.web.limits import StopReadingError
from worker.web.render import page, sentence

log = logging.getLogger(__name__)

_TRY_AGAIN_AFTER = 10  # seconds
_PROGRAMS = ("/api/", "/webhooks/", "/metrics")
_AWAY = "The database is not available"
_CANNOT = "This machine cannot do that at the moment"  # its disk is full, or Redis is away
_WRONG = "Something went wrong"


class Failures:
    """Stands right before the application: what it answers gets the headers of any other page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except StopReadingError:
            raise
        except ClientDisconnect:
            log.info("a sender went away before its request was here")
            await Response(status_code=400)(scope, receive, send)  # for what stands before us
        except Exception as error:
            report_failure(error)
            if not begun:
                answer = await run_in_threadpool(_answer, Request(scope), error)
                await answer(scope, receive, send)


def report_failure(error: BaseException, what: str = "") -> None:
    """Log a failure: a known fault of the machine in one line, a bug with its place.

    `what`: what failed, where no request says it.
    """
    about = f"{what}: " if what else ""
    if (fault := trouble(error)) is not None:
        log.error("%s%s", about, fault.line)
    elif isinstance(error, HygieneError):
        log.error("%s%s", about, "; ".join(str(error).splitlines()))
    else:
        log.error("%s", what or "a request failed", exc_info=error)


def _answer(request: Request, error: Exception) -> Response:
    fault = trouble(error)
    status = 500 if fault is None else 503
    path = request.url.path
    if path.startswith(_PROGRAMS):
        answer: Response = JSONResponse({"error": _for_programs(error, fault)}, status)
    elif path.startswith("/confirm/"):
        answer = confirm_routes.unavailable(request, status)
    else:
        answer = _page(request, error, fault)
    if fault is not None:
        answer.headers["Retry-After"] = str(_TRY_AGAIN_AFTER)
    return answer


def _headline(error: Exception, fault: Trouble | None) -> str:
    if fault is None:
        return _WRONG
    return _AWAY if isinstance(error, (sa.exc.SQLAlchemyError, StoreError)) else _CANNOT


def _for_programs(error: Exception, fault: Trouble | None) -> str:
    then = "Try again later" if fault is not None else f"The log says more under {_trace()}"
    return f"{_headline(error, fault)}. {then}."


def _page(request: Request, error: Exception, fault: Trouble | None) -> Response:
    sent = request.method != "GET"
    query = f"?{request.url.query}" if request.url.query else ""
    again = "" if sent else request.url.path + query
    doubt = " Check whether it was saved before you send it again." if sent else ""
    person = None if fault is not None and fault.passes else logged_in(request)
    if person is not None and (fault is not None or isinstance(error, HygieneError)):
        # It says what to do, and is for those who may see our pages.
        detail = f"{sentence(fault.line if fault is not None else error)}.{doubt}"
    elif fault is not None:
        detail = (
            f"Try again in a minute.{doubt} If that does not help, run hygiene doctor on the "
            "machine of the web process, or look in its log."
        )
    else:
        detail = (
            f"The fault is ours.{doubt} If it happens again, search the log of the web process for "
            f"{_trace()}, which marks this request."
        )
    status = 500 if fault is None else 503
    return _with_menu(request, person, status, _headline(error, fault), detail, again)


def _with_menu(
    request: Request, person: Person | None, status: int, text: str, detail: str, again: str
) -> Response:
    """Return the page; without the menu where its figures cannot be had either."""
    try:
        return page(request, "message.html", person, status, text=text, detail=detail, again=again)
    except sa.exc.SQLAlchemyError:
        return page(request, "message.html", None, status, text=text, detail=detail, again=again)


def _trace() -> str:
    return what_about().get("trace", "this time")
