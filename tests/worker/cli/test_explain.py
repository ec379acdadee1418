"""`hygiene explain`: how one text is read."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from worker.cli.main import main

KEYS = ["flags", "review", "proposed", "evidence", "language"]


def run(*args: str, text: str | None = None, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["explain", *args], text, prog_name="hygiene")
    assert result.exit_code == exit_code, result.output
    return result


def explained(text: str) -> dict[str, Any]:
    explanation: dict[str, Any] = json.loads(run("reply", text, "--json").stdout)
    return explanation


class TestAReply:
    def test_that_is_clear_is_flagged_with_its_words(self) -> None:
        explanation = explained("Hi, please don't text me again")
        assert list(explanation) == KEYS
        assert explanation["flags"] == ["opt_out"]
        assert not explanation["review"]
        assert explanation["proposed"] == []
        assert explanation["evidence"] == "do not text me"
        assert explanation["language"] == "en"

    def test_that_is_unclear_is_reviewed_with_a_proposal(self) -> None:
        explanation = explained("how do I unsubscribe?")
        assert explanation["flags"] == []
        assert explanation["review"]
        assert explanation["proposed"] == ["opt_out"]

    def test_that_is_harmless_is_ignored(self) -> None:
        assert explained("See you at 5") == {
            "flags": [], "review": False, "proposed": [], "evidence": "", "language": "",
        }  # fmt: skip

    def test_is_explained_in_words_without_json(self) -> None:
        assert "flagged: opt out" in run("reply", "STOP").stdout
        assert "a person reviews it" in run("reply", "how do I unsubscribe?").stdout
        assert "ignored" in run("reply", "See you at 5").stdout


class TestAPhoneField:
    def test_is_read_as_a_sync_reads_it(self) -> None:
        explanation = json.loads(
            run("phone", "020 7219 4272/73 x5 (work)", "--country", "GB", "--json").stdout
        )
        first = {
            "e164": "+442072194272", "extension": "", "line_type": "landline", "valid": True,
            "confidence": "high",
        }  # fmt: skip
        second = {**first, "e164": "+442072194273", "extension": "5", "confidence": "medium"}
        assert explanation["numbers"] == [first, second]
        assert (explanation["status"], explanation["note"]) == ("valid", "work")

    def test_takes_the_country_from_the_contact(self) -> None:
        given = ("phone", "44 20 7219 4272", "--country", "France", "--json")
        assert json.loads(run(*given).stdout)["status"] == "invalid"
        explanation = json.loads(run(*given, "--email", "kim@example.co.uk").stdout)
        assert explanation["status"] == "unverified"
        assert explanation["numbers"][0]["confidence"] == "low"
        assert "email" in explanation["reason"]

    def test_is_explained_step_by_step(self) -> None:
        shown = run("phone", "Tel. 030 901820, Zi. 214", "--country", "Germany").stdout
        assert "1. The contact is in Germany." in shown
        assert "“214” is not a phone number" in shown
        assert "+4930901820, landline, Germany. Confidence high." in shown
        assert "Status: valid" in shown

    def test_says_what_a_sync_takes_from_the_words_beside_a_number(self) -> None:
        def last_line(text: str) -> str:
            return run("phone", text, "--country", "US").stdout.splitlines()[-1]

        assert last_line("415-555-2671 DNC") == "Report: a sync takes the words as “do not call”."
        assert "a person reads them" in last_line("415-555-2671 don't call before 9")
        assert "a person reads them" in last_line("415-555-2671 / 415-555-2672 wrong number")
        assert last_line("DO NOT CALL") == "Report: a sync takes the words as “do not call”."
        for harmless in ("wrong number", "415-555-2671 ask for Kim"):
            assert "sync" not in run("phone", harmless, "--country", "US").stdout

    def test_that_is_empty_or_junk_has_no_number(self) -> None:
        lines = [{"text": ""}, {"text": "n/a"}, {"text": "020 7219 4272"}]
        given = "\n".join(json.dumps(line) for line in lines)
        explanations = [
            json.loads(line) for line in run("phone", "-", text=given).stdout.splitlines()
        ]
        assert [explanation["status"] for explanation in explanations] == [
            "",
            "invalid",
            "unverified",
        ]
        assert [explanation["numbers"] for explanation in explanations] == [[], [], []]

    def test_lines_are_answered_one_for_one_and_a_bad_one_says_so(self) -> None:
        given = '{"text": "415 555 2671", "state": "California"}\nnope\n{"country": "US"}\n'
        explanations = [
            json.loads(line)
            for line in run("phone", "-", text=given, exit_code=1).stdout.splitlines()
        ]
        assert explanations[0]["numbers"][0]["e164"] == "+14155552671"
        assert explanations[1] == {"error": "line 2 is not JSON"}
        assert explanations[2] == {"error": "line 3 has no text"}


class TestLinesOfJson:
    def test_are_answered_one_for_one_in_order(self) -> None:
        texts = ["STOP", "Ok, thanks", "número equivocado", "two\nlines: STOP"]
        given = "\n".join(json.dumps({"text": text}) for text in texts)
        explanations = [
            json.loads(line) for line in run("reply", "-", text=given).stdout.splitlines()
        ]
        assert [list(explanation) for explanation in explanations] == [KEYS] * 4
        assert [explanation["flags"] for explanation in explanations[:3]] == [
            ["opt_out"],
            [],
            ["wrong_number"],
        ]

    def test_that_cannot_be_read_are_named_and_the_others_answered(self) -> None:
        given = 'nonsense\n\n{"words": 1}\n[1]\n{"text": "STOP"}\n'
        lines = run("reply", "-", text=given, exit_code=1).stdout.splitlines()
        explanations = [json.loads(line) for line in lines]
        assert [explanation.get("error") for explanation in explanations] == [
            "line 1 is not JSON", "line 3 has no text", "line 4 has no text", None,
        ]  # fmt: skip
        assert explanations[3]["flags"] == ["opt_out"]
