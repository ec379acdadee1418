"""What people write beside a number: what counts as a report, what a person reads, and what says
nothing."""

from __future__ import annotations

import pytest
from constants import NOW, NUMBER
from hypothesis import given
from hypothesis import strategies as st

from config.feedback import Dispositions
from worker.feedback.field_notes import FieldNote, read_note, reports_from_note, statement_key
from worker.feedback.models import ContactIdentity, contact_key

OUTCOMES = Dispositions()

CLEAR = {
    "do_not_contact": [
        "do not contact", "Don’t contact", "OPTED OUT", "opt-out", "STOP", "no contact!!",
        "nicht kontaktieren", "ne plus contacter", "Não contatar", "nie kontaktować",
    ],
    "do_not_call": [
        "DO NOT CALL", "do-not-call", "dont call", "DON T CALL", "DNC", "D.N.C.", "dnc list",
        "no calls please", "DNC per customer request 3/14/2021", "** DO NOT CALL **",
        "Bitte nicht mehr anrufen!", "Nicht anrufen", "ne pas appeler svp", "no llamar",
        "non chiamare", "não ligar", "NIE DZWONIĆ", "не звонить", "не телефонувати",
    ],
    "do_not_text": ["do not text", "no texts", "NO SMS", "keine SMS", "pas de SMS", "sin sms"],
    "wrong_number": [
        "wrong number", "WRONG #", "wrong no.", "not his number", "wrong person",
        "falsche Nummer", "mauvais numéro", "numero equivocado", "numero sbagliato",
        "número errado", "błędny numer", "неверный номер", "невірний номер", "wrong",
    ],
    "disconnected": [
        "disconnected", "disconnected 3/14/2021", "no longer in service", "Not in service",
        "bad number", "dead", "hors service", "fuera de servicio", "не обслуживается",
    ],
}  # fmt: skip
DOUBTFUL = [
    "do not call before 9am", "don't call on Fridays", "was disconnected, works again",
    "not wrong number", "DNC removed", "do not call his wife", "wrong number? check",
    "no calls after 5", "used to be wrong number",
]  # fmt: skip
HARMLESS = [
    "", "M", "M, W", "Fax", "home", "cell, office", "ask for Kim", "call after 5pm", "ext 12",
    "assistant", "old, new", "Stop Hunger Inc", "reception", "n/a", "12/31/2024", "preferred",
    "before noon", "callto", "Mr. Wrong", "WhatsApp", "dncorp",
]  # fmt: skip


@pytest.mark.parametrize(
    ("meaning", "words"), [(meaning, words) for meaning in CLEAR for words in CLEAR[meaning]]
)
def test_words_that_say_it_and_little_else_are_clear(meaning: str, words: str) -> None:
    note = read_note(words, OUTCOMES)
    assert note is not None
    assert (note.meanings, note.clear) == ((meaning,), True)


@pytest.mark.parametrize("words", DOUBTFUL)
def test_a_person_reads_what_says_more(words: str) -> None:
    note = read_note(words, OUTCOMES)
    assert note is not None
    assert not note.clear


@pytest.mark.parametrize("words", HARMLESS)
def test_other_notes_say_nothing(words: str) -> None:
    assert read_note(words, OUTCOMES) is None


def test_one_note_can_say_two_things() -> None:
    note = read_note("wrong number - DO NOT CALL", OUTCOMES)
    assert note == FieldNote(
        ("wrong_number", "do_not_call"), True, "wrong number - DO NOT CALL"
    )  # fmt: skip


def test_the_companys_own_names_of_outcomes_count() -> None:
    own = Dispositions(do_not_call=("Hands off",), wrong_number=("Somebody else",))
    for words, meaning in (("HANDS-OFF", "do_not_call"), ("somebody else", "wrong_number")):
        note = read_note(words, own)
        assert note is not None
        assert (note.meanings, note.clear) == ((meaning,), True)
        assert read_note(words, OUTCOMES) is None


@given(st.text(max_size=600))
def test_any_text_is_read(text: str) -> None:
    note = read_note(text, OUTCOMES)
    assert note is None or note.meanings


def test_what_a_note_says_has_keys_of_its_own_however_long_the_names_are() -> None:
    who = ContactIdentity(contact_key("salesforce-emea", "O" * 80, "9" * 80))
    note = read_note("wrong number, do not call", OUTCOMES)
    assert note is not None
    keys = [
        report.key
        for field in ("P" * 79 + "1", "P" * 79 + "2")
        for report in reports_from_note(
            "salesforce-emea", who, statement_key(who, field, note, NOW), note, [NUMBER], NOW
        )
    ]
    assert len(keys) == 4
    assert len({key[:255] for key in keys}) == 4
