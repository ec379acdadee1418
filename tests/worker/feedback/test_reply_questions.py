"""Who asks how to stop wants to: a person answers them. Nobody is flagged by a question."""

from __future__ import annotations

import pytest

from worker.feedback.replies import read_reply
from worker.feedback.replies.intents import NOTHING
from worker.feedback.replies.reader import read_by_rules

HOW_TO_STOP = """
how do I leave this list?
How do i get rid of these messages
how do I exit this list
how do I end this subscription
how do I cancel?
how to leave
how do I get out of this?
who do I contact to be removed?
where is the unsubscribe link?
what's the process for leaving your list
¿Cómo me borro de la lista?
como cancelo esto
¿a quién le escribo para que me borren?
comment résilier
comment quitter cette liste ?
Wie komme ich von dieser Liste runter?
wie kann ich das kündigen?
wie verlasse ich diese Liste
como bloqueio vocês
com quem falo para sair da lista
como saio desta lista?
Come esco dalla lista?
come posso uscire dalla lista?
come si annulla
Jak wyjść z tej listy?
co wysłać żeby to zatrzymać
как покинуть этот список?
как это остановить
як покинути цей список?
як скасувати?
""".strip().splitlines()
OTHER_QUESTIONS = """
how do I leave the house with that many kids
How do I get to the station?
how do I end this sentence
who do I contact for the keys
how do i block the draft under the door
¿cómo salgo de la autopista?
como cancelo la cena con Marta
comment sortir de la gare
wie komme ich vom Bahnhof zu dir?
wie kann ich das Fenster zumachen
como saio do metrô
come esco dal parcheggio
jak wyjść z dworca
как выйти из метро к театру
як вийти до річки
""".strip().splitlines()


@pytest.mark.parametrize("text", HOW_TO_STOP)
def test_a_question_how_to_stop_goes_to_a_person(text: str) -> None:
    reply = read_reply(text)
    assert reply.needs_review
    assert not reply.intents
    assert reply.suggestion is not None
    assert reply.suggestion.kind == "opt_out"
    assert reply.suggestion.evidence


@pytest.mark.parametrize("text", OTHER_QUESTIONS)
def test_no_rule_sees_that_in_another_question(text: str) -> None:
    reply, _doubt = read_by_rules(text)
    assert reply == NOTHING
