"""The link of a message: a short random code instead of the long signed token.

A text is paid by its length, and a signed token would double it. So a message of ours has a code of
96 random bits, of which the database keeps the hash; what the code is about stands in its message.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.asking.candidates import PERSON
from worker.asking.model import Answer
from worker.context import Context
from worker.store.tables import ask_messages
from worker.suppression.confirm_links import BadLinkError, Link

_CODE = re.compile(r"[A-Za-z0-9_-]{16}")  # a signed token is longer, and has dots
CODE_LENGTH = 16


@dataclass(frozen=True, slots=True)
class AskLink:
    """What a code is about. `message`: the id of its message. `person`: who was asked, "" where
    that was not known."""

    message: int
    number: str
    link: Link
    person: str = ""


def new_code() -> str:
    return secrets.token_urlsafe(12)


def code_hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def is_code(token: str) -> bool:
    return _CODE.fullmatch(token) is not None


def find(ctx: Context, code: str, also_expired: bool = False) -> AskLink:
    """Return what a code is about. Raises `BadLinkError` for one that is not ours, or has
    expired."""
    m, keys = ask_messages.c, ctx.keys
    with ctx.store.read() as connection:
        row = connection.execute(
            sa.select(ask_messages).where(m.code_hash == code_hash(code))
        ).one_or_none()
    if row is None or row.claimed_at is None:
        raise BadLinkError("this is not one of our links")
    expires = row.claimed_at + ctx.settings.asking.wait_for
    if expires <= ctx.now() and not also_expired:
        raise BadLinkError("the link has expired")
    number_hash = keys.short_hash(row.number)
    link = Link(row.connector, row.object, row.record_id, number_hash, expires)
    person = row.recipient.removeprefix(PERSON) if row.recipient.startswith(PERSON) else ""
    return AskLink(row.id, row.number, link, person)


def record_opened(ctx: Context, message: int) -> None:
    """Record that a link was opened: by its recipient, or by a program that looks at links."""
    m = ask_messages.c
    with ctx.store.read() as connection:
        opened = connection.scalar(sa.select(m.opened_at).where(m.id == message))
    if opened is None:
        with ctx.store.write() as connection:
            connection.execute(
                sa.update(ask_messages)
                .where(m.id == message, m.opened_at.is_(None))
                .values(opened_at=ctx.now())
            )


def record_answer_to(ctx: Context, message: int, answer: Answer) -> None:
    """Record what a recipient has just said on their page. Should this process die before it does,
    `answers.collect` counts it by its report."""
    with ctx.store.write() as connection:
        record_answer(connection, message, answer, ctx.now())


def record_answer(connection: Connection, message: int, answer: Answer, at: datetime) -> None:
    """Record what a recipient said; a later word replaces an earlier one."""
    m = ask_messages.c
    earlier = sa.or_(m.answered_at.is_(None), m.answered_at <= at)
    values: dict[str, Any] = {"answer": answer, "answered_at": at}
    connection.execute(sa.update(ask_messages).where(m.id == message, earlier).values(**values))
