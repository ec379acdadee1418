"""Notes in phone fields, by kind: the ways of saying no in nine languages, and what only looks so.

The wordings are those of agents' tools (their call outcomes) and of everyday abbreviations; each
list is a kind, so that a wording that nobody has listed is likely read as well.
"""

from __future__ import annotations

import pytest

from config.feedback import Dispositions
from worker.feedback.field_notes import read_note

OUTCOMES = Dispositions()

SAYS = {
    "do_not_call": [
        "asked not to be called", "does not want to be called", "refuses calls", "no sales calls",
        "on the National DNC", "DNC: Y", "DNC since March 2020", "do not call 🚫", "D N C",
        "&lt;DNC&gt;", "<b>do not call</b>", "DO&nbsp;NOT&nbsp;CALL", "do not callllll",
        "dnot call",
        "wünscht keine Anrufe", "Anruf unerwünscht", "keine Werbeanrufe", "ne pas rappeler",
        "ne veut plus être appelé", "pas de démarchage", "no volver a llamar", "sin llamadas",
        "no quiere que le llamen", "niente chiamate", "non richiamare", "não ligue",
        "pediu para não ligar", "bez telefonów", "nie życzy sobie telefonów", "не звоните",
        "отказ от звонков", "не дзвоніть", "без дзвінків",
    ],
    "do_not_text": [
        "DNT", "no txts", "don't sms", "no text messages", "keine SMS schicken", "nicht simsen",
        "pas de textos", "no mandar SMS", "non inviare SMS", "não mandar mensagem", "bez smsów",
        "не слать смс", "не надсилати смс",
    ],
    "do_not_contact": [
        "do not contcat", "unsub", "STOP ALL", "removed from list", "refuses contact",
        "no contact by phone", "Kontakt unerwünscht", "ne pas déranger", "no molestar",
        "non disturbare", "não entrar em contato", "nie niepokoić", "не связываться",
        "не контактувати",
    ],
    "wrong_number": [
        "wrong ph#", "wrong numbr", "wrng number", "WN", "W/N", "wrong cell",
        "number is wrong", "incorrect phone number", "not her cell", "no longer his number",
        "belongs to somebody else", "falsche Tel.-Nr.", "Nr. falsch", "falsch", "n° erroné",
        "mauvais n°", "pas son numéro", "nº equivocado", "tel. erróneo", "ya no es su número",
        "n. sbagliato", "telefono errato", "tel. errado", "pessoa errada", "zły nr tel",
        "numer błędny", "неверный тел.", "не его номер", "чужой номер", "не вірний номер",
        "помилковий",
    ],
    "disconnected": [
        "NIS", "n.i.s.", "N.I.S. 3/4", "not in svc", "bad #", "bad phone", "invalid", "disc'd 3/4",
        "d/c", "disconected", "number not working", "no such number", "doesn't exist", "dead line",
        "# is no longer valid", "ungültige Nummer", "Anschluss abgemeldet", "nicht mehr in Betrieb",
        "n° invalide", "plus en service", "número no válido", "desconectado", "numero non valido",
        "non più attivo", "fora de serviço", "número inválido", "nr nie istnieje",
        "номер отключён", "нет такого номера", "номер не працює",
    ],
}  # fmt: skip
TWO = {
    "DNC/DNT": ("do_not_call", "do_not_text"),
    "do not call or text": ("do_not_call", "do_not_text"),
    "no SMS or calls": ("do_not_text", "do_not_call"),
    "WN - DNC": ("do_not_call", "wrong_number"),
}
A_PERSON_READS = [
    # a condition, another channel, a part of the day
    "do not call at work", "do not call 9-5", "nicht vor 9 Uhr anrufen",
    "nicht nach 18 Uhr anrufen",
    "ne pas appeler le matin", "non chiamare prima delle 9", "text only", "nur SMS",
    "fax only - do not text", "только смс", "don't call after 6, text instead",
    "DO NOT CALL, CALL", "bad, use",  # beside two numbers
    # in doubt, in the past, or not set at all
    "wrong number?", "DNC?", "disconnected?", "not a wrong number", "was wrong, now fixed",
    "no DNC", "DNC: 0", "Do not call: No", "opt out: 0", "DNC removed",
    # no word of the phone, but whoever is called may not be who is meant
    "deceased", "DECEASED 2019", "† 2019", "RIP", "verstorben", "décédé", "falleció", "nie żyje",
    "умер", "померла", "moved", "moved away", "left company", "no longer works here", "old number",
    "has new number", "number changed", "alte Nummer", "ancien numéro", "уволился",
    # nobody of that name, in any language; a bare no
    "no Kim here", "No Kim", "not Kim", "there's no Brzozowski", "There is no Kim",
    "nobody called Kim", "kein Müller hier", "hier ist kein Kim", "pas de Kim ici",
    "ningún Carlos aquí", "aquí no vive Carlos", "nessun Marco qui", "nenhum João aqui",
    "nie ma tu Anny", "здесь нет Ивана", "тут немає Івана", "NIE", "nein", "нет", "ні",
    # said elsewhere
    "TPS", "Bloctel", "cease and desist", "litigator", "blacklisted", "consent withdrawn",
    "replied STOP", "opted out of texts", "calls not permitted", "OK to call: No", "do not use",
    "brak zgody", "Widerspruch", "lista Robinson", "отписался", "🚫", "📵",
]  # fmt: skip
HARMLESS = [
    "do not hesitate to call", "don't forget to call back", "Don't be afraid to call",
    "call before 9", "call stop by", "stop by anytime", "will stop by", "office (not mobile)",
    "never mind", "not Mondays", "no answer", "no email", "no fax", "no mobile", "Tel No",
    "no ext.",
    "contact no.", "Contact: John", "do not leave a message", "leave message", "Niš", "Dr Ng",
    "NIS Petrol", "No. 1 Contact Lens", "Bus Stop Cafe", "Stop & Shop", "Non-Stop Logistics",
    "Wrong Way Bar", "Dead River Co", "Bad Homburg office", "Moved Media", "Baja Fresh",
    "Totenkopf GmbH", "M. Mauvais", "kein Telefon", "sem telefone", "pas de téléphone",
    "no tiene teléfono", "нет телефона", "nie ma w piątki", "nicht da am Montag",
    "no voicemail here", "there is no voicemail", "kein Empfang hier", "pas de réseau ici", "NO",
    "no contesta, llamar al cel", "звонить после 18", "nach 17 Uhr anrufen", "solo mattina",
]  # fmt: skip


@pytest.mark.parametrize(("meaning", "words"), [(m, words) for m in SAYS for words in SAYS[m]])
def test_a_note_that_says_no_is_clear(meaning: str, words: str) -> None:
    note = read_note(words, OUTCOMES)
    assert note is not None
    assert (note.meanings, note.clear) == ((meaning,), True)


@pytest.mark.parametrize(("words", "meanings"), TWO.items())
def test_a_list_of_what_is_forbidden_says_each(words: str, meanings: tuple[str, ...]) -> None:
    note = read_note(words, OUTCOMES)
    assert note is not None
    assert (note.meanings, note.clear) == (meanings, True)


@pytest.mark.parametrize("words", A_PERSON_READS)
def test_what_may_say_no_is_read_by_a_person(words: str) -> None:
    note = read_note(words, OUTCOMES)
    assert note is not None
    assert not note.clear


@pytest.mark.parametrize("words", HARMLESS)
def test_what_only_looks_like_a_no_says_nothing(words: str) -> None:
    assert read_note(words, OUTCOMES) is None
