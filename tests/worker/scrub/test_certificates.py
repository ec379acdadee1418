"""What is kept of a scrub, for an auditor."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from constants import NUMBER, OTHER
from reports import store_report

from worker.context import Context
from worker.scrub import certificates
from worker.scrub.certificates import NoSuchCertificateError
from worker.scrub.model import Question
from worker.scrub.scrub import Scrub, is_list_of
from worker.store.tables import scrubs

ASKED = [Question(NUMBER, "call"), Question("(415) 555-2672", "text", "US", "hubspot//7")]


@pytest.fixture
def ctx(make_context: Callable[..., Context], either_database_url: str) -> Context:
    return make_context(DATABASE_URL=either_database_url, SECRET_KEY="a fictional secret key")


def certify(ctx: Context, asked: list[Question] = ASKED) -> str:
    run = Scrub(ctx, "token dialer", "call")
    assert len(list(run.answer(asked))) == len(asked)
    return run.certify()


def test_says_who_asked_when_and_what_was_answered(ctx: Context) -> None:
    store_report(ctx, "opt_out")
    found = certificates.load(ctx, certify(ctx))
    assert found["who"] == "token dialer"
    assert (found["channel"], found["numbers"]) == ("call", 2)
    assert found["counts"] == {"allowed": 1, "denied": 1, "reasons": {"opt_out": 1}}
    assert found["rules"]["valid_for"] == 86400
    assert found["authentic"]
    assert found["at"] <= found["ended_at"]


def test_tells_its_list_from_any_other(ctx: Context) -> None:
    certificate = certify(ctx)
    assert is_list_of(ctx, certificate, ASKED)
    another = [Question(OTHER, "call"), ASKED[1]]
    by_text = [Question(NUMBER, "text"), ASKED[1]]
    for other in ([], ASKED[:1], ASKED[::-1], [*ASKED, ASKED[0]], another, by_text):
        assert not is_list_of(ctx, certificate, other)


def test_holds_nothing_by_which_a_number_could_be_found(ctx: Context) -> None:
    certify(ctx)
    with ctx.store.read() as connection:
        [row] = connection.execute(sa.select(scrubs)).all()
    text = str(tuple(row))
    assert not any(part in text for part in ("5552671", "555-2672", "hubspot"))


def test_is_known_under_a_former_key(
    ctx: Context, make_context: Callable[..., Context], either_database_url: str
) -> None:
    certificate = certify(ctx)
    later = make_context(
        DATABASE_URL=either_database_url, SECRET_KEY="another fictional key",
        SECRET_KEY_PREVIOUS="a fictional secret key",
    )  # fmt: skip
    assert certificates.load(later, certificate)["authentic"]
    assert is_list_of(later, certificate, ASKED)


@pytest.mark.parametrize(
    "change", [{"who": "somebody else"}, {"numbers": 3}, {"counts": {"allowed": 2}}]
)
def test_shows_when_it_was_changed(ctx: Context, change: dict[str, object]) -> None:
    certificate = certify(ctx)
    with ctx.store.write() as connection:
        connection.execute(sa.update(scrubs).values(**change))
    assert not certificates.load(ctx, certificate)["authentic"]


def test_of_a_name_that_there_is_not(ctx: Context) -> None:
    with pytest.raises(NoSuchCertificateError):
        certificates.load(ctx, "scrub_none")
