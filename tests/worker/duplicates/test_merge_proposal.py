"""Which record to keep, and that the merged one gets the strictest consent of all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.duplicates.merge_proposal import KEEP_RULES, Consent, Record, propose, set_elsewhere

DOCS = Path(__file__).parents[3] / "docs" / "duplicates.md"
NO_TEXTS = Consent(frozenset({"text"}))
NOTHING = Consent(frozenset({"call", "text"}))
WRONG = Consent(wrong=frozenset({"+14155552671"}))


def record(record_id: str, **given: Any) -> Record:
    return Record(**{"connector": "hubspot", "object": "contacts", "id": record_id} | given)


class TestTheRecordThatIsKept:
    @pytest.mark.parametrize(
        ("better", "rule"),
        [
            ({"consent": NO_TEXTS}, "strictest"),
            ({"consent": WRONG}, "strictest"),
            ({"has_email": True}, "email"),
            ({"absorbed": 1}, "absorbed"),
            ({"value": 10.0}, "value"),
            ({"month": "2019-12"}, "oldest"),
        ],
    )
    def test_is_the_one_that(self, better: dict[str, Any], rule: str) -> None:
        month = {"month": "2020-01"} if rule == "oldest" else {}
        (proposal,) = propose([record("1", **month), record("2", **better)])
        assert (proposal.keep.id, proposal.rule) == ("2", rule)

    def test_is_the_first_where_nothing_tells_them_apart(self) -> None:
        (proposal,) = propose([record("10"), record("9")])
        assert (proposal.keep.id, proposal.rule) == ("9", "id")

    def test_is_the_strict_one_rather_than_the_better_one(self) -> None:
        """Where a CRM keeps the fields of the record that is kept, a merge that nobody looks at
        loosens the least."""
        better = record("1", has_email=True, absorbed=3, value=1e6, month="2001-01")
        (proposal,) = propose([better, record("2", consent=NO_TEXTS)])
        assert proposal.keep.id == "2"


class TestTheConsent:
    def test_of_a_stop_on_one_record_is_that_of_all(self) -> None:
        (proposal,) = propose([record("1", consent=NOTHING), record("2", has_email=True)])
        assert proposal.flags == ("do_not_contact", "do_not_call", "do_not_text")

    def test_adds_up_by_channel(self) -> None:
        no_calls = Consent(frozenset({"call"}))
        (proposal,) = propose([record("1", consent=NO_TEXTS), record("2", consent=no_calls)])
        assert "do_not_contact" in proposal.flags

    def test_keeps_wrong_numbers(self) -> None:
        (proposal,) = propose([record("1", consent=WRONG), record("2", consent=NO_TEXTS)])
        assert proposal.wrong == ("+14155552671",)
        assert set(proposal.flags) == {"wrong_number", "do_not_text"}

    def test_says_what_is_not_set_on_the_kept_record_yet(self) -> None:
        kept = record("1", consent=NOTHING, flags=frozenset({"do_not_text"}))
        (proposal,) = propose([kept, record("2")])
        assert proposal.keep.id == "1"
        assert proposal.missing == ("do_not_contact", "do_not_call")

    def test_of_a_record_in_another_crm_counts_though_no_crm_can_merge_it(self) -> None:
        elsewhere = record("003", connector="salesforce", object="Contact", consent=NOTHING)
        (proposal,) = propose([record("1"), record("2"), elsewhere])
        assert {proposal.keep.id, *(other.id for other in proposal.merge)} == {"1", "2"}
        assert "do_not_contact" in proposal.missing

    def test_must_stand_on_the_records_that_no_merge_reaches_too(self) -> None:
        elsewhere = record("003", connector="salesforce", object="Contact",
                           flags=frozenset({"do_not_text"}))  # fmt: skip
        group = [record("1", consent=NOTHING), record("2"), elsewhere]
        missing = {"salesforce/Contact/003": ("do_not_contact", "do_not_call")}
        assert set_elsewhere(group, propose(group)) == missing

    def test_records_of_different_objects_are_not_merged(self) -> None:
        assert propose([record("1"), record("2", object="leads")]) == []


consents = st.builds(
    Consent, st.frozensets(st.sampled_from(["call", "text"])),
    st.frozensets(st.sampled_from(["+14155552671", "+14155552672"])), st.booleans(),
)  # fmt: skip
records = st.lists(
    st.builds(
        Record, st.sampled_from(["hubspot", "salesforce"]), st.just("contacts"),
        st.text("0123456789", min_size=1, max_size=3), consents,
        st.frozensets(st.sampled_from(["do_not_call", "do_not_text", "do_not_contact"])),
        st.booleans(), st.integers(0, 2), st.sampled_from([0.0, 5.0]),
        st.sampled_from(["", "2019-01", "2020-01"]),
    ),
    min_size=1, max_size=6, unique_by=lambda one: one.key,
)  # fmt: skip


@given(records)
def test_a_proposal_never_makes_anybody_contactable_again(group: list[Record]) -> None:
    for proposal in propose(group):
        assert proposal.keep not in proposal.merge
        for one in group:  # in whichever CRM
            assert set(one.consent.flags) <= set(proposal.flags)
            assert one.consent.wrong <= set(proposal.wrong)
        assert set(proposal.flags) <= {*proposal.missing, *proposal.keep.flags}


def test_every_rule_is_documented_in_order() -> None:
    text = " ".join(DOCS.read_text(encoding="utf-8").split())
    places = [text.index(f"| `{rule.name}` | {rule.text} |") for rule in KEEP_RULES]
    assert places == sorted(places)
