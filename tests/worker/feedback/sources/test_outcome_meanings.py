"""What the name of a call's outcome means, where no setting says so: each company has its own."""

from __future__ import annotations

import pytest

from config.feedback import Dispositions, OutcomeMeaning
from worker.feedback.models import FeedbackKind
from worker.feedback.sources.outcome_meanings import (
    counts_as,
    meanings_of,
    reports_of,
    suggested_meaning,
)

DEFAULTS = Dispositions()


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("Do Not Call (DNC)", "do_not_call"), ("DNC – requested", "do_not_call"),
        ("Not to be called again", "do_not_call"), ("Opted out", "do_not_call"),
        ("Ne plus appeler", "do_not_call"), ("Nicht mehr anrufen", "do_not_call"),
        ("No volver a llamar", "do_not_call"), ("Non richiamare", "do_not_call"),
        ("Não ligar mais", "do_not_call"), ("Nie dzwonić", "do_not_call"),
        ("Больше не звонить", "do_not_call"), ("Більше не дзвонити", "do_not_call"),
        ("Not Interested - DNC", "do_not_call"), ("Added to DNC", "do_not_call"),
        ("Do Not Call (DND)", "do_not_call"),
        ("Hostile (do not call)", "do_not_call"), ("Contact: wrong number", "wrong_number"),
        ("Wrong #", "wrong_number"), ("WN", "wrong_number"), ("Falsche Nummer", "wrong_number"),
        ("Mauvais numéro", "wrong_number"), ("Número equivocado", "wrong_number"),
        ("Numero errato", "wrong_number"), ("Número errado", "wrong_number"),
        ("Zły numer", "wrong_number"), ("Неверный номер", "wrong_number"),
        ("DC - Disconnected Number", "disconnected"), ("NIS", "disconnected"),
        ("Kein Anschluss unter dieser Nummer", "disconnected"),
        ("Numéro non attribué", "disconnected"), ("Fuera de servicio", "disconnected"),
        ("Numero inesistente", "disconnected"), ("Número inexistente", "disconnected"),
        ("Номер не существует", "disconnected"),
    ],
)  # fmt: skip
def test_it_is_read_in_each_language(name: str, meaning: OutcomeMeaning) -> None:
    assert meanings_of(DEFAULTS, name) == (meaning,)


@pytest.mark.parametrize(
    "name",
    ["No answer", "Left voicemail", "Kein Interesse", "Rückruf gewünscht", "Messagerie", "Busy 2",
     "Interested", "Gatekeeper", "Dead", "Inactive", "Closed - won", "Not on DNC", "DNC checked",
     "DNC: no", "DNC - cleared", "Wrong number - updated", "DNC: 0", "No - DNC check passed"],
)  # fmt: skip
def test_what_says_nothing_of_the_number_reports_nothing(name: str) -> None:
    assert reports_of(DEFAULTS, name) == ()


@pytest.mark.parametrize(
    ("name", "meaning"),
    [("Deceased", "do_not_call"), ("Left company", "wrong_number"), ("Unreachable", "disconnected"),
     ("Do not call before noon", "do_not_call"), ("Busy", ""), ("Interested", "")],
)  # fmt: skip
def test_what_may_say_so_is_suggested_to_the_operator(name: str, meaning: OutcomeMeaning) -> None:
    assert suggested_meaning(DEFAULTS, name) == meaning
    assert reports_of(DEFAULTS, name) == ()


def test_the_settings_come_first() -> None:
    settings = Dispositions(harmless=("DNC list checked", "Wrong #"), do_not_call=("Chapter 9",))
    assert meanings_of(settings, "Wrong #") == ("harmless",)
    assert meanings_of(settings, "Chapter 9") == ("do_not_call",)
    assert meanings_of(settings, "name unknown", "Chapter 9") == ("do_not_call",)


@pytest.mark.parametrize(
    ("name", "channels"),
    [("Do not call", "call"), ("DNC", "call"), ("Do not contact", "call text"),
     ("Opt out", "call text"), ("Unsubscribe", "call text"), ("Do not text", "text"),
     ("Do not call or text", "call text")],
)  # fmt: skip
def test_an_opt_out_closes_the_channels_that_its_name_speaks_of(name: str, channels: str) -> None:
    assert [report.channels for report in reports_of(DEFAULTS, name)] == [channels]


def test_a_name_that_says_two_things_reports_both() -> None:
    kinds = [report.kind for report in reports_of(DEFAULTS, "Wrong number - DNC")]
    assert kinds == [FeedbackKind.WRONG_NUMBER, FeedbackKind.OPT_OUT]
    assert counts_as(DEFAULTS, "Wrong number - DNC") == "wrong+do_no"
    assert counts_as(DEFAULTS, "DNC") == "do_not_call"
    assert counts_as(DEFAULTS, "Busy") == ""


def test_names_are_not_read_where_the_company_says_so() -> None:
    assert meanings_of(Dispositions(read_names=False), "Wrong # / DNC") == ()
    assert meanings_of(Dispositions(read_names=False), "Wrong number") == ("wrong_number",)


def test_a_name_that_the_company_left_out_of_a_list_counts_no_more() -> None:
    assert meanings_of(Dispositions(wrong_number=("WN 1",)), "Wrong number") == ()
