"""Numbers of organisations: what is said of a switchboard, and for whom it holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from constants import NUMBER

from worker.feedback.consent_state import ConsentState, Holders, Rules, concerns, evaluate
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind, Scope

COMPANY = ContactIdentity("salesforce/Account/001A")
OTHER_COMPANY = ContactIdentity("hubspot/companies/7")
KIM = ContactIdentity("salesforce/Contact/003K", "kim")
LEE = ContactIdentity("salesforce/Contact/003L", "lee")
NOBODY = ContactIdentity("")
RULES = Rules(organisations=("hubspot/companies", "salesforce/Account"))
HOLDERS = Holders((COMPANY, KIM, LEE))
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
_days = count()


def said(
    kind: FeedbackKind, who: ContactIdentity = NOBODY, scope: Scope = "number", channels: str = ""
) -> Feedback:
    day = next(_days)
    at = BEGIN + timedelta(minutes=day)
    return Feedback(
        f"key {day}", kind, NUMBER, "test", at, channels, who.key, scope, who.person, id=day
    )


def seen_by(who: ContactIdentity, *reports: Feedback) -> ConsentState:
    return evaluate(reports, who, RULES, HOLDERS)


class TestAStop:
    @pytest.mark.parametrize("who", [NOBODY, KIM, COMPANY])
    def test_of_the_number_closes_it_wherever_it_stands(self, who: ContactIdentity) -> None:
        stop = said(FeedbackKind.OPT_OUT, who)
        assert all("any" in seen_by(holder, stop).suppressed for holder in (COMPANY, KIM, LEE))

    def test_on_a_companys_record_closes_its_number_for_the_people_there_too(self) -> None:
        stop = said(FeedbackKind.OPT_OUT, COMPANY, "person", "call")
        for holder in (COMPANY, KIM, NOBODY):
            assert seen_by(holder, stop).suppressed == {"call"}
            assert "must not be contacted" in seen_by(holder, stop).suppressed_reason

    def test_on_a_persons_record_leaves_the_company_alone(self) -> None:
        stop = said(FeedbackKind.OPT_OUT, KIM, "person")
        assert not seen_by(COMPANY, stop).suppressed
        assert not seen_by(LEE, stop).suppressed

    def test_on_a_companys_record_ends_where_it_was_made(self) -> None:
        stop = said(FeedbackKind.OPT_OUT, COMPANY, "person")
        assert seen_by(KIM, stop, said(FeedbackKind.OPT_IN, KIM)).suppressed
        assert not seen_by(KIM, stop, said(FeedbackKind.OPT_IN, COMPANY, "person")).suppressed

    def test_of_the_line_is_not_opened_for_the_company_by_a_persons_opt_in(self) -> None:
        stop, yes = said(FeedbackKind.OPT_OUT), said(FeedbackKind.OPT_IN, KIM)
        assert seen_by(COMPANY, stop, yes).suppressed
        assert not seen_by(KIM, stop, yes).suppressed

    def test_of_the_line_is_not_opened_for_people_on_the_companys_record(self) -> None:
        stop, yes = said(FeedbackKind.OPT_OUT), said(FeedbackKind.OPT_IN, COMPANY)
        assert seen_by(KIM, stop, yes).suppressed
        assert not seen_by(COMPANY, stop, yes).suppressed


class TestAWrongNumber:
    def test_of_one_person_leaves_the_switchboard_and_colleagues_alone(self) -> None:
        wrong = said(FeedbackKind.WRONG_NUMBER, KIM)
        assert seen_by(KIM, wrong).wrong
        assert not seen_by(COMPANY, wrong).wrong
        assert not seen_by(LEE, wrong).wrong

    def test_of_the_company_is_wrong_for_everybody(self) -> None:
        wrong = said(FeedbackKind.WRONG_NUMBER, COMPANY)
        assert all(seen_by(who, wrong).wrong for who in (COMPANY, OTHER_COMPANY, KIM, LEE))

    def test_of_the_company_is_not_wrong_for_who_confirmed_it(self) -> None:
        mine = said(FeedbackKind.CONFIRMED, KIM)
        wrong = said(FeedbackKind.WRONG_NUMBER, COMPANY)
        assert not seen_by(KIM, mine, wrong).wrong
        assert seen_by(LEE, mine, wrong).wrong

    def test_that_names_nobody_holds_for_everybody(self) -> None:
        wrong = said(FeedbackKind.WRONG_NUMBER)
        assert all(seen_by(who, wrong).wrong for who in (COMPANY, KIM, LEE))

    def test_that_names_nobody_is_not_excused_by_the_company(self) -> None:
        """A company is no other person who might be meant."""
        mine, wrong = said(FeedbackKind.CONFIRMED, KIM), said(FeedbackKind.WRONG_NUMBER)
        assert evaluate((mine, wrong), KIM, RULES, Holders((COMPANY, KIM))).wrong

    def test_of_a_person_without_an_email_leaves_the_switchboard_alone(self) -> None:
        nameless = ContactIdentity("salesforce/Contact/003N")
        wrong = said(FeedbackKind.WRONG_NUMBER, nameless)
        assert not seen_by(COMPANY, wrong).wrong


class TestAConfirmation:
    def test_of_a_person_makes_no_company_right(self) -> None:
        wrong, mine = said(FeedbackKind.WRONG_NUMBER), said(FeedbackKind.CONFIRMED, KIM)
        assert seen_by(COMPANY, wrong, mine).wrong

    def test_of_a_company_makes_no_person_right(self) -> None:
        wrong, theirs = said(FeedbackKind.WRONG_NUMBER), said(FeedbackKind.CONFIRMED, COMPANY)
        assert not seen_by(COMPANY, wrong, theirs).wrong
        assert seen_by(KIM, wrong, theirs).wrong


def test_a_failed_message_counts_for_every_owner() -> None:
    failed = said(FeedbackKind.UNDELIVERABLE, KIM)
    assert concerns(failed, COMPANY, HOLDERS, RULES)
    assert concerns(failed, LEE, HOLDERS, RULES)


def test_without_organisations_few_people_share_what_is_said() -> None:
    wrong = said(FeedbackKind.WRONG_NUMBER, KIM)
    assert evaluate((wrong,), LEE, Rules(), Holders((KIM, LEE))).wrong
