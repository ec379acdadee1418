"""What was said of a number, said of the number that its field is read as now: for any reports, in
any order, nobody becomes callable who was not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from constants import NOW, NUMBER, OTHER, THIRD
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.decisions.model import blocked
from worker.feedback.changed_readings import ChangedField, carry_over
from worker.feedback.consent_state import Rules, evaluate
from worker.feedback.models import ContactIdentity, Feedback

WHO = ContactIdentity("hubspot/contacts/1", "person")
CHANGED_AT = NOW + timedelta(days=30)


def report(number: str) -> st.SearchStrategy[Feedback]:
    return st.builds(
        Feedback,
        key=st.uuids().map(str),
        kind=st.sampled_from(
            ["opt_out", "opt_in", "complaint", "erasure", "wrong_number", "confirmed",
             "undeliverable"]
        ),
        number=st.just(number),
        source=st.sampled_from(["twilio sms", "an agent"]),
        at=st.integers(0, 29).map(lambda days: NOW + timedelta(days=days)),
        channels=st.sampled_from(["", "call", "text", "call text"]),
        contact=st.sampled_from(["", WHO.key, "hubspot/contacts/2"]),
        scope=st.sampled_from(["number", "person", "contact"]),
        person=st.sampled_from(["", "person", "somebody else"]),
        severity=st.sampled_from(["", "dead", "no_text"]),
        received_at=st.just(NOW),
        id=st.integers(1, 10**6),
    )  # fmt: skip


@settings(deadline=None, max_examples=400)  # the first one loads tables
@given(
    st.lists(report(NUMBER), max_size=6),
    st.lists(report(OTHER), max_size=3),
    st.lists(st.sampled_from([OTHER, THIRD]), min_size=1, max_size=2, unique=True),
)
def test_nobody_becomes_callable(
    of_former: list[Feedback], of_new: list[Feedback], numbers: list[str]
) -> None:
    """What was said of the new number before lifts nothing of it either."""
    changed = ChangedField(WHO, "phone", (NUMBER,), tuple(numbers), CHANGED_AT)
    before = evaluate(of_former, WHO)
    copies = list(carry_over(changed, {NUMBER: of_former}, CHANGED_AT))
    for number in numbers:
        own = of_new if number == OTHER else []
        stored = [
            replace(copied, id=10**7 + place)
            for place, copied in enumerate(copies)
            if copied.number == number
        ]
        after = evaluate([*own, *stored], WHO)
        assert blocked(before.suppressed) <= blocked(after.suppressed)
        assert bool(before.wrong) <= bool(after.wrong)
        assert bool(before.unreachable) <= bool(after.unreachable)


@settings(deadline=None, max_examples=400)  # the first one loads tables
@given(st.lists(report(NUMBER), max_size=6), st.permutations(range(6)))
def test_the_order_in_which_reports_come_changes_nothing(
    reports: list[Feedback], order: list[int]
) -> None:
    changed = ChangedField(WHO, "phone", (NUMBER,), (OTHER,), CHANGED_AT)
    shuffled = [reports[place] for place in order if place < len(reports)]
    once = {report.key for report in carry_over(changed, {NUMBER: reports}, CHANGED_AT)}
    assert once == {report.key for report in carry_over(changed, {NUMBER: shuffled}, CHANGED_AT)}


@settings(deadline=None, max_examples=400)  # the first one loads tables
@given(st.lists(report(NUMBER), max_size=6))
def test_it_follows_through_any_number_of_readings_and_is_said_once(
    reports: list[Feedback],
) -> None:
    before = evaluate(reports, WHO)
    first = ChangedField(WHO, "phone", (NUMBER,), (OTHER,), CHANGED_AT)
    later = CHANGED_AT + timedelta(days=1)
    second = ChangedField(WHO, "phone", (OTHER,), (THIRD,), later)
    copies = list(carry_over(first, {NUMBER: reports}, CHANGED_AT))
    again = list(carry_over(second, {OTHER: copies}, later))
    assert {report.key for report in copies} == {
        report.key for report in carry_over(first, {NUMBER: reports}, later)
    }
    assert blocked(before.suppressed) <= blocked(evaluate(again, WHO).suppressed)


def test_an_opt_in_on_another_record_lifts_nothing_of_this_one() -> None:
    """The person's other record opted in, at a time at which nobody knew that it was theirs."""
    other = "hubspot/contacts/2"
    reports = [
        Feedback("1", "opt_out", NUMBER, "an agent", NOW, contact=other, scope="person",
                 person=WHO.person, id=1),
        Feedback("2", "opt_in", NUMBER, "an agent", NOW + timedelta(days=1), contact=other,
                 scope="person", id=2),
    ]  # fmt: skip
    assert evaluate(reports, WHO).suppressed
    changed = ChangedField(WHO, "phone", (NUMBER,), (OTHER,), CHANGED_AT)
    copies = list(carry_over(changed, {NUMBER: reports}, CHANGED_AT))
    assert evaluate(copies, WHO).suppressed


def test_a_number_that_is_gone_alone_takes_only_stops_along() -> None:
    reports = [
        Feedback("1", "wrong_number", NUMBER, "an agent", NOW),
        Feedback("2", "opt_out", NUMBER, "an agent", NOW),
    ]
    alone = ChangedField(WHO, "phone", (NUMBER,), (OTHER,), CHANGED_AT, replaced=False)
    assert [report.kind for report in carry_over(alone, {NUMBER: reports}, CHANGED_AT)] == [
        "opt_out"
    ]


def test_a_stop_that_was_lifted_for_this_person_is_not_said_anew() -> None:
    reports = [
        Feedback("1", "opt_out", NUMBER, "an agent", NOW),
        Feedback("2", "opt_in", NUMBER, "an agent", NOW + timedelta(1), contact=WHO.key,
                 scope="person", person=WHO.person),
    ]  # fmt: skip
    changed = ChangedField(WHO, "phone", (NUMBER,), (OTHER,), CHANGED_AT)
    assert not evaluate(reports, WHO, Rules()).suppressed
    assert list(carry_over(changed, {NUMBER: reports}, CHANGED_AT)) == []
