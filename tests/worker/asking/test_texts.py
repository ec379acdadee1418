"""The words of a message, its language and its price."""

from __future__ import annotations

import pytest

from worker.asking.links import CODE_LENGTH, new_code
from worker.asking.texts import TEXTS, segments
from worker.web.confirm.translations import TRANSLATIONS

LINK = "https://hygiene.example.com/confirm/" + "x" * CODE_LENGTH


def test_there_are_words_in_each_language_of_the_page() -> None:
    assert TEXTS.keys() == TRANSLATIONS.keys()


@pytest.mark.parametrize("language", TEXTS)
def test_a_text_says_who_asks_where_to_answer_and_how_to_stop(language: str) -> None:
    text = TEXTS[language].sms.format(company="Acme", link=LINK)
    assert text.startswith("Acme") or "Acme" in text[:40]
    assert LINK in text
    assert "STOP" in text


@pytest.mark.parametrize("language", ["en", "es", "fr", "de", "pt", "it", "pl"])
def test_a_text_in_latin_letters_is_one_segment(language: str) -> None:
    assert segments(TEXTS[language].sms.format(company="Acme", link=LINK)) == 1


def test_a_character_beyond_the_alphabet_of_sms_makes_each_take_two_bytes() -> None:
    assert segments("a" * 159 + "€") == 2, "a euro sign takes two places"
    assert segments("ú" + "a" * 70) == 2


def test_a_code_cannot_be_taken_for_a_signed_token() -> None:
    assert len(new_code()) == CODE_LENGTH
    assert new_code() != new_code()
