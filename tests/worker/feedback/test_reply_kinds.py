"""Kinds of replies that were once misread: what must be clear, and what must never be."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from worker.feedback.replies import read_reply


def kinds(text: str) -> set[str]:
    return {intent.kind for intent in read_reply(text).intents}


def is_caught(text: str) -> bool:
    reply = read_reply(text)
    return bool(reply.intents) or reply.needs_review


class TestAFace:
    @pytest.mark.parametrize(
        "text",
        ["See you at 5! :P", "Well done =P", ":-p", "P", "P.S. bring the keys", "ok :P.",
         "Good morning!!! ;P", "Nice! Ready at six? =P"],
    )  # fmt: skip
    def test_is_no_word(self, text: str) -> None:
        assert kinds(text) == set()
        assert not is_caught(text)


class TestAKeywordAmongSentences:
    @pytest.mark.parametrize(
        "text",
        ["Boooo you always work. Just quit.", "It rained all night. End", "Fin. Nos vemos luego",
         "Stop. You are making me blush", "Basta. Andiamo al mare domani", "Genug. Wir sehen uns"],
    )  # fmt: skip
    def test_is_not_clear(self, text: str) -> None:
        assert kinds(text) == set()
        assert is_caught(text)

    @pytest.mark.parametrize(
        "text",
        ["STOP. I never signed up for your list", "Unsubscribe. Thanks", "Stop. Thank you",
         "Why do you keep texting me? Stop"],
    )  # fmt: skip
    def test_is_clear_where_the_rest_is_about_contact(self, text: str) -> None:
        assert kinds(text) == {"opt_out"}


class TestConsent:
    @pytest.mark.parametrize(
        "text",
        ["Please start. I'll be back at noon", "We can start. Bring the papers", "Yes. Start",
         "do not opt me in", "I never asked you to sign me up", "Inizia. Arrivo tra poco",
         "Alta. Mañana te cuento", "why did you opt me in", "on subscribe me",
         "can you un subscribe me", "please and subscribe me from your list"],
    )  # fmt: skip
    def test_is_not_revived_by_a_sentence_of_several(self, text: str) -> None:
        assert "opt_in" not in kinds(text)

    @pytest.mark.parametrize(
        "text",
        ["START", "please opt me back in", "Opt me back in please", "sign me up again", "UNSTOP",
         "denme de alta", "réinscrivez-moi", "melden Sie mich wieder an", "me inscreva de novo",
         "iscrivetemi di nuovo", "zapiszcie mnie ponownie", "подпишите меня снова",
         "підпишіть мене знову"],
    )  # fmt: skip
    def test_is_revived_by_what_can_mean_nothing_else(self, text: str) -> None:
        assert kinds(text) == {"opt_in"}


class TestWhatFriendsSay:
    @pytest.mark.parametrize(
        "text",
        ["I don't want to get stuck in traffic", "come get me from the station",
         "You never call me back!", "can you make the stain go away",
         "come here, text me when you arrive", "call me, don't text, I'm driving",
         "I already unsubscribed from your emails but texts are fine",
         "We moved out of the old house, new address is 5 Elm St",
         "Oh wrong one, I meant the 5th", "my number is wrong on your form",
         "она ошиблась размером", "я ошиблась датой", "помилилась розміром",
         "mi número está mal en el formulario", "mon numéro est faux sur votre formulaire",
         "meine Nummer steht falsch im Formular", "meu número está errado no cadastro",
         "il mio numero è sbagliato sul modulo", "mój numer jest błędny w formularzu",
         "мой номер указан неверно в анкете", "мій номер вказаний неправильно",
         "me equivoqué de talla", "taille trompée, je voulais du M", "falsche Größe bestellt",
         "nunca me llamas", "tu ne m'appelles jamais", "du rufst mich nie an",
         "non mi chiami mai", "nigdy do mnie nie dzwonisz", "ты никогда мне не звонишь",
         "Mum is sleeping, don't call her", "low battery so don't call me now",
         "esta mesa es para cuatro personas", "o pedido é para amanhã", "no hay pan para hoy"],
    )  # fmt: skip
    def test_is_no_flag(self, text: str) -> None:
        assert kinds(text) == set()

    @pytest.mark.parametrize(
        "text", ["esta mesa es para cuatro", "o pedido é para amanhã", "es para mi madre",
                 "vou para casa agora", "para ti lo que quieras"],
    )  # fmt: skip
    def test_has_para_in_it_without_a_review(self, text: str) -> None:
        assert not is_caught(text)


class TestTypingErrors:
    @pytest.mark.parametrize(
        "text",
        ["un subscribe", "unscubscribe", "STOOP", "ST0P", "opt put", "remve me form your lsit",
         "непишите мне", "stpo", "S TOP", "unsubcsribe", "unsubscrbe me", "plz remoev me from list",
         "stop textign me", "dontcall me again", "no me mandne mensajes", "darmede baja",
         "abmeldne", "keine nachrichetn mehr", "ne menvoyez plus de mesages", "descadastarr",
         "nao mandem mensagesn", "cancellatmi", "wypsz mnie", "перестантье мне писать",
         "відпшіть мене"],
    )  # fmt: skip
    def test_do_not_hide_an_opt_out(self, text: str) -> None:
        assert kinds(text) == {"opt_out"}

    @pytest.mark.parametrize(
        "text", ["wrnog number", "wrong numbre", "nunero errado", "numero equivocdao",
                 "falsche numemr", "mauvais numreo", "numero sbaglaito", "zly numre",
                 "вы ошблись номером"],
    )  # fmt: skip
    def test_do_not_hide_a_wrong_number(self, text: str) -> None:
        assert kinds(text) == {"wrong_number"}

    @pytest.mark.parametrize(
        "text",
        ["shop", "Step", "atop", "I'll be at the shop", "a strong member", "the contract is signed",
         "testing", "list", "We lost it", "cancer screening", "the next store", "massage at 5",
         "immer im Sommer", "una persona", "la flasche", "numeros", "envie"],
    )  # fmt: skip
    def test_are_not_found_in_real_words(self, text: str) -> None:
        assert kinds(text) == set()


class TestRequestsInOtherWords:
    @pytest.mark.parametrize(
        "text",
        ["take me of your list", "DNC list", "consent revoked", "lose my number", "Delete",
         "put me on your do not call list", "My consent is withdrawn", "fuck off",
         "stop fucking texting me", "take my number out of your system", "borren mi número",
         "vergiss meine Nummer", "oubliez mon numéro", "esqueçam meu número",
         "dimenticate il mio numero", "zapomnij mój numer", "забудьте мой номер",
         "забудьте мій номер", "sáquenme de su lista", "retirez-moi de votre liste",
         "toglietemi dalla vostra lista", "me tirem da sua lista", "usuńcie mnie z bazy",
         "уберите меня из вашей базы", "приберіть мене зі списку"],
    )  # fmt: skip
    def test_are_opt_outs(self, text: str) -> None:
        assert kinds(text) == {"opt_out"}


class TestOtherSpellings:
    @pytest.mark.parametrize(
        "text",
        ["ne pishite mne bolshe", "otpishite menya", "hvatit mne zvonit", "ne zvonite syuda",
         "ne pyshit meni bilshe", "vidpyshit mene", "не пишите мені більше",
         "хватить мені дзвонити",
         "hör uf schriibe", "kei sms meh bitte", "lönd mi in Rueh", "no me manden mas mensajes",
         "please dejen de mandarme mensajes", "nao me mande mais mensagens",
         "n'envoyez plus de sms svp", "przestancie do mnie pisac"],
    )  # fmt: skip
    def test_of_an_opt_out_are_read(self, text: str) -> None:
        assert kinds(text) == {"opt_out"}

    @pytest.mark.parametrize(
        "text", ["vy oshiblis nomerom", "ne tot nomer", "falschi Nummere", "numero equivocado bro"]
    )
    def test_of_a_wrong_number_are_read(self, text: str) -> None:
        assert "wrong_number" in kinds(text)


CIRCUMSTANCES = [
    "my husband passed away", "Mi esposo falleció", "mon mari est décédé",
    "mein Mann ist verstorben", "meu marido faleceu", "mio marito è deceduto", "mój mąż zmarł",
    "мой муж умер", "мій чоловік помер",
    "this is a business", "esto es una empresa", "c'est une entreprise", "das ist eine Firma",
    "aqui é uma empresa", "questa è un'azienda", "to jest firma", "это организация",
    "це організація",
    "who is this?", "¿quién es?", "qui est-ce ?", "wer ist da?", "quem é?", "chi è?", "kto to?",
    "кто это?", "хто це?",
]  # fmt: skip
NEW_OWNERS = [
    "I'm the new owner of this number", "soy el nuevo dueño de este número",
    "je suis le nouveau propriétaire de ce numéro", "ich bin der neue Besitzer dieser Nummer",
    "sou o novo dono deste número", "sono il nuovo proprietario di questo numero",
    "jestem nowym właścicielem tego numeru", "я новый владелец этого номера",
    "я новий власник цього номера",
]  # fmt: skip


class TestTheSameInAllLanguages:
    @pytest.mark.parametrize("text", CIRCUMSTANCES)
    def test_a_death_a_business_and_who_is_this_go_to_a_person(self, text: str) -> None:
        reply = read_reply(text)
        assert reply.intents == ()
        assert reply.needs_review
        assert reply.suggestion is not None
        assert reply.suggestion.kind == "wrong_number"

    @pytest.mark.parametrize("text", NEW_OWNERS)
    def test_a_new_owner_is_a_wrong_number(self, text: str) -> None:
        assert kinds(text) == {"wrong_number"}


class TestBothAtOnce:
    @pytest.mark.parametrize(
        "text",
        ["he died. please don't contact this number again", "Falleció. No manden más mensajes",
         "Il est décédé. N'envoyez plus de messages", "Er ist verstorben. Keine Nachrichten mehr",
         "Ele faleceu. Parem de mandar mensagens", "È deceduto. Non mandate più messaggi",
         "On zmarł. Proszę nie dzwonić więcej", "Он умер. Больше не пишите",
         "Він помер. Більше не пишіть"],
    )  # fmt: skip
    def test_are_both_kept(self, text: str) -> None:
        reply = read_reply(text)
        assert kinds(text) == {"opt_out"}
        assert reply.needs_review
        assert reply.suggestion is not None
        assert reply.suggestion.kind == "wrong_number"

    def test_are_both_flagged_where_both_are_clear(self) -> None:
        assert kinds("Wrong number, stop texting me") == {"opt_out", "wrong_number"}


class TestPersonalMessages:
    @pytest.mark.timeout(900)
    def test_are_hardly_ever_flagged_and_seldom_reviewed(
        self, shared: Callable[[str], Path]
    ) -> None:
        path = shared("data/replies/personal_sms.csv")
        with path.open(encoding="utf-8", newline="") as file:
            texts = [row["text"] for row in csv.DictReader(file)]
        replies = [read_reply(text) for text in texts]
        flagged = [text for text, reply in zip(texts, replies, strict=True) if reply.intents]
        assert len(flagged) <= 2, flagged
        assert sum(reply.needs_review for reply in replies) <= 0.05 * len(texts)


class TestAKeywordAboveAName:
    """A reply that is signed says no less than one that is not (47 CFR 64.1200(a)(10))."""

    @pytest.mark.parametrize(
        "text",
        ["STOP\nKim", "Stop\nThanks\nKim Lee", "stop -Kim", "Unsubscribe - Kim Lee", "СТОП\nИван"],
    )  # fmt: skip
    def test_is_clear(self, text: str) -> None:
        assert kinds(text) == {"opt_out"}

    @pytest.mark.parametrize("text", ["end\nKim", "Start\nKim", "Basta\nMaria"])
    def test_is_not_where_friends_say_it_or_consent_would_follow(self, text: str) -> None:
        assert kinds(text) == set()


class TestConsentThatIsWithdrawnInAFewWords:
    @pytest.mark.parametrize(
        "text",
        ["Consent withdrawn", "Einwilligung widerrufen", "consentement retiré",
         "consentimiento revocado", "consenso revocato", "consentimento retirado", "zgoda cofnięta",
         "согласие отозвано", "згода відкликана", "I don't want to receive these anymore",
         "add me to dnc", "wrong number stop"],
    )  # fmt: skip
    def test_is_clear(self, text: str) -> None:
        assert "opt_out" in kinds(text)


class TestAnAuthorityThatIsNamedAlone:
    @pytest.mark.parametrize(
        "text",
        ["Reported to FCC", "TCPA violation", "You are violating the TCPA",
         "Bundesnetzagentur ist informiert"],
    )  # fmt: skip
    def test_is_a_complaint(self, text: str) -> None:
        assert kinds(text) == {"complaint", "opt_out"}

    @pytest.mark.parametrize("text", ["буду скаржитися", "I'm blocking you", "dont want these"])
    def test_what_is_less_is_read_by_a_person(self, text: str) -> None:
        assert is_caught(text)


class TestWhoCannotBeMeant:
    @pytest.mark.parametrize(
        "text",
        ["not me", "I'm a minor", "my kid has this phone", "You've reached a fax line",
         "she has retired"],
    )  # fmt: skip
    def test_is_read_by_a_person(self, text: str) -> None:
        assert kinds(text) == set()
        assert is_caught(text)


class TestWordsOfAnOptOutAboutThings:
    @pytest.mark.parametrize(
        "text", ["take me off mute", "take me off hold", "the opt out form is attached"]
    )
    def test_are_not_clear(self, text: str) -> None:
        assert kinds(text) == set()
