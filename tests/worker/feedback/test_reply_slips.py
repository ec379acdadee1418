"""Slips about things: who got the wrong size has not got the wrong number."""

from __future__ import annotations

import pytest

from worker.feedback.replies import read_reply

# A wrong thing, day or place; neither a number nor a person whom we reach.
THINGS = {
    "en": (
        "I ordered the wrong size", "you sent me the wrong color", "I got off at the wrong floor",
        "wrong entrance, I am on the other side", "I pressed the wrong button",
        "sorry, I went to the wrong building", "they delivered the wrong model",
        "you packed the wrong shoes", "I chose the wrong month", "wrong gate, be there in five",
        "I took the wrong exit", "you charged the wrong amount", "the wrong pizza was delivered",
        "I picked the wrong date", "you have the wrong size on my order",
    ),
    "es": (
        "me equivoqué de talla", "me equivoqué de piso", "se equivocaron de talla",
        "pulsé el botón equivocado", "me equivoqué de portal, ahora bajo", "la talla es equivocada",
        "se equivocó de día", "me mandaron el color equivocado", "me he equivocado de parada",
        "os habéis equivocado de modelo", "fui a la puerta equivocada", "se equivocaron de pedido",
        "te equivocaste de hora", "me equivoqué de fecha",
    ),
    "fr": (
        "je me suis trompé de taille", "je me suis trompée d'étage",
        "vous vous êtes trompés de taille", "j'ai appuyé sur le mauvais bouton",
        "je me suis trompé de jour", "vous avez envoyé la mauvaise couleur",
        "vous vous êtes trompé de modèle", "c'est la mauvaise porte", "mauvaise entrée, j'arrive",
        "je me suis trompé d'arrêt", "vous vous trompez de date", "on s'est trompés de train",
        "il s'est trompé de bâtiment", "erreur de taille, je le renvoie",
    ),
    "de": (
        "ich habe mich in der Größe geirrt", "falsche Größe bestellt", "falscher Eingang, komme",
        "ihr habt die falsche Farbe geschickt", "ich habe den falschen Knopf gedrückt",
        "ich bin im falschen Stockwerk", "Sie haben sich im Datum geirrt", "falscher Tag, sorry",
        "Sie haben den falschen Artikel geliefert", "ihr habt euch im Preis geirrt",
        "ich stehe am falschen Gebäude", "Sie haben mir das falsche Modell geschickt",
        "du hast dich im Tag geirrt", "ich habe mich in der Tür geirrt",
    ),
    "pt": (
        "errei o tamanho", "me enganei no andar", "vocês enviaram o tamanho errado",
        "apertei o botão errado", "entrei na porta errada", "me enganei de dia",
        "vocês se enganaram no tamanho", "mandaram a cor errada", "veio o modelo errado",
        "errei de prédio", "você se enganou na data", "desci na parada errada",
        "você se enganou no pedido", "comprei a peça errada",
    ),
    "it": (
        "ho sbagliato taglia", "ho sbagliato piano", "avete sbagliato taglia",
        "ho premuto il pulsante sbagliato", "ho sbagliato portone, arrivo", "hai sbagliato giorno",
        "mi avete mandato il colore sbagliato", "ha sbagliato porta",
        "vi siete sbagliati di taglia",
        "ho sbagliato fermata", "la taglia è sbagliata", "si è sbagliato di piano",
        "avete sbagliato modello", "ho sbagliato data",
    ),
    "pl": (
        "pomyliłam rozmiar", "pomyliłem piętro", "pomyliliście rozmiary", "zły rozmiar, odsyłam",
        "nacisnąłem zły przycisk", "pomyliłam dzień", "przysłaliście zły kolor",
        "pomylił pan piętro", "pomyliła pani datę", "pomyłka w rozmiarze",
        "złe wejście, zaraz będę",
        "pomyliłam drzwi", "pomyliliście zamówienie", "to zły model",
    ),
    "ru": (
        "ошиблась размером", "ошибся подъездом", "вы ошиблись размером", "ошиблась днём",
        "нажала не ту кнопку", "вы ошиблись этажом", "прислали не тот размер",
        "ошиблись дверью", "это не тот цвет", "ошибся датой", "вы ошиблись домом",
        "приехала не та модель", "ошиблась этажом, поднимаюсь", "вы ошиблись в заказе",
    ),
    "uk": (
        "помилилась розміром", "Помилився під'їздом", "ви помилились розміром", "помилилася днем",
        "натиснула не ту кнопку", "ви помилились поверхом", "прислали не той розмір",
        "помилились дверима", "це не той колір", "помилився датою", "ви помилились будинком",
        "приїхала не та модель", "помилилась поверхом, піднімаюсь", "ви помилились у замовленні",
    ),
}  # fmt: skip

WRONG = {
    "en": (
        "you have the wrong number", "wrong number", "wrong person",
        "I think you have the wrong guy",
        "you texted the wrong phone", "sorry, wrong number, no size here", "wrong recipient",
        "you reached the wrong person, my friend", "this is the wrong contact",
        "you got the wrong cell", "you are texting the wrong person",
        "Wrong number. I ordered nothing from you",
    ),
    "es": (
        "se equivocó de número", "número equivocado", "se equivocaron de persona",
        "te equivocaste de número", "se han equivocado de teléfono", "persona equivocada",
        "usted se equivocó de número", "está equivocado de número", "tiene el número equivocado",
        "se equivocan de persona", "creo que se equivocó de número", "se equivocó de contacto",
    ),
    "fr": (
        "vous vous êtes trompé de numéro", "mauvais numéro", "vous vous trompez de personne",
        "tu t'es trompé de numéro", "erreur de numéro", "vous faites erreur de numéro",
        "vous avez le mauvais numéro", "vous vous êtes trompés de destinataire",
        "mauvaise personne", "vous vous trompez de numéro", "c'est une erreur de numéro",
        "je crois que vous vous trompez de numéro",
    ),
    "de": (
        "Sie haben sich in der Nummer geirrt", "falsche Nummer", "falsche Person",
        "Sie haben die falsche Nummer", "falsch verbunden", "Sie haben sich verwählt",
        "du hast dich in der Nummer geirrt", "das ist die falsche Nummer", "falscher Kontakt",
        "falscher Ansprechpartner", "Sie sind bei mir falsch",
        "Sie haben sich in der Person geirrt",
    ),
    "pt": (
        "você se enganou no número", "número errado", "pessoa errada",
        "você ligou para o número errado",
        "foi engano, número errado", "vocês têm o número errado", "se enganou de número",
        "está com o número errado", "você está falando com a pessoa errada", "o número está errado",
        "contato errado", "vocês se enganaram de pessoa",
    ),
    "it": (
        "ha sbagliato numero", "numero sbagliato", "persona sbagliata", "avete sbagliato numero",
        "hai sbagliato persona", "si è sbagliato di numero", "ha sbagliato persona",
        "vi siete sbagliati di persona", "è il numero sbagliato", "avete il numero sbagliato",
        "credo che abbia sbagliato numero", "contatto sbagliato",
    ),
    "pl": (
        "pomyłka", "zły numer", "pomylił pan numer", "pomyliła pani numer", "pomylił pan numery",
        "to pomyłka, nie ten numer", "pomyliliście numery", "nie ten numer", "zła osoba",
        "to zły numer", "pomylił pan osobę", "pomyliliście osoby",
    ),
    "ru": (
        "вы ошиблись номером", "ошиблись номером", "не тот номер", "не тот человек",
        "вы ошиблись адресатом", "вы не туда попали", "вы ошиблись", "ошиблись",
        "неправильный номер", "это не тот номер", "вы ошиблись человеком", "ошибся номером, друг",
    ),
    "uk": (
        "ви помилились номером", "помилились номером", "не той номер", "не та людина",
        "ви помилились адресатом", "ви не туди потрапили", "ви помилились", "помилились",
        "неправильний номер", "це не той номер", "ви помилились людиною",
        "ви помилилися номером телефону",
    ),
}  # fmt: skip


def _all(texts: dict[str, tuple[str, ...]]) -> list[str]:
    return [text for group in texts.values() for text in group]


@pytest.mark.parametrize("text", _all(THINGS))
def test_a_wrong_thing_is_no_wrong_number(text: str) -> None:
    assert read_reply(text).intents == ()
    assert read_reply(text.upper()).intents == ()


@pytest.mark.parametrize("text", _all(WRONG))
def test_a_wrong_number_person_or_recipient_is_one(text: str) -> None:
    assert [intent.kind for intent in read_reply(text).intents] == ["wrong_number"]


@pytest.mark.parametrize("language", THINGS)
def test_not_every_slip_is_shown_to_a_person(language: str) -> None:
    shown = [text for text in THINGS[language] if read_reply(text).needs_review]
    assert len(shown) <= len(THINGS[language]) * 2 / 3, shown
