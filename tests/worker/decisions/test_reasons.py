"""Why a contact's fields say what they say: keys with parameters, free of any language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.decisions import ContactFacts, FieldFacts, NumberKnowledge, ProviderAnswer, decide
from worker.decisions.former_wording import former_sentence
from worker.decisions.model import Decision, FieldDecision, Language, Part, Phrase, Reason
from worker.decisions.reasons import decode, encode, reason_of, tie, untie
from worker.decisions.wording import LANGUAGES, render
from worker.phones import Number, ParsedField

LOCAL = "is a local number, and nothing tells its country"
STOP = "must not be contacted (replied STOP, 03 May 2026)"
NUMBER = Number("+14155552671", kind="mobile", region="US", valid=True, possible=True)


HELD = "is not texted (a reply that may be an opt-out waits for review, 03 May 2026)"
ON_HOLD = "no texts for now (a reply that may be an opt-out waits for review, 3 May 2026)"


class TestAHold:
    """Texts wait for the review of a reply."""

    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ([FieldDecision("Phone", "valid", held=HELD)], f"Phone: {ON_HOLD}."),
            (
                [FieldDecision("Phone", "valid"), FieldDecision("Fax", "valid", held=HELD)],
                f"Fax: {ON_HOLD}.",
            ),
            (
                [FieldDecision("Phone", "unverified", reason=LOCAL, held=HELD)],
                f"Phone: a local number whose country is unknown; phone: {ON_HOLD}.",
            ),
            (
                [
                    FieldDecision("Phone", "valid", held=HELD),
                    FieldDecision("Fax", "invalid", reason="is too short"),
                ],
                f"Fax: too short; phone: {ON_HOLD}.",
            ),
            (
                [
                    FieldDecision("Phone", "valid", held=HELD),
                    FieldDecision("Fax", "valid", held=HELD),
                ],
                f"Phone: {ON_HOLD}; fax: the same.",
            ),
        ],
    )
    def test_is_said_of_each_field_beside_what_is_wrong(
        self, fields: list[FieldDecision], says: str
    ) -> None:
        reason = reason_of(fields, advise=False)
        assert reason is not None
        assert render(reason, "en") == says

    def test_of_a_contact_in_which_nothing_can_be_read_is_said_of_the_person(self) -> None:
        reason = reason_of([FieldDecision("Phone", "invalid")], advise=False, hold_reason=HELD)
        assert reason is not None
        assert render(reason, "en") == f"Phone: not a valid number; this person: {ON_HOLD}."

    def test_is_said_though_a_field_could_not_be_checked_again(self) -> None:
        decision = _not_rechecked(HELD, "Phone: valid number.")
        assert decision.reason is not None
        assert ON_HOLD in decision.reason

    def test_that_ended_is_not_said_any_more_though_a_field_could_not_be_checked_again(
        self,
    ) -> None:
        decision = _not_rechecked("", f"Phone: {ON_HOLD}.")
        assert decision.reason is not None
        assert ON_HOLD not in decision.reason

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_is_told_from_the_same_sentence_without_it(self, language: Language) -> None:
        """What an earlier release wrote, of which we did not keep what it says, is no excuse."""
        valid = render((Part("Phone", "valid"),), language)
        known = NumberKnowledge(
            NUMBER, (ProviderAnswer("offline", "valid"),), suppressed=frozenset({"text"}), held=HELD
        )
        field = FieldFacts("Phone", ParsedField("number", (NUMBER,)), (known,))
        decision = decide(ContactFacts((field,), valid, None, language))
        assert decision.do_not_text
        assert not decision.same_reason
        assert decision.reason not in (None, valid)


def _not_rechecked(hold_reason: str, current: str) -> Decision:
    """A contact whose one provider does not answer today."""
    stopped = frozenset({"text"} if hold_reason else ())
    known = NumberKnowledge(
        NUMBER, (), "the budget is used up", "", stopped, hold_reason, held=hold_reason
    )
    parsed = ParsedField("number", (NUMBER,))
    field = FieldFacts("Phone", parsed, (known,), "valid", NUMBER.e164, "mobile")
    current_why = reason_of(
        [FieldDecision("Phone", "valid", held="" if hold_reason else HELD)], advise=False
    )
    return decide(ContactFacts((field,), current, current_why))


class TestWhatIsSaid:
    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ([FieldDecision("Phone", "valid")], "Phone: valid number."),
            (
                [FieldDecision("Phone", "valid"), FieldDecision("MobilePhone", "valid")],
                "Phone and mobile phone: 2 valid numbers.",
            ),
            (
                [FieldDecision("Phone", "valid"), FieldDecision("x", "invalid", reason="x")],
                "X: x. Ask the contact for the right number.",
            ),
            (
                [
                    FieldDecision("Phone", "unverified", reason=LOCAL),
                    FieldDecision("mobilephone", "unverified", reason=LOCAL),
                ],
                "Phone: a local number whose country is unknown; mobile phone: the same. "
                "Add the country to the contact.",
            ),
            (
                [
                    FieldDecision(
                        "Phone",
                        "valid",
                        reason="is a number of France, while the contact is in the Netherlands",
                    )
                ],
                "Phone: a number from France, but the contact is in the Netherlands.",
            ),
            (
                [FieldDecision("Phone", "wrong_number")],
                "Phone: reaches someone else. Don't call it; ask for a new number.",
            ),
        ],
    )
    def test_is_what_is_wrong_field_by_field_and_what_to_do(
        self, fields: list[FieldDecision], says: str
    ) -> None:
        reason = reason_of(fields)
        assert reason is not None
        assert render(reason, "en") == says

    def test_is_nothing_where_nothing_is_there(self) -> None:
        assert reason_of([]) is None
        assert reason_of([FieldDecision("Phone", None)]) is None

    def test_nobody_is_advised_to_contact_a_person_who_said_no_to_some_channel(self) -> None:
        fields = [FieldDecision("Phone", "unreachable"), FieldDecision("MobilePhone", "unverified")]
        for language, wording in LANGUAGES.items():
            reason = reason_of(fields, advise=False)
            assert reason is not None
            text = render(reason, language)
            assert wording.do_try_another not in text
            assert wording.do_wait not in text
            stopped = reason_of([FieldDecision("Phone", "do_not_contact")], advise=False)
            assert stopped is not None
            assert render(stopped, language).endswith(wording.do_not_use)

    def test_a_contact_that_refuses_texts_alone_gets_no_advice_to_write(self) -> None:
        dead = ProviderAnswer("twilio", "unreachable", check_level="live", label="Twilio Lookup")
        no_texts = NumberKnowledge(NUMBER, (dead,), suppressed=frozenset({"text"}))
        field = FieldFacts("Phone", ParsedField("number", (NUMBER,)), (no_texts,))
        assert decide(ContactFacts((field,))).reason == "Phone: cannot be reached (Twilio Lookup)."


class TestAStoredReason:
    reason: Reason = (Part("Phone", "invalid", Phrase("too_short_for", (("place", "FR"),))),)

    def test_is_read_back(self) -> None:
        assert decode(encode(self.reason)) == self.reason
        assert decode("") is None
        assert decode('[["a","of a later release",[]]]') is None

    def test_counts_for_the_sentence_that_it_was_stored_with_alone(self) -> None:
        stored = tie("Phone: too short.", self.reason)
        assert untie("Phone: too short.", stored) == self.reason
        assert untie("Phone: edited by hand.", stored) is None
        assert untie(None, stored) is None
        assert untie("Phone: too short.", "") is None


def decided(
    current: str | None, language: Language = "en", why: Reason | None = None, stop: str = STOP
) -> Decision:
    known = NumberKnowledge(NUMBER, suppressed=frozenset({"any"}), suppressed_reason=stop)
    field = FieldFacts("Phone", ParsedField("number", (NUMBER,)), (known,))
    return decide(ContactFacts((field,), current, why, language))


class TestAReasonThatTheCrmHoldsInOtherWords:
    def test_is_no_difference_in_another_language(self) -> None:
        ours = decided(None, "de")
        assert (ours.same_reason, ours.reason) == (False, render(ours.why or (), "de"))
        for language in LANGUAGES:
            again = decided(ours.reason, language)
            assert again.same_reason == (language != "de")

    def test_is_no_difference_as_an_earlier_release_worded_it(self) -> None:
        former = former_sentence(decided(None).fields)
        assert former == "Phone must not be contacted (replied STOP, 03 May 2026)."
        assert decided(former).same_reason

    def test_is_no_difference_in_a_wording_that_nobody_knows_any_more(self) -> None:
        why = decided(None).why
        assert decided("Telephone: leave alone!", why=why).same_reason

    def test_is_one_where_it_says_something_else(self) -> None:
        other = decided(None, stop="must not be contacted (replied STOP, 04 May 2026)")
        assert not decided(other.reason).same_reason
        assert not decided("Telephone: leave alone!", why=other.why).same_reason

    def test_is_one_where_a_person_has_changed_it(self) -> None:
        assert not decided("Phone: she called, all is well.").same_reason


@given(st.text(max_size=600))
def test_no_evidence_breaks_a_reason(evidence: str) -> None:
    for phrase in (
        f"must not be contacted ({evidence}, 03 May 2026)",
        f"reaches somebody else ({evidence}, 31 Feb 2026)",
        f"{evidence} (Twilio Lookup; {evidence})",
        f"could not be checked yet: {evidence}",
        evidence or "x",
    ):
        reason = reason_of([FieldDecision("Phone", "do_not_contact", reason=phrase)])
        assert reason is not None
        assert decode(encode(reason)) == reason
        for language in LANGUAGES:
            assert 0 < len(render(reason, language)) <= 255
