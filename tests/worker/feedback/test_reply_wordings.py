"""Wordings of people who never saw our rules: kinds that their replies showed to be misread.

Each kind was found in replies from other products' tests, court files and help pages, and is
written here in the nine languages with examples of our own.
"""

from __future__ import annotations

import pytest

from worker.feedback.replies import read_reply


def flags(text: str) -> set[str]:
    return {intent.kind for intent in read_reply(text).intents}


def is_seen(text: str) -> bool:
    reply = read_reply(text)
    return bool(reply.intents) or reply.needs_review


def each(kinds: dict[str, tuple[str, ...]]) -> list[str]:
    return [text for texts in kinds.values() for text in texts]


OBJECTIONS = {
    "rude": (
        "fuck you", "Go fuck yourself!", "kiss my ass", "eat shit and die", "Leck mich",
        "Fick dich!", "Váyanse a la mierda", "que te jodan", "Va te faire foutre", "Vai se foder",
        "Vão à merda", "Vaffanculo!", "andate a cagare", "Spierdalaj", "wal się", "Пошёл на хуй",
        "идите в жопу", "Пішов нахуй", "йдіть до біса",
    ),
    "be gone": (
        "Lasciami stare", "lasciateci stare", "Sai fora", "me larga", "Déjame tranquila",
        "Lárguense", "Dégagez", "foutez-moi la paix", "Zostaw mnie", "odwalcie się", "Lass mich",
        "hau ab", "Отстань", "отвалите", "Відчепись", "залиште мене",
    ),
    "too much": (
        "You keep texting me", "you guys call way too often", "I don't appreciate these messages",
        "This is too many texts", "Sie rufen ständig an", "Ihr schreibt mir dauernd",
        "Me llaman a cada rato", "no paran de llamarme", "Vous n'arrêtez pas de m'appeler",
        "Vous m'écrivez sans arrêt", "Continuate a chiamarmi", "Mi chiamate ogni giorno",
        "Vocês não param de ligar", "Vocês me ligam todo dia", "Ciągle do mnie dzwonicie",
        "Wydzwaniacie codziennie", "Вы постоянно звоните", "Сколько можно писать",
        "Ви постійно дзвоните", "Скільки можна дзвонити",
    ),
    "a fraud": (
        "This is a scam", "Das ist Betrug", "reine Abzocke", "Esto es una estafa", "Estafadores",
        "C'est une arnaque", "arnaqueurs", "Isso é golpe", "golpistas", "È una truffa",
        "Truffatori!", "To oszustwo", "oszuści", "Это развод", "Мошенники", "Це шахрайство",
        "Шахраї!",
    ),
    "a threat": (
        "I'll block you", "I will be calling the police", "Ich rufe die Polizei",
        "Ich sperre Sie jetzt", "Voy a llamar a la policía", "Los bloqueo", "J'appelle la police",
        "Je vais vous signaler", "Vou chamar a polícia", "vou denunciar", "Chiamo la polizia",
        "Vi denuncio", "Dzwonię na policję", "Zgłoszę to na policję", "Я вызову полицию",
        "Пожалуюсь на вас", "Я викличу поліцію", "Поскаржуся на вас",
    ),
    "no need": (
        "I have no interest in that", "We don't need this", "I don't need your services",
        "Wir brauchen das nicht", "Ich habe daran kein Interesse", "No necesito eso",
        "No lo necesito", "Je n'ai pas besoin de ça", "On n'en a pas besoin", "Não preciso disso",
        "Dispenso, obrigado",
        "Non mi serve", "Non ne ho bisogno", "Nie potrzebuję tego",
        "Nie jest mi to potrzebne", "Мне это не нужно", "Нам не надо", "Мені це не потрібно",
        "Нам не треба",
    ),
    "twice no": (
        "No thanks, I'm not interested", "Nein danke, ich habe kein Interesse",
        "No gracias, no me interesa", "Non merci, pas intéressé",
        "Não, obrigado, não tenho interesse", "No grazie, non mi interessa",
        "Nie dziękuję, nie jestem zainteresowany",
        "Dziękuję, ale nie potrzebuję", "Нет спасибо, не интересно", "Ні, дякую, не цікавить",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("meaning", "text"),
    [(meaning, text) for meaning, texts in OBJECTIONS.items() for text in texts],
)
def test_who_objects_without_asking_for_anything_is_seen(meaning: str, text: str) -> None:
    assert is_seen(text), meaning
    assert not flags(text) & {"opt_in", "confirmed", "wrong_number"}


@pytest.mark.parametrize("text", [*OBJECTIONS["no need"], *OBJECTIONS["twice no"]])
def test_a_decline_in_more_words_is_no_opt_out(text: str) -> None:
    assert flags(text) == set()


class TestARequest:
    @pytest.mark.parametrize(
        "text",
        ["Could I be taken off your list?", "Can we please get removed from the mailing list",
         "May I please be taken off of this list, thanks", "¿Me pueden quitar de la lista?",
         "Puis-je être retiré de votre liste ?", "Kann ich bitte von der Liste gestrichen werden?",
         "Posso essere tolto dalla lista?", "Posso ser removido da lista?",
         "Czy mogę zostać usunięty z listy?", "Можно меня убрать из списка рассылки?",
         "Можна мене прибрати зі списку?"],
    )  # fmt: skip
    def test_that_is_polite_is_one(self, text: str) -> None:
        assert flags(text) == {"opt_out"}

    @pytest.mark.parametrize(
        "text",
        ["I'm asking you not to text", "I have told you people before not to call me",
         "we asked you repeatedly not to contact us", "I am telling you to not message me",
         "Le pedí que no me llamara", "Ya les dije que no me escriban",
         "Je vous ai demandé de ne plus m'appeler",
         "Ich habe Sie gebeten, mich nicht mehr anzurufen", "Já pedi para não me ligarem",
         "Vi ho chiesto di non chiamarmi",
         "Prosiłam, żebyście nie dzwonili", "Я просил вас не звонить", "Я просив вас не дзвонити"],
    )  # fmt: skip
    def test_that_was_made_before_is_one(self, text: str) -> None:
        assert flags(text) == {"opt_out"}

    @pytest.mark.parametrize(
        "text",
        ["Don't text me again, alright?", "Stop calling this number, ok?",
         "No me escriban más, ¿vale?", "Schreiben Sie mir nicht mehr, verstanden?",
         "Ne m'appelez plus, d'accord ?",
         "Não me liguem mais, tá?", "Non chiamatemi più, va bene?", "Nie piszcie więcej, dobrze?",
         "Больше не пишите, ладно?", "Більше не дзвоніть, добре?"],
    )  # fmt: skip
    def test_is_no_question_because_it_ends_in_one_word_of_asking(self, text: str) -> None:
        assert flags(text) == {"opt_out"}

    @pytest.mark.parametrize(
        "text",
        ["Stop texting me, who are you?", "Quit calling me, how did you get this number?",
         "Wrong number, who is this?", "Dejen de escribirme, ¿quién les dio mi número?",
         "Arrêtez de m'écrire, qui êtes-vous ?", "Keine Nachrichten mehr, wer sind Sie überhaupt?",
         "Não me mandem mensagens, quem são vocês?", "Non scrivetemi più, chi siete?",
         "Nie piszcie do mnie, kim jesteście?", "Не пишите мне больше, кто вы такие?",
         "Не пишіть мені більше, хто ви?"],
    )  # fmt: skip
    def test_is_clear_before_a_question(self, text: str) -> None:
        assert flags(text) & {"opt_out", "wrong_number"}

    @pytest.mark.parametrize(
        "text",
        ["please stop the texts", "Stop the calls!", "can you all stop the marketing",
         "Remove my number asap", "I want to quit getting these texts",
         "We'd like to cease receiving your messages", "Actually, stop", "seriously stop",
         "Отказ от смс рассылки", "нет, стоп", "nein, stopp", "non, arrêtez", "ні, стоп",
         "non voglio essere richiamato", "Non vogliamo essere ricontattati",
         "Nie kontaktuj się ze mną więcej", "Cancel everything"],
    )  # fmt: skip
    def test_is_clear_in_these_words(self, text: str) -> None:
        assert flags(text) == {"opt_out"}

    @pytest.mark.parametrize(
        "text", ["Cтоп", "стoп", "SТОP", "ЅТОР", "не пишитe мне", "Вiдпишiть мене", "stор"]
    )
    def test_is_read_with_letters_of_another_alphabet_that_look_alike(self, text: str) -> None:
        assert flags(text) == {"opt_out"}


class TestAnotherHolder:
    @pytest.mark.parametrize(
        "text",
        ["We don't have anybody by that name here", "Esse não é mais o meu número",
         "Este ya no es mi número", "Ce n'est plus mon numéro", "Das ist nicht mehr meine Nummer",
         "Questo non è più il mio numero", "To już nie jest mój numer", "Это больше не мой номер",
         "Це вже не мій номер"],
    )  # fmt: skip
    def test_is_a_wrong_number(self, text: str) -> None:
        assert "wrong_number" in flags(text)


class TestANumberThatChanges:
    @pytest.mark.parametrize(
        "text",
        ["My number is changing next month", "I'll be changing my number soon",
         "can I update my phone number with you", "Mi número va a cambiar",
         "Voy a cambiar de número", "Je vais changer de numéro",
         "Meine Nummer ändert sich nächste Woche",
         "Vou trocar de número", "Cambierò numero a breve", "Zmieniam numer od poniedziałku",
         "У меня скоро сменится номер", "Я скоро змінюю номер"],
    )  # fmt: skip
    def test_is_seen(self, text: str) -> None:
        assert is_seen(text)
        assert not flags(text) & {"opt_in", "confirmed"}


class TestConsentThatIsAskedForAgain:
    @pytest.mark.parametrize(
        "text",
        ["sign me up again please", "Please opt me back in, thanks",
         "Réinscrivez-moi s'il vous plaît", "Bitte melden Sie mich wieder an"],
    )  # fmt: skip
    def test_is_clear_with_politeness(self, text: str) -> None:
        assert flags(text) == {"opt_in"}

    @pytest.mark.parametrize(
        "text",
        ["I want to resubscribe", "how can I re-subscribe to the texts",
         "Quiero volver a suscribirme", "Je veux me réabonner", "Ich möchte mich wieder anmelden",
         "Quero me inscrever de novo",
         "Vorrei iscrivermi di nuovo", "Chcę się zapisać ponownie", "Хочу подписаться снова",
         "Хочу підписатися знову"],
    )  # fmt: skip
    def test_is_seen_in_other_words(self, text: str) -> None:
        assert is_seen(text)
        assert "opt_out" not in flags(text)


class TestWhatIsNotToBeSent:
    @pytest.mark.parametrize(
        "text",
        ["stop sending me voice notes", "please stop writing in all caps",
         "smettila di mandarmi vocali", "smettetela di scrivere in stampatello",
         "deja de mandarme audios", "dejen de escribir en mayúsculas",
         "arrête de m'envoyer des vocaux", "arrêtez d'écrire en majuscules",
         "hör auf mir Sprachnachrichten zu schicken", "para de me mandar áudio",
         "parem de escrever em maiúsculas", "nie wysyłaj mi głosówek",
         "не присылайте мне голосовые", "не надсилайте мені голосові"],
    )  # fmt: skip
    def test_is_no_opt_out_where_it_is_a_form_of_message(self, text: str) -> None:
        assert "opt_out" not in flags(text)

    @pytest.mark.parametrize(
        "text",
        [
            "I want to opt out of the dental plan",
            "we'd like to opt out of the parking space",
            "I need to opt out of the meal service",
            "I'd like to opt out of the gym contract",
        ],
    )
    def test_is_no_opt_out_where_it_is_a_service(self, text: str) -> None:
        assert "opt_out" not in flags(text)

    @pytest.mark.parametrize(
        "text",
        [
            "I want to opt out of the texts",
            "I would like to opt out of this list",
            "we wish to opt out of all messages",
            "I want to opt out",
        ],
    )
    def test_is_an_opt_out_where_it_is_the_messages(self, text: str) -> None:
        assert flags(text) == {"opt_out"}

    @pytest.mark.parametrize(
        "text",
        ["No need to write, I'll call you myself", "Don't call, I'll call you",
         "No hace falta que llamen, yo los llamo", "Pas besoin d'appeler, je vous rappelle",
         "Nicht nötig anzurufen, ich melde mich", "Não precisa ligar, eu ligo",
         "Non serve chiamare, vi chiamo io", "Proszę nie dzwonić, sam zadzwonię",
         "Не надо звонить, я сам перезвоню", "Не пишите, позвоню сама",
         "Не треба дзвонити, я сам зателефоную"],
    )  # fmt: skip
    def test_is_no_opt_out_where_they_will_be_in_touch(self, text: str) -> None:
        assert "opt_out" not in flags(text)

    @pytest.mark.parametrize(
        "text",
        ["Don't write now, later is fine", "Non chiamatemi adesso, dopo sì",
         "No me llamen ahora, más tarde sí", "Ne m'appelez pas maintenant, plus tard oui",
         "Jetzt bitte nicht anrufen, später gern", "Não me liguem agora, mais tarde sim",
         "Proszę teraz nie dzwonić, później tak", "Сейчас не звоните, позже можно",
         "Зараз не дзвоніть, пізніше можна"],
    )  # fmt: skip
    def test_is_no_opt_out_where_it_is_for_later(self, text: str) -> None:
        assert "opt_out" not in flags(text)

    @pytest.mark.parametrize(
        "text",
        ["Proszę nie dzwonić dzwonkiem", "Bitte nicht klingeln, Baby schläft",
         "Не звоните в дверь", "Не дзвоніть у двері", "Non suonate il campanello",
         "No toquen el timbre", "Ne sonnez pas", "Não toquem a campainha", "Don't ring the bell"],
    )  # fmt: skip
    def test_is_no_opt_out_where_it_is_the_bell(self, text: str) -> None:
        assert "opt_out" not in flags(text)


class TestALegalThreat:
    @pytest.mark.parametrize(
        "text",
        [
            "Sonst schicke ich Ihnen eine Abmahnung",
            "Mein Anwalt wird Sie abmahnen",
            "Ich verlange eine Unterlassungserklärung",
        ],
    )
    def test_is_a_complaint(self, text: str) -> None:
        assert {"complaint", "opt_out"} <= flags(text)


@pytest.mark.parametrize(
    "text",
    ["I'll call you", "I will contact you tomorrow", "I told you not to text him",
     "I was told not to call",
     "Ti segnalo un errore", "Je vous signale une erreur", "Ich melde mich", "You always call back",
     "Not Karen but her assistant, how can I help?", "I don't know, who is coming?"],
)  # fmt: skip
def test_what_only_sounds_like_it_is_left_alone(text: str) -> None:
    assert "opt_out" not in flags(text)
    assert "wrong_number" not in flags(text)


@pytest.mark.parametrize("text", ["I'll call you", "We will contact you tomorrow"])
def test_who_will_be_in_touch_is_no_matter_for_a_person(text: str) -> None:
    assert not is_seen(text)


class TestARelativeWhoAnswers:
    @pytest.mark.parametrize(
        "text",
        ["No, I'm her sister", "this is his wife, you can talk to me", "Soy su esposa",
         "Je suis son mari", "Ich bin seine Frau", "Sono suo figlio", "Sou a mãe dele",
         "Jestem jego żoną", "Я его брат", "Я її донька"],
    )  # fmt: skip
    def test_is_seen(self, text: str) -> None:
        assert is_seen(text)


class TestADeathInShortWords:
    @pytest.mark.parametrize("text", ["she passed recently", "my husband passed last month"])
    def test_is_seen(self, text: str) -> None:
        assert is_seen(text)

    @pytest.mark.parametrize("text", ["she passed the exam", "we just passed your street"])
    def test_is_not_what_somebody_else_passes(self, text: str) -> None:
        assert not is_seen(text)


@pytest.mark.parametrize(
    "text",
    ["We want our number removed", "I'd like this number deleted", "Stop following up with us",
     "I would like to be put on your do not call list", "Non vi vogliamo più sentire",
     "basta ya de llamadas", "не надо смс", "не треба розсилок", "yep, unsubscribe"],
)  # fmt: skip
def test_further_words_of_an_opt_out(text: str) -> None:
    assert flags(text) == {"opt_out"}


@pytest.mark.parametrize(
    "text",
    ["No thanks, goodbye", "No gracias, adiós", "Nein danke, tschüss", "Non merci, au revoir",
     "Não obrigado, tchau", "No grazie, arrivederci", "Nie dziękuję, do widzenia",
     "Нет, спасибо, до свидания", "Ні, дякую, до побачення"],
)  # fmt: skip
def test_who_declines_and_takes_leave_is_seen(text: str) -> None:
    assert is_seen(text)
    assert flags(text) == set()


@pytest.mark.parametrize(
    "text",
    ["I don't want you to stop messaging me", "Je ne veux pas que vous arrêtiez de m'écrire",
     "Ich will nicht, dass Sie aufhören mir zu schreiben", "No quiero que dejen de escribirme",
     "Não quero que parem de me mandar mensagens", "Non voglio che smettiate di scrivermi",
     "Nie chcę, żebyście przestali pisać", "Не хочу, чтобы вы переставали писать",
     "Не хочу, щоб ви переставали писати", "I would never text this number otherwise",
     "can you stop sending people round to my house", "Basta inviarmi la foto e rispondo"],
)  # fmt: skip
def test_who_wants_no_end_of_it_does_not_leave(text: str) -> None:
    assert "opt_out" not in flags(text)


@pytest.mark.parametrize(
    "text",
    ["no llames", "no llames, yo te llamo", "por favor no escriban", "n'appelez pas",
     "N'appelez pas, je vous rappelle", "ruf nicht an, ich melde mich",
     "Rufen Sie bitte nicht an", "nie dzwoń, oddzwonię", "не звоните, я сам позвоню"],
)  # fmt: skip
def test_a_request_not_to_call_that_names_nobody_is_seen(text: str) -> None:
    assert is_seen(text), text
