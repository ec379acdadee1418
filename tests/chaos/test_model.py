"""The campaign's own statement of the rules agrees with the product's, in whatever order people
speak."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chaos.ground_truth import GroundTruth, Key, StatementKind, TypedPhone
from chaos.model import closed_channels, has_refused
from worker.feedback.consent_state import evaluate
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind

NUMBER = "+14155553000"
SAID: dict[StatementKind, tuple[FeedbackKind, str, str]] = {
    "stop": ("opt_out", "twilio sms", "text"),
    "start": ("opt_in", "twilio sms", "text"),
    "refuse": ("complaint", "api", ""),
    "agree": ("opt_in", "api", ""),
}


@given(st.lists(st.sampled_from(sorted(SAID)), max_size=8))
def test_the_model_closes_the_channels_that_the_product_closes(kinds: list[StatementKind]) -> None:
    truth, reports = GroundTruth(), []
    for place, kind in enumerate(kinds):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=place)
        truth.record(NUMBER, kind, at.timestamp())
        name, source, channels = SAID[kind]
        reports.append(Feedback(str(place), name, NUMBER, source, at, channels))

    closed = evaluate(reports, ContactIdentity("salesforce/Contact/003")).suppressed

    assert closed_channels(truth, NUMBER) == closed - {"any"}
    assert (len(closed_channels(truth, NUMBER)) == 2) == ("any" in closed)


def test_a_stop_from_a_number_that_many_have_had_is_surely_nobodys_word() -> None:
    truth, phone = GroundTruth(), {"Phone": TypedPhone(NUMBER, NUMBER)}
    keys = [Key("salesforce", "Lead", f"00Q{place}") for place in range(3)]
    for key in keys[:2]:
        truth.type_in(key, phone)
    truth.record(NUMBER, "stop", 1.0)
    assert has_refused(truth, keys[0])

    truth.type_in(keys[2], phone)
    truth.type_in(keys[2], {"Phone": TypedPhone("")})
    assert not has_refused(truth, keys[0])


def test_nor_one_from_a_number_that_many_of_a_second_account_have() -> None:
    truth, key = GroundTruth(), Key("salesforce", "Lead", "00Q1")
    truth.type_in(key, {"Phone": TypedPhone(NUMBER, NUMBER)})
    truth.record(NUMBER, "stop", 1.0)
    assert has_refused(truth, key, {NUMBER: 1})
    assert not has_refused(truth, key, {NUMBER: 2})
