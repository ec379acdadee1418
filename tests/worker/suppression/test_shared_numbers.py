"""Of a number that several people share, nobody lifts what another has said."""

from __future__ import annotations

from datetime import timedelta

import pytest
from constants import NOW, NUMBER
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from reports import store_report

from worker.context import Context
from worker.decisions.model import blocked
from worker.events import feed
from worker.feedback.consent_state import NO_HOLDERS, Holders, Rules, evaluate
from worker.feedback.models import ContactIdentity, Feedback
from worker.store.bulk import insert
from worker.store.tables import contact_numbers, contacts
from worker.suppression import suppressions
from worker.suppression.apply_reports import apply_pending
from worker.suppression.from_reports import suppressing_rows
from worker.suppression.imported_lists import import_list

PEOPLE = [ContactIdentity(f"salesforce/Contact/{n}", f"person {n}") for n in range(4)]
SHARED = Holders(tuple(PEOPLE))
SHARED_WITHOUT_NAMES = Holders(tuple(ContactIdentity(who.key) for who in PEOPLE))


def reports() -> st.SearchStrategy[list[Feedback]]:
    said = st.builds(
        lambda who, **fields: Feedback(contact=who.key, person=who.person, **fields),
        st.sampled_from([ContactIdentity(""), *PEOPLE[:2]]),
        key=st.uuids().map(lambda key: f"form:{key}"),
        kind=st.sampled_from(["opt_out", "opt_in", "complaint", "wrong_number", "confirmed"]),
        number=st.just(NUMBER),
        source=st.sampled_from(["twilio sms", "an agent"]),
        at=st.integers(0, 9).map(lambda days: NOW + timedelta(days=days)),
        channels=st.sampled_from(["", "call", "text"]),
        scope=st.sampled_from(["number", "person", "contact"]),
        id=st.integers(1, 10**6),
    )
    return st.lists(said, max_size=6, unique_by=lambda report: report.id)


@hypothesis_settings(deadline=None, max_examples=400)
@given(reports(), st.sampled_from([NO_HOLDERS, SHARED, SHARED_WITHOUT_NAMES]))
def test_no_row_is_lifted_for_somebody_who_still_says_no(
    said: list[Feedback], holders: Holders
) -> None:
    by_key = {f"feedback:{report.id}": report for report in said}
    for row in suppressing_rows(said, holders, Rules()):
        report = by_key[row["key"]]
        if row["lifted_at"] is None or report.kind == "wrong_number":
            continue
        who = ContactIdentity(row["contact"], row["person"])
        others = [each for each in said if each is report or each.kind == "opt_in"]
        assert not blocked(evaluate(others, who, Rules(), holders).suppressed)


@pytest.fixture
def shared_by_four(ctx: Context) -> None:
    rows, numbers = [], []
    for who in PEOPLE:
        connector, object_name, record_id = who.key.split("/")
        key = {"connector": connector, "object": object_name, "record_id": record_id}
        rows.append({
            **key, "fingerprint": "", "last_seen_flags": {}, "content_hash": "", "source": "",
            "checked_at": ctx.now(), "statuses": {"Phone": "valid"}, "waiting": False,
            "readings": "", "person": who.person, "campaign": "", "country": "", "month": "",
        })  # fmt: skip
        numbers.append({**key, "field": "Phone", "place": 0, "number": NUMBER, "extension": ""})
    with ctx.store.write() as connection:
        insert(connection, contacts, rows)
        insert(connection, contact_numbers, numbers)


@pytest.mark.usefixtures("shared_by_four")
@pytest.mark.parametrize(("stop", "lift"), [("opt_out", "opt_in"), ("wrong_number", "confirmed")])
def test_one_who_opts_in_from_a_shared_line_does_so_alone(
    ctx: Context, stop: str, lift: str
) -> None:
    first, second = PEOPLE[:2]
    for minutes, who in enumerate((first, second)):
        store_report(
            ctx, stop, key=f"{stop} {who.key}", at=ctx.now() - timedelta(hours=2, minutes=minutes),
            contact=who.key, person=who.person, scope="person", source="an agent",
        )  # fmt: skip
    apply_pending(ctx)
    store_report(
        ctx, lift, contact=second.key, person=second.person, scope="number", source="an agent"
    )
    apply_pending(ctx)
    assert [row.contact for row in suppressions.list_suppressions(ctx)] == [first.key]
    events = feed.read(ctx, "", 100).changes
    assert second.key in str(events[-1]), "a dialer hears who alone may be called again"


def test_one_who_has_the_line_alone_opens_it_for_whoever_was_named(ctx: Context) -> None:
    first, second = PEOPLE[:2]
    for kind, who in (("opt_out", first), ("opt_in", second)):
        store_report(
            ctx, kind, contact=who.key, person=who.person, scope="number", source="twilio sms"
        )
        apply_pending(ctx)
    assert suppressions.list_suppressions(ctx) == []


@pytest.mark.usefixtures("shared_by_four")
@pytest.mark.parametrize("named", [True, False])
def test_one_who_opts_in_takes_a_shared_line_off_no_list(ctx: Context, named: bool) -> None:
    import_list(ctx, [NUMBER], "do not call")
    apply_pending(ctx)
    who = PEOPLE[1] if named else ContactIdentity("")
    store_report(
        ctx, "opt_in", contact=who.key, person=who.person, scope="number", source="an agent",
        at=ctx.now() + timedelta(minutes=1),
    )  # fmt: skip
    apply_pending(ctx)
    on_list = [row.number for row in suppressions.list_suppressions(ctx)]
    assert on_list == ([NUMBER] if named else [])
