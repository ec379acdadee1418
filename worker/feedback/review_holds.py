"""While a reply that may be an opt-out waits for a person, its number is not texted.

Off by default (`feedback.hold_open_reviews`). A hold is no report and no suppression: nobody has
said no yet. It is an open row of the review queue, which `report_log.load` adds to the reports
about its number, so that it stands in the consent state as long as the row is open. Each change of
it is delivered to the CRMs like a report.

A phone field may be read as another number than before, though nobody has changed its text. A hold
on the former number then holds for the present ones, and for the contact where nothing is read any
more, as reports do (`changed_readings`). It is no copy: it ends with the review as well, and with
the word of somebody who opted in after the reply, by the former number or on the contact: who
cleared the flag of the hold is not overruled because a field is read again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypedDict

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.feedback import former_fields
from worker.feedback.changed_readings import ChangedField
from worker.feedback.consent_state import HOLD_KEY_PREFIX, channels_of, concerns
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind
from worker.feedback.receivers import crms_to_notify
from worker.feedback.report_rows import report_from_row
from worker.phones.plan_changes import equal_forms
from worker.store import outbox
from worker.store.array_param import any_of
from worker.store.invalidation import invalidate
from worker.store.tables import feedback, reviews

# What a reply is taken for that is surely no opt-out, whatever else it is.
_NO_OPT_OUT = "confirmed"
_EVIDENCE = "a reply that may be an opt-out waits for review"
_IS_HOLD = sa.and_(reviews.c.decision == "", reviews.c.suggestion != _NO_OPT_OUT)


class Hold(TypedDict):
    """Why a number is not texted for now. `number`: that the reply came from; another one where a
    field was read as that one before."""

    review: int
    number: str
    reason: str
    channels: list[str]
    since: str


def load(
    connection: Connection, numbers: Iterable[str], changed: Sequence[ChangedField] = ()
) -> Iterator[tuple[int, Feedback]]:
    """Yield the holds on these numbers, with the ids of their reviews.

    `changed`: fields that are read as other numbers from now on, which is not recorded yet.
    """
    wanted = list(numbers)
    for row in connection.execute(_open_reviews().where(any_of(reviews.c.number, wanted))):
        yield row.id, _hold(row, row.number)
    known = set(wanted)
    holds: dict[tuple[int, str], Feedback] = {}
    for field, row in _on_former_numbers(connection, changed):
        for number in known.intersection(field.numbers).difference(equal_forms(row.number)):
            holds.setdefault((row.id, number), _carried(row, field, number))
    for (review, _), hold in holds.items():
        yield review, hold


def load_about_contacts(
    connection: Connection,
    people: Collection[ContactIdentity],
    changed: Sequence[ChangedField] = (),
) -> Iterator[tuple[int, Feedback]]:
    """Yield the holds on these contacts as a whole: on what a field was read as before in which
    nothing is read any more. Its text still stands in the CRM, and somebody may text it."""
    keys = {who.key for who in people}
    for field, row in _on_former_numbers(connection, changed):
        if not field.numbers and field.who.key in keys:
            hold = _carried(row, field, row.number)
            key, person = field.who.key, field.who.person
            yield row.id, replace(hold, contact=key, person=person, scope="person")


def of_number(ctx: Context, connection: Connection, number: str) -> list[Hold]:
    """Return why a number is not texted for now; nothing where holds are off."""
    if not ctx.settings.feedback.hold_open_reviews:
        return []
    holds = dict(load(connection, equal_forms(number)))
    query = sa.select(reviews.c.id, reviews.c.number).where(reviews.c.id.in_(list(holds)))
    from_numbers = {row.id: row.number for row in connection.execute(query)} if holds else {}
    return [
        {
            "review": review,
            "number": from_numbers[review],
            "reason": hold.evidence,
            "channels": hold.channels.split(),
            "since": hold.at.isoformat(),
        }
        for review, hold in sorted(holds.items())
        if review in from_numbers
    ]


def still_open(connection: Connection, keys: Collection[str]) -> set[str]:
    """Return those of these keys of holds whose reviews are open."""
    if not keys:
        return set()
    ids = [int(key.removeprefix(HOLD_KEY_PREFIX)) for key in keys]
    rows = connection.execute(_open_reviews().where(reviews.c.id.in_(ids)))
    return {f"{HOLD_KEY_PREFIX}{row.id}" for row in rows}


def deliver(ctx: Context, connection: Connection, rows: Iterable[Any], now: datetime) -> int:
    """Have the CRMs told that these reviews were opened, decided or put back; how many are told of.

    Does nothing unless holds are on.
    """
    if not ctx.settings.feedback.hold_open_reviews:
        return 0
    open_reviews = [row for row in rows if row.suggestion != _NO_OPT_OUT]
    if not open_reviews:
        return 0
    crms, fields = crms_to_notify(ctx), []
    items: list[outbox.OutboxItem] = []
    for row in open_reviews:
        cause, forms = f"review:{row.id}:{now.isoformat()}", equal_forms(row.number)
        items.append(outbox.OutboxItem(cause, row.number, crms, now))
        read_before = former_fields.read_before_as(connection, forms)
        fields += read_before
        for number in {number for field in read_before for number in field.numbers}.difference(
            forms
        ):
            items.append(outbox.OutboxItem(f"{cause}:{number}", number, crms, now))
    invalidate(connection, {item.number for item in items})
    outbox.enqueue(connection, items, now)
    former_fields.process_again(connection, fields, now)
    return len(open_reviews)


def _open_reviews() -> sa.Select[Any]:
    return sa.select(reviews.c.id, reviews.c.number, reviews.c.at).where(
        reviews.c.decision == "", reviews.c.suggestion != _NO_OPT_OUT
    )


def _on_former_numbers(
    connection: Connection, changed: Sequence[ChangedField]
) -> Iterator[tuple[ChangedField, Any]]:
    """Yield the open reviews of replies from numbers that fields were read as before, but for those
    after which somebody opted in for the contact."""
    if not changed and not former_fields.are_any(connection):
        return
    of_form: dict[str, list[Any]] = {}
    for row in connection.execute(_open_reviews()):
        for form in equal_forms(row.number):
            of_form.setdefault(form, []).append(row)
    if not of_form:
        return
    held = [
        (field, row)
        for field in (*former_fields.read_before_as(connection, of_form), *changed)
        for number in field.former
        for row in of_form.get(number, ())
    ]
    opt_ins = _text_opt_ins(connection, held)
    for field, row in held:
        if not any(_releases(opt_in, field, row) for opt_in in opt_ins):
            yield field, row


def _text_opt_ins(
    connection: Connection, held: Sequence[tuple[ChangedField, Any]]
) -> list[Feedback]:
    """Load the opt-ins to texts that may have released one of these holds."""
    if not held:
        return []
    f = feedback.c
    forms = {form for _, row in held for form in equal_forms(row.number)}
    query = sa.select(feedback).where(
        sa.or_(
            any_of(f.number, sorted(forms)),
            any_of(f.contact, sorted({field.who.key for field, _ in held})),
        ),
        f.kind == FeedbackKind.OPT_IN,
        f.at > min(row.at for _, row in held),
    )
    opt_ins = [report_from_row(row) for row in connection.execute(query)]
    return [opt_in for opt_in in opt_ins if "text" in channels_of(opt_in)]


def _releases(opt_in: Feedback, field: ChangedField, row: Any) -> bool:
    """Whether an opt-in came after a reply, and is about its number and the contact, or about the
    contact, by whichever number: its flags are one for all of them."""
    if opt_in.at <= row.at:
        return False
    on_contact = opt_in.contact == field.who.key
    return on_contact or (opt_in.number in equal_forms(row.number) and concerns(opt_in, field.who))


def _hold(row: Any, number: str) -> Feedback:
    return Feedback(
        f"{HOLD_KEY_PREFIX}{row.id}",
        FeedbackKind.OPT_OUT,
        number,
        "review",
        row.at,
        "text",
        evidence=_EVIDENCE,
    )


def _carried(row: Any, field: ChangedField, number: str) -> Feedback:
    """A hold on another number than the reply came from. It counts from when we learned that the
    field is read differently: an opt-in before that was about this number alone."""
    explanation = (
        f"said of {row.number}, which {field.field} was read as until {field.until:%d %b %Y}"
    )
    at = max(row.at, field.until)
    return replace(_hold(row, number), at=at, evidence=f"{_EVIDENCE} ({explanation})")
