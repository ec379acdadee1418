"""What was said against a record that a CRM merged into another one: for any reports, in any order,
nobody becomes callable who was not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from constants import NOW, NUMBER, OTHER, THIRD
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.decisions.model import blocked
from worker.feedback.consent_state import NO_HOLDERS, Holders, Rules, evaluate
from worker.feedback.merged_records import carry_over, extend_to_numbers
from worker.feedback.models import ContactIdentity, Feedback

OLD = ContactIdentity("hubspot/contacts/1", "person")
NEW = ContactIdentity("hubspot/contacts/3", "person")
STRANGER = ContactIdentity("hubspot/contacts/3", "somebody else")
SHARED = Holders(
    (OLD, ContactIdentity("hubspot/contacts/2", "a"), ContactIdentity("hubspot/contacts/4", "b"))
)
LATER = NOW + timedelta(days=30)


def report(number: str) -> st.SearchStrategy[Feedback]:
    return st.builds(
        Feedback,
        key=st.sampled_from(["crm:", "form:", "sms:"]).flatmap(
            lambda start: st.uuids().map(lambda key: f"{start}{key}")
        ),
        kind=st.sampled_from(["opt_out", "opt_in", "complaint", "confirmed", "undeliverable"]),
        number=st.just(number),
        source=st.sampled_from(["twilio sms", "an agent"]),
        at=st.integers(0, 29).map(lambda days: NOW + timedelta(days=days)),
        channels=st.sampled_from(["", "call", "text", "call text"]),
        contact=st.sampled_from(["", OLD.key, "hubspot/contacts/2"]),
        scope=st.sampled_from(["number", "person", "contact"]),
        person=st.sampled_from(["", "person", "a"]),
        received_at=st.just(NOW),
        id=st.integers(1, 10**6),
    )  # fmt: skip


def stored(copies: list[Feedback], number: str) -> list[Feedback]:
    return [
        replace(copy, id=10**7 + place)
        for place, copy in enumerate(copies)
        if copy.number == number
    ]


@settings(deadline=None, max_examples=400)
@given(
    st.lists(report(NUMBER), max_size=6),
    st.sampled_from([NEW, STRANGER]),
    st.sets(st.sampled_from([NUMBER, OTHER, THIRD]), min_size=1, max_size=2),
    st.sampled_from([NO_HOLDERS, SHARED]),
)
def test_a_stop_goes_over_to_the_surviving_record(
    about: list[Feedback], new: ContactIdentity, new_numbers: set[str], holders: Holders
) -> None:
    before = evaluate(about, OLD, Rules(), holders)
    copies = list(
        carry_over(OLD, [NUMBER], {NUMBER: about}, new, new_numbers, Rules(), {NUMBER: holders})
    )
    for number in new_numbers:
        own = about if number == NUMBER else []
        after = evaluate([*own, *stored(copies, number)], new, Rules(), holders)
        assert blocked(before.suppressed) <= blocked(after.suppressed)


@settings(deadline=None, max_examples=400)
@given(st.lists(report(NUMBER), min_size=1, max_size=6), st.sampled_from([NO_HOLDERS, SHARED]))
def test_a_stop_of_a_record_holds_for_the_numbers_that_it_gets(
    about: list[Feedback], holders: Holders
) -> None:
    own = [each for each in about if each.contact == OLD.key and each.scope != "number"]
    of_record = [each for each in own if each.key.startswith("crm:")]
    before = evaluate([*of_record, *(r for r in about if r.kind in ("opt_in", "confirmed"))], OLD,
                      Rules(), holders)  # fmt: skip
    copies = list(extend_to_numbers(own, {NUMBER: about}, OLD, [OTHER], Rules(), {NUMBER: holders}))
    after = evaluate(stored(copies, OTHER), OLD, Rules(), NO_HOLDERS)
    assert blocked(before.suppressed) <= blocked(after.suppressed)
