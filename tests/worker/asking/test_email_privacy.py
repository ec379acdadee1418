"""Whom Salesforce's privacy records and bounces keep from an email."""

from __future__ import annotations

from typing import Any

import pytest
from email_desk import KIM, LEE, LONDON, Desk

from worker.ops import doctor_checks

SALESFORCE = "salesforce"
IN_FORCE: dict[str, Any] = {}
OVER = {"EffectiveTo": "2020-01-01T00:00:00Z"}
LATER = {"EffectiveFrom": "2099-01-01T00:00:00Z"}


class Privacy:
    """What people do with privacy records."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.org = desk.sandbox.salesforce.org
        self.org.enable_data_protection()

    def individual(self, *records: str, **flags: Any) -> str:
        person = str(self.org.create("Individual", {"LastName": "Somebody", **flags}))
        for record in records:
            self.desk.set(SALESFORCE, record, {"IndividualId": person})
        return person

    def consent(self, person: str, status: str, kind: str = "Email", **more: Any) -> None:
        values = {
            "Name": "Consent", "PartyId": person, "PrivacyConsentStatus": status,
            "ContactPointType": kind, "CaptureContactPointType": "Web", "CaptureSource": "a form",
            "CaptureDate": "2026-01-02T03:04:05Z", **more,
        }  # fmt: skip
        self.org.create("ContactPointTypeConsent", values)

    def point(self, address: str, person: str = "", **more: Any) -> str:
        values = {"EmailAddress": address, "ParentId": person, **more}
        return str(self.org.create("ContactPointEmail", values))

    def consent_for_point(self, point: str, status: str, **more: Any) -> None:
        values = {"Name": "Consent", "ContactPointId": point, "PrivacyConsentStatus": status}
        self.org.create("ContactPointConsent", {**values, **more})


@pytest.fixture
def privacy(desk: Desk) -> Privacy:
    return Privacy(desk)


def sent(desk: Desk) -> tuple[list[str], dict[str, int]]:
    desk.start()
    desk.send()
    return desk.emailed, desk.reasons()


OPTED_OUT: tuple[list[str], dict[str, int]] = ([], {"email_opt_out": 1})
EMAILED: tuple[list[str], dict[str, int]] = ([KIM], {})


class TestAnIndividual:
    @pytest.mark.parametrize("flag", ["HasOptedOutSolicit", "HasOptedOutProcessing",
                                      "ShouldForget"])  # fmt: skip
    def test_that_is_not_to_be_marketed_to_or_processed_gets_no_email(
        self, desk: Desk, privacy: Privacy, flag: str
    ) -> None:
        privacy.individual(desk.contact(SALESFORCE), **{flag: True})
        assert sent(desk) == OPTED_OUT

    @pytest.mark.parametrize("flag", ["HasOptedOutProfiling", "HasOptedOutTracking",
                                      "HasOptedOutGeoTracking"])  # fmt: skip
    def test_that_is_only_not_to_be_watched_gets_one(
        self, desk: Desk, privacy: Privacy, flag: str
    ) -> None:
        privacy.individual(desk.contact(SALESFORCE), **{flag: True})
        assert sent(desk) == EMAILED

    def test_counts_for_the_address_in_another_crm(self, desk: Desk, privacy: Privacy) -> None:
        desk.contact("hubspot")
        privacy.individual(desk.stranger(SALESFORCE, values={}), HasOptedOutSolicit=True)
        assert sent(desk) == OPTED_OUT

    def test_of_somebody_else_says_nothing(self, desk: Desk, privacy: Privacy) -> None:
        desk.contact(SALESFORCE)
        privacy.individual(desk.stranger(SALESFORCE, LEE, {}), HasOptedOutSolicit=True)
        assert sent(desk) == EMAILED

    def test_is_named_by_a_contact_point_as_well(self, desk: Desk, privacy: Privacy) -> None:
        desk.contact(SALESFORCE)
        privacy.point("Kim@example.com", privacy.individual(HasOptedOutProcessing=True))
        assert sent(desk) == OPTED_OUT


class TestAConsentForEmails:
    @pytest.mark.parametrize(("status", "dates", "expected"), [
        ("OptOut", IN_FORCE, OPTED_OUT), ("OptOutPending", IN_FORCE, OPTED_OUT),
        ("OptOut", OVER, EMAILED), ("OptOut", LATER, EMAILED), ("OptIn", IN_FORCE, EMAILED),
        ("NotSeen", IN_FORCE, EMAILED),
    ])  # fmt: skip
    def test_that_opts_out_and_is_in_force_keeps_the_person_from_email(
        self, desk: Desk, privacy: Privacy, status: str, dates: dict[str, Any],
        expected: tuple[list[str], dict[str, int]],
    ) -> None:  # fmt: skip
        privacy.consent(privacy.individual(desk.contact(SALESFORCE)), status, **dates)
        assert sent(desk) == expected

    def test_is_another_than_that_for_phones(self, desk: Desk, privacy: Privacy) -> None:
        person = privacy.individual(desk.contact(SALESFORCE))
        privacy.consent(person, "OptOut", kind="Phone")
        assert sent(desk) == EMAILED

    @pytest.mark.parametrize(("status", "dates", "expected"), [
        ("OptOut", IN_FORCE, OPTED_OUT), ("OptOut", OVER, EMAILED), ("OptIn", IN_FORCE, EMAILED),
    ])  # fmt: skip
    def test_may_be_of_the_address_alone(
        self, desk: Desk, privacy: Privacy, status: str, dates: dict[str, Any],
        expected: tuple[list[str], dict[str, int]],
    ) -> None:  # fmt: skip
        desk.contact(SALESFORCE)
        privacy.consent_for_point(privacy.point(KIM), status, **dates)
        assert sent(desk) == expected

    def test_of_another_address_of_the_person_says_nothing(
        self, desk: Desk, privacy: Privacy
    ) -> None:
        person = privacy.individual(desk.contact(SALESFORCE))
        privacy.consent_for_point(privacy.point(LEE, person), "OptOut")
        assert sent(desk) == EMAILED


class TestAnAddressThatBounced:
    BOUNCE = "2026-03-01T09:00:00.000+0000"

    def test_gets_no_email(self, desk: Desk) -> None:
        record = desk.contact(SALESFORCE)
        bounced = {"EmailBouncedDate": self.BOUNCE, "EmailBouncedReason": "550 no such user"}
        desk.set(SALESFORCE, record, bounced)
        assert sent(desk) == ([], {"bad_email": 1})

    def test_counts_on_every_record_that_has_it(self, desk: Desk) -> None:
        desk.contact("hubspot")
        desk.stranger(SALESFORCE, values={"EmailBouncedDate": self.BOUNCE})
        assert sent(desk) == ([], {"bad_email": 1})

    def test_counts_less_than_an_opt_out(self, desk: Desk) -> None:
        record = desk.contact(SALESFORCE)
        values = {"EmailBouncedDate": self.BOUNCE, "HasOptedOutOfEmail": True}
        desk.set(SALESFORCE, record, values)
        assert sent(desk) == OPTED_OUT

    def test_is_told_by_a_contact_point_as_well(self, desk: Desk, privacy: Privacy) -> None:
        desk.contact(SALESFORCE)
        privacy.point(KIM, EmailLatestBounceDateTime=self.BOUNCE)
        assert sent(desk) == ([], {"bad_email": 1})

    def test_that_our_user_may_not_know_of_is_no_doubt(self, desk: Desk) -> None:
        """It is no word of the person."""
        desk.contact(SALESFORCE)
        desk.crm(SALESFORCE).hide_field("EmailBouncedDate")
        assert sent(desk) == EMAILED


class TestPrivacyRecordsThatCannotBeRead:
    """In doubt, nobody is emailed; nobody else is in doubt."""

    @pytest.mark.parametrize("name", ["Individual", "ContactPointTypeConsent"])
    def test_keep_people_who_have_some_from_email(
        self, desk: Desk, privacy: Privacy, name: str
    ) -> None:
        privacy.individual(desk.contact(SALESFORCE))
        desk.contact(SALESFORCE, LEE, LONDON, nth=1)
        del privacy.org.schema[name]
        assert sent(desk) == ([LEE], {"email_opt_out_unknown": 1})

    def test_of_addresses_keep_everybody_from_email(self, desk: Desk, privacy: Privacy) -> None:
        """Any address may be a contact point that opted out."""
        desk.contact(SALESFORCE)
        desk.contact("hubspot", LEE, LONDON)
        del privacy.org.schema["ContactPointEmail"]
        assert sent(desk) == ([], {"email_opt_out_unknown": 2})

    def test_are_named_by_doctor(self, desk: Desk, privacy: Privacy) -> None:
        desk.ctx.connector(SALESFORCE, fresh=True)
        assert list(doctor_checks.check_email_opt_outs(desk.ctx, SALESFORCE)) == []
        privacy.org.schema["Individual"][1]["ShouldForget"].readable = False
        [check] = doctor_checks.check_email_opt_outs(desk.ctx, SALESFORCE)
        assert "Individual" in check.text
        assert "ShouldForget" in check.text

    def test_are_none_in_an_org_without_data_protection(self, desk: Desk) -> None:
        desk.contact(SALESFORCE)
        assert sent(desk) == EMAILED
        assert list(doctor_checks.check_email_opt_outs(desk.ctx, SALESFORCE)) == []


class TestCalls:
    @pytest.mark.parametrize(("has_individuals", "calls"), [(False, 1), (True, 2)])
    def test_are_one_more_where_people_have_privacy_records(
        self, desk: Desk, privacy: Privacy, has_individuals: bool, calls: int
    ) -> None:
        for nth in range(3):
            record = desk.stranger(SALESFORCE, f"kim{nth}@example.com", {}, nth)
            if has_individuals:
                privacy.individual(record)
        connector = desk.ctx.connector(SALESFORCE)
        before = connector.calls["read"]
        connector.email_address_refusals([f"kim{nth}@example.com" for nth in range(50)])
        assert connector.calls["read"] - before == calls
