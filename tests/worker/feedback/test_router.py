"""The router: what no rule knows goes to a person where it may be a request."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from time import process_time

import pytest

from worker.feedback.replies import read_reply, router
from worker.feedback.replies.router import BUCKETS, KINDS, Model, features, read_model, score
from worker.feedback.replies.text import normalize
from worker.feedback.replies.train import train
from worker.feedback.replies.training_data import FOLDER, examples, spelled_out, with_errors

SHIPPED = Path(router.__file__).parent


def model_of(weights: dict[str, int], **thresholds: int) -> Model:
    """A model in which these words speak for an opt-out."""
    data = bytearray(BUCKETS * len(KINDS))
    for word, weight in weights.items():
        for place in features(normalize(word)):
            data[place] = weight % 256
    limits = {"review": 2000, "review_elsewhere": 1000, "weak": -500, "harmless": -2000}
    limits |= thresholds
    return Model(memoryview(bytes(data)).cast("b"), (-1000, -1000), 100, **limits)


class TestAReplyThatNoRuleKnows:
    MODEL = model_of({"begone": 100})

    def test_goes_to_a_person_with_a_proposal_and_its_words(self) -> None:
        reply = read_reply("We had fun. Begone from here", self.MODEL)
        assert reply.needs_review
        assert reply.suggestion is not None
        assert reply.suggestion.kind == "opt_out"
        assert reply.suggestion.evidence == "begone from here"
        assert reply.likelihood > 50

    def test_is_never_flagged(self) -> None:
        for text in ("begone " * 50, "Begone! Begone!", "you begone"):
            assert read_reply(text, self.MODEL).intents == ()

    def test_is_left_alone_where_the_router_sees_nothing(self) -> None:
        assert read_reply("We had fun at the beach", self.MODEL) == read_reply("ok", self.MODEL)

    def test_does_not_matter_to_what_a_rule_knows(self) -> None:
        sees_nothing = replace(self.MODEL, review=10**9, weak=10**9, harmless=10**9)
        assert [i.kind for i in read_reply("STOP", sees_nothing).intents] == ["opt_out"]
        assert not read_reply("what a scam", sees_nothing).needs_review
        assert read_reply("How do I unsubscribe?", sees_nothing).needs_review

    def test_goes_to_a_person_where_a_rule_doubts_unless_it_is_surely_harmless(self) -> None:
        """Each doubt of a rule has its own threshold."""
        for text, threshold in (("what a scam", "weak"), ("Who is this?", "harmless")):
            assert read_reply(text, replace(self.MODEL, **{threshold: -1001})).needs_review, text
            assert not read_reply(text, replace(self.MODEL, **{threshold: -999})).needs_review, text

    @pytest.mark.parametrize("text", ["what a scam", "Who is this?", "is this a wrong number?"])
    def test_has_no_say_where_a_part_was_not_read(self, text: str) -> None:
        sees_nothing = replace(self.MODEL, review=10**9, weak=10**9, harmless=10**9)
        assert not read_reply(text, sees_nothing).needs_review
        assert read_reply(f"{text} {'We had fun at the beach. ' * 200}", sees_nothing).needs_review

    @pytest.mark.parametrize(
        "text",
        [
            "go find somebody else to bother", "whatever you are selling I don't want any of it",
            "take the hint, I am never buying anything from you people",
            "busquen a otro para fastidiar", "trouvez un autre pigeon à embêter",
            "sucht euch jemand anderen zum nerven", "procurem outra pessoa para chatear",
            "cercate qualcun altro da disturbare, non me",
            "znajdźcie sobie kogoś innego do męczenia",
            "найдите кого-нибудь другого и доставайте его", "знайдіть когось іншого і діставайте",
        ],
    )  # fmt: skip
    def test_is_sent_to_a_person_where_it_is_a_roundabout_request(self, text: str) -> None:
        reply = read_reply(text)
        assert reply.needs_review or reply.intents

    @pytest.mark.parametrize(
        "text",
        ["Yes, Tuesday at 3 works for me", "Sí, nos vemos mañana", "Oui, à demain, merci",
         "Ja, bis morgen", "Sim, até amanhã", "Sì, a domani, grazie", "Tak, do zobaczenia jutro",
         "Да, до завтра, спасибо", "Так, до завтра, дякую", "Thanks for the reminder!",
         "I'm on my way, 5 minutes"],
    )  # fmt: skip
    def test_is_ignored_where_it_is_harmless(self, text: str) -> None:
        reply = read_reply(text)
        assert not reply.needs_review
        assert not reply.intents


class TestTheScore:
    def test_is_a_whole_number_of_the_text_alone(self) -> None:
        model = model_of({"begone": 100})
        first = score("Begone from here", model)
        assert first == score("Begone from here", model)
        assert all(isinstance(value, int) for value in first.values)
        assert first.values == (19_000, -1000)

    def test_takes_less_than_five_milliseconds_a_reply(self) -> None:
        texts = [example.text for example, _ in zip(examples(), range(200), strict=False)]
        router.load()
        start = process_time()
        for text in texts:
            score(text)
        assert (process_time() - start) / len(texts) < 0.005


class TestTheShippedModel:
    def test_is_small_and_says_how_its_thresholds_were_chosen(self) -> None:
        assert (SHIPPED / router.WEIGHTS).stat().st_size <= 2_000_000
        settings = json.loads((SHIPPED / router.SETTINGS).read_text("utf-8"))
        assert "personal messages" in settings["chosen"]
        assert settings["harmless"] < settings["review"]
        assert read_model(SHIPPED).review == settings["review"]

    def test_is_replaced_by_what_an_installation_learned(self, tmp_path: Path) -> None:
        assert router.current(tmp_path) == router.load()
        folder = router.local_folder(tmp_path)
        folder.mkdir()
        (folder / router.WEIGHTS).write_bytes(bytes(BUCKETS * len(KINDS)))
        settings = json.loads((SHIPPED / router.SETTINGS).read_text("utf-8"))
        learned = settings | {"learned_at": "2026-11-28T03:00:00+00:00"}
        (folder / router.SETTINGS).write_text(json.dumps(learned))
        assert router.current(tmp_path).weights != router.load().weights

    def test_counts_where_what_was_learned_cannot_be_read(self, tmp_path: Path) -> None:
        folder = router.local_folder(tmp_path)
        folder.mkdir()
        (folder / router.SETTINGS).write_text("{}")
        assert router.current(tmp_path) == router.load()


class TestTheTraining:
    def test_of_a_sample_gives_the_same_files_each_time(self, tmp_path: Path) -> None:
        reports = [train(FOLDER, None, tmp_path / name, every=150) for name in ("a", "b")]
        assert reports[0] == reports[1]
        for name in (router.WEIGHTS, router.SETTINGS):
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
        assert read_model(tmp_path / "a").review == router.load().review

    def test_has_sentences_of_all_kinds_in_all_languages(self) -> None:
        kinds = {(example.language, example.meant) for example in examples()}
        assert len(kinds) == 9 * 4

    def test_spells_choices_out_the_same_way_each_time(self) -> None:
        assert spelled_out("(stop|quit) it") == spelled_out("(stop|quit) it")
        assert not [example for example in examples() if set("(|)") & set(example.text)]

    def test_makes_errors_that_leave_a_sentence_alike(self) -> None:
        for seed in range(50):
            text = with_errors("please take me off your list", Random(seed))
            assert 0.5 < len(text) / len("please take me off your list") < 1.5
