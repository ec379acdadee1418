"""Complaints, other numbers and confirmations: what is flagged, and what is only proposed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from vendor_webhooks import receive_twilio_sms

from worker.context import Context
from worker.feedback import intake, review_queue
from worker.feedback.models import Feedback, FeedbackKind, ReviewDecision
from worker.feedback.replies.explanation import explain_reply
from worker.store.tables import feedback, reviews

NUMBER = "+14155550123"

COMPLAINTS = (
    "I'm reporting you to the FCC", "I will report this number to the ICO", "This is harassment",
    "my lawyer will be in touch with you", "I am filing a complaint with the FTC",
    "we are going to sue you", "keep it up and you'll hear from my attorney",
    "los voy a denunciar", "voy a denunciarlos ante la AEPD", "esto es acoso",
    "mi abogado se va a comunicar con ustedes", "voy a poner una denuncia",
    "je vais porter plainte", "je vous signale à la CNIL", "c'est du harcèlement",
    "mon avocat va vous contacter", "je porte plainte",
    "ich melde Sie bei der Bundesnetzagentur", "das ist Belästigung", "ich erstatte Anzeige",
    "mein Anwalt wird sich bei Ihnen melden", "ich zeige Sie an",
    "vou denunciar vocês ao Procon", "isso é assédio", "vou registrar uma queixa",
    "meu advogado vai entrar em contato com vocês", "denunciarei à Anatel, vou denunciar na Anatel",
    "vi denuncio al Garante", "questa è una molestia", "il mio avvocato vi contatterà",
    "vi denuncio", "sporgerò denuncia",
    "zgłoszę to do UODO", "to jest nękanie", "mój prawnik się z wami skontaktuje",
    "pozwę was za to, nie żartuję",
    "я подам на вас в суд", "напишу жалобу в ФАС", "это уже домогательство",
    "мой адвокат с вами свяжется",
    "я подам на вас до суду", "напишу скаргу до поліції", "це вже переслідування",
    "мій адвокат з вами зв'яжеться",
)  # fmt: skip
NO_COMPLAINTS = (
    "my lawyer is a nice man", "I reported the broken lamp to the landlord", "see you in court 5",
    "mi abogado vive aquí", "mon avocat est en vacances", "mein Anwalt wohnt in Bonn",
    "meu advogado mora aqui", "il mio avvocato abita qui", "mój prawnik mieszka tutaj",
    "мой адвокат живёт здесь", "мій адвокат живе тут", "the police came to school today",
    "she is filing her taxes", "my attorney will call you to set the closing date",
    "mi abogada le llamará para la escritura", "j'ai porté plainte contre le voisin",
    "my lawyer will contact you about the house", "the report is due on Monday",
)  # fmt: skip
CORRECTIONS = (
    "my new number is 415 555 0199", "please use 415 555 0199 instead",
    "mi nuevo número es 415 555 0199", "escríbame al 415 555 0199",
    "mon nouveau numéro est le 01 99 00 12 34", "appelez-moi au 01 99 00 12 34",
    "meine neue Nummer ist 030 23125 123", "schreiben Sie mir auf die 030 23125 123",
    "meu novo número é 11 5550 0199", "o número certo é 11 5550 0199",
    "il mio nuovo numero è 06 5550 0199", "mój nowy numer to 22 555 01 99",
    "мой новый номер 495 555 01 99", "мій новий номер 44 555 01 99",
)  # fmt: skip
CONFIRMATIONS = (
    "Yes, this is still my number", "this is the right number", "correct number",
    "sí, este sigue siendo mi número", "número correcto", "oui c'est toujours mon numéro",
    "ja, das ist noch meine Nummer", "Nummer stimmt noch", "sim, este ainda é meu número",
    "sì, questo è ancora il mio numero", "tak, to nadal mój numer",
    "да, это всё ещё мой номер", "так, це досі мій номер",
)  # fmt: skip


class TestAComplaint:
    @pytest.mark.parametrize("text", COMPLAINTS)
    def test_is_flagged_with_an_opt_out(self, text: str) -> None:
        explanation = explain_reply(text)
        assert {*explanation["flags"]} == {"complaint", "opt_out"}

    @pytest.mark.parametrize("text", NO_COMPLAINTS)
    def test_is_not_read_where_nobody_complains(self, text: str) -> None:
        assert explain_reply(text)["flags"] == []

    @pytest.mark.parametrize("text", ["Is this harassment?", "This is harassment lol"])
    def test_that_is_asked_or_a_joke_is_for_a_person(self, text: str) -> None:
        explanation = explain_reply(text)
        assert explanation["flags"] == []
        assert explanation["review"]

    def test_that_depends_on_what_we_do_is_clear(self) -> None:
        flags = explain_reply("If you text me again I will report you to the FCC")["flags"]
        assert {*flags} == {"complaint", "opt_out"}

    def test_becomes_a_report_of_all_channels(self, ctx: Context) -> None:
        receive(ctx, COMPLAINTS[0])
        assert reported(ctx) == [("complaint", ""), ("opt_out", "call text")]


class TestAnotherNumber:
    @pytest.mark.parametrize("text", CORRECTIONS)
    def test_is_only_proposed(self, text: str) -> None:
        explanation = explain_reply(text)
        assert explanation["review"]
        assert explanation["proposed"] == ["corrected"]
        assert {*explanation["flags"]} <= {"opt_out", "wrong_number"}

    def test_is_proposed_beside_a_clear_request(self) -> None:
        explanation = explain_reply("You have the wrong number. The right number is 415 555 0199")
        assert explanation["flags"] == ["wrong_number"]
        assert explanation["proposed"] == ["corrected"]

    def test_is_never_proposed_before_a_request_to_stop(self) -> None:
        text = "Please stop texting this phone before nine. My new number is 415 555 0199"
        explanation = explain_reply(text)
        assert "opt_out" in explanation["flags"] + explanation["proposed"]

    def test_that_a_person_decides_is_not_taken_from_the_text(self, ctx: Context) -> None:
        (review_id,) = receive(ctx, CORRECTIONS[0])
        assert review_queue.resolve_review(ctx, review_id, ReviewDecision.CORRECTED, "ada")
        with ctx.store.read() as connection:
            (row,) = connection.execute(sa.select(feedback)).all()
        assert (row.kind, row.number, row.new_number) == ("corrected", NUMBER, "")


class TestAConfirmation:
    @pytest.mark.parametrize("text", CONFIRMATIONS)
    def test_is_only_proposed(self, text: str) -> None:
        explanation = explain_reply(text)
        assert explanation["flags"] == []
        assert explanation["proposed"] == ["confirmed"]

    @pytest.mark.parametrize(
        "text",
        ["this is not the right number", "is this the right number?", "no es el número correcto",
         "ce n'est pas le bon numéro", "das ist nicht die richtige Nummer", "não é o meu número",
         "questo non è il mio numero", "to nie jest mój numer", "это не мой номер",
         "це не мій номер", "this is my number, stop texting me"],
    )  # fmt: skip
    def test_is_not_proposed_where_it_is_denied_or_asked(self, text: str) -> None:
        assert "confirmed" not in explain_reply(text)["proposed"]

    def test_that_is_taken_back_makes_a_wrong_number_wrong_again(self, ctx: Context) -> None:
        (review_id,) = receive(ctx, CONFIRMATIONS[0])
        key, at = "agent:1", ctx.now()
        wrong = Feedback(key, FeedbackKind.WRONG_NUMBER, NUMBER, "agent", at, received_at=at)
        intake.store_reports(ctx, [wrong])
        review_queue.resolve_review(ctx, review_id, ReviewDecision.CONFIRMED, "ada")
        review_queue.undo_reviews(ctx, [review_id], "ada")
        kinds = [kind for kind, _ in reported(ctx)]
        assert kinds == ["wrong_number", "confirmed", "wrong_number"]


def receive(ctx: Context, text: str) -> list[int]:
    form = {"From": NUMBER, "MessageSid": f"SM{1:032d}", "Body": text}
    receive_twilio_sms(ctx, form)
    with ctx.store.read() as connection:
        return list(connection.scalars(sa.select(reviews.c.id)))


def reported(ctx: Context) -> list[tuple[str, str]]:
    with ctx.store.read() as connection:
        rows = connection.execute(sa.select(feedback).order_by(feedback.c.id)).all()
    return [(row.kind, row.channels) for row in rows]
