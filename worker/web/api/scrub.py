"""Routes for scrubs: may these numbers be called or texted now?"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, HTTPException, Response
from pydantic import AfterValidator, Field

from worker.context import Context
from worker.feedback.sources.submitted_reports import Short
from worker.scrub import certificates
from worker.scrub.hours import calling_hours
from worker.scrub.model import MAX_NUMBERS, Question, ScrubChannel
from worker.scrub.scrub import Scrub, is_list_of
from worker.web.api.dependencies import AuditNote, ScrubCaller, StrictBody
from worker.web.api.responses import answers
from worker.web.api.schemas import scrub as scrub_schemas


def contact_key_of(text: str) -> str:
    """Return the key of a contact, written connector:id or connector/object/id.

    >>> contact_key_of("hubspot:123"), contact_key_of("salesforce/Lead/00Q1"), contact_key_of("")
    ('hubspot//123', 'salesforce/Lead/00Q1', '')
    """
    if not text or (text.count("/") == 2 and all(text.split("/"))):
        return text
    connector, colon, record_id = text.partition(":")
    if not (connector and colon and record_id) or "/" in text:
        raise ValueError("write it connector:id or connector/object/id, such as hubspot:123")
    return f"{connector}//{record_id}"


class ScrubContact(StrictBody):
    """A record of a CRM, as in the API's reports."""

    connector: Short = Field(min_length=1)
    id: Short = Field(min_length=1)
    object: Short = ""


class ScrubNumber(StrictBody):
    """A number in any spelling. `country`: of a number without a country code. `contact`: whose it
    is; without it, the answer holds for whoever has the number."""

    number: Short
    country: Short | None = ""
    contact: Annotated[Short, AfterValidator(contact_key_of)] | ScrubContact | None = ""
    channel: ScrubChannel | None = None

    @property
    def contact_key(self) -> str:
        if isinstance(self.contact, ScrubContact):
            return f"{self.contact.connector}/{self.contact.object}/{self.contact.id}"
        return self.contact or ""


class ScrubRequest(StrictBody):
    """`channel`: of all numbers that name none themselves."""

    channel: Literal["call", "text"] | None = None
    numbers: list[ScrubNumber] = Field(min_length=1)


def router(ctx: Context) -> APIRouter:
    """Return the routes of scrubs."""
    routes = APIRouter()
    note = AuditNote(ctx)

    @routes.post(
        "/scrub",
        summary="Ask whether numbers may be called or texted now",
        **answers(scrub_schemas.Scrubbed, 413),
    )
    def scrub(who: ScrubCaller, body: ScrubRequest) -> Response:
        run = Scrub(ctx, who.name, body.channel or "", calling_hours(ctx))
        results = [answer.as_json() for answer in run.answer(_questions(body))]
        certificate = run.certify()
        counts = run.tally.counts
        note(who.name, "numbers.scrub", certificate,
             f"{counts['allowed']} allowed, {counts['denied']} denied")  # fmt: skip
        registries = list(run.tally.registries.values())
        answer = {"certificate": certificate, "registries": registries, "results": results}
        # Past FastAPI's encoder, which takes longer for ten thousand answers than to find them.
        return Response(orjson.dumps(answer), media_type="application/json")

    @routes.get(
        "/scrubs/{certificate}",
        summary="The certificate of a scrub",
        **answers(scrub_schemas.Certificate, 404),
    )
    def certified(_who: ScrubCaller, certificate: Short) -> dict[str, Any]:
        return certificates.load(ctx, certificate)

    @routes.post(
        "/scrubs/{certificate}/check",
        summary="Whether this is the list of a certificate",
        **answers(scrub_schemas.Checked, 404, 413),
    )
    def check(_who: ScrubCaller, certificate: Short, body: ScrubRequest) -> dict[str, Any]:
        same = is_list_of(ctx, certificate, _questions(body))
        return {"same_list": same, "certificate": certificates.load(ctx, certificate)}

    return routes


def _questions(body: ScrubRequest) -> list[Question]:
    if len(body.numbers) > MAX_NUMBERS:
        raise HTTPException(
            413, f"At most {MAX_NUMBERS:,} numbers at once; hygiene scrub takes longer lists."
        )
    questions = []
    for place, asked in enumerate(body.numbers):
        channel = asked.channel or body.channel
        if channel is None:
            raise HTTPException(
                422, f"numbers.{place}.channel: missing; give it, or a channel for all numbers"
            )
        questions.append(Question(asked.number, channel, asked.country or "", asked.contact_key))
    return questions
