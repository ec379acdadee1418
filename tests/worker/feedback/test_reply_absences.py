"""Replies that say only that somebody is not there: nobody keeps them to themselves.

Promise 18: a reply is flagged, shown to a person, or surely harmless.
"""

from __future__ import annotations

import pytest

from worker.feedback.replies import read_reply

NAMES = ("Kim", "Brzozowski", "Nguyen", "Fatima", "Wei", "Mohammed", "Siobhan", "Schmidt", "Smith")
CYRILLIC = ("Фатима", "Ковальчук", "Зухра", "Иванов", "Шевченко")
FRAMES = {
    "en": (
        "no {} here", "No {} here.", "sorry no {} here", "There's no {}", "there is no {} here",
        "there are no {}s here", "no {} at this number", "no {}", "nope no {}", "not {}",
        "{} is not here", "{} not here", "{} who?", "ain't no {} here", "no such person as {}",
    ),
    "de": (
        "kein {} hier", "hier ist kein {}", "kein {}", "nicht {}", "hier heißt niemand {}",
        "niemand heißt {}", "{} ist nicht hier",
    ),
    "es": ("ningún {} aquí", "no hay ningún {}", "nadie se llama {}", "no es {}", "no existe {}"),
    "fr": ("pas de {} ici", "aucun {} ici", "pas de {}", "pas {}", "personne ne s'appelle {}"),
    "pt": ("nenhum {} aqui", "não tem {} aqui", "ninguém chamado {}", "não é {}"),
    "it": ("nessun {} qui", "nessuno si chiama {}", "non c'è {}", "non è {}"),
    "pl": ("nie ma tu {}", "tu nie {}", "nie ma {}", "to nie {}"),
    "ru": ("здесь нет {}", "нет {}", "не {}", "не знаю {}"),
    "uk": ("тут немає {}", "нема {}", "не {}", "не знаю {}"),
}  # fmt: skip


def is_silent(text: str) -> bool:
    reply = read_reply(text)
    return not reply.intents and not reply.needs_review


class TestNobodyOfThatName:
    @pytest.mark.parametrize(
        ("language", "frame"), [(code, frame) for code in FRAMES for frame in FRAMES[code]]
    )
    def test_is_flagged_or_shown(self, language: str, frame: str) -> None:
        names = CYRILLIC if language in ("ru", "uk") else NAMES
        assert [text for name in names if is_silent(text := frame.format(name))] == []

    @pytest.mark.parametrize("text", ["no kim here", "there's no X", "no such person", "no ahmed"])
    def test_is_flagged_or_shown_in_small_letters_and_without_a_name(self, text: str) -> None:
        assert not is_silent(text)

    @pytest.mark.parametrize(
        "text",
        [
            "no milk here", "There's no food here", "no parking here", "No problem", "No idea",
            "no wifi here", "Not now", "Not today", "Kein Problem", "Keine Zeit", "Nicht jetzt",
            "Pas de souci", "No hay tiempo", "Não tem problema", "Nie ma sprawy",
            "Не сегодня", "Нет времени", "Не сьогодні", "What time will you reach? No lunch here.",
            "Guess who?",
        ],
    )  # fmt: skip
    def test_is_told_from_things_that_people_miss(self, text: str) -> None:
        assert is_silent(text)
