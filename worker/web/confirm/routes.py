"""The recipient's page: whoever has the number says whether it is theirs.

Works without JavaScript, sets nothing, and shows nothing of the person whom the number was meant
for. To open it changes nothing: link scanners do. An answer is a form that is sent.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, quote

import phonenumbers
import sqlalchemy as sa
from fastapi import APIRouter, BackgroundTasks, Query, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.templating import Jinja2Templates

from config.connections import is_former
from worker.asking import links as ask_links
from worker.asking.answers import ANSWER_OF
from worker.context import Context
from worker.feedback import intake
from worker.feedback.models import RECIPIENT_PAGE, Feedback, FeedbackKind, Scope
from worker.phones import facts
from worker.phones.single_number import number_of
from worker.store import crm_accounts
from worker.store.tables import contacts, feedback
from worker.suppression import confirm_links
from worker.suppression.confirm_links import BadLinkError, Link
from worker.web.body import RawBody
from worker.web.confirm.one_click import is_one_click
from worker.web.confirm.translations import TRANSLATIONS, language_of
from worker.web.notify import Notify

_pages = Jinja2Templates(Path(__file__).parents[1] / "templates")
# Answer -> what it reports, whom it concerns, and how it is told.
_ANSWERS: dict[str, tuple[FeedbackKind, Scope, str]] = {
    "yes": (FeedbackKind.CONFIRMED, "person", "the person said “yes, this is me” on our page"),
    "no": (FeedbackKind.WRONG_NUMBER, "number", "said “I am not this person” on our page"),
    "stop": (FeedbackKind.OPT_OUT, "number", "said “do not contact me” on our page"),
    "stop_call": (FeedbackKind.OPT_OUT, "number", "said “do not call me” on our page"),
    "stop_text": (FeedbackKind.OPT_OUT, "number", "said “do not text me” on our page"),
    "new": (FeedbackKind.CORRECTED, "person", "the person gave another number on our page"),
}
_STOPS = frozenset({"stop", "stop_call", "stop_text"})  # taken with any link of ours, at any time
_CHANNELS = {"stop_call": "call", "stop_text": "text"}  # of an answer; any other is of both
Lang = Annotated[str, Query(max_length=5)]


@dataclass(frozen=True, slots=True)
class _Opened:
    """A link of ours: what it is about, and the ask message that it came with, if any. One that has
    expired still takes a stop, and so does one about a record of a former account, of which only
    its message still knows whose it was (`person`)."""

    link: Link
    number: str
    message: int = 0
    expired: bool = False
    person: str = ""


def masked(number: str) -> str:
    """A number as its owner knows it and nobody else can use it.

    >>> masked("+14155552671")
    '+1 ••••••••71'
    """
    code = str(phonenumbers.parse(number).country_code)
    hidden = len(number) - 1 - len(code) - 2
    return f"+{code} {'•' * max(1, hidden)}{number[-2:]}"


def router(ctx: Context, notify: Notify) -> APIRouter:
    """Return the routes of recipients' own pages.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter(tags=["recipients"])

    def show(request: Request, asked: str, status: int = 200, **values: object) -> Response:
        language = language_of(asked, request.headers.get("accept-language", ""))
        translation = TRANSLATIONS[language]
        company = ctx.settings.feedback.company
        asks = translation.asks_by.replace("{company}", company) if company else translation.asks
        context = {
            "words": translation, "language": language, "languages": TRANSLATIONS, "asks": asks,
            "path": request.url.path, "nonce": secrets.token_urlsafe(9), **values,
        }  # fmt: skip
        return _pages.TemplateResponse(
            request, "confirm.html", context, status, {"X-Robots-Tag": "noindex"}
        )

    def opened(token: str) -> _Opened:
        message = 0
        if ask_links.is_code(token):
            asked = ask_links.find(ctx, token, also_expired=True)
            link, message = asked.link, asked.message
            if is_former(link.connector):  # nothing of the record is left but this
                return _Opened(link, asked.number, message, True, asked.person)
        else:
            link = confirm_links.read_token(ctx.keys, token, ctx.now(), also_expired=True)
            with ctx.store.read() as connection:
                name = crm_accounts.name_now(connection, link.connector)
            link = replace(link, connector=name)
        expired = link.expires <= ctx.now()
        for number in intake.numbers_of_contact(ctx, link.connector, link.object, link.record_id):
            if ctx.keys.short_hash(number) == link.number_hash:
                return _Opened(link, number, message, expired)
        raise BadLinkError("the number is no longer there")

    @routes.get("/confirm/{token}", summary="The recipient's page", response_class=Response)
    def page(request: Request, token: str, lang: Lang = "") -> Response:
        try:
            page_of = opened(token)
        except BadLinkError:
            return show(request, lang, 404, state="gone")
        if page_of.expired:
            return show(request, lang, 404, state="expired")
        if page_of.message:
            ask_links.record_opened(ctx, page_of.message)
        return show(request, lang, state="ask", number=masked(page_of.number))

    @routes.post("/confirm/{token}", summary="An answer", response_class=Response)
    def answer(
        request: Request, token: str, body: RawBody, background: BackgroundTasks, lang: Lang = ""
    ) -> Response:
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        try:
            page_of = opened(token)
        except BadLinkError:
            return show(request, lang, 404, state="gone")
        link, number = page_of.link, page_of.number
        answer_given = form.get("answer", "")
        if page_of.expired and answer_given not in _STOPS:
            return show(request, lang, 404, state="expired")
        asking = {"state": "ask", "number": masked(number)}
        if answer_given not in _ANSWERS:
            return show(request, lang, 400, problem="choose", **asking)
        new = ""
        if answer_given == "new":
            typed = form.get("number", "")[:60]
            new = _new_number(ctx, link, number, typed)
            if not new:
                return show(request, lang, 400, problem="bad_number", typed=typed, **asking)
        print_ = hashlib.blake2b(token.encode(), digest_size=12).hexdigest()
        nonce = "".join(c for c in form.get("nonce", "") if c.isalnum() or c in "-_")[:24]
        if _answers_today(ctx, print_) >= ctx.settings.feedback.answers_per_link:
            if answer_given not in _STOPS:
                return show(request, lang, 429, state="too_often")
            nonce = f"{ctx.now():%Y%m%d}"  # heard, and counted once a day
        kind, reach, evidence = _ANSWERS[answer_given]
        if new == number:  # the number that we have: that is a yes
            kind, reach, evidence = _ANSWERS["yes"]
            new = ""
        who = intake.find_identity(ctx, link.connector, link.object, link.record_id)
        now = ctx.now()
        report = Feedback(
            key=f"page:{print_}:{answer_given}:{new and ctx.keys.short_hash(new)}:{nonce}",
            kind=kind,
            number=number,
            source=RECIPIENT_PAGE,
            at=now,
            channels=_CHANNELS.get(answer_given, ""),
            contact=link.contact,
            scope=reach,
            person=who.person or page_of.person,
            evidence=evidence,
            new_number=new,
            received_at=now,
        )
        intake.store_reports(ctx, [report])
        if page_of.message:
            ask_links.record_answer_to(ctx, page_of.message, ANSWER_OF[kind])
        background.add_task(notify)
        return show(request, lang, state="done", answer=answer_given)

    @routes.get(
        "/confirm/{token}/unsubscribe", summary="The page, from an email", response_class=Response
    )
    def from_email(token: str) -> Response:
        """A mail reader that knows no one-click unsubscribing opens the page: that says nothing."""
        return RedirectResponse(f"/confirm/{quote(token)}", 303)

    @routes.post(
        "/confirm/{token}/unsubscribe",
        summary="One-click unsubscribing (RFC 8058), from an email",
        response_class=Response,
    )
    def unsubscribe(
        request: Request, token: str, body: RawBody, background: BackgroundTasks
    ) -> Response:
        """Also with a link that can no longer be answered: who wants to hear less never waits."""
        if not is_one_click(request.headers.get("content-type", ""), body):
            return Response("Write List-Unsubscribe=One-Click.", 400, media_type="text/plain")
        try:
            if not ask_links.is_code(token):
                raise BadLinkError("this is not one of our links")
            asked = ask_links.find(ctx, token, also_expired=True)
        except BadLinkError:
            return Response("There is no such link.", 404, media_type="text/plain")
        now = ctx.now()
        print_ = hashlib.blake2b(token.encode(), digest_size=12).hexdigest()
        link = asked.link
        who = intake.find_identity(ctx, link.connector, link.object, link.record_id)
        report = Feedback(
            key=f"page:{print_}:unsubscribe",
            kind=FeedbackKind.OPT_OUT,
            number=asked.number,
            source=RECIPIENT_PAGE,
            at=now,
            contact=link.contact,
            scope="person",  # whoever has the address, by whichever number
            person=who.person or asked.person,
            evidence="unsubscribed from our emails",
            received_at=now,
        )
        intake.store_reports(ctx, [report])
        ask_links.record_answer_to(ctx, asked.message, ANSWER_OF[FeedbackKind.OPT_OUT])
        background.add_task(notify)
        return Response("You are unsubscribed.", media_type="text/plain")

    return routes


def unavailable(request: Request, status: int) -> Response:
    """Return the page for when nothing can be read or kept: it promises nothing."""
    asked = request.query_params.get("lang", "")[:5]
    language = language_of(asked, request.headers.get("accept-language", ""))
    context = {
        "words": TRANSLATIONS[language], "language": language, "languages": TRANSLATIONS,
        "path": request.url.path, "state": "unavailable",
    }  # fmt: skip
    return _pages.TemplateResponse(
        request, "confirm.html", context, status, {"X-Robots-Tag": "noindex"}
    )


def _answers_today(ctx: Context, print_: str) -> int:
    query = sa.select(sa.func.count()).where(
        feedback.c.key >= f"page:{print_}:",
        feedback.c.key < f"page:{print_};",
        feedback.c.received_at > ctx.now() - timedelta(days=1),
    )
    with ctx.store.read() as connection:
        return connection.scalar(query) or 0


def _new_number(ctx: Context, link: Link, number: str, typed: str) -> str:
    """The number that a person typed, read as where the one on file is, else as in their country;
    "" for what cannot be one."""
    c = contacts.c
    query = sa.select(c.country).where(
        c.connector == link.connector, c.object == link.object, c.record_id == link.record_id
    )
    with ctx.store.read() as connection:
        country = connection.scalar(query)
    for region in dict.fromkeys((facts(number).region, country)):
        parsed = number_of(typed, region or None)
        if parsed and facts(parsed).valid:
            return parsed
    return ""
