"""Reports that differ have idempotency keys that differ, however long the names in them are: two
with one key would be one, and what the second said would be lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from constants import NOW, NUMBER, OTHER
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import Contact
from worker.context import Context
from worker.feedback import crm_flags, intake, report_log
from worker.feedback.crm_flags import FlagHistory
from worker.feedback.models import MAX_KEY, ContactIdentity, Feedback, FeedbackKind
from worker.store.fit_key import fit_key
from worker.suppression.erasure import erase_number
from worker.suppression.undo_action import key as marked
from worker.web.pages.page_reports import report_of_page

# As long as a connector, an object and a record id may be in our tables.
LONGEST = "/".join(("c" * 40, "o" * 79 + "c", "r" * 78))


def test_a_key_that_fits_is_left_as_it_is() -> None:
    for key in ("", "crm:hubspot/contacts/1:wrong_number", "x" * MAX_KEY):
        assert fit_key(key) == key


@given(st.text(min_size=1), st.text(min_size=1), st.integers(0, 300), st.integers(60, 255))
def test_longer_ones_stay_apart_and_begin_alike(
    one: str, other: str, length: int, most: int
) -> None:
    first, second = ("k" * length + one, "k" * length + other)
    fitted = fit_key(first, most)
    assert len(fitted) <= most
    assert fit_key(fitted, most) == fitted
    assert (fitted == fit_key(second, most)) == (first == second)
    assert fitted.startswith(first[: min(most - 33, len(first))])


def test_a_users_flags_are_apart_for_each_number_flag_and_time() -> None:
    identity, keys = ContactIdentity(LONGEST), []
    for at in (NOW, NOW + timedelta(microseconds=1)):
        for flag in ("wrong_number", "do_not_contact", "do_not_text", "do_not_call"):
            contact = Contact("o", "r", {}, modified=at.isoformat(), current={flag: True})
            keys += [
                report.key
                for report in crm_flags.reports_from_flags(
                    "hubspot", contact, identity, FlagHistory({}), [NUMBER, OTHER], at
                )
            ]
    assert len(keys) == len(set(keys)) == 16


def test_what_people_say_on_pages_and_an_action_takes_over_is_apart() -> None:
    who = ContactIdentity(LONGEST, "person")
    said = [
        report_of_page(at, "a user", "opt_out", number, who, "")
        for number in (NUMBER, OTHER)
        for at in (NOW, NOW + timedelta(microseconds=1))
    ]
    ticked = [
        Feedback(f"tick:{'f' * 80}:{LONGEST}:{number}", FeedbackKind.OPT_OUT, number, "import", NOW)
        for number in (NUMBER, OTHER)
    ]
    for reports in (said, ticked, [marked("m" * 32, report) for report in (*said, *ticked)]):
        assert len({report.key for report in reports}) == len(reports)


@pytest.mark.parametrize("erased", [False, True])
def test_both_are_stored_and_known_again(
    make_context: Callable[..., Context], either_database_url: str, erased: bool
) -> None:
    ctx = make_context(DATABASE_URL=either_database_url)
    names = [f"api:{'k' * 255}:{number}" for number in (NUMBER, OTHER)]
    reports = [
        Feedback(name, FeedbackKind.OPT_OUT, number, "api", NOW)
        for name, number in zip(names, (NUMBER, OTHER), strict=True)
    ]
    assert intake.store_reports(ctx, reports) == 2
    if erased:
        erase_number(ctx, NUMBER, "an admin")
    assert intake.store_reports(ctx, reports) == 0
    with ctx.store.read() as connection:
        known = report_log.find_known_keys(connection, [*names, f"{names[0]}1"], ctx.keys)
    assert set(known) == set(names)
