"""The one table of error codes: each is read the same from wherever it comes."""

from __future__ import annotations

from pathlib import Path

import pytest
from constants import NOW, NUMBER
from vendor_webhooks import status_report

from worker.feedback.sources.delivery_codes import CODES, parse_error_code

DOCS = Path(__file__).parents[4] / "docs" / "feedback.md"


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("21610", "opt_out"), ("63014", "opt_out"), ("63033", "opt_out"),
        ("21211", "dead"), ("21217", "dead"), ("30005", "dead"),
        ("30003", "failing"), ("21214", "failing"),
        ("21614", "no_text"), ("21635", "no_text"), ("30006", "no_text"), ("60205", "no_text"),
        ("30004", "no_text"), ("21268", "no_text"),
        ("63003", "channel"), ("63024", "channel"), ("63032", "channel"), ("63049", "channel"),
        ("30007", "filtered"), ("30450", "filtered"),
        ("21401", "sender"), ("21407", "sender"), ("21421", "sender"), ("21408", "sender"),
        ("21612", "sender"), ("30034", "sender"), ("63016", "sender"), ("63018", "sender"),
        ("30008", "message"), ("30410", "message"), ("63019", "message"),
    ],
)  # fmt: skip
def test_what_a_code_says(code: str, meaning: str) -> None:
    assert parse_error_code(code).meaning == meaning


@pytest.mark.parametrize(
    "spelling",
    ["21610", " 21610 ", "21610.0", "Error 21610", "ErrorCode=21610", "٢١٦١٠",
     "21610: Attempt to send to unsubscribed recipient", "30003, 21610"],
)  # fmt: skip
def test_an_opt_out_is_seen_in_any_spelling(spelling: str) -> None:
    assert parse_error_code(spelling).is_opt_out


@pytest.mark.parametrize("text", ["", "none", "421610", "216101", "US", "2161"])
def test_other_text_is_no_code_of_ours(text: str) -> None:
    parsed = parse_error_code(text)
    assert (parsed.code, parsed.meaning, parsed.severity) == ("", "message", "")


def test_a_code_that_nobody_knows_says_nothing_of_the_number() -> None:
    parsed = parse_error_code("99999")
    assert (parsed.code, parsed.severity) == ("99999", "")


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_status_webhook_reads_every_code_by_the_table(code: str) -> None:
    form = {"To": NUMBER, "MessageSid": "SM" + "0" * 32, "MessageStatus": "undelivered"}
    report = status_report({**form, "ErrorCode": code}, NOW)
    expected = parse_error_code(code)
    assert report is not None
    assert report.kind == ("opt_out" if expected.is_opt_out else "undeliverable")
    assert report.severity == expected.severity
    assert code in report.evidence


@pytest.mark.parametrize(
    "code", [code for code, (meaning, _) in CODES.items() if meaning in
             ("opt_out", "dead", "failing", "no_text", "channel", "filtered")],
)  # fmt: skip
def test_the_documents_name_every_code_that_is_not_about_us(code: str) -> None:
    assert code in DOCS.read_text(encoding="utf-8")
