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
