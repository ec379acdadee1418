"""The sentence that a salesperson reads."""

from __future__ import annotations

import pytest

from worker.decisions.model import FieldDecision
from worker.decisions.reasons import MAX_LENGTH, sentence

LOCAL = "is a local number, and nothing tells its country"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ([], None),
        ([FieldDecision("Phone", None)], None),
        ([FieldDecision("Phone", "valid")], "Phone is a valid number."),
        (
            [FieldDecision("Phone", "valid"), FieldDecision("MobilePhone", "valid")],
            "Phone and mobile phone are valid numbers.",
        ),
        (
            [FieldDecision("Phone", "valid"), FieldDecision("mobilephone", "invalid", reason="x")],
            "Mobile phone x.",
        ),
        (
            [
                FieldDecision("Phone", "unverified", reason=LOCAL),
                FieldDecision("MobilePhone", "unverified", reason=LOCAL),
            ],
            f"Phone {LOCAL}; mobile phone likewise.",
        ),
        (
            [FieldDecision("Phone", "valid", reason="is a number of France, not of Germany")],
            "Phone is a number of France, not of Germany.",
        ),
        ([FieldDecision("Phone", "wrong_number")], "Phone reaches somebody else."),
    ],
)
def test_says_what_is_wrong_field_by_field(fields: list[FieldDecision], says: str | None) -> None:
    assert sentence(fields) == says


def test_it_fits_the_crms_field() -> None:
    long = [FieldDecision(f"Phone{n}", "invalid", reason=f"{n} " + "x" * 90) for n in range(9)]
    text = sentence(long)
    assert text is not None
    assert len(text) <= MAX_LENGTH
    assert text.endswith("…")
