"""Phrases that are clear by themselves, in a sentence that means something else."""

from __future__ import annotations

import pytest

from worker.feedback.replies.reader import read_reply


class TestADemandThatSpeaksOfMail:
    @pytest.mark.parametrize(
        "text",
        [
            "Please call me, don't send me emails",
            "Llámenme, no me escriban correos",
            "Bitte anrufen, keine Mails",
            "Mi chiami, niente mail",
            "appelez-moi, plus de mails s'il vous plaît",
        ],
    )
    def test_is_for_a_person(self, text: str) -> None:
        assert not read_reply(text).intents

    @pytest.mark.parametrize(
        "text",
        ["Take me off your mailing list", "no more emails or texts", "don't call or email me again",
         "keine Mails und keine Anrufe mehr, löschen Sie meine Nummer"],
    )  # fmt: skip
    def test_of_other_channels_too_is_clear(self, text: str) -> None:
        assert [intent.kind for intent in read_reply(text).intents] == ["opt_out"]


class TestLeavingByASlip:
    @pytest.mark.parametrize(
        "text",
        [
            "I unsubscribed by mistake, please put me back on",
            "Mi ero cancellato per sbaglio, vorrei ricevere ancora i vostri sms",
            "Me di de baja por error, quiero recibirlos otra vez",
            "Ich habe mich aus Versehen abgemeldet, bitte wieder aufnehmen",
            "Я отписался случайно, подпишите снова",
            "wypisałem się przez pomyłkę",
        ],
    )
    def test_is_no_opt_out(self, text: str) -> None:
        assert "opt_out" not in {intent.kind for intent in read_reply(text).intents}


class TestComingBack:
    @pytest.mark.parametrize(
        "text",
        [
            "please resubscribe me to the list",
            "can you put me back on your list",
            "Tragen Sie mich bitte wieder in die Liste ein",
            "ich möchte wieder SMS erhalten",
            "je souhaite me réabonner",
            "remettez-moi sur la liste s'il vous plaît",
            "quiero volver a suscribirme",
            "por favor me inclua na lista de novo",
            "vorrei iscrivermi di nuovo alla lista",
            "proszę zapisać mnie ponownie na listę",
            "подпишите меня снова на рассылку",
            "підпишіть мене знову на розсилку",
        ],
    )
    def test_is_no_opt_out(self, text: str) -> None:
        assert "opt_out" not in {intent.kind for intent in read_reply(text).intents}

    @pytest.mark.parametrize(
        "text",
        ["remove me from your list, I am back in school",
         "never put me back on your list, unsubscribe me", "ich will nie wieder SMS erhalten",
         "rufen Sie mich nie wieder an", "no quiero volver a recibir mensajes suyos",
         "больше никогда не звоните мне снова"],
    )  # fmt: skip
    def test_that_is_denied_is_an_opt_out(self, text: str) -> None:
        assert [intent.kind for intent in read_reply(text).intents] == ["opt_out"]


class TestAnErrorThatIsNoWrongNumber:
    @pytest.mark.parametrize(
        "text",
        [
            "Se equivocaron en la factura, eran 40 euros",
            "Vous vous êtes trompés dans l'adresse, c'est le 14 et non le 41",
            "Vi siete sbagliati nel conto",
            "Вы ошиблись в адресе",
        ],
    )
    def test_is_for_a_person_at_most(self, text: str) -> None:
        assert not read_reply(text).intents

    @pytest.mark.parametrize(
        "text", ["se equivocó de número", "vous vous êtes trompé de numéro", "вы ошиблись номером"]
    )
    def test_is_clear_where_it_speaks_of_the_number(self, text: str) -> None:
        assert [intent.kind for intent in read_reply(text).intents] == ["wrong_number"]
