"""Replies that decline, in each language: a person sees them, whatever the router says.

A decline is no request to be left alone, so it is never flagged; nor is it surely harmless. And who
asks to stay is never taken for somebody who leaves.
"""

from __future__ import annotations

import pytest

from worker.feedback.replies import read_reply

DECLINES = {
    "not interested": (
        "We are not interested at all, sorry", "Kein Interesse, danke", "No estamos interesados",
        "On n'est pas intéressés, merci", "Non siamo interessati", "Nie jesteśmy zainteresowani",
        "Não temos interesse, obrigado", "Мы не заинтересованы", "Ми не зацікавлені",
    ),
    "no thanks": (
        "Nope, thanks!", "Nein danke!", "No, gracias", "Non, merci", "No, grazie mille",
        "Nie, dziękuję bardzo", "Não, obrigada", "Нет, спасибо", "Ні, дякую",
    ),
    "no, in one word": (
        "no", "nie", "NON", "No.", "NEIN", "¡No!", "Non.", "NO!", "NIE", "Não", "Нет", "Ні!",
    ),
    "never again": (
        "Never ever again", "Nie mehr!", "¡Nunca más!", "Plus jamais", "Mai più!",
        "Już nigdy", "Nunca mais!", "Никогда больше", "Ніколи більше",
    ),
    "never agreed": (
        "I never agreed to any of this", "Ich habe dem nie zugestimmt", "No di mi consentimiento",
        "Je ne me suis jamais inscrit à ça", "Non mi sono mai iscritta a questo",
        "Nie wyrażałam na to zgody", "Nunca me cadastrei nisso", "Я не подписывалась на это",
        "Я не підписувався на це",
    ),
    "not to be contacted": (
        "Not to be called", "Bitte nicht mehr stören", "No volver a llamarnos",
        "Ne plus me déranger svp", "Non disturbare più", "Nie dzwonić do mnie więcej",
        "Não perturbar", "Не писать мне больше", "Не писати мені більше",
    ),
    "blocks us": (
        "I'm blocking you", "Nummer wird blockiert", "Los voy a bloquear", "Je vais vous bloquer",
        "Vi blocco", "Zaraz zablokuję ten numer", "Vou bloquear vocês", "Заблокирую вас",
        "Заблокую вас",
    ),
    "reports us": (
        "You have been reported!", "Sie wurden gemeldet", "Número reportado", "Je vous ai signalé",
        "Ti ho segnalato", "Numer zgłoszony", "Número denunciado", "Номер отправлен в спам",
        "Номер додано до спаму",
    ),
    "is annoyed": (
        "You people are so annoying", "Ihr nervt", "Qué pesados", "Vous êtes lourds",
        "Siete insopportabili", "Mam was dość", "Que saco", "Надоели уже", "Набридли вже",
    ),
}  # fmt: skip
STAYS = (
    "I don't want to unsubscribe", "Please do not opt me out",
    "Nehmen Sie mich nicht von der Liste",
    "No quiero dejar de recibir sus avisos", "No me saquen de la lista",
    "Je ne veux pas me désabonner", "Ne me retirez pas de la liste", "Non voglio disiscrivermi",
    "Non toglietemi dalla lista", "Nie chcę się wypisać", "Nie wykreślajcie mnie z listy",
    "Não quero sair da lista", "Não me removam da lista", "Не удаляйте меня из списка",
    "Не видаляйте мене зі списку",
)  # fmt: skip
OTHER_THINGS = (
    "Please take me off the waiting list, I got a table", "Remove me from the calendar invite",
    "Streichen Sie mich von der Warteliste", "Quítenme de la lista de espera",
    "Retirez-moi de la liste d'attente", "Toglietemi dalla lista d'attesa",
    "Usuńcie mnie z listy oczekujących", "Me tirem da lista de espera",
    "Уберите меня из листа ожидания", "Приберіть мене з листа очікування",
    "Don't send me the invoice yet", "Schicken Sie mir die Rechnung noch nicht",
    "No me manden el contrato todavía", "Ne m'envoyez pas encore le contrat",
    "Non mandatemi ancora la fattura", "Nie wysyłajcie mi jeszcze umowy",
    "Não me mandem o contrato ainda",
)  # fmt: skip


def flags(text: str) -> set[str]:
    return {intent.kind for intent in read_reply(text).intents}


@pytest.mark.parametrize(
    ("meaning", "text"), [(meaning, text) for meaning, texts in DECLINES.items() for text in texts]
)
def test_who_declines_is_seen_by_a_person_in_each_language(meaning: str, text: str) -> None:
    reply = read_reply(text)
    assert reply.needs_review or "opt_out" in flags(text), meaning


@pytest.mark.parametrize("text", [*DECLINES["not interested"], *DECLINES["no thanks"]])
def test_a_decline_is_no_opt_out(text: str) -> None:
    assert flags(text) == set()


def test_a_decline_counts_among_other_sentences() -> None:
    assert read_reply("Not interested, thanks. We already have a supplier.").needs_review


@pytest.mark.parametrize(
    "text", ["No. I'm on the bus", "No problem!", "no worries", "I know, right", "No, Tuesday"]
)
def test_a_bare_no_counts_as_the_whole_message_alone(text: str) -> None:
    assert not read_reply(text).needs_review


@pytest.mark.parametrize("text", STAYS)
def test_who_asks_to_stay_does_not_leave(text: str) -> None:
    assert flags(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "You did not remove me. STOP", "Why do you not take me off your list? Stop texting me",
        "If you don't unsubscribe me I will sue you",
        "Si no me borran de su lista los voy a denunciar a la AEPD. No me escriban más",
    ],
)  # fmt: skip
def test_who_was_not_let_go_still_leaves(text: str) -> None:
    assert "opt_out" in flags(text)


@pytest.mark.parametrize("text", OTHER_THINGS)
def test_another_list_or_a_thing_is_not_what_somebody_leaves(text: str) -> None:
    assert flags(text) == set()
