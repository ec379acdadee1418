"""Why contacts share a number: each rule, and that in doubt a group is unclear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.duplicates.rules import (
    IN_DOUBT,
    RULES,
    Compared,
    Facts,
    Kind,
    PersonRead,
    classify,
    compare,
)

DOCS = Path(__file__).parents[3] / "docs" / "duplicates.md"


def facts(**given: Any) -> Facts:
    """Three contacts with emails of their own and a mobile number."""
    usual: dict[str, Any] = {
        "national": "4155552671", "line": "mobile", "reserved": False, "valid": True,
        "contacts": 3, "emails": 3, "without_email": 0,
    }  # fmt: skip
    return Facts(**usual | given)


def people(*names: str, company: str = "") -> Compared:
    return compare([PersonRead(name, website=company) for name in names])


class TestTheSamePerson:
    def test_has_one_email_on_all_records(self) -> None:
        verdict = classify(facts(contacts=2, emails=1))
        assert (verdict.kind, verdict.rule) == (Kind.SAME_PERSON, "same_email")

    @pytest.mark.parametrize(
        "otherwise",
        [{"without_email": 1}, {"emails": 2}, {"contacts": 6}, {"extensions": 2}],
        ids=["one has no email", "another email", "a mailbox of many", "extensions"],
    )
    def test_is_not_taken_for_granted_where(self, otherwise: dict[str, Any]) -> None:
        assert classify(facts(**{"emails": 1} | otherwise)).kind != Kind.SAME_PERSON

    def test_has_one_name_where_no_email_contradicts(self) -> None:
        one = people("Dr. José Núñez", "jose nunez")
        assert classify(facts(contacts=2, emails=1, without_email=1), one).rule == "same_name"
        father_and_son = classify(facts(contacts=2, emails=2), one)
        assert (father_and_son.kind, father_and_son.rule) == (Kind.UNCLEAR, IN_DOUBT)

    def test_is_told_from_a_junior(self) -> None:
        assert people("Kim Lee", "Kim Lee Jr.").full_names == 2

    def test_is_what_the_crm_has_recorded_as_one(self) -> None:
        assert classify(facts(contacts=2, emails=2, merged=True)).rule == "merged_records"

    def test_is_not_two_people_with_one_mailbox(self) -> None:
        couple = people("Kim Lee", "Sam Lee")
        verdict = classify(facts(contacts=2, emails=1), couple)
        assert verdict.kind == Kind.UNCLEAR
        assert {found.rule for found in verdict.findings} >= {"names_differ"}

    def test_is_not_told_by_a_number_that_is_wrong(self) -> None:
        one = people("Kim Lee", "Kim Lee")
        verdict = classify(facts(contacts=2, emails=0, without_email=2, wrong=1), one)
        assert verdict.kind == Kind.UNCLEAR
        assert verdict.findings[-1].rule == "wrong_number"


class TestAFamily:
    def test_has_one_last_name_and_several_first_names(self) -> None:
        verdict = classify(facts(), people("Kim Lee", "Sam Lee", "Alex Lee"))
        assert (verdict.kind, verdict.rule) == (Kind.FAMILY, "same_last_name")

    def test_takes_the_crms_own_field_for_the_last_name(self) -> None:
        compared = compare([PersonRead("Li Wei", "Li"), PersonRead("Li Na", "Li")])
        assert (compared.last_names, compared.full_names, compared.nameless) == (1, 2, 0)

    @pytest.mark.parametrize(
        "otherwise", [{"line": "toll_free"}, {"contacts": 9}, {"extensions": 1}, {"wrong": 1}]
    )
    def test_has_no_service_line_extension_or_wrong_number(self, otherwise: Any) -> None:
        family = people("Kim Lee", "Sam Lee", "Alex Lee")
        assert classify(facts(**otherwise), family).kind != Kind.FAMILY

    def test_is_not_known_from_one_contact_without_a_name(self) -> None:
        assert classify(facts(), people("Kim Lee", "Sam Lee", "")).kind == Kind.UNCLEAR

    def test_of_an_own_firm_is_unclear(self) -> None:
        """One last name and one company: a family business, or a desk."""
        firm = people("Kim Lee", "Sam Lee", "Alex Lee", company="lee.example")
        assert classify(facts(line="landline"), firm).kind == Kind.UNCLEAR


class TestASwitchboard:
    def test_has_extensions(self) -> None:
        assert classify(facts(extensions=2)).rule == "extensions"

    def test_is_a_service_line_of_many(self) -> None:
        assert classify(facts(line="toll_free")).rule == "service_line"
        assert classify(facts(line="toll_free", emails=2)).kind == Kind.UNCLEAR

    def test_is_a_landline_of_one_company(self) -> None:
        desk = people("Kim Lee", "Sam Roe", "Alex Poe", company="https://www.acme.example/x")
        assert classify(facts(line="landline"), desk).rule == "one_company"
        assert classify(facts(line="mobile"), desk).kind == Kind.UNCLEAR
        assert classify(facts(line="unknown"), desk).kind == Kind.UNCLEAR
        assert classify(facts(line="unknown", contacts=5, emails=5), desk).rule == "one_company"

    def test_is_not_told_by_an_address_at_a_public_mail_host(self) -> None:
        mail = compare([PersonRead(name, email=f"{name[0]}@gmail.com") for name in "ABC"])
        assert mail.companies == 0


class TestAPlaceholder:
    @pytest.mark.parametrize(
        ("given", "rule"),
        [
            ({"reserved": True, "valid": False, "emails": 1}, "reserved"),
            ({"valid": False}, "not_a_number"),
            ({"national": "4155555555"}, "repeated_digits"),
            ({"national": "9991234567"}, "repeated_digits"),
            ({"national": "6507654321"}, "repeated_digits"),
            ({"contacts": 12, "emails": 10, "isolated": 6}, "isolated"),
        ],
    )
    def test_is(self, given: dict[str, Any], rule: str) -> None:
        if rule == "reserved":
            given = given | {"contacts": 6}  # with one email on so many: not one person either
        verdict = classify(facts(**given))
        found = {finding.rule for finding in verdict.findings}
        assert rule in found
        assert verdict.kind == (Kind.UNCLEAR if "mailbox" in found else Kind.PLACEHOLDER)

    def test_is_not_a_golden_number_of_one_person_or_a_service_line(self) -> None:
        assert classify(facts(national="4155555555", emails=1, contacts=2)).kind == (
            Kind.SAME_PERSON
        )
        assert classify(facts(national="8005555555", line="toll_free")).kind == Kind.SWITCHBOARD

    def test_is_not_what_ten_people_have_without_further_evidence(self) -> None:
        verdict = classify(facts(contacts=12, emails=12))
        assert verdict.kind == Kind.UNCLEAR
        assert "12 different people" in verdict.findings[0].text


@given(
    st.builds(
        Facts, st.sampled_from(["4155552671", "4155555555", "2345678"]),
        st.sampled_from(["mobile", "landline", "toll_free", "unknown"]), st.booleans(),
        st.booleans(), st.integers(2, 30), st.integers(0, 30), st.integers(0, 30),
        st.integers(0, 3), st.integers(0, 30), st.integers(0, 3), st.booleans(),
    ),
    st.none() | st.builds(Compared, *[st.integers(0, 9)] * 5),
)  # fmt: skip
def test_a_kind_is_given_only_where_all_evidence_is_for_it(
    group: Facts, compared: Compared | None
) -> None:
    verdict = classify(group, compared)
    kinds = {finding.kind for finding in verdict.findings}
    assert verdict.findings
    assert verdict.kind == Kind.UNCLEAR or kinds == {verdict.kind}


def test_every_rule_is_documented_word_for_word() -> None:
    text = " ".join(DOCS.read_text(encoding="utf-8").split())
    for rule in RULES:
        assert f"| `{rule.name}` | {rule.sentence} |" in text
